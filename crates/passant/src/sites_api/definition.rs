//! What can be defined for a site: one table, one row a kind.
//!
//! Invariant: every row answers to `GET`, `PUT` and `DELETE` in the same manner. `PUT` of what is there already returns it as
//! it is; `PUT` of a number makes that one what a new one of the same parameters would be, and the number stays.

use std::collections::BTreeMap;

use passant_control::{
    Annotation, Control, GoalKind, Links, Moment, NewFunnel, NewGoal, NewSegment, SegmentChange, Site,
};
use serde_json::Value;

use super::Outcome;
use crate::access::{check_filters, rename_goal};
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
    /// Changes one.
    pub(super) change: fn(&Control, &Site, Change<'_>) -> Outcome,
    /// Removes one.
    pub(super) remove: fn(&Control, &Site, u64) -> passant_control::Result<()>,
    /// What `PUT` takes beside the site, for the description: name, whether it is needed, what it says.
    pub(super) takes: &'static [Takes],
}

/// What one is to become.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    /// Its number.
    pub(super) id: u64,
    /// What it is to be.
    pub(super) parameters: &'a Parameters,
    /// What of links that show it.
    pub(super) links: Links,
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
        put: |control, site, parameters| Ok(view::goal(&control.add_goal(site, goal(parameters, CREATE)?)?)),
        change: |control, site, Change { id, parameters, .. }| {
            let changed = (id, goal(parameters, CHANGE)?);
            Ok(view::goal(&control.change_goal(site, changed, rename_goal)?))
        },
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
        put: |control, site, parameters| {
            Ok(view::funnel(&control.add_funnel(site, funnel(parameters, CREATE)?)?))
        },
        change: |control, site, Change { id, parameters, .. }| {
            Ok(view::funnel(&control.change_funnel(site, id, funnel(parameters, CHANGE)?)?))
        },
        remove: Control::remove_funnel,
        takes: &[
            ("name", Needed::Always, "what reports call it"),
            ("steps", Needed::Always, "list of 2 to 8 goals' numbers"),
            ("order", Needed::Sometimes, "strict or any; strict unless told"),
            ("within", Needed::Sometimes, "visit or day; visit unless told"),
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
        put: |control, site, parameters| {
            Ok(view::segment(&control.add_segment(site, segment(parameters, CREATE)?, check_filters)?))
        },
        change: |control, site, Change { id, parameters, links }| {
            let change = SegmentChange { id, to: segment(parameters, CHANGE)?, links };
            Ok(view::segment(&control.change_segment(site, change, check_filters)?))
        },
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
            let (at, text) = annotation(parameters, CREATE)?;
            Ok(view::annotation(&control.add_annotation(site, at, &text)?))
        },
        change: |control, site, Change { id, parameters, .. }| {
            let (at, text) = annotation(parameters, CHANGE)?;
            Ok(view::annotation(&control.change_annotation(site, &Annotation { id, at, text })?))
        },
        remove: Control::remove_annotation,
        takes: &[
            ("at", Needed::Always, "a date of the site, or an instant"),
            ("text", Needed::Always, "what happened"),
        ],
    },
];

/// What parameters are needed for.
type Purpose = &'static str;

const CREATE: Purpose = "create";
const CHANGE: Purpose = "change";

impl Definition {
    /// The number of one, as it stands in the path.
    pub(super) fn number(&self, text: &str) -> Result<u64, Refusal> {
        text.parse().map_err(|_| Refusal::Unknown(self.singular))
    }
}

fn goal(parameters: &Parameters, purpose: Purpose) -> Result<NewGoal, Refusal> {
    let purpose = format!("{purpose} a goal");
    let kind = match parameters.needed("goal_type", &purpose)?.as_str() {
        "event" => GoalKind::Event(parameters.needed("event_name", &purpose)?),
        "page" => {
            let page = parameters.needed("page_path", &purpose)?;
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
    Ok(NewGoal {
        display_name: parameters.text("display_name")?,
        kind,
        currency: parameters.text("currency")?,
        custom_props: custom_props(parameters)?,
    })
}

fn custom_props(parameters: &Parameters) -> Result<BTreeMap<String, String>, Refusal> {
    let Some(props) = parameters.json("custom_props")? else { return Ok(BTreeMap::new()) };
    serde_json::from_value(props)
        .map_err(|_| Refusal::bad("custom_props: expected an object of texts, as {\"plan\": \"big\"}"))
}

fn funnel(parameters: &Parameters, purpose: Purpose) -> Result<NewFunnel, Refusal> {
    let steps = parameters.json("steps")?;
    let number = |step: &Value| step.as_u64().or_else(|| step.as_str()?.parse().ok());
    let steps = steps.as_ref().and_then(Value::as_array).and_then(|steps| steps.iter().map(number).collect());
    Ok(NewFunnel {
        name: parameters.needed("name", &format!("{purpose} a funnel"))?,
        steps: steps.ok_or_else(|| Refusal::bad("steps: expected a list of goals' numbers"))?,
        order: parameters.text("order")?.map(|text| text.parse()).transpose()?.unwrap_or_default(),
        within: parameters.text("within")?.map(|text| text.parse()).transpose()?.unwrap_or_default(),
    })
}

fn segment(parameters: &Parameters, purpose: Purpose) -> Result<NewSegment, Refusal> {
    let purpose = format!("{purpose} a segment");
    let name = parameters.needed("name", &purpose)?;
    let filters = parameters.json("filters")?;
    let filters =
        filters.ok_or_else(|| Refusal::bad(format!("Parameter `filters` is required to {purpose}")))?;
    Ok(NewSegment { name, filters })
}

fn annotation(parameters: &Parameters, purpose: Purpose) -> Result<(Moment, String), Refusal> {
    let purpose = format!("{purpose} an annotation");
    Ok((parameters.needed("at", &purpose)?.parse()?, parameters.needed("text", &purpose)?))
}
