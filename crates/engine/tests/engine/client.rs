//! Clients: the official one as the store uses it, and plain HTTP for what that one hides.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use clickhouse::{Client, Compression};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{
        Client as HyperClient,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::{TcpStream, UnixStream};

/// A unix stream that the pooling client of hyper accepts.
struct Io(TokioIo<UnixStream>);

impl Connection for Io {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The official client.
#[derive(Clone)]
pub(crate) struct Store(pub(crate) Client);

impl Store {
    pub(crate) fn unix(socket: &Path) -> Self {
        let socket = socket.to_owned();
        let connector = tower::service_fn(move |_: http::Uri| {
            let socket = socket.clone();
            Box::pin(async move { UnixStream::connect(&socket).await.map(|stream| Io(TokioIo::new(stream))) })
        });
        let client = HyperClient::builder(TokioExecutor::new()).build(connector);
        Self(Client::with_http_client(client).with_url("http://engine").with_compression(Compression::Lz4))
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.0.query(sql).execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn count(&self, sql: &str) -> u64 {
        self.0.query(sql).fetch_one().await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The message of the exception that a statement fails with.
    pub(crate) async fn refusal(&self, sql: &str) -> String {
        self.0.query(sql).execute().await.expect_err(sql).to_string()
    }
}

/// One plain exchange.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What came, and whether the body ended as it should.
    pub(crate) body: Vec<u8>,
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn post(query: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("/?{query}"))
        .header("host", "engine")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) async fn ask(socket: &Path, request: Request<Full<Bytes>>) -> Answer {
    exchange(TokioIo::new(UnixStream::connect(socket).await.unwrap()), request).await
}

pub(crate) async fn ask_tcp(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    exchange(TokioIo::new(TcpStream::connect(address).await.unwrap()), request).await
}

async fn exchange<I>(io: I, request: Request<Full<Bytes>>) -> Answer
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let connection = tokio::spawn(connection);
    let (parts, mut incoming) = sender.send_request(request).await.unwrap().into_parts();
    let mut body = Vec::new();
    let mut complete = true;
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(frame.data_ref().unwrap()),
            Err(_) => complete = false,
        }
    }
    connection.abort();
    Answer { status: parts.status, headers: parts.headers, body, complete }
}
