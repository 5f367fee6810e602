//! What the dashboard's ten questions over 30 days cost the engine: without a filter, with one, with three, each beside
//! the same question as SQL that was written by hand for the one table, and all ten at once, as a dashboard asks them.
//!
//! Invariant: the events are the same in every run but for the date that they end on, nothing that was answered is
//! remembered, and no cost is shown before both ways have given the same visitors.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use passant_store::{Statement, Store};
use passant_tests::HttpClient;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::{Kind, Server};
use crate::table::{print, row};
use crate::{Place, machine, process, store};

const DAYS: u64 = 90;
/// What `1 + hash % 7` events a visit are on average.
const EVENTS_OF_VISIT: u64 = 4;
/// The kernel counts CPU in steps of 10 ms: so many times make that a small part.
const TIMES: u32 = 20;
const ZONE: &str = "Europe/Berlin";
/// The days are rolled up while they are loaded, and for some minutes after.
const ROLLED_UP_WITHIN: Duration = Duration::from_secs(1_800);
/// Merges of what was just loaded are no part of a report.
const REST: Duration = Duration::from_secs(10);

/// The filters that are added one after the other, as questions and as SQL say them.
const FILTERS: &[(&str, &str, &str)] = &[
    ("visit:country", "DE", "country = 'DE'"),
    ("visit:device", "Mobile", "device = 'Mobile'"),
    ("visit:browser", "Firefox", "browser = 'Firefox'"),
];

/// One question of the dashboard.
#[derive(Deserialize)]
struct Question {
    name: String,
    metrics: Vec<String>,
    dimensions: Vec<String>,
    /// What hand-written SQL groups by.
    group: String,
}

/// CPU and time of one asking.
#[derive(Clone, Copy, Default)]
struct Cost {
    engine_milliseconds: f64,
    milliseconds: f64,
}

struct Bench {
    server: Server,
    store: Store,
    engine_pid: u32,
    bearer: String,
    /// The first and the last second of the 30 days, one more.
    range: (i64, i64),
}

/// Measures and prints.
///
/// # Errors
/// When the events cannot be made, or the two ways differ.
pub(crate) async fn run(place: &Place, events: u64, privacy_floor: u32) -> Result<()> {
    machine::show(&place.directory()?)?;
    let bench = Bench::open(place, events, privacy_floor).await?;
    let questions: Vec<Question> = serde_json::from_str(include_str!("reports/questions.json"))?;
    let mut rows = vec![row([
        "question",
        "filters",
        "report: engine CPU ms",
        "ms",
        "by hand: engine CPU ms",
        "ms",
        "CPU ratio",
    ])];
    for filters in [0, 1, FILTERS.len()] {
        let mut all = [Cost::default(); 2];
        for question in &questions {
            let both = bench.both(question, &FILTERS[..filters]).await?;
            all = [all[0].and(both[0]), all[1].and(both[1])];
            rows.push(line(&question.name, filters, both));
        }
        rows.push(line("all ten", filters, all));
        let together = bench.together(&questions, &FILTERS[..filters]).await?;
        rows.push(line("all ten at once", filters, [together, all[1]]));
    }
    let memory = process::memory(bench.engine_pid)?;
    bench.server.stop().await?;
    print(&format!("ten questions over 30 of {DAYS} days, privacy floor {privacy_floor}"), &rows);
    print(
        "engine after that",
        &[
            row(["resident MiB", "anonymous", "peak"]),
            [memory.resident, memory.anonymous, memory.peak]
                .map(|mebibytes| format!("{mebibytes:.0}"))
                .to_vec(),
        ],
    );
    Ok(())
}

fn line(name: &str, filters: usize, [report, by_hand]: [Cost; 2]) -> Vec<String> {
    vec![
        name.to_owned(),
        filters.to_string(),
        format!("{:.1}", report.engine_milliseconds),
        format!("{:.1}", report.milliseconds),
        format!("{:.1}", by_hand.engine_milliseconds),
        format!("{:.1}", by_hand.milliseconds),
        format!("{:.2}", report.engine_milliseconds / by_hand.engine_milliseconds),
    ]
}

impl Cost {
    fn and(self, other: Self) -> Self {
        Self {
            engine_milliseconds: self.engine_milliseconds + other.engine_milliseconds,
            milliseconds: self.milliseconds + other.milliseconds,
        }
    }
}

