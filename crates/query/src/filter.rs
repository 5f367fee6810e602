//! Filters: which events and visits a report speaks of.
//!
//! A filter is a tree of clauses, parsed once from its JSON; every error names its path. No SQL: how a clause reads in
//! the store is the rendering module's business.

use serde_json::Value;

use crate::{
    dimension::Dimension,
    error::{Error, Result},
    goal::{Goal, Segment},
    table::{Row, Table},
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
    /// The visit has an event of which this holds.
    HasDone(Box<Filter>),
    /// One of the segments of these numbers. Resolving the question puts their filters in its place.
    Segment(Vec<u64>),
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

struct OperatorFacts {
    operator: Operator,
    name: &'static str,
    /// Whether it may compare goals, which are conditions and no texts.
    compares_goals: bool,
}

const fn facts(operator: Operator, name: &'static str, compares_goals: bool) -> OperatorFacts {
    OperatorFacts { operator, name, compares_goals }
}

/// Every operator.
static OPERATORS: Table<OperatorFacts> = Table(&[
    facts(Operator::Is, "is", true),
    facts(Operator::IsNot, "is_not", false),
    facts(Operator::Contains, "contains", true),
    facts(Operator::ContainsNot, "contains_not", false),
    facts(Operator::Matches, "matches", false),
    facts(Operator::MatchesNot, "matches_not", false),
]);

impl Row for OperatorFacts {
    type Member = Operator;

    fn name(&self) -> &'static str {
        self.name
    }

    fn is_about(&self, member: &Operator) -> bool {
        self.operator == *member
    }
}

/// Values that one clause may hold; a search for more needles at once is refused by the store.
const VALUES_MAX: usize = 250;
/// Clauses that one question may hold, and how deep they may nest: far above what a dashboard makes.
const CLAUSES_MAX: usize = 100;
const DEPTH_MAX: usize = 10;
/// What visits did, in one question; each is a scan of its own.
const HAS_DONE_MAX: usize = 10;

impl Filter {
    /// Reads the `filters` key: a list whose members all hold.
    ///
    /// # Errors
    /// When a member is no filter; the error names its path.
    pub fn parse_all(value: &Value) -> Result<Vec<Self>> {
        let filters = parse_list(value, "#/filters", 0)?;
        if filters.iter().map(|filter| filter.all_clauses().len()).sum::<usize>() > CLAUSES_MAX {
            return Err(Error::invalid(
                "#/filters",
                format!("too many clauses, expected at most {CLAUSES_MAX}"),
            ));
        }
        if filters.iter().map(Self::has_done_count).sum::<usize>() > HAS_DONE_MAX {
            let message = format!("too many of has_done and has_not_done, expected at most {HAS_DONE_MAX}");
            return Err(Error::invalid("#/filters", message));
        }
        Ok(filters)
    }

    fn has_done_count(&self) -> usize {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().map(Self::has_done_count).sum(),
            Self::Not(filter) => filter.has_done_count(),
            Self::HasDone(filter) => 1 + filter.has_done_count(),
            Self::Segment(_) | Self::Clause(_) => 0,
        }
    }

    /// Every clause on the event itself or its visit, in reading order; those on other events of the visit are not.
    pub fn clauses(&self) -> Vec<&Clause> {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().flat_map(Self::clauses).collect(),
            Self::Not(filter) => filter.clauses(),
            Self::HasDone(_) | Self::Segment(_) => Vec::new(),
            Self::Clause(clause) => vec![clause],
        }
    }

    /// Every clause in it, in reading order.
    pub fn all_clauses(&self) -> Vec<&Clause> {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().flat_map(Self::all_clauses).collect(),
            Self::Not(filter) | Self::HasDone(filter) => filter.all_clauses(),
            Self::Segment(_) => Vec::new(),
            Self::Clause(clause) => vec![clause],
        }
    }

    /// The path and the text of every regular expression in a list of filters.
    pub(crate) fn patterns(filters: &[Self]) -> Vec<(String, String)> {
        fn add(filter: &Filter, path: &str, patterns: &mut Vec<(String, String)>) {
            match filter {
                Filter::And(filters) | Filter::Or(filters) => {
                    for (index, filter) in filters.iter().enumerate() {
                        add(filter, &format!("{path}/1/{index}"), patterns);
                    }
                }
                // `has_not_done` is one word for two of these.
                Filter::Not(filter) => match filter.as_ref() {
                    Filter::HasDone(inner) => add(inner, &format!("{path}/1"), patterns),
                    filter => add(filter, &format!("{path}/1"), patterns),
                },
                Filter::HasDone(filter) => add(filter, &format!("{path}/1"), patterns),
                Filter::Segment(_) => {}
                Filter::Clause(clause) => match clause.operator {
                    Operator::Matches | Operator::MatchesNot => patterns.extend(
                        clause
                            .values
                            .iter()
                            .enumerate()
                            .map(|(index, text)| (format!("{path}/2/{index}"), text.clone())),
                    ),
                    Operator::Is | Operator::IsNot | Operator::Contains | Operator::ContainsNot => {}
                },
            }
        }
        let mut patterns = Vec::new();
        for (index, filter) in filters.iter().enumerate() {
            add(filter, &format!("#/filters/{index}"), &mut patterns);
        }
        patterns
    }

    /// The same filter with the filters of segments in the place of their numbers.
    ///
    /// # Errors
    /// With `path`, when a number is no segment of the site.
    pub(crate) fn expand(&self, segments: &[Segment], path: &str) -> Result<Self> {
        let all = |filters: &[Self]| {
            let one = |(index, filter): (usize, &Self)| filter.expand(segments, &format!("{path}/1/{index}"));
            filters.iter().enumerate().map(one).collect::<Result<Vec<_>>>()
        };
        let inner = |filter: &Self| filter.expand(segments, &format!("{path}/1")).map(Box::new);
        Ok(match self {
            Self::And(filters) => Self::And(all(filters)?),
            Self::Or(filters) => Self::Or(all(filters)?),
            Self::Not(filter) => Self::Not(inner(filter)?),
            Self::HasDone(filter) => Self::HasDone(inner(filter)?),
            Self::Clause(clause) => Self::Clause(clause.clone()),
            Self::Segment(ids) => {
                let one = |(index, id): (usize, &u64)| {
                    let found = segments.iter().find(|segment| segment.id == *id);
                    found.map(|segment| Self::And(segment.filters.clone())).ok_or_else(|| {
                        Error::invalid(format!("{path}/2/{index}"), format!("the site has no segment {id}"))
                    })
                };
                Self::Or(ids.iter().enumerate().map(one).collect::<Result<_>>()?)
            }
        })
    }

    /// The members of a list that all hold, and those of an `and` among them.
    pub(crate) fn top_level(filters: &[Self]) -> Vec<&Self> {
        filters
            .iter()
            .flat_map(|filter| match filter {
                Self::And(filters) => Self::top_level(filters),
                Self::Or(_) | Self::Not(_) | Self::HasDone(_) | Self::Segment(_) | Self::Clause(_) => {
                    vec![filter]
                }
            })
            .collect()
    }
}

