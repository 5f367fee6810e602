//! What can go wrong with the store, sorted by what the caller does about it.

use std::time::Duration;

/// A store call's outcome.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store is away, busy or short of something: try again later. An insert that ends like this may or may not
    /// have happened; ask [`crate::Store::missing_partitions`] before the next try.
    #[error("store is not available: {message}")]
    Retry {
        /// What the store or the network said.
        message: String,
    },
    /// The statement itself was refused; the same statement will be refused again.
    // Its words quote the statement's values, such as a filter's, and an error is logged.
    #[error("store refused the statement (code {code})")]
    Refused {
        /// ClickHouse's error code.
        code: u32,
        /// ClickHouse's words.
        message: String,
    },
    /// The store is not what this version expects, or does not let us in: a person is needed.
    #[error("{message}")]
    Stop {
        /// What is wrong, and what was expected.
        message: String,
    },
}

/// ClickHouse error codes that pass by themselves (source: `src/Common/ErrorCodes.cpp` of ClickHouse).
const PASSING: &[(u32, &str)] = &[
    (3, "UNEXPECTED_END_OF_FILE"),
    (159, "TIMEOUT_EXCEEDED"),
    (202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
    (203, "NO_FREE_CONNECTION"),
    (209, "SOCKET_TIMEOUT"),
    (210, "NETWORK_ERROR"),
    (225, "NO_ZOOKEEPER"),
    (236, "ABORTED"),
    (241, "MEMORY_LIMIT_EXCEEDED"),
    (242, "TABLE_IS_READ_ONLY"),
    (243, "NOT_ENOUGH_SPACE"),
    (252, "TOO_MANY_PARTS"),
    (285, "TOO_FEW_LIVE_REPLICAS"),
    (286, "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE"),
    (289, "REPLICA_IS_NOT_IN_QUORUM"),
    (319, "UNKNOWN_STATUS_OF_INSERT"),
    (394, "QUERY_WAS_CANCELLED"),
    (425, "SYSTEM_ERROR"),
    (439, "CANNOT_SCHEDULE_TASK"),
    (999, "KEEPER_EXCEPTION"),
];

/// Codes that a person must mend: the credentials, the database or the table.
const NEEDS_A_PERSON: &[(u32, &str)] = &[
    (60, "UNKNOWN_TABLE"),
    (81, "UNKNOWN_DATABASE"),
    (192, "UNKNOWN_USER"),
    (193, "WRONG_PASSWORD"),
    (497, "ACCESS_DENIED"),
    (516, "AUTHENTICATION_FAILED"),
];

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }

    /// How long to wait before try number `attempt` (from 0): 100 ms doubling to 10 s. The caller adds its jitter.
    pub fn backoff(attempt: u32) -> Duration {
        Duration::from_millis((100u64 << attempt.min(7)).min(10_000))
    }
}

impl From<clickhouse::error::Error> for Error {
    fn from(error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error as Client;
        let message = with_sources(&error);
        match &error {
            Client::Network(_) | Client::TimedOut | Client::Decompression(_) => Self::Retry { message },
            Client::BadResponse(text) => match code_in(text) {
                Some(code) if PASSING.iter().any(|(passing, _)| *passing == code) => {
                    Self::Retry { message: text.clone() }
                }
                Some(code) if NEEDS_A_PERSON.iter().any(|(person, _)| *person == code) => {
                    Self::Stop { message: format!("store needs attention: {text}") }
                }
                Some(code) => Self::Refused { code, message: text.clone() },
                // No ClickHouse error at all: a proxy, a cut answer, a server that is starting.
                None => Self::Retry { message: text.clone() },
            },
            _ => Self::Stop { message: format!("the store's answer was not understood: {message}") },
        }
    }
}

/// The code in ClickHouse's "Code: 60. DB::Exception: …".
fn code_in(text: &str) -> Option<u32> {
    let rest = &text[text.find("Code: ")? + "Code: ".len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Error {
        clickhouse::error::Error::BadResponse(text.into()).into()
    }

    #[test]
    fn sorts_answers_by_what_the_caller_does() {
        assert!(matches!(of("Code: 252. DB::Exception: Too many parts"), Error::Retry { .. }));
        assert!(matches!(of("Code: 62. DB::Exception: Syntax error"), Error::Refused { code: 62, .. }));
        assert!(matches!(of("Code: 516. DB::Exception: Authentication failed"), Error::Stop { .. }));
        assert!(matches!(of("502 Bad Gateway"), Error::Retry { .. }));
    }

    #[test]
    fn backs_off_to_ten_seconds() {
        assert_eq!(Error::backoff(0), Duration::from_millis(100));
        assert_eq!(Error::backoff(3), Duration::from_millis(800));
        assert_eq!(Error::backoff(40), Duration::from_secs(10));
    }
}
