//! Imports: event records become rows, by way of visits.
//!
//! Pseudonyms are made with a key that lives as long as the import and is then gone, so that nobody can go from a row
//! back to the file's visitor key, nor join two imports. No I/O may go in: lines come in, batches go out.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use passant_store::Batch;
use zeroize::Zeroizing;

use crate::event::Event;
use crate::event_record::{EventRecord, RecordError};
use crate::visits::{Position, VISIT_GAP_SECONDS, Visits};

/// Rows of one INSERT: one part a batch, large enough to be cheap and small enough to be held.
const BATCH_ROWS: u64 = 200_000;

/// An import under way.
pub struct Importer {
    site_id: u32,
    import_id: u32,
    timezone: TimeZone,
    kept_from: Option<Timestamp>,
    key: Zeroizing<[u8; 32]>,
    visits: Visits,
    batch: Batch,
    index: u32,
    day: Day,
    left_out: LeftOut,
}

/// Lines that are good and of which nothing is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Engagement events that had no visit to belong to.
    pub without_visit: u64,
    /// Events that the site would not keep.
    pub past_retention: u64,
}

/// The local day of the last record: neighbouring lines mostly share it.
#[derive(Clone, Copy, Default)]
struct Day {
    start: i64,
    end: i64,
    number: i64,
}

/// What an import belongs to.
#[derive(Clone)]
pub struct Destination {
    /// The site.
    pub site_id: u32,
    /// Number of the import, in each of its rows.
    pub import_id: u32,
    /// Where the site's day begins.
    pub timezone: TimeZone,
    /// First instant of the days that the site keeps, if it does not keep all.
    pub kept_from: Option<Timestamp>,
}

impl Importer {
    /// An import with a fresh key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(destination: Destination) -> Result<Self, getrandom::Error> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key)?;
        let Destination { site_id, import_id, timezone, kept_from } = destination;
        let batch = Batch::new(getrandom::u64()?);
        Ok(Self {
            site_id,
            import_id,
            timezone,
            kept_from,
            key,
            visits: Visits::default(),
            batch,
            index: 0,
            day: Day::default(),
            left_out: LeftOut::default(),
        })
    }

    /// Takes one line; gives back a batch when one is full.
    ///
    /// # Errors
    /// [`RecordError`] for a line that is none; the import can go on without it.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Batch>, RecordError> {
        Ok(self.record(EventRecord::parse(line)?))
    }

    /// Takes one checked record; gives back a batch when one is full.
    pub fn record(&mut self, record: EventRecord) -> Option<Batch> {
        if self.kept_from.is_some_and(|kept_from| record.timestamp < kept_from) {
            self.left_out.past_retention += 1;
            return None;
        }
        let pseudonyms = self.pseudonyms(&record.visitor, record.timestamp);
        let event = record.into_event(self.site_id, pseudonyms);
        self.event(&event)
    }

    fn event(&mut self, event: &Event) -> Option<Batch> {
        let position = Position { batch_id: self.batch.id(), index: self.index };
        self.index += 1;
        match self.visits.assign(event, position) {
            Some(assigned) => self.batch.push(&assigned.row(self.import_id)),
            None => self.left_out.without_visit += 1,
        }
        if self.batch.rows() < BATCH_ROWS {
            return None;
        }
        self.index = 0;
        // The id only has to differ from every other: the key is fresh for this import, and so is what it makes.
        let next_id = self.pseudonym(i64::MAX, &self.batch.id().to_le_bytes());
        Some(std::mem::replace(&mut self.batch, Batch::new(next_id)))
    }

    /// The last batch, and how much was left out of all of them.
    pub fn finish(self) -> (Batch, LeftOut) {
        (self.batch, self.left_out)
    }

    /// The pseudonym of the record's local date, and in the first 30 minutes of a day that of the date before.
    fn pseudonyms(&mut self, visitor: &str, timestamp: Timestamp) -> (u64, Option<u64>) {
        let second = timestamp.as_second();
        if !(self.day.start..self.day.end).contains(&second) {
            self.day = local_day(&self.timezone, timestamp);
        }
        let early = second - self.day.start < i64::from(VISIT_GAP_SECONDS);
        let today = self.pseudonym(self.day.number, visitor.as_bytes());
        (today, early.then(|| self.pseudonym(self.day.number - 1, visitor.as_bytes())))
    }

    fn pseudonym(&self, day: i64, visitor: &[u8]) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&self.site_id.to_le_bytes()).update(&day.to_le_bytes()).update(visitor);
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        u64::from_le_bytes(id)
    }
}

fn local_day(timezone: &TimeZone, timestamp: Timestamp) -> Day {
    let local = timestamp.to_zoned_datetime(timezone.clone());
    let edge = |day: jiff::civil::Date| {
        day.to_zoned_datetime(timezone.clone())
            .map_or_else(|_| timestamp.as_second(), |zoned| zoned.timestamp().as_second())
    };
    let date = local.date();
    let tomorrow = date.tomorrow().unwrap_or(date);
    let epoch = jiff::civil::date(1970, 1, 1);
    let number = epoch.until(date).map_or(0, |span| i64::from(span.get_days()));
    Day { start: edge(date), end: edge(tomorrow), number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn importer() -> Importer {
        let timezone = TimeZone::get("Europe/Berlin").expect("known");
        Importer::new(Destination { site_id: 1, import_id: 3, timezone, kept_from: None }).expect("random")
    }

    fn at(time: &str) -> Timestamp {
        time.parse().expect("time")
    }

    #[test]
    fn one_key_is_one_visitor_for_a_local_day() {
        let mut importer = importer();
        let (morning, none) = importer.pseudonyms("a", at("2026-06-01T08:00:00Z"));
        let (evening, _) = importer.pseudonyms("a", at("2026-06-01T21:59:59Z"));
        let (next_day, yesterday) = importer.pseudonyms("a", at("2026-06-01T22:00:00Z"));
        assert_eq!((morning, none), (evening, None));
        assert_ne!(morning, next_day);
        assert_eq!(yesterday, Some(morning));
        assert_ne!(importer.pseudonyms("b", at("2026-06-01T08:00:00Z")).0, morning);
    }

    #[test]
    fn two_imports_of_one_file_share_no_pseudonym() {
        let time = at("2026-06-01T08:00:00Z");
        assert_ne!(importer().pseudonyms("a", time), importer().pseudonyms("a", time));
    }

    #[test]
    fn leaves_out_what_the_site_would_not_keep() {
        let mut importer = Importer { kept_from: Some(at("2026-06-01T22:00:00Z")), ..importer() };
        for (time, name) in [
            ("2026-06-01T21:59:59Z", "pageview"),
            ("2026-06-01T22:00:00Z", "pageview"),
            ("2026-06-01T21:00:00Z", "engagement"),
            ("2026-06-01T22:00:05Z", "engagement"),
        ] {
            let line = format!(
                r#"{{"timestamp": "{time}", "visitor": "a", "name": "{name}", "hostname": "a.example", "pathname": "/", "scroll_depth": 50}}"#
            );
            importer.line(line.as_bytes()).expect("an event");
        }
        let (batch, left_out) = importer.finish();
        assert_eq!((batch.rows(), left_out), (2, LeftOut { without_visit: 0, past_retention: 2 }));
    }
}
