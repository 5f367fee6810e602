//! Filters: which events and visits a report speaks of.
//!
//! A filter is a tree of clauses, parsed once from its JSON; every error names its path. No SQL: how a clause reads in
//! the store is the rendering module's business.

use serde_json::Value;

use crate::{
    dimension::Dimension,
    error::{Error, Result},
};

/// A condition on events and their visits.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these hold.
    And(Vec<Filter>),
    /// One of these holds.
    Or(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// A dimension compared with values.
    Clause(Clause),
}

/// A dimension compared with values.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// What is compared.
    pub dimension: Dimension,
    /// How.
    pub operator: Operator,
    /// With what; one match is enough.
    pub values: Vec<String>,
    /// Whether letters' case matters.
    pub case: Case,
}

/// How a clause compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equals one of the values.
    Is,
    /// Equals none of the values.
    IsNot,
    /// Holds one of the values.
    Contains,
    /// Holds none of the values.
    ContainsNot,
    /// Matches one of the regular expressions (RE2).
    Matches,
    /// Matches none of the regular expressions (RE2).
    MatchesNot,
}

/// Whether letters' case matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `A` is not `a`.
    Sensitive,
    /// `A` is `a`.
    Insensitive,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("is", Operator::Is),
    ("is_not", Operator::IsNot),
    ("contains", Operator::Contains),
    ("contains_not", Operator::ContainsNot),
    ("matches", Operator::Matches),
    ("matches_not", Operator::MatchesNot),
];

/// Values that one clause may hold; a search for more needles at once is refused by the store.
const VALUES_MAX: usize = 250;
/// Clauses that one question may hold, and how deep they may nest: far above what a dashboard makes.
const CLAUSES_MAX: usize = 100;
const DEPTH_MAX: usize = 10;

impl Filter {
    /// Reads the `filters` key: a list whose members all hold.
    ///
    /// # Errors
    /// When a member is no filter; the error names its path.
    pub fn parse_all(value: &Value) -> Result<Vec<Self>> {
        let filters = parse_list(value, "filters", 0)?;
        if filters.iter().map(|filter| filter.clauses().len()).sum::<usize>() > CLAUSES_MAX {
            return Err(Error::invalid(
                "filters",
                format!("too many clauses, expected at most {CLAUSES_MAX}"),
            ));
        }
        Ok(filters)
    }

    /// Every clause in it, in reading order.
    pub fn clauses(&self) -> Vec<&Clause> {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().flat_map(Self::clauses).collect(),
            Self::Not(filter) => filter.clauses(),
            Self::Clause(clause) => vec![clause],
        }
    }
}

fn parse_list(value: &Value, path: &str, depth: usize) -> Result<Vec<Filter>> {
    let list = value.as_array().ok_or_else(|| Error::invalid(path, "expected a list of filters"))?;
    list.iter().enumerate().map(|(index, value)| parse(value, &format!("{path}[{index}]"), depth)).collect()
}

fn parse(value: &Value, path: &str, depth: usize) -> Result<Filter> {
    if depth > DEPTH_MAX {
        return Err(Error::invalid(path, format!("nested too deep, expected at most {DEPTH_MAX} levels")));
    }
    let expected = r#"expected [operator, dimension, [values]], ["and"|"or", [filters]] or ["not", filter]"#;
    let parts = value.as_array().ok_or_else(|| Error::invalid(path, expected))?;
    let word = parts.first().and_then(Value::as_str).ok_or_else(|| Error::invalid(path, expected))?;
    let second = || parts.get(1).ok_or_else(|| Error::invalid(path, expected));
    let at = |index: usize| format!("{path}[{index}]");
    match (word, parts.len()) {
        ("and", 2) => Ok(Filter::And(parse_group(second()?, &at(1), depth + 1)?)),
        ("or", 2) => Ok(Filter::Or(parse_group(second()?, &at(1), depth + 1)?)),
        ("not", 2) => Ok(Filter::Not(Box::new(parse(second()?, &at(1), depth + 1)?))),
        ("and" | "or" | "not", _) => Err(Error::invalid(path, expected)),
        _ => {
            let operator = OPERATORS.iter().find(|(name, _)| *name == word).map(|(_, operator)| *operator);
            let operator = operator.ok_or_else(|| {
                let names = operator_names();
                Error::invalid(
                    at(0),
                    format!("invalid operator {word:?}, expected one of and, or, not, {names}"),
                )
            })?;
            if !(3..=4).contains(&parts.len()) {
                return Err(Error::invalid(path, expected));
            }
            Ok(Filter::Clause(Clause {
                dimension: parse_dimension(&parts[1], &at(1))?,
                operator,
                values: parse_values(&parts[2], &at(2))?,
                case: parse_case(parts.get(3), &at(3))?,
            }))
        }
    }
}

