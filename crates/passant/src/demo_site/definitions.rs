//! What the people of the demo's site have defined, so that every part of the dashboard has something to show.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use passant_control::{Control, GoalKind, Moment, NewFunnel, NewGoal, NewSegment, Result, Site};
use serde_json::json;

use crate::access::check_filters;

/// The steps of the demo's funnel, each a page and what it is called.
const STEPS: [(&str, &str); 3] = [
    ("/shop/**", "Looks at the shop"),
    ("/basket", "Fills the basket"),
    ("/checkout", "Goes to the checkout"),
];
const EVENTS: [&str; 3] = ["Signup", "Outbound Link: Click", "File Download"];
/// What happened, and how many days ago.
const NOTES: [(i64, &str); 3] =
    [(11, "Autumn sale begins"), (33, "Guides written anew"), (68, "The shop takes francs")];
const PHONES: &str = "On a phone";
const SEARCHED: &str = "Found by a search, from Europe";

/// Defines goals, a funnel, segments and annotations for the demo's `site`.
///
/// # Errors
/// What the control data says.
pub(super) fn define(control: &Control, site: &Site, now: Timestamp) -> Result<()> {
    let goal = |kind: GoalKind, name: Option<&str>, currency: Option<&str>| NewGoal {
        display_name: name.map(str::to_owned),
        kind,
        currency: currency.map(str::to_owned),
        custom_props: Default::default(),
    };
    let mut steps = Vec::new();
    for (page, name) in STEPS {
        steps.push(control.add_goal(site, goal(GoalKind::Page(page.to_owned()), Some(name), None))?.id);
    }
    let purchase = goal(GoalKind::Event("Purchase".to_owned()), None, Some("EUR"));
    steps.push(control.add_goal(site, purchase)?.id);
    for name in EVENTS {
        control.add_goal(site, goal(GoalKind::Event(name.to_owned()), None, None))?;
    }
    let (order, within) = Default::default();
    control.add_funnel(site, NewFunnel { name: "Checkout".to_owned(), steps, order, within })?;
    let segments = [
        (PHONES, json!([["is", "visit:device", ["Mobile"]]])),
        (
            SEARCHED,
            json!([
                ["is", "visit:channel", ["Organic Search"]],
                ["is", "visit:country", ["AT", "CH", "DE", "ES", "FR", "GB", "IT", "PL"]]
            ]),
        ),
    ];
    for (name, filters) in segments {
        control.add_segment(site, NewSegment { name: name.to_owned(), filters }, check_filters)?;
    }
    let today = TimeZone::UTC.to_datetime(now).date();
    for (days, text) in NOTES {
        control.add_annotation(site, Moment::Date(today.saturating_sub(days.days())), text)?;
    }
    Ok(())
}
