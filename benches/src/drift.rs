//! Whether an event costs more after an hour's traffic: a minute at the first, the traffic, the same minute again.
//!
//! Invariant: both minutes get the same load from the same server process, on the same store, which at the end holds
//! all that was acknowledged.

use std::time::Duration;

use anyhow::Result;

use crate::collect::STEADY_PER_SECOND;
use crate::measured::{Ledger, Measured, drained, measured, verify};
use crate::server::{Kind, Server};
use crate::table::{print, row};
use crate::{Place, machine};

const MINUTE_SECONDS: u64 = 60;
/// Caches fill and connections open: not measured.
const WARM_UP_SECONDS: u64 = 5;
/// What an hour brings at the steady rate.
const HOUR_EVENTS: u64 = 3600 * STEADY_PER_SECOND;
/// The merges that an hour's traffic leaves when it comes within minutes: in an hour they are long over.
const REST: Duration = Duration::from_secs(30);

/// What lies between the two minutes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Between {
    /// An hour's events, as fast as they are taken.
    Hour,
    /// The steady load, for so many real minutes.
    Minutes(u64),
}

/// Measures and prints.
///
/// # Errors
/// When something cannot be started, or the store does not hold what was acknowledged.
pub(crate) async fn run(place: &Place, between: Between) -> Result<()> {
    machine::show(&place.directory()?)?;
    let server = Server::passant(place, Kind::Engine, &[]).await?;
    let engine = server.store().await?;
    let mut ledger = Ledger::default();
    let steady = Some(STEADY_PER_SECOND);
    measured("warm-up", &server, &mut ledger, (WARM_UP_SECONDS, steady)).await?;
    let first = measured("first minute", &server, &mut ledger, (MINUTE_SECONDS, steady)).await?;
    let before = ledger.events;
    match between {
        Between::Hour => {
            ledger.preload(&server, HOUR_EVENTS).await?;
            tokio::time::sleep(REST).await;
        }
        Between::Minutes(minutes) => {
            ledger.load(&server, minutes * MINUTE_SECONDS, steady).await?;
            drained(&server).await?;
        }
    }
    let came = ledger.events - before;
    let last = measured("the minute after", &server, &mut ledger, (MINUTE_SECONDS, steady)).await?;
    verify(&engine, &ledger).await?;
    server.stop().await?;
    show(&[first, last], came);
    Ok(())
}

fn show([first, last]: &[Measured; 2], came: u64) {
    let each = |one: &Measured, seconds: f64| seconds * 1e6 / one.outcome.acknowledged as f64;
    let server = |one: &Measured| each(one, one.at_rest[0]);
    let engine = |one: &Measured| each(one, one.at_rest[1]);
    let all = |one: &Measured| server(one) + engine(one);
    let mut rows = vec![row(["what", "first minute", "the minute after", "ratio"])];
    for (what, of) in [
        ("server µs an event", &server as &dyn Fn(&Measured) -> f64),
        ("engine µs an event", &engine),
        ("all, shipped, µs an event", &all),
        ("server MiB", &|one| one.memory[0].resident),
        ("engine MiB", &|one| one.memory[1].resident),
        ("p50 ms", &|one| one.outcome.p50_milliseconds),
        ("p99 ms", &|one| one.outcome.p99_milliseconds),
        ("others' CPU, %", &|one| one.others * 100.0),
    ] {
        let (one, two) = (of(first), of(last));
        rows.push(vec![
            what.to_owned(),
            format!("{one:.1}"),
            format!("{two:.1}"),
            format!("{:.2}", two / one),
        ]);
    }
    print(&format!("600 events/s, before and after {came} events"), &rows);
}
