//! One request from its parse to its response.
//!
//! Invariant: each request ends in exactly one response, and a statement that nobody waits for is not left running.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

use crate::{
    auth::Credentials,
    exception::{Exception, Kind},
    ffi::Progress,
    formats::{self, Framing},
    job::{Feed, Job, Reply, Rights, Statement, Work},
    queue::Queue,
    request::{self, Ask, Packing, ReplyTime},
    response::{self, Download, End, Identity, Stream, Watch},
    run_state::Running,
    settings::Limits,
    statement::{self, Shape},
    upload::{self, Parsed, Upload},
};

/// What is collected before the headers go out, so that an early error has its status: ClickHouse's own figure.
const HEAD_BYTES: usize = 1 << 20;
/// Pieces between a connection's thread and a client; with chunks of some mebibytes, what a slow client costs.
const PIECES: usize = 2;
/// What is read and dropped of a refused INSERT's body.
const DRAIN_BYTES: usize = 64 << 20;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// What the hard bound adds to the statement's own time limit.
const GRACE: Duration = Duration::from_secs(5);

/// What all requests share.
pub(crate) struct Front {
    /// Jobs for connections that can only read.
    pub(crate) readers: Arc<Queue<Job>>,
    /// Jobs for connections that can write.
    pub(crate) writers: Arc<Queue<Job>>,
    /// Statements to kill.
    pub(crate) kill: mpsc::UnboundedSender<Arc<Running>>,
    /// What responses say of the engine.
    pub(crate) identity: Identity,
    /// Bounds of requests' settings.
    pub(crate) limits: Limits,
    /// Most bytes of a response that is collected before it is sent.
    pub(crate) collected_bytes: usize,
    /// Database that unqualified names mean.
    pub(crate) database: &'static str,
    /// Places for statements of others than the owner: one fewer than there are readers, so that reports go on.
    pub(crate) guests: Arc<Semaphore>,
}

/// Who is on the other side.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// The owner of the socket.
    Owner,
    /// Someone who must prove to know these.
    Reader(Arc<Credentials>),
}

impl Front {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<Download> {
        let uri = request.uri();
        let ping = uri.path() == "/ping" || (uri.path() == "/" && uri.query().is_none());
        if ping && request::is_reading(request.method()) {
            return response::respond(
                StatusCode::OK,
                Download::Whole(Bytes::from_static(b"Ok.\n")),
                &self.identity,
            );
        }
        if uri.path() != "/" {
            let body = Bytes::from_static(
                b"There is no handle for this path. Statements go to /, checks to /ping.\n",
            );
            return response::respond(StatusCode::NOT_FOUND, Download::Whole(body), &self.identity);
        }
        let ask = match Ask::parse(uri, request.headers(), self.limits) {
            Ok(ask) => ask,
            Err(exception) => return response::refuse(&exception, Packing::Plain, &self.identity),
        };
        let packing = ask.download;
        match self.execute(ask, request, peer).await {
            Ok(response) => response,
            Err(exception) => response::refuse(&exception, packing, &self.identity),
        }
    }

