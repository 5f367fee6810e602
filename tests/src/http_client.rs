//! A plain HTTP/1.1 client that keeps its connections.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client of one server.
#[derive(Clone)]
pub struct HttpClient {
    server: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

impl HttpClient {
    /// A client of the server at `server`.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// A client of the server at `server` that connects from `local`; all of `127.0.0.0/8` is this machine's.
    pub fn from(local: IpAddr, server: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(local));
        Self { server, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// When no whole answer came.
    #[expect(clippy::too_many_arguments, reason = "the parts of a request, in the order of the wire")]
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.server));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a valid request");
        let response = self.client.request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// `GET` of a path, as far as the head of its answer.
    ///
    /// # Panics
    /// When none comes.
    pub async fn begin(&self, path: &str, headers: &[(&str, &str)]) -> http::Response<Incoming> {
        let mut request = Request::get(format!("http://{}{path}", self.server));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).expect("a valid request");
        self.client.request(request).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// `GET` of a path that must answer.
    ///
    /// # Panics
    /// When it does not.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }
}
