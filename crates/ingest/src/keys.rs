//! The keys under which visitors are counted: 32 random bytes for each site and site-local date.
//!
//! A key lives in memory and, so that a crash does not count a visitor twice, in a file on a tmpfs; never on a
//! persistent disk, in the store, a log or a backup. When its date has ended and open visits had their 30 minutes, it
//! is overwritten and gone, and with it every way back from a pseudonym. Time is an argument.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use zeroize::Zeroizing;

use crate::Site;

/// How long a date's key outlives the date: a visit that was open at midnight goes on.
pub const KEY_GRACE: SignedDuration = SignedDuration::from_mins(30);
/// No date lies farther ahead: 25 hours of an autumn day, the grace, and an hour for the clock to be set. A key that
/// would live longer was made while the clock was wrong.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(27);
/// 32 bytes of key, start and end of its life in seconds since 1970.
const FILE_BYTES: usize = 48;

/// The living keys.
pub struct DayKeys {
    keys: RwLock<HashMap<(u32, Date), Key>>,
    directory: Option<PathBuf>,
}

struct Key {
    bytes: Zeroizing<[u8; 32]>,
    starts: Timestamp,
    ends: Timestamp,
}

/// Where keys go besides the memory of the process, when nothing else is set: one directory for each data directory.
pub fn default_directory(data_directory: &Path) -> PathBuf {
    let hash = blake3::hash(data_directory.as_os_str().as_encoded_bytes()).to_hex();
    Path::new("/dev/shm").join(format!("passant-{}", &hash[..16]))
}

impl DayKeys {
    /// Keys that die with the process.
    pub fn in_memory() -> Self {
        Self { keys: RwLock::default(), directory: None }
    }

    /// Keys that survive a crash in `directory`, those included that an earlier process left there. Falls back to
    /// memory alone, with a warning, when the directory is not private to us on a tmpfs.
    pub fn open(directory: &Path, now: Timestamp) -> Self {
        let loaded = prepare(directory).and_then(|()| load(directory));
        match loaded {
            Ok(keys) => {
                let keys = Self { keys: RwLock::new(keys), directory: Some(directory.to_owned()) };
                keys.retire(now);
                keys
            }
            Err(reason) => {
                tracing::warn!(
                    directory = %directory.display(),
                    reason = %reason,
                    "day keys stay in memory alone: a crash will count today's visitors twice"
                );
                Self::in_memory()
            }
        }
    }

    /// Calls `f` with the key of the site's date, which is made when the date has none yet.
    pub fn with<T>(&self, site: &Site, date: Date, f: impl FnOnce(&[u8; 32]) -> T) -> T {
        if let Some(key) = self.read().get(&(site.id, date)) {
            return f(&key.bytes);
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let key = keys.entry((site.id, date)).or_insert_with(|| self.make(site, date));
        f(&key.bytes)
    }

    /// Calls `f` with the key of the site's date if there is one.
    pub fn with_existing<T>(&self, site: &Site, date: Date, f: impl FnOnce(&[u8; 32]) -> T) -> Option<T> {
        self.read().get(&(site.id, date)).map(|key| f(&key.bytes))
    }

    /// Destroys each key whose date ended more than [`KEY_GRACE`] ago, and any that claims a life in the far future.
    pub fn retire(&self, now: Timestamp) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|(site_id, date), key| {
            let lives = now < key.ends && key.ends.duration_since(now) <= LONGEST_LIFE;
            if !lives && let Some(directory) = &self.directory {
                let path = directory.join(file_name(*site_id, *date));
                if let Err(error) = destroy_file(&path) {
                    tracing::error!(reason = %error.kind(), "a day key's file could not be destroyed");
                }
            }
            lives
        });
    }

    /// Seconds since the start of the oldest living key's date; 0 without a key.
    pub fn oldest_age_seconds(&self, now: Timestamp) -> i64 {
        let keys = self.read();
        let oldest = keys.values().map(|key| key.starts).min();
        oldest.map_or(0, |starts| now.duration_since(starts).as_secs().max(0))
    }

    /// How many keys live.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether no key lives.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<(u32, Date), Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, site: &Site, date: Date) -> Key {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).expect("the system gives random bytes once it is up");
        let (starts, ends) = life(date, &site.timezone);
        let key = Key { bytes, starts, ends };
        if let Some(directory) = &self.directory
            && let Err(error) = write(&directory.join(file_name(site.id, date)), &key)
        {
            tracing::warn!(reason = %error.kind(), "a day key could not be kept on the tmpfs: it lives in memory alone");
        }
        key
    }
}

