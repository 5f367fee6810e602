//! Annotations: what happened when, in the words of a site's people.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::database::{Control, Row, params};
use crate::error::{Error, Result};
use crate::goal::refused;
use crate::site::Site;

/// A note on a day or an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Its number, never used again.
    pub id: u64,
    /// When.
    pub at: Moment,
    /// What happened.
    pub text: String,
}

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// On a day of the site.
    Date(Date),
    /// At an instant.
    Instant(Timestamp),
}

const TEXT_CHARACTERS_MAX: usize = 500;
const ANNOTATIONS_MAX: i64 = 10_000;

impl std::fmt::Display for Moment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Date(date) => date.fmt(formatter),
            Self::Instant(instant) => instant.fmt(formatter),
        }
    }
}

impl std::str::FromStr for Moment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // A text with a time of day is no date, though a date's parser would take it.
        let date = if text.len() == "2026-01-31".len() { text.parse().ok().map(Self::Date) } else { None };
        date.or_else(|| text.parse().ok().map(Self::Instant)).ok_or_else(|| {
            refused(format!(
                "{text:?}, expected a date like \"2026-01-31\" or an instant like \"2026-01-31T09:30:00Z\""
            ))
        })
    }
}

impl Control {
    /// The annotations of a site, the earliest first; those of a day before the instants of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn annotations(&self, site: &Site) -> Result<Vec<Annotation>> {
        let sql = "SELECT id, at, text FROM annotations WHERE site_id = ?1 ORDER BY at, id";
        let rows = self.read(|reader| reader.rows(sql, params![site.id]))?;
        let annotation = |row: &Row| {
            Ok(Annotation { id: row.get(0)?, at: row.get::<String>(1)?.parse()?, text: row.get(2)? })
        };
        rows.iter().map(annotation).collect()
    }

    /// Makes an annotation.
    ///
    /// # Errors
    /// [`Error::Refused`] for a text that is blank or long.
    pub fn add_annotation(&self, site: &Site, at: Moment, text: &str) -> Result<Annotation> {
        let text = said(text)?;
        let sql = "INSERT INTO annotations (site_id, at, text) SELECT ?1, ?2, ?3
                   WHERE (SELECT count(*) FROM annotations WHERE site_id = ?1) < ?4 RETURNING id";
        let inserted =
            self.write(|writer| writer.insert(sql, params![site.id, at.to_string(), text, ANNOTATIONS_MAX]))?;
        let id = inserted.ok_or_else(|| {
            refused(format!("the site has {ANNOTATIONS_MAX} annotations, which is the most"))
        })?;
        Ok(Annotation { id, at, text: text.to_owned() })
    }

    /// Changes the annotation of this number to the rest of what is given.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of the number, [`Error::Refused`] as for a new one.
    pub fn change_annotation(&self, site: &Site, annotation: &Annotation) -> Result<Annotation> {
        let Annotation { id, at, .. } = *annotation;
        let text = said(&annotation.text)?;
        let sql = "UPDATE annotations SET at = ?1, text = ?2 WHERE id = ?3 AND site_id = ?4";
        let changed = self.write(|writer| writer.execute(sql, params![at.to_string(), text, id, site.id]))?;
        if changed == 0 {
            return Err(Error::Unknown { what: "annotation", id });
        }
        Ok(Annotation { id, at, text: text.to_owned() })
    }

    /// Removes an annotation.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of this number.
    pub fn remove_annotation(&self, site: &Site, id: u64) -> Result<()> {
        self.remove_definition(("annotations", "annotation"), site, id)
    }

    /// Removes one row of a table of definitions, named with what one row of it is called.
    pub(crate) fn remove_definition(
        &self,
        (table, what): (&'static str, &'static str),
        site: &Site,
        id: u64,
    ) -> Result<()> {
        let sql = format!("DELETE FROM {table} WHERE id = ?1 AND site_id = ?2");
        let removed = self.write(|writer| writer.execute(&sql, params![id, site.id]))?;
        if removed == 0 { Err(Error::Unknown { what, id }) } else { Ok(()) }
    }
}

/// What an annotation says, without blanks around it.
fn said(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(refused(format!("text, expected 1 to {TEXT_CHARACTERS_MAX} characters")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::control_with_site;

    #[test]
    fn moves_an_annotation_of_its_own_site_under_its_number() {
        let (_ground, control, site) = control_with_site();
        let other = control.add_site("b.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        let day = |day| Moment::Date(jiff::civil::date(2026, 2, day));
        let added = control.add_annotation(&site, day(1), "Lunch").expect("added");
        let later = Annotation { at: day(2), text: " Launch ".into(), ..added.clone() };
        assert!(matches!(control.change_annotation(&other, &later), Err(Error::Unknown { .. })));
        let blank = Annotation { text: " ".into(), ..added.clone() };
        assert!(matches!(control.change_annotation(&site, &blank), Err(Error::Refused(_))));
        assert_eq!(control.annotations(&site).expect("read"), std::slice::from_ref(&added));
        let changed = control.change_annotation(&site, &later).expect("changed");
        assert_eq!(changed, Annotation { id: added.id, at: day(2), text: "Launch".into() });
        assert_eq!(control.annotations(&site).expect("read"), [changed]);
    }

    #[test]
    fn lists_days_and_instants_in_their_order() {
        let (_ground, control, site) = control_with_site();
        for at in ["2026-02-01T09:30:00Z", "2026-02-01", "2026-01-31T23:00:00+00:00"] {
            control.add_annotation(&site, at.parse().expect("a moment"), " Launch ").expect("added");
        }
        let found = control.annotations(&site).expect("read");
        let at: Vec<_> = found.iter().map(|annotation| annotation.at.to_string()).collect();
        assert_eq!(at, ["2026-01-31T23:00:00Z", "2026-02-01", "2026-02-01T09:30:00Z"]);
        assert_eq!(found[0].text, "Launch");
        control.remove_annotation(&site, found[0].id).expect("removed");
        assert!(matches!(control.remove_annotation(&site, found[0].id), Err(Error::Unknown { .. })));
    }

    #[test]
    fn refuses_what_is_no_moment_and_what_says_nothing() {
        let (_ground, control, site) = control_with_site();
        for text in ["", "yesterday", "2026-02-30", "2026-02-01T09:30:00", "2026-02-01T"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
        let day = Moment::Date(jiff::civil::date(2026, 2, 1));
        for text in ["", "  ", &"x".repeat(501)] {
            assert!(matches!(control.add_annotation(&site, day, text), Err(Error::Refused(_))));
        }
    }
}
