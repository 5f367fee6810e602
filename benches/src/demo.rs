//! The demo site: how long it takes to load, what it takes on disk and in memory.
//!
//! Invariant: the data directory is fresh, and the store holds every event that was made.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use passant_tests::HttpClient;
use serde_json::{Value, json};

use crate::process;
use crate::server::{Kind, Server};
use crate::table::{print, row};
use crate::{Place, machine, store};

const PATIENCE: Duration = Duration::from_secs(900);
/// How often each report is asked; the median is shown.
const TIMES: usize = 5;

/// Measures and prints.
///
/// # Errors
/// When the demo cannot be loaded, or the store does not hold it.
pub(crate) async fn run(place: &Place, events: u64) -> Result<()> {
    machine::show(&place.directory()?)?;
    let began = Instant::now();
    let server =
        Server::passant(place, Kind::Engine, &["--demo".into(), "--demo-events".into(), events.to_string()])
            .await?;
    let filled = server.logged("the demo site is filled", PATIENCE).await?;
    let since_start = began.elapsed().as_secs_f64();
    let engine_pid = server.engine_pid().context("the engine ended")?;
    let loading_cpu = process::cpu_seconds(server.pid()?)? + process::cpu_seconds(engine_pid)?;
    let loaded = process::memory(engine_pid)?;
    let engine = server.store().await?;
    let stored = store::number(&engine, "count()", "events WHERE import_id > 0").await?;
    ensure!(
        filled["events"] == json!(stored),
        "{stored} demo events in the store, {} made",
        filled["events"]
    );
    let before = store::on_disk(&engine).await?;
    let reports = reports(&server).await?;
    let asked = process::memory(engine_pid)?;
    store::merge_all(&engine).await?;
    let after = store::on_disk(&engine).await?;
    let merged = process::memory(engine_pid)?;
    let own = process::memory(server.pid()?)?;
    server.stop().await?;

    let seconds = filled["seconds"].as_f64().unwrap_or(f64::NAN);
    let memory = |memory: process::Memory| {
        format!(
            "{:.0} MiB resident, {:.0} anonymous, {:.0} peak",
            memory.resident, memory.anonymous, memory.peak
        )
    };
    let mut rows = vec![
        row(["what", "value"]),
        vec!["events".into(), stored.to_string()],
        vec!["load, as logged".into(), format!("{seconds:.1} s, {:.0} events/s", stored as f64 / seconds)],
        vec!["from the start of a fresh server".into(), format!("{since_start:.1} s")],
        vec![
            "CPU an event, server and engine".into(),
            format!("{:.1} µs", loading_cpu * 1e6 / stored as f64),
        ],
        vec!["disk an event, as loaded".into(), format!("{:.1} B in {} parts", before.each(), before.parts)],
        vec!["disk an event, merged".into(), format!("{:.1} B in {} parts", after.each(), after.parts)],
        vec!["engine, loaded".into(), memory(loaded)],
        vec!["engine, after the reports below".into(), memory(asked)],
        vec!["engine, after the merge".into(), memory(merged)],
        vec!["server".into(), memory(own)],
    ];
    rows.extend(
        reports
            .into_iter()
            .map(|(name, milliseconds)| vec![name.to_owned(), format!("{milliseconds:.0} ms")]),
    );
    print("demo site", &rows);
    Ok(())
}

/// The median time of some reports over all of the demo's days, in milliseconds.
async fn reports(server: &Server) -> Result<Vec<(&'static str, f64)>> {
    let questions = [
        ("report: visitors, visits, pageviews", json!({"metrics": ["visitors", "visits", "pageviews"]})),
        ("report: pages by visitors", json!({"metrics": ["visitors"], "dimensions": ["event:page"]})),
        (
            "report: sources by visitors",
            json!({"metrics": ["visitors", "bounce_rate"], "dimensions": ["visit:source"]}),
        ),
    ];
    let client = HttpClient::new(server.public());
    let bearer = format!("Bearer {}", server.token().await?);
    let mut medians = Vec::new();
    for (name, mut question) in questions {
        question["site_id"] = Value::from("demo.example");
        question["date_range"] = Value::from("all");
        let mut taken = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let answer = client.send(Method::POST, "/api/v2/query", &headers, question.to_string()).await?;
            ensure!(answer.status == 200, "{}", answer.text());
            let first = answer.json()["results"][0]["metrics"][0].as_u64();
            ensure!(first.is_some_and(|visitors| visitors > 0), "an empty report: {}", answer.text());
            taken.push(began.elapsed().as_secs_f64() * 1e3);
        }
        taken.sort_by(f64::total_cmp);
        medians.push((name, taken[TIMES / 2]));
    }
    Ok(medians)
}
