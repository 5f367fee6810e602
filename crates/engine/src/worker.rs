//! A thread that owns one connection and executes jobs on it, one at a time.
//!
//! Invariant: every call of libchdb happens on such a thread, and each job runs with its own settings and nobody else's:
//! what differs from the job before is set, what that one alone had is put back, and if that fails the connection is
//! replaced. Most jobs have the settings of the one before, and nothing is to be done. Of a result that was broken off
//! nothing is left for the next one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::mpsc};
use tracing::{debug, error, warn};

use crate::{
    access,
    exception::{Exception, Kind},
    ffi::{Call, Chunk, Class, Connection, Library, Progress},
    formats::{Framing, Joint},
    job::{Expectation, Feed, Job, Reply, Rights, Statement, Work},
    queue::{Next, Queue},
    run_state::CONNECTION_SETTING,
    settings::Limits,
};

/// How long a thread waits for a client that neither sends nor takes anything, while it holds a connection.
const STALL: Duration = Duration::from_secs(30);
/// How often an idle thread looks up.
const IDLE: Duration = Duration::from_secs(60);

/// What a thread opens its connection with.
#[derive(Clone)]
pub(crate) struct Opening {
    /// The library.
    pub(crate) library: &'static Library,
    /// Options that start or join the engine, such as the path.
    pub(crate) options: Vec<String>,
    /// Settings of the connection, which a request's settings give way to again.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Database that connections start in.
    pub(crate) database: String,
    /// Table functions that the restricted may not call.
    pub(crate) denied: Arc<access::Denied>,
    /// Bounds of what the restricted may set.
    pub(crate) limits: Limits,
}

impl Opening {
    /// Opens a connection of this name.
    ///
    /// # Errors
    /// libchdb's refusal.
    pub(crate) fn open(&self, name: &str) -> Result<Connection, String> {
        let mut options = self.options.clone();
        options.extend(self.settings.iter().map(|(name, value)| format!("--{name}={value}")));
        let mut connection = self.library.connect(&options)?;
        connection.query(plain(&use_database(&self.database)))?;
        connection.query(plain(&set([(CONNECTION_SETTING, Some(name))].into_iter())))?;
        Ok(connection)
    }
}

/// A statement on its way through a worker.
struct Task<'a> {
    statement: &'a Statement,
    marker: &'a str,
    replies: &'a mpsc::Sender<Reply>,
}

impl Task<'_> {
    fn text(&self) -> String {
        marked(&self.statement.sql, self.marker)
    }
}

/// One thread's connection.
pub(crate) struct Worker {
    opening: Opening,
    connection: Connection,
    database: String,
    /// Shown beside the statements that run on it.
    name: Arc<str>,
    /// What it was opened with.
    home: HashMap<&'static str, String>,
    /// What jobs have set since.
    changed: BTreeMap<String, String>,
    runtime: Handle,
}

