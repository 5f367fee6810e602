//! The command line: what can be said, with examples. What is done about it stands in `command`.

mod definition;
mod rollup;
mod site_settings;
mod user;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use passant_control::{SCRIPT_OPTIONS, ServerUrl};

pub(crate) use definition::{Annotation, Funnel, Goal, GoalAdd, GoalChange, Segment};
pub(crate) use rollup::Rollup;
pub(crate) use site_settings::SiteSettings;
pub(crate) use user::{NewUser, User};

/// Web analytics that keeps its privacy notice's word.
#[derive(Debug, Parser)]
#[command(
    name = "passant",
    version,
    max_term_width = 110,
    after_help = "\
Examples:
  passant serve --demo                          try it: a site with 90 days of made-up visits
  passant site add example.com --timezone Europe/Berlin
  passant serve --listen 0.0.0.0:8080           collect and report
  passant token create --scope stats:read       a token for the reports API
  passant export --site example.com --format events > events.ndjson"
)]
pub(crate) struct Arguments {
    /// Where the data is
    #[command(flatten)]
    pub(crate) place: Place,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// Directory of the data; made if it is not there
    #[arg(long, global = true, value_name = "DIR", env = "PASSANT_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Configuration file (TOML); everything has a default
    #[arg(long, global = true, value_name = "FILE", env = "PASSANT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Database of a PostgreSQL server with the sites, people and tokens, in the place of a file in the data
    /// directory: postgres://passant:PASSWORD@HOST/DATABASE. Others can see a command line: prefer the variable
    #[arg(long, global = true, value_name = "URL", env = "PASSANT_CONTROL_URL", hide_env_values = true, value_parser = server_url)]
    pub(crate) control_url: Option<ServerUrl>,
}

/// Any text, so that a wrong one is not shown.
fn server_url(text: &str) -> Result<ServerUrl, Infallible> {
    Ok(ServerUrl::new(text))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Collect beacons and answer reports
    #[command(after_help = "Examples:
  passant serve                                     on 127.0.0.1:8080, data in ./passant-data
  passant serve --listen 0.0.0.0:8080 --admin-listen 127.0.0.1:8081
  passant serve --demo --demo-events 200000         a smaller demo
  passant serve --role query --config /etc/passant/passant.toml")]
    Serve(Serve),
    /// Run the embedded engine alone (serve does this by itself)
    Engine(Engine),
    /// Add, list, change and remove sites
    #[command(subcommand)]
    Site(Site),
    /// Make, list and revoke tokens for the API
    #[command(subcommand)]
    Token(Token),
    /// Invite, list and remove people, and help those who are locked out
    #[command(subcommand)]
    User(User),
    /// Add, list and remove goals: what a site wants done
    #[command(subcommand)]
    Goal(Goal),
    /// Add, list and remove funnels: goals as steps
    #[command(subcommand)]
    Funnel(Funnel),
    /// Add, list and remove segments: filters under a name
    #[command(subcommand)]
    Segment(Segment),
    /// Add, list and remove annotations: what happened when
    #[command(subcommand)]
    Annotation(Annotation),
    /// Read events from a file into a site's reports
    #[command(after_help = "Examples:
  passant import --site example.com --format events events.ndjson
  zcat old.ndjson.gz | passant import --site example.com --format events -")]
    Import(Import),
    /// Write a site's events, as JSON or Parquet, to standard output
    Export(Export),
    /// Show and rebuild what is added up of closed days (serve does this by itself)
    #[command(subcommand)]
    Rollup(Rollup),
    /// Move the sites, people and tokens to another database
    #[command(subcommand)]
    Control(ControlData),
    /// Read the configuration, say what is wrong with it, and stop
    CheckConfig,
    /// Bring the store's tables to this version, and stop
    Migrate,
    /// Write a completion script for a shell to standard output
    #[command(after_help = "Example:
  passant completions bash > /etc/bash_completion.d/passant")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Address for beacons, the script, the reports API and the dashboard
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address for /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Which halves to run
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
    /// Make a site with 90 days of made-up visits, and keep visiting it
    #[arg(long)]
    pub(crate) demo: bool,
    /// Events that the demo site begins with
    #[arg(long, value_name = "N", default_value_t = 2_000_000, requires = "demo")]
    pub(crate) demo_events: u64,
}

