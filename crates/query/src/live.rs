//! The live view: who was on a site in the last half hour, told once, or for as long as somebody watches.
//!
//! Each audience of a site (its members, the public, those who may read one segment) has one task that asks the store
//! once a turn, however many watch, and that ends with the last of them. Whoever watches is handed the newest answer,
//! whole. So a stream has no state: one that broke is opened again, and nothing is numbered.
//!
//! Invariant: what is sent may be read by its reader at that moment. Who may is asked anew before each line, and what tells
//! audiences apart is everything that an answer depends on.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    api::QueryState,
    dimension::Dimension,
    error::{Error, Result},
    explore::{self, ExplorationRow, count},
    report::{Reader, Report, Site},
    request::Request,
    sql,
};

/// The route.
pub(crate) const PATH: &str = "/api/v2/live";
/// What is looked at, until now.
const WINDOW: SignedDuration = SignedDuration::from_mins(30);
/// How often the store is asked while somebody watches; an event takes a second to get there.
const TURN: Duration = Duration::from_secs(2);
/// After so long without news a line is sent that says nothing: it finds readers who are gone, and shows the others that
/// we are not.
const BEAT: Duration = Duration::from_secs(5);
/// Streams of members, and as many of the public, who so cannot keep members out. Each holds a connection.
const STREAMS_MAX: usize = 200;
/// What each stream begins with: when to come again after it has ended.
const OPENING: &str = "retry: 3000\n\n";

/// What is counted together: everybody, or a list of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Who was seen in the last minutes.
    Now,
    /// Who was seen in the whole window.
    All,
    Pages,
    Sources,
    Countries,
}

impl Part {
    pub(crate) const ALL: [Self; 5] = [Self::Now, Self::All, Self::Pages, Self::Sources, Self::Countries];

    /// What the answer and the statement call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::All => "all",
            Self::Pages => "pages",
            Self::Sources => "sources",
            Self::Countries => "countries",
        }
    }

    /// What its groups are; none where it is one.
    pub(crate) fn by(self) -> Option<Dimension> {
        match self {
            Self::Now | Self::All => None,
            Self::Pages => Some(Dimension::EventPage),
            Self::Sources => Some(Dimension::Source),
            Self::Countries => Some(Dimension::Country),
        }
    }
}

/// Everybody who watches; shared by its clones.
#[derive(Clone)]
pub struct Live(Arc<Watching>);

struct Watching {
    /// A handful: most sites have one audience.
    audiences: Mutex<Vec<Audience>>,
    members: Arc<Semaphore>,
    public: Arc<Semaphore>,
    /// Ends every stream.
    end: CancellationToken,
}

struct Audience {
    /// As its readers may read it.
    site: Site,
    latest: watch::Sender<Latest>,
}

/// What an audience was told last.
#[derive(Clone)]
enum Latest {
    /// Its first answer is on the way.
    Nothing,
    /// The body of the answer.
    Answer(Bytes),
    /// There was none, which ends the audience.
    Lost(Error),
}

impl Default for Live {
    /// Streams that end with those who read them.
    fn default() -> Self {
        Self::new(CancellationToken::new())
    }
}

impl Live {
    /// Nobody watches yet. `end` ends all streams, so that a server which stops does not wait for those who watch.
    pub fn new(end: CancellationToken) -> Self {
        let places = || Arc::new(Semaphore::new(STREAMS_MAX));
        Self(Arc::new(Watching { audiences: Mutex::default(), members: places(), public: places(), end }))
    }

    fn audiences(&self) -> MutexGuard<'_, Vec<Audience>> {
        self.0.audiences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place among the streams, for as long as it is held.
    fn place(&self, reader: Reader) -> Result<OwnedSemaphorePermit> {
        let places = match reader {
            Reader::Member => &self.0.members,
            Reader::Public => &self.0.public,
        };
        places.clone().try_acquire_owned().map_err(|_| Error::TooManyWatch)
    }

