//! Migrations: plain `.sql`, applied in order, under a lock, forward only.
//!
//! A file is never edited once released: its checksum stands in `schema_migrations`, and a store whose history differs
//! from ours is refused rather than guessed at. Slots are the engine family, `ON CLUSTER` and the database's name.

use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::Deserialize;

use crate::client::{Engine, Store};
use crate::error::{Error, Result};
use crate::statement::Statement;

/// One migration file.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Number in the file's name; also the order.
    pub version: u32,
    /// Name of the file without its number.
    pub name: &'static str,
    sql: &'static str,
}

/// What a run of the migrations did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Versions that were applied now.
    pub applied: Vec<u32>,
    /// Versions that had been applied before.
    pub already: Vec<u32>,
}

/// All migrations, in order: adding one is a file and a row here.
pub const fn migrations() -> &'static [Migration] {
    &[
        Migration { version: 1, name: "events", sql: include_str!("../migrations/0001_events.sql") },
        Migration { version: 2, name: "views", sql: include_str!("../migrations/0002_views.sql") },
        Migration { version: 3, name: "daily", sql: include_str!("../migrations/0003_daily.sql") },
        Migration {
            version: 4,
            name: "entry_page_index",
            sql: include_str!("../migrations/0004_entry_page_index.sql"),
        },
        Migration {
            version: 5,
            name: "daily_views",
            sql: include_str!("../migrations/0005_daily_views.sql"),
        },
        Migration {
            version: 6,
            name: "synced_merges",
            sql: include_str!("../migrations/0006_synced_merges.sql"),
        },
    ]
}

/// Another process that migrates is waited for this long, and a lock older than this is a dead one's.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const TABLE_ALREADY_EXISTS: u32 = 57;

#[derive(Row, Deserialize)]
struct Applied {
    version: u32,
    checksum: String,
}

impl Migration {
    fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }

    /// The statements of the file with the slots filled. A statement ends with `;` at the end of a line.
    fn statements(&self, store: &Store) -> Vec<String> {
        self.sql
            .replace("{database}", &format!("`{}`", store.database()))
            .replace("{on_cluster}", &on_cluster(store))
            .replace("{merge_tree}", merge_tree(store))
            .split(";\n")
            .map(str::trim)
            .filter(|statement| statement.lines().any(|line| !line.is_empty() && !line.starts_with("--")))
            .map(str::to_owned)
            .collect()
    }
}

impl Store {
    /// Brings the store's tables to this version.
    ///
    /// # Errors
    /// [`Error::Stop`] when a migration that was applied differs from ours, or the store is newer than we are.
    pub async fn migrate(&self) -> Result<MigrationReport> {
        self.prepare().await?;
        let report = self.compare().await?;
        if report.already.len() == migrations().len() {
            return Ok(report);
        }
        self.lock().await?;
        let outcome = self.migrate_locked().await;
        let unlocked =
            self.execute(&Statement::new(format!("DROP TABLE IF EXISTS {} SYNC", self.lock_table()))).await;
        let report = outcome?;
        unlocked?;
        Ok(report)
    }

    async fn prepare(&self) -> Result<()> {
        let database = self.database();
        let cluster = on_cluster(self);
        self.create_database(&format!(
            "CREATE DATABASE IF NOT EXISTS `{database}` {cluster} ENGINE = Atomic"
        ))
        .await?;
        self.execute(&Statement::new(format!(
            "CREATE TABLE IF NOT EXISTS `{database}`.schema_migrations {cluster} \
             (version UInt32, name String, checksum String, applied_at DateTime('UTC')) ENGINE = {} ORDER BY version",
            merge_tree(self)
        )))
        .await
    }

    fn lock_table(&self) -> String {
        format!("`{}`.schema_lock", self.database())
    }

    /// ClickHouse has no advisory lock; making a table is the one step that only one can take.
    async fn lock(&self) -> Result<()> {
        let started = Instant::now();
        let create =
            Statement::new(format!("CREATE TABLE {} (held UInt8) ENGINE = Memory", self.lock_table()));
        loop {
            match self.execute(&create).await {
                Err(Error::Refused { code: TABLE_ALREADY_EXISTS, .. }) => {}
                outcome => return outcome,
            }
            if started.elapsed() >= LOCK_PATIENCE {
                // A migration of empty tables takes well under a second: whoever held it this long is dead.
                self.execute(&Statement::new(format!("DROP TABLE IF EXISTS {} SYNC", self.lock_table())))
                    .await?;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn migrate_locked(&self) -> Result<MigrationReport> {
        // Again, because another may have migrated while we waited for the lock.
        let mut report = self.compare().await?;
        for migration in migrations().iter().filter(|ours| !report.already.contains(&ours.version)) {
            self.apply(migration).await?;
            report.applied.push(migration.version);
        }
        Ok(report)
    }

    /// What has been applied, if it is what we would have applied.
    async fn compare(&self) -> Result<MigrationReport> {
        let applied = self
            .fetch::<Applied>(&Statement::new(
                "/* store: migrations */ SELECT version, any(checksum) AS checksum FROM schema_migrations GROUP BY version ORDER BY version",
            ))
            .await?;
        if let Some(newer) =
            applied.iter().find(|row| !migrations().iter().any(|ours| ours.version == row.version))
        {
            return Err(Error::Stop {
                message: format!(
                    "the store's tables are at version {}, this passant knows {}: run the newer passant",
                    newer.version,
                    migrations().len()
                ),
            });
        }
        let mut report = MigrationReport::default();
        for migration in migrations() {
            match applied.iter().find(|row| row.version == migration.version) {
                Some(row) if row.checksum == migration.checksum() => report.already.push(migration.version),
                Some(_) => {
                    return Err(Error::Stop {
                        message: format!(
                            "migration {:04}_{} in the store differs from ours: it was edited after it was applied",
                            migration.version, migration.name
                        ),
                    });
                }
                None => {}
            }
        }
        Ok(report)
    }

    async fn apply(&self, migration: &Migration) -> Result<()> {
        for statement in migration.statements(self) {
            self.execute(&Statement::new(statement)).await?;
        }
        tracing::info!(version = migration.version, name = migration.name, "migration applied");
        self.execute(
            &Statement::new(
                "INSERT INTO schema_migrations SELECT {version:UInt32}, {name:String}, {checksum:String}, now('UTC')",
            )
            .param("version", migration.version)
            .param("name", migration.name)
            .param("checksum", migration.checksum()),
        )
        .await
    }
}

fn on_cluster(store: &Store) -> String {
    store
        .config()
        .cluster
        .as_ref()
        .map(|name| format!("ON CLUSTER `{}`", name.replace('`', "")))
        .unwrap_or_default()
}

fn merge_tree(store: &Store) -> &'static str {
    match store.config().engine {
        Engine::MergeTree => "MergeTree",
        Engine::Replicated => "ReplicatedMergeTree",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Config, Endpoint};

    #[test]
    fn fills_the_slots_for_a_cluster() {
        let config = Config { engine: Engine::Replicated, cluster: Some("main".into()), url: None };
        let store = Store::new(&Endpoint::from_url("http://db/analytics").expect("valid"), config);
        let statements = migrations()[0].statements(&store);
        assert_eq!(statements.len(), 1);
        assert!(statements[0].contains("`analytics`.events ON CLUSTER `main`"), "{}", statements[0]);
        assert!(statements[0].contains("ENGINE = ReplicatedMergeTree\n"), "{}", statements[0]);
    }

    #[test]
    fn versions_count_from_one() {
        for (index, migration) in migrations().iter().enumerate() {
            assert_eq!(migration.version as usize, index + 1);
        }
    }
}
