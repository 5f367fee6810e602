//! The `[spool]` section of the configuration: when to sync, when to seal, how much disk to take.
//!
//! Invariant: a [`Config`] that [`Config::check`] accepted has no setting under which the spool could not
//! make progress. Where the spool lies is not part of it; the directory is an argument of `open`.

use std::time::Duration;

use serde::Deserialize;

use crate::OpenError;

/// The settings of a spool.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The least time between the starts of two commits, in milliseconds, so that a disk which syncs in
    /// microseconds is not asked to do so thousands of times a second. An append that finds the spool at
    /// rest never waits for company, and on a disk whose sync takes longer than this nobody does. Measured with
    /// syncs of 0.5 ms and 64 appenders that each wait for their answer: 0 ms gives 59,000 events a second from
    /// 1,700 syncs, 1 ms 50,000 from 800, 5 ms 12,000 from 190. Raise it to spare the disk, at that price.
    pub commit_delay_milliseconds: u64,
    /// How long after the start of a commit the next one waits for company, in milliseconds, unless `gather_appends`
    /// have come before. An append that finds the spool at rest, or that is always alone, does not wait.
    pub gather_milliseconds: u64,
    /// A commit that has gathered this many appends waits for no more.
    pub gather_appends: usize,
    /// A commit that has gathered this many bytes is written without further waiting.
    pub commit_bytes: u64,
    /// A segment is sealed before it would grow past this size, in bytes.
    pub segment_bytes: u64,
    /// A segment is sealed this many seconds after its first frame: the share that the spool has in the time
    /// from an answer to the report that shows it.
    pub seal_after_seconds: f64,
    /// A segment is sealed before it would hold more frames than this, so that a batch fits in one INSERT
    /// block (1,048,449 rows by default in ClickHouse).
    pub seal_after_events: u32,
    /// The most that all segments together may take, in bytes; beyond it, appends are refused.
    pub capacity_bytes: u64,
    /// Free space that must stay on the file system, in bytes; below it, appends are refused.
    pub reserve_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            commit_delay_milliseconds: 1,
            gather_milliseconds: 8,
            gather_appends: 128,
            commit_bytes: 1 << 20,
            segment_bytes: 64 << 20,
            seal_after_seconds: 1.0,
            seal_after_events: 500_000,
            capacity_bytes: 8 << 30,
            reserve_bytes: 256 << 20,
        }
    }
}

impl Config {
    /// Refuses settings under which nothing could ever be stored or sealed.
    ///
    /// # Errors
    /// [`OpenError::Setting`], naming the first setting that cannot be right.
    pub fn check(&self) -> Result<(), OpenError> {
        let sane_age = self.seal_after_seconds.is_finite() && self.seal_after_seconds > 0.0;
        let faults = [
            (sane_age && self.seal_after_seconds <= 86_400.0, "seal_after_seconds", "above 0, at most 86400"),
            (self.commit_delay_milliseconds <= 1_000, "commit_delay_milliseconds", "at most 1000"),
            (self.gather_milliseconds <= 1_000, "gather_milliseconds", "at most 1000"),
            (self.commit_bytes > 0, "commit_bytes", "above 0"),
            (self.seal_after_events > 0, "seal_after_events", "above 0"),
            (
                self.segment_bytes >= 4 << 10 && self.segment_bytes <= 1 << 30,
                "segment_bytes",
                "4 KiB to 1 GiB",
            ),
            (self.capacity_bytes >= self.segment_bytes, "capacity_bytes", "at least segment_bytes"),
        ];
        match faults.into_iter().find(|(holds, ..)| !holds) {
            Some((_, name, expected)) => Err(OpenError::Setting { name, expected }),
            None => Ok(()),
        }
    }

    pub(crate) fn commit_delay(&self) -> Duration {
        Duration::from_millis(self.commit_delay_milliseconds)
    }

    pub(crate) fn gather(&self) -> Duration {
        Duration::from_millis(self.gather_milliseconds)
    }

    pub(crate) fn seal_after(&self) -> Duration {
        Duration::from_secs_f64(self.seal_after_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_partial_section_and_refuses_unknown_settings() {
        let config: Config = serde_json::from_str(r#"{"seal_after_seconds": 0.5}"#).unwrap();
        assert_eq!(config, Config { seal_after_seconds: 0.5, ..Config::default() });
        assert!(serde_json::from_str::<Config>(r#"{"seal_after": 1}"#).is_err());
    }

    #[test]
    fn names_the_setting_that_cannot_be_right() {
        Config::default().check().unwrap();
        for (config, expected) in [
            (Config { seal_after_seconds: f64::NAN, ..Config::default() }, "seal_after_seconds"),
            (Config { seal_after_events: 0, ..Config::default() }, "seal_after_events"),
            (Config { capacity_bytes: 1, ..Config::default() }, "capacity_bytes"),
        ] {
            let Err(OpenError::Setting { name, .. }) = config.check() else { panic!("{config:?} passed") };
            assert_eq!(name, expected);
        }
    }
}
