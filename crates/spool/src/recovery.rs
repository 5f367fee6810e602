//! What an earlier process left, taken up again.
//!
//! Invariant: recovery is idempotent and only ever shortens, seals or removes files without an intact frame;
//! it may be cut off at any point and run again. It refuses before it changes anything. What it hands out is on
//! the disk: a file whose sync may have failed before the process died is not synced again but written anew.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use crate::OpenError;
use crate::file_system::FileSystem;
use crate::frame::{self, Scan};
use crate::segment::{FORMAT_VERSION, HEADER_BYTES, Head, Header, Name, Segment, Stage};

/// What was found.
#[derive(Default)]
pub(crate) struct Recovered {
    pub(crate) segments: Vec<Segment>,
    pub(crate) next_sequence: u64,
    pub(crate) torn_tails: u64,
}

/// The extension of a file that recovery was writing when it was cut off.
const DRAFT: &str = "draft";

struct Found {
    name: Name,
    path: PathBuf,
    bytes: u64,
    created: SystemTime,
}

/// Takes up the segments of a directory.
pub(crate) fn recover(file_system: &dyn FileSystem, directory: &Path) -> Result<Recovered, OpenError> {
    let found = survey(file_system, directory)?;
    let mut recovered = Recovered {
        next_sequence: found.iter().map(|file| file.name.sequence + 1).max().unwrap_or(0),
        ..Recovered::default()
    };
    let mut changed = remove_drafts(file_system, directory)?;
    for file in found {
        let failed = |source| OpenError::Io { path: file.path.clone(), source };
        match file.name.stage {
            Stage::Sealed { frames } => recovered.segments.push(file.segment(frames)),
            Stage::Open => {
                changed = true;
                let outcome = seal_left_open(file_system, directory, &file).map_err(failed)?;
                recovered.torn_tails += u64::from(outcome.torn);
                recovered.segments.extend(outcome.segment);
            }
        }
    }
    if changed {
        let failed = |source| OpenError::Io { path: directory.to_owned(), source };
        file_system.sync_directory(directory).map_err(failed)?;
    }
    Ok(recovered)
}

/// Removes what a recovery that was cut off was writing. Returns whether there was any.
fn remove_drafts(file_system: &dyn FileSystem, directory: &Path) -> Result<bool, OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let mut removed = false;
    for file in file_system.list(directory).map_err(failed(directory))? {
        let path = directory.join(&file.name);
        // Only what would be a segment's name but for the extension is ours.
        if path.extension().is_some_and(|extension| extension == DRAFT)
            && path.with_extension("open").file_name().and_then(|name| Name::parse(name.to_str()?)).is_some()
        {
            file_system.remove(&path).map_err(failed(&path))?;
            removed = true;
        }
    }
    Ok(removed)
}

/// Lists the segments in the order of their sequence, and refuses if one is from the future.
fn survey(file_system: &dyn FileSystem, directory: &Path) -> Result<Vec<Found>, OpenError> {
    let listed =
        file_system.list(directory).map_err(|source| OpenError::Io { path: directory.to_owned(), source })?;
    let mut found = Vec::new();
    for file in listed {
        let Some(name) = Name::parse(&file.name) else { continue };
        let path = directory.join(&file.name);
        let start = file_system
            .read(&path, HEADER_BYTES as u64)
            .map_err(|source| OpenError::Io { path: path.clone(), source })?;
        let created = match Header::parse(&start) {
            Head::Newer { version } => {
                return Err(OpenError::NewerVersion { path, version, supported: FORMAT_VERSION });
            }
            // The name is believed before the header: it lies with the directory, and the page of a header
            // may have been recycled from another segment.
            Head::Intact(header) if header.batch == name.batch => header.created,
            Head::Intact(_) | Head::Damaged => file_system.now(),
        };
        found.push(Found { name, path, bytes: file.bytes, created });
    }
    found.sort_by_key(|file| file.name.sequence);
    Ok(found)
}

struct Outcome {
    segment: Option<Segment>,
    torn: bool,
}

/// Cuts a segment that a crash left open behind its last intact frame, and seals it.
fn seal_left_open(file_system: &dyn FileSystem, directory: &Path, file: &Found) -> io::Result<Outcome> {
    let content = Bytes::from(file_system.read(&file.path, u64::MAX)?);
    let Scan { frames, end } = frame::scan(&content, file.name.batch);
    let torn = end < content.len() && content[end..].iter().any(|&byte| byte != 0);
    let Some(last) = frames.last() else {
        discard_left_open(file_system, file, &content)?;
        return Ok(Outcome { segment: None, torn });
    };
    write_anew(file_system, &file.path, &content[..end])?;
    let count = last.number + 1;
    let path = directory.join(file.name.sealed(count).to_string());
    file_system.rename(&file.path, &path)?;
    let whole = Found { path, bytes: end as u64, ..*file };
    if torn {
        tracing::warn!(path = %whole.path.display(), bytes = content.len() - end, "spool: torn tail cut off");
    }
    Ok(Outcome { segment: Some(whole.segment(count)), torn })
}

/// Gives a file exactly this content, durably.
///
/// Also a file that is whole may not be on the disk: the process may have died before its sync, or after a sync that
/// failed. The kernel marks the pages of a failed sync clean, so that the next one says yes without writing them; a
/// power cut would then take back frames that had been shipped. So the content goes to another file, which takes the
/// name. A full disk has no room for that: there the file is cut and synced as it is.
fn write_anew(file_system: &dyn FileSystem, path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(DRAFT);
    let write = |draft: &Path| {
        let mut file = file_system.create(draft)?;
        file.append(content)?;
        file.sync_data()
    };
    match write(&draft) {
        Ok(()) => file_system.rename(&draft, path),
        Err(error) => {
            // One that stays is removed by the next start.
            let _ = file_system.remove(&draft);
            match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    file_system.truncate(path, content.len() as u64)
                }
                _ => Err(error),
            }
        }
    }
}

/// A file without an intact frame is what a crash in a segment's first commit leaves, unless the disk is
/// damaged: what could still tell of that is put aside.
fn discard_left_open(file_system: &dyn FileSystem, file: &Found, content: &Bytes) -> io::Result<()> {
    let has_substance = content.get(HEADER_BYTES..).is_some_and(|rest| rest.iter().any(|&byte| byte != 0));
    if has_substance {
        let aside = file.path.with_extension("damaged");
        tracing::warn!(path = %aside.display(), "spool: segment without an intact frame put aside");
        file_system.rename(&file.path, &aside)
    } else {
        file_system.remove(&file.path)
    }
}

impl Found {
    fn segment(&self, frames: u32) -> Segment {
        Segment {
            sequence: self.name.sequence,
            batch: self.name.batch,
            frames,
            bytes: self.bytes,
            created: self.created,
            path: self.path.clone(),
        }
    }
}
