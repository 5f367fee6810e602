//! The tokens of ClickHouse's SQL, as far as a statement must be understood to route it and to find its data.
//!
//! Invariant: any byte sequence yields tokens and an end, never a panic. Nothing here is a security boundary:
//! what a caller may read is decided on libchdb's own parse of the text (see the `access` module).

/// A lexical unit of interest; comments and blanks are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its bytes, with quotes.
    pub(crate) text: &'a [u8],
    /// Offset after its last byte.
    pub(crate) end: usize,
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare word or number.
    Word,
    /// A quoted identifier.
    Quoted,
    /// A string literal.
    Text,
    /// One byte of anything else.
    Sign(u8),
}

impl Token<'_> {
    /// Whether this is a bare word, in any case of letters.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }
}

/// An iterator of tokens.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    input: &'a [u8],
    position: usize,
}

impl<'a> Lexer<'a> {
    /// Reads tokens of `input` from its start.
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0 }
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.input[self.position..];
            let skipped = match rest {
                [first, ..] if first.is_ascii_whitespace() || *first == 0x0b => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => line(rest),
                [b'/', b'*', ..] => find(&rest[2..], b"*/").map_or(rest.len(), |at| at + 4),
                _ => return,
            };
            self.position += skipped;
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let rest = &self.input[self.position..];
        let (kind, length) = match rest {
            [] => return None,
            [b'\'', ..] => (Kind::Text, quoted(rest)),
            [b'`' | b'"', ..] => (Kind::Quoted, quoted(rest)),
            [b'$', ..] => match heredoc(rest) {
                Some(length) => (Kind::Text, length),
                None => (Kind::Sign(b'$'), 1),
            },
            [first, ..] if is_word(*first) => {
                (Kind::Word, rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len()))
            }
            [first, ..] => (Kind::Sign(*first), 1),
        };
        self.position += length;
        Some(Token { kind, text: &rest[..length], end: self.position })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Length of a quoted token: a backslash escapes, a doubled quote stands for itself; unterminated, it is the rest.
fn quoted(rest: &[u8]) -> usize {
    let quote = rest[0];
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of `$tag$ … $tag$`, if `rest` starts one that ends.
fn heredoc(rest: &[u8]) -> Option<usize> {
    let tag = rest[1..].iter().position(|byte| !is_word(*byte))? + 1;
    if rest[tag] != b'$' {
        return None;
    }
    let tag = tag + 1;
    find(&rest[tag..], &rest[..tag]).map(|at| tag + at + tag)
}

/// Whether `rest` starts a heredoc, or would with more behind it.
pub(crate) fn opens_heredoc(rest: &[u8]) -> bool {
    let [b'$', tag @ ..] = rest else { return false };
    tag.iter().find(|byte| !is_word(**byte)).is_none_or(|byte| *byte == b'$')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(sql: &str) -> Vec<&str> {
        Lexer::new(sql.as_bytes()).map(|token| std::str::from_utf8(token.text).unwrap()).collect()
    }

    #[test]
    fn skips_comments_and_keeps_quotes_whole() {
        assert_eq!(
            words("SELECT /* a ' */ 1 -- b\n, 'it''s \\' ok'"),
            ["SELECT", "1", ",", "'it''s \\' ok'"]
        );
        assert_eq!(words("`a``b`.\"c d\""), ["`a``b`", ".", "\"c d\""]);
        assert_eq!(words("$x$ FORMAT ' $x$ y"), ["$x$ FORMAT ' $x$", "y"]);
        assert_eq!(words("'open"), ["'open"]);
    }

    proptest! {
        #[test]
        fn ends_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut last = 0;
            for token in Lexer::new(&bytes) {
                prop_assert!(token.end > last && token.end <= bytes.len());
                last = token.end;
            }
        }

        #[test]
        fn ends_on_any_mix_of_signs(text in "[-$/*'\"`\\\\#a \n!]{0,60}") {
            prop_assert!(Lexer::new(text.as_bytes()).count() <= text.len());
        }
    }
}
