//! The description of the Stats API for machines, at `/api/openapi.json`.
//!
//! Invariant: names of metrics, dimensions and operators come from their tables, so that the description cannot lag
//! behind them; every example is asked of a real engine by the integration tests.

use serde_json::{Value, json};
use utoipa::openapi::{
    ArrayBuilder, ComponentsBuilder, Content, ContentBuilder, HttpMethod, Info, ObjectBuilder, OpenApi,
    OpenApiBuilder, PathItem, PathsBuilder, RefOr, Required, ResponseBuilder, ResponsesBuilder, Schema, Type,
    example::ExampleBuilder,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use crate::{
    dashboard_files, dimension::Dimension, explore, filter::Operator, live, metric::Metric,
    request::LIMIT_MAX,
};

const EXAMPLES: &str = include_str!("openapi/examples.json");
/// An example of each exploration, by its route.
const EXPLORATIONS: &str = include_str!("openapi/explorations.json");
/// The schemas of what is answered, by name.
const ANSWERS: &str = include_str!("openapi/answers.json");
/// How the description names the way to show a token.
const BEARER: &str = "token";
/// A parameter of the older reports: name, whether it is needed, what it says.
type V1Parameter = (&'static str, Required, &'static str);
/// What all of the older reports take.
const V1_PARAMETERS: &[V1Parameter] = &[
    ("site_id", Required::True, "domain of the site"),
    ("period", Required::False, "day, 7d, 30d, month, 6mo, 12mo, year or custom; 30d unless told"),
    (
        "date",
        Required::False,
        "the date that the period is about or ends before; two with a comma for custom",
    ),
    ("metrics", Required::False, "metrics with commas between them; visitors unless told"),
    ("filters", Required::False, "event:page==/blog/*;visit:country!=FR|DE"),
];
/// The older reports: path, what it answers, and the parameters that it alone takes.
const V1_REPORTS: &[(&str, &str, &[V1Parameter])] = &[
    (
        "/api/v1/stats/aggregate",
        "Metrics of a period",
        &[("compare", Required::False, "previous_period adds the change in percent")],
    ),
    (
        "/api/v1/stats/timeseries",
        "Metrics over time, empty buckets too",
        &[("interval", Required::False, "hour, date, week or month")],
    ),
    (
        "/api/v1/stats/breakdown",
        "Metrics by a property",
        &[
            ("property", Required::True, "a dimension, as visit:source"),
            ("limit", Required::False, "most rows, 100 unless told and 1000 at most"),
            ("page", Required::False, "which page of rows, from 1"),
        ],
    ),
];

/// The description, in OpenAPI 3.1.
pub fn document() -> OpenApi {
    let paths = V1_REPORTS.iter().fold(
        PathsBuilder::new()
            .path("/api/v2/query", PathItem::new(HttpMethod::Post, query()))
            .path(dashboard_files::PATH, PathItem::new(HttpMethod::Post, export()))
            .path(live::PATH, PathItem::new(HttpMethod::Get, live()))
            .path("/api/v1/stats/realtime/visitors", PathItem::new(HttpMethod::Get, live_visitors()))
            .path("/api/v1/sites/custom-props", PathItem::new(HttpMethod::Get, custom_props())),
        |paths, (path, summary, own)| paths.path(*path, PathItem::new(HttpMethod::Get, v1(summary, own))),
    );
    let examples: Value = serde_json::from_str(EXPLORATIONS).unwrap_or_else(|_| json!({}));
    let paths = explore::TABLE.iter().fold(paths, |paths, facts| {
        let operation = exploration(facts, &examples[facts.path]);
        paths.path(facts.path, PathItem::new(HttpMethod::Post, operation))
    });
    let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let components = ComponentsBuilder::new()
        .security_scheme(BEARER, scheme)
        .schema("Metric", names(Metric::all().map(|metric| metric.name().to_owned())))
        .schema("Dimension", names(Dimension::all_names().map(str::to_owned)))
        .schema("Operator", names(Operator::all().map(|operator| operator.name().to_owned())))
        .schema("Question", question())
        .schemas_from_iter(answers());
    let mut info = Info::new("Passant Stats API", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Reports on the visits of a site, in aggregate. A superset of the Plausible Stats API.".into());
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new(BEARER, Vec::<String>::new())]))
        .build()
}

