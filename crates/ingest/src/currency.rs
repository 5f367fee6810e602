//! Amounts of money: the currencies of ISO 4217, and decimal text read exactly.
//!
//! No amount is ever rounded by binary arithmetic and no currency is ever converted.

/// Amounts from here on do not fit the column (18 digits, three of them after the point).
const LIMIT_THOUSANDTHS: i128 = 1_000_000_000_000_000_000;

/// The alphabetic codes of ISO 4217 in use, sorted.
const CODES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD",
    "BIF", "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF",
    "CHW", "CLF", "CLP", "CNY", "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP",
    "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL",
    "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF",
    "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD",
    "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK",
    "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF",
    "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL",
    "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "USN", "UYI", "UYU",
    "UYW", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW",
    "ZWG",
];

/// The code as ISO 4217 spells it, if it is one.
pub(crate) fn code(text: &str) -> Option<&'static str> {
    let upper = text.to_ascii_uppercase();
    CODES.binary_search(&upper.as_str()).ok().map(|at| CODES[at])
}

/// Reads a decimal number such as `12.5` or `-3` in thousandths; digits beyond them are rounded half away from zero.
pub(crate) fn thousandths(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || !all_digits(whole)
        || !all_digits(fraction)
        || whole.len() > 18
    {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digit = |at: usize| fraction.as_bytes().get(at).map_or(0, |byte| i128::from(byte - b'0'));
    let round_up = i128::from(digit(3) >= 5);
    let amount = whole * 1000 + digit(0) * 100 + digit(1) * 10 + digit(2) + round_up;
    let amount = if negative { -amount } else { amount };
    (amount.abs() < LIMIT_THOUSANDTHS).then(|| i64::try_from(amount).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_codes_in_any_case() {
        assert!(CODES.is_sorted(), "the search is binary");
        assert_eq!(code("eur"), Some("EUR"));
        assert_eq!(code("USD"), Some("USD"));
        for unknown in ["", "EU", "EURO", "XXX", "€", "BTC"] {
            assert_eq!(code(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn reads_decimals_exactly() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12.50", Some(12_500)),
            ("-0.01", Some(-10)),
            ("+7", Some(7_000)),
            (".5", Some(500)),
            ("5.", Some(5_000)),
            ("1.2345", Some(1_235)),
            ("-1.2345", Some(-1_235)),
            ("0.1", Some(100)),
            ("999999999999999.999", Some(999_999_999_999_999_999)),
            ("1000000000000000", None),
            ("999999999999999.9999", None),
            ("", None),
            (".", None),
            ("1,5", None),
            ("1e3", None),
            ("NaN", None),
            ("12 EUR", None),
        ] {
            assert_eq!(thousandths(text), expected, "{text}");
        }
    }
}
