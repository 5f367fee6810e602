//! One attempt to sign in: what a browser keeps while it is at the provider.
//!
//! Invariant: all that an attempt needs is made of the secret in its cookie, so that the server remembers nothing of those
//! who only begin. The state, the nonce and the verifier of PKCE tell nothing of each other, nor of the secret. A cookie is
//! worth something only to the browser that has it: whoever makes one up has begun an attempt of their own.

use blake3::Hash;
use jiff::Timestamp;
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};

/// Bound to this host, to HTTPS and to the whole site by its prefix (RFC 6265bis).
pub(crate) const ATTEMPT_COOKIE: &str = "__Host-passant-sign-in";
/// Time for a password, a second factor and a search for the telephone.
pub(crate) const LASTS_SECONDS: i64 = 600;
const SECRET_BYTES: usize = 32;

/// One attempt to sign in.
pub(crate) struct Attempt {
    /// The second in which it began, and the secret.
    cookie: String,
}

impl Attempt {
    /// Begins one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn begin(now: Timestamp) -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self { cookie: format!("{}.{}", now.as_second(), Hash::from(secret)) })
    }

    /// Reads the cookie of one that is neither too old nor of the future.
    pub(crate) fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (began, secret) = cookie.split_once('.')?;
        let age_seconds = now.as_second().checked_sub(began.parse().ok()?)?;
        // Made of what was read, so that there is one spelling.
        let is_one = Hash::from_hex(secret).is_ok() && secret.len() == 2 * SECRET_BYTES;
        (is_one && (0..LASTS_SECONDS).contains(&age_seconds)).then(|| Self { cookie: cookie.to_owned() })
    }

    /// What its browser keeps.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Whether the provider answers this attempt.
    pub(crate) fn is_answered_by(&self, state: &str) -> bool {
        // Hashes are compared in constant time.
        Hash::from_hex(state).is_ok_and(|state| state == self.derived("state"))
    }

    /// What the provider gives back in the address.
    pub(crate) fn state(&self) -> CsrfToken {
        CsrfToken::new(self.derived("state").to_string())
    }

    /// What the provider signs.
    pub(crate) fn nonce(&self) -> Nonce {
        Nonce::new(self.derived("nonce").to_string())
    }

    /// What is shown to the provider for a code.
    pub(crate) fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.derived("verifier").to_string())
    }

    fn derived(&self, what: &str) -> Hash {
        blake3::derive_key(&format!("passant 2026-11-25 sign-in {what}"), self.cookie.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    #[test]
    fn an_attempt_is_answered_by_its_own_state_alone_for_ten_minutes() {
        let attempt = Attempt::begin(at(1_000)).expect("begun");
        let state = attempt.state().secret().clone();
        let read = |cookie: &str, now| Attempt::read(cookie, at(now));
        assert!(read(attempt.cookie(), 1_599).expect("read").is_answered_by(&state));
        assert!(read(attempt.cookie(), 1_600).is_none(), "too old");
        assert!(read(attempt.cookie(), 999).is_none(), "of the future");
        let other = Attempt::begin(at(1_000)).expect("begun");
        assert!(!other.is_answered_by(&state));
        let (_, secret) = attempt.cookie().split_once('.').expect("two parts");
        let later = read(&format!("1500.{secret}"), 2_000).expect("one of its own");
        assert!(!later.is_answered_by(&state), "made younger");
        for state in ["", "00", &state[1..], attempt.nonce().secret(), attempt.verifier().secret()] {
            assert!(!attempt.is_answered_by(state), "{state}");
        }
        for cookie in ["", ".", "1000.", "1000.ab", "x.ab", secret, "99999999999999999999.ab"] {
            assert!(read(cookie, 1_000).is_none(), "{cookie}");
        }
    }
}
