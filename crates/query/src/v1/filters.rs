//! Filters of v1 as filters of v2: `event:page==/blog/*;visit:country!=FR|DE`.
//!
//! `;` joins clauses, `|` joins values, `*` stands for anything but a slash and `**` for anything; a backslash takes the
//! meaning away from the character after it.

use serde_json::{Value, json};

use crate::{
    error::{Error, Result},
    goal::PagePattern,
};

/// Comparisons as they are written, with what they mean for plain values and for values with a star. A longer one
/// stands before its end.
const COMPARISONS: &[(&str, &str, &str)] = &[
    ("==", "is", "matches"),
    ("!=", "is_not", "matches_not"),
    ("!~", "contains_not", "contains_not"),
    ("~", "contains", "contains"),
];

/// The list of v2 filters.
///
/// # Errors
/// When a clause has no comparison.
pub(super) fn translate(text: &str) -> Result<Value> {
    let clauses = split(text, ';').into_iter().filter(|clause| !clause.trim().is_empty());
    Ok(Value::Array(clauses.map(|clause| one(&clause)).collect::<Result<_>>()?))
}

fn one(clause: &str) -> Result<Value> {
    // The first comparison that begins at the earliest place: a value may hold another one.
    let found = (0..clause.len()).filter(|index| clause.is_char_boundary(*index)).find_map(|index| {
        let comparison = COMPARISONS.iter().find(|(written, ..)| clause[index..].starts_with(written))?;
        Some((index, comparison))
    });
    let Some((index, (written, plain, starred))) = found else {
        let message = format!("no comparison in {clause:?}, expected something like visit:source==Google");
        return Err(Error::invalid("#/filters", message));
    };
    let dimension = clause[..index].trim();
    let values = split(clause[index + written.len()..].trim(), '|');
    // Goals are named, and their names may hold stars.
    if dimension != "event:goal" && *plain != *starred && values.iter().any(|value| value.contains('*')) {
        let patterns: Vec<_> = values.iter().map(|value| PagePattern(unescaped(value)).regex()).collect();
        return Ok(json!([starred, dimension, patterns]));
    }
    let values: Vec<_> = values.iter().map(|value| unescaped(value)).collect();
    Ok(json!([plain, dimension, values]))
}

/// The parts between separators that no backslash stands before.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for character in text.chars() {
        if character == separator && !escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    parts
}

fn unescaped(text: &str) -> String {
    text.replace("\\|", "|").replace("\\;", ";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_clauses_values_stars_and_escapes() {
        for (text, filters) in [
            ("", json!([])),
            ("visit:source==Google", json!([["is", "visit:source", ["Google"]]])),
            (
                "event:page==/blog/*;visit:country!=FR|DE",
                json!([
                    ["matches", "event:page", ["(?s)^\\/blog\\/[^/]*$"]],
                    ["is_not", "visit:country", ["FR", "DE"]]
                ]),
            ),
            ("event:page!=/a**|/b", json!([["matches_not", "event:page", ["(?s)^\\/a.*$", "(?s)^\\/b$"]]])),
            ("visit:utm_term==a\\|b\\;c|d==e", json!([["is", "visit:utm_term", ["a|b;c", "d==e"]]])),
            ("event:goal==Visit /blog*", json!([["is", "event:goal", ["Visit /blog*"]]])),
            (
                "visit:source~oo;visit:os!~in",
                json!([["contains", "visit:source", ["oo"]], ["contains_not", "visit:os", ["in"]]]),
            ),
        ] {
            assert_eq!(translate(text).unwrap(), filters, "{text}");
        }
        let refusal = translate("visit:source").unwrap_err().to_string();
        assert!(refusal.starts_with("#/filters: no comparison in \"visit:source\""), "{refusal}");
    }
}
