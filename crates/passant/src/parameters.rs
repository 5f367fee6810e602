//! The parameters of a request, wherever they stand: in the address, a JSON object or a form.
//!
//! Invariant: what was sent in the body wins; a key that is there with a wrong type is named.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use passant_control::Setting;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Parameters by name.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Map<String, Value>);

impl Parameters {
    /// Reads them.
    ///
    /// # Errors
    /// When the body is neither a JSON object nor a form.
    pub(crate) fn read(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let mut found: Map<String, Value> = form(query.unwrap_or_default().as_bytes());
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if body.is_empty() {
            return Ok(Self(found));
        }
        if kind.starts_with("application/x-www-form-urlencoded") && !body.starts_with(b"{") {
            found.extend(form(body));
            return Ok(Self(found));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => found.extend(body),
            Ok(_) | Err(_) => return Err(Refusal::bad("the body is no JSON object")),
        }
        Ok(Self(found))
    }

    /// A text; a number is taken for its digits. Absent, null and "" are one.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Refusal> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Refusal::bad(format!("Parameter `{key}`: expected a text")))
            }
        }
    }

    /// A text that has to be there to do this.
    pub(crate) fn needed(&self, key: &str, purpose: &str) -> Result<String, Refusal> {
        self.text(key)?.ok_or_else(|| Refusal::bad(format!("Parameter `{key}` is required to {purpose}")))
    }

    /// A whole number.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, Refusal> {
        let parse = |text: String| {
            text.parse().map_err(|_| Refusal::bad(format!("Parameter `{key}`: {text:?}, expected a number")))
        };
        self.text(key)?.map(parse).transpose()
    }

    /// True or false.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Refusal> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(Some(text == "true")),
            Some(Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Refusal::bad(format!("Parameter `{key}`: expected true or false")))
            }
        }
    }

    /// A value as JSON; in a form it stands as its text.
    pub(crate) fn json(&self, key: &str) -> Result<Option<Value>, Refusal> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map(Some)
                .map_err(|_| Refusal::bad(format!("Parameter `{key}`: expected JSON"))),
            Some(value) => Ok(Some(value.clone())),
        }
    }

    /// The settings of a site by their names.
    pub(crate) fn settings(&self) -> Result<Vec<(Setting, String)>, Refusal> {
        let Some(settings) = self.json("settings")? else { return Ok(Vec::new()) };
        let settings = settings.as_object().ok_or_else(|| Refusal::bad("settings: expected an object"))?;
        let one = |(name, value): (&String, &Value)| {
            let setting = Setting::named(name)?;
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                    return Err(Refusal::bad(format!("settings.{name}: expected a text")));
                }
            };
            Ok((setting, value))
        };
        settings.iter().map(one).collect()
    }
}

fn form(text: &[u8]) -> Map<String, Value> {
    let pairs = form_urlencoded::parse(text);
    pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect()
}
