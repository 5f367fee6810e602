//! Which statements a restricted caller may run: reads of tables, and nothing that reaches a file, a process or
//! the network.
//!
//! Invariant: the decision is made on libchdb's own syntax tree of the text (`EXPLAIN AST`), so that no trick of
//! quoting or comments can hide a function from it. Functions are denied by default: whatever libchdb lists as a
//! table function is refused unless it stands in [`HARMLESS`].

use std::collections::HashSet;

use crate::{
    exception::{Exception, Kind},
    ffi::{Call, Connection},
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

/// Refuses a statement that calls a denied function.
///
/// # Errors
/// ACCESS_DENIED, or libchdb's exception if the text does not parse.
pub(crate) fn check(connection: &mut Connection, call: Call<'_>, denied: &Denied) -> Result<(), Exception> {
    let explain = format!("EXPLAIN AST {}", call.sql);
    let call = Call { sql: &explain, format: "TabSeparatedRaw", parameters: call.parameters };
    let tree = connection.query(call).map_err(Exception::from_text)?.bytes;
    match denied.find(&String::from_utf8_lossy(&tree)) {
        None => Ok(()),
        Some(name) => Err(Exception::new(
            Kind::AccessDenied,
            format_args!("Function {name} reaches outside of this engine's tables and is not allowed here"),
        )),
    }
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
}
