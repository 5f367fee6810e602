//! `passant serve`: everything in one process (and one child), or one half of it.
//!
//! Beacons are taken from the first moment on: the spool needs no store. Order of the end: not ready, stop accepting,
//! finish, last group commit, last batches if the store is quick, engine, exit. What was not shipped is durable.

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use axum::{Router, middleware};
use ipnet::IpNet;
use jiff::Timestamp;
use passant_control::Control;
use passant_ingest::{
    Collector, DayKeys, Metrics, Outlets, Pipeline, PrefixBits, Presence, Proxies, Shipper,
};
use passant_query::Live;
use passant_query::rollup::{self, Rollups};
use passant_spool::{Segments, Spool};
use passant_store::{AnswerSource, Endpoint, Store};
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::access::{self, ReportAccess};
use crate::accounts_api::{self, AccountsApi};
use crate::admin::{self, Health};
use crate::asset;
use crate::authority::Authority;
use crate::badge;
use crate::cli::{self, Place, Role};
use crate::config::{Config, Tracker};
use crate::continuity;
use crate::data_directory::{DataDirectory, runtime_file};
use crate::demo_site::DemoSite;
use crate::described::{self, Described};
use crate::embed;
use crate::engine_child::{EnginePlan, Words};
use crate::erase;
use crate::export_api;
use crate::ground;
use crate::oidc::Provider;
use crate::page;
use crate::public::{Clients, EVENT_PATH, Public};
use crate::retention;
use crate::same_origin;
use crate::script::Scripts;
use crate::security_headers;
use crate::server::{ConnectionMetrics, Limits, Server};
use crate::site_names;
use crate::sites_api::{self, SitesApi};
use crate::store_parts;
use crate::threads::ServingThreads;

/// Of the limit on open files, what is not for connections: the spool's next segment and the one that is shipped, a
/// few connections to the store, the control database's journal, the operator's own connections.
const SPARED_DESCRIPTORS: u64 = 16;
/// After the last request, how long batches that are under way may take to reach the store.
const LAST_BATCHES: Duration = Duration::from_secs(3);

/// What ends when; each later than the one before.
#[derive(Clone, Default)]
struct Ends {
    draining: Arc<AtomicBool>,
    public: CancellationToken,
    engine: CancellationToken,
    admin: CancellationToken,
}

