//! libchdb behind the ClickHouse HTTP interface: the analytical store of an installation on one machine.
//!
//! The engine is a process of its own, because libchdb serves one data directory a process and because a crash or
//! an out-of-memory kill in it must not take the collector along. It listens on a unix socket that only its owner
//! can open, and on request on a TCP address for read-only tools. Clients cannot tell it from a ClickHouse server
//! as far as the interface goes: statements, parameters, settings, formats, compression, summaries, exceptions.
//!
//! ```text
//! server ─▶ front ─▶ request, upload, statement, settings   what is asked
//!             │ queue (bounded)
//!             ▼
//!           worker (a thread and a connection each) ─▶ ffi ─▶ libchdb
//!             │ replies
//!             ▼
//!           response, formats, compression, exception        what is answered
//! ```
//!
//! Invariants: libchdb is called on worker threads only; an INSERT whose data did not arrive whole is not
//! committed; a result that is not complete never looks complete; one process has a data directory.

mod access;
mod auth;
mod compression;
mod config;
mod data_dir;
mod engine;
mod error;
mod exception;
mod failed_write;
mod ffi;
mod formats;
mod front;
mod job;
mod lexer;
mod lifetime;
#[doc(hidden)]
pub mod outside;
mod queue;
mod request;
mod response;
mod run_state;
mod server;
mod settings;
mod statement;
mod upload;
mod worker;

pub use config::{Config, Password, Run, TcpConfig};
pub use engine::run;
pub use error::Error;
pub use lifetime::Lifetime;

/// The database that statements mean unless they or their request name another.
pub const DATABASE: &str = "passant";
