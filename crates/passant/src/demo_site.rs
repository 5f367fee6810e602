//! The demo: a site with 90 days of made-up visits, and a live trickle that comes in as real visits do.

mod definitions;

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use passant_control::{Control, NewToken, Scope, Site};
use passant_ingest::Importer;
use passant_store::{Batch, Statement, Store};
use tokio::sync::mpsc;

use crate::demo::{DemoHistory, DemoVisitor, LiveBeacon};
use crate::{events_file, progress};

/// The demo site's domain.
const DOMAIN: &str = "demo.example";

/// What the demo works on.
pub(crate) struct DemoSite {
    pub(crate) control: Arc<Control>,
    pub(crate) store: Store,
    /// Where the trickle is sent: this very server, through the front door.
    pub(crate) server: SocketAddr,
}

impl DemoSite {
    /// Fills the site if it is empty, says where to look, and visits it for ever.
    ///
    /// # Errors
    /// What the control data or the store says.
    pub(crate) async fn show(self, events: u64) -> Result<()> {
        let site = match self.control.site(DOMAIN) {
            Ok(site) => site,
            Err(passant_control::Error::UnknownSite(_)) => {
                let site = self.control.add_site(DOMAIN, "UTC", Timestamp::now())?;
                definitions::define(&self.control, &site, Timestamp::now())?;
                site
            }
            Err(error) => return Err(error.into()),
        };
        if self.is_empty(&site).await? {
            self.fill(&site, events).await?;
        }
        let token = self.control.create_token(&NewToken::new(Scope::StatsRead), Timestamp::now())?;
        let _ =
            writeln!(stdout(), "\nPassant is ready. Open http://{}/#token={token}\n", reachable(self.server));
        self.visit().await
    }

    async fn is_empty(&self, site: &Site) -> Result<bool> {
        let any = Statement::new(
            "/* demo: is there anything */ SELECT count() AS imported FROM events WHERE site_id = {site:UInt32} AND import_id > 0 LIMIT 1",
        )
        .param("site", site.id);
        Ok(self.store.fetch::<u64>(&any).await? == [0])
    }

    /// Makes the events on one core while the other stores them.
    async fn fill(&self, site: &Site, events: u64) -> Result<()> {
        let started = Instant::now();
        let end = Timestamp::now();
        let id = self.control.begin_import(site, end)?;
        let table = self.store.begin_import(id).await?;
        let mut importer =
            Importer::new(events_file::destination(site, (id, None))?).context("no randomness")?;
        let bar = progress::events(events, "making the demo site");
        let (full, mut batches) = mpsc::channel::<Batch>(2);
        let maker = tokio::task::spawn_blocking(move || {
            for record in DemoHistory::new(events, end) {
                if let Some(batch) = importer.record(record)
                    && full.blocking_send(batch).is_err()
                {
                    return;
                }
            }
            // The receiver is gone only when storing failed, and says so itself.
            let _ = full.blocking_send(importer.finish().0);
        });
        let mut stored = 0;
        while let Some(batch) = batches.recv().await {
            table.insert(&batch).await?;
            stored += batch.rows();
            bar.set_position(stored);
        }
        maker.await.context("making the demo events")?;
        table.commit().await?;
        bar.finish_and_clear();
        self.control.finish_import(id, stored, Timestamp::now())?;
        tracing::info!(events = stored, seconds = started.elapsed().as_secs_f32(), "the demo site is filled");
        Ok(())
    }

    async fn visit(&self) -> Result<()> {
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let uri: http::Uri = format!("http://{}/api/event", reachable(self.server)).parse()?;
        let mut visitor = DemoVisitor::new(Timestamp::now());
        loop {
            let LiveBeacon { delay, user_agent, accept_language, forwarded_for, body } = visitor.next();
            tokio::time::sleep(delay).await;
            let request = http::Request::post(&uri)
                .header(USER_AGENT, user_agent)
                .header(ACCEPT_LANGUAGE, accept_language)
                .header("x-forwarded-for", forwarded_for.to_string())
                .header(CONTENT_TYPE, "text/plain")
                .body(Full::new(Bytes::from(body)))?;
            // A trickle that is refused (a full spool, a drain) is no reason to stop.
            if let Err(error) = client.request(request).await {
                tracing::debug!(%error, "a demo beacon was not taken");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// An address that a browser on this machine can open.
fn reachable(server: SocketAddr) -> SocketAddr {
    let mut address = server;
    if server.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    address
}
