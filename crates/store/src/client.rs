//! The one client: to the embedded engine over its unix socket, or to a ClickHouse server by URL.
//!
//! Invariant: an insert is never sent twice without asking first. [`Store::missing_partitions`] is the question.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clickhouse::query::RowCursor;
use clickhouse::{Client, Compression, Row, RowOwned, RowRead, RowWrite};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Deserialize;
use tokio::net::UnixStream;

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::looks::Looks;
use crate::parts::Parts;
use crate::reading::Reading;
use crate::statement::Statement;

/// Default database, in the embedded engine and where a URL names none.
const DATABASE: &str = "passant";
/// How long an insert into a server may take before its outcome is called unknown. The embedded engine has no such
/// limit: its answer or its death always comes, and neither is ambiguous.
const REMOTE_INSERT_TIMEOUT: Duration = Duration::from_secs(120);

/// The `[store]` section.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `http://user:password@host:8123/database` of a ClickHouse server; absent, the embedded engine is used.
    pub url: Option<String>,
    /// Which engine family the tables are made of.
    pub engine: Engine,
    /// Cluster name for `ON CLUSTER`, if the tables are made on one.
    pub cluster: Option<String>,
}

/// Engine family of the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// `MergeTree`: one machine.
    #[default]
    MergeTree,
    /// `ReplicatedMergeTree`, with the server's own default path and macros.
    Replicated,
}

/// Where the store is.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The embedded engine's socket.
    Socket(PathBuf),
    /// A server.
    Server {
        /// `http://host:port`.
        url: String,
        /// Database to use.
        database: String,
        /// User and password, if the URL named them.
        credentials: Option<(String, String)>,
    },
}

/// A store URL that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("store.url: {0}, expected http://user:password@host:8123/database")]
pub struct EndpointError(&'static str);

/// The handle through which everything reads and writes events. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    database: String,
    config: Config,
    insert_timeout: Option<Duration>,
    pub(crate) reading: Option<Arc<Reading>>,
    pub(crate) looks: Looks<Arc<Parts>>,
}

/// Rows as they come; the store goes on no faster than they are taken.
pub struct Rows<T>(RowCursor<T>);

impl<T: RowOwned + RowRead> Rows<T> {
    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// See [`Error`]; what came before was not all.
    pub async fn next(&mut self) -> Result<Option<T>> {
        Ok(self.0.next().await?)
    }
}

