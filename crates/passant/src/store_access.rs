//! A store for one command, whether or not a server is running on the data directory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use passant_store::{Endpoint, Store};
use tokio::process::Child;

use crate::config::Config;
use crate::data_directory::DataDirectory;
use crate::engine_child::{EnginePlan, NotYet, Words, stop_child};

/// How long a running server's engine is waited for when it is just being restarted.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store, and the engine that was started for it, if one was.
pub(crate) struct StoreAccess {
    pub(crate) store: Store,
    engine: Option<Child>,
}

impl StoreAccess {
    /// The server of the configuration; else the engine of a running server; else an engine of our own.
    ///
    /// # Errors
    /// When none of them answers.
    pub(crate) async fn open(
        config: &Config,
        data: &DataDirectory,
        config_file: Option<PathBuf>,
    ) -> Result<Self> {
        if let Some(url) = &config.store.url {
            let store = Store::new(&Endpoint::from_url(url)?, config.store.clone());
            store.ping().await?;
            return Self::migrated(store, None).await;
        }
        let running = Store::new(&Endpoint::Socket(data.engine_socket()), config.store.clone());
        let plan = EnginePlan {
            socket: data.command_socket(),
            data: data.store(),
            config: config_file,
            words: Words::Unheard,
        };
        let started = Instant::now();
        loop {
            if running.ping().await.is_ok() {
                return Self::migrated(running, None).await;
            }
            if data.is_served() && started.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            match plan.start().await {
                Ok(engine) => {
                    let store = Store::new(&Endpoint::Socket(plan.socket.clone()), config.store.clone());
                    return Self::migrated(store, Some(engine)).await;
                }
                // A server's engine that is just starting has the directory but no socket yet.
                Err(error) if !error.is::<NotYet>() || started.elapsed() > PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    async fn migrated(store: Store, engine: Option<Child>) -> Result<Self> {
        store.migrate().await?;
        Ok(Self { store, engine })
    }

    /// Stops the engine that was started for this command.
    pub(crate) async fn close(self) {
        if let Some(engine) = self.engine {
            stop_child(engine).await;
        }
    }
}
