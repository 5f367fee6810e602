//! The binaries that a soak runs: copies, so that a build meanwhile changes nothing under it.
//!
//! Invariant: what is counted was done by one and the same `passant`, whose hash is returned here.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What is copied if it is there; the first is what the counts are about.
const BINARIES: [&str; 2] = ["passant", "passant-fail-points"];

/// Copies the binaries of this build and links what they load at run time, and makes the harness run them; the hash
/// of the production binary.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn copied_to(folder: &Path) -> Result<String> {
    let built = passant_tests::binary_directory();
    fs::create_dir_all(folder)?;
    for name in BINARIES {
        let from = built.join(name);
        let copy = folder.join(name);
        // A file that runs cannot be written to; another one may take its name.
        let fresh = folder.join(format!("{name}.new"));
        fs::copy(&from, &fresh).with_context(|| format!("{}: `make soak` builds it", from.display()))?;
        fs::rename(fresh, copy)?;
    }
    let lib = folder.join("lib");
    fs::create_dir_all(&lib)?;
    for entry in fs::read_dir(built.join("lib")).context("lib/ beside the binary: `make setup` makes it")? {
        let entry = entry?;
        let link = lib.join(entry.file_name());
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(entry.path().canonicalize()?, link)?;
    }
    let folder = folder.canonicalize()?;
    let version = blake3::hash(&fs::read(folder.join(BINARIES[0]))?).to_hex()[..16].to_owned();
    passant_tests::run_binaries_of(folder);
    Ok(version)
}
