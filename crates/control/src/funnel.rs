//! Funnels: goals as steps that a visitor takes one after the other.

use crate::database::{Control, Reader, Writer, params};
use crate::error::{Error, Result};
use crate::goal::{goals, named, refused};
use crate::site::Site;

/// Steps towards something, each a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// Its number, never used again.
    pub id: u64,
    /// What reports call it; no two of a site have the same.
    pub name: String,
    /// Numbers of its goals, the first step first.
    pub steps: Vec<u64>,
    /// Whether the steps have to come in this order.
    pub order: StepOrder,
    /// What has to hold all of the steps.
    pub within: Within,
}

/// A funnel that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFunnel {
    /// What reports are to call it.
    pub name: String,
    /// Numbers of its goals.
    pub steps: Vec<u64>,
    /// Whether the steps have to come in this order.
    pub order: StepOrder,
    /// What has to hold all of the steps.
    pub within: Within,
}

/// Whether steps have to come in the funnel's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepOrder {
    /// Each after the one before.
    #[default]
    Strict,
    /// In any order.
    Any,
}

/// What has to hold all steps of a funnel. A visitor is nobody's beyond a day, so that there is nothing longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Within {
    /// One visit.
    #[default]
    Visit,
    /// One visitor's day at the site.
    SiteDay,
}

const ORDERS: &[(StepOrder, &str)] = &[(StepOrder::Strict, "strict"), (StepOrder::Any, "any")];
/// The last one is the name that a day had here at first, while questions called it `day`.
const WITHINS: &[(Within, &str)] =
    &[(Within::Visit, "visit"), (Within::SiteDay, "day"), (Within::SiteDay, "site_day")];
const STEPS_MIN: usize = 2;
const STEPS_MAX: usize = 8;
const FUNNELS_MAX: usize = 200;

/// Looks a member of a closed set up by its name.
fn member<T: Copy>(table: &[(T, &'static str)], key: &str, text: &str) -> Result<T> {
    table.iter().find(|(_, name)| *name == text).map(|(member, _)| *member).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(_, name)| *name).collect();
        refused(format!("{key} {text:?}, expected {}", names.join(" or ")))
    })
}

impl StepOrder {
    /// Its name in the file, the API and commands.
    pub fn as_str(self) -> &'static str {
        ORDERS.iter().find(|(order, _)| *order == self).map_or("", |(_, name)| name)
    }
}

impl std::str::FromStr for StepOrder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        member(ORDERS, "order", text)
    }
}

impl Within {
    /// Its name in the file, the API and commands.
    pub fn as_str(self) -> &'static str {
        WITHINS.iter().find(|(within, _)| *within == self).map_or("", |(_, name)| name)
    }
}

impl std::str::FromStr for Within {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        member(WITHINS, "within", text)
    }
}

impl NewFunnel {
    /// A funnel whose steps come one after the other within a visit.
    pub fn new(name: &str, steps: Vec<u64>) -> Self {
        Self { name: name.to_owned(), steps, order: StepOrder::default(), within: Within::default() }
    }

    fn checked(self) -> Result<Self> {
        let name = named(&self.name, "name")?;
        if !(STEPS_MIN..=STEPS_MAX).contains(&self.steps.len()) {
            let found = self.steps.len();
            return Err(refused(format!("{found} steps, expected {STEPS_MIN} to {STEPS_MAX} goals")));
        }
        Ok(Self { name, ..self })
    }

    fn numbered(self, id: u64) -> Funnel {
        let Self { name, steps, order, within } = self;
        Funnel { id, name, steps, order, within }
    }
}

impl Funnel {
    fn is(&self, funnel: &NewFunnel) -> bool {
        self.steps == funnel.steps && self.order == funnel.order && self.within == funnel.within
    }
}

