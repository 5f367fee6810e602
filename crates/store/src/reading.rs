//! Reading for people: every statement within limits of cost, the same statement once at a time, and what was answered
//! remembered for as long as it is true.
//!
//! An answer is remembered under the whole statement (its text and the values of its parameters, so that the range, the
//! goals, the segments, the privacy floor and the time of day are in it) and under the version of the data: a hash of
//! the store's own list of the parts that its tables consist of. An insert, an import, an erasure, a dropped partition
//! and a rebuilt roll-up each change that list, whoever does them. The version is asked for by every reader after its
//! question has arrived, and before a statement is run. Who knows better what a statement can see names a version of that
//! alone.
//!
//! Invariant: nobody is given rows that are older than the question. What is remembered under a version was read after
//! that version was seen.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clickhouse::{RowOwned, RowRead};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;

use crate::client::Store;
use crate::error::Result;
use crate::statement::Statement;

/// The `[query]` section: what a report may cost, and how much of what was answered is remembered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadConfig {
    /// Longest run of a statement.
    pub execution_seconds_max: u32,
    /// Most memory of a statement. The embedded engine has a limit of its own, of which the smaller holds.
    pub memory_bytes_max: u64,
    /// Most events that a statement reads.
    pub read_rows_max: u64,
    /// Memory for what was answered; 0 remembers nothing.
    pub cache_bytes: u64,
}

impl Default for ReadConfig {
    fn default() -> Self {
        Self {
            // Nobody waits longer for a report.
            execution_seconds_max: 30,
            memory_bytes_max: 2_000_000_000,
            // What an engine of two cores reads in the longest run.
            read_rows_max: 1_000_000_000,
            cache_bytes: 32 * 1024 * 1024,
        }
    }
}

