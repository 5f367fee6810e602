//! What the tests of this crate begin with: control data in a SQLite file, or, where the environment names a PostgreSQL
//! server, in a database of their own there. Every test holds on both.

use jiff::Timestamp;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::database::TABLES;
use crate::{Control, NewOwner, NewUser, Password, ServerUrl, Site, User};

/// Where the control data of one test are.
pub(crate) struct Ground {
    directory: TempDir,
    server: Option<ServerUrl>,
}

impl Ground {
    /// A place that holds nothing.
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("directory"), server: fresh_database() }
    }

    /// Opens it, again where it is open already.
    pub(crate) fn open(&self) -> Control {
        match &self.server {
            Some(url) => Control::connect(url).expect("connected"),
            None => Control::open(&self.directory.path().join("control.sqlite")).expect("opened"),
        }
    }

    /// Whether this is anywhere in what is kept.
    pub(crate) fn holds(&self, secret: &str) -> bool {
        if self.server.is_some() {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let rows = TABLES.iter().flat_map(|table| {
                let table = table.name;
                let sql = format!("SELECT CAST({table} AS TEXT) FROM {table}");
                self.open().read(|reader| reader.rows(&sql, &[])).expect("read")
            });
            let mut texts = rows.map(|row| row.get::<String>(0).expect("text"));
            return texts.any(|text| text.contains(secret) || text.contains(&hex));
        }
        let mut files = std::fs::read_dir(self.directory.path()).expect("list");
        files.any(|entry| {
            let bytes = std::fs::read(entry.expect("entry").path()).expect("read");
            bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
        })
    }
}

/// A database of its own on the server that `PASSANT_TEST_POSTGRES_URL` names, as `with-postgres` sets it.
pub(crate) fn fresh_database() -> Option<ServerUrl> {
    use std::sync::atomic::{AtomicU32, Ordering};

    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("PASSANT_TEST_POSTGRES_URL").ok()?;
    let name = format!("unit_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    run(&server, &format!("CREATE DATABASE {name}"));
    let (before, _) = server.rsplit_once('/').expect("a URL with a database");
    Some(ServerUrl::new(&format!("{before}/{name}")))
}

/// Runs SQL that is none of this crate's.
pub(crate) fn run(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (client, driver) = tokio_postgres::connect(url, NoTls).await.expect("connected");
        tokio::spawn(driver);
        client.batch_execute(sql).await.expect("done");
    });
}

/// Fresh control data with one site.
pub(crate) fn control_with_site() -> (Ground, Control, Site) {
    let ground = Ground::new();
    let control = ground.open();
    let site = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
    (ground, control, site)
}

/// A password that passes.
pub(crate) fn password() -> Password {
    Password::chosen("correct horse".into()).expect("long enough")
}

/// An owner with [`password`].
pub(crate) fn owner(control: &Control, email: &str) -> User {
    let secret = control.setup_link().expect("made").expect("no owner yet");
    let owner = NewOwner { email, name: "Ada", password: &password() };
    control.set_up(&secret, &owner, Timestamp::UNIX_EPOCH).expect("set up")
}

/// Somebody who was invited.
pub(crate) fn member(control: &Control, email: &str) -> User {
    let user = NewUser { email: email.into(), name: None, is_owner: false };
    control.add_user(&user, Timestamp::UNIX_EPOCH).expect("added")
}
