//! The settings that a request may carry in its URL.
//!
//! Invariant: a name that is in none of the tables is refused, because silently dropping a setting is how wrong
//! results come about. Limits can be lowered by a request, never lifted.

use crate::{
    exception::{Exception, Kind},
    lexer::{self, Lexer, Token},
};

/// A setting with its value, both checked against the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// ClickHouse's name.
    pub(crate) name: String,
    /// The value, as text.
    pub(crate) value: String,
}

/// Names that clients send as a matter of course and that have no meaning without a session, roles, or a server's
/// own compression and progress, and the one that names connections: accepted and ignored.
const IGNORED: [&str; 30] = [
    "add_http_cors_header",
    "async_insert",
    "async_insert_busy_timeout_ms",
    "async_insert_deduplicate",
    "async_insert_max_data_size",
    "buffer_size",
    "cancel_http_readonly_queries_on_client_close",
    "client_protocol_version",
    "close_session",
    "enable_http_compression",
    "http_headers_progress_interval_ms",
    "http_make_head_request",
    "http_native_compression_disable_checksumming_on_decompress",
    "http_receive_timeout",
    "http_response_buffer_size",
    "http_send_timeout",
    "http_write_exception_in_output_format",
    "http_zlib_compression_level",
    "insert_quorum",
    "log_comment",
    "network_compression_method",
    "quota_key",
    "readonly",
    "role",
    "send_progress_in_http_headers",
    "session_check",
    "session_id",
    "session_timeout",
    "stacktrace",
    "wait_for_async_insert",
];

/// Names that are applied to the statement.
const APPLIED: [&str; 63] = [
    "allow_drop_detached",
    "allow_experimental_analyzer",
    "allow_suspicious_low_cardinality_types",
    "alter_sync",
    "any_join_distinct_right_table_keys",
    "date_time_input_format",
    "date_time_output_format",
    "describe_include_subcolumns",
    "enable_analyzer",
    "enable_unaligned_array_join",
    "extremes",
    "final",
    "format_csv_delimiter",
    "group_by_overflow_mode",
    "group_by_two_level_threshold",
    "group_by_use_nulls",
    "insert_deduplicate",
    "insert_deduplication_token",
    "insert_null_as_default",
    "join_algorithm",
    "join_use_nulls",
    "lightweight_deletes_sync",
    "log_queries",
    "max_ast_depth",
    "max_ast_elements",
    "max_block_size",
    "max_bytes_before_external_group_by",
    "max_bytes_before_external_sort",
    "max_bytes_to_read",
    "max_columns_to_read",
    "max_execution_time",
    "max_expanded_ast_elements",
    "max_insert_block_size",
    "max_insert_threads",
    "max_memory_usage",
    "max_partitions_per_insert_block",
    "max_query_size",
    "max_result_bytes",
    "max_result_rows",
    "max_rows_to_group_by",
    "max_rows_to_read",
    "max_streams_to_max_threads_ratio",
    "max_threads",
    "min_insert_block_size_bytes",
    "min_insert_block_size_rows",
    "mutations_sync",
    "optimize_aggregation_in_order",
    "optimize_read_in_order",
    "optimize_skip_merged_partitions",
    "optimize_skip_unused_shards",
    "optimize_use_projections",
    "prefer_column_name_to_alias",
    "priority",
    "query_plan_optimize_lazy_materialization",
    "read_overflow_mode",
    "result_overflow_mode",
    "select_sequential_consistency",
    "session_timezone",
    "timeout_before_checking_execution_speed",
    "timeout_overflow_mode",
    "totals_mode",
    "union_default_mode",
    "use_skip_indexes",
];

/// Families of names that are applied: how values are read, written and turned into others.
const APPLIED_FAMILIES: [&str; 3] = ["cast_", "input_format_", "output_format_"];

/// Most bytes of a value: a deduplication token or a comment is the longest that makes sense.
const VALUE_BYTES: usize = 4096;

/// Upper bounds that a request cannot exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Longest run of a statement.
    pub(crate) statement_seconds: u64,
    /// Most memory of a statement.
    pub(crate) statement_memory_bytes: u64,
}

