//! Responses: their headers and their bodies.
//!
//! Invariant: a result that is not complete never looks complete. An exception after the headers is written in
//! ClickHouse's tagged form as the last chunk, and then the body breaks off without its end.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Sleep, sleep},
};

use crate::{
    compression, exception::Exception, ffi::Progress, job::Reply, request::Packing, run_state::Running,
};

/// Time for a client to take an exception before the body breaks off, which drops what it has not taken. One that
/// is slower sees the break only.
const FLUSH_TIME: Duration = Duration::from_millis(250);

/// What each response says of the engine.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Version of ClickHouse inside.
    pub(crate) version: String,
    /// Time zone of the engine.
    pub(crate) timezone: String,
}

/// Kills a statement whose client goes away.
pub(crate) struct Watch {
    running: Arc<Running>,
    kill: mpsc::UnboundedSender<Arc<Running>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Watch {
    /// Watches a statement.
    pub(crate) fn new(running: Arc<Running>, kill: mpsc::UnboundedSender<Arc<Running>>) -> Self {
        Self { running, kill, place: None }
    }

    /// Holds a place for as long as the statement is watched.
    pub(crate) fn hold(&mut self, place: Option<OwnedSemaphorePermit>) {
        self.place = place;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.running.abandon() {
            // A closed channel means that the engine stops, and the statement with it.
            let _ = self.kill.send(self.running.clone());
        }
    }
}

/// A response's body.
pub(crate) enum Download {
    /// All of it.
    Whole(Bytes),
    /// The first pieces, and where the others come from.
    Stream(Stream),
}

/// A result that is still being produced.
pub(crate) struct Stream {
    /// Pieces that came before the headers were sent.
    pub(crate) head: VecDeque<Bytes>,
    /// The pieces to come.
    pub(crate) replies: mpsc::Receiver<Reply>,
    /// How they are packed.
    pub(crate) packing: Packing,
    /// Text that marks an exception in the body.
    pub(crate) tag: String,
    /// Version for the exception's text.
    pub(crate) version: String,
    /// Kills the statement when this is dropped.
    #[expect(dead_code, reason = "held for its drop")]
    pub(crate) watch: Watch,
    /// Where in its end the body is.
    pub(crate) end: End,
}

/// Where in its end a streamed body is.
#[derive(Debug)]
pub(crate) enum End {
    /// Not there.
    Open,
    /// The exception is handed over: let the client take it.
    Flushing(Pin<Box<Sleep>>),
    /// Break the body off.
    Breaking,
}

impl Body for Download {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => stream.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Self::Stream(_) => SizeHint::new(),
        }
    }
}

impl Stream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(bytes) = self.head.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match &mut self.end {
            End::Open => {}
            End::Flushing(pause) => {
                std::task::ready!(pause.as_mut().poll(context));
                self.end = End::Breaking;
                return Poll::Ready(Some(Err(std::io::Error::other("the statement failed"))));
            }
            End::Breaking => return Poll::Ready(Some(Err(std::io::Error::other("the statement failed")))),
        }
        loop {
            match std::task::ready!(self.replies.poll_recv(context)) {
                Some(Reply::Chunk(bytes, _)) if bytes.is_empty() => {}
                Some(Reply::Chunk(bytes, _)) => {
                    return Poll::Ready(Some(Ok(Frame::data(pack(bytes, self.packing)))));
                }
                Some(Reply::Done(_)) => return Poll::Ready(None),
                Some(Reply::Failed(exception)) => {
                    self.end = End::Flushing(Box::pin(sleep(FLUSH_TIME)));
                    let last = pack(tagged(&exception, &self.tag, &self.version), self.packing);
                    return Poll::Ready(Some(Ok(Frame::data(last))));
                }
                None => {
                    self.end = End::Breaking;
                    return Poll::Ready(Some(Err(std::io::Error::other("the connection's thread ended"))));
                }
            }
        }
    }
}

/// Packs a piece as the client wants it.
pub(crate) fn pack(bytes: Bytes, packing: Packing) -> Bytes {
    match packing {
        Packing::Plain => bytes,
        Packing::Blocks => compression::encode(&bytes),
    }
}

/// An exception's text as clients read it.
pub(crate) fn exception_text(exception: &Exception, version: &str) -> String {
    format!("{} (version {version} (chdb build))\n", exception.text())
}

/// An exception in the middle of a body: marker, tag, text, length of the text, tag, marker.
fn tagged(exception: &Exception, tag: &str, version: &str) -> Bytes {
    let text = exception_text(exception, version);
    let length = text.len();
    Bytes::from(format!("\r\n__exception__\r\n{tag}\r\n{text}{length} {tag}\r\n__exception__\r\n"))
}

/// The summary that clients read after a statement; all its values are texts.
pub(crate) fn summary(progress: Progress, elapsed: Duration) -> String {
    let Progress { read_rows, read_bytes, written_rows, written_bytes, result_rows } = progress;
    let elapsed_ns = elapsed.as_nanos();
    format!(
        "{{\"read_rows\":\"{read_rows}\",\"read_bytes\":\"{read_bytes}\",\"written_rows\":\"{written_rows}\",\
         \"written_bytes\":\"{written_bytes}\",\"result_rows\":\"{result_rows}\",\"total_rows_to_read\":\"0\",\
         \"elapsed_ns\":\"{elapsed_ns}\"}}"
    )
}

/// A response with the headers that all have.
pub(crate) fn respond(status: StatusCode, body: Download, identity: &Identity) -> Response<Download> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, "x-clickhouse-server-display-name", "passant");
    set(&mut response, "x-clickhouse-timezone", &identity.timezone);
    response
}

/// A response that consists of an exception.
pub(crate) fn refuse(exception: &Exception, packing: Packing, identity: &Identity) -> Response<Download> {
    let text = Bytes::from(exception_text(exception, &identity.version));
    let mut response = respond(exception.status(), Download::Whole(pack(text, packing)), identity);
    set(&mut response, "x-clickhouse-exception-code", &exception.code().to_string());
    set(&mut response, header::CONTENT_TYPE.as_str(), "text/plain; charset=UTF-8");
    if exception.status() == StatusCode::UNAUTHORIZED {
        set(&mut response, header::WWW_AUTHENTICATE.as_str(), "Basic realm=\"passant\"");
    }
    response
}

/// Sets a header; a value that is none is left out.
pub(crate) fn set(response: &mut Response<Download>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::from_str(value)) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exception::Kind;

    #[test]
    fn marks_a_late_exception_with_its_length() {
        let exception = Exception::new(Kind::TimeoutExceeded, "late");
        let text = exception_text(&exception, "26.7");
        assert_eq!(text, "Code: 159. DB::Exception: late. (TIMEOUT_EXCEEDED) (version 26.7 (chdb build))\n");
        let chunk = tagged(&exception, "abc", "26.7");
        let expected = format!("\r\n__exception__\r\nabc\r\n{text}{} abc\r\n__exception__\r\n", text.len());
        assert_eq!(chunk, expected);
    }

    #[test]
    fn writes_the_summary_as_texts() {
        let progress = Progress { read_rows: 3, written_rows: 7, ..Progress::default() };
        let summary = summary(progress, Duration::from_nanos(5));
        let value: serde_json::Value = serde_json::from_str(&summary).unwrap();
        assert_eq!(
            (&value["read_rows"], &value["written_rows"], &value["elapsed_ns"]),
            (&"3".into(), &"7".into(), &"5".into())
        );
    }
}
