//! Reads the body of a request within its limits of size, time and type. Nothing of it is looked into here.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;

use super::answer::Refusal;
use crate::Config;

/// Trackers send JSON under its own name, or as plain text to spare the browser a preflight. A request without any
/// type is taken for the latter.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or("?").split(';').next().unwrap_or_default().trim();
    if ["application/json", "text/plain"].iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(Refusal::Type)
}

/// Reads the whole body.
pub(super) async fn read<B>(body: B, headers: &HeaderMap, config: &Config) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > config.body_limit_bytes) {
        return Err(Refusal::TooLarge);
    }
    let deadline = Duration::from_secs(config.body_deadline_seconds);
    let mut gathering = pin!(gather(body, config.body_limit_bytes));
    // Nearly always the body came with the head, and needs no clock.
    if let Poll::Ready(result) = poll_fn(|context| Poll::Ready(gathering.as_mut().poll(context))).await {
        return result;
    }
    tokio::time::timeout(deadline, gathering).await.unwrap_or(Err(Refusal::Slow))
}

async fn gather<B>(mut body: B, limit_bytes: usize) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit_bytes {
            return Err(Refusal::TooLarge);
        }
        // Nearly each beacon is one frame, and is used as it stands.
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok([first, rest.freeze()].concat().into())
}
