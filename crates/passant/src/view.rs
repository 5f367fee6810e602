//! Sites, what is defined for them and people as JSON: the same in the Sites API and in the lists of the command line.
//!
//! Invariant: keys that Plausible's Sites API has too mean what they mean there.

use passant_control::{
    Annotation, Funnel, Goal, GoalKind, Member, SETTINGS, Segment, ShareLink, Site, Token, User,
};
use serde_json::{Map, Value, json};

use crate::script::SiteScript;

/// A site with its settings.
pub(crate) fn site(site: &Site) -> Value {
    let settings: Map<String, Value> = SETTINGS
        .iter()
        .map(|facts| (facts.name.to_owned(), Value::from(site.value(facts.setting))))
        .collect();
    json!({ "domain": site.domain, "timezone": site.timezone, "settings": settings })
}

/// The script of a site, for a tag that loads it.
pub(crate) fn script(site: &Site, script: SiteScript<'_>) -> Value {
    json!({
        "domain": site.domain,
        "path": script.path(),
        "integrity": script.integrity(),
        "event_path": script.paths.event_path,
    })
}

/// A goal.
pub(crate) fn goal(goal: &Goal) -> Value {
    let (goal_type, event_name, page_path, scroll_threshold) = match &goal.kind {
        GoalKind::Event(name) => ("event", Some(name), None, None),
        GoalKind::Page(page) => ("page", None, Some(page), None),
        GoalKind::Scroll { page, percent } => ("page", None, Some(page), Some(*percent)),
    };
    json!({
        "id": goal.id.to_string(),
        "goal_type": goal_type,
        "display_name": goal.display_name,
        "event_name": event_name,
        "page_path": page_path,
        "scroll_threshold": scroll_threshold,
        "currency": goal.currency,
        "custom_props": goal.custom_props,
    })
}

/// A funnel.
pub(crate) fn funnel(funnel: &Funnel) -> Value {
    let steps: Vec<_> = funnel.steps.iter().map(u64::to_string).collect();
    json!({
        "id": funnel.id.to_string(),
        "name": funnel.name,
        "steps": steps,
        "order": funnel.order.as_str(),
        "within": funnel.within.as_str(),
    })
}

/// A segment; filters name it by its number.
pub(crate) fn segment(segment: &Segment) -> Value {
    json!({ "id": segment.id, "name": segment.name, "filters": segment.filters })
}

/// An annotation.
pub(crate) fn annotation(annotation: &Annotation) -> Value {
    json!({ "id": annotation.id.to_string(), "at": annotation.at.to_string(), "text": annotation.text })
}

/// A token, all but its text.
pub(crate) fn token(token: &Token) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "scope": token.scope.as_str(),
        "site": token.domain,
        "created_at": token.created_at.to_string(),
        "expires_at": token.expires_at.map(|end| end.to_string()),
    })
}

/// Somebody with an account.
pub(crate) fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "owner": user.is_owner,
        "invited": !user.has_password && !user.has_identity,
        "single_sign_on": user.has_identity,
        "two_factor": user.has_two_factor,
        "created_at": user.created_at.to_string(),
    })
}

/// Somebody with a role on a site.
pub(crate) fn member(member: &Member) -> Value {
    let Member { user, role } = member;
    json!({ "id": user.id, "email": user.email, "name": user.name, "role": role.as_str() })
}

/// A link, all but its secret.
pub(crate) fn share_link(link: &ShareLink) -> Value {
    json!({
        "id": link.id,
        "name": link.name,
        "password": link.has_password,
        "segment_id": link.segment_id,
        "frame_ancestors": link.frame_ancestors,
        "created_at": link.created_at.to_string(),
        "expires_at": link.expires_at.map(|end| end.to_string()),
    })
}