fn query() -> OperationBuilder {
    let examples = examples().into_iter().map(|(name, summary, value)| {
        (name, RefOr::T(ExampleBuilder::new().summary(summary).value(Some(value)).build()))
    });
    let content = ContentBuilder::new().schema(Some(reference("Question"))).examples_from_iter(examples);
    let body =
        RequestBodyBuilder::new().content("application/json", content.build()).required(Some(Required::True));
    let answered = ResponseBuilder::new()
        .description("The rows: results, meta, and the question as it was understood")
        .content("application/json", ContentBuilder::new().schema(Some(reference("Answer"))).build())
        .content("text/csv", ContentBuilder::new().schema(Some(text("the rows with a header"))).build());
    OperationBuilder::new()
        .summary(Some("Answers a question"))
        .request_body(Some(body.build()))
        .responses(responses(answered))
}

fn export() -> OperationBuilder {
    let keys = dashboard_files::KEYS.iter();
    let body =
        keys.fold(ObjectBuilder::new(), |body, key| body.property(*key, described("as in a question")));
    let body = body.required("site_id").required("date_range");
    let content = ContentBuilder::new().schema(Some(body)).build();
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
    let answered = ResponseBuilder::new()
        .description("A ZIP of CSV files, one for each list of the dashboard")
        .content("application/zip", ContentBuilder::new().schema(Some(text("the archive"))).build());
    OperationBuilder::new()
        .summary(Some("The whole dashboard as files"))
        .request_body(Some(body.build()))
        .responses(responses(answered))
}

fn exploration(facts: &explore::Facts, example: &Value) -> OperationBuilder {
    let shared = explore::SHARED_KEYS.iter().map(|key| (*key, "as in a question"));
    let keys = shared.chain(facts.keys.iter().copied());
    let body = keys.fold(ObjectBuilder::new(), |body, (key, says)| body.property(key, described(says)));
    let body = body.required("site_id").required("date_range");
    let content = ContentBuilder::new().schema(Some(body)).example(Some(example.clone())).build();
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
    let answer = ObjectBuilder::new()
        .property("results", ArrayBuilder::new().items(reference(facts.row)))
        .property("meta", reference("Meta"))
        .property("query", reference("Understood"))
        .required("results")
        .required("meta")
        .required("query");
    let answered = ResponseBuilder::new()
        .description("The rows: results, meta, and what they are about")
        .content("application/json", ContentBuilder::new().schema(Some(answer)).build());
    OperationBuilder::new()
        .summary(Some(facts.summary))
        .request_body(Some(body.build()))
        .responses(responses(answered))
}

fn live() -> OperationBuilder {
    let stream = "events named live, whose data is such an object: one at once and one whenever it changes, whole each \
                  time; comments in between";
    let answered = ResponseBuilder::new()
        .description(
            "Who is there, once; with Accept: text/event-stream for as long as it is read and may be",
        )
        .content("application/json", ContentBuilder::new().schema(Some(reference("LiveView"))).build())
        .content("text/event-stream", ContentBuilder::new().schema(Some(text(stream))).build());
    OperationBuilder::new()
        .summary(Some("The last half hour of a site, as it is now"))
        .parameter(parameter(&V1_PARAMETERS[0]))
        .responses(responses(answered))
}

fn live_visitors() -> OperationBuilder {
    let count = ObjectBuilder::new().schema_type(Type::Integer);
    let answered = ResponseBuilder::new()
        .description("A number; null where the public may not be told it")
        .content("application/json", ContentBuilder::new().schema(Some(count)).build());
    OperationBuilder::new()
        .summary(Some("Visitors of the last five minutes"))
        .parameter(parameter(&V1_PARAMETERS[0]))
        .responses(responses(answered))
}

fn custom_props() -> OperationBuilder {
    let answered = ResponseBuilder::new()
        .description("custom_properties, each with its key as property; those of most visitors first")
        .content("application/json", ContentBuilder::new().schema(Some(reference("Properties"))).build());
    OperationBuilder::new()
        .summary(Some("Custom properties that events of the last 91 days carry"))
        .parameter(parameter(&V1_PARAMETERS[0]))
        .responses(responses(answered))
}

fn v1(summary: &str, own: &[(&str, Required, &str)]) -> OperationBuilder {
    let answered =
        ResponseBuilder::new().description("The results").content("application/json", any_object());
    OperationBuilder::new()
        .summary(Some(summary))
        .parameters(Some(V1_PARAMETERS.iter().chain(own).map(parameter)))
        .responses(responses(answered))
}

