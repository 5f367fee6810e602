//! Amounts of money as the Stats API writes them: value, currency, a short and a long text. No converting, ever.

use serde_json::{Value, json};

/// Symbols of the currencies that are known by one; the others are written with their code.
const SYMBOLS: &[(&str, &str)] = &[("EUR", "€"), ("GBP", "£"), ("INR", "₹"), ("JPY", "¥"), ("USD", "$")];
/// Digits after the point, where a currency has not two (source: ISO 4217, list one).
const MINOR_DIGITS: &[(&str, usize)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];
/// Steps of the short text, greatest first.
const STEPS: &[(f64, &str)] = &[(1e9, "B"), (1e6, "M"), (1e3, "K")];

/// An amount of this currency.
pub(crate) fn json(amount: f64, currency: &str) -> Value {
    json!({
        "value": amount,
        "currency": currency,
        "short": short(amount, currency),
        "long": long(amount, currency),
    })
}

fn short(amount: f64, currency: &str) -> String {
    let step = STEPS.iter().find(|(step, _)| amount.abs() >= *step);
    match step {
        Some((step, letter)) => signed(amount, currency, &format!("{:.1}{letter}", amount.abs() / step)),
        None => signed(amount, currency, &format!("{:.1}", amount.abs())),
    }
}

fn long(amount: f64, currency: &str) -> String {
    let digits = MINOR_DIGITS.iter().find(|(code, _)| *code == currency).map_or(2, |(_, digits)| *digits);
    let text = format!("{:.digits$}", amount.abs());
    let (whole, minor) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, minor)| (whole, Some(minor)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(minor) = minor {
        grouped.push('.');
        grouped.push_str(minor);
    }
    signed(amount, currency, &grouped)
}

fn signed(amount: f64, currency: &str, text: &str) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    match SYMBOLS.iter().find(|(code, _)| *code == currency) {
        Some((_, symbol)) => format!("{sign}{symbol}{text}"),
        None => format!("{sign}{currency} {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_amounts_in_short_and_in_long() {
        for (amount, currency, short, long) in [
            (0.0, "USD", "$0.0", "$0.00"),
            (12.5, "EUR", "€12.5", "€12.50"),
            (1_420.11, "USD", "$1.4K", "$1,420.11"),
            (-1_234_567.0, "JPY", "-¥1.2M", "-¥1,234,567"),
            (2e9, "CHF", "CHF 2.0B", "CHF 2,000,000,000.00"),
            (1.125, "KWD", "KWD 1.1", "KWD 1.125"),
        ] {
            let expected = json!({ "value": amount, "currency": currency, "short": short, "long": long });
            assert_eq!(json(amount, currency), expected);
        }
    }
}
