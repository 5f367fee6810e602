//! The stretches of time that a report reads from `events`: its whole range, or what of it no roll-up covers.
//!
//! Invariant: the rows of one stretch are told by its two parameters alone; the first stretch's are `from` and `to`.

use crate::report::Report;

use super::{Params, scan::Coverage};

/// The conditions on the time of a row.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    stretches: usize,
}

impl Window {
    pub(crate) fn of(report: &Report) -> Self {
        Self { stretches: report.stretches().len() }
    }

    /// Binds the ends of the stretches.
    pub(crate) fn bind(report: &Report, params: &mut Params) {
        for (index, (from, to)) in report.stretches().into_iter().enumerate() {
            params.bind(&name("from", index), from);
            params.bind(&name("to", index), to);
        }
    }

    /// The rows that a scan needs. A visit begins before its events, so the first condition never loses one.
    pub(crate) fn rows(self, coverage: Coverage) -> String {
        let since = "timestamp >= toDateTime({from:UInt32})";
        match coverage {
            Coverage::Events | Coverage::Depths | Coverage::Views => self.during("timestamp"),
            Coverage::Visits | Coverage::Exits => format!("{since} AND {}", self.during("visit_start")),
            Coverage::Both if self.stretches == 1 => format!(
                "{since} AND visit_start < toDateTime({{to:UInt32}}) \
                 AND (timestamp < toDateTime({{to:UInt32}}) OR visit_start >= toDateTime({{from:UInt32}}))"
            ),
            Coverage::Both => format!(
                "{since} AND visit_start < toDateTime({{{}:UInt32}}) AND ({} OR {})",
                self.last_to(),
                self.during("timestamp"),
                self.during("visit_start")
            ),
        }
    }

    /// Of the rows of [`Coverage::Both`], those of events in the range.
    pub(crate) fn in_range(self) -> String {
        if self.stretches == 1 {
            return "timestamp < toDateTime({to:UInt32})".to_owned();
        }
        self.during("timestamp")
    }

    /// Of the rows of [`Coverage::Both`], those of visits that began in the range.
    pub(crate) fn began_in_range(self) -> String {
        if self.stretches == 1 {
            return "visit_start >= toDateTime({from:UInt32})".to_owned();
        }
        self.during("visit_start")
    }

    /// All events of the visits that a scan may be about: those that events in the range belong to may have begun
    /// before it.
    pub(crate) fn whole_visits(self, coverage: Coverage) -> String {
        let since = if coverage.is_of_visits() {
            "toDateTime({from:UInt32}) AND visit_start >= toDateTime({from:UInt32})".to_owned()
        } else {
            format!(
                "(SELECT if(count() = 0, toDateTime({{from:UInt32}}), least(min(visit_start), toDateTime({{from:UInt32}}))) \
                 FROM events WHERE site_id = {{site:UInt32}} AND {})",
                self.rows(Coverage::Events)
            )
        };
        format!(
            "site_id = {{site:UInt32}} AND timestamp >= {since} AND visit_start < toDateTime({{{}:UInt32}})",
            self.last_to()
        )
    }

    /// The events of those visits that come after one of the rows that the scan needs.
    pub(crate) fn rest_of_visits(self) -> String {
        let to = self.last_to();
        format!(
            "site_id = {{site:UInt32}} AND timestamp >= toDateTime({{from:UInt32}}) AND visit_start < toDateTime({{{to}:UInt32}})"
        )
    }

    fn during(self, column: &str) -> String {
        let one = |index: usize| {
            let (from, to) = (name("from", index), name("to", index));
            format!("{column} >= toDateTime({{{from}:UInt32}}) AND {column} < toDateTime({{{to}:UInt32}})")
        };
        match self.stretches {
            1 => one(0),
            stretches => format!("({})", (0..stretches).map(one).collect::<Vec<_>>().join(" OR ")),
        }
    }

    fn last_to(self) -> String {
        name("to", self.stretches.saturating_sub(1))
    }
}

fn name(end: &str, index: usize) -> String {
    if index == 0 { end.to_owned() } else { format!("{end}_{index}") }
}
