//! Ranges of time and the buckets in them, in the site's time zone.
//!
//! Invariant: every calendar question is answered here and nowhere else; the store only ever sees instants, so that
//! days with 23 or 25 hours cannot differ between two time zone databases. `now` is an argument. No SQL.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// A range as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateRange {
    /// Today, to the end of the day.
    Day,
    /// The 24 hours before now.
    Last24Hours,
    /// So many days, the last of them yesterday.
    LastDays(u16),
    /// This month, to its end.
    Month,
    /// So many months, the last of them the last full one.
    LastMonths(u16),
    /// This year, to its end.
    Year,
    /// From the first event to the end of today.
    All,
    /// From the start of one date to the end of another.
    Dates(Date, Date),
    /// From one instant to another, the second included.
    Instants(Timestamp, Timestamp),
}

/// A range of instants, resolved: `from` is in it, `to` is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// First second of the range.
    pub from: Timestamp,
    /// First second after the range.
    pub to: Timestamp,
    /// The site's time zone.
    pub time_zone: TimeZone,
}

/// The width of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interval {
    /// Clock hours.
    Hour,
    /// Site-local days.
    Day,
    /// Weeks from Monday.
    Week,
    /// Calendar months.
    Month,
}

/// One bucket of a time series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// First second of the bucket; it ends where the next one starts.
    pub start: Timestamp,
    /// What the API calls it.
    pub label: String,
}

/// One site-local day, as instants: 23 to 25 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) date: Date,
    /// Its first second, since 1970.
    pub(crate) starts: u32,
    /// The first second after it.
    pub(crate) ends: u32,
}

/// Most days a `…d` range may span, and most months a `…mo` range may.
const DAYS_MAX: u16 = 5_000;
const MONTHS_MAX: u16 = 100;
/// Most hours of a range for which `time` means this interval: 48 hours, 40 days, 52 weeks; an hour more for each day
/// that is longer than others.
const AUTOMATIC: &[(i64, Interval)] =
    &[(49, Interval::Hour), (40 * 24 + 1, Interval::Day), (52 * 7 * 24 + 25, Interval::Week)];
/// Length of `2026-01-31`.
const DATE_LEN: usize = 10;
/// The instants that a row's `DateTime` column can hold.
const INSTANT_MAX_SECONDS: i64 = u32::MAX as i64;

impl Day {
    /// The day of a date; none where the zone skipped the date, or no row can hold it.
    pub(crate) fn of(date: Date, time_zone: &TimeZone) -> Option<Self> {
        let second = |instant: Timestamp| u32::try_from(instant.as_second()).ok();
        let starts = second(day_start(date, time_zone)?)?;
        let ends = second(day_start(date.tomorrow().ok()?, time_zone)?)?;
        (starts < ends).then_some(Self { date, starts, ends })
    }

    /// The date that an instant, in seconds since 1970, lies in.
    pub(crate) fn date_at(seconds: u32, time_zone: &TimeZone) -> Date {
        let instant = Timestamp::from_second(i64::from(seconds)).unwrap_or(Timestamp::UNIX_EPOCH);
        time_zone.to_datetime(instant).date()
    }

    /// The day before.
    pub(crate) fn previous(&self, time_zone: &TimeZone) -> Option<Self> {
        let before = Self::date_at(self.starts.checked_sub(1)?, time_zone);
        Self::of(before, time_zone)
    }

    /// Its date in days since 1970, as the store counts them.
    pub(crate) fn number(&self) -> u16 {
        let days = Date::constant(1970, 1, 1).until(self.date).map_or(0, |span| span.get_days());
        u16::try_from(days).unwrap_or(0)
    }
}

impl DateRange {
    /// The range of this word (`day`, `7d`, `12mo` …).
    pub fn parse(word: &str) -> Option<Self> {
        let count = |unit: &str, max: u16| {
            let count = word.strip_suffix(unit)?.parse().ok()?;
            (1..=max).contains(&count).then_some(count)
        };
        match word {
            "day" => Some(Self::Day),
            "24h" => Some(Self::Last24Hours),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            "all" => Some(Self::All),
            _ => count("d", DAYS_MAX)
                .map(Self::LastDays)
                .or_else(|| count("mo", MONTHS_MAX).map(Self::LastMonths)),
        }
    }

    /// The range between two dates or two instants, both included. Instants carry an offset (`2026-01-01T00:00:00Z`).
    pub fn between(first: &str, last: &str) -> Option<Self> {
        // A date with a time would parse as a date too.
        if first.len() == DATE_LEN && last.len() == DATE_LEN {
            return Some(Self::Dates(first.parse().ok()?, last.parse().ok()?));
        }
        Some(Self::Instants(first.parse().ok()?, last.parse().ok()?))
    }

    /// The instants it means at `now` in this time zone; `first_event` is where `all` begins. Nothing when the range
    /// is empty or beyond what a calendar holds.
    pub fn resolve(
        self,
        now: Timestamp,
        time_zone: &TimeZone,
        first_event: Option<Timestamp>,
    ) -> Option<Range> {
        let today = time_zone.to_datetime(now).date();
        let dates = |first: Date, last: Date| {
            Some((day_start(first, time_zone)?, day_start(last.tomorrow().ok()?, time_zone)?))
        };
        let (from, to) = match self {
            Self::Day => dates(today, today),
            Self::Last24Hours => {
                let now = whole_second(now);
                Some((now.checked_sub(24.hours()).ok()?, now.checked_add(1.second()).ok()?))
            }
            Self::LastDays(days) => {
                dates(today.checked_sub(i64::from(days).days()).ok()?, today.yesterday().ok()?)
            }
            Self::Month => dates(today.first_of_month(), today.last_of_month()),
            Self::LastMonths(months) => {
                let this_month = today.first_of_month();
                dates(this_month.checked_sub(i64::from(months).months()).ok()?, this_month.yesterday().ok()?)
            }
            Self::Year => dates(today.first_of_year(), today.last_of_year()),
            Self::All => dates(first_event.map_or(today, |first| time_zone.to_datetime(first).date()), today),
            Self::Dates(first, last) => dates(first, last),
            Self::Instants(first, last) => {
                Some((whole_second(first), whole_second(last).checked_add(1.second()).ok()?))
            }
        }?;
        Range::of_instants(from, to, time_zone)
    }
}

