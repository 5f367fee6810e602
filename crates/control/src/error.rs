//! What can go wrong with the control data.

/// A control call's outcome.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a control call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked makes no sense; the words say what was wrong and what was expected.
    #[error("{0}")]
    Refused(String),
    /// The site is not known.
    #[error("no site {0:?}; `passant site list` shows the sites there are")]
    UnknownSite(String),
    /// Nobody has an account under this address.
    #[error("no user {0:?}; `passant user list` shows the users there are")]
    UnknownUser(String),
    /// A link that works once was used, is too old, or never was.
    #[error("the link is not valid any more; ask for another")]
    LinkGone,
    /// There is nothing of this kind under this number.
    #[error("no {what} {id}")]
    Unknown {
        /// What was meant, as in "goal".
        what: &'static str,
        /// The number.
        id: u64,
    },
    /// The file is newer than this program.
    #[error("the control data is at version {found}, this passant knows {known}: run the newer passant")]
    Newer {
        /// Version in the file.
        found: usize,
        /// Version we know.
        known: usize,
    },
    /// The file cannot be read or written.
    #[error("control data: {0}")]
    Database(#[from] rusqlite::Error),
    /// The database server does not do what it is asked, and would not a minute later: a person is needed.
    #[error("control data: the database server says: {0}")]
    Server(String),
    /// The database server is away, or somebody else holds what is needed: try again.
    #[error("control data: the database server cannot be used now: {0}")]
    Unavailable(String),
    /// The file cannot be made.
    #[error("control data: {0}")]
    Io(#[from] std::io::Error),
}