impl Control {
    /// The funnels of a site, in the order in which they were made.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn funnels(&self, site: &Site) -> Result<Vec<Funnel>> {
        self.read(|reader| funnels(reader, site))
    }

    /// Makes a funnel; one that is there already with the same name and meaning is returned as it is.
    ///
    /// # Errors
    /// [`Error::Refused`] for too few or too many steps, a step that is no goal of the site, and a name that another
    /// funnel has.
    pub fn add_funnel(&self, site: &Site, funnel: NewFunnel) -> Result<Funnel> {
        let funnel = funnel.checked()?;
        self.write(|writer| {
            check_steps(writer, site, &funnel.steps)?;
            let known = funnels(writer, site)?;
            if known.len() >= FUNNELS_MAX {
                return Err(refused(format!("the site has {FUNNELS_MAX} funnels already, which is the most")));
            }
            if let Some(known) = known.into_iter().find(|known| known.name == funnel.name) {
                return if known.is(&funnel) { Ok(known) } else { Err(taken(&funnel.name)) };
            }
            let sql =
                "INSERT INTO funnels (site_id, name, step_order, within) VALUES (?1, ?2, ?3, ?4) RETURNING id";
            let (order, within) = (funnel.order.as_str(), funnel.within.as_str());
            let id = writer.insert(sql, params![site.id, &funnel.name, order, within])?;
            let id = id.ok_or_else(|| taken(&funnel.name))?;
            insert_steps(writer, id, &funnel.steps)?;
            Ok(funnel.numbered(id))
        })
    }

    /// Changes a funnel, whose number stays.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of this number, [`Error::Refused`] as for a new one.
    pub fn change_funnel(&self, site: &Site, id: u64, funnel: NewFunnel) -> Result<Funnel> {
        let funnel = funnel.checked()?;
        self.write(|writer| {
            let known = funnels(writer, site)?;
            if !known.iter().any(|known| known.id == id) {
                return Err(Error::Unknown { what: "funnel", id });
            }
            check_steps(writer, site, &funnel.steps)?;
            if known.iter().any(|known| known.id != id && known.name == funnel.name) {
                return Err(taken(&funnel.name));
            }
            let sql = "UPDATE funnels SET name = ?1, step_order = ?2, within = ?3 WHERE id = ?4";
            let (order, within) = (funnel.order.as_str(), funnel.within.as_str());
            writer.execute(sql, params![&funnel.name, order, within, id])?;
            writer.execute("DELETE FROM funnel_steps WHERE funnel_id = ?1", params![id])?;
            insert_steps(writer, id, &funnel.steps)?;
            Ok(funnel.numbered(id))
        })
    }

    /// Removes a funnel; its goals stay.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of this number.
    pub fn remove_funnel(&self, site: &Site, id: u64) -> Result<()> {
        self.remove_definition(("funnels", "funnel"), site, id)
    }
}

/// Refuses steps that are no goals of the site, and one that comes twice.
fn check_steps(reader: &Reader<'_>, site: &Site, steps: &[u64]) -> Result<()> {
    let goals = goals(reader, site)?;
    if let Some(step) = steps.iter().find(|step| !goals.iter().any(|goal| goal.id == **step)) {
        return Err(refused(format!("step {step} is no goal of {}", site.domain)));
    }
    let repeated = steps.iter().enumerate().find(|(index, step)| steps[..*index].contains(step));
    match repeated {
        Some((_, step)) => Err(refused(format!("goal {step} is a step twice"))),
        None => Ok(()),
    }
}

fn insert_steps(writer: &Writer<'_>, funnel: u64, steps: &[u64]) -> Result<()> {
    for (position, goal) in (0i64..).zip(steps) {
        let sql = "INSERT INTO funnel_steps (funnel_id, position, goal_id) VALUES (?1, ?2, ?3)";
        writer.execute(sql, params![funnel, position, *goal])?;
    }
    Ok(())
}

fn taken(name: &str) -> Error {
    refused(format!("a funnel {name:?} exists already"))
}

