//! The second factor: codes of a device (TOTP, RFC 6238), and recovery codes for when it is lost.
//!
//! Invariant: a code is taken once. A secret is asked for only once its holder has shown that the device knows it.

use jiff::Timestamp;
use totp_rs::{Builder, Totp};

use crate::database::{Control, params};
use crate::error::{Error, Result};
use crate::goal::refused;
use crate::secret;
use crate::user::User;

/// What a device has to be told, this once.
pub struct DeviceSecret {
    /// For typing in, in base 32.
    pub secret: String,
    /// The same as a URI, for a QR code.
    pub uri: String,
}

/// What the device shows as the service's name.
const ISSUER: &str = "Passant";
const RECOVERY_CODES: usize = 10;

impl Control {
    /// Makes a secret for a user's device, which counts once [`Self::confirm_two_factor`] has seen a code of it.
    ///
    /// # Errors
    /// [`Error::Refused`] where there is a second factor already.
    pub fn begin_two_factor(&self, user: &User) -> Result<DeviceSecret> {
        if user.has_two_factor {
            return Err(refused("there is a second factor already; end it first".into()));
        }
        let bytes = secret::random::<20>()?;
        let totp = totp(user, bytes.to_vec())?;
        let sql = "UPDATE users SET totp_secret = ?1, totp_confirmed = 0, totp_step = 0 WHERE id = ?2";
        self.write(|writer| writer.execute(sql, params![bytes, user.id]))?;
        Ok(DeviceSecret { secret: totp.secret().to_base32(), uri: totp.to_url().map_err(failed)? })
    }

    /// Asks for codes from now on, if `code` is one; returns the recovery codes, which are kept nowhere.
    ///
    /// # Errors
    /// [`Error::Refused`] for a code that is none, and where none was begun.
    pub fn confirm_two_factor(&self, user: &User, code: &str, now: Timestamp) -> Result<Vec<String>> {
        if user.has_two_factor || !self.take_device_code(user, code, now)? {
            return Err(refused("code: not one that the device shows now".into()));
        }
        let codes = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>>>()?;
        self.write(|writer| {
            writer.execute("UPDATE users SET totp_confirmed = 1 WHERE id = ?1", params![user.id])?;
            writer.execute("DELETE FROM recovery_codes WHERE user_id = ?1", params![user.id])?;
            for code in &codes {
                let sql = "INSERT INTO recovery_codes (user_id, hash) VALUES (?1, ?2)";
                writer.execute(sql, params![user.id, secret::hash(&plain(code))])?;
            }
            Ok(codes)
        })
    }

    /// Asks for no code any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end_two_factor(&self, user: &User) -> Result<()> {
        self.write(|writer| {
            let sql = "UPDATE users SET totp_secret = NULL, totp_confirmed = 0 WHERE id = ?1";
            writer.execute(sql, params![user.id])?;
            writer.execute("DELETE FROM recovery_codes WHERE user_id = ?1", params![user.id]).map(drop)
        })
    }

    /// Whether `code` is one that the device shows about now or a recovery code, and was not taken before.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn take_code(&self, user: &User, code: &str, now: Timestamp) -> Result<bool> {
        if user.has_two_factor && self.take_device_code(user, code, now)? {
            return Ok(true);
        }
        let sql = "DELETE FROM recovery_codes WHERE user_id = ?1 AND hash = ?2";
        let values = params![user.id, secret::hash(&plain(code))];
        let taken = self.write(|writer| writer.execute(sql, values))?;
        Ok(taken == 1)
    }

    /// How many recovery codes a user has left.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn recovery_codes_left(&self, user: &User) -> Result<u32> {
        let sql = "SELECT count(*) FROM recovery_codes WHERE user_id = ?1";
        let row = self.read(|reader| reader.row(sql, params![user.id]))?;
        row.map_or(Ok(0), |row| row.get(0))
    }

    fn take_device_code(&self, user: &User, code: &str, now: Timestamp) -> Result<bool> {
        let sql = "SELECT totp_secret FROM users WHERE id = ?1";
        let row = self.read(|reader| reader.row(sql, params![user.id]))?;
        let Some(bytes) = row.map_or(Ok(None), |row| row.get::<Option<_>>(0))? else { return Ok(false) };
        let now = u64::try_from(now.as_second()).unwrap_or_default();
        let Some(step) = totp(user, bytes)?.check(code.trim(), now) else { return Ok(false) };
        // In one statement, so that of two who show the same code one is refused.
        let sql = "UPDATE users SET totp_step = ?1 WHERE id = ?2 AND totp_step < ?1";
        Ok(self.write(|writer| writer.execute(sql, params![step, user.id]))? == 1)
    }
}

