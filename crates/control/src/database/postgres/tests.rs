//! What only a server can do wrong. Without one (see `with-postgres`) nothing is tested here.

use jiff::Timestamp;

use super::*;
use crate::fixture::{fresh_database, run};
use crate::{Control, ReferrerDetail, Retention};

#[test]
fn tables_of_an_older_version_are_brought_to_this_one_with_what_is_in_them() {
    let Some(url) = fresh_database() else { return };
    let first = dialect::migration(MIGRATIONS[0]);
    let site =
        "INSERT INTO sites (domain, timezone, referrer_detail, allowed_hostnames, blocked_pages, created_at)
                VALUES ('a.example', 'Europe/Berlin', 'page', 'a.example *.a.example', '', 0)";
    run(url.text(), &format!("{STATE}; {first}; {site}; UPDATE control_state SET migrations = 1"));
    let site = Control::connect(&url).expect("migrated").site("a.example").expect("there");
    assert_eq!((site.timezone.as_str(), site.referrer_detail), ("Europe/Berlin", ReferrerDetail::Page));
    assert_eq!(site.allowed_hostnames, ["a.example", "*.a.example"]);
    assert_eq!(site.retention, Retention::Unlimited, "an update erases nothing");
}

#[test]
fn refuses_tables_that_are_newer() {
    let Some(url) = fresh_database() else { return };
    drop(Control::connect(&url).expect("made"));
    run(url.text(), "UPDATE control_state SET migrations = 99");
    assert!(matches!(Control::connect(&url), Err(Error::Newer { found: 99, .. })));
}

#[test]
fn goes_on_when_the_server_has_ended_its_connections() {
    let Some(url) = fresh_database() else { return };
    let control = Control::connect(&url).expect("made");
    control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'passant' AND datname = current_database()";
    for domain in ["b.example", "c.example"] {
        run(url.text(), end);
        assert!(!control.sites().expect("read").is_empty());
        run(url.text(), end);
        control.add_site(domain, "UTC", Timestamp::UNIX_EPOCH).expect("written");
    }
    assert_eq!(control.sites().expect("read").len(), 3);
}

#[test]
fn nothing_is_changed_outside_of_a_write() {
    let Some(url) = fresh_database() else { return };
    let control = Control::connect(&url).expect("made");
    let sql = "INSERT INTO sites (domain, created_at) VALUES ('a.example', 0) RETURNING id";
    let words = control.read(|reader| reader.rows(sql, &[])).expect_err("refused").to_string();
    assert!(words.contains("read-only transaction"), "{words}");
}

#[test]
fn who_holds_a_write_keeps_no_reader_waiting() {
    let Some(url) = fresh_database() else { return };
    let control = Control::connect(&url).expect("made");
    let other = Control::connect(&url).expect("made");
    control
        .write(|writer| {
            writer.execute("INSERT INTO sites (domain, created_at) VALUES ('a.example', 0)", &[])?;
            assert!(other.sites()?.is_empty(), "not written yet");
            Ok(())
        })
        .expect("written");
    assert_eq!(other.sites().expect("read").len(), 1);
}

#[test]
fn is_asked_from_within_either_kind_of_runtime() {
    let Some(url) = fresh_database() else { return };
    let mut builders = [Builder::new_current_thread(), Builder::new_multi_thread()];
    for builder in &mut builders {
        let runtime = builder.enable_all().build().expect("a runtime");
        let sites = runtime.block_on(async {
            let control = Control::connect(&url).expect("connected");
            let sites = control.sites().expect("read").len();
            drop(control);
            sites
        });
        assert_eq!(sites, 0);
    }
}

#[test]
fn what_it_says_of_a_failure_holds_no_password_and_no_value() {
    let Some(url) = fresh_database() else { return };
    let wrong = ServerUrl::new(&url.text().replacen("s3cret", "hunter2", 1));
    let gone = ServerUrl::new(&url.text().replacen("unit_", "gone_", 1));
    let nowhere = ServerUrl::new("postgres://passant:hunter2@%2Fnowhere/passant");
    for (url, expected) in [(wrong, "28P01"), (gone, "3D000"), (nowhere, "No such file")] {
        let words = Control::connect(&url).map(drop).expect_err("refused").to_string();
        assert!(
            words.contains(expected) && !words.contains("hunter2") && !words.contains("s3cret"),
            "{words}"
        );
    }
    let control = Control::connect(&url).expect("made");
    let twice = control.write(|writer| {
        writer.execute(
            "INSERT INTO users (email, name, is_owner, created_at) VALUES ('ada@example.com', '', 0, 0)",
            &[],
        )?;
        writer.execute(
            "INSERT INTO users (email, name, is_owner, created_at) VALUES ('ada@example.com', '', 0, 0)",
            &[],
        )
    });
    let words = twice.expect_err("there already").to_string();
    assert!(words.contains("23505") && !words.contains("ada@"), "{words}");
}
