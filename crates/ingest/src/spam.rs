//! Referrers that spammers forge so that site owners visit them.
//!
//! A short list of our own, and the operator's file of more. A domain stands for all below it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use crate::Error;

/// Our own list, one domain a line.
const SEED: &str = include_str!("../data/spam_referrers.txt");

/// The referrer domains that are refused.
pub struct SpamReferrers(HashSet<String>);

impl SpamReferrers {
    /// Our own list, and the operator's file where there is one.
    ///
    /// # Errors
    /// [`Error::File`] when the operator's file cannot be read.
    pub fn open(file: Option<&Path>) -> Result<Self, Error> {
        let more = match file {
            None => String::new(),
            Some(path) => fs::read_to_string(path).map_err(|error| Error::File {
                setting: "spam_referrers_file",
                path: path.to_owned(),
                reason: error.to_string(),
            })?,
        };
        let domains = SEED.lines().chain(more.lines()).map(|line| line.trim().to_lowercase());
        Ok(Self(domains.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()))
    }

    /// Whether the host is a spammer's, or below one.
    pub fn contains(&self, host: &str) -> bool {
        let mut domain = host;
        loop {
            if self.0.contains(domain) {
                return true;
            }
            match domain.split_once('.') {
                Some((_, parent)) => domain = parent,
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spammer_is_known_with_all_below_it() {
        let spam = SpamReferrers::open(None).unwrap();
        for (host, expected) in [
            ("semalt.com", true),
            ("3.semalt.com", true),
            ("notsemalt.com", false),
            ("google.com", false),
            ("com", false),
            ("", false),
        ] {
            assert_eq!(spam.contains(host), expected, "{host}");
        }
    }

    #[test]
    fn the_operators_file_adds_to_the_list() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spam.txt");
        fs::write(&path, "# ours\nSpam.example \n\n").unwrap();
        let spam = SpamReferrers::open(Some(&path)).unwrap();
        assert!(spam.contains("spam.example") && spam.contains("semalt.com"));
        assert!(!spam.contains("# ours"));
        let missing = SpamReferrers::open(Some(&directory.path().join("none"))).err().unwrap();
        assert!(missing.to_string().starts_with("ingest.spam_referrers_file: "), "{missing}");
    }
}
