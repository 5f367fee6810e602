//! What a goal may be, and what happens to it.

use serde_json::json;

use super::*;
use crate::fixture::control_with_site;
use crate::{NewFunnel, NewSegment, Segment};

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
fn changes_a_goal_under_its_number_and_funnels_keep_it() {
    let (_ground, control, site) = control_with_site();
    let other_site = control.add_site("b.example", "UTC", jiff::Timestamp::UNIX_EPOCH).expect("added");
    let [goal, other] =
        ["Signup", "Register"].map(|name| control.add_goal(&site, event(name)).expect("added"));
    let funnel = NewFunnel::new("Joining", vec![goal.id, other.id]);
    let funnel = control.add_funnel(&site, funnel).expect("added");
    let named = |name: &str, goal: NewGoal| NewGoal { display_name: Some(name.to_owned()), ..goal };
    let refused = |site: &Site, id, goal: NewGoal| {
        control.change_goal(site, (id, goal), |_, _| ()).expect_err("refused").to_string()
    };
    assert_eq!(refused(&other_site, goal.id, event("Joined")), format!("no goal {}", goal.id));
    assert_eq!(refused(&site, 99, event("Joined")), "no goal 99");
    assert_eq!(
        refused(&site, goal.id, named("Register", event("Signup"))),
        "a goal \"Register\" exists already"
    );
    let words = refused(&site, goal.id, event("Register"));
    assert_eq!(
        words,
        format!("goal \"Register\" ({}) is met by the same already; change that one", other.id)
    );
    assert!(refused(&site, goal.id, event("pageview")).contains("the tracker's own"));
    assert_eq!(control.goals(&site).expect("read"), [goal.clone(), other.clone()]);

    let mut paid = named("Joined", event("Signup"));
    paid.currency = Some("EUR".into());
    paid.custom_props.insert("plan".into(), "big".into());
    let changed = control.change_goal(&site, (goal.id, paid), |_, _| ()).expect("changed");
    assert_eq!((changed.id, changed.display_name.as_str()), (goal.id, "Joined"));
    assert_eq!(control.goals(&site).expect("read"), [changed, other]);
    let scrolled = NewGoal::new(GoalKind::Scroll { page: "/long".into(), percent: 75 });
    let changed = control.change_goal(&site, (goal.id, scrolled), |_, _| ()).expect("changed");
    assert_eq!((changed.display_name.as_str(), &changed.currency), ("Scroll 75% on /long", &None));
    assert_eq!(control.goals(&site).expect("read")[0], changed);
    assert_eq!(control.funnels(&site).expect("read"), [funnel]);
}

#[test]
fn segments_follow_a_goal_to_its_new_name() {
    let (_ground, control, site) = control_with_site();
    let goal = control.add_goal(&site, event("Signup")).expect("added");
    let segment = |name: &str, filters| NewSegment { name: name.to_owned(), filters };
    let [naming, other] =
        [("Naming", json!(["Signup"])), ("Other", json!(["Buy"]))].map(|(name, filters)| {
            control.add_segment(&site, segment(name, filters), |_| Ok(())).expect("added")
        });
    let follow = |filters: &mut Value, renamed: Renamed<'_>| {
        if filters[0] == renamed.from {
            filters[0] = renamed.to.into();
        }
    };
    let joined = NewGoal { display_name: Some("Joined".into()), ..event("Signup") };
    control.change_goal(&site, (goal.id, joined), follow).expect("changed");
    let found = control.segments(&site).expect("read");
    assert_eq!(found, [Segment { filters: json!(["Joined"]), ..naming }, other]);
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
