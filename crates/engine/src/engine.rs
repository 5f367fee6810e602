//! The engine's life: open the data, start the threads, serve, drain, close.
//!
//! Invariant: the socket exists only while statements can be served, so a client that connects finds an engine
//! that is ready.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
    sync::{Semaphore, mpsc, watch},
    time::timeout,
};
use tracing::{debug, info, warn};

use crate::{
    DATABASE, Error, Run,
    access::Denied,
    auth::Credentials,
    data_dir::{self, DataDir},
    failed_write,
    ffi::{Call, Connection, Library},
    front::{Front, Peer},
    lifetime::Ending,
    queue::Queue,
    response::Identity,
    run_state::{CONNECTION_SETTING, Running},
    server::{self, Listener},
    worker::{Opening, Worker},
};

/// How often a statement that did not end yet is killed again: it may not have been registered the first time.
const KILL_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait for threads that are inside of libchdb when the engine stops.
const CLOSE_TIME: Duration = Duration::from_secs(3);
/// Threads of the front. They parse, pack and copy; libchdb has threads of its own.
const FRONT_THREADS: usize = 2;

/// Serves the data directory until the engine is told to stop.
///
/// It blocks, and builds its own runtime: do not call it inside of one. A process calls it once, and should exit
/// soon after it returns.
///
/// # Errors
/// [`Error`] says why the engine did not start. Stopping is not an error.
pub fn run(run: Run) -> Result<(), Error> {
    run.config.validate()?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(FRONT_THREADS)
        .thread_name("engine-front")
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    let served = runtime.block_on(serve(run));
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve(run: Run) -> Result<(), Error> {
    let begun = Instant::now();
    let mut ending = Ending::of(run.lifetime)?;
    let data = DataDir::lock(&run.data)?;
    // Bound before the data are opened: a port that is taken is found out at once.
    let tcp = match &run.config.tcp {
        None => None,
        Some(tcp) => {
            let listen = |source| Error::Listen { listen: tcp.listen, source };
            let credentials = Credentials::new(tcp.user.clone(), tcp.password.reveal().to_owned());
            Some((TcpListener::bind(tcp.listen).await.map_err(listen)?, Arc::new(credentials)))
        }
    };
    let (alive, mut ended) = mpsc::channel::<()>(1);
    let opening = tokio::task::spawn_blocking({
        let (run, data, alive) = (run.clone(), data.path().to_owned(), alive.clone());
        move || open(&run, data, Handle::current(), alive)
    });
    let Opened { library, front } = tokio::select! {
        opened = opening => opened.map_err(|error| Error::Start(std::io::Error::other(error)))??,
        why = ending.wait() => {
            info!(why, "the engine stops before it was ready");
            return Ok(());
        }
    };
    drop(alive);
    let front = Arc::new(front);
    let (stop, stopping) = watch::channel(false);
    let mut listeners = tokio::task::JoinSet::new();
    let socket = Listener::Unix(data_dir::listen(&run.socket)?);
    listeners.spawn(server::serve(socket, Peer::Owner, front.clone(), stopping.clone()));
    if let Some((listener, credentials)) = tcp {
        let peer = Peer::Reader(credentials);
        listeners.spawn(server::serve(Listener::Tcp(listener), peer, front.clone(), stopping));
    }
    info!(
        socket = %run.socket.display(),
        data = %data.path().display(),
        libchdb = library.version(),
        start_milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "the engine is ready"
    );
    let why = ending.wait().await;
    info!(why, "the engine stops");
    stop.send_replace(true);
    // A missing socket tells clients at once what a refused connection would.
    if let Err(error) = std::fs::remove_file(&run.socket) {
        debug!(%error, "the socket was gone already");
    }
    listeners.join_all().await;
    front.readers.close();
    front.writers.close();
    // The last sender of kills goes with the front, which ends the control thread.
    drop(front);
    if timeout(CLOSE_TIME, ended.recv()).await.is_err() {
        warn!("libchdb is still busy; leaving it behind");
    } else if !library.shutdown() {
        debug!("libchdb left some of its threads to the exit of the process");
    }
    info!("the engine has stopped");
    Ok(())
}

/// An engine whose threads run.
struct Opened {
    library: &'static Library,
    front: Front,
}

/// Opens the data and starts the threads. Runs on a thread that may block.
fn open(
    run: &Run,
    data: std::path::PathBuf,
    runtime: Handle,
    alive: mpsc::Sender<()>,
) -> Result<Opened, Error> {
    let refused = |reason| Error::Open { data: data.clone(), reason };
    let library = Library::load(&run.library)
        .map_err(|reason| Error::Library { library: run.library.clone(), reason })?;
    failed_write::ends_the_process(&data).map_err(refused)?;
    let mut options = vec![format!("--path={}", data.display())];
    options.extend(run.config.server_options());
    let mut control = library.connect(&options).map_err(refused)?;
    let (denied, identity) = prepare(&mut control).map_err(refused)?;
    let (kill, killed) = mpsc::unbounded_channel();
    spawn("engine-control", alive.clone(), {
        let runtime = runtime.clone();
        move || watch_kills(control, killed, &runtime)
    })?;
    let start = |name: &str, count: usize, extra: Option<(&'static str, String)>| {
        let mut settings = run.config.connection_settings();
        settings.extend(extra);
        let queue = Arc::new(Queue::new(run.config.queue_statements));
        let opening = Opening {
            library,
            options: options.clone(),
            settings,
            database: DATABASE.to_owned(),
            denied: denied.clone(),
            limits: run.config.limits(),
        };
        for number in 0..count {
            let worker = Worker::open(opening.clone(), runtime.clone()).map_err(refused)?;
            let queue = queue.clone();
            spawn(&format!("engine-{name}-{number}"), alive.clone(), move || worker.serve(&queue))?;
        }
        Ok::<_, Error>(queue)
    };
    let front = Front {
        readers: start("read", run.config.readers, Some(("readonly", "2".to_owned())))?,
        writers: start("write", run.config.writers, None)?,
        kill,
        identity,
        limits: run.config.limits(),
        collected_bytes: run.config.collected_bytes(),
        database: DATABASE,
        guests: Arc::new(Semaphore::new(run.config.readers.saturating_sub(1).max(1))),
    };
    Ok(Opened { library, front })
}

/// Makes the database, and closes the way to the file system that libchdb's own default database is.
fn prepare(control: &mut Connection) -> Result<(Arc<Denied>, Identity), String> {
    let mut ask = |sql: &str| {
        let answer = control.query(Call { sql, format: "TabSeparatedRaw", parameters: &[] })?;
        Ok::<_, String>(String::from_utf8_lossy(&answer.bytes).trim_end().to_owned())
    };
    // It would take a path of any file for a table's name. A plain one must stand in its place, because
    // connections begin in it.
    ask("DROP DATABASE IF EXISTS default")?;
    ask("CREATE DATABASE default ENGINE = Memory")?;
    ask(&format!("CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic"))?;
    let version = ask("SELECT version()")?;
    Ok((Arc::new(Denied::load(control)?), Identity { version, timezone: "UTC".to_owned() }))
}

/// Kills statements whose clients went away. Its connection stays open as long as the engine lives.
fn watch_kills(mut control: Connection, mut killed: mpsc::UnboundedReceiver<Arc<Running>>, runtime: &Handle) {
    let mut pending: Vec<Arc<Running>> = Vec::new();
    loop {
        let next = if pending.is_empty() {
            Ok(killed.blocking_recv())
        } else {
            runtime.block_on(async { timeout(KILL_AGAIN, killed.recv()).await })
        };
        match next {
            Ok(Some(running)) => pending.push(running),
            Ok(None) => return,
            Err(_) => {}
        }
        pending.retain(|running| !running.is_finished());
        for running in &pending {
            running.kill(|connection| {
                // SYNC would wait for a statement that may wait for this very engine.
                let sql = format!(
                    "KILL QUERY WHERE endsWith(query, '{marker}') OR Settings['{CONNECTION_SETTING}'] = '{connection}' ASYNC",
                    marker = running.marker(),
                );
                if let Err(reason) = control.query(Call { sql: &sql, format: "Null", parameters: &[] }) {
                    warn!(reason, "could not kill a statement");
                }
            });
        }
    }
}

fn spawn(name: &str, alive: mpsc::Sender<()>, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let work = move || {
        work();
        drop(alive);
    };
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(Error::Start)
}
