//! Numbers that stand for a person: phones, cards, accounts, and long runs of digits.
//!
//! Dates, versions and prices are numbers too; what tells them apart is how the digits are grouped. A checksum decides
//! where there is one.

use super::{is_word, run_of};

/// Shorter runs of digits are dates, prices and article numbers; phone and account numbers start here.
pub(super) const NUMBER_DIGITS: usize = 9;

/// Phone, card and other numbers, in one piece or in groups.
pub(super) fn number(text: &str, at: usize) -> Option<(usize, &'static str)> {
    let bytes = &text.as_bytes()[at..];
    let grouped = Grouped::read(bytes);
    let before = text.as_bytes()[..at].iter().rev();
    let whole = !bytes.get(grouped.length).is_some_and(|byte| is_word(*byte))
        && !before.clone().next().is_some_and(|byte| is_word(*byte));
    // The rest of a group of digits that was looked at as a whole, and is a date or a version.
    let in_group = before.clone().find(|byte| !is_separator(**byte)).is_some_and(u8::is_ascii_digit);
    if (whole && grouped.groups.len() > 1 && !in_group) || bytes[0] == b'+' {
        if is_card(&grouped) {
            return Some((grouped.length, ":card"));
        }
        if is_social_security(&grouped) || is_in_fours(&grouped) {
            return Some((grouped.length, ":number"));
        }
        if is_phone(&grouped, bytes[0]) || is_named_phone(&grouped, &text[..at]) {
            return Some((grouped.length, ":phone"));
        }
    }
    let run = run_of(bytes, |byte| byte.is_ascii_digit());
    if run.len() >= NUMBER_DIGITS {
        let card = whole && (13..=19).contains(&run.len()) && has_card_checksum(run);
        return Some((run.len(), if card { ":card" } else { ":number" }));
    }
    (whole && is_named_phone(&grouped, &text[..at])).then_some((grouped.length, ":phone"))
}

/// Digits with single separators between.
#[derive(Default)]
struct Grouped {
    digits: Vec<u8>,
    groups: Vec<usize>,
    length: usize,
}

impl Grouped {
    fn read(bytes: &[u8]) -> Self {
        let mut number = Self::default();
        let mut separators = 0;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' if number.digits.len() < 24 => {
                    if separators > 0 || number.groups.is_empty() {
                        number.groups.push(0);
                    }
                    number.digits.push(*byte);
                    *number.groups.last_mut().expect("pushed above for the first digit") += 1;
                    (separators, number.length) = (0, at + 1);
                }
                b'+' if at == 0 => {}
                byte if is_separator(*byte) && separators < 2 => separators += 1,
                _ => break,
            }
        }
        number
    }

    fn group(&self, index: usize) -> Option<u32> {
        let start = self.groups.iter().take(index).sum();
        let digits = self.digits.get(start..start + self.groups.get(index)?)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// `2024-01-15`, `15.01.2024`, `01-15-2024`, with whatever time stands behind it.
    fn is_date(&self) -> bool {
        let year = |index| {
            self.groups.get(index) == Some(&4) && self.group(index).is_some_and(|y| (1900..2100).contains(&y))
        };
        let small = |index| {
            self.groups.get(index).is_some_and(|g| *g <= 2)
                && self.group(index).is_some_and(|n| (1..=31).contains(&n))
        };
        (year(0) && small(1)) || (small(0) && small(1) && year(2)) || (year(0) && year(1))
    }
}

/// What people write between groups of digits.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'_')
}

fn is_card(number: &Grouped) -> bool {
    (13..=19).contains(&number.digits.len())
        && number.groups.len() >= 3
        && number.groups.iter().all(|group| (3..=7).contains(group))
        && has_card_checksum(&number.digits)
}

/// Luhn's checksum; networks number their cards from 2 to 6.
fn has_card_checksum(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (u32::from(digit - b'0'), at % 2) {
            (digit, 0) => digit,
            (digit, _) if digit > 4 => digit * 2 - 9,
            (digit, _) => digit * 2,
        })
        .sum();
    (b'2'..=b'6').contains(&digits[0]) && sum.is_multiple_of(10)
}

fn is_phone(number: &Grouped, first: u8) -> bool {
    let count = number.digits.len();
    match (first, number.groups.as_slice()) {
        (b'+', _) => (8..=15).contains(&count),
        _ if !(9..=15).contains(&count) || number.is_date() => false,
        (_, [3, 3, 4] | [1, 3, 3, 4]) => true,
        // A trunk or international prefix, then groups as people write them.
        (_, groups) => {
            number.digits[0] == b'0' && count <= 14 && groups.len() <= 7 && groups.iter().all(|g| *g <= 8)
        }
    }
}

/// A number that the text calls one: `tel:555-1234`, `phone/5551234`.
fn is_named_phone(number: &Grouped, before: &str) -> bool {
    let before = before.trim_end_matches(['/', ':', '=', ' ', '-', '+', '(']);
    let named = ["tel", "phone", "callto", "sms", "fax", "mobile", "whatsapp"].iter().any(|word| {
        let tail = before.len().checked_sub(word.len()).and_then(|at| before.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
    });
    named && (7..=15).contains(&number.digits.len())
}

fn is_social_security(number: &Grouped) -> bool {
    number.groups == [3, 2, 4]
}

/// Accounts and cards whose checksum is wrong, in groups of four.
fn is_in_fours(number: &Grouped) -> bool {
    number.groups.len() >= 3 && number.groups.iter().all(|group| *group == 4) && !number.is_date()
}
