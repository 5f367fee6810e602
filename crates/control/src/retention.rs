//! How long a site's events are kept: whole months of its calendar, or until it is removed.
//!
//! Invariant: what is kept is whole days of the site, and the first of them never goes back while time goes on. No clock
//! and no I/O may go in.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::error::{Error, Result};

/// How long a site's events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// So many months, counted back from today.
    Months(u16),
    /// Until the site is removed.
    Unlimited,
}

/// The first day that a site keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirstDay {
    /// Its date.
    pub date: Date,
    /// Its first instant.
    pub starts: Timestamp,
}

/// Who keeps events for longer than this means for ever, and is to say so.
const MONTHS_MAX: u16 = 240;
/// The word for no limit.
const UNLIMITED: &str = "unlimited";

impl Retention {
    /// Reads a number of months, or the word for no limit.
    ///
    /// # Errors
    /// [`Error::Refused`] for anything else.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(months) if (1..=MONTHS_MAX).contains(&months) => Ok(Self::Months(months)),
            Ok(_) | Err(_) if text == UNLIMITED => Ok(Self::Unlimited),
            Ok(_) | Err(_) => Err(Error::Refused(format!(
                "retention_months {text:?}, expected a number of months from 1 to {MONTHS_MAX}, or \"{UNLIMITED}\""
            ))),
        }
    }

    /// The first day that is kept: what was before it is past its retention. None without a limit.
    pub fn first_day(self, time_zone: &TimeZone, now: Timestamp) -> Option<FirstDay> {
        let Self::Months(months) = self else { return None };
        // The 31st less a month is the last of a shorter month.
        let date = time_zone.to_datetime(now).date().checked_sub(i32::from(months).months()).ok()?;
        let starts = time_zone.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(FirstDay { date, starts })
    }
}

impl std::fmt::Display for Retention {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Months(months) => months.fmt(formatter),
            Self::Unlimited => formatter.write_str(UNLIMITED),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn first_day(months: u16, zone: &str, now: &str) -> (String, String) {
        let zone = TimeZone::get(zone).expect("known");
        let first = Retention::Months(months).first_day(&zone, now.parse().expect("an instant"));
        let FirstDay { date, starts } = first.expect("limited");
        (date.to_string(), starts.to_string())
    }

    #[test]
    fn counts_months_of_the_sites_calendar() {
        for (months, zone, now, date, starts) in [
            (25, "UTC", "2026-11-25T12:00:00Z", "2024-10-25", "2024-10-25T00:00:00Z"),
            // It is tomorrow in Auckland and still yesterday in Los Angeles.
            (1, "Pacific/Auckland", "2026-11-25T12:00:00Z", "2026-10-26", "2026-10-25T11:00:00Z"),
            (1, "America/Los_Angeles", "2026-11-25T07:59:59Z", "2026-10-24", "2026-10-24T07:00:00Z"),
            (1, "America/Los_Angeles", "2026-11-25T08:00:00Z", "2026-10-25", "2026-10-25T07:00:00Z"),
            // Ends of months.
            (1, "UTC", "2026-03-28T00:00:00Z", "2026-02-28", "2026-02-28T00:00:00Z"),
            (1, "UTC", "2026-03-31T23:59:59Z", "2026-02-28", "2026-02-28T00:00:00Z"),
            (1, "UTC", "2026-04-01T00:00:00Z", "2026-03-01", "2026-03-01T00:00:00Z"),
            (12, "UTC", "2028-02-29T00:00:00Z", "2027-02-28", "2027-02-28T00:00:00Z"),
            (240, "UTC", "2026-11-25T00:00:00Z", "2006-11-25", "2006-11-25T00:00:00Z"),
            // The clocks change between the two, and on the day itself.
            (6, "Europe/Berlin", "2026-11-25T12:00:00Z", "2026-05-25", "2026-05-24T22:00:00Z"),
            (1, "Europe/Berlin", "2026-11-25T12:00:00Z", "2026-10-25", "2026-10-24T22:00:00Z"),
            // No midnight on that day, and two of it.
            (1, "America/Santiago", "2026-10-06T12:00:00Z", "2026-09-06", "2026-09-06T04:00:00Z"),
            (1, "Atlantic/Azores", "2026-11-25T12:00:00Z", "2026-10-25", "2026-10-25T00:00:00Z"),
        ] {
            assert_eq!(first_day(months, zone, now), (date.into(), starts.into()), "{months} {zone} {now}");
        }
    }

    #[test]
    fn the_first_day_never_goes_back() {
        for zone in ["UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Atlantic/Azores"] {
            let zone = TimeZone::get(zone).expect("known");
            let mut now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
            let mut before = Retention::Months(1).first_day(&zone, now).expect("limited");
            for _ in 0..2 * 365 * 24 {
                now += SignedDuration::from_hours(1);
                let first = Retention::Months(1).first_day(&zone, now).expect("limited");
                assert!(first >= before, "{now}: {first:?} after {before:?}");
                // A day at a time, but for what the month before is longer than February.
                assert!(before.date.until(first.date).expect("near").get_days() <= 4, "{now}: {first:?}");
                before = first;
            }
        }
    }

    #[test]
    fn nothing_is_past_a_retention_without_limit() {
        assert_eq!(Retention::Unlimited.first_day(&TimeZone::UTC, Timestamp::MAX), None);
    }

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        for text in ["1", "25", "240", "unlimited"] {
            assert_eq!(Retention::parse(text).expect("valid").to_string(), text);
        }
        for text in ["", "0", "241", "70000", "-1", "25m", "2 years", "Unlimited", "forever"] {
            let words = Retention::parse(text).expect_err("refused").to_string();
            assert!(words.contains("a number of months from 1 to 240, or \"unlimited\""), "{words}");
        }
    }
}
