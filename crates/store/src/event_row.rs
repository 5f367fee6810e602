//! One row of `events`, borrowed from whoever resolved it. The field order is the column order of the table; a new
//! column is a field here, a row in the column table of [`crate::Batch`], and a migration.
//!
//! Everything in it is anonymous; nothing finer than a country or a second may ever be added.

/// One event as it is stored, with what it adds to its visit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventRow<'a> {
    /// The site, as numbered in the control data.
    pub site_id: u32,
    /// When the beacon arrived: seconds since 1970, UTC.
    pub timestamp: u32,
    /// `pageview`, `engagement`, or a custom name.
    pub name: &'a str,
    /// Host of the page, without `www.`.
    pub hostname: &'a str,
    /// Path of the page, identifiers replaced.
    pub pathname: &'a str,
    /// One pseudonym of one site-local day.
    pub visitor_id: u64,
    /// What the event adds to its visit, and where it stands in it.
    pub visit: VisitFacts<'a>,
    /// Attributes of the first event of the visit.
    pub origin: Origin<'a>,
    /// Whether a custom event counts against the bounce.
    pub interactive: bool,
    /// Engagement events: milliseconds the page was visible since the last one.
    pub engagement_time_ms: u32,
    /// Engagement events: greatest depth in percent; 255 is missing.
    pub scroll_depth: u8,
    /// Custom properties, in the order they were sent.
    pub props: &'a [(String, String)],
    /// Revenue in thousandths of the currency's unit.
    pub revenue_thousandths: i64,
    /// ISO 4217; blank is no revenue.
    pub revenue_currency: &'a str,
    /// The import that brought the row; 0 is a beacon.
    pub import_id: u32,
}

/// What an event adds to its visit (`definitions.md`, "Additive visit facts").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VisitFacts<'a> {
    /// The visit this event belongs to.
    pub id: u64,
    /// Time of the visit's first event: seconds since 1970, UTC.
    pub start: u32,
    /// Number of the event within its visit, from 1, in arrival order.
    pub sequence: u32,
    /// 1 on the first event of a visit, else 0.
    pub visits: u8,
    /// +1 on the first interactive event of a visit, −1 on its second, else 0.
    pub bounces: i8,
    /// Seconds since the previous non-engagement event of the visit.
    pub duration_seconds: u32,
    /// Host of the visit's first pageview; blank before it.
    pub entry_hostname: &'a str,
    /// Path of the visit's first pageview; blank before it.
    pub entry_pathname: &'a str,
    /// On a pageview: host of the pageview before it in the visit.
    pub previous_hostname: &'a str,
    /// On a pageview: path of the pageview before it in the visit.
    pub previous_pathname: &'a str,
}

/// Where a visit came from and on what it was made: the attributes of its first event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin<'a> {
    /// Referring domain (host and path where the site chose so).
    pub referrer: &'a str,
    /// Name of the source; blank is direct.
    pub source: &'a str,
    /// Channel of the source.
    pub channel: &'a str,
    /// `utm_source`.
    pub utm_source: &'a str,
    /// `utm_medium`.
    pub utm_medium: &'a str,
    /// `utm_campaign`.
    pub utm_campaign: &'a str,
    /// `utm_content`.
    pub utm_content: &'a str,
    /// `utm_term`.
    pub utm_term: &'a str,
    /// Name of the click-id parameter that was present, never its value.
    pub click_id: &'a str,
    /// ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// First language tag.
    pub language: &'a str,
    /// `Desktop`, `Laptop`, `Tablet` or `Mobile`.
    pub device: &'a str,
    /// Browser family.
    pub browser: &'a str,
    /// Browser version, `major` or `major.minor`.
    pub browser_version: &'a str,
    /// Operating system family.
    pub os: &'a str,
    /// Operating system version.
    pub os_version: &'a str,
}