/// Six digits every 30 seconds by SHA-1, the one kind that every device knows; a step early or late is taken.
fn totp(user: &User, secret: Vec<u8>) -> Result<Totp> {
    let builder = Builder::new().with_secret(secret).with_account_name(user.email.as_str());
    builder.with_issuer(Some(ISSUER)).build().map_err(failed)
}

/// 80 random bits in groups that can be copied by hand.
fn recovery_code() -> Result<String> {
    let hex = secret::random_hex::<10>()?;
    let groups: Vec<&str> = (0..hex.len()).step_by(5).map(|start| &hex[start..start + 5]).collect();
    Ok(groups.join("-"))
}

fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Io(std::io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{control_with_site, owner};

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    /// What a device shows that was told the secret.
    fn shown(device: &DeviceSecret, at: u64) -> String {
        let secret = totp_rs::Secret::try_from_base32(&device.secret).expect("base 32");
        Builder::new().with_secret(secret).build().expect("built").generate(at).to_string()
    }

    #[test]
    fn asks_for_codes_once_the_device_has_shown_one_and_takes_each_once() {
        let (_ground, control, _site) = control_with_site();
        let user = owner(&control, "ada@example.com");
        let device = control.begin_two_factor(&user).expect("begun");
        assert!(device.uri.starts_with("otpauth://totp/Passant:ada%40example.com?secret="), "{}", device.uri);
        assert!(!control.user("ada@example.com").expect("there").has_two_factor, "not confirmed yet");
        let wrong = if shown(&device, 90_000) == "000000" { "000001" } else { "000000" };
        assert!(matches!(control.confirm_two_factor(&user, wrong, second(90_000)), Err(Error::Refused(_))));
        let codes =
            control.confirm_two_factor(&user, &shown(&device, 90_000), second(90_010)).expect("confirmed");
        let user = control.user("ada@example.com").expect("there");
        assert!(user.has_two_factor && codes.len() == 10);
        let take = |code: &str, at| control.take_code(&user, code, second(at)).expect("looked at");
        assert!(!take(&shown(&device, 90_000), 90_010), "it was taken already");
        assert!(take(&shown(&device, 90_030), 90_050), "a step late");
        assert!(!take(&shown(&device, 90_030), 90_050));
        assert!(!take(&shown(&device, 90_060), 90_180), "too old");
        assert!(take(&shown(&device, 90_210), 90_190), "a step early");
        assert!(take(&codes[3].to_uppercase().replace('-', " "), 90_190) && !take(&codes[3], 90_190));
        assert_eq!(control.recovery_codes_left(&user).expect("counted"), 9);
        assert!(matches!(control.begin_two_factor(&user), Err(Error::Refused(_))));
        control.end_two_factor(&user).expect("ended");
        assert!(!control.user("ada@example.com").expect("there").has_two_factor);
        assert!(!take(&codes[0], 90_190));
    }

    /// RFC 6238, appendix B: the key "12345678901234567890" by SHA-1, of whose eight digits six are shown.
    #[test]
    fn computes_the_codes_of_the_rfc() {
        let (_ground, control, _site) = control_with_site();
        let user = owner(&control, "ada@example.com");
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let totp = totp(&user, b"12345678901234567890".to_vec()).expect("built");
            assert_eq!(totp.generate(at).to_string(), code);
        }
    }
}
