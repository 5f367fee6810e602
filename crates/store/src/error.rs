//! What can go wrong with the store, sorted by what the caller does about it.

use std::time::Duration;

/// A store call's outcome.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store call failed.
#[derive(Clone, Debug, thiserror::Error)]
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
    #[error("store refused the statement (code {code}{})", name_in(message))]
    Refused {
        /// ClickHouse's error code.
        code: u32,
        /// ClickHouse's words.
        message: String,
    },
    /// A statement within limits needs more than they allow: ask for less.
    #[error("the statement needs more {limit} than it may")]
    TooCostly {
        /// What it needs more of.
        limit: Cost,
    },
    /// The store is not what this version expects, or does not let us in: a person is needed.
    #[error("{message}")]
    Stop {
        /// What is wrong, and what was expected.
        message: String,
    },
}

/// What a statement may have only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Time.
    Time,
    /// Memory.
    Memory,
    /// Rows to read.
    Rows,
}

/// What ClickHouse says of a limit of one statement: the code, words that tell it from limits of the whole, what it is.
const LIMITS: &[(u32, &str, Cost)] = &[
    (158, "", Cost::Rows),
    // An engine that is busy says that the statement waited too long.
    (159, "elapsed", Cost::Time),
    (160, "", Cost::Time),
    (241, "Query memory limit", Cost::Memory),
    (241, "(for query)", Cost::Memory),
    (307, "", Cost::Rows),
    (396, "", Cost::Rows),
];

impl std::fmt::Display for Cost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Rows => "rows",
        })
    }
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

    /// The same error, or that a limit of the statement was met.
    pub(crate) fn or_too_costly(self) -> Self {
        let (code, words) = match &self {
            Self::Retry { message } => (code_in(message), message),
            Self::Refused { code, message } => (Some(*code), message),
            Self::TooCostly { .. } | Self::Stop { .. } => return self,
        };
        let met = |(limit, said, _): &&(u32, &str, Cost)| code == Some(*limit) && words.contains(said);
        LIMITS.iter().find(met).map_or(self.clone(), |(_, _, limit)| Self::TooCostly { limit: *limit })
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

/// The name in ClickHouse's "… (UNKNOWN_TABLE) (version 26.7.2.1)", after a comma and a space; nothing of a statement's values
/// can look like one.
fn name_in(text: &str) -> String {
    let last = text.rsplit_once(") (version ").and_then(|(text, _)| text.rsplit_once('('));
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || b"_0123456789".contains(&byte));
    match last {
        Some((_, name)) if !name.is_empty() && is_name(name) => format!(", {name}"),
        _ => String::new(),
    }
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
    fn names_what_was_refused_without_its_words() {
        let refused = of(
            "Code: 246. DB::Exception: Empty marks file 'x' (SECRET). (CORRUPTED_DATA) (version 26.7.2.1 (chdb build))",
        );
        assert_eq!(refused.to_string(), "store refused the statement (code 246, CORRUPTED_DATA)");
        let refused = of("Code: 62. DB::Exception: Syntax error: 'a value' (a value) (version 26.7.2.1)");
        assert_eq!(refused.to_string(), "store refused the statement (code 62)");
    }

    #[test]
    fn tells_a_limit_of_the_statement_from_one_of_the_whole() {
        let costly = |text: &str| match of(text).or_too_costly() {
            Error::TooCostly { limit } => Some(limit),
            _ => None,
        };
        let rows =
            "Code: 158. DB::Exception: Limit for rows (controlled by 'max_rows_to_read' setting) exceeded";
        assert_eq!(costly(rows), Some(Cost::Rows));
        let time = "Code: 159. DB::Exception: Timeout exceeded: elapsed 1003 ms, maximum: 1000 ms";
        assert_eq!(costly(time), Some(Cost::Time));
        assert_eq!(
            costly("Code: 159. DB::Exception: Timeout exceeded: waited too long for a connection"),
            None
        );
        let memory = "Code: 241. DB::Exception: Query memory limit exceeded: would use 11.00 MiB";
        assert_eq!(costly(memory), Some(Cost::Memory));
        assert_eq!(costly("Code: 241. DB::Exception: (total) memory limit exceeded: would use 1 GiB"), None);
    }

    #[test]
    fn backs_off_to_ten_seconds() {
        assert_eq!(Error::backoff(0), Duration::from_millis(100));
        assert_eq!(Error::backoff(3), Duration::from_millis(800));
        assert_eq!(Error::backoff(40), Duration::from_secs(10));
    }
}