/// Waits until the server has rolled up all closed days.
async fn rolled_up(server: &Server) -> Result<()> {
    let began = Instant::now();
    loop {
        let status: Value = serde_json::from_str(&server.command(&["rollup", "status", "--json"]).await?)?;
        if status["closed_days"].as_u64() > Some(0) && status["closed_days"] == status["rolled_days"] {
            break;
        }
        ensure!(began.elapsed() < ROLLED_UP_WITHIN, "the days are not rolled up: {status}");
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    Ok(())
}

impl Bench {
    async fn open(place: &Place, events: u64, privacy_floor: u32) -> Result<Self> {
        let server = Server::passant(place, Kind::Forgetful, &[]).await?;
        let store = server.store().await?;
        server.logged("the store is ready", Duration::from_secs(30)).await?;
        let floor = privacy_floor.to_string();
        server.command(&["site", "set", "example.com", "--privacy-floor", &floor]).await?;
        let zone = TimeZone::get(ZONE)?;
        let today = zone.to_datetime(Timestamp::now()).date();
        let ago = |days: u64| {
            let date = today.checked_sub(i64::try_from(days)?.days())?;
            Ok::<i64, anyhow::Error>(zone.to_timestamp(date.at(0, 0, 0, 0))?.as_second())
        };
        for day in 0..DAYS {
            let start = u32::try_from(ago(DAYS - day)?)?;
            let statement = Statement::new(include_str!("reports/events.sql"))
                .param("day", u32::try_from(day)?)
                .param("start", start)
                .param("visits", events / DAYS / EVENTS_OF_VISIT);
            store.execute(&statement).await?;
        }
        rolled_up(&server).await?;
        tokio::time::sleep(REST).await;
        let held = store::on_disk(&store).await?;
        let size = vec![held.rows.to_string(), held.parts.to_string(), format!("{:.1}", held.each())];
        print("the store", &[row(["events", "parts", "bytes an event"]), size]);
        let engine_pid = server.engine_pid().context("the engine ended")?;
        let bearer = format!("Bearer {}", server.token().await?);
        let range = (ago(30)?, ago(0)?);
        Ok(Self { server, store, engine_pid, bearer, range })
    }

    /// What a report costs, and what SQL costs.
    async fn both(&self, question: &Question, filters: &[(&str, &str, &str)]) -> Result<[Cost; 2]> {
        let (body, sql) = (self.body(question, filters), self.sql(question, filters));
        let (reported, counted) = (self.report(&body).await?, self.by_hand(&sql).await?);
        ensure!(reported == counted, "{}: {reported:?} and by hand {counted:?}", question.name);
        // In turn, so that whatever else the machine does falls on both alike.
        let mut both = [Cost::default(); 2];
        for _ in 0..TIMES {
            let (cpu, began) = self.now()?;
            self.report(&body).await?;
            both[0] = both[0].and(self.since(cpu, began)?);
            let (cpu, began) = self.now()?;
            self.by_hand(&sql).await?;
            both[1] = both[1].and(self.since(cpu, began)?);
        }
        Ok(both)
    }

    /// What all of them cost when a dashboard asks for them at once.
    async fn together(&self, questions: &[Question], filters: &[(&str, &str, &str)]) -> Result<Cost> {
        let bodies: Vec<String> = questions.iter().map(|question| self.body(question, filters)).collect();
        let (cpu, began) = self.now()?;
        for _ in 0..TIMES {
            futures_util::future::try_join_all(bodies.iter().map(|body| self.report(body))).await?;
        }
        self.since(cpu, began)
    }

    fn now(&self) -> Result<(f64, Instant)> {
        Ok((process::cpu_seconds(self.engine_pid)?, Instant::now()))
    }

    fn since(&self, cpu: f64, began: Instant) -> Result<Cost> {
        let each = |seconds: f64| seconds * 1e3 / f64::from(TIMES);
        Ok(Cost {
            engine_milliseconds: each(process::cpu_seconds(self.engine_pid)? - cpu),
            milliseconds: each(began.elapsed().as_secs_f64()),
        })
    }

    fn body(&self, question: &Question, filters: &[(&str, &str, &str)]) -> String {
        let filters: Vec<_> =
            filters.iter().map(|(dimension, value, _)| json!(["is", dimension, [value]])).collect();
        json!({
            "site_id": "example.com",
            "date_range": "30d",
            "metrics": question.metrics,
            "dimensions": question.dimensions,
            "filters": filters,
            "pagination": { "limit": 10 },
        })
        .to_string()
    }

    /// Sums over the rows of the range: who wrote it knows that the first events of visits carry all of their numbers.
    fn sql(&self, question: &Question, filters: &[(&str, &str, &str)]) -> String {
        let (from, to) = self.range;
        let conditions: String =
            filters.iter().map(|(_, _, condition)| format!(" AND {condition}")).collect();
        let began = format!("visit_start >= {from} AND visit_start < {to}");
        let columns = question.metrics.iter().map(|metric| match metric.as_str() {
            "visitors" => format!("uniqExactIf(visitor_id, timestamp < {to}) AS people"),
            "pageviews" => format!("countIf(name = 'pageview' AND timestamp < {to}) AS views"),
            "visits" => format!("sumIf(visits, {began}) AS entries"),
            "views_per_visit" => "views / entries".to_owned(),
            "bounce_rate" => format!("sumIf(bounces, {began}) / sumIf(visits, {began})"),
            _ => format!("sumIf(duration_seconds, {began}) / entries"),
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let order =
            if question.dimensions.contains(&"time:day".to_owned()) { "label" } else { "people DESC, label" };
        format!(
            "SELECT {group} AS label, {columns} FROM events WHERE site_id = 1 AND timestamp >= {from} \
             AND timestamp < {to} + 86400 AND visit_start < {to}{conditions} GROUP BY label HAVING people > 0 ORDER BY {order} LIMIT 10",
            group = question.group,
        )
    }

    /// The visitors of the first rows.
    async fn report(&self, body: &str) -> Result<Vec<u64>> {
        let client = HttpClient::new(self.server.public());
        let headers = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        let answer = client.send(Method::POST, "/api/v2/query", &headers, body.to_owned()).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        let answer: Value = answer.json();
        let rows = answer["results"].as_array().context("no rows")?;
        Ok(rows.iter().filter_map(|row| row["metrics"][0].as_u64()).collect())
    }

    async fn by_hand(&self, sql: &str) -> Result<Vec<u64>> {
        // Columns that nobody looks at would not be computed.
        let statement =
            Statement::new(format!("/* bench */ SELECT people, cityHash64(*) AS all FROM ({sql})"));
        let rows = self.store.fetch::<(u64, u64)>(&statement).await?;
        Ok(rows.into_iter().map(|(visitors, _)| visitors).collect())
    }
}
