//! A proxy between the server and its store that makes trouble on demand.
//!
//! Invariant: a request that it forwards is forwarded whole and unchanged, unless the trouble is to cut it; trouble
//! strikes inserts of events only, so many as were ordered, and every insert's arrival is noted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::oneshot::Receiver;

/// How much longer a slow store takes: far above what an insert takes, far below any deadline.
const SLOWNESS: Duration = Duration::from_millis(400);

/// What befalls an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It arrives late, and so does its answer.
    Slow,
    /// It never arrives; the answer is that of a proxy.
    Unavailable,
    /// It never arrives; the answer is ClickHouse's when merges do not keep up.
    TooManyParts,
    /// The connection is cut before it arrives.
    CutBefore,
    /// The connection is cut when half of it has arrived.
    CutDuring,
    /// It is carried out, and the connection is cut before the answer.
    CutAfter,
    /// The connection is cut when half of it has arrived, and the other half arrives late.
    CutWhileRunning,
}

impl Trouble {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Slow,
        Self::Unavailable,
        Self::TooManyParts,
        Self::CutBefore,
        Self::CutDuring,
        Self::CutAfter,
        Self::CutWhileRunning,
    ];
}

/// The running proxy.
pub(crate) struct StoreProxy {
    address: SocketAddr,
    orders: Arc<Orders>,
}

struct Orders {
    /// Socket of the engine behind.
    store: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pending: Option<(Trouble, u32)>,
    struck: Vec<Instant>,
    inserts: Vec<Instant>,
}

impl StoreProxy {
    /// Listens on the loopback, in front of the engine at `store`.
    pub(crate) async fn start(store: PathBuf) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let orders = Arc::new(Orders { store, state: Mutex::default() });
        tokio::spawn(accept(listener, Arc::clone(&orders)));
        Ok(Self { address, orders })
    }

    /// What `[store] url` has to be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/passant", self.address)
    }

    /// Makes the next `times` inserts fare that way. Forgets what was noted.
    pub(crate) fn strike(&self, trouble: Trouble, times: u32) {
        *self.orders.state() = State { pending: Some((trouble, times)), ..State::default() };
    }

    /// When inserts were struck since the last order, once all that were ordered have been and another one has come
    /// through; that one's arrival is the last.
    pub(crate) fn after_trouble(&self) -> Option<Vec<Instant>> {
        let state = self.orders.state();
        let last = *state.struck.last().filter(|_| state.pending.is_none())?;
        let next = state.inserts.iter().find(|arrived| **arrived > last)?;
        Some(state.struck.iter().chain([next]).copied().collect())
    }

    /// Whether all trouble that was ordered has struck.
    pub(crate) fn has_struck(&self) -> bool {
        self.orders.state().pending.is_none()
    }
}

impl Orders {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to befall an insert that has just arrived.
    fn next(&self) -> Option<Trouble> {
        let mut state = self.state();
        let now = Instant::now();
        let Some((trouble, times)) = state.pending.take() else {
            state.inserts.push(now);
            return None;
        };
        state.struck.push(now);
        state.pending = (times > 1).then_some((trouble, times - 1));
        Some(trouble)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let is_insert =
            head.uri.query().is_some_and(|query| query.contains("INSERT") && query.contains("events"));
        let trouble = if is_insert { self.next() } else { None };
        let request = Request::from_parts(head, body);
        match trouble {
            None => self.forward(request).await,
            Some(Trouble::Slow) => {
                tokio::time::sleep(SLOWNESS).await;
                let answer = self.forward(request).await;
                tokio::time::sleep(SLOWNESS).await;
                answer
            }
            Some(Trouble::Unavailable) => refusal(StatusCode::SERVICE_UNAVAILABLE, None),
            Some(Trouble::TooManyParts) => refusal(StatusCode::INTERNAL_SERVER_ERROR, Some(252)),
            Some(Trouble::CutBefore) => bail!("cut before the insert"),
            Some(Trouble::CutDuring) => {
                self.forward_half(request).await?;
                bail!("cut during the insert")
            }
            Some(Trouble::CutAfter) => {
                self.forward(request).await?;
                bail!("cut after the insert")
            }
            Some(Trouble::CutWhileRunning) => {
                let store = self.store.clone();
                let (go_on, told) = tokio::sync::oneshot::channel();
                tokio::spawn(async move {
                    // What becomes of it, only the store knows.
                    let _ = forward_haltingly(&store, request, told).await;
                });
                // Before it runs there, nobody could know of it.
                while !self.is_inserting().await? {
                    tokio::time::sleep(SLOWNESS / 20).await;
                }
                tokio::spawn(async move {
                    tokio::time::sleep(SLOWNESS).await;
                    let _ = go_on.send(());
                });
                bail!("cut while the insert ran")
            }
        }
    }

