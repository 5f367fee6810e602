//! What a goal may be, and what happens to it.

use super::*;
use crate::fixture::control_with_site;

fn event(name: &str) -> NewGoal {
    NewGoal::new(GoalKind::Event(name.to_owned()))
}

#[test]
fn keeps_goals_of_every_kind_and_names_them_by_what_meets_them() {
    let (_ground, control, site) = control_with_site();
    let scroll = GoalKind::Scroll { page: "/long".into(), percent: 75 };
    let mut paid = event("Purchase");
    paid.currency = Some("EUR".into());
    paid.custom_props.insert("plan".into(), "big".into());
    let added: Vec<Goal> = [paid, NewGoal::new(GoalKind::Page("/blog/**".into())), NewGoal::new(scroll)]
        .map(|goal| control.add_goal(&site, goal).expect("added"))
        .into();
    let names: Vec<_> = added.iter().map(|goal| goal.display_name.as_str()).collect();
    assert_eq!(names, ["Purchase", "Visit /blog/**", "Scroll 75% on /long"]);
    assert_eq!(control.goals(&site).expect("read"), added);
}

#[test]
fn finds_a_goal_of_the_same_meaning_and_refuses_another_name_for_it() {
    let (_ground, control, site) = control_with_site();
    let first = control.add_goal(&site, event("Signup")).expect("added");
    assert_eq!(control.add_goal(&site, event("Signup")).expect("found"), first);
    let renamed = NewGoal { display_name: Some("Joined".into()), ..event("Signup") };
    assert!(matches!(control.add_goal(&site, renamed), Err(Error::Refused(_))));
    let namesake = NewGoal { display_name: Some("Signup".into()), ..event("Register") };
    let words = control.add_goal(&site, namesake).expect_err("refused").to_string();
    assert_eq!(words, "a goal \"Signup\" exists already");
}

#[test]
fn refuses_goals_that_make_no_sense() {
    let (_ground, control, site) = control_with_site();
    let page = |path: &str| NewGoal::new(GoalKind::Page(path.to_owned()));
    let scroll = |percent| NewGoal::new(GoalKind::Scroll { page: "/a".into(), percent });
    let priced = |goal: NewGoal, currency: &str| NewGoal { currency: Some(currency.to_owned()), ..goal };
    let props = (0..11).map(|index| (index.to_string(), String::new())).collect();
    for goal in [
        event(""),
        event(" Signup"),
        event("pageview"),
        event(&"x".repeat(121)),
        page("blog"),
        scroll(0),
        scroll(101),
        priced(event("Buy"), "eur"),
        priced(page("/paid"), "EUR"),
        NewGoal { custom_props: props, ..event("Buy") },
        NewGoal { display_name: Some(" ".into()), ..event("Buy") },
    ] {
        let words = format!("{goal:?}");
        assert!(matches!(control.add_goal(&site, goal), Err(Error::Refused(_))), "{words}");
    }
}

#[test]
fn removes_a_goal_of_its_own_site_only() {
    let (_ground, control, site) = control_with_site();
    let other = control.add_site("b.example", "UTC", jiff::Timestamp::UNIX_EPOCH).expect("added");
    let goal = control.add_goal(&site, event("Signup")).expect("added");
    assert!(matches!(control.remove_goal(&other, goal.id), Err(Error::Unknown { .. })));
    control.remove_goal(&site, goal.id).expect("removed");
    assert!(control.goals(&site).expect("read").is_empty());
}
