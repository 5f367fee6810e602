//! Long lists in pages: `limit` rows after or before a cursor that an earlier page gave.
//!
//! Invariant: a cursor is the key of a row, so that rows added or removed meanwhile neither repeat nor skip another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::Outcome;
use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// Rows of a page unless told, and the most of them.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// Which page is asked for.
pub(super) struct Page {
    limit: usize,
    from: From,
}

enum From {
    Start,
    After(String),
    Before(String),
}

impl Page {
    /// Reads `limit`, `after` and `before`.
    ///
    /// # Errors
    /// For a limit out of bounds, and a cursor that no page gave.
    pub(super) fn asked(parameters: &Parameters) -> Result<Self, Refusal> {
        let limit = parameters.number("limit")?.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Refusal::bad(format!("Parameter `limit`: expected 1 to {LIMIT_MAX}")));
        }
        let key = |name: &str| {
            let read = |cursor: String| {
                let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
                bytes
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| Refusal::bad(format!("Parameter `{name}`: no cursor of a page")))
            };
            parameters.text(name)?.map(read).transpose()
        };
        let from = match (key("after")?, key("before")?) {
            (None, None) => From::Start,
            (Some(after), None) => From::After(after),
            (None, Some(before)) => From::Before(before),
            (Some(_), Some(_)) => {
                return Err(Refusal::bad("Parameters `after` and `before`: expected one of them"));
            }
        };
        Ok(Self { limit, from })
    }

    /// The page of `rows`, each with the key that they are ordered by.
    pub(super) fn of(&self, name: &str, mut rows: Vec<(String, Value)>) -> Outcome {
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (start, end) = match &self.from {
            From::Start => (0, self.limit),
            From::After(after) => {
                let start = rows.partition_point(|(key, _)| key <= after);
                (start, start + self.limit)
            }
            From::Before(before) => {
                let end = rows.partition_point(|(key, _)| key < before);
                (end.saturating_sub(self.limit), end)
            }
        };
        let end = end.min(rows.len());
        let cursor = |index: usize| URL_SAFE_NO_PAD.encode(&rows[index].0);
        let before = (0 < start && start < end).then(|| cursor(start));
        let after = (start < end && end < rows.len()).then(|| cursor(end - 1));
        let page: Vec<Value> = rows[start..end].iter().map(|(_, row)| row.clone()).collect();
        let meta = json!({ "after": after, "before": before, "limit": self.limit });
        Ok(Value::Object(Map::from_iter([(name.to_owned(), page.into()), ("meta".to_owned(), meta)])))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn page(query: &str) -> Result<Value, Refusal> {
        let parameters = Parameters::read(Some(query), &HeaderMap::new(), b"")?;
        let rows = "abcde".chars().map(|key| (key.to_string(), Value::from(key.to_string())));
        Page::asked(&parameters)?.of("rows", rows.collect())
    }

    #[test]
    fn goes_forth_and_back_without_a_gap() {
        let first = page("limit=2").expect("a page");
        assert_eq!(first["rows"], json!(["a", "b"]));
        assert_eq!(first["meta"]["before"], json!(null));
        let next = |page_before: &Value, way: &str| {
            let cursor = page_before["meta"][way].as_str().expect("a cursor").to_owned();
            page(&format!("limit=2&{way}={cursor}")).expect("a page")
        };
        let second = next(&first, "after");
        assert_eq!(second["rows"], json!(["c", "d"]));
        let third = next(&second, "after");
        assert_eq!((&third["rows"], &third["meta"]["after"]), (&json!(["e"]), &json!(null)));
        assert_eq!(next(&third, "before")["rows"], json!(["c", "d"]));
        let back = next(&second, "before");
        assert_eq!((&back["rows"], &back["meta"]["before"]), (&json!(["a", "b"]), &json!(null)));
    }

    #[test]
    fn refuses_cursors_that_are_none_and_limits_out_of_bounds() {
        for query in ["limit=0", "limit=1001", "limit=ten", "after=%21", "after=YQ&before=Yg"] {
            assert!(matches!(page(query), Err(Refusal::Bad(_))), "{query}");
        }
    }
}
