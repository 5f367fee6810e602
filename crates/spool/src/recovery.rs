//! What an earlier process left, taken up again.
//!
//! Invariant: recovery is idempotent and only ever shortens, seals or removes files without an intact frame;
//! it may be cut off at any point and run again. It refuses before it changes anything.

use std::io;
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
    let mut changed = false;
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
    // Also a file that is whole may not be on the disk yet: the process may have died before its sync.
    file_system.truncate(&file.path, end as u64)?;
    let count = last.number + 1;
    let path = directory.join(file.name.sealed(count).to_string());
    file_system.rename(&file.path, &path)?;
    let whole = Found { path, bytes: end as u64, ..*file };
    if torn {
        tracing::warn!(path = %whole.path.display(), bytes = content.len() - end, "spool: torn tail cut off");
    }
    Ok(Outcome { segment: Some(whole.segment(count)), torn })
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
