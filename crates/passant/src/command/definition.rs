//! What the commands about goals, funnels, segments and annotations do.

use anyhow::{Context, Result, anyhow, bail};
use passant_control::{
    Annotation, Control, Funnel, Goal, GoalKind, Links, NewFunnel, NewGoal, NewSegment, Segment,
    SegmentChange, Site,
};
use serde_json::Value;

use super::{list, say};
use crate::access::{check_filters, rename_goal};
use crate::cli;
use crate::view;

/// Number and name of one.
type About<T> = fn(&T) -> (u64, &str);

/// What has this name, or this number.
fn picked<T>(which: &str, known: Vec<T>, (what, about): (&str, About<T>)) -> Result<T> {
    let named = known.iter().position(|one| about(one).1 == which);
    let numbered = || known.iter().position(|one| which.parse() == Ok(about(one).0));
    named
        .or_else(numbered)
        .and_then(|index| known.into_iter().nth(index))
        .ok_or_else(|| anyhow!("no {what} {which:?}; `passant {what} list` shows those there are"))
}

fn picked_goal(control: &Control, site: &Site, which: &str) -> Result<Goal> {
    picked(which, control.goals(site)?, ("goal", |goal| (goal.id, &goal.display_name)))
}

fn picked_funnel(control: &Control, site: &Site, which: &str) -> Result<Funnel> {
    picked(which, control.funnels(site)?, ("funnel", |funnel| (funnel.id, &funnel.name)))
}

fn picked_segment(control: &Control, site: &Site, which: &str) -> Result<Segment> {
    picked(which, control.segments(site)?, ("segment", |segment| (segment.id, &segment.name)))
}

fn picked_annotation(control: &Control, site: &Site, which: &str) -> Result<Annotation> {
    picked(which, control.annotations(site)?, ("annotation", |note| (note.id, &note.text)))
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
        cli::Goal::Change(options) => {
            let site = control.site(&options.defined.domain)?;
            let goal = picked_goal(control, &site, &options.defined.which)?;
            let changed = (goal.id, changed_goal(goal, options)?);
            let goal = control.change_goal(&site, changed, rename_goal)?;
            say(&format!("changed goal {} ({})", goal.display_name, goal.id))
        }
        cli::Goal::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            control.remove_goal(&site, picked_goal(control, &site, &defined.which)?.id)?;
            say("removed")
        }
    }
}

fn new_goal(options: cli::GoalAdd) -> Result<NewGoal> {
    let kind = match (options.event, options.page, options.scroll) {
        (Some(event), _, _) => GoalKind::Event(event),
        (None, Some(page), Some(percent)) => GoalKind::Scroll { page, percent },
        (None, Some(page), None) => GoalKind::Page(page),
        (None, None, _) => bail!("a goal needs --event or --page"),
    };
    let custom_props = options.prop.iter().map(|prop| pair(prop)).collect::<Result<_>>()?;
    Ok(NewGoal { display_name: options.name, kind, currency: options.currency, custom_props })
}

/// A goal with what was told in the place of what it is.
fn changed_goal(goal: Goal, options: cli::GoalChange) -> Result<NewGoal> {
    let page = options.page.or_else(|| goal.kind.page().map(str::to_owned));
    let percent = options.scroll.or(goal.kind.scroll());
    let kind = match (options.event, page, percent) {
        (Some(event), _, _) => GoalKind::Event(event),
        (None, Some(page), None | Some(0)) => GoalKind::Page(page),
        (None, Some(page), Some(percent)) => GoalKind::Scroll { page, percent },
        (None, None, Some(_)) => bail!("--scroll is for goals that a page meets; say --page, too"),
        (None, None, None) => goal.kind,
    };
    let told = |text: String| Some(text).filter(|text| !text.is_empty());
    let pairs = |props: Vec<String>| props.into_iter().filter_map(told).map(|prop| pair(&prop)).collect();
    Ok(NewGoal {
        display_name: options.name.map_or(Some(goal.display_name), told),
        kind,
        currency: options.currency.map_or(goal.currency, told),
        custom_props: options.prop.map_or(Ok(goal.custom_props), pairs)?,
    })
}

