//! All control data from one database into another, of whichever kinds they are.
//!
//! Invariant: the source is read as it was at one moment, and the target gets everything or nothing. Numbers go on where
//! they were: none is ever given twice, not even one whose row was gone before.

use super::{Control, Reader, Row, params};
use crate::error::{Error, Result};

/// A table of the control data.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    ids: Ids,
}

/// Whether the database numbers the rows of a table.
#[derive(PartialEq, Eq)]
enum Ids {
    Given,
    None,
}

/// Every table, behind those that it refers to.
pub(crate) const TABLES: &[Table] = &[
    Table { name: "sites", ids: Ids::Given },
    Table { name: "removed_sites", ids: Ids::None },
    Table { name: "tokens", ids: Ids::Given },
    Table { name: "imports", ids: Ids::Given },
    Table { name: "settings", ids: Ids::None },
    Table { name: "goals", ids: Ids::Given },
    Table { name: "funnels", ids: Ids::Given },
    Table { name: "funnel_steps", ids: Ids::None },
    Table { name: "segments", ids: Ids::Given },
    Table { name: "annotations", ids: Ids::Given },
    Table { name: "users", ids: Ids::Given },
    Table { name: "identities", ids: Ids::None },
    Table { name: "recovery_codes", ids: Ids::None },
    Table { name: "members", ids: Ids::None },
    Table { name: "sessions", ids: Ids::Given },
    Table { name: "one_time_links", ids: Ids::None },
    Table { name: "share_links", ids: Ids::Given },
    Table { name: "share_passes", ids: Ids::None },
];

/// What a table held.
struct Held {
    table: &'static Table,
    rows: Vec<Row>,
    last_id: Option<i64>,
}