impl Range {
    /// From the start of one date to the end of another; nothing where that is empty or no row can hold it.
    pub(crate) fn of_dates(first: Date, last: Date, time_zone: &TimeZone) -> Option<Self> {
        let end = day_start(last.tomorrow().ok()?, time_zone)?;
        Self::of_instants(day_start(first, time_zone)?, end, time_zone)
    }

    /// From one instant until before another; nothing where that is empty or no row can hold it.
    pub(crate) fn of_instants(from: Timestamp, to: Timestamp, time_zone: &TimeZone) -> Option<Self> {
        let holds = from < to && from.as_second() >= 0 && to.as_second() <= INSTANT_MAX_SECONDS;
        holds.then(|| Self { from, to, time_zone: time_zone.clone() })
    }

    /// The days that lie in it as a whole, in order.
    pub(crate) fn whole_days(&self) -> Vec<Day> {
        let date = self.time_zone.to_datetime(self.from).date();
        let (from, to) = (self.from.as_second(), self.to.as_second());
        let days = date.series(1.day()).map_while(|date| {
            let begun = day_start(date, &self.time_zone)?.as_second() < to;
            begun.then(|| Day::of(date, &self.time_zone))
        });
        let whole = |day: &Day| i64::from(day.starts) >= from && i64::from(day.ends) <= to;
        days.flatten().filter(whole).collect()
    }

    /// Its first and last date, where it is made of whole days.
    pub(crate) fn dates(&self) -> Option<(Date, Date)> {
        let first = self.time_zone.to_datetime(self.from).date();
        let after = self.time_zone.to_datetime(self.to).date();
        let whole =
            day_start(first, &self.time_zone)? == self.from && day_start(after, &self.time_zone)? == self.to;
        if whole { Some((first, after.yesterday().ok()?)) } else { None }
    }

    /// The interval that `time` means: hours up to 48 hours, days up to 40 days, weeks up to 52 weeks, else months.
    pub fn automatic_interval(&self) -> Interval {
        let hours = self.to.duration_since(self.from).as_hours();
        AUTOMATIC
            .iter()
            .find(|(hours_max, _)| hours <= *hours_max)
            .map_or(Interval::Month, |(_, interval)| *interval)
    }

    /// How many buckets of this width it has, at most; cheaper than making them.
    pub(crate) fn bucket_count_bound(&self, interval: Interval) -> i64 {
        let hours = self.to.duration_since(self.from).as_hours();
        match interval {
            Interval::Hour => hours + 2,
            Interval::Day => hours / 23 + 2,
            Interval::Week => hours / 167 + 2,
            Interval::Month => hours / 671 + 2,
        }
    }

    /// Its buckets in order; the first starts where the range does, even in the midst of an hour, week or month.
    pub fn buckets(&self, interval: Interval) -> Vec<Bucket> {
        let mut buckets = Vec::new();
        let mut start = self.from;
        while start < self.to {
            let local = self.time_zone.to_datetime(start);
            buckets.push(Bucket { start, label: label(local, interval) });
            match self.next_start(start, local, interval) {
                Some(next) if next > start => start = next,
                _ => break,
            }
        }
        buckets
    }

    /// First and last second, as the API echoes them: local time with its offset.
    pub fn echo(&self) -> [String; 2] {
        let last = self.to.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(self.from);
        [self.from, last]
            .map(|instant| instant.display_with_offset(self.time_zone.to_offset(instant)).to_string())
    }

    fn next_start(&self, start: Timestamp, local: DateTime, interval: Interval) -> Option<Timestamp> {
        let mut date = match interval {
            Interval::Hour => {
                // By the clock of the offset in force, so that an hour that comes twice is two buckets.
                let into_hour = (start.as_second() + i64::from(self.time_zone.to_offset(start).seconds()))
                    .rem_euclid(3_600);
                return Timestamp::from_second(start.as_second() + 3_600 - into_hour).ok();
            }
            Interval::Day => local.date().tomorrow().ok()?,
            Interval::Week => {
                let to_monday = 7 - i64::from(local.date().weekday().to_monday_zero_offset());
                local.date().checked_add(to_monday.days()).ok()?
            }
            Interval::Month => local.date().last_of_month().tomorrow().ok()?,
        };
        // A zone that skipped a whole date (Samoa, 2011) has no bucket for it.
        loop {
            let next = day_start(date, &self.time_zone)?;
            if next > start {
                return Some(next);
            }
            date = date.tomorrow().ok()?;
        }
    }
}

fn label(local: DateTime, interval: Interval) -> String {
    match interval {
        Interval::Hour => format!("{} {:02}:00:00", local.date(), local.hour()),
        // A partial week bears the date that the range starts on.
        Interval::Day | Interval::Week => local.date().to_string(),
        Interval::Month => local.date().first_of_month().to_string(),
    }
}

/// The first instant of a date; where midnight does not exist, the first instant after it.
fn day_start(date: Date, time_zone: &TimeZone) -> Option<Timestamp> {
    time_zone.to_timestamp(date.at(0, 0, 0, 0)).ok()
}

fn whole_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

#[cfg(test)]
mod tests;
