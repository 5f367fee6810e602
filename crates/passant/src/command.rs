//! What each command does.

mod control;
mod definition;
mod rollup;
mod user;

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use passant_control::{Control, FirstDay, Moment, NewToken};
use passant_engine::{Lifetime, Run};
use passant_ingest::LeftOut;
use serde_json::Value;

use crate::cli::{self, Arguments, Command, Place};
use crate::config::{Config, ConfigError, LogFormat};
use crate::data_directory::{DataDirectory, runtime_file};
use crate::engine_child::EXIT_IN_USE;
use crate::script::{Pin, SiteScript, Tag};
use crate::store_access::StoreAccess;
use crate::{core_dump, events_file, log, serve, view};

/// Runs a command to its end.
///
/// # Errors
/// Whatever is to be said on one line of standard error.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let Arguments { place, command } = arguments;
    if let Command::Completions { shell } = command {
        clap_complete::generate(shell, &mut Arguments::command(), "passant", &mut io::stdout());
        return Ok(());
    }
    core_dump::forbid()?;
    let mut config = Config::load(place.config.as_deref())?;
    // A blank variable is how a compose file leaves one out.
    if let Some(url) = place.control_url.as_ref().filter(|url| !url.is_blank()) {
        config = config.with_control(url.clone())?;
    }
    match command {
        Command::Serve(options) => {
            log::start(config.serve.log_format);
            runtime()?.block_on(serve::run(config, place, options))
        }
        Command::Engine(options) => engine(config, options),
        Command::CheckConfig => check_config(&config, &place),
        Command::Completions { .. } => Ok(()),
        Command::Site(cli::Site::Remove { domain, yes }) => {
            log::start_quiet();
            runtime()?.block_on(remove_site(&Session::open(config, place)?, &domain, yes))
        }
        Command::Site(command) => site(&Session::open(config, place)?, command),
        Command::Token(command) => token(&Session::open(config, place)?.control, command),
        Command::User(command) => {
            let session = Session::open(config, place)?;
            let (config, listener) = (&session.config.accounts, session.config.serve.listen);
            user::user(&session.control, &user::Links { config, listener }, command)
        }
        Command::Goal(command) => definition::goal(&Session::open(config, place)?.control, command),
        Command::Funnel(command) => definition::funnel(&Session::open(config, place)?.control, command),
        Command::Segment(command) => definition::segment(&Session::open(config, place)?.control, command),
        Command::Annotation(command) => {
            definition::annotation(&Session::open(config, place)?.control, command)
        }
        Command::Control(cli::ControlData::Copy { to, to_file }) => {
            control::copy(&Session::open(config, place)?.control, to, to_file)
        }
        Command::Import(options) => {
            log::start_quiet();
            runtime()?.block_on(import(&Session::open(config, place)?, &options))
        }
        Command::Export(options) => {
            log::start_quiet();
            runtime()?.block_on(export(&Session::open(config, place)?, &options))
        }
        Command::Rollup(command) => {
            log::start_quiet();
            runtime()?.block_on(rollup::run(&Session::open(config, place)?, command))
        }
        Command::Migrate => {
            log::start_quiet();
            runtime()?.block_on(migrate(&Session::open(config, place)?))
        }
    }
}

/// A command on one data directory.
struct Session {
    config: Config,
    place: Place,
    data: DataDirectory,
    control: Control,
}

impl Session {
    fn open(config: Config, place: Place) -> Result<Self> {
        let data = DataDirectory::open(place.data_dir.as_deref().unwrap_or(&config.serve.data_dir))?;
        let control = config.control.open(&data.control())?;
        Ok(Self { config, place, data, control })
    }

