//! The options of `passant site add` and `set`: one for each row of the table of settings.
//!
//! Invariant: nothing here knows a setting by name.

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use passant_control::{SETTINGS, Setting};

/// A site, and what is said of its settings.
#[derive(Debug)]
pub(crate) struct SiteSettings {
    pub(crate) domain: String,
    pub(crate) settings: Vec<(Setting, String)>,
}

impl Args for SiteSettings {
    fn augment_args(command: Command) -> Command {
        let domain = Arg::new("domain").value_name("DOMAIN").required(true).help("Its domain");
        SETTINGS.iter().fold(command.arg(domain), |command, facts| {
            let option = Arg::new(facts.name).long(facts.option);
            let default = if facts.default.is_empty() { "none" } else { facts.default };
            let help = format!("{} [default: {default}]", facts.help);
            command.arg(option.value_name(facts.placeholder).help(help))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SiteSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let domain = text("domain").unwrap_or_default();
        let settings = SETTINGS.iter().filter_map(|facts| Some((facts.setting, text(facts.name)?))).collect();
        Ok(Self { domain, settings })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