/// Checks a setting: `Ok(None)` is one to ignore.
///
/// # Errors
/// UNKNOWN_SETTING if the name is in no table, BAD_ARGUMENTS if the value is too long or not a number where a
/// limit is meant.
pub(crate) fn admit(name: &str, value: &str, limits: Limits) -> Result<Option<Setting>, Exception> {
    if IGNORED.contains(&name) {
        return Ok(None);
    }
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let family = plain && APPLIED_FAMILIES.iter().any(|family| name.starts_with(family));
    if !APPLIED.contains(&name) && !family {
        let shown: String = name.chars().take(64).filter(|c| !c.is_control()).collect();
        return Err(Exception::new(
            Kind::UnknownSetting,
            format_args!(
                "Setting {shown} is neither a builtin setting nor allowed in a request to this engine"
            ),
        ));
    }
    if value.len() > VALUE_BYTES {
        return Err(Exception::new(
            Kind::BadArguments,
            format_args!("Setting {name} has {} bytes, more than {VALUE_BYTES}", value.len()),
        ));
    }
    let value = match name {
        "max_execution_time" => at_most(name, value, limits.statement_seconds)?,
        "max_memory_usage" => at_most(name, value, limits.statement_memory_bytes)?,
        _ => value.to_owned(),
    };
    Ok(Some(Setting { name: name.to_owned(), value }))
}

/// Checks what the SETTINGS clauses of a text set, as if the request had; how many clauses there are. The text is as
/// libchdb writes it: without comments, and with quotes of one kind for each purpose.
///
/// # Errors
/// As [`admit`], and SETTING_CONSTRAINT_VIOLATION for a limit that is lifted: a text cannot be put right in silence.
pub(crate) fn admit_clauses(sql: &str, limits: Limits) -> Result<usize, Exception> {
    let mut tokens = Lexer::new(sql.as_bytes());
    let mut count = 0;
    while let Some(token) = tokens.next() {
        let mut ahead = tokens.clone();
        if !token.is("SETTINGS") || assigned(&mut ahead).is_none() {
            continue;
        }
        count += 1;
        while let Some(name) = assigned(&mut tokens) {
            let value = literal(&mut tokens).ok_or_else(|| {
                Exception::new(
                    Kind::BadArguments,
                    format_args!("Setting {name} has a value that is not plain"),
                )
            })?;
            let admitted = admit(&name, &value, limits)?;
            if admitted.is_some_and(|setting| setting.value != value) {
                return Err(Exception::new(
                    Kind::SettingConstraintViolation,
                    format_args!("Setting {name} cannot be {value}: it can be lowered here, not lifted"),
                ));
            }
            let mut ahead = tokens.clone();
            if ahead.next().is_none_or(|next| next.kind != lexer::Kind::Sign(b',')) {
                break;
            }
            tokens = ahead;
        }
    }
    Ok(count)
}

/// The name of an assignment, and the tokens after its `=`.
fn assigned(tokens: &mut Lexer<'_>) -> Option<String> {
    let name = tokens.next().filter(|token| matches!(token.kind, lexer::Kind::Word | lexer::Kind::Quoted))?;
    tokens.next().filter(|token| token.kind == lexer::Kind::Sign(b'='))?;
    Some(unquoted(name))
}

/// A number, a text or a word, and the tokens after it.
fn literal(tokens: &mut Lexer<'_>) -> Option<String> {
    let mut value = String::new();
    let mut token = tokens.next()?;
    if token.kind == lexer::Kind::Sign(b'-') {
        value.push('-');
        token = tokens.next()?;
    }
    if !matches!(token.kind, lexer::Kind::Word | lexer::Kind::Text) {
        return None;
    }
    value.push_str(&unquoted(token));
    let mut ahead = tokens.clone();
    if ahead.next().is_some_and(|next| next.kind == lexer::Kind::Sign(b'.')) {
        value.push('.');
        value.push_str(&unquoted(ahead.next()?));
        *tokens = ahead;
    }
    Some(value)
}

