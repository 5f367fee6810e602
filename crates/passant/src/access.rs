//! The control data as the running halves need it: sites for ingest; sites, tokens, goals and segments for reports.
//!
//! Invariant: what another process changed (`passant site add` beside a running server) is seen by ingest within half a
//! second, and by the next question, without a connection to it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use passant_control::{Control, Grant, ReferrerDetail, Scope};
use passant_ingest::{SiteTable, Sites};
use passant_query::{Filter, Goal, GoalKind, PagePattern, Segment};
use serde_json::Value;

/// How often the control data's version is looked at: one read of a shared page, no query.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The sites for the pipeline.
///
/// # Errors
/// When the control data cannot be read.
pub(crate) fn sites_for_ingest(control: &Control) -> passant_control::Result<SiteTable> {
    let sites = control.sites()?;
    Ok(sites.into_iter().filter_map(|site| for_ingest(&site)).collect())
}

fn for_ingest(site: &passant_control::Site) -> Option<passant_ingest::Site> {
    let mut known = passant_ingest::Site::new(site.id, &site.domain, timezone(site)?);
    known.allowed_hostnames.clone_from(&site.allowed_hostnames);
    known.blocked_pages.clone_from(&site.blocked_pages);
    known.referrer = match site.referrer_detail {
        ReferrerDetail::Domain => passant_ingest::ReferrerDetail::Domain,
        ReferrerDetail::Page => passant_ingest::ReferrerDetail::Page,
    };
    Some(known)
}

fn timezone(site: &passant_control::Site) -> Option<TimeZone> {
    let found = TimeZone::get(&site.timezone);
    if found.is_err() {
        tracing::error!(
            site = site.id,
            "the time zone of a site is not known here; its beacons are discarded"
        );
    }
    found.ok()
}

/// Keeps `sites` as the control data has them, for ever.
pub(crate) async fn follow(control: Arc<Control>, sites: Sites) {
    let mut seen = control.version().ok();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let version = control.version().ok();
        if version == seen {
            continue;
        }
        match sites_for_ingest(&control) {
            Ok(table) => {
                sites.store(Arc::new(table));
                seen = version;
            }
            Err(error) => {
                tracing::warn!(%error, "the control data cannot be read; trying again")
            }
        }
    }
}

/// Who may read which site's reports, and what the site's people have defined: each question reads it anew.
pub(crate) struct ReportAccess {
    pub(crate) control: Arc<Control>,
    pub(crate) clock: fn() -> Timestamp,
}

impl ReportAccess {
    /// What a bearer token allows; nothing where the control data cannot be read.
    pub(crate) fn grant(&self, bearer: &str) -> Option<Grant> {
        self.control.grant(bearer, (self.clock)()).unwrap_or_else(|error| {
            tracing::error!(%error, "a token cannot be looked up");
            None
        })
    }

    fn for_reports(&self, domain: &str) -> Result<Option<passant_query::Site>, passant_control::Error> {
        let found = match self.control.site(domain) {
            Err(passant_control::Error::UnknownSite(_)) => return Ok(None),
            found => found?,
        };
        let Some(time_zone) = timezone(&found) else { return Ok(None) };
        let mut site = passant_query::Site::new(found.id, found.domain.clone(), time_zone);
        site.privacy_floor = found.privacy_floor_visitors;
        site.goals = self.control.goals(&found)?.into_iter().map(goal).collect();
        site.segments = self.control.segments(&found)?.iter().filter_map(segment).collect();
        Ok(Some(site))
    }
}

impl passant_query::Access for ReportAccess {
    fn site(&self, domain: &str) -> Option<passant_query::Site> {
        self.for_reports(domain).unwrap_or_else(|error| {
            tracing::error!(%error, "a site cannot be looked up");
            None
        })
    }

    fn authorize(&self, bearer: &str, site: &passant_query::Site) -> passant_query::Permission {
        match self.grant(bearer) {
            Some(grant) if grant.allows(Scope::StatsRead, site.id) => passant_query::Permission::Granted,
            Some(_) | None => passant_query::Permission::Refused,
        }
    }
}

fn goal(goal: passant_control::Goal) -> Goal {
    let kind = match goal.kind {
        passant_control::GoalKind::Event(name) => GoalKind::Event(name),
        passant_control::GoalKind::Page(page) => GoalKind::Page(PagePattern(page)),
        passant_control::GoalKind::Scroll { page, percent } => {
            GoalKind::Scroll { page: PagePattern(page), percent }
        }
    };
    let props = goal.custom_props.into_iter().collect();
    Goal { name: goal.display_name, kind, props, currency: goal.currency }
}

fn segment(segment: &passant_control::Segment) -> Option<Segment> {
    match Filter::parse_all(&segment.filters) {
        Ok(filters) => Some(Segment { id: segment.id, name: segment.name.clone(), filters }),
        // Filters on it then name a segment that is not there, and say so.
        Err(_) => {
            tracing::error!(segment = segment.id, "the filters of a segment cannot be read");
            None
        }
    }
}

/// What is wrong with the filters of a segment that is to be, if anything is.
///
/// # Errors
/// The words to say about it.
pub(crate) fn check_filters(filters: &Value) -> Result<(), String> {
    let parsed = Filter::parse_all(filters).map_err(|error| error.to_string())?;
    if parsed.is_empty() {
        return Err("#/filters: a segment without filters is the whole site, expected at least one".into());
    }
    if parsed.iter().any(names_a_segment) {
        return Err("#/filters: a segment cannot hold another".into());
    }
    Ok(())
}

fn names_a_segment(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().any(names_a_segment),
        Filter::Not(filter) | Filter::HasDone(filter) => names_a_segment(filter),
        Filter::Segment(_) => true,
        Filter::Clause(_) => false,
    }
}
