//! One connection to a PostgreSQL server: statements prepared once, answers within a time, errors as ours.
//!
//! Invariant: nothing that it says holds a value, a password or the URL.

use std::collections::HashMap;
use std::error::Error as _;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, WrongType, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Socket, Statement};

use super::server_url::Access;
use super::value::{Row, Value};
use super::{dialect, encryption};
use crate::error::{Error, Result};

/// A connection that is not lost.
pub(super) struct Connection {
    client: Client,
    prepared: Mutex<HashMap<String, Statement>>,
    is_gone: AtomicBool,
    is_hung: AtomicBool,
}

/// What a statement waits for others, and then some; the server gives up first.
const PATIENCE: Duration = Duration::from_secs(12);
/// A session reads unless it says otherwise, so that a change outside a write is refused. Whoever stops in the middle of
/// a write keeps the others waiting: the server ends its transaction.
const SESSION: &str = "SET default_transaction_read_only = on;
    SET statement_timeout = '10s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '10s'";
/// Codes with which the server ends a connection, or takes none yet.
const ENDS: &[SqlState] = &[
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::TOO_MANY_CONNECTIONS,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
];
/// Codes of what passes by itself: somebody else holds what we need.
const HELD: &[SqlState] =
    &[SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED, SqlState::T_R_DEADLOCK_DETECTED];

impl Connection {
    /// Connects.
    pub(super) async fn open(access: &Access) -> Result<Self> {
        let connecting = async {
            match access.tls.clone() {
                Some(tls) => connected(&access.config, tls).await,
                None => connected(&access.config, NoTls).await,
            }
        };
        let connected = tokio::time::timeout(PATIENCE, connecting).await;
        let client = connected.map_err(|_| hung())?.map_err(|error| failed(&error))?;
        let prepared = Mutex::default();
        let connection = Self { client, prepared, is_gone: false.into(), is_hung: false.into() };
        connection.batch(SESSION).await?;
        Ok(connection)
    }

    /// Whether the server has ended it.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// Whether nothing is to be asked over it any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_hung.load(Ordering::Relaxed) || self.is_gone()
    }

    pub(super) async fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let found = self.noted(async {
            let statement = self.prepared(sql).await?;
            self.client.query(&statement, &parameters(values)).await
        });
        let row = |row: &tokio_postgres::Row| {
            let values = (0..row.len()).map(|column| row.try_get(column));
            values.collect::<Result<_, _>>().map(Row).map_err(|error| failed(&error))
        };
        found.await?.iter().map(row).collect()
    }

    pub(super) async fn execute(&self, sql: &str, values: &[Value]) -> Result<u64> {
        let changed = self.noted(async {
            let statement = self.prepared(sql).await?;
            self.client.execute(&statement, &parameters(values)).await
        });
        changed.await
    }

    /// Several statements without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        self.noted(self.client.batch_execute(sql)).await
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.statements().get(sql).cloned();
        match known {
            Some(statement) => Ok(statement),
            None => {
                let statement = self.client.prepare(&dialect::statement(sql)).await?;
                self.statements().insert(sql.to_owned(), statement.clone());
                Ok(statement)
            }
        }
    }

    fn statements(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes when the connection is of no use any more.
    async fn noted<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T> {
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if has_ended(&error) {
                    self.is_gone.store(true, Ordering::Relaxed);
                }
                Err(failed(&error))
            }
            Err(_) => {
                self.is_hung.store(true, Ordering::Relaxed);
                Err(hung())
            }
        }
    }
}

/// A client whose driver ends with it, and says nothing that a statement does not.
async fn connected<T>(config: &Config, tls: T) -> Result<Client, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static, TlsConnect: TlsConnect<Socket, Future: Send>>,
{
    let (client, driver) = config.connect(tls).await?;
    tokio::spawn(driver);
    Ok(client)
}

fn hung() -> Error {
    Error::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()))
}

fn has_ended(error: &tokio_postgres::Error) -> bool {
    let is_io = error.source().is_some_and(|cause| cause.is::<std::io::Error>());
    is_io || error.is_closed() || error.code().is_some_and(|code| ENDS.contains(code))
}

/// Of what a server says, its message and code: the details hold values.
fn failed(error: &tokio_postgres::Error) -> Error {
    let words = match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message().replace('\n', " "), error.code().code()),
        None => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let advice = error.source().and_then(encryption::advice).map(|words| format!("; {words}"));
            format!("{error}{cause}{}", advice.unwrap_or_default())
        }
    };
    if has_ended(error) || error.code().is_some_and(|code| HELD.contains(code)) {
        Error::Unavailable(words)
    } else {
        Error::Server(words)
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

type Failure = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, bytes: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(integer) if *kind == Type::INT4 => i32::try_from(*integer)?.to_sql(kind, bytes),
            Self::Integer(integer) => integer.to_sql_checked(kind, bytes),
            Self::Text(text) => text.to_sql_checked(kind, bytes),
            Self::Bytes(value) => value.to_sql_checked(kind, bytes),
        }
    }

    /// Which of them fits is known only with the value.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, bytes: &'a [u8]) -> Result<Self, Failure> {
        Ok(match *kind {
            Type::INT8 => Self::Integer(i64::from_sql(kind, bytes)?),
            Type::INT4 => Self::Integer(i32::from_sql(kind, bytes)?.into()),
            Type::BOOL => Self::Integer(bool::from_sql(kind, bytes)?.into()),
            Type::TEXT | Type::VARCHAR => Self::Text(String::from_sql(kind, bytes)?),
            Type::BYTEA => Self::Bytes(Vec::from_sql(kind, bytes)?),
            _ => return Err(WrongType::new::<Self>(kind.clone()).into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