/// From the start of the date at the site to its end plus the grace.
fn life(date: Date, timezone: &TimeZone) -> (Timestamp, Timestamp) {
    let midnight = |date: Date| timezone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible();
    let starts = midnight(date).unwrap_or(Timestamp::MIN);
    let tomorrow = date.checked_add(1.day()).unwrap_or(Date::MAX);
    let ends = midnight(tomorrow).and_then(|end| end.checked_add(KEY_GRACE)).unwrap_or(Timestamp::MAX);
    (starts, ends)
}

fn file_name(site_id: u32, date: Date) -> String {
    format!("{site_id}_{date}.key")
}

fn parse_file_name(name: &str) -> Option<(u32, Date)> {
    let (site_id, date) = name.strip_suffix(".key")?.split_once('_')?;
    Some((site_id.parse().ok()?, date.parse().ok()?))
}

/// Makes the directory and checks that it is ours alone and in memory.
fn prepare(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("not a directory of this user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("others may enter it"));
    }
    let handle = fs::File::open(directory)?;
    let kind = rustix::fs::fstatfs(&handle)?.f_type;
    /// `TMPFS_MAGIC` of the kernel's `linux/magic.h`.
    const TMPFS: i128 = 0x0102_1994;
    if i128::from(kind) != TMPFS {
        return Err(io::Error::other("not on a tmpfs, so it could reach a disk"));
    }
    Ok(())
}

fn load(directory: &Path) -> io::Result<HashMap<(u32, Date), Key>> {
    let mut keys = HashMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(parse_file_name) else { continue };
        match read(&entry.path()) {
            Ok(key) => {
                keys.insert(name, key);
            }
            // The process died while it wrote: no event was ever counted under this key.
            Err(_) => destroy_file(&entry.path())?,
        }
    }
    Ok(keys)
}

fn read(path: &Path) -> io::Result<Key> {
    let content = Zeroizing::new(fs::read(path)?);
    let content: &[u8; FILE_BYTES] =
        content.as_slice().try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut bytes = Zeroizing::new([0; 32]);
    bytes.copy_from_slice(&content[..32]);
    let time = |range: std::ops::Range<usize>| {
        let seconds = i64::from_le_bytes(content[range].try_into().expect("each range has 8 bytes"));
        Timestamp::from_second(seconds).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    };
    Ok(Key { bytes, starts: time(32..40)?, ends: time(40..48)? })
}

fn write(path: &Path, key: &Key) -> io::Result<()> {
    let mut content = Zeroizing::new([0; FILE_BYTES]);
    content[..32].copy_from_slice(key.bytes.as_ref());
    content[32..40].copy_from_slice(&key.starts.as_second().to_le_bytes());
    content[40..].copy_from_slice(&key.ends.as_second().to_le_bytes());
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content.as_ref())
}

