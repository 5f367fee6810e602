//! The yardstick: a server on the same HTTP library that reads each request's body and answers 202.
//!
//! Invariant: nothing is done with what is read. Whatever a real server costs beyond this is its own work.

use std::convert::Infallible;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves on a port of the kernel's choice, which it prints, until it is killed.
///
/// # Errors
/// When no port can be had.
#[expect(clippy::print_stdout, reason = "whoever started it reads the address there")]
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let mut builder = http1::Builder::new();
    builder.pipeline_flush(true);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = builder.serve_connection(TokioIo::new(stream), service_fn(answer));
        // A client that goes away ends its connection, and nothing else.
        tokio::spawn(async move { drop(connection.await) });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that breaks off has no reader for the answer either.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
