//! Segments: filters under a name.
//!
//! Invariant: the filters of a stored segment have been read by whoever will read them again; this crate does not know
//! their language.

use serde_json::Value;

use crate::database::{Control, Reader, Writer, params};
use crate::error::{Error, Result};
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

/// What a segment is to become.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentChange {
    /// The number of the segment, which stays.
    pub id: u64,
    /// What it is to be.
    pub to: NewSegment,
    /// What of links that show it.
    pub links: Links,
}

/// Whether the links that show a segment may come to show something else. With its filters they would: whoever may not
/// change links may not change those either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// They show what the segment becomes.
    Follow,
    /// They go on showing what they show.
    Stay,
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

    /// Changes a segment; `check` says what is wrong with its filters.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of the number, [`Error::Refused`] as for a new one, and for other filters
    /// while a link shows the segment that has to stay as it is.
    pub fn change_segment(
        &self,
        site: &Site,
        change: SegmentChange,
        check: impl FnOnce(&Value) -> Result<(), String>,
    ) -> Result<Segment> {
        let SegmentChange { id, to, links } = change;
        let name = named(&to.name, "name")?;
        check(&to.filters).map_err(refused)?;
        let changed = Segment { id, name, filters: to.filters };
        self.write(|writer| {
            let known = segments(writer, site)?;
            let before = known.iter().find(|known| known.id == id);
            let before = before.ok_or(Error::Unknown { what: "segment", id })?;
            if known.iter().any(|known| known.id != id && known.name == changed.name) {
                return Err(refused(format!("a segment {:?} exists already", changed.name)));
            }
            if links == Links::Stay
                && before.filters != changed.filters
                && let Some(link) = link_that_shows(writer, id)?
            {
                return Err(refused(format!(
                    "the link {link:?} shows this segment: only who may change links may change its filters"
                )));
            }
            keep(writer, &changed)?;
            Ok(changed)
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

/// Hands the filters of each segment to `rewrite`, and keeps what they become.
pub(crate) fn rewrite_filters(writer: &Writer<'_>, site: &Site, rewrite: impl Fn(&mut Value)) -> Result<()> {
    for mut segment in segments(writer, site)? {
        let before = segment.filters.clone();
        rewrite(&mut segment.filters);
        if segment.filters != before {
            keep(writer, &segment)?;
        }
    }
    Ok(())
}

fn keep(writer: &Writer<'_>, segment: &Segment) -> Result<()> {
    let sql = "UPDATE segments SET name = ?1, filters = ?2 WHERE id = ?3";
    writer.execute(sql, params![&segment.name, segment.filters.to_string(), segment.id]).map(drop)
}

fn link_that_shows(reader: &Reader<'_>, segment: u64) -> Result<Option<String>> {
    let sql = "SELECT name FROM share_links WHERE segment_id = ?1 ORDER BY id LIMIT 1";
    reader.row(sql, params![segment])?.map(|row| row.get(0)).transpose()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::NewShareLink;
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

    #[test]
    fn changes_under_its_number_and_only_to_what_a_new_one_could_be() {
        let (_ground, control, site) = control_with_site();
        let added = control.add_segment(&site, segment("France"), |_| Ok(())).expect("added");
        let other = control.add_segment(&site, segment("Again"), |_| Ok(())).expect("added");
        let change = |id, name: &str| {
            let to = NewSegment { filters: json!([["is", "visit:country", ["DE"]]]), ..segment(name) };
            SegmentChange { id, to, links: Links::Stay }
        };
        for (change, words) in [
            (change(added.id, "Again"), "a segment \"Again\" exists already".to_owned()),
            (change(added.id, " "), "name \"\", expected 1 to 120 characters".to_owned()),
            (change(99, "Germany"), "no segment 99".to_owned()),
        ] {
            let refusal = control.change_segment(&site, change, |_| Ok(())).expect_err("refused");
            assert_eq!(refusal.to_string(), words);
        }
        let refusal =
            control.change_segment(&site, change(added.id, "Germany"), |_| Err("#/filters: no".into()));
        assert_eq!(refusal.expect_err("refused").to_string(), "#/filters: no");
        assert_eq!(control.segments(&site).expect("read"), [added.clone(), other.clone()]);
        let changed =
            control.change_segment(&site, change(added.id, " Germany "), |_| Ok(())).expect("changed");
        assert_eq!((changed.id, changed.name.as_str()), (added.id, "Germany"));
        assert_eq!(control.segments(&site).expect("read"), [changed, other]);
    }

    #[test]
    fn filters_stay_while_a_link_shows_them_that_is_not_to_change() {
        let (_ground, control, site) = control_with_site();
        let added = control.add_segment(&site, segment("France"), |_| Ok(())).expect("added");
        let link =
            NewShareLink { name: "Board".into(), segment_id: Some(added.id), ..NewShareLink::default() };
        control.add_share_link(&site, link, Timestamp::UNIX_EPOCH).expect("made");
        let renamed = SegmentChange { id: added.id, to: segment("French"), links: Links::Stay };
        control.change_segment(&site, renamed.clone(), |_| Ok(())).expect("another name shows nothing else");
        let to = NewSegment { filters: json!([["is", "visit:device", ["Mobile"]]]), ..segment("French") };
        let wider = SegmentChange { to, ..renamed };
        let words =
            control.change_segment(&site, wider.clone(), |_| Ok(())).expect_err("refused").to_string();
        assert!(words.starts_with("the link \"Board\" shows this segment"), "{words}");
        assert_eq!(control.segments(&site).expect("read")[0].filters, added.filters);
        let followed = SegmentChange { links: Links::Follow, ..wider };
        let changed = control.change_segment(&site, followed, |_| Ok(())).expect("changed");
        assert_eq!(control.share_links(&site).expect("read")[0].segment_id, Some(changed.id));
    }
}
