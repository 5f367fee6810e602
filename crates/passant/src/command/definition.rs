//! What the commands about goals, funnels, segments and annotations do.

use anyhow::{Context, Result, anyhow, bail};
use passant_control::{Control, Goal, GoalKind, NewFunnel, NewGoal, NewSegment, Site};

use super::{list, say};
use crate::cli;
use crate::view;

/// A number, or the number of what has this name.
fn picked(which: &str, known: impl Iterator<Item = (u64, String)>, what: &str) -> Result<u64> {
    let known: Vec<_> = known.collect();
    let named = known.iter().find(|(_, name)| name == which);
    let numbered = || known.iter().find(|(id, _)| which.parse() == Ok(*id));
    named
        .or_else(numbered)
        .map(|(id, _)| *id)
        .ok_or_else(|| anyhow!("no {what} {which:?}; `passant {what} list` shows those there are"))
}

pub(super) fn goal(control: &Control, command: cli::Goal) -> Result<()> {
    match command {
        cli::Goal::Add(options) => {
            let site = control.site(&options.domain)?;
            let goal = control.add_goal(&site, new_goal(options)?)?;
            say(&format!("added goal {} ({})", goal.display_name, goal.id))
        }
        cli::Goal::List(listed) => {
            let goals = control.goals(&control.site(&listed.domain)?)?;
            let met_by = |goal: &Goal| match &goal.kind {
                GoalKind::Event(name) => format!("event {name}"),
                GoalKind::Page(page) => format!("page {page}"),
                GoalKind::Scroll { page, percent } => format!("page {page} scrolled {percent}%"),
            };
            list(&listed.output, &goals, view::goal, |goal| {
                vec![goal.id.to_string(), goal.display_name.clone(), met_by(goal)]
            })
        }
        cli::Goal::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            control.remove_goal(&site, goal_id(control, &site, &defined.which)?)?;
            say("removed")
        }
    }
}

fn goal_id(control: &Control, site: &Site, which: &str) -> Result<u64> {
    let goals = control.goals(site)?;
    picked(which, goals.into_iter().map(|goal| (goal.id, goal.display_name)), "goal")
}

fn new_goal(options: cli::GoalAdd) -> Result<NewGoal> {
    let kind = match (options.event, options.page, options.scroll) {
        (Some(event), _, _) => GoalKind::Event(event),
        (None, Some(page), Some(percent)) => GoalKind::Scroll { page, percent },
        (None, Some(page), None) => GoalKind::Page(page),
        (None, None, _) => bail!("a goal needs --event or --page"),
    };
    let pair = |prop: &String| {
        let (key, value) = prop.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    };
    let custom_props = options.prop.iter().map(|prop| {
        pair(prop).ok_or_else(|| anyhow!("--prop {prop:?}, expected a key and a value like plan=big"))
    });
    Ok(NewGoal {
        display_name: options.name,
        kind,
        currency: options.currency,
        custom_props: custom_props.collect::<Result<_>>()?,
    })
}

pub(super) fn funnel(control: &Control, command: cli::Funnel) -> Result<()> {
    match command {
        cli::Funnel::Add { domain, name, step, order, within } => {
            let site = control.site(&domain)?;
            let steps = step.iter().map(|step| goal_id(control, &site, step)).collect::<Result<Vec<_>>>()?;
            let funnel = NewFunnel { name, steps, order: order.parse()?, within: within.parse()? };
            let funnel = control.add_funnel(&site, funnel)?;
            say(&format!("added funnel {} ({})", funnel.name, funnel.id))
        }
        cli::Funnel::List(listed) => {
            let site = control.site(&listed.domain)?;
            let goals = control.goals(&site)?;
            let name = |id: &u64| {
                let goal = goals.iter().find(|goal| goal.id == *id);
                goal.map_or_else(|| id.to_string(), |goal| goal.display_name.clone())
            };
            list(&listed.output, &control.funnels(&site)?, view::funnel, |funnel| {
                let steps: Vec<_> = funnel.steps.iter().map(name).collect();
                vec![
                    funnel.id.to_string(),
                    funnel.name.clone(),
                    format!("{} order, within a {}", funnel.order.as_str(), funnel.within.as_str()),
                    steps.join(" → "),
                ]
            })
        }
        cli::Funnel::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            let funnels = control.funnels(&site)?.into_iter().map(|funnel| (funnel.id, funnel.name));
            control.remove_funnel(&site, picked(&defined.which, funnels, "funnel")?)?;
            say("removed")
        }
    }
}

pub(super) fn segment(control: &Control, command: cli::Segment) -> Result<()> {
    match command {
        cli::Segment::Add { domain, name, filters } => {
            let site = control.site(&domain)?;
            let filters = serde_json::from_str(&filters).context("--filters is not JSON")?;
            let segment =
                control.add_segment(&site, NewSegment { name, filters }, crate::access::check_filters)?;
            say(&format!("added segment {} ({})", segment.name, segment.id))
        }
        cli::Segment::List(listed) => {
            let segments = control.segments(&control.site(&listed.domain)?)?;
            list(&listed.output, &segments, view::segment, |segment| {
                vec![segment.id.to_string(), segment.name.clone(), segment.filters.to_string()]
            })
        }
        cli::Segment::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            let segments = control.segments(&site)?.into_iter().map(|segment| (segment.id, segment.name));
            control.remove_segment(&site, picked(&defined.which, segments, "segment")?)?;
            say("removed")
        }
    }
}

pub(super) fn annotation(control: &Control, command: cli::Annotation) -> Result<()> {
    match command {
        cli::Annotation::Add { domain, at, text } => {
            let site = control.site(&domain)?;
            let annotation = control.add_annotation(&site, at.parse()?, &text)?;
            say(&format!("added annotation {} ({})", annotation.at, annotation.id))
        }
        cli::Annotation::List(listed) => {
            let annotations = control.annotations(&control.site(&listed.domain)?)?;
            list(&listed.output, &annotations, view::annotation, |annotation| {
                vec![annotation.id.to_string(), annotation.at.to_string(), annotation.text.clone()]
            })
        }
        cli::Annotation::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            let notes = control.annotations(&site)?.into_iter().map(|note| (note.id, note.text));
            control.remove_annotation(&site, picked(&defined.which, notes, "annotation")?)?;
            say("removed")
        }
    }
}