impl Worker {
    /// A worker with a connection of its own.
    ///
    /// # Errors
    /// libchdb's refusal to connect.
    pub(crate) fn open(opening: Opening, runtime: Handle) -> Result<Self, String> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let name = format!("passant connection {}", NUMBER.fetch_add(1, Relaxed));
        let connection = opening.open(&name)?;
        let database = opening.database.clone();
        let home = opening.settings.iter().cloned().collect();
        Ok(Self { opening, connection, database, name: name.into(), home, changed: BTreeMap::new(), runtime })
    }

    /// Executes jobs until the queue is closed and empty.
    pub(crate) fn serve(mut self, queue: &Queue<Job>) {
        loop {
            match queue.pop(IDLE) {
                Next::Job(job) => self.execute(job),
                Next::Idle => {}
                Next::Closed => return,
            }
        }
    }

    fn execute(&mut self, job: Job) {
        let Job { statement, work, replies, running, deadline } = job;
        if running.start(&self.name) {
            let outcome = if Instant::now() > deadline {
                Err(Exception::new(
                    Kind::TimeoutExceeded,
                    "Timeout exceeded: waited too long for a connection",
                ))
            } else {
                let task = Task { statement: &statement, marker: running.marker(), replies: &replies };
                self.perform(&task, work)
            };
            running.finish();
            let was_broken_off = outcome.is_err();
            let last = match outcome {
                Ok(progress) => Reply::Done(progress),
                Err(exception) => Reply::Failed(exception),
            };
            // Nobody listening is fine: the client went away.
            let _ = replies.try_send(last).or_else(|refused| match refused {
                mpsc::error::TrySendError::Full(last) => self.send(&replies, last).map_err(drop),
                mpsc::error::TrySendError::Closed(_) => Err(()),
            });
            if was_broken_off {
                self.clear();
            }
        } else {
            running.finish();
        }
    }

    fn perform(&mut self, task: &Task<'_>, work: Work) -> Result<Progress, Exception> {
        self.admit(task.statement, &work)?;
        let outcome = self.prepare(task.statement).and_then(|()| match work {
            Work::Stream(framing) => self.stream(task, framing),
            Work::Whole => self.whole(task),
            Work::Insert(feed, expected) => self.insert(task, feed, expected),
        });
        // The marker is nothing that the client wrote.
        outcome.map_err(|exception| exception.without(&format!("\n{}", task.marker)))
    }

    /// Refuses several statements in one text, and what the caller has no right to.
    fn admit(&mut self, statement: &Statement, work: &Work) -> Result<(), Exception> {
        let analysis = self.connection.analyse(&statement.sql);
        if analysis.statements > 1 {
            return Err(Exception::new(Kind::SyntaxError, "Multi-statements are not allowed"));
        }
        match (statement.rights, work) {
            (Rights::All, _) => Ok(()),
            (Rights::Tables, Work::Insert(..)) => Err(readonly()),
            (Rights::Tables, Work::Stream(_) | Work::Whole) => match analysis.class {
                Class::ReadOnly => {
                    let Opening { denied, limits, .. } = &self.opening;
                    access::check(&mut self.connection, call(&statement.sql, statement), denied, *limits)
                }
                Class::Mutating | Class::Control => Err(readonly()),
                // It does not parse: libchdb says why.
                Class::Unknown => self
                    .connection
                    .query(plain(&format!("EXPLAIN AST {}", statement.sql)))
                    .map_err(Exception::from_text)
                    .and(Err(readonly())),
            },
        }
    }

    fn prepare(&mut self, statement: &Statement) -> Result<(), Exception> {
        if self.database != statement.database {
            self.connection.query(plain(&use_database(&statement.database))).map_err(Exception::from_text)?;
            self.database.clone_from(&statement.database);
        }
        let asked: BTreeMap<&str, &str> = statement
            .settings
            .iter()
            .map(|setting| (setting.name.as_str(), setting.value.as_str()))
            .collect();
        self.put_back(&asked);
        self.set(&asked)
    }

    /// Puts back what jobs before have set and this one does not.
    fn put_back(&mut self, asked: &BTreeMap<&str, &str>) {
        let is_left = |name: &&str| !asked.contains_key(name);
        let left: Vec<&str> = self.changed.keys().map(String::as_str).filter(is_left).collect();
        if left.is_empty() {
            return;
        }
        let text = set(left.into_iter().map(|name| (name, self.home.get(name).map(String::as_str))));
        if let Err(reason) = self.connection.query(plain(&text)) {
            warn!(reason, "replacing a connection whose settings could not be put back");
            self.reopen();
            return;
        }
        self.changed.retain(|name, _| asked.contains_key(name.as_str()));
    }

    /// Sets what the job asks for and the connection has not.
    fn set(&mut self, asked: &BTreeMap<&str, &str>) -> Result<(), Exception> {
        let has = |name: &str| self.changed.get(name).or_else(|| self.home.get(name)).map(String::as_str);
        let new: Vec<_> = asked
            .iter()
            .map(|(name, value)| (*name, *value))
            .filter(|(name, value)| has(name) != Some(value))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let text = set(new.iter().map(|(name, value)| (*name, Some(*value))));
        self.changed.extend(new.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        self.connection.query(plain(&text)).map(drop).map_err(|refusal| {
            // Some may have been set before one was refused.
            self.put_back(&BTreeMap::new());
            Exception::from_text(refusal)
        })
    }

    /// Takes away what libchdb has kept of a result that was broken off: a statement that is killed leaves what it had
    /// written in its connection, where it would stand before the result of the next.
    fn clear(&mut self) {
        // The first takes along what is left, and the second has to be itself.
        let is_clear = self.one().is_ok() && self.one().is_ok_and(|bytes| bytes == b"1\n");
        if !is_clear {
            warn!("replacing a connection that could not be cleared");
            self.reopen();
        }
    }

    /// The result of a statement of our own, with what stands before it.
    fn one(&mut self) -> Result<Vec<u8>, String> {
        let mut stream = self.connection.stream(plain("SELECT 1"))?;
        let mut result = Vec::new();
        while let Some(Chunk { bytes, .. }) = stream.fetch()? {
            result.extend_from_slice(&bytes);
        }
        Ok(result)
    }

    fn reopen(&mut self) {
        match self.opening.open(&self.name) {
            Ok(connection) => {
                self.connection = connection;
                self.changed.clear();
                self.database.clone_from(&self.opening.database);
            }
            Err(reason) => error!(reason, "could not replace a connection"),
        }
    }

    fn stream(&mut self, task: &Task<'_>, framing: Framing) -> Result<Progress, Exception> {
        let sql = task.text();
        let runtime = self.runtime.clone();
        let mut joint = Joint::new(framing);
        let mut stream = self.connection.stream(call(&sql, task.statement)).map_err(Exception::from_text)?;
        while let Some(Chunk { bytes, progress }) = stream.fetch().map_err(Exception::from_text)? {
            send(&runtime, task.replies, Reply::Chunk(joint.join(bytes), progress))?;
        }
        Ok(Progress::default())
    }

    fn whole(&mut self, task: &Task<'_>) -> Result<Progress, Exception> {
        let sql = task.text();
        let Chunk { bytes, progress } =
            self.connection.query(call(&sql, task.statement)).map_err(Exception::from_text)?;
        if bytes.is_empty() {
            return Ok(progress);
        }
        self.send(task.replies, Reply::Chunk(bytes, progress))?;
        Ok(Progress::default())
    }

    fn insert(
        &mut self,
        task: &Task<'_>,
        mut feed: mpsc::Receiver<Feed>,
        expected: Expectation,
    ) -> Result<Progress, Exception> {
        let runtime = self.runtime.clone();
        let sql = task.text();
        let mut stream = self.connection.insert(call(&sql, task.statement)).map_err(Exception::from_text)?;
        loop {
            let next = runtime.block_on(async { tokio::time::timeout(STALL, feed.recv()).await });
            match next {
                Ok(Some(Feed::Data(data))) => stream.append(&data).map_err(Exception::from_text)?,
                Ok(Some(Feed::End)) => break,
                Ok(None) => {
                    stream.cancel();
                    debug!("an insert was broken off by its client");
                    return Err(Exception::new(Kind::QueryWasCancelled, "The client broke off its INSERT"));
                }
                Err(_) => {
                    stream.cancel();
                    return Err(Exception::new(
                        Kind::TimeoutExceeded,
                        format_args!(
                            "Timeout exceeded: no data of the INSERT for {} seconds",
                            STALL.as_secs()
                        ),
                    ));
                }
            }
        }
        let progress = stream.finish().map_err(Exception::from_text)?.progress;
        match expected {
            Expectation::Rows(rows) if progress.written_rows < rows => Err(Exception::new(
                Kind::IncorrectData,
                format_args!(
                    "The INSERT carried {rows} rows, of which {} were written",
                    progress.written_rows
                ),
            )),
            Expectation::Rows(_) | Expectation::Unstated => Ok(progress),
        }
    }

    fn send(&self, replies: &mpsc::Sender<Reply>, reply: Reply) -> Result<(), Exception> {
        send(&self.runtime, replies, reply)
    }
}

