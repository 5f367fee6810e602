//! The whole dashboard as files: a question each, under the names and titles that Plausible's export has.
//!
//! Invariant: each file is an answer like any other, so what a reader may not see in a report is in no file either. There are
//! no files of regions and cities: nothing finer than a country is known.

use std::io::{Cursor, Write};

use serde_json::{Map, Value, json};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    api::QueryState,
    dimension::Dimension,
    error::{Error, Result},
    filter::Filter,
    metric::Metric,
    report::Site,
    request::{LIMIT_MAX, Request},
    response::csv,
};

/// The route.
pub(crate) const PATH: &str = "/api/v2/export";

/// One file of the dashboard.
struct File {
    name: &'static str,
    /// Titles of its columns: those of the dimensions, then those of the metrics.
    titles: &'static [&'static str],
    dimensions: &'static [&'static str],
    metrics: &'static [Metric],
}

/// The columns of a source of visits.
const OF_SOURCES: &[&str] = &["name", "visitors", "bounce_rate", "visit_duration"];
const SOURCE_METRICS: &[Metric] = &[Metric::Visitors, Metric::BounceRate, Metric::VisitDuration];
const NAME_AND_VISITORS: &[&str] = &["name", "visitors"];
const VERSION_AND_VISITORS: &[&str] = &["name", "version", "visitors"];
const VISITORS: &[Metric] = &[Metric::Visitors];

const fn file(
    name: &'static str,
    titles: &'static [&'static str],
    dimensions: &'static [&'static str],
    metrics: &'static [Metric],
) -> File {
    File { name, titles, dimensions, metrics }
}

/// Every file: adding one is a row here.
const FILES: &[File] = &[
    file(
        "visitors.csv",
        &["date", "visitors", "pageviews", "visits", "views_per_visit", "bounce_rate", "visit_duration"],
        &["time:day"],
        &[
            Metric::Visitors,
            Metric::Pageviews,
            Metric::Visits,
            Metric::ViewsPerVisit,
            Metric::BounceRate,
            Metric::VisitDuration,
        ],
    ),
    file("channels.csv", OF_SOURCES, &["visit:channel"], SOURCE_METRICS),
    file("sources.csv", OF_SOURCES, &["visit:source"], SOURCE_METRICS),
    file("referrers.csv", OF_SOURCES, &["visit:referrer"], SOURCE_METRICS),
    file("utm_mediums.csv", OF_SOURCES, &["visit:utm_medium"], SOURCE_METRICS),
    file("utm_sources.csv", OF_SOURCES, &["visit:utm_source"], SOURCE_METRICS),
    file("utm_campaigns.csv", OF_SOURCES, &["visit:utm_campaign"], SOURCE_METRICS),
    file("utm_contents.csv", OF_SOURCES, &["visit:utm_content"], SOURCE_METRICS),
    file("utm_terms.csv", OF_SOURCES, &["visit:utm_term"], SOURCE_METRICS),
    file(
        "pages.csv",
        &["name", "visitors", "pageviews", "bounce_rate", "time_on_page", "scroll_depth"],
        &["event:page"],
        &[Metric::Visitors, Metric::Pageviews, Metric::BounceRate, Metric::TimeOnPage, Metric::ScrollDepth],
    ),
    file(
        "entry_pages.csv",
        &["name", "unique_entrances", "total_entrances", "bounce_rate", "visit_duration"],
        &["visit:entry_page"],
        &[Metric::Visitors, Metric::Visits, Metric::BounceRate, Metric::VisitDuration],
    ),
    file(
        "exit_pages.csv",
        &["name", "unique_exits", "total_exits", "exit_rate"],
        &["visit:exit_page"],
        &[Metric::Visitors, Metric::Visits, Metric::ExitRate],
    ),
    file("countries.csv", NAME_AND_VISITORS, &["visit:country_name"], VISITORS),
    file("devices.csv", NAME_AND_VISITORS, &["visit:device"], VISITORS),
    file("browsers.csv", NAME_AND_VISITORS, &["visit:browser"], VISITORS),
    file("browser_versions.csv", VERSION_AND_VISITORS, &["visit:browser", "visit:browser_version"], VISITORS),
    file("operating_systems.csv", NAME_AND_VISITORS, &["visit:os"], VISITORS),
    file("operating_system_versions.csv", VERSION_AND_VISITORS, &["visit:os", "visit:os_version"], VISITORS),
    file(
        "conversions.csv",
        &["name", "unique_conversions", "total_conversions"],
        &["event:goal"],
        &[Metric::Visitors, Metric::Events],
    ),
];
/// The file of properties, of which each site has its own.
const PROPS_FILE: &str = "custom_props.csv";
/// Most properties in it: each is a question.
const PROPS_MAX: usize = 100;
/// What the body takes.
pub(crate) const KEYS: &[&str] = &["site_id", "date_range", "filters"];