fn destroy_file(path: &Path) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).open(path) {
        Ok(mut file) => file.write_all(&[0; FILE_BYTES])?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(timezone: &str) -> Site {
        Site::new(7, "example.org", TimeZone::get(timezone).unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_the_same_all_day_and_another_for_each_site_and_date() {
        let keys = DayKeys::in_memory();
        let berlin = site("Europe/Berlin");
        let other = Site::new(8, "example.com", TimeZone::UTC);
        let first = keys.with(&berlin, date("2026-11-23"), |key| *key);
        assert_eq!(first, keys.with(&berlin, date("2026-11-23"), |key| *key));
        assert_ne!(first, keys.with(&berlin, date("2026-11-24"), |key| *key));
        assert_ne!(first, keys.with(&other, date("2026-11-23"), |key| *key));
        assert_eq!(keys.with_existing(&berlin, date("2026-11-22"), |_| ()), None);
    }

    #[test]
    fn a_key_dies_thirty_minutes_after_its_date() {
        for (zone, day, last_second, dead) in [
            ("UTC", "2026-11-23", "2026-11-24T00:29:59Z", "2026-11-24T00:30:00Z"),
            ("Europe/Berlin", "2026-10-25", "2026-10-25T23:29:59Z", "2026-10-25T23:30:00Z"),
            ("Europe/Berlin", "2026-03-29", "2026-03-29T22:29:59Z", "2026-03-29T22:30:00Z"),
            ("Pacific/Kiritimati", "2026-11-23", "2026-11-23T10:29:59Z", "2026-11-23T10:30:00Z"),
        ] {
            let keys = DayKeys::in_memory();
            keys.with(&site(zone), date(day), |_| ());
            keys.retire(at(last_second));
            assert_eq!(keys.len(), 1, "{zone}");
            keys.retire(at(dead));
            assert!(keys.is_empty(), "{zone}");
        }
    }

    #[test]
    fn a_key_made_while_the_clock_was_wrong_does_not_live_for_years() {
        let keys = DayKeys::in_memory();
        keys.with(&site("UTC"), date("2031-01-01"), |_| ());
        keys.retire(at("2026-11-23T12:00:00Z"));
        assert!(keys.is_empty());
    }

    #[test]
    fn the_age_is_that_of_the_oldest_living_date() {
        let keys = DayKeys::in_memory();
        assert_eq!(keys.oldest_age_seconds(at("2026-11-23T12:00:00Z")), 0);
        keys.with(&site("UTC"), date("2026-11-23"), |_| ());
        assert_eq!(keys.oldest_age_seconds(at("2026-11-23T12:00:00Z")), 12 * 3600);
    }

    #[test]
    fn a_key_survives_a_crash_on_a_tmpfs_and_leaves_nothing_when_it_dies() {
        let Ok(shm) = tempfile::tempdir_in("/dev/shm") else { return };
        let directory = shm.path().join("keys");
        let now = at("2026-11-23T12:00:00Z");
        let keys = DayKeys::open(&directory, now);
        assert!(keys.directory.is_some(), "/dev/shm is a tmpfs");
        let site = site("UTC");
        let before = keys.with(&site, date("2026-11-23"), |key| *key);
        let path = directory.join("7_2026-11-23.key");
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        drop(keys);

        fs::write(directory.join("9_2026-11-23.key"), b"torn").unwrap();
        let keys = DayKeys::open(&directory, now);
        assert_eq!(keys.with(&site, date("2026-11-23"), |key| *key), before);
        assert_eq!(keys.len(), 1, "a torn key is thrown away");
        keys.retire(at("2026-11-24T00:30:00Z"));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_could_reach_a_disk_or_others_is_not_used() {
        let Ok(shm) = tempfile::tempdir_in("/dev/shm") else { return };
        let open = shm.path().join("open");
        fs::DirBuilder::new().mode(0o755).create(&open).unwrap();
        let now = at("2026-11-23T12:00:00Z");
        assert!(DayKeys::open(&open, now).directory.is_none());
        assert!(DayKeys::open(Path::new("/proc/keys-of-passant"), now).directory.is_none());
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        if target.is_dir() {
            let disk = tempfile::tempdir_in(target).unwrap();
            assert!(DayKeys::open(disk.path(), now).directory.is_none());
        }
    }
}
