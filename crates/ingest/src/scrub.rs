//! Identifiers of people that slip into paths, titles, referrers and properties become placeholders.
//!
//! E-mail addresses, phone numbers, UUIDs, card and bank account numbers, and the long runs of digits, hexadecimal,
//! JWT and base64 that stand for a person or a session. What was there is never kept, not even in part. The recall
//! and the false-positive rate on the corpus beside this crate's tests are published and asserted.
//!
//! The rules look at shapes alone. Names of people have no shape; a site that puts names in its paths has to leave
//! those pages out.

mod number;

use std::borrow::Cow;

use number::number;

/// Shorter runs of hexadecimal are hashes of assets and commits.
const HEX_DIGITS: usize = 16;
/// Shorter tokens are short links and video ids.
const TOKEN_CHARACTERS: usize = 16;
/// The same for tokens with `-` and `_` between.
const DASHED_TOKEN_CHARACTERS: usize = 20;

/// A placeholder can set free what stood beside it; three looks end that for all text that was ever tried, and the bound
/// holds for the rest.
const LOOKS: usize = 8;

/// Replaces what identifies a person; text without any comes back as it was.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut clean = scrub_once(text);
    for _ in 1..LOOKS {
        let again = match &clean {
            Cow::Borrowed(_) => return clean,
            Cow::Owned(once) => match scrub_once(once) {
                Cow::Borrowed(_) => return clean,
                Cow::Owned(again) => again,
            },
        };
        clean = Cow::Owned(again);
    }
    clean
}

fn scrub_once(text: &str) -> Cow<'_, str> {
    if is_harmless(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut clean = String::new();
    let (mut kept, mut at) = (0, 0);
    while at < bytes.len() {
        match find_at(text, at) {
            Some((end, placeholder)) => {
                clean.push_str(&text[kept..at]);
                clean.push_str(placeholder);
                (kept, at) = (end, end);
            }
            None => at += 1,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[kept..]);
    Cow::Owned(clean)
}

/// Most paths have no `@`, few digits and short words: one look at each byte lets them pass.
fn is_harmless(bytes: &[u8]) -> bool {
    let (mut digits, mut capitals, mut run, mut dashed_run, mut longest_dashed_run) = (0, 0, 0, 0, 0);
    for byte in bytes {
        digits += usize::from(byte.is_ascii_digit());
        capitals += usize::from(byte.is_ascii_uppercase());
        run = if byte.is_ascii_alphanumeric() { run + 1 } else { 0 };
        let dashed = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        dashed_run = if dashed { dashed_run + 1 } else { 0 };
        longest_dashed_run = dashed_run.max(longest_dashed_run);
        if matches!(byte, b'@' | b'%') || digits >= 7 || run >= TOKEN_CHARACTERS {
            return false;
        }
    }
    longest_dashed_run < DASHED_TOKEN_CHARACTERS || digits == 0 || capitals == 0
}

/// What begins at `at`, where it ends, and what to write instead. The rules stand from the most to the least specific.
fn find_at(text: &str, at: usize) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let at_word = at == 0 || !is_word(bytes[at - 1]);
    if at_word {
        let rules: [Rule; 7] = [
            (jwt, ":jwt"),
            (email, ":email"),
            (uuid, ":uuid"),
            (iban, ":iban"),
            (hex, ":hex"),
            (token, ":token"),
            (dashed_token, ":token"),
        ];
        for (rule, placeholder) in rules {
            if let Some(length) = rule(&bytes[at..]) {
                return Some((at + length, placeholder));
            }
        }
    }
    let at_digits = bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit());
    if at_digits || matches!(bytes[at], b'+' | b'(') {
        return number(text, at).map(|(length, placeholder)| (at + length, placeholder));
    }
    None
}

/// Length of what the rule finds at the start of the bytes.
type Rule = (fn(&[u8]) -> Option<usize>, &'static str);

/// Letters beyond ASCII are parts of words too.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn run_of(bytes: &[u8], accept: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !accept(*byte)).unwrap_or(bytes.len());
    &bytes[..end]
}

/// `eyJ…`: the base64 of `{"`, then two more parts behind points.
fn jwt(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(b"eyJ") {
        return None;
    }
    let run = run_of(bytes, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let points = run.iter().filter(|byte| **byte == b'.').count();
    (run.len() >= 20 && points >= 1).then_some(run.len())
}

/// `local@domain.suffix`, also with `%40`, where the suffix is one that exists: `logo@2x.png` is none.
fn email(bytes: &[u8]) -> Option<usize> {
    let local =
        run_of(bytes, |byte| is_word(byte) || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'\'' | b'~'));
    if local.is_empty() || local.len() > 64 {
        return None;
    }
    let rest = &bytes[local.len()..];
    let at = match rest {
        [b'@', ..] => 1,
        [b'%', b'4', b'0', ..] => 3,
        _ => return None,
    };
    let mut domain = run_of(&rest[at..], |byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    while let [head @ .., b'.' | b'-'] = domain {
        domain = head;
    }
    let suffix_at = domain.iter().rposition(|byte| *byte == b'.')?;
    let suffix = &domain[suffix_at + 1..];
    let names_host = suffix_at > 0 && !is_version(&domain[..suffix_at]);
    (names_host && is_suffix(suffix)).then_some(local.len() + at + domain.len())
}

/// `3.6`, `18.2.0` or the `2x` of an image: what stands behind the `@` of a file's name.
fn is_version(domain: &[u8]) -> bool {
    let digits = domain.iter().filter(|byte| byte.is_ascii_digit()).count();
    domain[0].is_ascii_digit()
        && domain.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'x'))
        && digits > 0
}

