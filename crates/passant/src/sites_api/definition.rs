//! What can be defined for a site: one table, one row a kind.
//!
//! Invariant: every row answers to `GET`, `PUT` and `DELETE` in the same manner; `PUT` of what is there already returns
//! it as it is.

use std::collections::BTreeMap;

use passant_control::{Control, GoalKind, NewFunnel, NewGoal, NewSegment, Site};
use serde_json::Value;

use super::Outcome;
use crate::access::check_filters;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::view;

/// One kind of what can be defined.
pub(super) struct Definition {
    /// The end of its path, and the key of its list.
    pub(super) plural: &'static str,
    /// What one is called.
    pub(super) singular: &'static str,
    /// What the description calls its shape.
    pub(super) schema: &'static str,
    /// All of a site, with their numbers.
    pub(super) list: fn(&Control, &Site) -> passant_control::Result<Numbered>,
    /// Makes one.
    pub(super) put: fn(&Control, &Site, &Parameters) -> Outcome,
    /// Removes one.
    pub(super) remove: fn(&Control, &Site, u64) -> passant_control::Result<()>,
    /// What `PUT` takes beside the site, for the description: name, whether it is needed, what it says.
    pub(super) takes: &'static [Takes],
}

/// Definitions with their numbers.
type Numbered = Vec<(u64, Value)>;

/// A parameter: its name, whether it is needed, what it says.
pub(super) type Takes = (&'static str, Needed, &'static str);

/// Whether a parameter has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    Always,
    Sometimes,
}

/// Every kind: adding one is a row here.
pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        plural: "goals",
        singular: "goal",
        schema: "Goal",
        list: |control, site| {
            Ok(control.goals(site)?.iter().map(|goal| (goal.id, view::goal(goal))).collect())
        },
        put: put_goal,
        remove: Control::remove_goal,
        takes: &[
            ("goal_type", Needed::Always, "event or page"),
            ("event_name", Needed::Sometimes, "name of the event, for the type event"),
            ("page_path", Needed::Sometimes, "path of the page with * and **, for the type page"),
            ("display_name", Needed::Sometimes, "what reports call it; by what meets it, unless told"),
            ("currency", Needed::Sometimes, "ISO 4217 code of its revenue, for the type event"),
            ("scroll_threshold", Needed::Sometimes, "percent of the page to scroll, for the type page"),
            ("custom_props", Needed::Sometimes, "object of properties that the event must carry"),
        ],
    },
    Definition {
        plural: "funnels",
        singular: "funnel",
        schema: "Funnel",
        list: |control, site| {
            Ok(control.funnels(site)?.iter().map(|funnel| (funnel.id, view::funnel(funnel))).collect())
        },
        put: put_funnel,
        remove: Control::remove_funnel,
        takes: &[
            ("name", Needed::Always, "what reports call it"),
            ("steps", Needed::Always, "list of 2 to 8 goals' numbers"),
            ("order", Needed::Sometimes, "strict or any; strict unless told"),
            ("within", Needed::Sometimes, "visit or site_day; visit unless told"),
        ],
    },
    Definition {
        plural: "segments",
        singular: "segment",
        schema: "Segment",
        list: |control, site| {
            let segments = control.segments(site)?;
            Ok(segments.iter().map(|segment| (segment.id, view::segment(segment))).collect())
        },
        put: put_segment,
        remove: Control::remove_segment,
        takes: &[
            ("name", Needed::Always, "what people call it"),
            ("filters", Needed::Always, "list of filters, as a question holds them"),
        ],
    },
    Definition {
        plural: "annotations",
        singular: "annotation",
        schema: "Annotation",
        list: |control, site| {
            let annotations = control.annotations(site)?;
            Ok(annotations.iter().map(|note| (note.id, view::annotation(note))).collect())
        },
        put: |control, site, parameters| {
            let at = parameters.needed("at", "create an annotation")?.parse()?;
            let text = parameters.needed("text", "create an annotation")?;
            Ok(view::annotation(&control.add_annotation(site, at, &text)?))
        },
        remove: Control::remove_annotation,
        takes: &[
            ("at", Needed::Always, "a date of the site, or an instant"),
            ("text", Needed::Always, "what happened"),
        ],
    },
];

fn put_goal(control: &Control, site: &Site, parameters: &Parameters) -> Outcome {
    let purpose = "create a goal";
    let kind = match parameters.needed("goal_type", purpose)?.as_str() {
        "event" => GoalKind::Event(parameters.needed("event_name", purpose)?),
        "page" => {
            let page = parameters.needed("page_path", purpose)?;
            match parameters.number("scroll_threshold")? {
                // Plausible's word for a goal without a threshold.
                None | Some(-1i16) => GoalKind::Page(page),
                Some(percent) => {
                    let percent = u8::try_from(percent).map_err(|_| {
                        Refusal::bad(format!("scroll_threshold {percent}, expected 1 to 100"))
                    })?;
                    GoalKind::Scroll { page, percent }
                }
            }
        }
        other => return Err(Refusal::bad(format!("goal_type {other:?}, expected \"event\" or \"page\""))),
    };
    let goal = NewGoal {
        display_name: parameters.text("display_name")?,
        kind,
        currency: parameters.text("currency")?,
        custom_props: custom_props(parameters)?,
    };
    Ok(view::goal(&control.add_goal(site, goal)?))
}

fn custom_props(parameters: &Parameters) -> Result<BTreeMap<String, String>, Refusal> {
    let Some(props) = parameters.json("custom_props")? else { return Ok(BTreeMap::new()) };
    serde_json::from_value(props)
        .map_err(|_| Refusal::bad("custom_props: expected an object of texts, as {\"plan\": \"big\"}"))
}

fn put_funnel(control: &Control, site: &Site, parameters: &Parameters) -> Outcome {
    let steps = parameters.json("steps")?;
    let number = |step: &Value| step.as_u64().or_else(|| step.as_str()?.parse().ok());
    let steps = steps.as_ref().and_then(Value::as_array).and_then(|steps| steps.iter().map(number).collect());
    let funnel = NewFunnel {
        name: parameters.needed("name", "create a funnel")?,
        steps: steps.ok_or_else(|| Refusal::bad("steps: expected a list of goals' numbers"))?,
        order: parameters.text("order")?.map(|text| text.parse()).transpose()?.unwrap_or_default(),
        within: parameters.text("within")?.map(|text| text.parse()).transpose()?.unwrap_or_default(),
    };
    Ok(view::funnel(&control.add_funnel(site, funnel)?))
}

fn put_segment(control: &Control, site: &Site, parameters: &Parameters) -> Outcome {
    let name = parameters.needed("name", "create a segment")?;
    let filters = parameters.json("filters")?;
    let filters =
        filters.ok_or_else(|| Refusal::bad("Parameter `filters` is required to create a segment"))?;
    Ok(view::segment(&control.add_segment(site, NewSegment { name, filters }, check_filters)?))
}