impl Clause {
    /// Whether a clause on goals lets this goal through.
    pub fn picks(&self, goal: &Goal) -> bool {
        let fold = |text: &str| match self.case {
            Case::Sensitive => text.to_owned(),
            Case::Insensitive => text.to_lowercase(),
        };
        let name = fold(&goal.name);
        let mut values = self.values.iter().map(|value| fold(value));
        match self.operator {
            Operator::Contains => values.any(|value| name.contains(&value)),
            Operator::Is => values.any(|value| name == value),
            // A request with one of these on goals is refused.
            Operator::IsNot | Operator::ContainsNot | Operator::Matches | Operator::MatchesNot => false,
        }
    }
}

impl Operator {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        OPERATORS.0.iter().map(|facts| facts.operator)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        OPERATORS.about(&self).name
    }
}

fn parse_list(value: &Value, path: &str, depth: usize) -> Result<Vec<Filter>> {
    let list = value.as_array().ok_or_else(|| Error::invalid(path, "expected a list of filters"))?;
    list.iter().enumerate().map(|(index, value)| parse(value, &format!("{path}/{index}"), depth)).collect()
}

fn parse(value: &Value, path: &str, depth: usize) -> Result<Filter> {
    if depth > DEPTH_MAX {
        return Err(Error::invalid(path, format!("nested too deep, expected at most {DEPTH_MAX} levels")));
    }
    let expected = r#"expected [operator, dimension, [values]], ["and"|"or", [filters]], ["not"|"has_done"|"has_not_done", filter] or ["is", "segment", [numbers]]"#;
    let parts = value.as_array().ok_or_else(|| Error::invalid(path, expected))?;
    let word = parts.first().and_then(Value::as_str).ok_or_else(|| Error::invalid(path, expected))?;
    let second = || match parts.as_slice() {
        [_, second] => Ok(second),
        _ => Err(Error::invalid(path, expected)),
    };
    let at = |index: usize| format!("{path}/{index}");
    let inner = || parse(second()?, &at(1), depth + 1).map(Box::new);
    match word {
        "and" => Ok(Filter::And(parse_group(second()?, &at(1), depth + 1)?)),
        "or" => Ok(Filter::Or(parse_group(second()?, &at(1), depth + 1)?)),
        "not" => Ok(Filter::Not(inner()?)),
        "has_done" => Ok(Filter::HasDone(inner()?)),
        "has_not_done" => Ok(Filter::Not(Box::new(Filter::HasDone(inner()?)))),
        _ => {
            let facts = OPERATORS.named(word).ok_or_else(|| {
                let names = OPERATORS.names();
                let expected = format!("expected one of and, or, not, has_done, has_not_done, {names}");
                Error::invalid(at(0), format!("invalid operator {word:?}, {expected}"))
            })?;
            match (parts.get(1).and_then(Value::as_str), parts.len()) {
                (Some("segment"), 3) if facts.operator == Operator::Is => {
                    Ok(Filter::Segment(parse_numbers(&parts[2], &at(2))?))
                }
                (_, 3 | 4) => parse_clause(facts, parts, path).map(Filter::Clause),
                _ => Err(Error::invalid(path, expected)),
            }
        }
    }
}