    /// Decides what the peer may do, and runs its statement.
    async fn execute(
        &self,
        mut ask: Ask,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Result<Response<Download>, Exception> {
        let (parts, body) = request.into_parts();
        ask.query_id.get_or_insert_with(new_id);
        let rights = match peer {
            Peer::Owner => Rights::All,
            Peer::Reader(credentials) => {
                credentials.check(&parts.headers, &ask.login)?;
                Rights::Tables
            }
        };
        let upload = upload::form(&parts.headers, body, &mut ask, self.limits).await?;
        let parsed = upload::parse(&ask.query, upload).await?;
        match &parsed.shape {
            Shape::Session => Ok(self.finished(&ask, Progress::default(), Duration::ZERO)),
            Shape::Insert { .. } | Shape::Write if request::is_reading(&parts.method) => Err(Exception::new(
                Kind::Readonly,
                "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly",
            )),
            Shape::Insert { .. } | Shape::Write if rights == Rights::Tables => Err(Exception::new(
                Kind::Readonly,
                "Cannot execute query in readonly mode: this listener serves reads only",
            )),
            Shape::Insert { .. } => self.insert(ask, parsed).await,
            Shape::Rows | Shape::Read | Shape::Write => self.read(ask, parsed, rights).await,
        }
    }

    /// Runs anything that is answered by a result.
    async fn read(&self, ask: Ask, parsed: Parsed, rights: Rights) -> Result<Response<Download>, Exception> {
        let Parsed { sql, shape, .. } = parsed;
        let named = statement::output_format(&sql);
        let name = named.or_else(|| ask.format.clone()).unwrap_or_else(|| "TabSeparated".to_owned());
        let format = formats::find(&name);
        let queue = if shape == Shape::Write { &self.writers } else { &self.readers };
        // Rows in an array would become one array a chunk.
        let arrays = ask.settings.iter().any(|setting| setting.name == "output_format_json_array_of_rows")
            || sql.contains("output_format_json_array_of_rows");
        let work = match format.framing {
            Framing::Plain | Framing::Headed(_) if shape == Shape::Rows && !arrays => {
                Work::Stream(format.framing)
            }
            Framing::Plain | Framing::Headed(_) | Framing::Document => Work::Whole,
        };
        let statement = Statement { rights, ..self.statement(&ask, sql, name.clone()) };
        let place = match rights {
            Rights::All => None,
            Rights::Tables => Some(self.place().await?),
        };
        let begun = Instant::now();
        let (mut replies, mut watch) = self.submit(queue, &ask, (statement, work))?;
        watch.hold(place);
        let limit = match ask.reply {
            ReplyTime::Early => HEAD_BYTES,
            ReplyTime::AtEnd => self.collected_bytes,
        };
        let (head, progress, ended) = self.collect(&mut replies, limit).await?;
        let body = if ended {
            Download::Whole(join(head, ask.download))
        } else if ask.reply == ReplyTime::AtEnd {
            return Err(Exception::new(
                Kind::MemoryLimitExceeded,
                format_args!(
                    "The result is larger than the {limit} bytes that wait_end_of_query=1 may collect"
                ),
            ));
        } else {
            let head: VecDeque<Bytes> =
                head.into_iter().map(|bytes| response::pack(bytes, ask.download)).collect();
            Download::Stream(Stream {
                head,
                replies,
                packing: ask.download,
                tag: String::new(),
                version: self.identity.version.clone(),
                watch,
                end: End::Open,
            })
        };
        Ok(self.result(&ask, &name, (body, response::summary(progress, begun.elapsed()))))
    }

    /// Runs an INSERT with the data of the request.
    async fn insert(&self, ask: Ask, parsed: Parsed) -> Result<Response<Download>, Exception> {
        let Parsed { sql, shape, head, mut upload } = parsed;
        let named = match shape {
            Shape::Insert { format, .. } => format,
            Shape::Rows | Shape::Read | Shape::Session | Shape::Write => None,
        };
        let format = named.or_else(|| ask.format.clone()).unwrap_or_else(|| "Values".to_owned());
        let statement = self.statement(&ask, sql, format);
        let begun = Instant::now();
        let (feed, data) = mpsc::channel(PIECES);
        let work = Work::Insert(data, ask.expected.into());
        let (mut replies, _watch) = self.submit(&self.writers, &ask, (statement, work))?;
        let fed = timeout(self.hard_bound(), pump(head, &mut upload, feed)).await;
        let broken = match fed {
            Ok(Ok(Fed::All)) => None,
            Ok(Ok(Fed::Refused)) => {
                // Best effort: the client may close before it reads, whatever the engine does.
                let _ = timeout(DRAIN_TIME, upload.drain(DRAIN_BYTES)).await;
                None
            }
            Ok(Err(exception)) => Some(exception),
            Err(_) => Some(late(self.limits.statement_seconds)),
        };
        let outcome = self.collect(&mut replies, usize::MAX).await;
        match broken {
            // What the thread says is only the consequence.
            Some(exception) => Err(exception),
            None => outcome.map(|(_, progress, _)| self.finished(&ask, progress, begun.elapsed())),
        }
    }

    /// A statement with the rights of the owner.
    fn statement(&self, ask: &Ask, sql: String, format: String) -> Statement {
        Statement {
            sql,
            format,
            parameters: ask.parameters.clone(),
            settings: ask.settings.clone(),
            database: ask.database.clone().unwrap_or_else(|| self.database.to_owned()),
            rights: Rights::All,
        }
    }

    /// Waits for a guest's turn.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Exception> {
        let wait = Duration::from_secs(self.limits.statement_seconds);
        let place = timeout(wait, self.guests.clone().acquire_owned()).await;
        let place = place.map_err(|_| {
            Exception::new(
                Kind::TooManySimultaneousQueries,
                "Too many simultaneous queries: those of this listener before it have not ended",
            )
        })?;
        Ok(place.expect("the semaphore is never closed"))
    }

    fn submit(
        &self,
        queue: &Queue<Job>,
        ask: &Ask,
        (statement, work): (Statement, Work),
    ) -> Result<(mpsc::Receiver<Reply>, Watch), Exception> {
        let (replies, receiver) = mpsc::channel(PIECES);
        let running = Running::new(ask.query_id.as_deref().unwrap_or_default());
        let watch = Watch::new(running.clone(), self.kill.clone());
        let deadline = Instant::now() + Duration::from_secs(self.limits.statement_seconds);
        queue.push(Job { statement, work, replies, running, deadline }).map_err(|_| {
            Exception::new(
                Kind::TooManySimultaneousQueries,
                "Too many simultaneous queries: the queue is full",
            )
        })?;
        Ok((receiver, watch))
    }