impl Control {
    /// Copies everything into `target`, which holds nothing yet, and tells `progress` each table with its rows when they
    /// are there; the number of all rows.
    ///
    /// # Errors
    /// [`Error::Refused`] where the target holds something; nothing is changed then.
    pub fn copy_to(&self, target: &Self, mut progress: impl FnMut(&'static str, usize)) -> Result<usize> {
        // Not within a write, which a target that is the source would wait for in vain.
        target.read(refuse_filled)?;
        let held =
            self.write(|source| TABLES.iter().map(|table| held(source, table)).collect::<Result<Vec<_>>>())?;
        target.write(|target| {
            refuse_filled(target)?;
            for Held { table, rows, last_id } in &held {
                for row in rows {
                    target.execute(&insert(table.name, row.0.len()), &row.0)?;
                }
                if let Some(last_id) = last_id {
                    for sql in target.dialect().continue_ids(table.name) {
                        target.rows(&sql, params![*last_id])?;
                    }
                }
                progress(table.name, rows.len());
            }
            Ok(held.iter().map(|held| held.rows.len()).sum())
        })
    }
}

fn refuse_filled(target: &Reader<'_>) -> Result<()> {
    for table in TABLES {
        if target.row(&format!("SELECT 1 FROM {} LIMIT 1", table.name), &[])?.is_some() {
            let name = table.name;
            return Err(Error::Refused(format!(
                "the target has rows in {name} already, expected a fresh database"
            )));
        }
    }
    Ok(())
}

fn held(source: &Reader<'_>, table: &'static Table) -> Result<Held> {
    let rows = source.rows(&format!("SELECT * FROM {}", table.name), &[])?;
    let last_id = match table.ids {
        Ids::Given => source.row(&source.dialect().last_id(table.name), &[])?,
        Ids::None => None,
    };
    Ok(Held { table, rows, last_id: last_id.map(|row| row.get(0)).transpose()? })
}

/// Both databases have the columns in the order in which the same migrations made them.
fn insert(table: &str, columns: usize) -> String {
    let places: Vec<String> = (1..=columns).map(|column| format!("?{column}")).collect();
    format!("INSERT INTO {table} VALUES ({})", places.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;
    use crate::fixture::{Ground, control_with_site, member, owner, password};
    use crate::{
        GoalKind, Moment, NewFunnel, NewGoal, NewShareLink, NewToken, Role, Scope, StepOrder, Within,
    };

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// Control data with a row in every table that people fill.
    fn filled() -> (Ground, Control) {
        let (ground, control, site) = control_with_site();
        let gone = control.add_site("gone.example", "UTC", NOW).expect("added");
        control.remove_site(&gone.domain).expect("removed");
        control
            .create_token(&NewToken { site: Some(&site), ..NewToken::new(Scope::StatsRead) }, NOW)
            .expect("made");
        control.begin_import(&site, NOW).expect("begun");
        let goals =
            ["/a", "/b"].map(|page| control.add_goal(&site, NewGoal::new(GoalKind::Page(page.into()))));
        let steps = goals.map(|goal| goal.expect("added").id).into();
        let (order, within) = (StepOrder::Strict, Within::Visit);
        control.add_funnel(&site, NewFunnel { name: "F".into(), steps, order, within }).expect("added");
        let segment =
            crate::NewSegment { name: "S".into(), filters: serde_json::json!([["is", "a", ["b"]]]) };
        let segment = control.add_segment(&site, segment, |_| Ok(())).expect("added");
        control.add_annotation(&site, Moment::Instant(NOW), "Launch").expect("added");
        let user = owner(&control, "ada@example.com");
        let device = control.begin_two_factor(&user).expect("begun");
        let code = totp_rs::Builder::new()
            .with_secret(totp_rs::Secret::try_from_base32(&device.secret).expect("base 32"))
            .build()
            .expect("built")
            .generate(90_000)
            .to_string();
        let then = Timestamp::from_second(90_000).expect("an instant");
        control.confirm_two_factor(&user, &code, then).expect("confirmed");
        let other = member(&control, "bob@example.com");
        control.set_member(&site, &other, Role::Viewer).expect("given");
        let identity = crate::Identity { issuer: "https://id.example".into(), subject: "1".into() };
        control.join_identity(&identity, &other).expect("joined");
        control.password_link(&other, then).expect("made");
        let limits = crate::Config::default().session_limits();
        control.begin_session(&user, NOW, limits).expect("begun");
        let link = NewShareLink {
            name: "L".into(),
            password: Some(password()),
            segment_id: Some(segment.id),
            ..NewShareLink::default()
        };
        let (_, secret) = control.add_share_link(&site, link, NOW).expect("made");
        control.open_share_link(&secret, Some(&password()), NOW).expect("opened");
        (ground, control)
    }

    fn all(control: &Control) -> Vec<(&'static str, Vec<String>, Option<i64>)> {
        let tables = TABLES.iter().map(|table| {
            let Held { rows, last_id, .. } = control.read(|reader| held(reader, table)).expect("read");
            let mut rows: Vec<String> = rows.iter().map(|row| format!("{:?}", row.0)).collect();
            rows.sort_unstable();
            (table.name, rows, last_id)
        });
        tables.collect()
    }

    #[test]
    fn brings_every_row_along_and_goes_on_with_the_numbers() {
        let (_ground, control) = filled();
        let directory = tempfile::tempdir().expect("directory");
        let file = Control::open(&directory.path().join("copy.sqlite")).expect("made");
        let mut told = Vec::new();
        let rows = control.copy_to(&file, |table, rows| told.push((table, rows))).expect("copied");
        assert!(told.iter().all(|(_, rows)| *rows > 0), "{told:?}");
        assert_eq!(told.iter().map(|(_, rows)| rows).sum::<usize>(), rows);
        // And from there to the other kind, if there is one.
        let ground = Ground::new();
        let back = ground.open();
        file.copy_to(&back, |_, _| ()).expect("copied");
        for copy in [&file, &back] {
            assert_eq!(all(copy), all(&control));
        }
        let next = |control: &Control| control.add_site("next.example", "UTC", NOW).expect("added").id;
        let numbers = [next(&control), next(&file), next(&back)];
        assert_eq!(numbers, [3; 3], "2 was the removed site's");
    }

    #[test]
    fn refuses_a_target_that_holds_something_and_leaves_it_as_it_is() {
        let (_ground, control) = filled();
        let (_other, target, site) = control_with_site();
        let words = control.copy_to(&target, |_, _| ()).expect_err("refused").to_string();
        assert!(words.contains("has rows in sites already"), "{words}");
        assert_eq!(target.sites().expect("read"), [site]);
        assert!(matches!(control.copy_to(&control, |_, _| ()), Err(Error::Refused(_))), "onto itself");
    }

    #[test]
    fn knows_every_table() {
        let directory = tempfile::tempdir().expect("directory");
        let file = Control::open(&directory.path().join("control.sqlite")).expect("made");
        let names = |sql: &str| -> BTreeSet<String> {
            let rows = file.read(|reader| reader.rows(sql, &[])).expect("read");
            rows.iter().map(|row| row.get(0).expect("a name")).collect()
        };
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        assert_eq!(names(tables), TABLES.iter().map(|table| table.name.to_owned()).collect());
        let numbered = format!("{tables} AND sql LIKE '%AUTOINCREMENT%'");
        let given = TABLES.iter().filter(|table| table.ids == Ids::Given);
        assert_eq!(names(&numbered), given.map(|table| table.name.to_owned()).collect());
    }
}
