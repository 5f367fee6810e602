//! ClickHouse exceptions: their text, their code and the HTTP status that goes with it.
//!
//! Invariant: each exception that leaves the engine reads `Code: N. DB::Exception: … (NAME)`, because clients
//! recognise errors by that text. Errors of the engine process itself are in [`crate::Error`].

use http::StatusCode;

/// A failed statement, as ClickHouse words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    code: u32,
    text: String,
}

/// Exceptions that the front itself raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BadArguments,
    NotImplemented,
    SyntaxError,
    CannotDecompress,
    UnknownSetting,
    TimeoutExceeded,
    Readonly,
    UnknownUser,
    AuthenticationFailed,
    TooManySimultaneousQueries,
    MemoryLimitExceeded,
    QueryIsTooLarge,
    QueryWasCancelled,
    AccessDenied,
    SettingConstraintViolation,
    IncorrectData,
    StdException,
}

/// Code, name and status of each exception that the front raises: ClickHouse's numbers.
const KINDS: [(Kind, u32, &str); 17] = [
    (Kind::BadArguments, 36, "BAD_ARGUMENTS"),
    (Kind::NotImplemented, 48, "NOT_IMPLEMENTED"),
    (Kind::SyntaxError, 62, "SYNTAX_ERROR"),
    (Kind::CannotDecompress, 271, "CANNOT_DECOMPRESS"),
    (Kind::UnknownSetting, 115, "UNKNOWN_SETTING"),
    (Kind::TimeoutExceeded, 159, "TIMEOUT_EXCEEDED"),
    (Kind::Readonly, 164, "READONLY"),
    (Kind::UnknownUser, 192, "UNKNOWN_USER"),
    (Kind::AuthenticationFailed, 516, "AUTHENTICATION_FAILED"),
    (Kind::TooManySimultaneousQueries, 202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
    (Kind::MemoryLimitExceeded, 241, "MEMORY_LIMIT_EXCEEDED"),
    (Kind::QueryIsTooLarge, 223, "QUERY_IS_TOO_LARGE"),
    (Kind::QueryWasCancelled, 394, "QUERY_WAS_CANCELLED"),
    (Kind::AccessDenied, 497, "ACCESS_DENIED"),
    (Kind::SettingConstraintViolation, 452, "SETTING_CONSTRAINT_VIOLATION"),
    (Kind::IncorrectData, 117, "INCORRECT_DATA"),
    (Kind::StdException, 1001, "STD_EXCEPTION"),
];

/// Statuses by code; what is not listed is 500. A client's mistake is 4xx, so that nobody retries it.
const STATUSES: [(StatusCode, &[u32]); 9] = [
    // Wrong text, wrong value, wrong setting, data that do not parse, a parameter that is missing.
    (
        StatusCode::BAD_REQUEST,
        &[
            6, 26, 27, 32, 33, 34, 36, 38, 41, 42, 43, 47, 53, 62, 69, 70, 72, 115, 117, 131, 184, 190, 215,
            271, 352, 386, 395, 427, 441, 456, 457, 467, 475, 509, 636,
        ],
    ),
    (StatusCode::UNAUTHORIZED, &[194]),
    (StatusCode::FORBIDDEN, &[164, 192, 193, 291, 452, 497, 516]),
    // Unknown function, database, table, type, storage, format, aggregate function.
    (StatusCode::NOT_FOUND, &[46, 50, 56, 60, 63, 73, 75, 81, 336]),
    (StatusCode::REQUEST_TIMEOUT, &[159]),
    (StatusCode::PAYLOAD_TOO_LARGE, &[223]),
    (StatusCode::NOT_IMPLEMENTED, &[1, 48, 344]),
    (StatusCode::SERVICE_UNAVAILABLE, &[202, 209, 439]),
    // The disk is full: a retry can help once there is room.
    (StatusCode::INSUFFICIENT_STORAGE, &[243]),
];

impl Exception {
    /// An exception of the front's own.
    pub(crate) fn new(kind: Kind, message: impl std::fmt::Display) -> Self {
        let (_, code, name) =
            KINDS.iter().find(|row| row.0 == kind).expect("the table has a row for each kind");
        Self { code: *code, text: format!("Code: {code}. DB::Exception: {message}. ({name})") }
    }

    /// An exception as libchdb words it.
    pub(crate) fn from_text(text: String) -> Self {
        let code = text.find("Code: ").and_then(|at| {
            let digits = &text[at + "Code: ".len()..];
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            digits[..end].parse().ok()
        });
        match code {
            Some(code) => Self { code, text: text.trim_end().to_owned() },
            None => Self::new(Kind::StdException, text.trim_end()),
        }
    }

    /// The exception without a text that its reader did not write.
    pub(crate) fn without(mut self, text: &str) -> Self {
        if self.text.contains(text) {
            self.text = self.text.replace(text, "");
        }
        self
    }

    /// ClickHouse's number of the exception.
    pub(crate) fn code(&self) -> u32 {
        self.code
    }

    /// The whole text, without a version.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The status of a response that consists of this exception.
    pub(crate) fn status(&self) -> StatusCode {
        STATUSES
            .iter()
            .find(|(_, codes)| codes.contains(&self.code))
            .map_or(StatusCode::INTERNAL_SERVER_ERROR, |(status, _)| *status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_own_exceptions_like_clickhouse() {
        let exception = Exception::new(Kind::UnknownSetting, "Setting x is neither a builtin setting");
        assert_eq!(
            exception.text(),
            "Code: 115. DB::Exception: Setting x is neither a builtin setting. (UNKNOWN_SETTING)"
        );
        assert_eq!((exception.code(), exception.status()), (115, StatusCode::BAD_REQUEST));
    }

    #[test]
    fn reads_the_code_of_an_engine_exception() {
        let exception =
            Exception::from_text("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)\n".to_owned());
        assert_eq!((exception.code(), exception.status()), (60, StatusCode::NOT_FOUND));
        let unlike = Exception::from_text("boom".to_owned());
        assert_eq!(unlike.text(), "Code: 1001. DB::Exception: boom. (STD_EXCEPTION)");
        assert_eq!(unlike.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn has_a_row_for_each_kind_and_no_code_with_two_statuses() {
        let mut codes: Vec<u32> = STATUSES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
        for (kind, code, _) in KINDS {
            assert_eq!(Exception::new(kind, "x").code(), code);
        }
    }
}
