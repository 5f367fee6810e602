//! The control data in PostgreSQL, which several servers may share.
//!
//! A write begins by counting itself in the one row of `control_state`, which one transaction can hold at a time. So
//! writes happen one after the other, as they do in SQLite: each statement of one sees all that was written before
//! (READ COMMITTED), and nothing can come between what it looks up and what it changes. The count is the version by
//! which others notice. Reads wait for nobody.

use std::future::Future;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::Connection;
use super::dialect::{self, Dialect};
use super::migration::MIGRATIONS;
use super::server_url::{Access, ServerUrl};
use super::value::{Row, Value, params};
use super::{Reader, Statements, Writer};
use crate::error::{Error, Result};

/// A server, asked from a thread of its own: whoever calls may be on a thread that drives other things and cannot drive
/// a connection meanwhile.
pub(crate) struct Postgres {
    pool: Arc<Pool>,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

/// Connections that are open and idle, and how many more there may be.
struct Pool {
    access: Access,
    idle: Mutex<Vec<Arc<Connection>>>,
    room: Arc<Semaphore>,
}

/// A connection, while somebody has it.
struct Session<'a> {
    postgres: &'a Postgres,
    connection: Arc<Connection>,
    _room: OwnedSemaphorePermit,
}

/// A report asks for five things one after the other, each a fraction of a millisecond; a server allows a hundred
/// connections by default, and several of ours may share it.
const CONNECTIONS_MAX: usize = 8;
const ROOM_PATIENCE: Duration = Duration::from_secs(10);
/// What stands in the header of a SQLite file.
const STATE: &str = "CREATE TABLE control_state (
    only_row   BIGINT PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
    migrations BIGINT NOT NULL,
    changes    BIGINT NOT NULL
);
INSERT INTO control_state (migrations, changes) VALUES (0, 0)";
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// Waits for the write before this one.
const COUNT: &str = "UPDATE control_state SET changes = changes + 1";
/// Held while migrating: "passant" in ASCII, which no other program locks.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(31632345876491892)";