fn funnels(reader: &Reader<'_>, site: &Site) -> Result<Vec<Funnel>> {
    let sql = "SELECT id, name, step_order, within, goal_id FROM funnels JOIN funnel_steps ON funnel_id = id
               WHERE site_id = ?1 ORDER BY id, position";
    let mut found: Vec<Funnel> = Vec::new();
    for row in reader.rows(sql, params![site.id])? {
        let (id, step) = (row.get(0)?, row.get(4)?);
        match found.last_mut() {
            Some(funnel) if funnel.id == id => funnel.steps.push(step),
            Some(_) | None => found.push(Funnel {
                id,
                name: row.get(1)?,
                steps: vec![step],
                order: row.get::<String>(2)?.parse()?,
                within: row.get::<String>(3)?.parse()?,
            }),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::control_with_site;
    use crate::goal::{GoalKind, NewGoal};

    fn funnel(steps: &[u64]) -> NewFunnel {
        let steps = steps.to_vec();
        NewFunnel { name: "Checkout".into(), steps, order: StepOrder::Any, within: Within::SiteDay }
    }

    #[test]
    fn keeps_its_steps_in_order_and_its_goals_from_being_removed() {
        let (_ground, control, site) = control_with_site();
        let goals: Vec<u64> = ["/c", "/a", "/b"]
            .map(|page| control.add_goal(&site, NewGoal::new(GoalKind::Page(page.into()))).expect("added").id)
            .into();
        let steps = [goals[2], goals[0], goals[1]];
        let added = control.add_funnel(&site, funnel(&steps)).expect("added");
        assert_eq!(control.add_funnel(&site, funnel(&steps)).expect("found"), added);
        assert_eq!(control.funnels(&site).expect("read"), std::slice::from_ref(&added));
        assert_eq!((added.steps.as_slice(), added.within), (steps.as_slice(), Within::SiteDay));
        let words = control.remove_goal(&site, goals[0]).expect_err("in use").to_string();
        assert!(words.contains("is a step of the funnel \"Checkout\""), "{words}");
        control.remove_funnel(&site, added.id).expect("removed");
        control.remove_goal(&site, goals[0]).expect("free again");
        assert!(matches!(control.remove_funnel(&site, added.id), Err(Error::Unknown { .. })));
    }

    #[test]
    fn changes_its_steps_under_its_number() {
        let (_ground, control, site) = control_with_site();
        let other_site = control.add_site("b.example", "UTC", jiff::Timestamp::UNIX_EPOCH).expect("added");
        let [a, b, c] = ["/a", "/b", "/c"].map(|page| {
            control.add_goal(&site, NewGoal::new(GoalKind::Page(page.into()))).expect("added").id
        });
        let [one, two] = ["One", "Two"].map(|name| {
            control.add_funnel(&site, NewFunnel { name: name.into(), ..funnel(&[a, b]) }).expect("added")
        });
        for (id, changed, words) in [
            (99, NewFunnel::new("Three", vec![a, b]), "no funnel 99"),
            (one.id, NewFunnel::new("Two", vec![a, b]), "a funnel \"Two\" exists already"),
            (one.id, NewFunnel::new("One", vec![a]), "1 steps, expected 2 to 8 goals"),
            (one.id, NewFunnel::new("One", vec![a, 99]), "step 99 is no goal of a.example"),
            (one.id, NewFunnel::new("One", vec![a, a]), "goal 1 is a step twice"),
        ] {
            let refusal = control.change_funnel(&site, id, changed).expect_err("refused");
            assert_eq!(refusal.to_string(), words);
        }
        let elsewhere = control.change_funnel(&other_site, one.id, funnel(&[a, b]));
        assert!(matches!(elsewhere, Err(Error::Unknown { .. })));
        assert_eq!(control.funnels(&site).expect("read"), [one.clone(), two.clone()]);
        let changed =
            control.change_funnel(&site, one.id, NewFunnel::new(" Other ", vec![c, b, a])).expect("changed");
        assert_eq!((changed.id, changed.name.as_str()), (one.id, "Other"));
        assert_eq!((&changed.steps, changed.order), (&vec![c, b, a], StepOrder::Strict));
        assert_eq!(control.funnels(&site).expect("read"), [changed, two]);
    }

    #[test]
    fn goes_with_its_site() {
        let (_ground, control, site) = control_with_site();
        let goals =
            ["/a", "/b"].map(|page| control.add_goal(&site, NewGoal::new(GoalKind::Page(page.into()))));
        let steps = goals.map(|goal| goal.expect("added").id);
        control.add_funnel(&site, funnel(&steps)).expect("added");
        control.remove_site(&site.domain).expect("removed");
        assert!(control.funnels(&site).expect("read").is_empty());
        assert!(control.goals(&site).expect("read").is_empty());
    }

    #[test]
    fn refuses_too_few_steps_and_steps_that_are_no_goals_of_the_site() {
        let (_ground, control, site) = control_with_site();
        let goal = control.add_goal(&site, NewGoal::new(GoalKind::Page("/a".into()))).expect("added").id;
        for (steps, words) in [
            (vec![goal], "1 steps, expected 2 to 8 goals"),
            (vec![goal; 9], "9 steps, expected 2 to 8 goals"),
            (vec![goal, 99], "step 99 is no goal of a.example"),
            (vec![goal, goal], "goal 1 is a step twice"),
        ] {
            assert_eq!(control.add_funnel(&site, funnel(&steps)).expect_err("refused").to_string(), words);
        }
    }
}
