//! The closed set of dimensions: what a report may be grouped by and filtered on.
//!
//! One row of [`TABLE`] holds everything about a dimension, so that adding one is adding a row here. Column names stand
//! here and nowhere else; no user's text may ever become one: the key of a property travels as a parameter.

use std::{borrow::Cow, mem::discriminant};

use crate::{
    period::Interval,
    table::{Row, Table},
};

/// What a report is grouped by or filtered on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Name of the event.
    EventName,
    /// The goals that the event meets: none, one or several.
    EventGoal,
    /// A custom property of the event, by its key.
    EventProp(Cow<'static, str>),
    /// Path of the page of the event.
    EventPage,
    /// Host of the page of the event.
    EventHostname,
    /// Path of the first pageview of the visit.
    EntryPage,
    /// Host of the first pageview of the visit.
    EntryPageHostname,
    /// Path of the last pageview of the visit.
    ExitPage,
    /// Host of the last pageview of the visit.
    ExitPageHostname,
    /// Name of the source.
    Source,
    /// Referring domain.
    Referrer,
    /// Channel of the source.
    Channel,
    /// `utm_medium`.
    UtmMedium,
    /// `utm_source`.
    UtmSource,
    /// `utm_campaign`.
    UtmCampaign,
    /// `utm_content`.
    UtmContent,
    /// `utm_term`.
    UtmTerm,
    /// Device class.
    Device,
    /// Browser family.
    Browser,
    /// Browser version.
    BrowserVersion,
    /// Operating system family.
    Os,
    /// Operating system version.
    OsVersion,
    /// ISO 3166-1 alpha-2 code.
    Country,
    /// English short name of the country.
    CountryName,
    /// First language tag of the browser.
    Language,
    /// Not stored: always blank.
    Region,
    /// Not stored: always blank.
    RegionName,
    /// Not stored: always blank.
    City,
    /// Not stored: always blank.
    CityName,
    /// Time, in buckets that suit the range.
    Time,
    /// Time in hours.
    TimeHour,
    /// Time in site-local days.
    TimeDay,
    /// Time in weeks from Monday.
    TimeWeek,
    /// Time in calendar months.
    TimeMonth,
}

/// Where a dimension's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// A column of the event's own; another row of the visit may hold another value. For pages and hosts the second
    /// column is the one of [`VisitPage`] that visit metrics are grouped by.
    Event(&'static str, Option<VisitPage>),
    /// The goals that the event meets.
    Goal,
    /// The value of the property whose key the dimension holds.
    Prop,
    /// An attribute of the visit's first event, which stands on each of its rows.
    Visit(&'static str),
    /// A page of the visit, which only the whole visit tells.
    Page(VisitPage),
    /// The name of the code in this column.
    CountryName(&'static str),
    /// Never stored (nothing finer than a country is).
    Nothing,
    /// The bucket that the time falls into; without an interval the range chooses one.
    Time(Option<Interval>),
}

/// A page of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VisitPage {
    EntryPath,
    EntryHost,
    ExitPath,
    ExitHost,
}

/// The facts about one dimension.
pub(crate) struct Facts {
    pub(crate) dimension: Dimension,
    /// Name in the API.
    pub(crate) name: &'static str,
    pub(crate) column: Column,
    /// What stands for the blank.
    pub(crate) blank: &'static str,
}

const fn facts(dimension: Dimension, name: &'static str, column: Column, blank: &'static str) -> Facts {
    Facts { dimension, name, column, blank }
}

const NOT_SET: &str = "(not set)";
const DIRECT: &str = "Direct / None";

/// Every dimension. The name of a property's dimension is what its key follows.
#[rustfmt::skip]
pub(crate) static TABLE: Table<Facts> = Table(&[
    facts(Dimension::EventName,         "event:name",                Column::Event("name", None), NOT_SET),
    facts(Dimension::EventGoal,         "event:goal",                Column::Goal, NOT_SET),
    facts(Dimension::EventProp(Cow::Borrowed("")), "event:props:",   Column::Prop, "(none)"),
    facts(Dimension::EventPage,         "event:page",                Column::Event("pathname", Some(VisitPage::EntryPath)), NOT_SET),
    facts(Dimension::EventHostname,     "event:hostname",            Column::Event("hostname", Some(VisitPage::EntryHost)), NOT_SET),
    facts(Dimension::EntryPage,         "visit:entry_page",          Column::Page(VisitPage::EntryPath), NOT_SET),
    facts(Dimension::EntryPageHostname, "visit:entry_page_hostname", Column::Page(VisitPage::EntryHost), NOT_SET),
    facts(Dimension::ExitPage,          "visit:exit_page",           Column::Page(VisitPage::ExitPath), NOT_SET),
    facts(Dimension::ExitPageHostname,  "visit:exit_page_hostname",  Column::Page(VisitPage::ExitHost), NOT_SET),
    facts(Dimension::Source,            "visit:source",              Column::Visit("source"), DIRECT),
    facts(Dimension::Referrer,          "visit:referrer",            Column::Visit("referrer"), DIRECT),
    facts(Dimension::Channel,           "visit:channel",             Column::Visit("channel"), "Direct"),
    facts(Dimension::UtmMedium,         "visit:utm_medium",          Column::Visit("utm_medium"), NOT_SET),
    facts(Dimension::UtmSource,         "visit:utm_source",          Column::Visit("utm_source"), NOT_SET),
    facts(Dimension::UtmCampaign,       "visit:utm_campaign",        Column::Visit("utm_campaign"), NOT_SET),
    facts(Dimension::UtmContent,        "visit:utm_content",         Column::Visit("utm_content"), NOT_SET),
    facts(Dimension::UtmTerm,           "visit:utm_term",            Column::Visit("utm_term"), NOT_SET),
    facts(Dimension::Device,            "visit:device",              Column::Visit("device"), NOT_SET),
    facts(Dimension::Browser,           "visit:browser",             Column::Visit("browser"), NOT_SET),
    facts(Dimension::BrowserVersion,    "visit:browser_version",     Column::Visit("browser_version"), NOT_SET),
    facts(Dimension::Os,                "visit:os",                  Column::Visit("os"), NOT_SET),
    facts(Dimension::OsVersion,         "visit:os_version",          Column::Visit("os_version"), NOT_SET),
    facts(Dimension::Country,           "visit:country",             Column::Visit("country"), NOT_SET),
    facts(Dimension::CountryName,       "visit:country_name",        Column::CountryName("country"), NOT_SET),
    facts(Dimension::Language,          "visit:language",            Column::Visit("language"), NOT_SET),
    facts(Dimension::Region,            "visit:region",              Column::Nothing, NOT_SET),
    facts(Dimension::RegionName,        "visit:region_name",         Column::Nothing, NOT_SET),
    facts(Dimension::City,              "visit:city",                Column::Nothing, NOT_SET),
    facts(Dimension::CityName,          "visit:city_name",           Column::Nothing, NOT_SET),
    facts(Dimension::Time,              "time",                      Column::Time(None), ""),
    facts(Dimension::TimeHour,          "time:hour",                 Column::Time(Some(Interval::Hour)), ""),
    facts(Dimension::TimeDay,           "time:day",                  Column::Time(Some(Interval::Day)), ""),
    facts(Dimension::TimeWeek,          "time:week",                 Column::Time(Some(Interval::Week)), ""),
    facts(Dimension::TimeMonth,         "time:month",                Column::Time(Some(Interval::Month)), ""),
]);

/// Longest key of a property that a beacon may carry, in bytes; no longer one can have been stored.
const PROP_KEY_BYTES_MAX: usize = 300;

impl Row for Facts {
    type Member = Dimension;

    fn name(&self) -> &'static str {
        self.name
    }

    fn is_about(&self, member: &Dimension) -> bool {
        discriminant(&self.dimension) == discriminant(member)
    }
}