    fn forget(&self, site: &Site) {
        self.audiences().retain(|audience| audience.site != *site);
    }

    /// Forgets an audience that nobody belongs to any more. Whoever joins it meanwhile waits for the lock.
    fn forgets_empty(&self, site: &Site) -> bool {
        let mut audiences = self.audiences();
        let is_empty = |audience: &Audience| audience.site == *site && audience.latest.receiver_count() == 0;
        let before = audiences.len();
        audiences.retain(|audience| !is_empty(audience));
        audiences.len() < before
    }
}

impl QueryState {
    /// The live view of a site, as the body of an answer.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn live_once(&self, site: &Site) -> Result<Response> {
        let answer = first(&mut self.watch(site)).await?;
        let json = HeaderValue::from_static("application/json");
        Ok(([(header::CONTENT_TYPE, json)], answer).into_response())
    }

    /// The live view as a stream of events, which ends when its reader may not read the site any more.
    ///
    /// # Errors
    /// When there are as many streams as there may be, or the store does not answer.
    pub(crate) async fn live_stream(&self, site: Site, headers: &HeaderMap) -> Result<Response> {
        let place = self.live.place(site.reader)?;
        let mut latest = self.watch(&site);
        let answer = first(&mut latest).await?;
        let (lines, sent) = mpsc::channel(1);
        let stream = Stream { state: self.clone(), credentials: credentials(headers), site, latest, lines };
        let running = AbortOnDropHandle::new(tokio::spawn(async move {
            let _place = place;
            stream.run(answer).await;
        }));
        let next = async |(mut sent, running): (mpsc::Receiver<Bytes>, AbortOnDropHandle<()>)| {
            let line = sent.recv().await?;
            Some((Ok::<_, Infallible>(line), (sent, running)))
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // nginx holds answers back unless it is told not to.
            (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        Ok((headers, Body::from_stream(stream::unfold((sent, running), next))).into_response())
    }

    /// Joins the audience that reads the site so, or makes it.
    fn watch(&self, site: &Site) -> watch::Receiver<Latest> {
        let mut audiences = self.live.audiences();
        if let Some(audience) = audiences.iter().find(|audience| audience.site == *site) {
            return audience.latest.subscribe();
        }
        let (latest, received) = watch::channel(Latest::Nothing);
        audiences.push(Audience { site: site.clone(), latest: latest.clone() });
        tokio::spawn(self.clone().tell(site.clone(), latest));
        received
    }

    /// Asks the store again and again, and tells an audience what is new, until nobody belongs to it.
    async fn tell(self, site: Site, latest: watch::Sender<Latest>) {
        loop {
            match self.look(&site).await {
                Ok(answer) => {
                    latest.send_if_modified(|told| {
                        let is_new = !matches!(told, Latest::Answer(before) if *before == answer);
                        *told = Latest::Answer(answer);
                        is_new
                    });
                }
                Err(error) => {
                    self.live.forget(&site);
                    latest.send_replace(Latest::Lost(error));
                    return;
                }
            }
            tokio::time::sleep(TURN).await;
            if self.live.forgets_empty(&site) {
                return;
            }
        }
    }

    async fn look(&self, site: &Site) -> Result<Bytes> {
        let now = (self.clock)();
        let report = window(site, now)?;
        let rows: Vec<ExplorationRow> = self.store.fetch(&sql::live(&report, now)).await?;
        Ok(Bytes::from(answer(&report, &rows).to_string()))
    }
}

/// The question of which the live view is made: about everything in the window that the reader may read.
pub(crate) fn window(site: &Site, now: Timestamp) -> Result<Report> {
    let ends = [now - WINDOW, now].map(|end| end.to_string());
    let question = json!({ "site_id": site.domain, "date_range": ends, "metrics": ["visitors"] });
    Report::resolve(&Request::parse(&question)?, site, now, None)
}

fn answer(report: &Report, rows: &[ExplorationRow]) -> Value {
    let of = |part: Part| {
        rows.iter().filter(move |row| row.groups.first().is_some_and(|name| name == part.name()))
    };
    // No row is nobody; a row without a number has too few to be told.
    let number = |part: Part, index: usize| of(part).next().map_or(json!(0), |row| count(row, index));
    let list = |part: Part| -> Value {
        of(part).map(|row| json!({ "name": name(report, part, row), "visitors": count(row, 0) })).collect()
    };
    let mut answer = json!({
        "visitors_now": number(Part::Now, 0),
        "visitors": number(Part::All, 0),
        "pageviews": number(Part::All, 1),
        "pages": list(Part::Pages),
        "sources": list(Part::Sources),
        "countries": list(Part::Countries),
    });
    if let Some(floor) = report.floor {
        answer["privacy_floor"] = json!({
            "visitors": floor.visitors,
            "reason": floor.reason.name(),
            "rows_folded": rows.iter().any(|row| row.is_folded == 1),
        });
    }
    answer
}

/// What a row is called; blanks as in a report.
fn name(report: &Report, part: Part, row: &ExplorationRow) -> String {
    match (explore::name(row, report.floor, 1), part.by()) {
        (text, Some(by)) if text.is_empty() => by.facts().blank.to_owned(),
        (text, _) => text,
    }
}

/// The first answer of an audience.
async fn first(latest: &mut watch::Receiver<Latest>) -> Result<Bytes> {
    let told = latest.wait_for(|told| !matches!(told, Latest::Nothing)).await;
    match told.map(|told| told.clone()) {
        Ok(Latest::Answer(answer)) => Ok(answer),
        Ok(Latest::Lost(error)) => Err(error),
        // Its task broke off, which was logged.
        Ok(Latest::Nothing) | Err(_) => {
            Err(Error::Unavailable(passant_store::Error::Retry { message: "the live view broke off".into() }))
        }
    }
}

/// Of what somebody sent, that by which they are known: a stream lasts, and nothing else of them has to.
fn credentials(headers: &HeaderMap) -> HeaderMap {
    let kept = [header::AUTHORIZATION, header::COOKIE];
    headers
        .iter()
        .filter(|(name, _)| kept.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// One who watches.
struct Stream {
    state: QueryState,
    credentials: HeaderMap,
    site: Site,
    latest: watch::Receiver<Latest>,
    lines: mpsc::Sender<Bytes>,
}

impl Stream {
    /// Sends until the reader goes or may not read any more, the store is lost, or the server ends.
    async fn run(mut self, answer: Bytes) {
        let (end, lines) = (self.state.live.0.end.clone(), self.lines.clone());
        tokio::select! {
            () = self.send(answer) => {}
            () = lines.closed() => {}
            () = end.cancelled() => {}
        }
    }

    async fn send(&mut self, answer: Bytes) {
        let mut line = Bytes::from([OPENING.as_bytes(), &event(&answer)].concat());
        while self.lines.send(line).await.is_ok() {
            let news = tokio::time::timeout(BEAT, self.latest.changed()).await.is_ok();
            let Ok(site) = self.state.access.site(&self.credentials, &self.site.domain) else { return };
            let moved = site != self.site;
            if moved {
                // Who may read more or less than before is of another audience now.
                self.latest = self.state.watch(&site);
                self.site = site;
            }
            if !news && !moved {
                line = Bytes::from_static(b":\n\n");
                continue;
            }
            let Ok(answer) = first(&mut self.latest).await else { return };
            line = event(&answer);
        }
    }
}

/// JSON has no line break in it, so it is one line of data.
fn event(answer: &Bytes) -> Bytes {
    [b"event: live\ndata: ".as_slice(), answer, b"\n\n"].concat().into()
}

#[cfg(test)]
mod tests;
