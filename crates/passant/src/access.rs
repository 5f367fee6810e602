//! The control data as the running halves need it: sites for ingest; sites, tokens, goals and segments for reports.
//!
//! Invariant: what another process changed (`passant site add` beside a running server) is seen by ingest within half a
//! second, and by the next question, without a connection to it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use jiff::tz::TimeZone;
use passant_control::{
    Action, Actor, Control, Decision, ReferrerDetail, Renamed, Scope, Share, Subject, decide,
};
use passant_ingest::{NamedBy, Sender, SiteTable, Sites, TokenHash};
use passant_query::rollup::Zones;
use passant_query::{Filter, Goal, GoalKind, PagePattern, Reader, Segment};
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use crate::authority::{Authority, Credentials};
use crate::refusal::Refusal;

/// How often the control data's version is looked at: a shared page of a file, one row of a server.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The sites for the pipeline, with who may speak for their visitors.
///
/// # Errors
/// When the control data cannot be read.
pub(crate) fn sites_for_ingest(control: &Control) -> passant_control::Result<SiteTable> {
    let sites = control.sites()?;
    let senders = control.token_hashes(Scope::EventsWrite)?.into_iter().map(|token| {
        let sender = Sender { site_id: token.site_id, expires_at: token.expires_at };
        (TokenHash(token.hash), sender)
    });
    let table: SiteTable = sites.into_iter().filter_map(|site| for_ingest(&site)).collect();
    Ok(table.with_senders(senders))
}

fn for_ingest(site: &passant_control::Site) -> Option<passant_ingest::Site> {
    let mut known = passant_ingest::Site::new(site.id, &site.domain, timezone(site)?);
    known.allowed_hostnames.clone_from(&site.allowed_hostnames);
    known.blocked_pages.clone_from(&site.blocked_pages);
    known.blocked_networks.clone_from(&site.blocked_networks);
    known.blocked_countries.clone_from(&site.blocked_countries);
    known.referrer = match site.referrer_detail {
        ReferrerDetail::Domain => passant_ingest::ReferrerDetail::Domain,
        ReferrerDetail::Page => passant_ingest::ReferrerDetail::Page,
    };
    known.currency.clone_from(&site.currency);
    known.aliases = [
        (NamedBy::UmamiWebsite, &site.umami_website_ids),
        (NamedBy::MatomoSite, &site.matomo_site_ids),
        (NamedBy::GoatCounterHost, &site.goatcounter_hosts),
    ]
    .into_iter()
    .flat_map(|(by, names)| names.iter().map(move |name| (by, name.clone())))
    .collect();
    Some(known)
}

/// The time zone of a site, if this system knows it.
pub(crate) fn timezone(site: &passant_control::Site) -> Option<TimeZone> {
    let found = TimeZone::get(&site.timezone);
    if found.is_err() {
        tracing::error!(
            site = site.id,
            "the time zone of a site is not known here; its beacons are discarded"
        );
    }
    found.ok()
}

/// The time zones of the sites, for what is added up by their days.
///
/// # Errors
/// When the control data cannot be read.
pub(crate) fn zones(control: &Control) -> passant_control::Result<Zones> {
    Ok(control.sites()?.iter().filter_map(|site| Some((site.id, timezone(site)?))).collect())
}

/// Keeps `sites` as the control data has them, for ever.
pub(crate) async fn follow(control: Arc<Control>, sites: Sites) {
    // What was read at the start may have changed since.
    let mut seen = None;
    let mut is_readable = true;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let read = control.version().and_then(|version| {
            if seen != Some(version) {
                sites.store(Arc::new(sites_for_ingest(&control)?));
            }
            Ok(version)
        });
        match (read, is_readable) {
            (Ok(version), was_readable) => {
                seen = Some(version);
                if !was_readable {
                    tracing::info!("the control data are read again");
                }
                is_readable = true;
            }
            (Err(error), true) => {
                tracing::warn!(%error, "the control data cannot be read; the sites stay as they are");
                is_readable = false;
            }
            (Err(_), false) => {}
        }
    }
}

/// Who may read which site's reports, and what the site's people have defined: each question reads it anew.
pub(crate) struct ReportAccess(pub(crate) Authority);