    /// Takes replies until the end, or until there are more bytes than `limit`.
    async fn collect(
        &self,
        replies: &mut mpsc::Receiver<Reply>,
        limit: usize,
    ) -> Result<(Vec<Bytes>, Progress, bool), Exception> {
        let mut head = Vec::new();
        let mut size = 0;
        let mut progress = Progress::default();
        let bound = tokio::time::Instant::now() + self.hard_bound();
        loop {
            let reply = tokio::time::timeout_at(bound, replies.recv())
                .await
                .map_err(|_| late(self.limits.statement_seconds))?;
            match reply {
                Some(Reply::Chunk(bytes, more)) => {
                    progress = sum(progress, more);
                    size += bytes.len();
                    head.push(bytes);
                    if size > limit {
                        return Ok((head, progress, false));
                    }
                }
                Some(Reply::Done(more)) => return Ok((head, sum(progress, more), true)),
                Some(Reply::Failed(exception)) => return Err(exception),
                None => return Err(Exception::new(Kind::StdException, "The connection's thread ended")),
            }
        }
    }

    fn hard_bound(&self) -> Duration {
        Duration::from_secs(self.limits.statement_seconds) + GRACE
    }

    fn finished(&self, ask: &Ask, progress: Progress, elapsed: Duration) -> Response<Download> {
        let summary = response::summary(progress, elapsed);
        let name = ask.format.as_deref().unwrap_or("TabSeparated");
        self.result(ask, name, (Download::Whole(Bytes::new()), summary))
    }

    fn result(&self, ask: &Ask, name: &str, (mut body, summary): (Download, String)) -> Response<Download> {
        let tag = new_id().replace('-', "")[..16].to_owned();
        if let Download::Stream(stream) = &mut body {
            stream.tag.clone_from(&tag);
        }
        let mut response = response::respond(StatusCode::OK, body, &self.identity);
        for (header, value) in [
            ("x-clickhouse-query-id", ask.query_id.as_deref().unwrap_or_default()),
            ("x-clickhouse-format", name),
            ("x-clickhouse-summary", summary.as_str()),
            ("x-clickhouse-exception-tag", &tag),
            (header::CONTENT_TYPE.as_str(), formats::find(name).content_type),
        ] {
            response::set(&mut response, header, value);
        }
        response
    }
}

/// How the pumping of an INSERT's data ended.
enum Fed {
    /// All of it was handed over.
    All,
    /// The connection's thread takes no more: it has failed.
    Refused,
}

/// Hands an INSERT's data to the connection's thread. Without the end, the thread does not commit.
async fn pump(head: Bytes, upload: &mut Upload, feed: mpsc::Sender<Feed>) -> Result<Fed, Exception> {
    if !head.is_empty() && feed.send(Feed::Data(head)).await.is_err() {
        return Ok(Fed::Refused);
    }
    loop {
        let piece = tokio::select! {
            piece = upload.next() => piece?,
            () = feed.closed() => return Ok(Fed::Refused),
        };
        let (next, last) = piece.map_or((Feed::End, true), |data| (Feed::Data(data), false));
        if feed.send(next).await.is_err() {
            return Ok(Fed::Refused);
        }
        if last {
            return Ok(Fed::All);
        }
    }
}

fn join(pieces: Vec<Bytes>, packing: Packing) -> Bytes {
    let plain = match <[Bytes; 1]>::try_from(pieces) {
        Ok([only]) => only,
        Err(pieces) => {
            let mut joined = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
            pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
            joined.freeze()
        }
    };
    if plain.is_empty() { plain } else { response::pack(plain, packing) }
}

fn sum(a: Progress, b: Progress) -> Progress {
    Progress {
        read_rows: a.read_rows + b.read_rows,
        read_bytes: a.read_bytes + b.read_bytes,
        written_rows: a.written_rows + b.written_rows,
        written_bytes: a.written_bytes + b.written_bytes,
        result_rows: a.result_rows + b.result_rows,
    }
}

fn late(seconds: u64) -> Exception {
    Exception::new(Kind::TimeoutExceeded, format_args!("Timeout exceeded: maximum: {seconds} seconds"))
}

/// A random name in the shape of a UUID. It identifies, it does not protect.
fn new_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    let half = |salt: u64| RandomState::new().hash_one(salt);
    let (a, b) = (half(1), half(2));
    let hex = format!("{a:016x}{b:016x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