impl QueryState {
    /// All files of the dashboard, in a ZIP.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn dashboard_files(&self, body: &Value, site: &Site) -> Result<Vec<u8>> {
        let keys = body.as_object().ok_or_else(|| Error::invalid("#", "expected an object"))?;
        if let Some(key) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let message = format!("unknown key, expected one of {}", KEYS.join(", "));
            return Err(Error::invalid(format!("#/{key}"), message));
        }
        let mut files = Vec::with_capacity(FILES.len());
        for file in FILES {
            files.push((file.name, self.dashboard_file(file, keys, site).await?));
        }
        files.push((PROPS_FILE, self.properties_file(keys, site).await?));
        Ok(zipped(&files))
    }

    /// The values of each property, one below another.
    async fn properties_file(&self, keys: &Map<String, Value>, site: &Site) -> Result<String> {
        let mut question = Value::Object(keys.clone());
        question["metrics"] = json!(["visitors"]);
        let whole = Request::parse(&question)?;
        let since = self.resolve(&whole, site).await?.range.from;
        // With a goal it is of interest how many of all meet it, as in Plausible's file.
        let last = match narrows_to_a_goal(&whole.filters) {
            true => Metric::ConversionRate,
            false => Metric::Percentage,
        };
        let titles = ["property", "value", "visitors", "events", last.name()];
        let mut text = csv::line(titles.into_iter().map(str::to_owned));
        question["metrics"] = json!(["visitors", "events", last.name()]);
        question["pagination"] = json!({ "limit": LIMIT_MAX });
        for property in self.property_keys(site, since).await?.iter().take(PROPS_MAX) {
            question["dimensions"] = json!([format!("event:props:{property}")]);
            text += &self.answer_lines(&Request::parse(&question)?, site, property).await?;
        }
        Ok(text)
    }

    /// One file; a metric that does not go with the filters is blank in it.
    async fn dashboard_file(&self, file: &File, keys: &Map<String, Value>, site: &Site) -> Result<String> {
        let mut metrics = file.metrics.to_vec();
        loop {
            let names: Vec<_> = metrics.iter().map(|metric| metric.name()).collect();
            let mut question = Value::Object(keys.clone());
            question["metrics"] = json!(names);
            question["dimensions"] = json!(file.dimensions);
            question["pagination"] = json!({ "limit": LIMIT_MAX });
            match self.answer_titled(&Request::parse(&question)?, site, (file.titles, file.metrics)).await {
                Err(Error::Invalid { path, .. }) if metrics.len() > 1 && misfit(&path).is_some() => {
                    metrics.remove(misfit(&path).unwrap_or_default().min(metrics.len() - 1));
                }
                answered => return answered,
            }
        }
    }
}

fn narrows_to_a_goal(filters: &[Filter]) -> bool {
    filters.iter().flat_map(Filter::clauses).any(|clause| clause.dimension == Dimension::EventGoal)
}

/// The place of a metric that a refusal names.
fn misfit(path: &str) -> Option<usize> {
    path.strip_prefix("#/metrics/")?.parse().ok()
}

/// Without compression: answers are compressed by whoever serves them, if at all, and stay readable to any program.
fn zipped(files: &[(&str, String)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        zip.start_file(*name, stored).expect("names of the table, below every limit of the format");
        zip.write_all(content.as_bytes()).expect("memory takes all");
    }
    zip.finish().expect("memory takes all").into_inner()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_file_has_a_title_for_each_column_and_asks_what_goes_together() {
        for file in FILES {
            assert_eq!(file.titles.len(), file.dimensions.len() + file.metrics.len(), "{}", file.name);
            let names: Vec<_> = file.metrics.iter().map(|metric| metric.name()).collect();
            let question = json!({
                "site_id": "x", "date_range": "7d", "metrics": names, "dimensions": file.dimensions,
            });
            let request = Request::parse(&question).expect("a question");
            let site = Site::new(1, "x", jiff::tz::TimeZone::UTC);
            let now = "2026-03-01T00:00:00Z".parse().expect("an instant");
            assert!(crate::Report::resolve(&request, &site, now, None).is_ok(), "{}", file.name);
        }
    }

    #[test]
    fn a_zip_holds_what_was_put_in() {
        let bytes = zipped(&[("a.csv", "name\r\n".into()), ("b.csv", String::new())]);
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a ZIP");
        let names: Vec<_> = zip.file_names().map(|name| name.expect("a name").into_owned()).collect();
        assert_eq!(names, ["a.csv", "b.csv"]);
        let mut text = String::new();
        zip.by_name("a.csv").expect("there").read_to_string(&mut text).expect("read");
        assert_eq!(text, "name\r\n");
    }
}