/// Hands a reply over, waiting for a slow client only so long.
fn send(runtime: &Handle, replies: &mpsc::Sender<Reply>, reply: Reply) -> Result<(), Exception> {
    let sent = match replies.try_send(reply) {
        Err(mpsc::error::TrySendError::Full(reply)) => {
            runtime.block_on(async { replies.send_timeout(reply, STALL).await.map_err(drop) })
        }
        tried => tried.map_err(drop),
    };
    sent.map_err(|()| Exception::new(Kind::QueryWasCancelled, "The client does not take the result"))
}

fn call<'a>(sql: &'a str, statement: &'a Statement) -> Call<'a> {
    Call { sql, format: &statement.format, parameters: &statement.parameters }
}

fn plain(sql: &str) -> Call<'_> {
    Call { sql, format: "TabSeparatedRaw", parameters: &[] }
}

/// The text with a comment at its end. A trailing semicolon would make the comment a second statement.
fn marked(sql: &str, marker: &str) -> String {
    let sql = sql.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == ';');
    format!("{sql}\n{marker}")
}

fn use_database(name: &str) -> String {
    format!("USE `{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// The statement that gives these settings these values, or their defaults.
fn set<'a>(pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let assignments: Vec<String> = pairs
        .map(|(name, value)| match value {
            Some(value) => format!("{name} = '{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
            None => format!("{name} = DEFAULT"),
        })
        .collect();
    format!("SET {}", assignments.join(", "))
}

fn readonly() -> Exception {
    Exception::new(Kind::Readonly, "Cannot execute query in readonly mode: this listener serves reads only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_names_and_values() {
        assert_eq!(use_database("a`b\\"), "USE `a\\`b\\\\`");
        let pairs = [("a", Some("x'y\\")), ("b", Some("1")), ("c", None)];
        assert_eq!(set(pairs.into_iter()), "SET a = 'x\\'y\\\\', b = '1', c = DEFAULT");
    }

    #[test]
    fn marks_a_statement_without_making_two() {
        assert_eq!(marked("SELECT 1 ;\n", "/* m */"), "SELECT 1\n/* m */");
    }
}
