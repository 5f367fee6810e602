//! What a statement's text says about how to run it: which connection, streamed or whole, where an INSERT's data
//! begin, which format its result has.
//!
//! Invariant: the text is only read, never rewritten beyond cutting an INSERT in front of its data. A wrong guess
//! costs an error message, never a right: readers are read-only by libchdb's own rule.

use crate::{
    exception::{Exception, Kind as ExceptionKind},
    lexer::{Kind, Lexer, Token, opens_heredoc},
};

/// How a statement is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A query whose rows can be streamed, on a reader.
    Rows,
    /// Another read (SHOW, DESCRIBE, EXISTS, EXPLAIN), on a reader.
    Read,
    /// An INSERT with data: the text ends at `text_end`, the data begin at `data_start`.
    Insert {
        /// Offset after the statement, before its FORMAT or VALUES clause.
        text_end: usize,
        /// Offset of the first byte of data.
        data_start: usize,
        /// Format of the data, if the statement names it.
        format: Option<String>,
    },
    /// SET and USE, which last for a request and therefore do nothing.
    Session,
    /// Anything else, on a writer.
    Write,
}

/// Whether the text at hand is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Nothing follows.
    Whole,
    /// More may follow.
    Prefix,
}

const ROWS: [&str; 3] = ["SELECT", "WITH", "FROM"];
const READS: [&str; 7] = ["SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "EXPLAIN", "CHECK"];
const SESSION: [&str; 2] = ["SET", "USE"];

/// Tells how to run a text, or `None` if a prefix is too short to tell.
///
/// # Errors
/// An exception for statements that a shared connection cannot run.
pub(crate) fn shape(sql: &[u8], extent: Extent) -> Result<Option<Shape>, Exception> {
    let whole = extent == Extent::Whole;
    // The last word of a prefix may go on, and so may a text that only its end tells from a sign: neither is seen yet.
    let open = |token: &Token<'_>| {
        token.end == sql.len() || token.kind == Kind::Sign(b'$') && opens_heredoc(&sql[token.end - 1..])
    };
    let mut tokens = Lexer::new(sql).take_while(|token| whole || !open(token));
    let Some(first) = tokens.find(|token| token.kind != Kind::Sign(b'(')) else {
        return if whole {
            Err(Exception::new(ExceptionKind::SyntaxError, "Syntax error: the query is empty"))
        } else {
            Ok(None)
        };
    };
    let any = |words: &[&str]| words.iter().any(|word| first.is(word));
    if first.is("INSERT") {
        return insert(sql, tokens, extent);
    }
    if !whole {
        return Ok(None);
    }
    refuse(sql)?;
    Ok(Some(if first.is("WITH") && leads_to_insert(tokens) {
        Shape::Write
    } else if any(&ROWS) {
        Shape::Rows
    } else if any(&READS) {
        Shape::Read
    } else if any(&SESSION) {
        Shape::Session
    } else {
        Shape::Write
    }))
}

/// The format that a query names at its end.
pub(crate) fn output_format(sql: &str) -> Option<String> {
    let mut depth = 0_u32;
    let mut tokens = Lexer::new(sql.as_bytes()).peekable();
    let mut format = None;
    while let Some(token) = tokens.next() {
        depth = nest(depth, token);
        if depth == 0
            && token.is("FORMAT")
            && let Some(name) = tokens.next_if(|next| next.kind == Kind::Word)
            && tokens.peek().is_none_or(|next| next.kind == Kind::Sign(b';') || next.is("SETTINGS"))
        {
            format = Some(lossy(name.text));
        }
    }
    format
}

fn insert<'a>(
    sql: &[u8],
    mut tokens: impl Iterator<Item = Token<'a>>,
    extent: Extent,
) -> Result<Option<Shape>, Exception> {
    let whole = extent == Extent::Whole;
    let undecided =
        || Ok(whole.then_some(Shape::Insert { text_end: sql.len(), data_start: sql.len(), format: None }));
    let mut depth = 0_u32;
    let mut named = false;
    let mut before = 0;
    while let Some(token) = tokens.next() {
        depth = nest(depth, token);
        let opening = ["INTO", "TABLE", "FUNCTION"].iter().any(|word| token.is(word));
        if !named && !opening {
            // The target's name can be any word: it is no clause.
            named = true;
        } else if depth == 0 && token.is("FORMAT") {
            let Some(name) = tokens.next() else { return undecided() };
            let data_start = name.end + blank(&sql[name.end..]);
            // More blanks, or the line's end, may follow in the next piece.
            if !whole && matches!(&sql[data_start..], [] | [b'\r']) && !sql.ends_with(b"\n") {
                return Ok(None);
            }
            return Ok(Some(Shape::Insert { text_end: before, data_start, format: Some(lossy(name.text)) }));
        } else if depth == 0 && token.is("VALUES") {
            let format = Some("Values".to_owned());
            return Ok(Some(Shape::Insert { text_end: before, data_start: token.end, format }));
        } else if depth == 0 && ["SELECT", "WITH", "WATCH"].iter().any(|word| token.is(word)) {
            if !whole {
                return Ok(None);
            }
            refuse(sql)?;
            return Ok(Some(Shape::Write));
        } else if token.is("INFILE") {
            return Err(files());
        }
        before = token.end;
    }
    undecided()
}

/// Blanks between a format's name and the data, as ClickHouse skips them: spaces, then at most one line end.
fn blank(rest: &[u8]) -> usize {
    let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c)).count();
    match &rest[spaces..] {
        [b'\r', b'\n', ..] => spaces + 2,
        [b'\n', ..] => spaces + 1,
        _ => spaces,
    }
}

