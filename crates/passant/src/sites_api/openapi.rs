//! The description of the Sites API for machines, at `/api/v1/sites/openapi.json`.
//!
//! Invariant: kinds of definitions and settings come from their tables, so that the description cannot lag behind them.

use passant_control::SETTINGS;
use serde_json::{Map, Value, json};

use super::definition::{DEFINITIONS, Definition, Needed};

const ANSWERS: &str = include_str!("answers.json");

/// The description, in OpenAPI 3.1.
pub(crate) fn describe() -> Value {
    let mut paths = Map::new();
    paths.insert(
        "/api/v1/sites".into(),
        json!({
            "get": operation("Lists the sites of the token", &PAGE, None, &list("sites", "Site")),
            "post": operation("Creates a site", &[], Some(site_body(&["domain"])), &reference("Site")),
        }),
    );
    let domain = json!({ "name": "domain", "in": "path", "required": true, "schema": { "type": "string" } });
    paths.insert(
        "/api/v1/sites/{domain}".into(),
        json!({
            "parameters": [domain.clone()],
            "get": operation("Shows a site", &[], None, &reference("Site")),
            "put": operation("Changes a site: its domain, time zone or settings", &[], Some(site_body(&[])), &reference("Site")),
            "delete": operation("Removes a site, then erases its events", &[], None, &reference("Removed")),
        }),
    );
    paths.insert(
        "/api/v1/sites/{domain}/script".into(),
        json!({
            "parameters": [domain.clone()],
            "get": operation("Shows where a site's script is, what it hashes to, and where beacons go", &[], None, &reference("Script")),
        }),
    );
    for definition in DEFINITIONS {
        let Definition { plural, singular, schema, .. } = definition;
        let page = [[("site_id", "domain of the site")].as_slice(), &PAGE].concat();
        paths.insert(
            format!("/api/v1/sites/{plural}"),
            json!({
                "get": operation(&format!("Lists the {plural} of a site"), &page, None, &list(plural, schema)),
                "put": operation(&format!("Finds or creates a {singular}"), &[], Some(body(definition)), &reference(schema)),
            }),
        );
        let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } });
        let remove = operation(
            &format!("Removes a {singular}"),
            &[("site_id", "domain of the site")],
            None,
            &reference("Removed"),
        );
        let change = operation(
            &format!("Changes a {singular}, whose number stays: it becomes what a new one would be"),
            &[],
            Some(body(definition)),
            &reference(schema),
        );
        paths.insert(
            format!("/api/v1/sites/{plural}/{{id}}"),
            json!({ "parameters": [id], "put": change, "delete": remove }),
        );
    }
    for file in crate::export_api::FILES {
        let words = format!("Every event of a site as {}; broken off where it is not whole", file.media_type);
        let events = operation(&words, &[], None, &json!({ "type": "string" }));
        paths.insert(file.path.into(), json!({ "parameters": [domain], "get": events }));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Passant Sites API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Sites and what is defined for them. Reading takes a token of the scope stats:read or sites:provision, changing one of sites:provision.",
        },
        "paths": paths,
        "components": { "schemas": answers(), "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
        "security": [{ "token": [] }],
    })
}

/// What every list takes.
const PAGE: [(&str, &str); 3] = [
    ("limit", "rows of the page, 100 unless told"),
    ("after", "the cursor of the page before"),
    ("before", "the cursor of the page after"),
];

/// The schemas of what is answered, by name; a test holds the file to what is answered.
fn answers() -> Value {
    serde_json::from_str(ANSWERS).unwrap_or_default()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list(name: &str, schema: &str) -> Value {
    json!({
        "type": "object",
        "required": [name, "meta"],
        "properties": { name: { "type": "array", "items": reference(schema) }, "meta": reference("Page") },
    })
}

fn operation(summary: &str, query: &[(&str, &str)], body: Option<Value>, answered: &Value) -> Value {
    let parameters: Vec<_> = query
        .iter()
        .map(|(name, description)| {
            let schema = json!({ "type": "string" });
            json!({ "name": name, "in": "query", "description": description, "schema": schema })
        })
        .collect();
    let error = json!({ "type": "object", "properties": { "error": { "type": "string" } } });
    let answer = |description: &str, schema: &Value| json!({ "description": description, "content": { "application/json": { "schema": schema } } });
    let mut operation = json!({
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": answer("Done", answered),
            "400": answer("The request is wrong; the message says how", &error),
            "401": answer("No token, or one that does not allow this", &error),
            "404": answer("No such site, or nothing of this number", &error),
        },
    });
    if let Some(schema) = body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn site_body(required: &[&str]) -> Value {
    let settings: Map<String, Value> = SETTINGS
        .iter()
        .map(|facts| {
            let schema = json!({ "type": "string", "description": facts.help, "default": facts.default });
            (facts.name.to_owned(), schema)
        })
        .collect();
    json!({
        "type": "object",
        "required": required,
        "properties": {
            "domain": { "type": "string" },
            "timezone": { "type": "string", "description": "IANA name" },
            "settings": { "type": "object", "properties": settings },
        },
    })
}

fn body(definition: &Definition) -> Value {
    let mut properties = Map::new();
    properties.insert("site_id".into(), json!({ "type": "string", "description": "domain of the site" }));
    for (name, _, description) in definition.takes {
        properties.insert((*name).to_owned(), json!({ "description": description }));
    }
    let needed = definition.takes.iter().filter(|(_, needed, _)| *needed == Needed::Always);
    let required: Vec<_> = std::iter::once("site_id").chain(needed.map(|(name, _, _)| *name)).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}
