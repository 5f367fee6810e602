//! A statement and its parameters. Values travel only as `{name:Type}` parameters; the text holds identifiers that
//! come from our own enums and nothing that a user wrote.

use serde::{Serialize, Serializer};

/// One SQL statement with named parameters and settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    sql: String,
    params: Vec<(String, Param)>,
    settings: Vec<(&'static str, String)>,
}

/// A parameter's value; the type stands in the text (`{name:Type}`).
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// `String`, and what ClickHouse reads from text (`DateTime`, `Date`).
    String(String),
    /// `Array(String)`.
    Strings(Vec<String>),
    /// `UInt8` to `UInt64`.
    UInt64(u64),
    /// `Array(UInt64)`.
    UInt64s(Vec<u64>),
    /// `Int8` to `Int64`.
    Int64(i64),
    /// `Float64`.
    Float64(f64),
}

impl Statement {
    /// A statement without parameters yet.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), params: Vec::new(), settings: Vec::new() }
    }

    /// Adds the value of `{name:Type}`.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Param>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Adds a ClickHouse setting for this statement alone.
    #[must_use]
    pub fn setting(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// The text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The parameters, in the order they were added.
    pub fn params(&self) -> &[(String, Param)] {
        &self.params
    }

    pub(crate) fn settings(&self) -> &[(&'static str, String)] {
        &self.settings
    }
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(value) => value.serialize(serializer),
            Self::Strings(values) => values.serialize(serializer),
            Self::UInt64(value) => value.serialize(serializer),
            Self::UInt64s(values) => values.serialize(serializer),
            Self::Int64(value) => value.serialize(serializer),
            Self::Float64(value) => value.serialize(serializer),
        }
    }
}

macro_rules! param_from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Param {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

param_from! {
    &str => String,
    String => String,
    Vec<String> => Strings,
    u32 => UInt64,
    u64 => UInt64,
    Vec<u64> => UInt64s,
    i64 => Int64,
    f64 => Float64,
}
