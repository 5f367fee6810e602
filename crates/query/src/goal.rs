//! What a site's people have defined: goals to be met, and segments to filter by.
//!
//! Values only; where definitions are kept is the business of whoever implements [`crate::Access`], and how a goal reads
//! in the store that of the rendering module.

use serde::Deserialize;

use crate::filter::Filter;

/// Something that a visitor does and that a site wants done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// What the API calls it; no two of a site have the same.
    pub name: String,
    /// What meets it.
    pub kind: GoalKind,
    /// Properties (key and value) that the event must carry, all of them.
    #[serde(default)]
    pub props: Vec<(String, String)>,
    /// The currency of its revenue (ISO 4217), if it has any.
    #[serde(default)]
    pub currency: Option<String>,
}

/// What meets a goal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoalKind {
    /// An event of this name.
    Event(String),
    /// A pageview of a page of this pattern.
    Page(PagePattern),
    /// A page of this pattern, scrolled at least this far.
    Scroll {
        /// Which pages.
        page: PagePattern,
        /// How far, from 0 to 100.
        percent: u8,
    },
}

/// A path in which `*` stands for anything but a slash and `**` for anything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PagePattern(pub String);

/// Filters under a number and a name, to be used in a filter like `["is", "segment", [1]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The number in the API.
    pub id: u64,
    /// What people call it.
    pub name: String,
    /// All of them hold.
    pub filters: Vec<Filter>,
}

impl PagePattern {
    /// The regular expression that matches the same paths (RE2, anchored).
    pub fn regex(&self) -> String {
        let mut regex = String::from("(?s)^");
        let mut rest = self.0.as_str();
        while let Some(next) = rest.chars().next() {
            let (taken, meaning) = match rest {
                rest if rest.starts_with("**") => (2, ".*".to_owned()),
                rest if rest.starts_with('*') => (1, "[^/]*".to_owned()),
                _ if next.is_ascii_punctuation() => (1, format!("\\{next}")),
                _ => (next.len_utf8(), next.to_string()),
            };
            regex.push_str(&meaning);
            rest = &rest[taken..];
        }
        regex.push('$');
        regex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stops_at_a_slash_and_two_do_not() {
        for (pattern, regex) in [
            ("/", r"(?s)^\/$"),
            ("/blog/*", r"(?s)^\/blog\/[^/]*$"),
            ("/blog/**", r"(?s)^\/blog\/.*$"),
            ("/a.b?ü", r"(?s)^\/a\.b\?ü$"),
            ("**/end", r"(?s)^.*\/end$"),
        ] {
            assert_eq!(PagePattern(pattern.to_owned()).regex(), regex);
        }
    }
}