impl Postgres {
    /// Connects, and makes and migrates the tables as needed.
    pub(crate) fn open(url: &ServerUrl) -> Result<Self> {
        let access = url.access()?;
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build()?;
        let pool = Pool { access, idle: Mutex::default(), room: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
        let postgres = Self { pool: Arc::new(pool), runtime: Some(runtime) };
        let session = postgres.session()?;
        if session.migrations()? != MIGRATIONS.len() {
            session.migrate()?;
        }
        session.end();
        Ok(postgres)
    }

    pub(crate) fn version(&self) -> Result<(i64, u64)> {
        let row = self.read(|reader| reader.row("SELECT changes FROM control_state", &[]))?;
        Ok((row.map_or(Ok(0), |row| row.get(0))?, 0))
    }

    pub(crate) fn read<T>(&self, work: impl Fn(&Reader<'_>) -> Result<T>) -> Result<T> {
        let (session, outcome) = self.tried(|session| work(&Reader(session)))?;
        session.end();
        outcome
    }

    pub(crate) fn write<T>(&self, work: impl FnOnce(&Writer<'_>) -> Result<T>) -> Result<T> {
        let (session, begun) = self.tried(|session| session.batch(format!("{BEGIN}; {COUNT}")))?;
        begun?;
        match work(&Writer(Reader(&session))) {
            Ok(done) => {
                session.batch("COMMIT".into())?;
                session.end();
                Ok(done)
            }
            Err(error) => {
                // One that cannot even do this is closed, which comes to the same.
                if session.batch("ROLLBACK".into()).is_ok() {
                    session.end();
                }
                Err(error)
            }
        }
    }

    /// Does what can be done twice. A connection that was idle may have been lost with a server that is back by now, and
    /// then so were the others.
    fn tried<T>(&self, work: impl Fn(&Session<'_>) -> Result<T>) -> Result<(Session<'_>, Result<T>)> {
        let session = self.session()?;
        let outcome = work(&session);
        if outcome.is_ok() || !session.connection.is_gone() {
            return Ok((session, outcome));
        }
        drop(session);
        self.pool.idle().clear();
        let session = self.session()?;
        let outcome = work(&session);
        Ok((session, outcome))
    }

    fn session(&self) -> Result<Session<'_>> {
        let pool = self.pool.clone();
        let (connection, room) = self.wait(async move { pool.connection().await })?;
        Ok(Session { postgres: self, connection, _room: room })
    }

    /// Waits for what is done on our own thread. On a thread of a runtime the other tasks go on elsewhere meanwhile.
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        let runtime = self.runtime.as_ref().expect("there until it is dropped");
        runtime.spawn(async move {
            // Whoever asked is waiting below.
            let _ = sender.send(work.await);
        });
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        let received = match flavor {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| receiver.recv()),
            Ok(_) | Err(_) => receiver.recv(),
        };
        received.unwrap_or_else(|_| Err(Error::Unavailable("the connection's thread has ended".into())))
    }
}

impl Drop for Postgres {
    /// Without waiting, which a runtime's own threads must not.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Pool {
    async fn connection(&self) -> Result<(Arc<Connection>, OwnedSemaphorePermit)> {
        let room = tokio::time::timeout(ROOM_PATIENCE, self.room.clone().acquire_owned()).await;
        let Ok(Ok(room)) = room else {
            return Err(Error::Unavailable("all connections to it are in use".into()));
        };
        let idle = self.idle().pop();
        let connection = match idle.filter(|connection| !connection.is_lost()) {
            Some(connection) => connection,
            None => Arc::new(Connection::open(&self.access).await?),
        };
        Ok((connection, room))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session<'_> {
    /// Gives the connection back. One that is merely dropped is closed, and its transaction with it.
    fn end(self) {
        if !self.connection.is_lost() {
            self.postgres.pool.idle().push(self.connection);
        }
    }

    fn batch(&self, sql: String) -> Result<()> {
        let connection = self.connection.clone();
        self.postgres.wait(async move { connection.batch(&sql).await })
    }

    /// How many migrations there were.
    fn migrations(&self) -> Result<usize> {
        let sql = "SELECT current_setting('server_encoding'), to_regclass('control_state') IS NOT NULL";
        let row = Reader(self).row(sql, &[])?;
        let (encoding, is_there) = match &row {
            Some(row) => (row.get::<String>(0)?, row.get::<bool>(1)?),
            None => return Err(Error::Server("no answer to the first question".into())),
        };
        if encoding != "UTF8" {
            let words = format!("the database has the encoding {encoding}, expected UTF8");
            return Err(Error::Server(words));
        }
        let found = match is_there {
            true => Reader(self).row("SELECT migrations FROM control_state", &[])?,
            false => return Ok(0),
        };
        let (found, known) = (found.map_or(Ok(0), |row| row.get::<u32>(0))? as usize, MIGRATIONS.len());
        if found > known { Err(Error::Newer { found, known }) } else { Ok(found) }
    }

    /// Brings the tables to this version, unless somebody else just has.
    fn migrate(&self) -> Result<()> {
        self.batch(format!("{BEGIN}; {MIGRATION_LOCK}"))?;
        let found = self.migrations()?;
        if found == 0 {
            self.batch(STATE.into())?;
        }
        for sql in &MIGRATIONS[found..] {
            self.batch(dialect::migration(sql))?;
        }
        let sql = "UPDATE control_state SET migrations = ?1, changes = changes + 1";
        self.execute(sql, params![MIGRATIONS.len() as u64])?;
        self.batch("COMMIT".into())
    }
}

impl Statements for Session<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let (connection, sql, values) = (self.connection.clone(), sql.to_owned(), values.to_vec());
        self.postgres.wait(async move { connection.rows(&sql, &values).await })
    }

    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64> {
        let (connection, sql, values) = (self.connection.clone(), sql.to_owned(), values.to_vec());
        self.postgres.wait(async move { connection.execute(&sql, &values).await })
    }
}

#[cfg(test)]
mod tests;