    /// Whether the store says that an insert is under way.
    async fn is_inserting(&self) -> Result<bool> {
        let sql = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO %`events`%'";
        let answer = self.forward(Request::post("/").header(header::HOST, "store").body(sql.into())?).await?;
        ensure!(answer.status().is_success(), "the store was not asked: {}", answer.status());
        Ok(answer.into_body().collect().await?.to_bytes().trim_ascii() != b"0")
    }

    async fn forward(&self, request: Request<Bytes>) -> Result<Response<Full<Bytes>>> {
        let stream = UnixStream::connect(&self.store).await.context("the engine behind the proxy")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let answer = sender.send_request(onward(request).map(Full::new)).await?;
        let (mut head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        drop_framing(&mut head.headers);
        Ok(Response::from_parts(head, Full::new(body)))
    }

    /// Sends half of the body and breaks the connection to the store.
    async fn forward_half(&self, request: Request<Bytes>) -> Result<()> {
        let stream = UnixStream::connect(&self.store).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let running = tokio::spawn(connection);
        let request = onward(request);
        let half = request.body().slice(..request.body().len() / 2);
        let (broken, breaking) = tokio::sync::oneshot::channel::<()>();
        let parts = futures_util::stream::once(async move { Ok::<_, std::io::Error>(Frame::data(half)) });
        let end = futures_util::stream::once(async move {
            let _ = broken.send(());
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        });
        let body = StreamBody::new(futures_util::StreamExt::chain(parts, end));
        let answer = sender.send_request(request.map(|_| Box::pin(body))).await;
        drop(answer);
        let _ = breaking.await;
        let _ = running.await;
        Ok(())
    }
}

/// Sends half of the body, and the other half when whoever asked has had time to ask again.
async fn forward_haltingly(store: &Path, request: Request<Bytes>, told: Receiver<()>) -> Result<()> {
    let stream = UnixStream::connect(store).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (head, mut body) = onward(request).into_parts();
    let half = body.split_to(body.len() / 2);
    let first = futures_util::stream::once(async move { Ok::<_, std::io::Error>(Frame::data(half)) });
    let second = futures_util::stream::once(async move {
        let _ = told.await;
        Ok(Frame::data(body))
    });
    let body = StreamBody::new(futures_util::StreamExt::chain(first, second));
    sender.send_request(Request::from_parts(head, Box::pin(body))).await?.into_body().collect().await?;
    Ok(())
}

async fn accept(listener: TcpListener, orders: Arc<Orders>) {
    while let Ok((stream, _)) = listener.accept().await {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let orders = Arc::clone(&orders);
                // An error of the service is a connection that breaks without an answer.
                async move { orders.answer(request).await.map_err(std::io::Error::other) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The request as it goes on, on a connection of its own.
fn onward(mut request: Request<Bytes>) -> Request<Bytes> {
    drop_framing(request.headers_mut());
    request
}

/// Bodies are passed on whole, so that their length is known anew.
fn drop_framing(headers: &mut http::HeaderMap) {
    for name in [header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::CONNECTION] {
        headers.remove(name);
    }
}

fn refusal(status: StatusCode, code: Option<u32>) -> Result<Response<Full<Bytes>>> {
    let mut answer = Response::builder().status(status);
    let words = match code {
        Some(code) => {
            answer = answer.header(HeaderName::from_static("x-clickhouse-exception-code"), code);
            format!(
                "Code: {code}. DB::Exception: Too many parts (300). Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)\n"
            )
        }
        None => "upstream connect error".to_owned(),
    };
    Ok(answer.body(Full::new(Bytes::from(words)))?)
}