/// The text within its quotes; what is escaped in it stays so, and then is no name and no number.
fn unquoted(token: Token<'_>) -> String {
    let text = String::from_utf8_lossy(token.text);
    match token.kind {
        lexer::Kind::Word | lexer::Kind::Sign(_) => text.into_owned(),
        lexer::Kind::Quoted | lexer::Kind::Text => text.trim_matches(['\'', '"', '`']).to_owned(),
    }
}

/// Zero means no limit to ClickHouse, so it becomes the bound.
fn at_most(name: &str, value: &str, bound: u64) -> Result<String, Exception> {
    let wanted: f64 =
        value.parse().ok().filter(|wanted: &f64| wanted.is_finite() && *wanted >= 0.0).ok_or_else(|| {
            Exception::new(Kind::BadArguments, format_args!("Setting {name} is not a number of 0 or more"))
        })?;
    #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^52")]
    let lower = wanted > 0.0 && wanted <= bound as f64;
    Ok(if lower { value.to_owned() } else { bound.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { statement_seconds: 60, statement_memory_bytes: 500_000_000 };

    fn value(name: &str, value: &str) -> Option<String> {
        admit(name, value, LIMITS).unwrap().map(|setting| setting.value)
    }

    #[test]
    fn applies_ignores_or_refuses_by_table() {
        assert_eq!(value("max_threads", "2").as_deref(), Some("2"));
        assert_eq!(value("output_format_json_quote_64bit_integers", "1").as_deref(), Some("1"));
        assert_eq!(value("session_id", "abc"), None);
        for name in ["allow_introspection_functions", "format_schema", "output_format_'; DROP", ""] {
            let refused = admit(name, "1", LIMITS).unwrap_err();
            assert_eq!(refused.code(), 115, "{name}");
        }
    }

    #[test]
    fn lowers_limits_but_never_lifts_them() {
        assert_eq!(value("max_execution_time", "5").as_deref(), Some("5"));
        for wanted in ["0", "61", "1e9"] {
            assert_eq!(value("max_execution_time", wanted).as_deref(), Some("60"), "{wanted}");
        }
        assert_eq!(value("max_memory_usage", "0").as_deref(), Some("500000000"));
        assert_eq!(admit("max_execution_time", "-1", LIMITS).unwrap_err().code(), 36);
        assert_eq!(admit("max_execution_time", "NaN", LIMITS).unwrap_err().code(), 36);
    }

    #[test]
    fn finds_what_the_clauses_of_a_text_set() {
        let refused = |sql: &str| admit_clauses(sql, LIMITS).unwrap_err().code();
        for (sql, clauses) in [
            ("SELECT 1", 0),
            ("SELECT 1 AS settings, settings = 1", 0),
            ("SELECT settings, a = 1 FROM t WHERE settings = 'SETTINGS max_memory_usage = 0'", 0),
            ("SELECT 1 SETTINGS max_threads = 1, `max_memory_usage`=500000000 FORMAT JSON", 1),
            ("SELECT * FROM (SELECT 1 SETTINGS max_threads=1) SETTINGS max_execution_time = 0.5", 2),
        ] {
            assert_eq!(admit_clauses(sql, LIMITS), Ok(clauses), "{sql}");
        }
        for lifted in ["0", "'0'", "60.5", "61"] {
            assert_eq!(refused(&format!("SELECT 1 SETTINGS max_execution_time = {lifted}")), 452, "{lifted}");
        }
        assert_eq!(refused("SELECT 1 SETTINGS max_threads = 1, `max_memory_usage` = 0"), 452);
        for unclear in ["DEFAULT", "-1", "'\\x30'", "[0]", "{a:String}", "+0"] {
            assert_eq!(refused(&format!("SELECT 1 SETTINGS max_memory_usage = {unclear}")), 36, "{unclear}");
        }
        assert_eq!(refused("SELECT 1 SETTINGS format_schema = '/etc/passwd'"), 115);
        assert_eq!(refused("SELECT 1 SETTINGS `max_memory\\x5fusage` = 0"), 115);
    }

    #[test]
    fn keeps_its_tables_sorted_and_disjoint() {
        assert!(APPLIED.is_sorted() && IGNORED.is_sorted());
        assert!(APPLIED.iter().all(|name| !IGNORED.contains(name)));
    }
}
