//! What holds whichever database it is: writes are whole, one after the other, and seen by all.

use std::thread;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::fixture::{Ground, control_with_site, member, owner, password};
use crate::{GoalKind, NewGoal, NewShareLink, SessionLimits, Site, Standing};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const AT_ONCE: usize = 4;

/// What came of doing the same in several processes at once.
fn at_once<T: Send>(ground: &Ground, work: impl Fn(&Control, usize) -> T + Sync) -> Vec<T> {
    let controls: Vec<Control> = (0..AT_ONCE).map(|_| ground.open()).collect();
    thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = controls
            .iter()
            .enumerate()
            .map(|(index, control)| scope.spawn(move || work(control, index)))
            .collect();
        started.into_iter().map(|thread| thread.join().expect("done")).collect()
    })
}

fn succeeded<T>(outcomes: &[Result<T>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let (_ground, control, site) = control_with_site();
    let failed: Result<()> = control.write(|writer| {
        writer.execute("UPDATE sites SET domain = 'b.example' WHERE id = ?1", params![site.id])?;
        writer.execute("DELETE FROM settings WHERE value = ?1", params!["a\0b"])?;
        Ok(())
    });
    assert!(matches!(failed, Err(Error::Refused(words)) if words.contains("U+0000")));
    assert_eq!(control.sites().expect("read"), [site]);
}

#[test]
fn fresh_data_are_made_once_however_many_begin() {
    let ground = Ground::new();
    let sites = at_once(&ground, |control, index| control.add_site(&format!("{index}.example"), "UTC", NOW));
    assert_eq!(succeeded(&sites), AT_ONCE);
    assert_eq!(ground.open().sites().expect("read").len(), AT_ONCE);
}

#[test]
fn of_two_owners_who_leave_at_once_one_stays() {
    for _ in 0..5 {
        let (ground, control, _site) = control_with_site();
        let first = owner(&control, "ada@example.com");
        let second = member(&control, "bob@example.com");
        control.set_owner(second.id, Standing::Owner).expect("made one");
        control.set_password(second.id, &password()).expect("set");
        let outcomes = at_once(&ground, |control, index| match index {
            0 => control.remove_user(first.id),
            1 => control.set_owner(second.id, Standing::Member),
            _ => Ok(()),
        });
        assert_eq!(succeeded(&outcomes), AT_ONCE - 1, "{outcomes:?}");
        assert!(control.has_owner().expect("read"));
    }
}

#[test]
fn a_link_is_used_by_one_of_several_who_have_it() {
    let (ground, control, _site) = control_with_site();
    let user = member(&control, "bob@example.com");
    let end = Timestamp::from_second(60).expect("an instant");
    let link = control.password_link(&user, end).expect("made");
    let chosen = at_once(&ground, |control, _| control.choose_password(&link, &password(), NOW));
    assert_eq!(succeeded(&chosen), 1, "{chosen:?}");
    let links: Vec<String> =
        (0..AT_ONCE).map(|_| control.setup_link().expect("made").expect("no owner")).collect();
    let owners = at_once(&ground, |control, index| {
        let email = format!("owner{index}@example.com");
        control.set_up(
            &links[index],
            &crate::NewOwner { email: &email, name: "O", password: &password() },
            NOW,
        )
    });
    assert_eq!(succeeded(&owners), 1, "{owners:?}");
}

#[test]
fn there_are_never_more_of_something_than_may_be() {
    const LINKS_MAX: usize = 100;
    let (ground, control, site) = control_with_site();
    let made = at_once(&ground, |control, index| {
        let link = |number| NewShareLink { name: format!("{index}/{number}"), ..NewShareLink::default() };
        (0..LINKS_MAX / 3).filter(|number| control.add_share_link(&site, link(*number), NOW).is_ok()).count()
    });
    assert_eq!(made.iter().sum::<usize>(), LINKS_MAX);
    assert_eq!(control.share_links(&site).expect("read").len(), LINKS_MAX);
}

#[test]
fn the_same_goal_made_at_once_is_one() {
    let (ground, control, site) = control_with_site();
    let goal = || NewGoal::new(GoalKind::Page("/a".into()));
    let made = at_once(&ground, |control, _| control.add_goal(&site, goal()));
    assert_eq!(succeeded(&made), AT_ONCE, "{made:?}");
    assert_eq!(control.goals(&site).expect("read").len(), 1);
}

#[test]
fn every_write_is_another_version_for_all() {
    let (ground, control, site) = control_with_site();
    let other = ground.open();
    let user = owner(&control, "ada@example.com");
    let limits = SessionLimits { lasts: SignedDuration::from_hours(1), idle: SignedDuration::from_hours(1) };
    type Write<'a> = &'a dyn Fn() -> Result<()>;
    let writes: &[Write<'_>] = &[
        &|| control.begin_session(&user, NOW, limits).map(drop),
        &|| control.set_member(&site, &user, crate::Role::Viewer),
        &|| control.remove_site(&site.domain).map(drop),
    ];
    for write in writes {
        let before = (control.version().expect("read"), other.version().expect("read"));
        write().expect("written");
        assert_ne!(control.version().expect("read"), before.0);
        assert_ne!(other.version().expect("read"), before.1);
        assert_eq!(
            other.version().expect("read"),
            other.version().expect("read"),
            "nothing was written since"
        );
    }
}

#[test]
fn texts_are_sorted_by_their_bytes() {
    let (_ground, control, _site): (Ground, Control, Site) = control_with_site();
    for domain in ["b.example", "a-b.example", "ä.example", "ab.example"] {
        control.add_site(domain, "UTC", NOW).expect("added");
    }
    let domains: Vec<_> = control.sites().expect("read").into_iter().map(|site| site.domain).collect();
    assert_eq!(domains, ["a-b.example", "a.example", "ab.example", "b.example", "ä.example"]);
}
