//! Who may use the TCP listener.
//!
//! Invariant: names and passwords are compared in a time that does not depend on where they differ.

use http::{HeaderMap, header};

use crate::{
    exception::{Exception, Kind},
    request::Login,
};

/// A user and a password. No Debug, no Display: the password ends here.
pub(crate) struct Credentials {
    user: String,
    password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// The credentials that a caller must know.
    pub(crate) fn new(user: String, password: String) -> Self {
        Self { user, password }
    }

    /// Checks what a request carries: Basic authentication, or the user and password of headers or URL.
    ///
    /// # Errors
    /// AUTHENTICATION_FAILED, in the same words whatever is wrong.
    pub(crate) fn check(&self, headers: &HeaderMap, login: &Login) -> Result<(), Exception> {
        let basic = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| decode(encoded.trim()));
        let (user, password) = match &basic {
            Some(pair) => {
                let split = pair.iter().position(|byte| *byte == b':').unwrap_or(pair.len());
                (&pair[..split], pair.get(split + 1..).unwrap_or_default())
            }
            None => (
                login.user.as_deref().unwrap_or("default").as_bytes(),
                login.password.as_deref().unwrap_or_default().as_bytes(),
            ),
        };
        // No short circuit: both are compared whatever the first gives.
        if same(user, self.user.as_bytes()) & same(password, self.password.as_bytes()) {
            Ok(())
        } else {
            Err(Exception::new(
                Kind::AuthenticationFailed,
                "Authentication failed: password is incorrect, or there is no such user",
            ))
        }
    }
}

/// Compares in a time that depends on the length of the candidate only.
fn same(candidate: &[u8], secret: &[u8]) -> bool {
    let mut difference = u8::from(candidate.len() != secret.len());
    for (index, byte) in candidate.iter().enumerate() {
        // Past its end the secret is compared with itself, so that its length does not show.
        let other = secret.get(index % secret.len().max(1)).copied().unwrap_or_default();
        difference |= std::hint::black_box(byte ^ other);
    }
    std::hint::black_box(difference) == 0
}

/// Standard Base64, as RFC 7617 wants it.
fn decode(encoded: &str) -> Option<Vec<u8>> {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::with_capacity(encoded.len() * 3 / 4);
    for byte in encoded.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(authorization: Option<&str>, user: Option<&str>, password: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        let login = Login { user: user.map(str::to_owned), password: password.map(str::to_owned) };
        Credentials::new("bi".to_owned(), "pa:ss".to_owned()).check(&headers, &login).is_ok()
    }

    #[test]
    fn accepts_only_the_right_pair_in_any_of_its_places() {
        assert!(check(Some("Basic Ymk6cGE6c3M="), None, None));
        assert!(check(None, Some("bi"), Some("pa:ss")));
        assert!(!check(None, Some("bi"), Some("pa:sspa:ss")));
        assert!(!check(None, Some("bi"), Some("")));
        assert!(!check(None, None, None));
        assert!(!check(Some("Basic !!!"), None, None));
        assert!(
            !check(Some("Basic Ymk6cGE6c3M="), None, None) || check(Some("basic Ymk6cGE6c3M="), None, None)
        );
    }

    proptest! {
        #[test]
        fn agrees_with_plain_comparison(a in proptest::collection::vec(any::<u8>(), 0..8), b in proptest::collection::vec(any::<u8>(), 0..8)) {
            prop_assert_eq!(same(&a, &b), a == b);
        }

        #[test]
        fn never_panics_on_any_header(encoded in "[ -~]{0,40}") {
            let _ = decode(&encoded);
        }
    }
}