fn leads_to_insert<'a>(tokens: impl Iterator<Item = Token<'a>>) -> bool {
    let mut depth = 0_u32;
    for token in tokens {
        depth = nest(depth, token);
        if depth == 0 && (token.is("SELECT") || token.is("INSERT")) {
            return token.is("INSERT");
        }
    }
    false
}

/// Refuses what reads or writes the engine's own files, and tables that would live in one pooled connection.
fn refuse(sql: &[u8]) -> Result<(), Exception> {
    let mut previous: Option<Token<'_>> = None;
    let mut create = false;
    for token in Lexer::new(sql) {
        let after = |word: &str| previous.as_ref().is_some_and(|before| before.is(word));
        if (token.is("INFILE") && after("FROM")) || (token.is("OUTFILE") && after("INTO")) {
            return Err(files());
        }
        create |= previous.is_none() && token.is("CREATE");
        if create && token.is("TEMPORARY") && (after("CREATE") || after("REPLACE")) {
            return Err(Exception::new(
                ExceptionKind::NotImplemented,
                "Temporary tables need a session, and the embedded engine has none",
            ));
        }
        previous = Some(token);
    }
    Ok(())
}

fn files() -> Exception {
    Exception::new(ExceptionKind::NotImplemented, "INTO OUTFILE and FROM INFILE are for the client's files")
}

fn nest(depth: u32, token: Token<'_>) -> u32 {
    match token.kind {
        Kind::Sign(b'(') => depth.saturating_add(1),
        Kind::Sign(b')') => depth.saturating_sub(1),
        Kind::Sign(_) | Kind::Word | Kind::Quoted | Kind::Text => depth,
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(sql: &str) -> Shape {
        shape(sql.as_bytes(), Extent::Whole).unwrap().unwrap()
    }

    #[test]
    fn routes_statements_by_their_first_word() {
        for (sql, expected) in [
            ("SELECT 1", Shape::Rows),
            ("/* x */ select 1", Shape::Rows),
            ("((SELECT 1) UNION ALL (SELECT 2))", Shape::Rows),
            ("WITH (SELECT 1) AS a SELECT a", Shape::Rows),
            ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Shape::Write),
            ("DESCRIBE TABLE t", Shape::Read),
            ("CREATE TABLE t (a UInt8) ENGINE = Memory", Shape::Write),
            ("INSERT INTO t SELECT 1 FORMAT Native", Shape::Write),
            ("SET a = 1", Shape::Session),
        ] {
            assert_eq!(whole(sql), expected, "{sql}");
        }
    }

    #[test]
    fn finds_where_the_data_of_an_insert_begin() {
        for (sql, text, data, expected) in [
            ("INSERT INTO t (a, b) FORMAT Native\n\n\nX", "INSERT INTO t (a, b)", "\n\nX", Some("Native")),
            ("INSERT INTO format VALUES (1)", "INSERT INTO format", " (1)", Some("Values")),
            ("INSERT INTO a.`b` FORMAT CSV 1,2", "INSERT INTO a.`b`", "1,2", Some("CSV")),
            (
                "INSERT INTO t SETTINGS x='FORMAT' FORMAT TSV\r\n1",
                "INSERT INTO t SETTINGS x='FORMAT'",
                "1",
                Some("TSV"),
            ),
            ("INSERT INTO t (a)", "INSERT INTO t (a)", "", None),
        ] {
            let Shape::Insert { text_end, data_start, format } = whole(sql) else { panic!("{sql}") };
            assert_eq!((&sql[..text_end], &sql[data_start..], format.as_deref()), (text, data, expected));
        }
    }

    #[test]
    fn waits_for_more_of_a_prefix() {
        for prefix in [
            "",
            "INS",
            "INSERT INTO t FORM",
            "INSERT INTO t FORMAT Nat",
            "INSERT INTO t $x$ FORMAT Native\n1",
            "INSERT INTO t $x",
            "SELECT 1 ",
        ] {
            assert_eq!(shape(prefix.as_bytes(), Extent::Prefix).unwrap(), None, "{prefix}");
        }
        for blanks in [" ", " \t ", "\r", " \r"] {
            let prefix = format!("INSERT INTO t FORMAT Native{blanks}");
            assert_eq!(shape(prefix.as_bytes(), Extent::Prefix).unwrap(), None, "{prefix:?}");
        }
        assert!(shape(b"INSERT INTO t FORMAT Native\n", Extent::Prefix).unwrap().is_some());
    }

    #[test]
    fn reads_the_output_format_at_the_end_only() {
        assert_eq!(output_format("SELECT format FROM t FORMAT JSON").as_deref(), Some("JSON"));
        assert_eq!(output_format("SELECT 1 FORMAT CSV SETTINGS a = 1").as_deref(), Some("CSV"));
        assert_eq!(output_format("SELECT 'FORMAT CSV'"), None);
        assert_eq!(output_format("SELECT * FROM (SELECT 1 AS format)"), None);
    }

    #[test]
    fn refuses_files_temporary_tables_and_nothing() {
        for sql in [
            " -- only a comment",
            "SELECT 1 INTO OUTFILE 'x'",
            "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
            "CREATE TEMPORARY TABLE t (a UInt8)",
        ] {
            assert!(shape(sql.as_bytes(), Extent::Whole).is_err(), "{sql}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for extent in [Extent::Whole, Extent::Prefix] {
                let _ = shape(&bytes, extent);
            }
        }

        #[test]
        fn cuts_inside_the_text(tail in "[ (),.a`'\n;]{0,20}(FORMAT|VALUES|INTO|SELECT)?[ (),.a`'\n]{0,20}") {
            let sql = format!("INSERT INTO {tail}");
            if let Ok(Some(Shape::Insert { text_end, data_start, .. })) = shape(sql.as_bytes(), Extent::Whole) {
                prop_assert!(text_end <= data_start && data_start <= sql.len());
            }
        }
    }
}
