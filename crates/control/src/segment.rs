//! Segments: filters under a name.
//!
//! Invariant: the filters of a stored segment have been read by whoever will read them again; this crate does not know
//! their language.

use serde_json::Value;

use crate::database::{Control, Reader, params};
use crate::error::Result;
use crate::goal::{named, refused};
use crate::site::Site;

/// Filters under a number and a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Its number, never used again; filters name it by that.
    pub id: u64,
    /// What people call it; no two of a site have the same.
    pub name: String,
    /// The filters, as a report's question would hold them.
    pub filters: Value,
}

/// A segment that is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSegment {
    /// What people are to call it.
    pub name: String,
    /// The filters.
    pub filters: Value,
}

const SEGMENTS_MAX: usize = 500;

impl Control {
    /// The segments of a site, in the order in which they were made.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn segments(&self, site: &Site) -> Result<Vec<Segment>> {
        self.read(|reader| segments(reader, site))
    }

    /// Makes a segment whose filters pass `check`, which says what is wrong with others; one that is there already with
    /// the same name and filters is returned as it is.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] for filters that `check` refuses, and for a name that another segment has.
    pub fn add_segment(
        &self,
        site: &Site,
        segment: NewSegment,
        check: impl FnOnce(&Value) -> Result<(), String>,
    ) -> Result<Segment> {
        let name = named(&segment.name, "name")?;
        check(&segment.filters).map_err(refused)?;
        self.write(|writer| {
            let known = segments(writer, site)?;
            if known.len() >= SEGMENTS_MAX {
                return Err(refused(format!(
                    "the site has {SEGMENTS_MAX} segments already, which is the most"
                )));
            }
            if let Some(same) =
                known.into_iter().find(|known| known.name == name && known.filters == segment.filters)
            {
                return Ok(same);
            }
            let sql = "INSERT INTO segments (site_id, name, filters) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO NOTHING RETURNING id";
            let id = writer.insert(sql, params![site.id, &name, segment.filters.to_string()])?;
            let id = id.ok_or_else(|| refused(format!("a segment {name:?} exists already")))?;
            Ok(Segment { id, name, filters: segment.filters })
        })
    }

    /// Removes a segment.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] when the site has none of this number.
    pub fn remove_segment(&self, site: &Site, id: u64) -> Result<()> {
        self.remove_definition(("segments", "segment"), site, id)
    }
}

pub(crate) fn segments(reader: &Reader<'_>, site: &Site) -> Result<Vec<Segment>> {
    let sql = "SELECT id, name, filters FROM segments WHERE site_id = ?1 ORDER BY id";
    let rows = reader.rows(sql, params![site.id])?;
    let segments = rows.iter().map(|row| {
        let filters: String = row.get(2)?;
        let filters = serde_json::from_str(&filters).unwrap_or_default();
        Ok(Segment { id: row.get(0)?, name: row.get(1)?, filters })
    });
    segments.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::control_with_site;

    fn segment(name: &str) -> NewSegment {
        NewSegment { name: name.into(), filters: json!([["is", "visit:country", ["FR"]]]) }
    }

    #[test]
    fn keeps_filters_that_pass_and_refuses_the_others() {
        let (_ground, control, site) = control_with_site();
        let added = control.add_segment(&site, segment("France"), |_| Ok(())).expect("added");
        assert_eq!(control.add_segment(&site, segment("France"), |_| Ok(())).expect("found"), added);
        assert_eq!(control.segments(&site).expect("read"), std::slice::from_ref(&added));
        let other = NewSegment { filters: json!([]), ..segment("France") };
        let words = control.add_segment(&site, other, |_| Ok(())).expect_err("taken").to_string();
        assert_eq!(words, "a segment \"France\" exists already");
        let refusal = control.add_segment(&site, segment("Bad"), |_| Err("#/filters/0: no".into()));
        assert_eq!(refusal.expect_err("refused").to_string(), "#/filters/0: no");
        control.remove_segment(&site, added.id).expect("removed");
        assert!(control.segments(&site).expect("read").is_empty());
    }
}
