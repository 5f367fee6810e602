//! Runs a command while a PostgreSQL server runs: `with-postgres cargo test …`.

use std::process::{Command, ExitCode};

use passant_tests::PostgresServer;
use passant_tests::postgres::URL_VARIABLE;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().expect("a command to run");
    let server = PostgresServer::start();
    let url = server.url("postgres");
    let status = Command::new(program).args(arguments).env(URL_VARIABLE, url).status().expect("it runs");
    drop(server);
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