impl Dimension {
    /// The dimension of this API name.
    pub fn parse(name: &str) -> Option<Self> {
        let prefix = Self::EventProp(Cow::Borrowed("")).facts().name;
        match name.strip_prefix(prefix) {
            Some(key) => (1..=PROP_KEY_BYTES_MAX)
                .contains(&key.len())
                .then(|| Self::EventProp(Cow::Owned(key.to_owned()))),
            None => TABLE.named(name).map(|facts| facts.dimension.clone()),
        }
    }

    /// Its name in the API.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::EventProp(key) => Cow::Owned(format!("{}{key}", self.facts().name)),
            dimension => Cow::Borrowed(dimension.facts().name),
        }
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        TABLE.names()
    }

    /// The names of all but properties, which have one for each key.
    pub(crate) fn all_names() -> impl Iterator<Item = &'static str> {
        TABLE.0.iter().filter(|facts| facts.column != Column::Prop).map(|facts| facts.name)
    }

    pub(crate) fn facts(&self) -> &'static Facts {
        TABLE.about(self)
    }

    /// The column of an attribute of the visit; the blank where it is none.
    pub(crate) fn origin_column(&self) -> &'static str {
        match self.column() {
            Column::Visit(column) => column,
            Column::Event(..)
            | Column::Goal
            | Column::Prop
            | Column::Page(_)
            | Column::CountryName(_)
            | Column::Nothing
            | Column::Time(_) => "''",
        }
    }

    pub(crate) fn column(&self) -> Column {
        self.facts().column
    }

    /// Whether it speaks of single events.
    pub(crate) fn is_event(&self) -> bool {
        matches!(self.column(), Column::Event(..) | Column::Goal | Column::Prop)
    }

    /// Whether it tells what an event is, not where it was: a pageview is no longer all that there is to count.
    pub(crate) fn names_events(&self) -> bool {
        matches!(self, Self::EventName | Self::EventGoal | Self::EventProp(_))
    }

    /// Whether it speaks of visits.
    pub(crate) fn is_visit(&self) -> bool {
        match self.column() {
            Column::Visit(_) | Column::Page(_) | Column::CountryName(_) | Column::Nothing => true,
            Column::Event(..) | Column::Goal | Column::Prop | Column::Time(_) => false,
        }
    }

    /// Whether it is time, in any interval.
    pub(crate) fn is_time(&self) -> bool {
        matches!(self.column(), Column::Time(_))
    }
}

impl From<Interval> for Dimension {
    fn from(interval: Interval) -> Self {
        match interval {
            Interval::Hour => Self::TimeHour,
            Interval::Day => Self::TimeDay,
            Interval::Week => Self::TimeWeek,
            Interval::Month => Self::TimeMonth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_name_and_by_its_dimension() {
        for facts in TABLE.0.iter().filter(|facts| facts.column != Column::Prop) {
            assert_eq!(Dimension::parse(facts.name), Some(facts.dimension.clone()));
            assert_eq!(facts.dimension.name(), facts.name);
        }
    }

    #[test]
    fn takes_a_property_by_its_key() {
        let dimension = Dimension::parse("event:props:plan:tier").unwrap();
        assert_eq!(dimension, Dimension::EventProp("plan:tier".into()));
        assert_eq!(dimension.name(), "event:props:plan:tier");
        assert_eq!(Dimension::parse("event:props:"), None);
        assert_eq!(Dimension::parse(&format!("event:props:{}", "k".repeat(301))), None);
    }
}
