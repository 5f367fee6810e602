//! A password between its arrival and its hash.
//!
//! Invariant: it can be neither shown nor stored, and is overwritten when it is dropped.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret;

/// A password. Deliberately without Debug, Display, Serialize and Clone.
pub struct Password(Zeroizing<String>);

/// Length is what counts (NIST SP 800-63B); composition rules make passwords worse.
const CHARACTERS_MIN: usize = 10;
/// More is a mistake or an attack on our time.
const BYTES_MAX: usize = 1_024;

impl Password {
    /// A password that is to be somebody's from now on.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that is too short or too long.
    pub fn chosen(text: String) -> Result<Self> {
        let text = Zeroizing::new(text);
        if text.chars().count() < CHARACTERS_MIN || text.len() > BYTES_MAX {
            return Err(Error::Refused(format!(
                "password: expected at least {CHARACTERS_MIN} characters, and at most {BYTES_MAX} bytes"
            )));
        }
        Ok(Self(text))
    }

    /// A password that somebody shows.
    pub fn shown(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Its argon2id hash with a fresh salt, as a PHC string. Takes tens of milliseconds and 19 MiB, by intent.
    pub(crate) fn hash(&self) -> Result<String> {
        let salt = secret::random::<16>()?;
        let hash: PasswordHash =
            Argon2::default().hash_password_with_salt(self.0.as_bytes(), &salt).map_err(failed)?;
        Ok(hash.to_string())
    }

    /// Whether it is the one that `hash` was made of. Takes as long where there is no hash, so that the time tells
    /// nobody who has an account.
    pub(crate) fn matches(&self, hash: Option<&str>) -> Result<bool> {
        match hash {
            _ if self.0.len() > BYTES_MAX => Ok(false),
            Some(hash) => {
                let hash = PasswordHash::new(hash).map_err(failed)?;
                Ok(Argon2::default().verify_password(self.0.as_bytes(), &hash).is_ok())
            }
            None => self.hash().map(|_| false),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Io(std::io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_known_by_its_hash_and_only_by_its_own() {
        let hash = Password::chosen("correct horse".into()).expect("long enough").hash().expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("horse"), "{hash}");
        let matches = |text: &str, hash| Password::shown(text.into()).matches(hash).expect("compared");
        assert!(matches("correct horse", Some(&hash)));
        assert!(!matches("correct hors", Some(&hash)) && !matches("correct horse", None));
        assert!(!matches(&"x".repeat(BYTES_MAX + 1), Some(&hash)));
        let again = Password::shown("correct horse".into()).hash().expect("hashed");
        assert_ne!(again, hash, "each has a salt of its own");
    }

    #[test]
    fn is_chosen_long() {
        for text in ["", "123456789", &"ä".repeat(BYTES_MAX)] {
            let words = Password::chosen(text.to_owned()).map(drop).expect_err("refused").to_string();
            assert!(words.contains("at least 10 characters") && (text.is_empty() || !words.contains(text)));
        }
        assert!(Password::chosen("äöüäöüäöüä".into()).is_ok());
    }
}
