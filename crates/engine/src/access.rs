//! Which statements a restricted caller may run: reads of tables within the limits, and nothing that reaches a file, a
//! process or the network.
//!
//! Invariant: the decision is made on libchdb's own syntax tree of the text (`EXPLAIN AST`), so that no trick of
//! quoting or comments can hide a function from it. Functions are denied by default: whatever libchdb lists as a
//! table function is refused unless it stands in [`HARMLESS`]. The tree does not show what a SETTINGS clause sets, only
//! that it is there: that is read from the text as libchdb itself writes it, in which nothing can hide either.

use std::collections::HashSet;

use crate::{
    exception::{Exception, Kind},
    ffi::{Call, Connection},
    settings::{self, Limits},
};

/// Table functions that compute, or read tables of this engine.
const HARMLESS: [&str; 17] = [
    "dictionary",
    "format",
    "generate_series",
    "generateseries",
    "generaterandom",
    "loop",
    "merge",
    "mergetreeindex",
    "mergetreeprojection",
    "null",
    "numbers",
    "numbers_mt",
    "primes",
    "values",
    "view",
    "zeros",
    "zeros_mt",
];

/// Ordinary functions that read files or start programs.
const HARMFUL: [&str; 3] = ["file", "catboostevaluate", "modelevaluate"];

/// Names of functions that a restricted caller may not call, in lower case.
#[derive(Debug, Default)]
pub(crate) struct Denied(HashSet<String>);

impl Denied {
    /// Asks libchdb for its table functions.
    ///
    /// # Errors
    /// libchdb's exception, as text.
    pub(crate) fn load(connection: &mut Connection) -> Result<Self, String> {
        let call = Call { sql: "SELECT name FROM system.table_functions", format: "TSVRaw", parameters: &[] };
        let listed = connection.query(call)?.bytes;
        Ok(Self::from_names(String::from_utf8_lossy(&listed).lines()))
    }

    fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let all = names.map(str::to_ascii_lowercase).filter(|name| !HARMLESS.contains(&name.as_str()));
        Self(all.chain(HARMFUL.map(str::to_owned)).collect())
    }

    /// The first denied function of a syntax tree as `EXPLAIN AST` prints it.
    fn find<'t>(&self, tree: &'t str) -> Option<&'t str> {
        tree.lines().find_map(|line| {
            let name = line.trim_start().strip_prefix("Function ")?;
            let name = name.split(" (").next().unwrap_or(name).trim_end();
            self.0.contains(&name.to_ascii_lowercase()).then_some(name)
        })
    }
}

/// Refuses a statement that calls a denied function, or sets what it may not.
///
/// # Errors
/// ACCESS_DENIED, UNKNOWN_SETTING, SETTING_CONSTRAINT_VIOLATION, or libchdb's exception if the text does not parse.
pub(crate) fn check(
    connection: &mut Connection,
    call: Call<'_>,
    denied: &Denied,
    limits: Limits,
) -> Result<(), Exception> {
    let explain = format!("EXPLAIN AST {}", call.sql);
    let tree = Call { sql: &explain, format: "TabSeparatedRaw", parameters: call.parameters };
    let tree = connection.query(tree).map_err(Exception::from_text)?.bytes;
    let tree = String::from_utf8_lossy(&tree);
    if let Some(name) = denied.find(&tree) {
        return Err(Exception::new(
            Kind::AccessDenied,
            format_args!("Function {name} reaches outside of this engine's tables and is not allowed here"),
        ));
    }
    let clauses = clauses(&tree);
    if clauses == 0 {
        return Ok(());
    }
    let plain = format!("SELECT formatQuerySingleLine('{}')", quoted(call.sql));
    let plain = Call { sql: &plain, format: "TabSeparatedRaw", parameters: &[] };
    let plain = connection.query(plain).map_err(Exception::from_text)?.bytes;
    if settings::admit_clauses(&String::from_utf8_lossy(&plain), limits)? == clauses {
        return Ok(());
    }
    Err(Exception::new(Kind::AccessDenied, "The SETTINGS of this statement cannot be told from its text"))
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// How many SETTINGS clauses a syntax tree has; what EXPLAIN itself is told stands right below it and is none.
fn clauses(tree: &str) -> usize {
    let explained = tree.starts_with("Explain ");
    let nodes = tree.lines().skip(1).enumerate();
    let nodes = nodes.filter(|(_, line)| line.trim_start() == "Set");
    nodes.filter(|(index, line)| !(explained && *index == 0 && *line == " Set")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denies_every_listed_table_function_that_is_not_harmless() {
        let denied = Denied::from_names(["file", "numbers", "brandNew", "remote"].into_iter());
        let tree =
            |name: &str| format!("SelectQuery (children 1)\n  Function {name} (children 1)\n   Literal 'x'");
        for name in ["file", "FILE", "brandNew", "remote", "catboostEvaluate"] {
            assert_eq!(denied.find(&tree(name)), Some(name));
        }
        assert_eq!(denied.find(&tree("numbers")), None);
        assert_eq!(denied.find("Function remote"), Some("remote"));
        assert_eq!(denied.find("Literal 'Function file'"), None);
    }

    #[test]
    fn counts_the_settings_clauses_of_a_tree() {
        let select = "SelectQuery (children 2)\n ExpressionList (children 1)\n  Identifier Set\n Set";
        assert_eq!(clauses(select), 1);
        assert_eq!(clauses("Explain EXPLAIN (children 2)\n Set\n SelectWithUnionQuery (children 1)"), 0);
        assert_eq!(clauses("Explain EXPLAIN (children 1)\n SelectQuery (children 1)\n  Set"), 1);
    }
}
