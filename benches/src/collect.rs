//! What a beacon costs: a bare server, the collector alone and the whole product, one after the other in one run.
//!
//! Invariant: at the end the store holds exactly what was acknowledged, or there are no figures.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use passant_tests::{FIREFOX, HttpClient};
use serde_json::{Value, json};

use crate::load::{CONNECTIONS, Outcome};
use crate::measured::{Ledger, Measured, drained, measured, verify};
use crate::server::{Kind, Server};
use crate::table::{print, row};
use crate::{Place, machine, store};

pub(crate) const STEADY_PER_SECOND: u64 = 600;
/// Caches fill, connections open, the first segments go out: none of it is measured.
const WARM_UP_SECONDS: u64 = 3;
const PROBES: usize = 50;
const PROBE_EVERY: Duration = Duration::from_millis(330);
const PROBE_LOAD_SECONDS: u64 = 22;
const POLL_EVERY: Duration = Duration::from_millis(20);

/// The rows of both tables, a server each.
#[derive(Default)]
struct Tables {
    saturated: Vec<Measured>,
    steady: Vec<Measured>,
}

/// Measures and prints.
///
/// # Errors
/// When something cannot be started, or the store does not hold what was acknowledged.
pub(crate) async fn run(place: &Place, seconds: u64, preload_events: u64) -> Result<()> {
    machine::show(&place.directory()?)?;
    let mut tables = Tables::default();
    let bare = Server::bare().await?;
    tables.fill("bare hyper", &bare, (seconds, &mut Ledger::default())).await?;
    drop(bare);

    let alone = Server::passant(place, Kind::Away, &[]).await?;
    let mut ledger = Ledger::default();
    tables.fill("collector alone", &alone, (seconds, &mut ledger)).await?;
    let spooled = alone.metric("passant_spool_events").await?;
    ensure!(spooled == ledger.events as f64, "{spooled} events in the spool, {} acknowledged", ledger.events);
    drop(alone);

    let whole = Server::passant(place, Kind::Engine, &[]).await?;
    let engine = whole.store().await?;
    let mut ledger = Ledger::default();
    ledger.preload(&whole, preload_events).await?;
    tables.fill("whole product", &whole, (seconds, &mut ledger)).await?;
    let visible = probes(&whole, &mut ledger).await?;
    drained(&whole).await?;
    verify(&engine, &ledger).await?;
    let before = store::on_disk(&engine).await?;
    store::merge_all(&engine).await?;
    let after = store::on_disk(&engine).await?;
    whole.stop().await?;

    show("saturated, 64 connections", &tables.saturated);
    show("600 events/s, 64 connections", &tables.steady);
    print(
        "whole product",
        &[
            row(["what", "value"]),
            vec!["from the 202 to the report, p50".into(), format!("{:.2} s", visible[PROBES / 2])],
            vec!["from the 202 to the report, p99 (of 50)".into(), format!("{:.2} s", visible[PROBES - 1])],
            vec![
                "disk an event, as shipped".into(),
                format!("{:.1} B in {} parts", before.each(), before.parts),
            ],
            vec!["disk an event, merged".into(), format!("{:.1} B in {} parts", after.each(), after.parts)],
            vec!["of today in the store before it was measured, at least".into(), preload_events.to_string()],
            vec!["events acknowledged = events stored".into(), ledger.events.to_string()],
        ],
    );
    Ok(())
}

impl Tables {
    /// Warm-up, saturation and steady load of one server.
    async fn fill(
        &mut self,
        name: &'static str,
        server: &Server,
        (seconds, ledger): (u64, &mut Ledger),
    ) -> Result<()> {
        measured(name, server, ledger, (WARM_UP_SECONDS, None)).await?;
        self.saturated.push(measured(name, server, ledger, (seconds, None)).await?);
        self.steady.push(measured(name, server, ledger, (seconds, Some(STEADY_PER_SECOND))).await?);
        Ok(())
    }
}