/// A `[query]` section that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("query.{0}: 0, expected at least 1")]
pub struct ReadConfigError(&'static str);

impl ReadConfig {
    /// # Errors
    /// When a limit would let nothing through.
    pub fn check(&self) -> Result<(), ReadConfigError> {
        let limits = [
            ("execution_seconds_max", u64::from(self.execution_seconds_max)),
            ("memory_bytes_max", self.memory_bytes_max),
            ("read_rows_max", self.read_rows_max),
        ];
        limits.iter().find(|(_, limit)| *limit == 0).map_or(Ok(()), |(name, _)| Err(ReadConfigError(name)))
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerSource {
    /// The store read for it.
    Store,
    /// It was remembered.
    Memory,
    /// The store was just reading for the same statement.
    Company,
}

/// A row that can be remembered.
pub trait Remembered: RowOwned + RowRead + Clone + Send + Sync + 'static {
    /// Memory that it takes, about.
    fn weight_bytes(&self) -> usize;
}

/// What a store that reads for people is made with; shared by its clones.
pub(crate) struct Reading {
    settings: Vec<(&'static str, String)>,
    kept: Option<Cache<Key, Kept, KeptWeight>>,
    under_way: Mutex<HashMap<Key, WeakShared<Answering>>>,
    observe: Box<dyn Fn(AnswerSource) + Send + Sync>,
}

type Answering = BoxFuture<'static, Result<Kept>>;
/// A statement and a version of the data.
type Key = [u8; 32];

#[derive(Clone)]
struct Kept {
    rows: Arc<dyn Any + Send + Sync>,
    bytes: u64,
}

#[derive(Clone)]
struct KeptWeight;

impl Weighter<Key, Kept> for KeptWeight {
    fn weight(&self, _: &Key, kept: &Kept) -> u64 {
        kept.bytes
    }
}

/// What an answer takes beside its rows.
const KEPT_BYTES: u64 = 200;
/// A page of a report with a handful of rows.
const KEPT_BYTES_USUAL: u64 = 2_000;

impl Reading {
    /// The limits, as settings of a statement.
    pub(crate) fn settings(&self) -> &[(&'static str, String)] {
        &self.settings
    }
}

impl Store {
    /// The same store, reading for people. `observe` is told where each answer came from.
    #[must_use]
    pub fn for_reports(
        mut self,
        config: &ReadConfig,
        observe: impl Fn(AnswerSource) + Send + Sync + 'static,
    ) -> Self {
        let settings = vec![
            ("max_execution_time", config.execution_seconds_max.to_string()),
            ("max_memory_usage", config.memory_bytes_max.to_string()),
            ("max_rows_to_read", config.read_rows_max.to_string()),
            ("read_overflow_mode", "throw".to_owned()),
            // A server goes on with a statement that nobody waits for unless it is told not to, which it takes only
            // for one that cannot write. The embedded engine needs neither.
            ("readonly", "2".to_owned()),
            ("cancel_http_readonly_queries_on_client_close", "1".to_owned()),
        ];
        let usual = usize::try_from(config.cache_bytes / KEPT_BYTES_USUAL).unwrap_or(usize::MAX);
        let kept = (config.cache_bytes > 0)
            .then(|| Cache::with_weighter(usual.max(16), config.cache_bytes, KeptWeight));
        let observe = Box::new(observe);
        self.reading = Some(Arc::new(Reading { settings, kept, under_way: Mutex::default(), observe }));
        self
    }

    /// All rows of a statement, which the store may have been asked for by somebody else.
    ///
    /// Dropped before its end, it cancels the statement, unless others wait for the same.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::TooCostly`] for what a limit forbids.
    pub async fn fetch_once<T: Remembered>(&self, statement: &Statement) -> Result<Vec<T>> {
        if self.reading.is_none() {
            return self.fetch(statement).await;
        }
        self.fetch_once_at(statement, self.parts().await?.version()).await
    }

    /// The same for who knows the version of the data, and has learned it since the question arrived.
    ///
    /// # Errors
    /// As [`Self::fetch_once`].
    pub async fn fetch_once_at<T: Remembered>(&self, statement: &Statement, version: u64) -> Result<Vec<T>> {
        let Some(reading) = &self.reading else { return self.fetch(statement).await };
        let key = key(statement, version);
        if let Some(kept) = reading.kept.as_ref().and_then(|kept| kept.get(&key))
            && let Ok(rows) = kept.rows.downcast::<Vec<T>>()
        {
            (reading.observe)(AnswerSource::Memory);
            return Ok(Arc::unwrap_or_clone(rows));
        }
        let (answering, source) = self.answering::<T>(reading, (key, statement));
        let kept = answering.await?;
        (reading.observe)(source);
        match kept.rows.downcast::<Vec<T>>() {
            Ok(rows) => Ok(Arc::unwrap_or_clone(rows)),
            // The same statement read as rows of another type.
            Err(_) => self.fetch(statement).await,
        }
    }

    /// The answer that is on its way, or a new one.
    fn answering<T: Remembered>(
        &self,
        reading: &Arc<Reading>,
        (key, statement): (Key, &Statement),
    ) -> (Shared<Answering>, AnswerSource) {
        let mut under_way = reading.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answering) = under_way.get(&key).and_then(WeakShared::upgrade) {
            return (answering, AnswerSource::Company);
        }
        let (store, statement, remember) = (self.clone(), statement.clone(), Arc::clone(reading));
        let answering = async move {
            let rows: Vec<T> = store.fetch(&statement).await?;
            let bytes = rows.iter().map(|row| row.weight_bytes() as u64).sum::<u64>() + KEPT_BYTES;
            let kept = Kept { rows: Arc::new(rows), bytes };
            if let Some(cache) = &remember.kept {
                cache.insert(key, kept.clone());
            }
            Ok(kept)
        };
        let answering = answering.boxed().shared();
        // Those that nobody waits for any more have ended; there are never many.
        under_way.retain(|_, answering| answering.upgrade().is_some());
        if let Some(weak) = answering.downgrade() {
            under_way.insert(key, weak);
        }
        (answering, AnswerSource::Store)
    }
}

fn key(statement: &Statement, version: u64) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&version.to_le_bytes());
    // Each piece with its length, or two statements could run together to the same text.
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(statement.sql());
    for (name, value) in statement.params() {
        add(name);
        add(&serde_json::to_string(value).unwrap_or_else(|_| format!("{value:?}")));
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_statements_values_and_versions_apart() {
        let statement = |sql: &str, value: &str| Statement::new(sql).param("text", value);
        let keys = [
            key(&statement("SELECT 1", "a"), 1),
            key(&statement("SELECT 2", "a"), 1),
            key(&statement("SELECT 1", "b"), 1),
            key(&statement("SELECT 1", "a"), 2),
            key(&Statement::new("SELECT 1").param("text", vec!["a".to_owned()]), 1),
            key(&Statement::new("SELECT 1").param("tex", "ta"), 1),
        ];
        for (index, one) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(one), "{index}");
        }
        assert_eq!(keys[0], key(&statement("SELECT 1", "a"), 1));
    }

    #[test]
    fn refuses_a_limit_that_lets_nothing_through() {
        assert!(ReadConfig::default().check().is_ok());
        let none = ReadConfig { read_rows_max: 0, ..ReadConfig::default() };
        assert_eq!(
            none.check().expect_err("refused").to_string(),
            "query.read_rows_max: 0, expected at least 1"
        );
    }
}
