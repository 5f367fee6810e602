//! The body of a request: unpacked, read piece by piece, and split into statement and data.
//!
//! Invariant: a body that breaks off is an error, never an end, so that half an INSERT is not committed. Statement
//! text is bounded by [`STATEMENT_BYTES`]; data are not bounded, because they are never held.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::{BodyDataStream, BodyExt};
use hyper::body::Incoming;

use crate::{
    compression::Decoder,
    exception::{Exception, Kind},
    request::{Ask, Packing},
    settings::Limits,
    statement::{self, Extent, Shape},
};

/// Most bytes of a statement without its data, and of a form.
const STATEMENT_BYTES: usize = 4 << 20;

/// A body being read.
pub(crate) struct Upload {
    body: Option<Incoming>,
    decoder: Option<Decoder>,
}

/// A request's statement, told apart from its data.
pub(crate) struct Parsed {
    /// SQL without inline data.
    pub(crate) sql: String,
    /// How to run it.
    pub(crate) shape: Shape,
    /// First bytes of an INSERT's data, which came with the statement.
    pub(crate) head: Bytes,
    /// Where the rest comes from.
    pub(crate) upload: Upload,
}

impl Upload {
    /// Reads a body that is packed so.
    pub(crate) fn new(body: Incoming, packing: Packing) -> Self {
        let decoder = match packing {
            Packing::Plain => None,
            Packing::Blocks => Some(Decoder::default()),
        };
        Self { body: Some(body), decoder }
    }

    /// A body that a form has used up.
    pub(crate) fn used() -> Self {
        Self { body: None, decoder: None }
    }

    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// An exception if the client broke off, or the blocks are damaged.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        loop {
            if let Some(decoder) = &mut self.decoder
                && let Some(content) = decoder.next()?
            {
                return Ok(Some(content));
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            match body.frame().await {
                None => {
                    self.body = None;
                    self.decoder.as_ref().map_or(Ok(()), Decoder::finish)?;
                }
                Some(Err(_)) => {
                    return Err(Exception::new(Kind::QueryWasCancelled, "The client broke off its request"));
                }
                Some(Ok(frame)) => match (frame.into_data(), &mut self.decoder) {
                    (Ok(data), Some(decoder)) => decoder.push(&data),
                    (Ok(data), None) if !data.is_empty() => return Ok(Some(data)),
                    (Ok(_) | Err(_), _) => {}
                },
            }
        }
    }

    /// Reads and drops what is left, up to a bound, so that a client that is still sending reads the answer.
    pub(crate) async fn drain(&mut self, bound_bytes: usize) {
        let Some(body) = &mut self.body else { return };
        let mut drained = 0;
        while let Some(Ok(frame)) = body.frame().await {
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > bound_bytes {
                return;
            }
        }
    }
}

/// The body to read: a form (multipart/form-data) is read into the request, and nothing is left of it.
///
/// # Errors
/// BAD_ARGUMENTS for a malformed form, and what [`Ask::take`] refuses.
pub(crate) async fn form(
    headers: &HeaderMap,
    body: Incoming,
    ask: &mut Ask,
    limits: Limits,
) -> Result<Upload, Exception> {
    let boundary = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| multer::parse_boundary(value).ok());
    let Some(boundary) = boundary else { return Ok(Upload::new(body, ask.upload)) };
    let bound = u64::try_from(STATEMENT_BYTES).expect("a small constant");
    let sizes = multer::SizeLimit::new().whole_stream(bound);
    let constraints = multer::Constraints::new().size_limit(sizes);
    let mut form = multer::Multipart::with_constraints(BodyDataStream::new(body), boundary, constraints);
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.bytes().await.map_err(malformed)?;
        let value = String::from_utf8(value.into()).map_err(malformed)?;
        ask.take(&name, value, limits)?;
    }
    Ok(Upload::used())
}

fn malformed(error: impl std::fmt::Display) -> Exception {
    Exception::new(Kind::BadArguments, format_args!("The form does not parse: {error}"))
}

/// Reads as much of the body as it takes to know the statement: all of it, or an INSERT up to its data.
///
/// # Errors
/// QUERY_IS_TOO_LARGE, and what [`statement::shape`] refuses.
pub(crate) async fn parse(query: &str, mut upload: Upload) -> Result<Parsed, Exception> {
    let mut text = BytesMut::from(query.as_bytes());
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.extend_from_slice(b"\n");
    }
    let mut tried = None;
    let shape = loop {
        // Trying again makes sense only with clearly more text: else many small pieces cost quadratic time.
        if tried.is_none_or(|length| text.len() >= 2 * length) {
            tried = Some(text.len().max(1));
            if let Some(shape) = statement::shape(&text, Extent::Prefix)? {
                break shape;
            }
        }
        if text.len() > STATEMENT_BYTES {
            return Err(Exception::new(
                Kind::QueryIsTooLarge,
                format_args!(
                    "Query is too large: {} bytes, at most {STATEMENT_BYTES} are allowed",
                    text.len()
                ),
            ));
        }
        match upload.next().await? {
            Some(more) => text.extend_from_slice(&more),
            None => match statement::shape(&text, Extent::Whole)? {
                Some(shape) => break shape,
                None => return Err(Exception::new(Kind::SyntaxError, "Syntax error: empty query")),
            },
        }
    };
    let text = text.freeze();
    let (text, head) = match shape {
        Shape::Insert { text_end, data_start, .. } => (text.slice(..text_end), text.slice(data_start..)),
        Shape::Rows | Shape::Read | Shape::Session | Shape::Write => (text, Bytes::new()),
    };
    let sql = String::from_utf8(text.into())
        .map_err(|_| Exception::new(Kind::SyntaxError, "Syntax error: the query is not UTF-8"))?;
    Ok(Parsed { sql, shape, head, upload })
}