/// Events with names of their own, sent amid steady load; the seconds after which a report shows each, sorted.
async fn probes(server: &Server, ledger: &mut Ledger) -> Result<Vec<f64>> {
    let bearer = format!("Bearer {}", server.token().await?);
    let client = HttpClient::new(server.public());
    // Without a filter, under which the privacy floor would fold the probes.
    let question = json!({
        "site_id": "example.com", "metrics": ["events"], "date_range": "all", "dimensions": ["event:name"],
    });
    let question = question.to_string();
    let (mut acknowledged, mut visible) = (Vec::new(), Vec::<Option<f64>>::new());
    let work = async {
        while visible.iter().flatten().count() < PROBES {
            let due = acknowledged.last().is_none_or(|last: &Instant| last.elapsed() >= PROBE_EVERY);
            if due && acknowledged.len() < PROBES {
                let name = format!(
                    "Probe {}",
                    ["A", "B", "C", "D", "E"][acknowledged.len() / 10].repeat(1 + acknowledged.len() % 10)
                );
                let body =
                    json!({"n": name, "u": "https://www.example.com/", "d": "example.com"}).to_string();
                let headers = [("content-type", "text/plain"), ("user-agent", FIREFOX)];
                let answer = client.send(Method::POST, "/api/event", &headers, body).await?;
                ensure!(
                    answer.status == 202 && answer.header("x-passant-discarded").is_empty(),
                    "a probe was not taken"
                );
                acknowledged.push(Instant::now());
                visible.push(None);
            }
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let answer = client.send(Method::POST, "/api/v2/query", &headers, question.clone()).await?;
            ensure!(answer.status == 200, "{}", answer.text());
            let report = answer.json();
            for (index, seen) in visible.iter_mut().enumerate().filter(|(_, seen)| seen.is_none()) {
                if shows(&report, index) {
                    *seen = Some(acknowledged[index].elapsed().as_secs_f64());
                }
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        Ok(())
    };
    let (loaded, probed) =
        tokio::join!(ledger.load(server, PROBE_LOAD_SECONDS, Some(STEADY_PER_SECOND)), work);
    loaded?;
    probed?;
    ledger.events += PROBES as u64;
    let mut seconds: Vec<f64> =
        visible.into_iter().collect::<Option<_>>().context("a probe was never shown")?;
    seconds.sort_by(f64::total_cmp);
    Ok(seconds)
}

/// Whether a report has a probe's row, and counts it once.
fn shows(report: &Value, probe: usize) -> bool {
    let name = probe_name(probe);
    let rows = report["results"].as_array().map_or(&[][..], Vec::as_slice);
    rows.iter().any(|row| row["dimensions"][0] == name.as_str() && row["metrics"][0] == 1)
}

/// In letters alone, since the pipeline takes longer numbers for identifiers and replaces them.
fn probe_name(probe: usize) -> String {
    format!("Probe {}", ["A", "B", "C", "D", "E"][probe / 10].repeat(1 + probe % 10))
}

fn show(load: &str, measured: &[Measured]) {
    let each = |seconds: f64, outcome: &Outcome| seconds * 1e6 / outcome.acknowledged as f64;
    let bare = measured.first().map_or(f64::NAN, |bare| each(bare.at_answer[0], &bare.outcome));
    let mut rows = vec![row([
        "server",
        "events/s",
        "p50 ms",
        "p99 ms",
        "server µs",
        "× bare",
        "engine µs",
        "all, shipped µs",
        "× bare",
        "drain s",
        "server MiB",
        "engine MiB (anon)",
        "others' CPU",
    ])];
    for one in measured {
        let server = each(one.at_answer[0], &one.outcome);
        let all = each(one.at_rest[0] + one.at_rest[1], &one.outcome);
        rows.push(vec![
            one.server.to_owned(),
            format!("{:.0}", one.outcome.acknowledged as f64 / one.outcome.seconds),
            format!("{:.1}", one.outcome.p50_milliseconds),
            format!("{:.1}", one.outcome.p99_milliseconds),
            format!("{server:.1}"),
            format!("{:.2}", server / bare),
            format!("{:.1}", each(one.at_rest[1], &one.outcome)),
            format!("{all:.1}"),
            format!("{:.2}", all / bare),
            format!("{:.1}", one.drain_seconds),
            format!("{:.0}", one.memory[0].resident),
            format!("{:.0} ({:.0})", one.memory[1].resident, one.memory[1].anonymous),
            format!("{:.0} %", one.others * 100.0),
        ]);
    }
    print(load, &rows);
}

const _: () = assert!(CONNECTIONS == 64, "the headings say so");
