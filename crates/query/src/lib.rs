//! From a question to a report: request → report → SQL → response, over the one table `events`.
//!
//! The semantics are those of the Plausible Stats API v2. Invariant: a closed set (dimensions, metrics, operators) is
//! one table, and SQL is written in one module only. Nothing here knows how events come to be.

mod api;
mod comparison;
mod country;
mod dashboard_files;
mod dimension;
mod error;
/// Funnels, journeys, typical paths, returning, attribution.
pub mod explore;
mod filter;
mod fit;
mod goal;
mod live;
mod metric;
mod money;
mod openapi;
mod period;
mod report;
mod request;
mod response;
/// Closed days, added up once.
pub mod rollup;
mod sheet;
/// Reports as SQL statements.
pub mod sql;
mod table;
mod v1;

pub use api::{Access, QueryState, router};
pub use comparison::{Comparison, ComparisonMode, Weekdays};
pub use dimension::Dimension;
pub use error::{Error, Result};
pub use filter::{Case, Clause, Filter, Operator};
pub use goal::{Goal, GoalKind, PagePattern, Segment};
pub use live::Live;
pub use metric::Metric;
pub use openapi::document as openapi;
pub use period::{Bucket, DateRange, Interval, Range};
pub use report::{Floor, FloorReason, PRIVACY_FLOOR_VISITORS, Reader, Report, Rolled, Site};
pub use request::{Direction, Include, LIMIT_MAX, Order, OrderBy, Request};
pub use response::{Answer, ReportRow};
pub use sheet::Sheet;