impl Endpoint {
    /// Reads `http://user:password@host:8123/database`.
    ///
    /// # Errors
    /// When it is no URL, not `http`, or names more than one path segment.
    pub fn from_url(text: &str) -> Result<Self, EndpointError> {
        let mut url = url::Url::parse(text).map_err(|_| EndpointError("not a URL"))?;
        if url.scheme() != "http" {
            return Err(EndpointError("scheme is not http (put a TLS proxy on this side for https)"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(EndpointError("no host"));
        }
        let database = url.path().trim_matches('/').to_owned();
        if database.contains('/') || database.contains('`') {
            return Err(EndpointError("not a database name in the path"));
        }
        let decode = |part: &str| {
            url::form_urlencoded::parse(format!("v={}", part.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let credentials = (!url.username().is_empty())
            .then(|| (decode(url.username()), decode(url.password().unwrap_or_default())));
        // Infallible for a URL that has a host, and this one does.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_path("");
        url.set_query(None);
        let database = if database.is_empty() { DATABASE.to_owned() } else { database };
        Ok(Self::Server { url: url.to_string(), database, credentials })
    }
}

impl Store {
    /// A client to `endpoint`; nothing is sent yet.
    pub fn new(endpoint: &Endpoint, config: Config) -> Self {
        let (client, database, insert_timeout) = match endpoint {
            Endpoint::Socket(path) => (socket_client(path), DATABASE.to_owned(), None),
            Endpoint::Server { url, database, credentials } => {
                // One connector for both cases would need TLS and DNS where there is neither.
                let mut client = Client::default().with_url(url).with_compression(Compression::Lz4);
                if let Some((user, password)) = credentials {
                    client = client.with_user(user).with_password(password);
                }
                (client, database.clone(), Some(REMOTE_INSERT_TIMEOUT))
            }
        };
        let client = client.with_validation(true);
        Self { client, database, config, insert_timeout, reading: None, looks: Looks::default() }
    }

    /// The database that holds our tables.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Settings that the tables are made with.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`Error::Retry`] while it does not, [`Error::Stop`] when it does not let us in.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.client.query("SELECT 1").execute().await?)
    }

    /// All rows of a statement.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fetch<T>(&self, statement: &Statement) -> Result<Vec<T>>
    where
        T: RowOwned + RowRead,
    {
        let rows = self.query(statement).fetch_all::<T>().await.map_err(Error::from);
        if self.reading.is_some() { rows.map_err(Error::or_too_costly) } else { rows }
    }

    /// The rows of a statement one by one, for results that need not fit in memory.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn rows<T>(&self, statement: &Statement) -> Result<Rows<T>>
    where
        T: RowOwned + RowRead,
    {
        Ok(Rows(self.query(statement).fetch::<T>()?))
    }

    /// Runs a statement that answers nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn execute(&self, statement: &Statement) -> Result<()> {
        Ok(self.query(statement).execute().await?)
    }

    /// Makes a database, before which no statement can name it as its own.
    pub(crate) async fn create_database(&self, sql: &str) -> Result<()> {
        Ok(self.client.query_raw(sql).execute().await?)
    }

    fn query(&self, statement: &Statement) -> clickhouse::query::Query {
        let mut query = self.in_database().query_raw(statement.sql());
        for (name, value) in statement.params() {
            query = query.param(name, value);
        }
        let limits = self.reading.as_ref().map_or(&[][..], |reading| reading.settings());
        // The operator's limits go before those that a statement has of its own.
        let own =
            statement.settings().iter().filter(|(name, _)| !limits.iter().any(|(limit, _)| limit == name));
        for (name, value) in own.chain(limits) {
            query = query.with_setting(*name, value);
        }
        query
    }

    /// The same store without the limits for what people ask: for our own statements, which are short.
    pub(crate) fn without_limits(&self) -> Self {
        Self { reading: None, ..self.clone() }
    }

    fn in_database(&self) -> Client {
        self.client.clone().with_database(&self.database)
    }

    /// Inserts the whole batch: one part a month, on disk when this returns.
    ///
    /// # Errors
    /// After any error, some partitions may be in the store and others not: ask [`Self::missing_partitions`].
    pub async fn insert(&self, batch: &Batch) -> Result<()> {
        for (month, _) in batch.partitions() {
            self.insert_partition(batch, month).await?;
        }
        Ok(())
    }

    /// Inserts one month's rows of the batch into `events`.
    ///
    /// # Errors
    /// After any error the rows may be there or not, all of them or none.
    pub async fn insert_partition(&self, batch: &Batch, month: u32) -> Result<()> {
        self.insert_into("events", batch, month).await
    }

    pub(crate) async fn insert_into(&self, table: &str, batch: &Batch, month: u32) -> Result<()> {
        let token = insert_token(batch.id(), month);
        let names: Vec<&str> = crate::batch::columns().iter().map(|column| column.name).collect();
        let sql = format!("INSERT INTO `{}`.`{table}` ({}) FORMAT Native", self.database, names.join(", "));
        let mut insert = self
            .in_database()
            .with_compression(Compression::None)
            .insert_formatted_with(sql)
            .with_timeouts(self.insert_timeout, self.insert_timeout)
            .with_setting("query_id", &token)
            // Second line of defence, on replicated tables only: see the module documentation of the shipper.
            .with_setting("insert_deduplication_token", &token)
            .with_setting("async_insert", "0");
        for piece in batch.native(month) {
            insert.send(piece).await?;
        }
        Ok(insert.end().await?)
    }

    pub(crate) async fn insert_rows<T>(&self, table: &str, rows: &[T]) -> Result<()>
    where
        T: RowOwned + RowWrite,
    {
        let client = self.in_database().with_compression(Compression::None);
        let insert = client.insert::<T>(table).await?.with_timeouts(self.insert_timeout, self.insert_timeout);
        let mut insert = insert.with_setting("async_insert", "0");
        for row in rows {
            insert.write(row).await?;
        }
        Ok(insert.end().await?)
    }

    /// How many rows of a batch the store holds, by month (`YYYYMM`).
    ///
    /// # Errors
    /// [`Error::Retry`] also while an insert of that batch is still running, because its outcome is not known yet.
    pub async fn batch_rows(&self, batch_id: u64) -> Result<BTreeMap<u32, u64>> {
        // The embedded engine names statements itself, and puts our name for one in a comment at its end.
        let running = Statement::new(
            "/* store: inserts under way */ SELECT count() AS inserts FROM system.processes \
             WHERE startsWith(query_id, {prefix:String}) OR position(query, concat('query_id=', {prefix:String})) > 0",
        )
        .param("prefix", format!("passant-{batch_id:016x}-"));
        if self.fetch::<u64>(&running).await? != [0] {
            return Err(Error::Retry { message: "an insert of the batch is still running".into() });
        }
        let held = Statement::new(
            "/* store: rows of a batch */ SELECT toYYYYMM(timestamp) AS month, count() AS rows FROM events WHERE batch_id = {batch:UInt64} GROUP BY month",
        )
        .param("batch", batch_id);
        #[derive(Row, Deserialize)]
        struct Held {
            month: u32,
            rows: u64,
        }
        Ok(self.fetch::<Held>(&held).await?.into_iter().map(|held| (held.month, held.rows)).collect())
    }

    /// The months of `batch` that the store does not hold yet.
    ///
    /// # Errors
    /// As [`Self::batch_rows`]; [`Error::Stop`] when a month is there in part, which one INSERT cannot do.
    pub async fn missing_partitions(&self, batch: &Batch) -> Result<Vec<u32>> {
        let held = self.batch_rows(batch.id()).await?;
        let mut missing = Vec::new();
        for (month, rows) in batch.partitions() {
            match held.get(&month).copied().unwrap_or(0) {
                0 => missing.push(month),
                found if found == rows => {}
                found => {
                    return Err(Error::Stop {
                        message: format!(
                            "batch {:016x} has {found} rows of {month} in the store, expected 0 or {rows}",
                            batch.id()
                        ),
                    });
                }
            }
        }
        Ok(missing)
    }
}

fn insert_token(batch_id: u64, month: u32) -> String {
    format!("passant-{batch_id:016x}-{month}")
}

fn socket_client(path: &Path) -> Client {
    let path = path.to_owned();
    let connector = tower::service_fn(move |_: http::Uri| {
        let path = path.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    });
    let http = HyperClient::builder(TokioExecutor::new())
        // The engine is a child that may be replaced at any time: a pooled connection must not outlive it for long.
        .pool_idle_timeout(Duration::from_secs(2))
        .build(connector);
    // The host is a name only; the connector goes to the socket whatever it says.
    Client::with_http_client(http).with_url("http://engine").with_compression(Compression::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_server_url() {
        let endpoint = Endpoint::from_url("http://me:p%40ss@db.example:8123/analytics").expect("valid");
        assert!(
            endpoint
                == Endpoint::Server {
                    url: "http://db.example:8123/".into(),
                    database: "analytics".into(),
                    credentials: Some(("me".into(), "p@ss".into())),
                }
        );
    }

    #[test]
    fn refuses_what_is_no_server_url() {
        for bad in ["", "db:8123", "https://db/x", "http://db/a/b"] {
            assert!(Endpoint::from_url(bad).is_err(), "{bad}");
        }
    }
}
