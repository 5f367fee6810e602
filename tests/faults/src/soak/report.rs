//! The table of counts in a Markdown file, between two markers.
//!
//! Invariant: what stands outside of the markers is left as it is, and a count is never shown without its bound.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use passant_faults::FAULTS;

use crate::state::State;

const BEGIN: &str = "<!-- soak:begin -->";
const END: &str = "<!-- soak:end -->";

/// Puts the table into the file.
///
/// # Errors
/// When the file cannot be read or written, or has no place for it.
pub(crate) fn write(path: &Path, state: &State) -> Result<()> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(shown)?;
    let places = text.find(BEGIN).zip(text.find(END)).filter(|(begin, end)| begin < end);
    let (begin, end) = places.with_context(|| format!("{}: {BEGIN} and {END} are expected", shown()))?;
    let text = format!("{}{BEGIN}\n{}{}", &text[..begin], table(state), &text[end..]);
    std::fs::write(path, text).with_context(shown)
}

/// All faults, also those that were not run.
fn table(state: &State) -> String {
    let mut table = String::from(
        "| # | what goes wrong | must hold, besides nothing lost or doubled | rounds | failures | events acknowledged and found | failure rate, 95 % bound |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: |\n",
    );
    let (mut rounds, mut failures, mut acknowledged) = (0, 0, 0);
    for fault in FAULTS {
        let count = state.of(fault);
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} |",
            fault.id,
            fault.title,
            fault.holds,
            grouped(count.rounds.into()),
            grouped(count.failures.into()),
            grouped(count.acknowledged),
            bound(count.rounds, count.failures),
        );
        rounds += u64::from(count.rounds);
        failures += u64::from(count.failures);
        acknowledged += count.acknowledged;
    }
    let _ = writeln!(
        table,
        "| | **all** | | {} | {} | {} | |",
        grouped(rounds),
        grouped(failures),
        grouped(acknowledged)
    );
    for (id, count) in &state.faults {
        for (what, seconds) in &count.slowest_seconds {
            let _ = write!(table, "\n- {id}: {what}, the slowest of all: {seconds:.2} s");
        }
    }
    let _ = writeln!(table, "\n\nCounted with the binary whose BLAKE3 hash begins with `{}`.", state.version);
    table
}

/// The rate of failure that the count excludes with 95 % confidence: the rule of three after no failure.
fn bound(rounds: u32, failures: u32) -> String {
    match (rounds, failures) {
        (0, _) => "not run".to_owned(),
        (rounds, 0) => format!("< {}", percent(300.0 / f64::from(rounds))),
        (rounds, failures) => {
            format!("failed in {}", percent(100.0 * f64::from(failures) / f64::from(rounds)))
        }
    }
}

fn percent(value: f64) -> String {
    match value {
        value if value >= 100.0 => "100 %".to_owned(),
        value if value >= 1.0 => format!("{value:.1} %"),
        value if value >= 0.1 => format!("{value:.2} %"),
        value => format!("{value:.3} %"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
