//! The privacy floor in a statement: groups of too few visitors become one row before anything leaves the store.
//!
//! Invariant: what is folded cannot be had by subtracting the rows that are shown from a total. So at least two groups
//! are folded, and of at least as many visitors together as the floor asks for; where the whole report has fewer, no
//! number of it is answered.

use crate::{
    metric::Measure,
    report::{Floor, Report},
};

use super::Params;

/// How the measures of a report reach its formulas.
pub(crate) struct Fold {
    floor: Floor,
    /// The groups' columns.
    groups: Vec<String>,
}

impl Fold {
    /// The folding of a report where its floor holds.
    pub(crate) fn of(report: &Report) -> Option<Self> {
        let groups = (0..report.dimensions.len()).map(|index| format!("d{index}")).collect();
        report.floor.map(|floor| Self { floor, groups })
    }

    /// The measures that folding itself needs.
    pub(crate) fn measures(&self) -> &'static [Measure] {
        &[Measure::Visitors]
    }

    /// A formula over sums, where the distinct of groups have come as states that can still be united.
    pub(crate) fn formula(&self, formula: String, measures: &[Measure]) -> String {
        if self.groups.is_empty() {
            return formula;
        }
        measures.iter().filter(|measure| measure.facts().is_distinct()).fold(formula, |formula, measure| {
            let name = measure.facts().name;
            formula.replace(&format!("sum({name})"), &format!("uniqExactMerge({name})"))
        })
    }

    /// Whether the row may hold no number.
    pub(crate) fn is_withheld(&self, measures: &[Measure], params: &mut Params) -> String {
        params.bind("floor", self.floor.visitors);
        if !self.groups.is_empty() {
            return "folded AND uniqExactMerge(visitor_count) < {floor:UInt32}".to_owned();
        }
        // Nothing at all may be told; visits without any visitor in the range may not.
        let visits =
            [Measure::Visits, Measure::BounceVisits].into_iter().filter(|one| measures.contains(one));
        let visits: Vec<_> = visits.map(|one| format!(" OR sum({}) > 0", one.facts().name)).collect();
        format!("sum(visitor_count) < {{floor:UInt32}} AND (sum(visitor_count) > 0{})", visits.join(""))
    }

    /// The groups' rows with `folded`, the columns of the folded blank.
    pub(crate) fn rows(&self, scans: &str, measures: &[Measure], having: &str) -> String {
        if self.groups.is_empty() {
            return scans.to_owned();
        }
        let by = self.groups.join(", ");
        let sums = measures.iter().map(|measure| {
            let facts = measure.facts();
            let function = if facts.is_distinct() { "uniqExactMergeState" } else { "sum" };
            format!("{function}(scans.{name}) AS {name}", name = facts.name)
        });
        let sums = sums.collect::<Vec<_>>().join(", ");
        let grouped = format!(
            "SELECT {by}, {sums}, finalizeAggregation(visitor_count) AS people\n            FROM\n            (\n{scans}\n            ) AS scans\n            \
             GROUP BY {by}{having}"
        );
        folded(&grouped, &self.groups, 0)
    }
}

/// Rows of `groups` with their `visitor_count` as a state and as the number `people`: the same with `folded`, where the
/// folded ones' groups are blank. Each set of rows that agree in the first `within` groups is folded by itself.
pub(crate) fn folded(grouped: &str, groups: &[String], within: usize) -> String {
    let (apart, by) = (groups[..within].join(", "), groups.join(", "));
    let apart = if within == 0 { String::new() } else { format!("PARTITION BY {apart} ") };
    // Groups are taken from the smallest up until there are enough of them.
    let folded = "(small > 0 AND (people < {floor:UInt32} OR nth <= 2 OR people_before < {floor:UInt32}))";
    let blanks: Vec<_> = groups[within..]
        .iter()
        .map(|group| format!("if({folded}, defaultValueOfArgumentType({group}), {group}) AS {group}"))
        .collect();
    format!(
        "    SELECT * REPLACE ({blanks}), {folded} AS folded\n    FROM\n    (\n        SELECT *,\n            \
         row_number() OVER ({apart}ORDER BY people, {by}) AS nth,\n            uniqExactMerge(visitor_count) OVER \
         ({apart}ORDER BY people, {by} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS people_before,\n            \
         countIf(people < {{floor:UInt32}}) OVER ({apart}) AS small\n        FROM\n        (\n            \
         {grouped}\n        )\n    )",
        blanks = blanks.join(", "),
    )
}