fn parse_clause(facts: &OperatorFacts, parts: &[Value], path: &str) -> Result<Clause> {
    let dimension = parse_dimension(&parts[1], &format!("{path}/1"))?;
    if dimension == Dimension::EventGoal && !facts.compares_goals {
        let message = format!("{:?} cannot compare goals, expected is or contains", facts.name);
        return Err(Error::invalid(format!("{path}/0"), message));
    }
    Ok(Clause {
        dimension,
        operator: facts.operator,
        values: parse_values(&parts[2], &format!("{path}/2"))?,
        case: parse_case(parts.get(3), &format!("{path}/3"))?,
    })
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
        text.ok_or_else(|| Error::invalid(format!("{path}/{index}"), format!("{value} is not a string")))
    };
    list.iter().enumerate().map(text).collect()
}

fn parse_numbers(value: &Value, path: &str) -> Result<Vec<u64>> {
    let list = value.as_array().filter(|list| (1..=VALUES_MAX).contains(&list.len()));
    let list =
        list.ok_or_else(|| Error::invalid(path, "expected a list of at least one segment's number"))?;
    let number = |(index, value): (usize, &Value)| {
        let message = || format!("{value} is not the number of a segment");
        value.as_u64().ok_or_else(|| Error::invalid(format!("{path}/{index}"), message()))
    };
    list.iter().enumerate().map(number).collect()
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
    fn reads_what_a_visit_did_and_segments() {
        let filters = Filter::parse_all(&json!([
            ["has_not_done", ["is", "event:goal", ["Signup"]]],
            ["is", "segment", [3, 4]],
        ]));
        let done = Filter::Clause(Clause {
            dimension: Dimension::EventGoal,
            operator: Operator::Is,
            values: vec!["Signup".into()],
            case: Case::Sensitive,
        });
        let expected =
            [Filter::Not(Box::new(Filter::HasDone(Box::new(done.clone())))), Filter::Segment(vec![3, 4])];
        let filters = filters.unwrap();
        assert_eq!(filters, expected);
        let segment = |id, filters: &[Filter]| Segment { id, name: String::new(), filters: filters.to_vec() };
        let segments = [segment(4, &[]), segment(3, std::slice::from_ref(&done))];
        let expanded = filters[1].expand(&segments, "#/filters/1").unwrap();
        assert_eq!(expanded, Filter::Or(vec![Filter::And(vec![done]), Filter::And(Vec::new())]));
        let refusal = filters[1].expand(&segments[1..], "#/filters/1").unwrap_err().to_string();
        assert_eq!(refusal, "#/filters/1/2/1: the site has no segment 4");
    }

    #[test]
    fn every_operator_is_found_by_its_name() {
        for facts in OPERATORS.0 {
            assert_eq!(OPERATORS.named(facts.name).unwrap().operator, facts.operator);
        }
        assert_eq!(OPERATORS.0.len(), Operator::MatchesNot as usize + 1);
    }

    #[test]
    fn names_the_path_of_what_is_wrong() {
        for (filters, start) in [
            (json!("x"), "#/filters: expected a list"),
            (json!([["is", "event:page"]]), "#/filters/0: expected [operator"),
            (
                json!([["like", "event:page", ["/"]]]),
                r##"#/filters/0/0: invalid operator "like", expected one of and, or, not, has_done, has_not_done, is, is_not"##,
            ),
            (
                json!([["and", [["is", "event:pag", ["/"]]]]]),
                r##"#/filters/0/1/0/1: invalid dimension "event:pag", expected one of event:name"##,
            ),
            (json!([["is", "time:day", ["/"]]]), r##"#/filters/0/1: invalid dimension "time:day""##),
            (json!([["not", ["is", "event:page", ["/", 7]]]]), "#/filters/0/1/2/1: 7 is not a string"),
            (json!([["is", "event:page", []]]), "#/filters/0/2: expected a list of at least one string"),
            (json!([["or", []]]), "#/filters/0/1: expected at least one filter"),
            (json!([["has_done", []]]), "#/filters/0/1: expected [operator"),
            (json!([["is", "segment", ["one"]]]), "#/filters/0/2/0: \"one\" is not the number of a segment"),
            (
                json!([["matches", "event:goal", ["x"]]]),
                "#/filters/0/0: \"matches\" cannot compare goals, expected is or contains",
            ),
            (
                json!([["is", "event:page", ["/"], {"case": false}]]),
                "#/filters/0/3: expected {\"case_sensitive\"",
            ),
        ] {
            let message = Filter::parse_all(&filters).unwrap_err().to_string();
            assert!(message.starts_with(start), "{filters}: {message}");
        }
    }
}