fn pair(prop: &str) -> Result<(String, String)> {
    let pair = prop.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| anyhow!("--prop {prop:?}, expected a key and a value like plan=big"))
}

/// Numbers of goals by their names or numbers.
fn steps(control: &Control, site: &Site, goals: &[String]) -> Result<Vec<u64>> {
    goals.iter().map(|goal| Ok(picked_goal(control, site, goal)?.id)).collect()
}

pub(super) fn funnel(control: &Control, command: cli::Funnel) -> Result<()> {
    match command {
        cli::Funnel::Add { domain, name, step, order, within } => {
            let site = control.site(&domain)?;
            let steps = steps(control, &site, &step)?;
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
        cli::Funnel::Change { defined, name, step, order, within } => {
            let site = control.site(&defined.domain)?;
            let funnel = picked_funnel(control, &site, &defined.which)?;
            let changed = NewFunnel {
                name: name.unwrap_or(funnel.name),
                steps: if step.is_empty() { funnel.steps } else { steps(control, &site, &step)? },
                order: order.map_or(Ok(funnel.order), |order| order.parse())?,
                within: within.map_or(Ok(funnel.within), |within| within.parse())?,
            };
            let funnel = control.change_funnel(&site, funnel.id, changed)?;
            say(&format!("changed funnel {} ({})", funnel.name, funnel.id))
        }
        cli::Funnel::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            control.remove_funnel(&site, picked_funnel(control, &site, &defined.which)?.id)?;
            say("removed")
        }
    }
}

pub(super) fn segment(control: &Control, command: cli::Segment) -> Result<()> {
    match command {
        cli::Segment::Add { domain, name, filters } => {
            let site = control.site(&domain)?;
            let segment = NewSegment { name, filters: json(&filters)? };
            let segment = control.add_segment(&site, segment, check_filters)?;
            say(&format!("added segment {} ({})", segment.name, segment.id))
        }
        cli::Segment::List(listed) => {
            let segments = control.segments(&control.site(&listed.domain)?)?;
            list(&listed.output, &segments, view::segment, |segment| {
                vec![segment.id.to_string(), segment.name.clone(), segment.filters.to_string()]
            })
        }
        cli::Segment::Change { defined, name, filters } => {
            let site = control.site(&defined.domain)?;
            let segment = picked_segment(control, &site, &defined.which)?;
            let to = NewSegment {
                name: name.unwrap_or(segment.name),
                filters: filters.map_or(Ok(segment.filters), |filters| json(&filters))?,
            };
            // Whoever is at the data may change links as well.
            let change = SegmentChange { id: segment.id, to, links: Links::Follow };
            let segment = control.change_segment(&site, change, check_filters)?;
            say(&format!("changed segment {} ({})", segment.name, segment.id))
        }
        cli::Segment::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            control.remove_segment(&site, picked_segment(control, &site, &defined.which)?.id)?;
            say("removed")
        }
    }
}

fn json(filters: &str) -> Result<Value> {
    serde_json::from_str(filters).context("--filters is not JSON")
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
        cli::Annotation::Change { defined, at, text } => {
            let site = control.site(&defined.domain)?;
            let note = picked_annotation(control, &site, &defined.which)?;
            let changed = Annotation {
                id: note.id,
                at: at.map_or(Ok(note.at), |at| at.parse())?,
                text: text.unwrap_or(note.text),
            };
            let note = control.change_annotation(&site, &changed)?;
            say(&format!("changed annotation {} ({})", note.at, note.id))
        }
        cli::Annotation::Remove(defined) => {
            let site = control.site(&defined.domain)?;
            control.remove_annotation(&site, picked_annotation(control, &site, &defined.which)?.id)?;
            say("removed")
        }
    }
}