/// Whether mail can have this last label: a public suffix, or one of those used inside companies.
fn is_suffix(label: &[u8]) -> bool {
    const INTERNAL: [&[u8]; 8] =
        [b"local", b"internal", b"lan", b"corp", b"home", b"localdomain", b"test", b"example"];
    let label = label.to_ascii_lowercase();
    INTERNAL.contains(&label.as_slice()) || psl::suffix(&label).is_some_and(|suffix| suffix.is_known())
}

/// `8-4-4-4-12` hexadecimal digits.
fn uuid(bytes: &[u8]) -> Option<usize> {
    const LENGTH: usize = 36;
    let shape = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let fits = bytes.len() >= LENGTH && bytes[..LENGTH].iter().enumerate().all(shape);
    (fits && !bytes.get(LENGTH).is_some_and(|byte| byte.is_ascii_hexdigit())).then_some(LENGTH)
}

/// Country, check digits, account; in one piece or in groups of four; the checksum decides.
fn iban(bytes: &[u8]) -> Option<usize> {
    let [a, b, c, d, ..] = bytes else { return None };
    if !(a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit()) {
        return None;
    }
    let (mut account, mut length) = (Vec::with_capacity(34), 0);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            byte if byte.is_ascii_alphanumeric() && account.len() < 34 => {
                account.push(byte.to_ascii_uppercase());
                length = at + 1;
            }
            b' ' | b'-' | b'+' if account.len() % 4 == 0 => {}
            _ => break,
        }
    }
    let ended = bytes.get(length).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (ended && (15..=34).contains(&account.len()) && has_iban_checksum(&account)).then_some(length)
}

/// ISO 13616: the first four characters moved to the end, letters read as 10 to 35, the whole modulo 97 is 1.
fn has_iban_checksum(account: &[u8]) -> bool {
    let remainder = account[4..].iter().chain(&account[..4]).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    remainder == 1
}

/// A run of hexadecimal digits that is a whole word. One without letters is a number, one without digits a word.
fn hex(bytes: &[u8]) -> Option<usize> {
    let prefix = if bytes.starts_with(b"0x") { 2 } else { 0 };
    let run = run_of(&bytes[prefix..], |byte| byte.is_ascii_alphanumeric());
    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hexadecimal = run.iter().all(u8::is_ascii_hexdigit);
    (hexadecimal && run.len() >= HEX_DIGITS && digits > 0 && digits < run.len()).then_some(prefix + run.len())
}

/// A word of letters and digits that no person would write.
fn token(bytes: &[u8]) -> Option<usize> {
    let run = run_of(bytes, |byte| byte.is_ascii_alphanumeric());
    let padding = run_of(&bytes[run.len()..], |byte| byte == b'=').len();
    is_random(run).then_some(run.len() + padding)
}

/// The same with the `-` and `_` of base64url between. A slug has them between words, so all three kinds of
/// character have to be there.
fn dashed_token(bytes: &[u8]) -> Option<usize> {
    let run = run_of(bytes, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let kinds = [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit];
    let mixed = kinds.iter().all(|kind| run.iter().any(kind));
    (run.len() >= DASHED_TOKEN_CHARACTERS && mixed && Chunks::of(run).mean_below(22)).then_some(run.len())
}

/// Tells random characters from words by the chunks that they fall into: `Ab`, `ab`, `AB` and `12` are one each.
/// Words make chunks of about five characters, a model name such as `iPhone15Pro` of about three, base64 and base36
/// of two or fewer.
fn is_random(run: &[u8]) -> bool {
    let chunks = Chunks::of(run);
    if run.len() < TOKEN_CHARACTERS || chunks.of_digits == 0 {
        return run.len() >= 24 && chunks.mean_below(25);
    }
    chunks.mean_below(25) || (run.len() >= 20 && chunks.of_digits >= 4 && chunks.mean_below(35))
}

#[derive(Default)]
struct Chunks {
    characters: usize,
    all: usize,
    of_digits: usize,
}

impl Chunks {
    fn of(run: &[u8]) -> Self {
        #[derive(Clone, Copy, PartialEq)]
        enum Kind {
            Start,
            Digit,
            Lower,
            Upper,
            Break,
        }
        let mut chunks = Self::default();
        let mut before = (Kind::Start, 0);
        for byte in run {
            let kind = match byte {
                b'0'..=b'9' => Kind::Digit,
                b'a'..=b'z' => Kind::Lower,
                b'A'..=b'Z' => Kind::Upper,
                _ => Kind::Break,
            };
            chunks.characters += usize::from(kind != Kind::Break);
            // One capital belongs to the small letters that follow it.
            let continues = before.0 == kind || (before == (Kind::Upper, 1) && kind == Kind::Lower);
            if !continues && kind != Kind::Break {
                chunks.all += 1;
                chunks.of_digits += usize::from(kind == Kind::Digit);
            }
            before = (kind, if before.0 == kind { before.1 + 1 } else { 1 });
        }
        chunks
    }

    /// Whether the mean length of a chunk is below so many tenths of a character.
    fn mean_below(&self, tenths: usize) -> bool {
        self.characters * 10 < self.all * tenths
    }
}

#[cfg(test)]
mod tests;
