//! What the accounts API answers has the shape that its description says: the dashboard's types are made of that.

use http::Method;
use passant_tests::Passant;
use serde_json::{Value, json};

use super::{Browser, PASSWORD, add};

const MEMBERS: &str = "/api/v1/sites/example.com/members";

#[tokio::test]
async fn what_is_answered_has_the_shape_that_is_described() {
    let passant = Passant::start().await;
    add(&passant, &["ada@example.com", "--owner"]);
    add(&passant, &["bob@example.com", "--site", "example.com", "--role", "analyst"]);
    let described = passant.public().get("/api/v1/accounts/openapi.json").await.json();
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let link = json!({
        "site_id": "example.com", "name": "Board", "frame_ancestors": ["https://www.example.com"],
    });
    for (method, path, body) in [
        (Method::GET, "/api/session", Value::Null),
        (Method::GET, "/api/setup", Value::Null),
        (Method::GET, "/api/sign-in", Value::Null),
        (Method::PUT, "/api/v1/account", json!({ "name": "Ada" })),
        (Method::GET, "/api/v1/account/sessions", Value::Null),
        (Method::POST, "/api/v1/account/two-factor", json!({ "password": PASSWORD })),
        (Method::DELETE, "/api/v1/account/two-factor", json!({ "password": PASSWORD })),
        (Method::POST, "/api/v1/users", json!({ "email": "eve@example.com" })),
        (Method::GET, "/api/v1/users", Value::Null),
        (Method::POST, "/api/v1/users/2/link", Value::Null),
        (Method::PUT, MEMBERS, json!({ "email": "eve@example.com", "role": "viewer" })),
        (Method::GET, MEMBERS, Value::Null),
        (Method::PUT, "/api/v1/users/2", json!({ "owner": true })),
        (Method::DELETE, "/api/v1/users/2", Value::Null),
        (Method::POST, "/api/v1/tokens", json!({ "scope": "stats:read", "site_id": "example.com" })),
        (Method::GET, "/api/v1/tokens", Value::Null),
        (Method::DELETE, "/api/v1/tokens/1", Value::Null),
        (Method::PUT, "/api/v1/sites/shared-links", link),
        (Method::GET, "/api/v1/sites/shared-links?site_id=example.com", Value::Null),
        (Method::DELETE, "/api/v1/sites/shared-links/1?site_id=example.com", Value::Null),
        (Method::DELETE, "/api/v1/account/sessions", Value::Null),
    ] {
        let operation = &operations(&described, path)[method.as_str().to_lowercase()];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path}");
        let answer = ada.done(method.clone(), path, body).await;
        if let Some(wrong) = misfit(&described, &answer, &[schema]) {
            panic!("{method} {path}: {wrong} in {answer}");
        }
    }
}

/// What is described of a path, whose numbers and domains stand in braces there.
fn operations<'a>(described: &'a Value, path: &str) -> &'a Value {
    let parts: Vec<_> = path.split('?').next().unwrap_or_default().split('/').collect();
    let is_of = |template: &str| {
        let expected: Vec<_> = template.split('/').collect();
        expected.len() == parts.len()
            && expected
                .iter()
                .zip(&parts)
                .all(|(expected, part)| expected == part || expected.starts_with('{'))
    };
    let paths = described["paths"].as_object().expect("a table");
    paths.iter().find(|(template, _)| is_of(template)).expect("described").1
}

/// What of a value is not as all of the schemas together say, if anything.
fn misfit(described: &Value, value: &Value, schemas: &[&Value]) -> Option<String> {
    let schemas: Vec<&Value> = schemas.iter().flat_map(|schema| resolved(described, schema)).collect();
    if let Some(either) = schemas.iter().find_map(|schema| schema["anyOf"].as_array()) {
        let fits = either.iter().any(|schema| misfit(described, value, &[schema]).is_none());
        return (!fits).then(|| format!("{value} is none of {either:?}"));
    }
    let kinds = schemas.iter().filter_map(|schema| schema["type"].as_str());
    if let Some(kind) = kinds.into_iter().find(|kind| !is_a(value, kind)) {
        return Some(format!("{value} is no {kind}"));
    }
    if let Some(names) = schemas.iter().find_map(|schema| schema["enum"].as_array())
        && !names.contains(value)
    {
        return Some(format!("{value} is none of {names:?}"));
    }
    if let Some(items) = value.as_array() {
        assert!(!items.is_empty(), "an empty list says nothing of what is in it");
        return items.iter().find_map(|item| misfit(described, item, &[&schemas[0]["items"]]));
    }
    let object = value.as_object()?;
    let needed = schemas.iter().filter_map(|schema| schema["required"].as_array()).flatten();
    let missing = needed
        .filter_map(Value::as_str)
        .find(|key| !object.contains_key(*key))
        .map(|key| format!("no {key}"));
    missing.or_else(|| {
        object.iter().find_map(|(key, value)| {
            match schemas.iter().map(|schema| &schema["properties"][key]).find(|schema| schema.is_object()) {
                Some(schema) => misfit(described, value, &[schema]),
                None => Some(format!("{key} is not described")),
            }
        })
    })
}

/// A schema without references: several where all of them hold.
fn resolved<'a>(described: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return resolved(described, described.pointer(name.trim_start_matches('#')).expect("described"));
    }
    match schema["allOf"].as_array() {
        Some(all) => all.iter().flat_map(|schema| resolved(described, schema)).collect(),
        None => vec![schema],
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}
