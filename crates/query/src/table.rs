//! A closed set as one table: dimensions, metrics, measures and operators are looked up here in the same way.
//!
//! Invariant: every member of a set has one row; a test of each set holds it to that. What the rows say belongs to the
//! modules that own the sets.

/// A row about one member of a closed set.
pub(crate) trait Row: 'static {
    type Member;

    /// What the API, or the statement, calls it.
    fn name(&self) -> &'static str;

    /// Whether the row is about this member.
    fn is_about(&self, member: &Self::Member) -> bool;
}

/// All rows about a closed set.
pub(crate) struct Table<R: 'static>(pub(crate) &'static [R]);

impl<R: Row> Table<R> {
    /// The row of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&'static R> {
        self.0.iter().find(|row| row.name() == name)
    }

    /// The row about this member.
    pub(crate) fn about(&self, member: &R::Member) -> &'static R {
        self.0
            .iter()
            .find(|row| row.is_about(member))
            .expect("a test holds each set to a row for every member")
    }

    /// All names, for messages.
    pub(crate) fn names(&self) -> String {
        self.0.iter().map(Row::name).collect::<Vec<_>>().join(", ")
    }
}
