//! Funnels: how many visitors get from step to step, how many drop off, and how long it takes.
//!
//! A step is met by an event; in strict order each step is the first that meets it after the step before, so that one
//! event is one step. Invariant: a step is shown only where neither those who reached it nor those who dropped off
//! since the last shown one are fewer than the privacy floor.

use serde_json::{Value, json};

use super::{ExplorationRow, Keys, percent};
use crate::{
    error::{Error, Result},
    goal::{Goal, GoalKind, PagePattern},
    report::{Floor, Site},
};

pub(super) const KEYS: &[(&str, &str)] = &[
    ("steps", "2 to 8 of {\"goal\": name}, {\"page\": path, * and ** allowed} or {\"event\": name}"),
    ("order", "strict (each step after the one before), or any"),
    ("within", "visit, or day: all visits of a visitor on one day of the site's calendar"),
];
const STEPS_MIN: usize = 2;
const STEPS_MAX: usize = 8;

/// What is asked of a funnel.
#[derive(Clone, Debug, PartialEq)]
pub struct Funnel {
    /// What is to be met.
    pub steps: Vec<Step>,
    /// In which order.
    pub order: StepOrder,
    /// By when.
    pub within: Span,
}

/// A step: what it is called and what meets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Name in the answer.
    pub name: String,
    /// What meets it: a goal of the site, or one that only this funnel has.
    pub goal: Goal,
}

/// In which order steps are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOrder {
    /// Each after the one before; anything may lie between.
    Strict,
    /// A step is reached once it and all before it are met, in whichever order.
    Any,
}

/// How far the events of one person are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A visit.
    Visit,
    /// A day of the site's calendar, which is all that a visitor is known for.
    Day,
}

impl Funnel {
    pub(super) fn parse(keys: &Keys<'_>, site: &Site) -> Result<Self> {
        let steps = keys.get("steps").ok_or_else(|| Error::invalid("#/steps", "is missing"))?;
        let steps = steps.as_array().filter(|steps| (STEPS_MIN..=STEPS_MAX).contains(&steps.len()));
        let steps = steps.ok_or_else(|| {
            Error::invalid("#/steps", format!("expected a list of {STEPS_MIN} to {STEPS_MAX} steps"))
        })?;
        let step = |(index, step): (usize, &Value)| Step::parse(step, &format!("#/steps/{index}"), site);
        Ok(Self {
            steps: steps.iter().enumerate().map(step).collect::<Result<_>>()?,
            order: keys.word("order", &[("strict", StepOrder::Strict), ("any", StepOrder::Any)])?,
            within: keys.word("within", &[("visit", Span::Visit), ("day", Span::Day)])?,
        })
    }

    /// One row a step. The store's rows are about the steps that someone reached, in order.
    pub(super) fn results(&self, rows: &[ExplorationRow], floor: Option<Floor>) -> Value {
        let reached: Vec<(f64, Option<f64>)> = (0..self.steps.len())
            .map(|index| {
                let number = (index + 1).to_string();
                let row = rows.iter().find(|row| row.groups.first() == Some(&number));
                let number = |at: usize| row.and_then(|row| row.numbers.get(at).copied().flatten());
                (number(0).unwrap_or_default(), number(1))
            })
            .collect();
        let floor = floor.map_or(0.0, |floor| f64::from(floor.visitors));
        let few = |people: f64| people > 0.0 && people < floor;
        let mut shown: Vec<f64> = Vec::new();
        let mut last_was_shown = true;
        let results = self.steps.iter().zip(reached).map(|(step, (people, seconds))| {
            let before = shown.last().copied();
            if few(people) || before.is_some_and(|before| few(before - people)) {
                last_was_shown = false;
                return json!({
                    "step": step.name, "visitors": null, "conversion_rate": null, "step_rate": null,
                    "dropped_off": null, "drop_off_rate": null, "median_seconds": null, "withheld": true,
                });
            }
            shown.push(people);
            let whole = before.unwrap_or(people);
            // Where a step between is withheld, what follows is told of the last one that is shown.
            let median = seconds.filter(|_| last_was_shown);
            last_was_shown = true;
            json!({
                "step": step.name,
                "visitors": people as u64,
                "conversion_rate": percent(people, shown[0]),
                "step_rate": percent(people, whole),
                "dropped_off": (whole - people) as u64,
                "drop_off_rate": percent(whole - people, whole),
                "median_seconds": median,
                "withheld": false,
            })
        });
        results.collect()
    }
}

impl Step {
    fn parse(value: &Value, path: &str, site: &Site) -> Result<Self> {
        let expected =
            || Error::invalid(path, r#"expected {"goal": name}, {"page": path} or {"event": name}"#);
        let keys = value.as_object().filter(|keys| keys.len() == 1).ok_or_else(expected)?;
        let (key, text) = keys.iter().next().ok_or_else(expected)?;
        let text = text.as_str().filter(|text| !text.is_empty()).ok_or_else(expected)?;
        let own = |kind| Goal { name: text.to_owned(), kind, props: Vec::new(), currency: None };
        let goal = match key.as_str() {
            "goal" => site.goals.iter().find(|goal| goal.name == text).cloned().ok_or_else(|| {
                Error::invalid(format!("{path}/goal"), format!("the site has no goal {text:?}"))
            })?,
            "page" => own(GoalKind::Page(PagePattern(text.to_owned()))),
            "event" => own(GoalKind::Event(text.to_owned())),
            _ => return Err(expected()),
        };
        Ok(Self { name: text.to_owned(), goal })
    }
}
