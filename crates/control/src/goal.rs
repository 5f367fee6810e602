//! Goals: what a site wants done.
//!
//! Invariant: two goals of a site differ both in name and in what meets them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::database::{Control, Reader, Row, params};
use crate::error::{Error, Result};
use crate::segment::rewrite_filters;
use crate::site::Site;

/// Something that a visitor does and that a site wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Its number, never used again.
    pub id: u64,
    /// What reports call it; no two of a site have the same.
    pub display_name: String,
    /// What meets it.
    pub kind: GoalKind,
    /// The currency of its revenue (ISO 4217), if it has any.
    pub currency: Option<String>,
    /// Properties that the event must carry, all of them.
    pub custom_props: BTreeMap<String, String>,
}

/// What meets a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoalKind {
    /// An event of this name.
    Event(String),
    /// A pageview of a page of this pattern: `*` for anything but a slash, `**` for anything.
    Page(String),
    /// A page of this pattern, scrolled at least this far.
    Scroll {
        /// Which pages.
        page: String,
        /// How far, from 1 to 100.
        percent: u8,
    },
}

/// A goal that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGoal {
    /// What reports are to call it; without, it is called by what meets it.
    pub display_name: Option<String>,
    /// What meets it.
    pub kind: GoalKind,
    /// The currency of its revenue.
    pub currency: Option<String>,
    /// Properties that the event must carry.
    pub custom_props: BTreeMap<String, String>,
}

/// A goal's name before a change and after it: filters name a goal by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renamed<'a> {
    /// What it was called.
    pub from: &'a str,
    /// What it is called now.
    pub to: &'a str,
}

/// As many as a report by goal can list at one glance, several times over.
const GOALS_MAX: usize = 1_000;
const NAME_CHARACTERS_MAX: usize = 120;
const PATH_BYTES_MAX: usize = 2_000;
/// A condition on more properties would describe one event rather than a kind of it.
const PROPS_MAX: usize = 10;
/// Names that the tracker gives to what is no action of a visitor's.
const RESERVED_NAMES: &[&str] = &["pageview", "engagement"];
const COLUMNS: &str = "id, display_name, event_name, page_path, scroll_threshold, currency, custom_props";

impl NewGoal {
    /// A goal that only says what meets it.
    pub fn new(kind: GoalKind) -> Self {
        Self { display_name: None, kind, currency: None, custom_props: BTreeMap::new() }
    }

    fn checked(self) -> Result<(String, Self)> {
        match &self.kind {
            GoalKind::Event(name) => check_event(name)?,
            GoalKind::Page(page) => check_page(page)?,
            GoalKind::Scroll { page, percent } => {
                check_page(page)?;
                if !(1..=100).contains(percent) {
                    return Err(refused(format!("scroll_threshold {percent}, expected 1 to 100")));
                }
            }
        }
        if let Some(currency) = &self.currency {
            let fits = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase());
            if !fits || !matches!(self.kind, GoalKind::Event(_)) {
                let expected = "expected three capital letters like \"EUR\", with an event goal";
                return Err(refused(format!("currency {currency:?}, {expected}")));
            }
        }
        if self.custom_props.len() > PROPS_MAX || self.custom_props.keys().any(String::is_empty) {
            return Err(refused(format!("custom_props: expected at most {PROPS_MAX}, each with a name")));
        }
        let name = self.display_name.as_deref().map_or_else(|| self.kind.default_name(), str::to_owned);
        Ok((named(&name, "display_name")?, self))
    }
}

impl GoalKind {
    /// The pattern of its pages, where a page meets it.
    pub fn page(&self) -> Option<&str> {
        self.columns().1
    }

    /// How far they have to be scrolled, where that is told.
    pub fn scroll(&self) -> Option<u8> {
        self.columns().2
    }

    fn default_name(&self) -> String {
        match self {
            Self::Event(name) => name.clone(),
            Self::Page(page) => format!("Visit {page}"),
            Self::Scroll { page, percent } => format!("Scroll {percent}% on {page}"),
        }
    }

    /// Event, page and threshold, as they are stored.
    fn columns(&self) -> (Option<&str>, Option<&str>, Option<u8>) {
        match self {
            Self::Event(name) => (Some(name), None, None),
            Self::Page(page) => (None, Some(page), None),
            Self::Scroll { page, percent } => (None, Some(page), Some(*percent)),
        }
    }
}