/// The ingest half.
struct Ingest {
    collector: Arc<Collector>,
    spool: Spool,
    segments: Segments,
    presence: Arc<Presence>,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When something cannot be opened or bound, or the store needs a person.
pub(crate) async fn run(mut config: Config, place: Place, options: cli::Serve) -> Result<()> {
    config.serve.listen = options.listen.unwrap_or(config.serve.listen);
    config.serve.admin_listen = options.admin_listen.unwrap_or(config.serve.admin_listen);
    if options.demo {
        // The made-up visitors come from this machine and say where they would come from.
        config
            .ingest
            .trusted_proxies
            .extend([IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()].map(IpNet::from));
    }
    let data = DataDirectory::open(place.data_dir.as_deref().unwrap_or(&config.serve.data_dir))?;
    // Several processes that only report may share the data of the one that ingests.
    let _lock = if options.role == Role::Query { None } else { Some(data.hold()?) };
    let control = Arc::new(config.control.open(&data.control())?);
    let metrics = Arc::new(Metrics::new());
    let registry = metrics.registry().clone();
    register_build(&registry)?;
    raise_descriptor_limit();
    let ends = Ends::default();

    let mut ingest = None;
    if options.role != Role::Query {
        ingest = Some(Ingest::open(&config, &data, &control, &metrics)?);
    }
    let threads = ServingThreads::start().context("the listener's threads cannot start")?;
    let (public, admin) = bind(&config, &registry, &threads)?;
    if let Some(ingest) = &ingest {
        // HTTP/1 has one beacon under way for each connection.
        let connections = public.connections();
        ingest.spool.ask_for_appenders(move || usize::try_from(connections.get()).unwrap_or_default());
    }
    let (public_address, admin_address) = (public.address()?, admin.address()?);
    let store = Store::new(&endpoint(&config, &data)?, config.store.clone());

    let mut engine = watch_engine(engine_plan(&config, &data, &place, options.role), &registry, &ends)?;
    let body_deadline = Duration::from_secs(config.serve.header_deadline_seconds);
    let bounds = page::Bounds::new(metrics.clone(), body_deadline)?;
    tokio::spawn(store_parts::follow(store.clone(), store_parts::gauge(&registry)?));
    let base_url = accounts_api::base_url(&config.accounts, public_address);
    let authority = Authority {
        control: control.clone(),
        clock: ground::now,
        session_limits: config.accounts.session_limits(),
    };
    let provider = config.oidc.clone().filter(|_| options.role != Role::Ingest);
    let provider = provider.map(|oidc| Provider::open(oidc, &base_url)).transpose()?;
    let accounts =
        AccountsApi::new(authority, config.accounts.clone(), base_url.clone()).with_provider(provider);
    let served = Arc::new(Public {
        collector: ingest.as_ref().map(|ingest| ingest.collector.clone()),
        event_path: Some(config.tracker.event_path.clone()).filter(|path| path != EVENT_PATH),
        pages: asset::with_scripts(
            pages(
                options.role,
                &config.tracker,
                (&store, reading(&store, &config, &registry)?, Live::new(ends.public.clone())),
                accounts,
            ),
            Scripts::new(&config.tracker.script_path),
        )
        .layer(middleware::from_fn(same_origin::guarded))
        .layer(middleware::from_fn_with_state(bounds, page::bounded))
        .layer(middleware::from_fn(security_headers::added)),
        page_threads: Handle::current(),
        clients: Some(Clients {
            proxies: Proxies::new(&config.ingest)?,
            prefix_bits: PrefixBits::new(&config.ingest)?,
        }),
    });
    let stop_public = ends.public.clone();
    let public = threads
        .handle()
        .spawn(public.run(move |peer, request| served.clone().answer(peer, request), stop_public));
    let admin = serve_admin(admin, ingest.as_ref(), registry.clone(), &ends);
    let told_to_stop = told_to_stop()?;
    tracing::info!(public = %public_address, admin = %admin_address, data = %data.path().display(), "listening");
    if options.role != Role::Ingest {
        offer_setup(&control, &base_url)?;
    }

    let spool = ingest.as_ref().map(|ingest| ingest.spool.clone());
    let demo = options.demo.then(|| DemoSite { control, store: store.clone(), server: public_address });
    let mut work =
        tokio::spawn(store_work(store, ingest, metrics, demo.map(|demo| (demo, options.demo_events))));

    let mut outcome = Ok(());
    tokio::select! {
        () = told_to_stop => {}
        ended = &mut work => outcome = flattened(ended),
        ended = &mut engine => outcome = flattened(ended),
    }
    ends.draining.store(true, Ordering::Release);
    tracing::info!("draining");
    if outcome.is_ok() {
        tokio::time::sleep(Duration::from_secs(config.serve.drain_notice_seconds)).await;
    }
    ends.public.cancel();
    let _ = public.await;
    if let Some(spool) = spool {
        spool.close().await;
    }
    if !work.is_finished() && tokio::time::timeout(LAST_BATCHES, &mut work).await.is_err() {
        work.abort();
    }
    ends.engine.cancel();
    if !engine.is_finished() {
        let _ = engine.await;
    }
    ends.admin.cancel();
    let _ = admin.await;
    tracing::info!("stopped");
    outcome
}

impl Ingest {
    fn open(
        config: &Config,
        data: &DataDirectory,
        control: &Arc<Control>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self> {
        let foundation = ground::spool_foundation(metrics.clone());
        let (spool, segments) = Spool::open(&data.spool(), config.spool.clone(), foundation)?;
        let mut config = config.ingest.clone();
        config.country_database =
            runtime_file(config.country_database.as_deref(), "PASSANT_COUNTRY_DATABASE", "country.mmdb");
        let key_directory =
            config.key_directory.clone().unwrap_or_else(|| passant_ingest::default_directory(data.path()));
        let sites = passant_ingest::shared(access::sites_for_ingest(control)?);
        tokio::spawn(access::follow(control.clone(), sites.clone()));
        let pipeline = Pipeline::open(&config, sites, DayKeys::open(&key_directory, ground::now()))?;
        let presence = Arc::new(Presence::default());
        let outlets = Outlets { spool: spool.clone(), metrics: metrics.clone(), presence: presence.clone() };
        let collector = Arc::new(Collector::new(config, pipeline, outlets, Arc::new(ground::now))?);
        tokio::spawn({
            let collector = collector.clone();
            async move { collector.tend().await }
        });
        Ok(Self { collector, spool, segments, presence })
    }

    fn shipper(self, store: Store, metrics: Arc<Metrics>) -> Shipper {
        let oldest = self.spool.status().oldest_unsent.and_then(|since| Timestamp::try_from(since).ok());
        // A frame is queued for a moment before its segment is made.
        let oldest = oldest.unwrap_or_else(ground::now).as_second() - 60;
        let oldest_event = u32::try_from(oldest).unwrap_or_default();
        let observer = ground::ship_observer();
        Shipper { store, segments: self.segments, metrics, presence: self.presence, oldest_event, observer }
    }
}

fn register_build(registry: &Registry) -> Result<()> {
    let build = Opts::new("passant_build_info", "The version that runs.")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = IntGauge::with_opts(build)?;
    build.set(1);
    Ok(registry.register(Box::new(build))?)
}

/// Systems hand out 1,024 descriptors by default and allow far more; each connection is one.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

fn endpoint(config: &Config, data: &DataDirectory) -> Result<Endpoint> {
    Ok(match &config.store.url {
        Some(url) => Endpoint::from_url(url)?,
        None => Endpoint::Socket(data.engine_socket()),
    })
}

/// The embedded engine, unless a server is configured or another process of this data directory runs it.
fn engine_plan(config: &Config, data: &DataDirectory, place: &Place, role: Role) -> Option<EnginePlan> {
    if config.store.url.is_some() || (role == Role::Query && data.is_served()) {
        return None;
    }
    let plan = EnginePlan {
        socket: data.engine_socket(),
        data: data.store(),
        config: place.config.clone(),
        words: Words::Logged,
    };
    Some(plan)
}

fn watch_engine(
    plan: Option<EnginePlan>,
    registry: &Registry,
    ends: &Ends,
) -> Result<JoinHandle<Result<()>>> {
    let restarts =
        IntCounter::new("passant_engine_restarts_total", "Times that the engine had to be restarted.")?;
    registry.register(Box::new(restarts.clone()))?;
    Ok(match plan {
        Some(plan) => tokio::spawn(plan.run(restarts, ends.engine.clone())),
        None => {
            let end = ends.engine.clone();
            tokio::spawn(async move {
                end.cancelled().await;
                Ok(())
            })
        }
    })
}

/// The store as reports read it: within limits, and each answer once.
fn reading(store: &Store, config: &Config, registry: &Registry) -> Result<Store> {
    let opts =
        Opts::new("passant_query_answers_total", "Statements of reports, by where the answer came from.");
    let answers = IntCounterVec::new(opts, &["from"])?;
    registry.register(Box::new(answers.clone()))?;
    let [read, kept, joined] =
        ["store", "memory", "company"].map(|source| answers.with_label_values(&[source]));
    Ok(store.clone().for_reports(&config.query, move |source| match source {
        AnswerSource::Store => read.inc(),
        AnswerSource::Memory => kept.inc(),
        AnswerSource::Company => joined.inc(),
    }))
}

/// What the public listener shows, by role; the store for what is to be changed in it, as reports read it, and as it is
/// watched.
fn pages(
    role: Role,
    tracker: &Tracker,
    (store, reading, live): (&Store, Store, Live),
    accounts: AccountsApi,
) -> Router {
    if role == Role::Ingest {
        return Router::new();
    }
    let authority = accounts.authority().clone();
    let access = Arc::new(ReportAccess(authority.clone()));
    let rollups = Rollups::new(store.clone());
    tokio::spawn(roll_up(rollups.clone(), authority.control.clone()));
    let state = passant_query::QueryState { store: reading, rollups, access, live, clock: ground::now };
    let erase = Arc::new(Notify::new());
    tokio::spawn(erase::follow(authority.control.clone(), store.clone(), (erase.clone(), ground::now)));
    tokio::spawn(retention::follow(authority.control.clone(), store.clone(), ground::now));
    tokio::spawn(site_names::follow(authority.control.clone(), store.clone()));
    let tracker = Arc::new(tracker.clone());
    let sites = SitesApi { authority: authority.clone(), tracker, erase };
    asset::router()
        .merge(accounts_api::router(accounts))
        .merge(sites_api::router(sites))
        .merge(export_api::router(authority.clone(), store.clone()))
        .merge(badge::router(state.clone()))
        .merge(passant_query::router(state))
        .layer(middleware::from_fn_with_state(authority, embed::framed))
        .layer(middleware::from_fn_with_state(described(), described::only))
}

/// Every path of the APIs that is described.
fn described() -> Described {
    let reports = serde_json::to_value(passant_query::openapi()).unwrap_or_default();
    Described::of([&reports, &sites_api::description(), &accounts_api::description()])
}

/// Says how to become the first owner, while there is none. On standard output and not in the log, which is kept and
/// copied: the link is worth the whole installation.
fn offer_setup(control: &Control, base_url: &str) -> Result<()> {
    if let Some(secret) = control.setup_link()? {
        let link = accounts_api::setup_link(base_url, &secret);
        // Whoever does not listen is told again at the next start.
        let _ = writeln!(std::io::stdout(), "There is no owner yet. Become one at {link}");
    }
    Ok(())
}

/// Adds closed days up in the background, for ever.
async fn roll_up(rollups: Rollups, control: Arc<Control>) {
    let zones = move || match access::zones(&control) {
        Ok(zones) => Some(zones),
        Err(error) => {
            tracing::warn!(%error, "the sites cannot be read; days are rolled up later");
            None
        }
    };
    rollup::follow(rollups, zones, ground::now).await;
}

fn bind(config: &Config, registry: &Registry, threads: &ServingThreads) -> Result<(Server, Server)> {
    let states =
        IntGaugeVec::new(Opts::new("passant_http_connections", "Connections by state."), &["state"])?;
    let counter = |state: &str| -> Result<IntCounter> {
        let name = format!("passant_http_connections_{state}_total");
        let counter = IntCounter::new(name, format!("Connections {state}."))?;
        registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    };
    registry.register(Box::new(states.clone()))?;
    let metrics = ConnectionMetrics {
        open: states.with_label_values(&["open"]),
        serving: states.with_label_values(&["serving"]),
        refused: counter("refused")?,
        accept_errors: counter("failed")?,
    };
    let limits = Limits {
        connections: config.serve.connections,
        connections_per_prefix: config.serve.connections_per_prefix,
        proxies: config.ingest.trusted_proxies.clone(),
        spared_descriptors: SPARED_DESCRIPTORS,
        header_deadline: Duration::from_secs(config.serve.header_deadline_seconds),
        drain_deadline: Duration::from_secs(config.serve.drain_deadline_seconds),
    };
    let unregistered = |name: &str| IntCounter::new(name, "admin").context("a name without fault");
    let admin_metrics = ConnectionMetrics {
        open: IntGauge::new("admin_open", "admin")?,
        serving: IntGauge::new("admin_serving", "admin")?,
        refused: unregistered("admin_refused")?,
        accept_errors: unregistered("admin_failed")?,
    };
    // The operator still gets in when the public does not.
    let admin_limits = Limits { spared_descriptors: SPARED_DESCRIPTORS / 2, ..limits.clone() };
    let at = |address: SocketAddr, limits, metrics| {
        Server::bind(address, limits, metrics).with_context(|| format!("cannot listen on {address}"))
    };
    let admin = at(config.serve.admin_listen, admin_limits, admin_metrics)?;
    // A listener belongs to the threads among which it is bound.
    let _among = threads.handle().enter();
    Ok((at(config.serve.listen, limits, metrics)?, admin))
}

fn serve_admin(server: Server, ingest: Option<&Ingest>, registry: Registry, ends: &Ends) -> JoinHandle<()> {
    let health = Health { draining: ends.draining.clone(), spool: ingest.map(|ingest| ingest.spool.clone()) };
    let collector = ingest.map(|ingest| ingest.collector.clone());
    let refresh = Arc::new(move || {
        if let Some(collector) = &collector {
            collector.tend_once();
        }
    });
    let router = admin::router(health, registry, refresh);
    let pages = Arc::new(Public {
        collector: None,
        event_path: None,
        pages: router,
        page_threads: Handle::current(),
        clients: None,
    });
    tokio::spawn(server.run(move |peer, request| pages.clone().answer(peer, request), ends.admin.clone()))
}

/// All that waits for the store: its tables, then the events of the spool and, if asked for, the demo.
async fn store_work(
    store: Store,
    ingest: Option<Ingest>,
    metrics: Arc<Metrics>,
    demo: Option<(DemoSite, u64)>,
) -> Result<()> {
    migrated(&store).await?;
    let ship = async {
        match ingest {
            Some(ingest) => {
                continuity::tell(&store, &ingest.spool, ground::now()).await;
                Ok(ingest.shipper(store, metrics).run().await?)
            }
            None => std::future::pending().await,
        }
    };
    let show = async {
        match demo {
            Some((demo, events)) => demo.show(events).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = ship => outcome,
        outcome = show => outcome,
    }
}

async fn migrated(store: &Store) -> Result<()> {
    let mut attempt = 0;
    loop {
        match store.migrate().await {
            Ok(report) => {
                tracing::info!(applied = ?report.applied, "the store is ready");
                return Ok(());
            }
            Err(error) if error.is_passing() => {
                let wait = passant_store::Error::backoff(attempt);
                if wait > Duration::from_secs(2) {
                    tracing::warn!(%error, "the store does not answer yet; events wait in the spool");
                }
                attempt += 1;
                // The embedded engine answers within a second of its start.
                tokio::time::sleep(wait.min(Duration::from_secs(5))).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn flattened(ended: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    ended.unwrap_or_else(|stopped| Err(anyhow!("a part of the server ended unexpectedly: {stopped}")))
}

/// Comes when we are told to stop; whoever tells us from now on is heard.
fn told_to_stop() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("signals cannot be listened for");
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
