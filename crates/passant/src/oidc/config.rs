//! The `[oidc]` section: which provider, and what it decides.

use std::path::PathBuf;

use anyhow::{Context, Result};
use openidconnect::{ClientSecret, IssuerUrl};
use passant_control::Role;
use serde::{Deserialize, Deserializer};

/// A sign-in provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Its name for itself, under which `/.well-known/openid-configuration` is.
    pub(crate) issuer: IssuerUrl,
    /// What it calls us.
    pub(crate) client_id: String,
    /// What we prove that by; a public client has none.
    client_secret: Option<ClientSecret>,
    /// The same, in a file.
    client_secret_file: Option<PathBuf>,
    /// What the button says.
    #[serde(default = "default_label")]
    pub(crate) label: String,
    /// What is asked for besides `openid`.
    #[serde(default = "default_scopes")]
    pub(crate) scopes: Vec<String>,
    /// Domains of e-mail addresses that may sign in; any if there is none.
    #[serde(default)]
    pub(crate) allowed_domains: Vec<String>,
    /// Whether an account of the same verified address is theirs.
    #[serde(default)]
    pub(crate) join_by_email: bool,
    /// What becomes of people who have no account.
    #[serde(default)]
    pub(crate) unknown_people: UnknownPeople,
    /// The claim that lists somebody's groups.
    #[serde(default = "default_groups_claim")]
    pub(crate) groups_claim: String,
    /// What people are here. Where one names a group, the provider decides at each sign-in.
    #[serde(default)]
    pub(crate) roles: Vec<Grant>,
}

/// What becomes of people who have no account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownPeople {
    /// They do not get in.
    #[default]
    Refuse,
    /// They get one.
    Make,
}

/// A role that people get.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// Who is in this group; without, whoever is given an account.
    pub(crate) group: Option<String>,
    /// What they are.
    #[serde(deserialize_with = "role")]
    pub(crate) role: Role,
    /// On these sites; on every site if there is none.
    #[serde(default)]
    pub(crate) sites: Vec<String>,
}

/// A longer one does not fit a button.
const LABEL_CHARACTERS_MAX: usize = 40;

impl Config {
    /// What is wrong with the values, if anything is; `base_url` is where people reach the dashboard.
    ///
    /// # Errors
    /// The words to say about it.
    pub(crate) fn check(&self, base_url: Option<&str>) -> Result<(), String> {
        let issuer = self.issuer.url();
        if issuer.scheme() != "https" && !is_plain_loopback(issuer) {
            return Err(format!("oidc.issuer: {:?}, expected an https URL", issuer.as_str()));
        }
        if issuer.query().is_some() || issuer.fragment().is_some() || !issuer.username().is_empty() {
            return Err(format!("oidc.issuer: {:?}, expected a URL without ?, # and @", issuer.as_str()));
        }
        if base_url.is_none() {
            return Err("oidc: expected accounts.base_url, to which the provider sends people back".into());
        }
        if self.client_id.is_empty() {
            return Err("oidc.client_id: \"\", expected what the provider calls this client".into());
        }
        if self.client_secret.is_some() && self.client_secret_file.is_some() {
            return Err("oidc: expected client_secret or client_secret_file, and not both".into());
        }
        let label = &self.label;
        if label.trim().is_empty() || label.chars().count() > LABEL_CHARACTERS_MAX {
            return Err(format!("oidc.label: {label:?}, expected 1 to {LABEL_CHARACTERS_MAX} characters"));
        }
        if let Some(scope) = self.scopes.iter().find(|scope| scope.is_empty() || scope.contains(' ')) {
            return Err(format!("oidc.scopes: {scope:?}, expected one word each"));
        }
        if let Some(domain) = self.allowed_domains.iter().find(|domain| !is_domain(domain)) {
            return Err(format!("oidc.allowed_domains: {domain:?}, expected one like \"example.com\""));
        }
        let is_owner_of_sites = |grant: &Grant| grant.role == Role::Owner && !grant.sites.is_empty();
        if self.roles.iter().any(is_owner_of_sites) {
            return Err("oidc.roles: an owner is one of all sites, expected none named".into());
        }
        Ok(())
    }

    /// What we prove who we are by.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub(crate) fn secret(&self) -> Result<Option<ClientSecret>> {
        let Some(path) = &self.client_secret_file else { return Ok(self.client_secret.clone()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("oidc.client_secret_file: {}", path.display()))?;
        Ok(Some(ClientSecret::new(text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

/// A provider on this machine, for tests and trials: nobody is in between.
pub(super) fn is_plain_loopback(url: &openidconnect::url::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "http" && matches!(host, "127.0.0.1" | "[::1]" | "localhost")
}

fn is_domain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    text.contains('.') && text == text.to_lowercase() && text.chars().all(plain)
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn default_label() -> String {
    "single sign-on".into()
}

fn default_scopes() -> Vec<String> {
    vec!["email".into(), "profile".into()]
}

fn default_groups_claim() -> String {
    "groups".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "issuer = \"https://id.example.com\"\nclient_id = \"passant\"\n";

    fn check(more: &str) -> Result<(), String> {
        let config: Config = toml::from_str(&format!("{PLAIN}{more}")).map_err(|error| error.to_string())?;
        config.check(Some("https://stats.example.com"))
    }

    #[test]
    fn a_provider_needs_a_name_for_itself_and_one_for_us() {
        assert_eq!(check(""), Ok(()));
        let config: Config = toml::from_str(PLAIN).expect("valid");
        assert_eq!((config.unknown_people, config.join_by_email), (UnknownPeople::Refuse, false));
        assert!(config.check(None).expect_err("no way back").contains("accounts.base_url"));
        let from = |issuer: &str| {
            let text = format!("issuer = \"{issuer}\"\nclient_id = \"passant\"\n");
            toml::from_str::<Config>(&text).expect("a URL").check(Some("https://stats.example.com"))
        };
        for issuer in ["http://127.0.0.1:4444", "http://localhost", "https://id.example.com/realms/a"] {
            assert_eq!(from(issuer), Ok(()), "{issuer}");
        }
        for issuer in
            ["http://id.example.com", "http://127.0.0.1.evil.example", "https://id.example.com/?a=b"]
        {
            assert!(from(issuer).is_err(), "{issuer}");
        }
    }

    #[test]
    fn refuses_values_that_make_no_sense_and_says_what_was_expected() {
        for (more, words) in [
            ("label = \"\"", "oidc.label"),
            ("client_secret = \"a\"\nclient_secret_file = \"/b\"", "not both"),
            ("allowed_domains = [\"Example.com\"]", "oidc.allowed_domains"),
            ("scopes = [\"email profile\"]", "oidc.scopes"),
            ("unknown_people = \"viewer\"", "unknown variant"),
            ("roles = [{ role = \"king\" }]", "is not a role"),
            ("roles = [{ role = \"owner\", sites = [\"example.com\"] }]", "an owner is one of all sites"),
            ("secret = \"a\"", "unknown field"),
        ] {
            let refusal = check(more).expect_err(more);
            assert!(refusal.contains(words), "{more}: {refusal}");
        }
        assert_eq!(
            check("roles = [{ group = \"web\", role = \"admin\", sites = [\"example.com\"] }]"),
            Ok(())
        );
    }

    #[test]
    fn a_secret_is_not_shown() {
        let config: Config = toml::from_str(&format!("{PLAIN}client_secret = \"k3pt\"")).expect("valid");
        assert_eq!(config.secret().expect("read").expect("set").secret(), "k3pt");
        assert!(!format!("{config:?}").contains("k3pt"));
    }
}