impl ReportAccess {
    fn for_reports(&self, headers: &HeaderMap, domain: &str) -> passant_query::Result<passant_query::Site> {
        let actor = self.0.actor(&Credentials::of(headers)).map_err(|refusal| {
            // A dashboard that is told that its session is none asks for the password.
            if matches!(refusal, Refusal::Unavailable | Refusal::Failed) {
                passant_query::Error::AccessUnavailable
            } else {
                passant_query::Error::NotAllowed
            }
        })?;
        let refused = match actor {
            Actor::Stranger => passant_query::Error::MissingToken,
            Actor::Person(_) | Actor::Token(_) | Actor::Guest(_) => passant_query::Error::NotAllowed,
        };
        let site = match self.0.control.site(domain) {
            Err(passant_control::Error::UnknownSite(_)) => return Err(refused),
            Err(error) => return Err(unreadable(&error)),
            Ok(site) => site,
        };
        let reader = match decide(&actor, Action::ReadReports, Subject::Site(&site)) {
            Decision::Allowed => Reader::Member,
            Decision::AllowedAsPublic => Reader::Public,
            Decision::Hidden | Decision::Refused => return Err(refused),
        };
        self.known(&site, reader, &actor)
    }

    /// The site with what this reader may read of it.
    fn known(
        &self,
        site: &passant_control::Site,
        reader: Reader,
        actor: &Actor,
    ) -> passant_query::Result<passant_query::Site> {
        let time_zone = timezone(site).ok_or(passant_query::Error::NotAllowed)?;
        let mut known = passant_query::Site::new(site.id, site.domain.clone(), time_zone);
        known.privacy_floor = site.privacy_floor_visitors;
        known.reader = reader;
        let goals = self.0.control.goals(site).map_err(|error| unreadable(&error))?;
        known.goals = goals.into_iter().map(goal).collect();
        let segments = self.0.control.segments(site).map_err(|error| unreadable(&error))?;
        let segments: Vec<Segment> = segments.iter().filter_map(segment).collect();
        if let Actor::Guest(Share { segment_id: Some(id), .. }) = actor {
            let segment = segments.iter().find(|segment| segment.id == *id);
            known.within = segment.ok_or(passant_query::Error::NotAllowed)?.filters.clone().into();
        }
        // What members call and look for is theirs.
        if reader == Reader::Member {
            known.segments = segments.into();
        }
        Ok(known)
    }
}

impl passant_query::Access for ReportAccess {
    fn site(&self, headers: &HeaderMap, domain: &str) -> passant_query::Result<passant_query::Site> {
        self.for_reports(headers, domain)
    }
}

fn unreadable(error: &passant_control::Error) -> passant_query::Error {
    tracing::error!(%error, "who may read a site cannot be looked up");
    passant_query::Error::AccessUnavailable
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

/// Filters that name a goal by its new name where they named it by the one before.
pub(crate) fn rename_goal(filters: &mut Value, renamed: Renamed<'_>) {
    let Some(parts) = filters.as_array_mut() else { return };
    match parts.as_mut_slice() {
        [Value::String(operator), Value::String(dimension), Value::Array(names), options @ ..]
            if operator == "is" && dimension == "event:goal" =>
        {
            let folds = options.first().is_some_and(|options| options["case_sensitive"] == false);
            let is_meant = |name: &str| {
                name == renamed.from || (folds && name.to_lowercase() == renamed.from.to_lowercase())
            };
            names
                .iter_mut()
                .filter(|name| name.as_str().is_some_and(is_meant))
                .for_each(|name| *name = renamed.to.into());
        }
        // Words and names are no lists, and nothing within them is one.
        parts => parts.iter_mut().for_each(|part| rename_goal(part, renamed)),
    }
}

fn names_a_segment(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().any(names_a_segment),
        Filter::Not(filter) | Filter::HasDone(filter) => names_a_segment(filter),
        Filter::Segment(_) => true,
        Filter::Clause(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_goal_is_renamed_wherever_filters_name_it_and_nowhere_else() {
        let filters = |signup: &str| {
            json!([
                ["is", "event:goal", [signup, "Buy"]],
                ["or", [
                    ["not", ["is", "event:goal", [signup]]],
                    ["has_done", ["is", "event:goal", [signup], { "case_sensitive": false }]],
                ]],
                ["contains", "event:goal", ["Signup"]],
                ["is", "event:page", ["Signup"]],
                ["is", "event:goal", ["signup"]],
            ])
        };
        let mut renamed = filters("Signup");
        renamed[1][1][1][1][2][0] = "sIGNUP".into();
        rename_goal(&mut renamed, Renamed { from: "Signup", to: "Joined" });
        assert_eq!(renamed, filters("Joined"));
    }
}
