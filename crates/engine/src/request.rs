//! What an HTTP request asks for, apart from its body.
//!
//! Invariant: any URL and any headers parse or are refused with an exception; nothing panics and nothing is guessed.
//! Values stay as they came: they reach SQL only as `{name:Type}` parameters or checked settings.

use http::{HeaderMap, Method, Uri, header};

use crate::{
    exception::{Exception, Kind},
    job::Expectation,
    settings::{self, Limits, Setting},
};

/// Most bytes of a query id.
const QUERY_ID_BYTES: usize = 128;

/// A request as parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ask {
    /// SQL of the URL or of a form; the body may continue it.
    pub(crate) query: String,
    /// Values of `{name:Type}`.
    pub(crate) parameters: Vec<(String, String)>,
    /// Settings of this request.
    pub(crate) settings: Vec<Setting>,
    /// Database that unqualified names mean.
    pub(crate) database: Option<String>,
    /// Format unless the statement names one.
    pub(crate) format: Option<String>,
    /// The caller's name for the statement.
    pub(crate) query_id: Option<String>,
    /// When the response begins.
    pub(crate) reply: ReplyTime,
    /// How the request's body is packed.
    pub(crate) upload: Packing,
    /// How the response's body is to be packed.
    pub(crate) download: Packing,
    /// How many rows an INSERT carries.
    pub(crate) expected: Expected,
    /// User and password of the URL.
    pub(crate) login: Login,
}

/// When the response begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReplyTime {
    /// As soon as there is something to send.
    #[default]
    Early,
    /// When the statement has ended.
    AtEnd,
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As it is.
    #[default]
    Plain,
    /// In ClickHouse's compressed blocks.
    Blocks,
}

/// How many rows an INSERT carries, by the caller's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected(pub(crate) Option<u64>);

impl From<Expected> for Expectation {
    fn from(Expected(rows): Expected) -> Self {
        rows.map_or(Self::Unstated, Self::Rows)
    }
}

/// User and password, if given. No Debug of the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    /// The name.
    pub(crate) user: Option<String>,
    /// The secret.
    pub(crate) password: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Ask {
    /// Parses URL and headers.
    ///
    /// # Errors
    /// UNKNOWN_SETTING and BAD_ARGUMENTS; NOT_IMPLEMENTED for bodies with a Content-Encoding.
    pub(crate) fn parse(uri: &Uri, headers: &HeaderMap, limits: Limits) -> Result<Self, Exception> {
        let mut ask = Self::default();
        if let Some(encoding) = text(headers, header::CONTENT_ENCODING.as_str())
            && !encoding.eq_ignore_ascii_case("identity")
        {
            return Err(Exception::new(
                Kind::NotImplemented,
                format_args!("Content-Encoding {} is not supported: use decompress=1", shown(encoding)),
            ));
        }
        ask.database = text(headers, "x-clickhouse-database").map(str::to_owned);
        ask.format = text(headers, "x-clickhouse-format").map(str::to_owned);
        ask.login.user = text(headers, "x-clickhouse-user").map(str::to_owned);
        ask.login.password = text(headers, "x-clickhouse-key").map(str::to_owned);
        if let Some(rows) = text(headers, "x-passant-rows") {
            let rows = rows.parse().map_err(|_| {
                Exception::new(
                    Kind::BadArguments,
                    format_args!("x-passant-rows {} is not a number", shown(rows)),
                )
            })?;
            ask.expected = Expected(Some(rows));
        }
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            ask.take(&name, value.into_owned(), limits)?;
        }
        Ok(ask)
    }

    /// Takes one named value of the URL or of a form.
    ///
    /// # Errors
    /// As [`Ask::parse`].
    pub(crate) fn take(&mut self, name: &str, value: String, limits: Limits) -> Result<(), Exception> {
        if let Some(parameter) = name.strip_prefix("param_") {
            self.parameters.push((parameter.to_owned(), value));
            return Ok(());
        }
        match name {
            "query" => self.query = value,
            "database" if value.is_empty() => {}
            "database" => self.database = Some(value),
            "default_format" => self.format = Some(value),
            "query_id" => self.query_id = Some(query_id(value)?),
            "user" => self.login.user = Some(value),
            "password" => self.login.password = Some(value),
            "wait_end_of_query" => {
                self.reply = if flag(name, &value)? { ReplyTime::AtEnd } else { ReplyTime::Early };
            }
            "decompress" => self.upload = packing(flag(name, &value)?),
            "compress" => self.download = packing(flag(name, &value)?),
            _ => self.settings.extend(settings::admit(name, &value, limits)?),
        }
        Ok(())
    }
}

/// Whether a request may change something at all: GET may not, as with ClickHouse.
pub(crate) fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn packing(blocks: impl Into<bool>) -> Packing {
    if blocks.into() { Packing::Blocks } else { Packing::Plain }
}

fn flag(name: &str, value: &str) -> Result<bool, Exception> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" | "" => Ok(false),
        other => Err(Exception::new(
            Kind::BadArguments,
            format_args!("{name} {} is neither 0 nor 1", shown(other)),
        )),
    }
}

fn query_id(value: String) -> Result<String, Exception> {
    // It goes back in a header.
    if value.len() <= QUERY_ID_BYTES && value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        Ok(value)
    } else {
        Err(Exception::new(
            Kind::BadArguments,
            format_args!(
                "query_id {} is not printable ASCII of at most {QUERY_ID_BYTES} bytes",
                shown(&value)
            ),
        ))
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
}

/// A client's value, fit to be shown in a message.
fn shown(value: &str) -> String {
    let short: String = value.chars().take(64).filter(|c| !c.is_control()).collect();
    format!("'{short}'")
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { statement_seconds: 60, statement_memory_bytes: 1_000_000 };

    fn parse(uri: &str) -> Result<Ask, Exception> {
        Ask::parse(&uri.parse().unwrap(), &HeaderMap::new(), LIMITS)
    }

    #[test]
    fn parses_what_clients_send() {
        let ask = parse("/?query=SELECT+%7Ba%3AString%7D&param_a=x%0Ay&database=d&default_format=CSV&max_threads=1&compress=1&wait_end_of_query=1").unwrap();
        assert_eq!(ask.query, "SELECT {a:String}");
        assert_eq!(ask.parameters, [("a".to_owned(), "x\ny".to_owned())]);
        assert_eq!((ask.database.as_deref(), ask.format.as_deref()), (Some("d"), Some("CSV")));
        assert_eq!(
            (ask.upload, ask.download, ask.reply),
            (Packing::Plain, Packing::Blocks, ReplyTime::AtEnd)
        );
        assert_eq!(ask.settings.len(), 1);
    }

    #[test]
    fn refuses_unknown_settings_and_bad_flags() {
        assert_eq!(parse("/?no_such=1").unwrap_err().code(), 115);
        assert_eq!(parse("/?compress=maybe").unwrap_err().code(), 36);
        assert_eq!(parse("/?query_id=a%0Ab").unwrap_err().code(), 36);
    }

    #[test]
    fn never_shows_a_password() {
        let ask = parse("/?user=bi&password=secret").unwrap();
        assert!(!format!("{ask:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn never_panics_on_any_request(
            query in "[a-z_=&%+0-9A-F]{0,120}",
            name in "(x-clickhouse-(database|format|user|key)|content-encoding|x-passant-rows)",
            value in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let uri: Uri = format!("/?{query}").parse().unwrap();
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
            let _ = Ask::parse(&uri, &headers, LIMITS);
        }
    }
}