fn parse_group(value: &Value, path: &str, depth: usize) -> Result<Vec<Filter>> {
    let filters = parse_list(value, path, depth)?;
    if filters.is_empty() { Err(Error::invalid(path, "expected at least one filter")) } else { Ok(filters) }
}

fn parse_dimension(value: &Value, path: &str) -> Result<Dimension> {
    let dimension = value.as_str().and_then(Dimension::parse).filter(|dimension| !dimension.is_time());
    dimension.ok_or_else(|| {
        Error::invalid(path, format!("invalid dimension {value}, expected one of {}", Dimension::names()))
    })
}

fn parse_values(value: &Value, path: &str) -> Result<Vec<String>> {
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| Error::invalid(path, "expected a list of at least one string"))?;
    if list.len() > VALUES_MAX {
        let message = format!("{} values are too many, expected at most {VALUES_MAX}", list.len());
        return Err(Error::invalid(path, message));
    }
    let text = |(index, value): (usize, &Value)| {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| Error::invalid(format!("{path}[{index}]"), format!("{value} is not a string")))
    };
    list.iter().enumerate().map(text).collect()
}

fn parse_case(value: Option<&Value>, path: &str) -> Result<Case> {
    let Some(value) = value else { return Ok(Case::Sensitive) };
    let expected =
        || Error::invalid(path, r#"expected {"case_sensitive": true} or {"case_sensitive": false}"#);
    let modifiers = value.as_object().ok_or_else(expected)?;
    if modifiers.keys().any(|key| key != "case_sensitive") {
        return Err(expected());
    }
    match modifiers.get("case_sensitive") {
        None | Some(Value::Bool(true)) => Ok(Case::Sensitive),
        Some(Value::Bool(false)) => Ok(Case::Insensitive),
        Some(_) => Err(expected()),
    }
}

fn operator_names() -> String {
    OPERATORS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_nested_filters() {
        let filters = Filter::parse_all(&json!([
            ["or", [["is", "event:page", ["/"]], ["not", ["contains", "visit:source", ["oo"], {"case_sensitive": false}]]]],
        ]));
        let expected = Filter::Or(vec![
            Filter::Clause(Clause {
                dimension: Dimension::EventPage,
                operator: Operator::Is,
                values: vec!["/".into()],
                case: Case::Sensitive,
            }),
            Filter::Not(Box::new(Filter::Clause(Clause {
                dimension: Dimension::Source,
                operator: Operator::Contains,
                values: vec!["oo".into()],
                case: Case::Insensitive,
            }))),
        ]);
        assert_eq!(filters.unwrap(), [expected]);
    }

    #[test]
    fn names_the_path_of_what_is_wrong() {
        for (filters, start) in [
            (json!("x"), "filters: expected a list"),
            (json!([["is", "event:page"]]), "filters[0]: expected [operator"),
            (
                json!([["like", "event:page", ["/"]]]),
                r#"filters[0][0]: invalid operator "like", expected one of and, or, not, is, is_not"#,
            ),
            (
                json!([["and", [["is", "event:pag", ["/"]]]]]),
                r#"filters[0][1][0][1]: invalid dimension "event:pag", expected one of event:name"#,
            ),
            (json!([["is", "time:day", ["/"]]]), r#"filters[0][1]: invalid dimension "time:day""#),
            (json!([["not", ["is", "event:page", ["/", 7]]]]), "filters[0][1][2][1]: 7 is not a string"),
            (json!([["is", "event:page", []]]), "filters[0][2]: expected a list of at least one string"),
            (json!([["or", []]]), "filters[0][1]: expected at least one filter"),
            (
                json!([["is", "event:page", ["/"], {"case": false}]]),
                "filters[0][3]: expected {\"case_sensitive\"",
            ),
        ] {
            let message = Filter::parse_all(&filters).unwrap_err().to_string();
            assert!(message.starts_with(start), "{filters}: {message}");
        }
    }
}