    async fn store(&self) -> Result<StoreAccess> {
        StoreAccess::open(&self.config, &self.data, self.place.config.clone()).await
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}

fn engine(config: Config, options: cli::Engine) -> Result<()> {
    if options.parent.is_some() {
        log::start_child();
    } else {
        log::start(LogFormat::Text);
    }
    let library = runtime_file(config.engine.library.as_deref(), "PASSANT_LIBCHDB", "libchdb.so")
        .context("libchdb.so is not there: run `make setup`, or name it by engine.library")?;
    let lifetime = options.parent.map_or(Lifetime::UntilStopped, Lifetime::OfParent);
    let run = Run { config: config.engine, socket: options.socket, data: options.data, library, lifetime };
    match passant_engine::run(run) {
        Ok(()) => Ok(()),
        // A predecessor that was killed may hold the data for a moment longer: libchdb's own lock says "open".
        Err(error @ (passant_engine::Error::DataInUse { .. } | passant_engine::Error::Open { .. })) => {
            tracing::error!("{error}");
            std::process::exit(i32::from(EXIT_IN_USE));
        }
        Err(error @ passant_engine::Error::Config(_)) => Err(ConfigError(error.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}

fn check_config(config: &Config, place: &Place) -> Result<()> {
    let library = runtime_file(config.engine.library.as_deref(), "PASSANT_LIBCHDB", "libchdb.so");
    if config.store.url.is_none() && !library.as_ref().is_some_and(|path| path.exists()) {
        return Err(ConfigError(
            "libchdb.so is not there: run `make setup`, name it by engine.library, or set store.url".into(),
        )
        .into());
    }
    match &place.config {
        Some(path) => say(&format!("{}: no fault found", path.display())),
        None => say("no configuration file named: the defaults hold, and no fault was found"),
    }
}

fn site(session: &Session, command: cli::Site) -> Result<()> {
    let control = &session.control;
    match command {
        cli::Site::Add(cli::SiteSettings { domain, settings }) => {
            let site = control.add_site_with(&domain, &settings, Timestamp::now())?;
            say(&format!("added {} ({})", site.domain, site.timezone))
        }
        cli::Site::List { output } => list(&output, &control.sites()?, view::site, |site| {
            vec![site.domain.clone(), site.timezone.clone()]
        }),
        cli::Site::Set(options) => set_site(control, &options),
        cli::Site::Snippet { domain, base_url, script_options, integrity } => {
            let site = control.site(&domain)?;
            let options = script_options.as_ref().unwrap_or(&site.script_options);
            let script = SiteScript { paths: &session.config.tracker, options };
            let pin = if integrity { Pin::ToThisVersion } else { Pin::None };
            let tag = Tag { domain: &site.domain, base_url: &base_url, script, pin };
            say(&tag.to_string())
        }
        // Needs the store, so it is run elsewhere.
        cli::Site::Remove { .. } => Ok(()),
    }
}

fn set_site(control: &Control, options: &cli::SiteSettings) -> Result<()> {
    if options.settings.is_empty() {
        bail!("nothing to set; `passant site set --help` shows the settings");
    }
    let site = control.set_site(&options.domain, &options.settings)?;
    say(&format!("changed {}", site.domain))
}

async fn remove_site(session: &Session, domain: &str, yes: bool) -> Result<()> {
    let site = session.control.site(domain)?;
    if !yes && !confirmed(&format!("Remove {} and all of its events?", site.domain))? {
        bail!("nothing was removed; say --yes to remove without being asked");
    }
    let access = session.store().await?;
    // First the site, so that nothing new comes in, then its events; a running server erases what is still on its way.
    session.control.remove_site(domain)?;
    let deleted = access.store.delete_site(site.id).await;
    access.close().await;
    deleted?;
    say(&format!("removed {}", site.domain))
}

fn confirmed(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn token(control: &Control, command: cli::Token) -> Result<()> {
    match command {
        cli::Token::Create { site, scope, name, expires } => {
            let scope = scope.parse()?;
            let site = site.map(|domain| control.site(&domain)).transpose()?;
            let expires_at = expires.map(|text| instant(&text)).transpose()?;
            let token = NewToken { scope, site: site.as_ref(), name, expires_at };
            say(&control.create_token(&token, Timestamp::now())?)
        }
        cli::Token::List { output } => list(&output, &control.tokens()?, view::token, |token| {
            let end = token.expires_at.map_or_else(|| "no end".to_owned(), |end| format!("until {end}"));
            let site = token.domain.as_deref().unwrap_or("all sites");
            vec![
                token.id.to_string(),
                token.scope.as_str().to_owned(),
                site.to_owned(),
                end,
                token.name.clone(),
            ]
        }),
        cli::Token::Revoke { id } => {
            control.revoke_token(id)?;
            say(&format!("revoked {id}"))
        }
    }
}

/// An instant, or the beginning of a date in UTC.
fn instant(text: &str) -> Result<Timestamp> {
    Ok(match text.parse()? {
        Moment::Instant(instant) => instant,
        Moment::Date(date) => TimeZone::UTC.to_timestamp(date.into())?,
    })
}

/// Writes a list: in columns for people, or one JSON object a line for programs.
fn list<T>(
    output: &cli::Output,
    rows: &[T],
    view: impl Fn(&T) -> Value,
    cells: impl Fn(&T) -> Vec<String>,
) -> Result<()> {
    if output.json {
        return rows.iter().try_for_each(|row| say(&view(row).to_string()));
    }
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().try_for_each(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        say(cells.collect::<Vec<_>>().join("  ").trim_end())
    })
}

async fn import(session: &Session, options: &cli::Import) -> Result<()> {
    let cli::Format::Events = options.format;
    // Before an engine is started for nothing.
    session.control.site(&options.site)?;
    let access = session.store().await?;
    let imported = events_file::import(&access.store, &session.control, options).await;
    access.close().await;
    let imported = imported?;
    let mut line = format!("imported {} events", imported.events);
    if imported.bad_lines > 0 {
        line += &format!(", skipped {} bad lines", imported.bad_lines);
    }
    let LeftOut { without_visit, past_retention } = imported.left_out;
    if without_visit > 0 {
        line += &format!(", dropped {without_visit} engagement events without a visit");
    }
    if let Some(FirstDay { date, .. }) = imported.first_day.filter(|_| past_retention > 0) {
        line += &format!(", left out {past_retention} of before {date}, which the site does not keep");
    }
    say(&line)
}

async fn export(session: &Session, options: &cli::Export) -> Result<()> {
    let site = session.control.site(&options.site)?;
    let access = session.store().await?;
    let exported = events_file::export(&access.store, &site, options.format).await;
    access.close().await;
    exported
}

async fn migrate(session: &Session) -> Result<()> {
    let access = session.store().await?;
    let report = access.store.migrate().await;
    access.close().await;
    let report = report?;
    say(&format!(
        "the store is at version {}",
        report.already.last().or(report.applied.last()).copied().unwrap_or(0)
    ))
}