/// Halves of the product; they never talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Both
    All,
    /// Beacons only
    Ingest,
    /// Reports only
    Query,
}

#[derive(Args, Debug)]
pub(crate) struct Engine {
    /// Unix socket to listen on
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// Directory of the engine's data
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Stop when this process, which started this one, ends
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Site {
    /// Add a site
    #[command(after_help = "Examples:
  passant site add example.com --timezone Europe/Berlin
  passant site add example.com --hostnames example.com,*.example.com --retention-months 13")]
    Add(SiteSettings),
    /// List the sites
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Remove a site and its events
    Remove {
        /// Its domain
        domain: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Change a site's settings
    #[command(after_help = "Examples:
  passant site set example.com --referrer page
  passant site set example.com --hostnames example.com,*.example.com --blocked-pages '/admin/*'
  passant site set example.com --privacy-floor 10 --retention-months 13")]
    Set(SiteSettings),
    /// Print the lines to paste into the site's pages
    #[command(after_help = "Examples:
  passant site snippet example.com --base-url https://stats.example.com
  passant site snippet example.com --script-options outbound-links,forms
  passant site snippet example.com --integrity      paste it anew after each update of Passant")]
    Snippet {
        /// Its domain
        domain: String,
        /// Where this server is reached by visitors
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
        base_url: String,
        /// What the script does besides, comma between them, instead of what is set for the site
        #[arg(long, value_name = "OPTIONS", value_delimiter = ',', value_parser = PossibleValuesParser::new(SCRIPT_OPTIONS))]
        script_options: Option<Vec<String>>,
        /// Pin the script of this version by its hash: browsers then refuse any other, a later version's too
        #[arg(long)]
        integrity: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, this once
    #[command(after_help = "Examples:
  passant token create --scope stats:read
  passant token create --scope sites:provision --name terraform --expires 2027-01-01
  passant token create --scope events:write --site example.com --name shop-backend
  TOKEN=$(passant token create --site example.com --scope stats:read)")]
    Create {
        /// The one site that it is for; all sites without
        #[arg(long, value_name = "DOMAIN")]
        site: Option<String>,
        /// What it allows: stats:read (reports), events:read (every single event), sites:provision (sites and what is
        /// defined for them) or events:write (events of visitors whom the sender names)
        #[arg(long)]
        scope: String,
        /// What tells it from others in the list
        #[arg(long, default_value = "")]
        name: String,
        /// From when on it allows nothing: a date (UTC) or an instant
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List the tokens, all but their text
    List {
        #[command(flatten)]
        output: Output,
    },
    /// End a token, from this moment on
    #[command(after_help = "Example:\n  passant token revoke 3")]
    Revoke {
        /// Its number in the list
        id: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ControlData {
    /// Copy them all into a database that holds none yet; stop the servers first
    #[command(after_help = "Examples:
  passant control copy --to-file /etc/passant/control.url     a file with the URL of a PostgreSQL database
  passant control copy --to postgres://passant@%2Frun%2Fpostgresql/passant
  PASSANT_CONTROL_URL=postgres://… passant control copy --to ./control.sqlite     and back into a file")]
    Copy {
        /// Where to: the URL of a PostgreSQL database, or the path of a new SQLite file
        #[arg(long, value_name = "URL|PATH", required_unless_present = "to_file")]
        to: Option<String>,
        /// A file that holds the URL: others can see a command line
        #[arg(long, value_name = "FILE", conflicts_with = "to")]
        to_file: Option<PathBuf>,
    },
}

/// How a list is written.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Write JSON, one object a line, as the Sites API has them
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The site
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) site: String,
    /// What the file holds
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// Count lines that cannot be read, and go on
    #[arg(long)]
    pub(crate) skip_bad_lines: bool,
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The site
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) site: String,
    /// What to write
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// One event a line, as JSON
    Events,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One event a line, as JSON
    Events,
    /// One event a row, as an Apache Parquet file
    Parquet,
}