fn parameter((name, required, description): &(&str, Required, &str)) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(*name)
        .parameter_in(ParameterIn::Query)
        .required(required.clone())
        .description(Some(*description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
}

fn responses(answered: ResponseBuilder) -> ResponsesBuilder {
    let refused = |description: &str| {
        let content = ContentBuilder::new().schema(Some(reference("Error"))).build();
        ResponseBuilder::new().description(description).content("application/json", content)
    };
    ResponsesBuilder::new()
        .response("200", answered)
        .response("400", refused("The question is wrong; the message names the key, as #/metrics/2"))
        .response("401", refused("No token, or one that may not read the site"))
        .response("503", refused("The store is away or busy; try again after Retry-After seconds"))
}

fn question() -> ObjectBuilder {
    let operators: Vec<_> = Operator::all().map(Operator::name).collect();
    let filters = format!(
        "[operator, dimension, [values], {{\"case_sensitive\": false}}] with one of {}; [\"and\"|\"or\", [filters]]; \
         [\"not\"|\"has_done\"|\"has_not_done\", filter]; [\"is\", \"segment\", [numbers]]. All of them hold.",
        operators.join(", ")
    );
    let number = || ObjectBuilder::new().schema_type(Type::Integer);
    let flag = || ObjectBuilder::new().schema_type(Type::Boolean);
    let include = ObjectBuilder::new()
        .property("imports", flag())
        .property("time_labels", flag())
        .property("total_rows", flag())
        .property("comparisons", comparisons());
    let pagination = ObjectBuilder::new()
        .property("limit", number().minimum(Some(1)).maximum(Some(LIMIT_MAX)))
        .property("offset", number().minimum(Some(0)));
    ObjectBuilder::new()
        .property("site_id", text("domain of the site"))
        .property(
            "date_range",
            described(
                "day, 24h, 7d, 28d, 30d, 91d, month, 6mo, 12mo, year, all; or two dates; or two instants",
            ),
        )
        .property("metrics", ArrayBuilder::new().items(reference("Metric")))
        .property("dimensions", list(&format!("{}; a property by its key", Dimension::names())))
        .property("filters", list(&filters))
        .property("order_by", list("[metric or dimension, \"asc\" or \"desc\"]"))
        .property("include", include)
        .property("pagination", pagination)
        .required("site_id")
        .required("date_range")
        .required("metrics")
}

fn comparisons() -> ObjectBuilder {
    let modes = ["previous_period", "year_over_year", "custom"];
    ObjectBuilder::new()
        .property("mode", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(modes)))
        .property("date_range", list("two dates, for custom"))
        .property("match_day_of_week", ObjectBuilder::new().schema_type(Type::Boolean))
        .required("mode")
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(name))
}

/// One of a closed set.
fn names(names: impl Iterator<Item = String>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names))
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn described(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::AnyValue)
        .description(Some(description))
}

fn list(description: &str) -> ArrayBuilder {
    ArrayBuilder::new().items(described("")).description(Some(description))
}

fn any_object() -> Content {
    ContentBuilder::new().schema(Some(ObjectBuilder::new())).build()
}

/// The schemas of what is answered; a test holds the file to what can be read.
fn answers() -> Vec<(String, RefOr<Schema>)> {
    serde_json::from_str::<serde_json::Map<String, Value>>(ANSWERS)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, schema)| Some((name, serde_json::from_value(schema).ok()?)))
        .collect()
}

/// Name, summary and body of each example.
fn examples() -> Vec<(String, String, Value)> {
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_else(|_| json!({}));
    let examples = examples.as_object().cloned().unwrap_or_default();
    let one = |(name, mut example): (String, Value)| {
        let summary = example["summary"].as_str().unwrap_or_default().to_owned();
        (name, summary, example["value"].take())
    };
    examples.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[test]
    fn every_example_is_a_question() {
        let document = serde_json::to_value(document()).unwrap();
        let content =
            &document["paths"]["/api/v2/query"]["post"]["requestBody"]["content"]["application/json"];
        let examples = content["examples"].as_object().unwrap();
        assert_eq!(examples.len(), 6);
        for (name, example) in examples {
            assert!(Request::parse(&example["value"]).is_ok(), "{name}");
            assert!(!example["summary"].as_str().unwrap().is_empty(), "{name}");
        }
    }

    #[test]
    fn describes_every_answer_as_the_file_does() {
        let document = serde_json::to_value(document()).unwrap();
        let schemas = &document["components"]["schemas"];
        let answers: serde_json::Map<String, Value> = serde_json::from_str(ANSWERS).unwrap();
        for (name, answer) in &answers {
            assert_eq!(schemas[name]["properties"], answer["properties"], "{name}");
        }
        let mut named: Vec<_> = serde_json::to_string(&document)
            .unwrap()
            .split("#/components/schemas/")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect();
        named.dedup();
        assert!(named.iter().all(|name| schemas.get(name).is_some()), "{named:?}");
    }

    #[test]
    fn describes_every_metric_and_dimension() {
        let text = serde_json::to_string(&document()).unwrap();
        for name in ["average_revenue", "visit:exit_page_hostname", "matches_not", "/api/v1/stats/breakdown"]
        {
            assert!(text.contains(name), "{name}");
        }
    }
}
