//! The description of the accounts API for machines.
//!
//! Invariant: it is made of the table that the routes are served from, so that it cannot lag behind.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::{Needed, Route, Takes, table};

const ANSWERS: &str = include_str!("answers.json");

/// Where it is served.
pub(super) const PATH: &str = "/api/v1/accounts/openapi.json";

/// The description, in OpenAPI 3.1.
pub(super) fn describe() -> Value {
    let mut paths = Map::new();
    for route in table() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    let cookie = json!({ "type": "apiKey", "in": "cookie", "name": crate::authority::SESSION_COOKIE });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Passant Accounts API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Signing in, one's own account, who may do what, and tokens. A request that changes something has to come from a page of this server.",
        },
        "paths": paths,
        "components": { "schemas": answers(), "securitySchemes": { "session": cookie } },
        "security": [{ "session": [] }],
    })
}

/// The schemas of what is answered, by name; a test holds the file to what is answered.
fn answers() -> Value {
    serde_json::from_str(ANSWERS).unwrap_or_default()
}

fn in_query((name, needed, says): &Takes) -> Value {
    let required = *needed == Needed::Always;
    json!({ "name": name, "in": "query", "required": required, "description": says, "schema": { "type": "string" } })
}

fn operation(route: &Route) -> Value {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let error = json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": { "type": "string" }, "code_needed": { "type": "boolean" } },
    });
    let answer = |description: &str, schema: &Value| json!({ "description": description, "content": { "application/json": { "schema": schema } } });
    let answered = json!({ "$ref": format!("#/components/schemas/{}", route.answers) });
    let mut operation = json!({
        "summary": route.summary,
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": {
            "200": answer("Done", &answered),
            "400": answer("The request is wrong; the message says how", &error),
            "401": answer("Nobody has signed in, or what was shown is wrong", &error),
            "403": answer("The role does not allow this, or a page of another site asked", &error),
            "404": answer("There is none, or none for who asks", &error),
            "410": answer("The link was used or is too old", &error),
            "429": answer("Too many attempts; try again after Retry-After seconds", &error),
        },
    });
    if route.method == Method::GET {
        let parameters = operation["parameters"].as_array_mut().expect("just made");
        parameters.extend(route.takes.iter().map(in_query));
    } else if !route.takes.is_empty() {
        let properties: Map<String, Value> = route
            .takes
            .iter()
            .map(|(name, _, says)| ((*name).to_owned(), json!({ "description": says })))
            .collect();
        let needed = route.takes.iter().filter(|(_, needed, _)| *needed == Needed::Always);
        let required: Vec<_> = needed.map(|(name, _, _)| *name).collect();
        let schema = json!({ "type": "object", "required": required, "properties": properties });
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}