impl Control {
    /// The goals of a site, in the order in which they were made.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn goals(&self, site: &Site) -> Result<Vec<Goal>> {
        self.read(|reader| goals(reader, site))
    }

    /// Makes a goal; one that is there already with the same meaning is returned as it is.
    ///
    /// # Errors
    /// [`Error::Refused`] for a goal that makes no sense, and for a name that another goal has.
    pub fn add_goal(&self, site: &Site, goal: NewGoal) -> Result<Goal> {
        let (display_name, goal) = goal.checked()?;
        self.write(|writer| {
            let known = goals(writer, site)?;
            let same = |known: &&Goal| known.kind == goal.kind && known.custom_props == goal.custom_props;
            if let Some(known) = known.iter().find(same) {
                if goal.display_name.is_some_and(|name| name.trim() != known.display_name)
                    || goal.currency != known.currency
                {
                    return Err(met_already(known));
                }
                return Ok(known.clone());
            }
            if known.iter().any(|known| known.display_name == display_name) {
                return Err(taken(&display_name));
            }
            if known.len() >= GOALS_MAX {
                return Err(refused(format!("the site has {GOALS_MAX} goals already, which is the most")));
            }
            let (event, page, scroll) = goal.kind.columns();
            let props = serde_json::to_string(&goal.custom_props).unwrap_or_default();
            let sql = "INSERT INTO goals
                (site_id, display_name, event_name, page_path, scroll_threshold, currency, custom_props)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id";
            let values = params![site.id, &display_name, event, page, scroll, goal.currency.clone(), props];
            let id = writer.insert(sql, values)?.ok_or_else(|| taken(&display_name))?;
            let NewGoal { kind, currency, custom_props, .. } = goal;
            Ok(Goal { id, display_name, kind, currency, custom_props })
        })
    }

    /// Changes a goal, whose number stays: it is a step of the same funnels. Filters of segments that name it are handed to
    /// `follow` when it gets another name.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of this number, [`Error::Refused`] for what would make no sense, for a
    /// name that another goal has, and for what meets another already.
    pub fn change_goal(
        &self,
        site: &Site,
        (id, goal): (u64, NewGoal),
        follow: impl Fn(&mut Value, Renamed<'_>),
    ) -> Result<Goal> {
        let (display_name, goal) = goal.checked()?;
        let NewGoal { kind, currency, custom_props, .. } = goal;
        let changed = Goal { id, display_name, kind, currency, custom_props };
        self.write(|writer| {
            let known = goals(writer, site)?;
            let (same, others): (Vec<_>, Vec<_>) = known.iter().partition(|known| known.id == id);
            let before = same.first().ok_or(Error::Unknown { what: "goal", id })?;
            let means_the_same =
                |other: &&&Goal| other.kind == changed.kind && other.custom_props == changed.custom_props;
            if let Some(other) = others.iter().find(means_the_same) {
                return Err(met_already(other));
            }
            if others.iter().any(|other| other.display_name == changed.display_name) {
                return Err(taken(&changed.display_name));
            }
            let (event, page, scroll) = changed.kind.columns();
            let props = serde_json::to_string(&changed.custom_props).unwrap_or_default();
            let sql = "UPDATE goals SET display_name = ?1, event_name = ?2, page_path = ?3,
                scroll_threshold = ?4, currency = ?5, custom_props = ?6 WHERE id = ?7";
            let currency = changed.currency.clone();
            writer.execute(sql, params![&changed.display_name, event, page, scroll, currency, props, id])?;
            let renamed = Renamed { from: &before.display_name, to: &changed.display_name };
            if renamed.from != renamed.to {
                rewrite_filters(writer, site, |filters| follow(filters, renamed))?;
            }
            Ok(changed)
        })
    }

    /// Removes a goal.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of this number, [`Error::Refused`] while it is a step of a funnel.
    pub fn remove_goal(&self, site: &Site, id: u64) -> Result<()> {
        self.write(|writer| {
            let sql = "SELECT name FROM funnels JOIN funnel_steps ON funnel_id = id
                       WHERE goal_id = ?1 AND site_id = ?2 LIMIT 1";
            if let Some(row) = writer.row(sql, params![id, site.id])? {
                let funnel: String = row.get(0)?;
                return Err(refused(format!(
                    "goal {id} is a step of the funnel {funnel:?}; remove that first"
                )));
            }
            let sql = "DELETE FROM goals WHERE id = ?1 AND site_id = ?2";
            let removed = writer.execute(sql, params![id, site.id])?;
            if removed == 0 { Err(Error::Unknown { what: "goal", id }) } else { Ok(()) }
        })
    }
}

pub(crate) fn goals(reader: &Reader<'_>, site: &Site) -> Result<Vec<Goal>> {
    let sql = format!("SELECT {COLUMNS} FROM goals WHERE site_id = ?1 ORDER BY id");
    reader.rows(&sql, params![site.id])?.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<Goal> {
    let page: Option<String> = row.get(3)?;
    let kind = match (page, row.get::<Option<u8>>(4)?) {
        (Some(page), Some(percent)) => GoalKind::Scroll { page, percent },
        (Some(page), None) => GoalKind::Page(page),
        (None, _) => GoalKind::Event(row.get(2)?),
    };
    let props: String = row.get(6)?;
    Ok(Goal {
        id: row.get(0)?,
        display_name: row.get(1)?,
        kind,
        currency: row.get(5)?,
        custom_props: serde_json::from_str(&props).unwrap_or_default(),
    })
}

/// A name that is not blank and not long, without blanks around it.
pub(crate) fn named(name: &str, key: &str) -> Result<String> {
    let name = name.trim();
    let fits = !name.is_empty()
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && !name.chars().any(char::is_control);
    if fits {
        Ok(name.to_owned())
    } else {
        Err(refused(format!("{key} {name:?}, expected 1 to {NAME_CHARACTERS_MAX} characters")))
    }
}

fn check_event(name: &str) -> Result<()> {
    if RESERVED_NAMES.contains(&name) {
        return Err(refused(format!("event_name {name:?} is the tracker's own; use a page goal")));
    }
    if name.trim() != name {
        return Err(refused(format!("event_name {name:?}, expected no blanks around it")));
    }
    named(name, "event_name").map(drop)
}

fn check_page(page: &str) -> Result<()> {
    let fits = (page.starts_with('/') || page.starts_with('*')) && page.len() <= PATH_BYTES_MAX;
    if fits {
        Ok(())
    } else {
        Err(refused(format!("page_path {page:?}, expected one like \"/checkout/**\"")))
    }
}

fn taken(name: &str) -> Error {
    refused(format!("a goal {name:?} exists already"))
}

fn met_already(known: &Goal) -> Error {
    refused(format!(
        "goal {:?} ({}) is met by the same already; change that one",
        known.display_name, known.id
    ))
}

pub(crate) fn refused(words: String) -> Error {
    Error::Refused(words)
}

#[cfg(test)]
mod tests;
