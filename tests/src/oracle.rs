//! The oracle: numbers every event that it sends, remembers what became of each, and compares with what is stored.
//!
//! The number travels as the event's revenue, the one field that no stage may shorten, clean or guess; the other fields
//! follow from it, so that an event that comes back mixed with another one is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::http_client::HttpClient;
use crate::passant::{FIREFOX, Passant};

/// What became of every event that was sent.
#[derive(Clone, Default)]
pub struct Oracle(Arc<Books>);

#[derive(Default)]
struct Books {
    next: AtomicU64,
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    acknowledged: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    unanswered: BTreeSet<u64>,
}

/// Clients that send until they are told to stop or their server is gone.
pub struct Load {
    clients: JoinSet<()>,
    stop: Arc<AtomicUsize>,
}

impl Oracle {
    /// Starts `clients` that each send one event after the other to `server`.
    pub fn load(&self, server: &HttpClient, clients: usize) -> Load {
        let stop = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (oracle, server, stop) = (self.clone(), server.clone(), stop.clone());
            tasks.spawn(async move {
                let mut lost = 0;
                while stop.load(Ordering::Acquire) == 0 && lost < 3 {
                    // A connection that breaks is one unanswered event, a server that is gone are three.
                    lost = if oracle.send(&server, client).await { 0 } else { lost + 1 };
                }
            });
        }
        Load { clients: tasks, stop }
    }

    /// Sends one event; whether an answer came.
    pub async fn send(&self, server: &HttpClient, visitor: usize) -> bool {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed) + 1;
        let body = beacon(number);
        // Each client is another visitor by its language-neutral browser version.
        let agent = FIREFOX.replace("145", &(100 + visitor % 60).to_string());
        let headers = [("content-type", "text/plain"), ("user-agent", agent.as_str())];
        let answer = server.send(Method::POST, "/api/event", &headers, body.to_string()).await;
        let mut sent = self.sent();
        match answer {
            Ok(answer) if answer.status == 202 && answer.header("x-passant-discarded").is_empty() => {
                sent.acknowledged.insert(number);
                true
            }
            Ok(_) => {
                sent.refused.insert(number);
                true
            }
            Err(_) => {
                sent.unanswered.insert(number);
                false
            }
        }
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.0.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.sent().acknowledged.len()
    }

    /// How many events were refused so far.
    pub fn refused(&self) -> usize {
        self.sent().refused.len()
    }

    /// How many events were sent and never answered so far.
    pub fn unanswered(&self) -> usize {
        self.sent().unanswered.len()
    }

    /// As [`Oracle::check`], for tests.
    ///
    /// # Panics
    /// When it finds something.
    pub async fn verify(&self, passant: &Passant) {
        if let Err(error) = self.check(passant).await {
            panic!("{error}\n{}", passant.log());
        }
    }

    /// Waits for the backlog to be shipped, then holds the store against what was answered; how many events were
    /// acknowledged.
    ///
    /// # Errors
    /// When an acknowledged event is missing, any event is stored twice or not as it was sent, or a refused or unknown
    /// one is stored.
    pub async fn check(&self, passant: &Passant) -> Result<u64> {
        // As long as it shrinks it is waited for: how fast it does so is the machine's affair.
        let mut backlog = f64::INFINITY;
        while backlog > 0.0 {
            backlog = crate::until("the spool gets emptier", || async {
                let waiting = passant.metric("passant_spool_events").await;
                (waiting < backlog).then_some(waiting)
            })
            .await;
        }
        // The export may read from a store that a task of this runtime stands in front of.
        let export = || passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
        self.check_export(&tokio::task::block_in_place(export))
    }

    /// Holds an export against what was answered; how many events were acknowledged.
    ///
    /// # Errors
    /// As [`Oracle::check`].
    pub fn check_export(&self, export: &str) -> Result<u64> {
        let mut stored: BTreeMap<u64, u32> = BTreeMap::new();
        for line in export.lines() {
            let number = faithful(line).with_context(|| format!("stored otherwise than sent: {line}"))?;
            *stored.entry(number).or_default() += 1;
        }
        let sent = self.sent();
        let lost: Vec<_> = sent.acknowledged.iter().filter(|number| !stored.contains_key(number)).collect();
        let doubled: Vec<_> = stored.iter().filter(|(_, times)| **times > 1).collect();
        let unwanted: Vec<_> = stored
            .keys()
            .filter(|number| !sent.acknowledged.contains(number) && !sent.unanswered.contains(number))
            .collect();
        ensure!(
            lost.is_empty() && doubled.is_empty() && unwanted.is_empty(),
            "of {} acknowledged events {} are lost {lost:?}, {} doubled {doubled:?}, {} stored though refused {unwanted:?}",
            sent.acknowledged.len(),
            lost.len(),
            doubled.len(),
            unwanted.len(),
        );
        Ok(sent.acknowledged.len() as u64)
    }
}

impl Load {
    /// Tells the clients to stop after the event that each is sending, and waits for them.
    pub async fn stop(mut self) {
        self.stop.store(1, Ordering::Release);
        while self.clients.join_next().await.is_some() {}
    }
}

fn beacon(number: u64) -> Value {
    json!({
        "n": "Numbered",
        "u": format!("https://example.com{}?utm_source=oracle", path(number)),
        "d": "example.com",
        "p": {"shelf": shelf(number), "kind": "oracle"},
        "$": {"amount": number.to_string(), "currency": "EUR"},
    })
}

// Fields that follow from the number, so that an event cannot come back with another one's. Where a visit came from is
// the visit's and not the event's.
fn path(number: u64) -> String {
    format!("/numbered/{}", number % 1009)
}

fn shelf(number: u64) -> String {
    format!("row {} of {}", number % 31, "x".repeat((number % 40) as usize))
}

/// The number of an exported event, all of whose fields follow from it.
fn faithful(line: &str) -> Result<u64> {
    let record: Value = serde_json::from_str(line)?;
    let amount = record["revenue"]["amount"].as_str().context("no amount")?;
    let number: u64 = amount.strip_suffix(".00").context("not whole")?.parse()?;
    let expected = [
        ("name", json!("Numbered")),
        ("hostname", json!("example.com")),
        ("pathname", json!(path(number))),
        ("utm_source", json!("oracle")),
        ("browser", json!("Firefox")),
        ("props", json!({"shelf": shelf(number), "kind": "oracle"})),
    ];
    for (field, value) in expected {
        ensure!(record[field] == value, "{field} of event {number}: {}, expected {value}", record[field]);
    }
    ensure!(record["revenue"]["currency"] == "EUR", "currency of event {number}");
    Ok(number)
}
