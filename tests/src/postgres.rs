//! A PostgreSQL server of the tests' own: a real one, in a temporary directory, on a socket in it, and over TLS if asked.

mod tls;

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use tempfile::TempDir;

use self::tls::Tls;
use crate::PATIENCE;

pub use self::tls::HOST;

/// Names the server that [`database_of_environment`] makes databases on.
pub const URL_VARIABLE: &str = "PASSANT_TEST_POSTGRES_URL";
/// Its owner's password: one that has to be escaped in a URL.
const PASSWORD: &str = "s3cret/of:tests@home";
const PASSWORD_IN_URL: &str = "s3cret%2Fof%3Atests%40home";

/// A server; stopped when dropped, and when this process ends however it ends.
pub struct PostgresServer {
    directory: TempDir,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    tls: Option<Tls>,
    running: Option<(Child, ChildStdin)>,
}

impl PostgresServer {
    /// Makes and starts one that is reached through its socket.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        let mut server = Self::initialised();
        server.run();
        server
    }

    /// Makes and starts one that takes nothing over TCP that is not encrypted.
    ///
    /// # Panics
    /// As [`Self::start`], and without OpenSSL.
    pub fn start_encrypted() -> Self {
        let mut server = Self::initialised();
        let tls = Tls::new(server.directory.path());
        for file in tls.files() {
            server.give_away(&file);
        }
        let socket_and_tls = "local all all scram-sha-256\nhostssl all all all scram-sha-256\n";
        std::fs::write(server.data().join("pg_hba.conf"), socket_and_tls).expect("written");
        server.tls = Some(tls);
        server.run();
        server
    }

    fn initialised() -> Self {
        let programs = programs().expect("PostgreSQL is not there: `make setup-test` installs it as root");
        let directory = tempfile::Builder::new().prefix("pg").tempdir().expect("directory");
        // It refuses to run as root.
        let owner = rustix::process::geteuid().is_root().then(unprivileged);
        let server = Self { directory, programs, owner, tls: None, running: None };
        server.give_away(server.directory.path());
        let password = server.directory.path().join("password");
        std::fs::write(&password, PASSWORD).expect("written");
        server.give_away(&password);
        let made = server
            .command("initdb")
            .args(["--no-sync", "--username=passant", "--auth=scram-sha-256", "--encoding=UTF8"])
            // An order of texts that is not that of their bytes, as most installations have one.
            .args(["--locale=C", "--locale-provider=icu", "--icu-locale=en"])
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata")
            .arg(server.data())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server
    }

    fn give_away(&self, file: &Path) {
        if let Some((user, group)) = self.owner {
            chown(file, Some(user), Some(group)).expect("given away");
        }
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn run(&mut self) {
        // The shell ends the server when its standard input ends, which is when we do.
        let script = r#""$@" & read -r _; kill -INT $!; wait"#;
        let mut command = self.command_of("sh");
        command.args(["-c", script, "sh"]).arg(self.programs.join("postgres")).arg("-D").arg(self.data());
        command.arg("-k").arg(self.directory.path());
        let tls = self.tls.as_ref().map(Tls::settings);
        for setting in tls.unwrap_or_else(|| vec!["listen_addresses=".into()]) {
            command.arg("-c").arg(setting);
        }
        for setting in [
            "fsync=off",
            "full_page_writes=off",
            "shared_buffers=16MB",
            "max_connections=300",
            "autovacuum=off",
        ] {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("postgres starts");
        let stdin = child.stdin.take().expect("piped");
        self.running = Some((child, stdin));
        let started = Instant::now();
        while !psql(&self.programs, &self.url("postgres"), "SELECT 1").is_ok_and(|output| output == "1") {
            assert!(started.elapsed() < PATIENCE, "PostgreSQL does not answer");
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }

    /// Stops it; every connection is ended.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&mut self) {
        let (mut child, stdin) = self.running.take().expect("it runs");
        drop(stdin);
        child.wait().expect("waited");
    }

    /// Makes a database, and returns its URL.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self) -> String {
        database_on(&self.programs, &self.url("postgres"))
    }

    /// What a statement gives, one line a row.
    ///
    /// # Panics
    /// When it fails.
    pub fn ask(&self, url: &str, sql: &str) -> String {
        psql(&self.programs, url, sql).expect("answered")
    }

    /// The URL of the database `postgres` over TCP, under a name, with more options.
    ///
    /// # Panics
    /// When it was not started so.
    pub fn tcp_url(&self, host: &str, options: &str) -> String {
        let (host, address) = self.tls.as_ref().expect("over TCP").place(host);
        format!("postgres://passant:{PASSWORD_IN_URL}@{host}/postgres?{address}{options}")
    }

    /// The certificate of the authority that signed its own.
    ///
    /// # Panics
    /// When it was not started so.
    pub fn authority(&self) -> PathBuf {
        self.tls.as_ref().expect("over TCP").authority()
    }

    /// Its URL with a database, through the socket.
    pub fn url(&self, database: &str) -> String {
        let directory = self.directory.path().to_str().expect("UTF-8").replace('/', "%2F");
        let port = self.tls.as_ref().map_or_else(String::new, |tls| format!(":{}", tls.port()));
        format!("postgres://passant:{PASSWORD_IN_URL}@{directory}{port}/{database}")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        self.command_of(self.programs.join(program))
    }

    fn command_of(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.stop();
        }
    }
}

/// A fresh database on the server that [`URL_VARIABLE`] names; `None` where it names none.
///
/// # Panics
/// When it cannot be made.
pub fn database_of_environment() -> Option<String> {
    let server = std::env::var(URL_VARIABLE).ok()?;
    Some(database_on(&programs().expect("psql is there"), &server))
}

fn database_on(programs: &Path, server: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    psql(programs, server, &format!("CREATE DATABASE {name}")).expect("a database");
    let (before, _) = server.rsplit_once('/').expect("a URL with a database");
    format!("{before}/{name}")
}

fn psql(programs: &Path, url: &str, sql: &str) -> Result<String, String> {
    let mut command = Command::new(programs.join("psql"));
    let output = command.args(["--no-psqlrc", "-qAt", "-c", sql, url]).output().expect("psql runs");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Where Debian puts the newest version's programs, which are not on the path.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut versions: Vec<u32> =
        versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    let programs = Path::new("/usr/lib/postgresql").join(versions.last()?.to_string()).join("bin");
    programs.join("postgres").exists().then_some(programs)
}

/// User and group of the package's own account.
fn unprivileged() -> (u32, u32) {
    let accounts = std::fs::read_to_string("/etc/passwd").expect("accounts");
    let found = accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.first() == Some(&"postgres")).then(|| (fields[2].parse(), fields[3].parse()))
    });
    match found {
        Some((Ok(user), Ok(group))) => (user, group),
        Some(_) | None => panic!("no account `postgres`, which Debian's package makes"),
    }
}
