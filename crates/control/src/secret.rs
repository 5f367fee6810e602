//! Secrets that we make: random, shown once, kept as hashes.

use crate::error::{Error, Result};

/// `BYTES` random bytes in hex.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn random_hex<const BYTES: usize>() -> Result<String> {
    Ok(random::<BYTES>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Random bytes.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn random<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io(std::io::Error::other(error)))?;
    Ok(bytes)
}

/// What is kept of a secret. 80 random bits and more need no slow hash; looking the hash up leaks nothing by its timing.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}
