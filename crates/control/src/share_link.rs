//! Links by which anybody who has one reads a site's reports, as the public does.
//!
//! Invariant: the link's secret opens nothing but a pass, and that only with the password if there is one, in time. A pass
//! reads what the link shows at that moment: a link that ended, was removed or lost its segment shows nothing.

use jiff::{SignedDuration, Timestamp};

use crate::database::{Control, Reader, Row, params};
use crate::error::{Error, Result};
use crate::goal::{named, refused};
use crate::password::Password;
use crate::secret;
use crate::segment::segments;
use crate::site::Site;

/// A link as it can be listed: all but its secret, which is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareLink {
    /// Its number; pages that frame it name it by that.
    pub id: u64,
    /// The site that it shows.
    pub site_id: u32,
    /// What tells it from others of the site.
    pub name: String,
    /// Whether it asks for a password.
    pub has_password: bool,
    /// The one segment that it shows; all without.
    pub segment_id: Option<u64>,
    /// Origins whose pages may frame it.
    pub frame_ancestors: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it shows nothing.
    pub expires_at: Option<Timestamp>,
}

/// A link that is to be.
#[derive(Default)]
pub struct NewShareLink {
    /// What tells it from others of the site.
    pub name: String,
    /// A password to ask for.
    pub password: Option<Password>,
    /// The one segment that it is to show.
    pub segment_id: Option<u64>,
    /// Origins whose pages may frame it.
    pub frame_ancestors: Vec<String>,
    /// From when on it shows nothing; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// What somebody may read who has opened a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The site.
    pub site_id: u32,
    /// The one segment of it; all without.
    pub segment_id: Option<u64>,
}

/// What came of opening a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A pass, its end, and the link.
    Pass {
        /// What to ask with; kept nowhere.
        pass: String,
        /// When it ends.
        ends: Timestamp,
        /// What was opened.
        link: ShareLink,
    },
    /// A password is asked for, and none was shown or another.
    PasswordNeeded,
}

/// What tells a pass from a token.
pub const PASS_PREFIX: &str = "share_";
/// A working day: a page that is left open asks for the password again on the next.
const PASS_LASTS: SignedDuration = SignedDuration::from_hours(12);
const LINKS_MAX: usize = 100;
const ANCESTORS_MAX: usize = 20;
const COLUMNS: &str =
    "id, site_id, name, password IS NOT NULL, segment_id, frame_ancestors, created_at, expires_at";

impl Control {
    /// The links of a site, in the order in which they were made, those that have ended too.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn share_links(&self, site: &Site) -> Result<Vec<ShareLink>> {
        self.read(|reader| share_links(reader, site))
    }

    /// The link of a number.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none.
    pub fn share_link(&self, id: u64) -> Result<ShareLink> {
        self.read(|reader| share_link(reader, id))
    }

    /// Makes a link, and returns it with its secret of 128 bits, which is kept nowhere.
    ///
    /// # Errors
    /// [`Error::Refused`] for a name that is none or another link's, a segment that the site does not have, origins that are
    /// none, and an end that is past.
    pub fn add_share_link(
        &self,
        site: &Site,
        link: NewShareLink,
        now: Timestamp,
    ) -> Result<(ShareLink, String)> {
        let name = named(&link.name, "name")?;
        if link.expires_at.is_some_and(|end| end <= now) {
            return Err(refused("the link would have ended already".into()));
        }
        check_ancestors(&link.frame_ancestors)?;
        let password = link.password.map(|password| password.hash()).transpose()?;
        let secret = secret::random_hex::<16>()?;
        let link = self.write(|writer| {
            if let Some(id) = link.segment_id
                && !segments(writer, site)?.iter().any(|segment| segment.id == id)
            {
                return Err(refused(format!("the site has no segment {id}")));
            }
            if share_links(writer, site)?.len() >= LINKS_MAX {
                return Err(refused(format!("the site has {LINKS_MAX} links already, which is the most")));
            }
            let values = params![
                site.id,
                &name,
                secret::hash(&secret),
                password,
                link.segment_id,
                link.frame_ancestors.join(" "),
                now,
                link.expires_at,
            ];
            let sql = "INSERT INTO share_links
                (site_id, name, hash, password, segment_id, frame_ancestors, created_at, expires_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING RETURNING id";
            let id = writer.insert(sql, values)?;
            share_link(writer, id.ok_or_else(|| refused(format!("a link {name:?} exists already")))?)
        })?;
        Ok((link, secret))
    }

    /// Removes a link; who has opened it reads nothing any more.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the site has none of this number.
    pub fn remove_share_link(&self, site: &Site, id: u64) -> Result<()> {
        self.remove_definition(("share_links", "link"), site, id)
    }

    /// Opens a link by its secret.
    ///
    /// # Errors
    /// [`Error::LinkGone`] for a secret that is none, and for a link that has ended.
    pub fn open_share_link(
        &self,
        secret: &str,
        password: Option<&Password>,
        now: Timestamp,
    ) -> Result<Opened> {
        let sql = "SELECT id, password FROM share_links
                   WHERE hash = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
        let row = self.read(|reader| reader.row(sql, params![secret::hash(secret), now]))?;
        let row = row.ok_or(Error::LinkGone)?;
        if let Some(hash) = row.get::<Option<String>>(1)? {
            let fits = password.map(|password| password.matches(Some(&hash))).transpose()?;
            if fits != Some(true) {
                return Ok(Opened::PasswordNeeded);
            }
        }
        let pass = format!("{PASS_PREFIX}{}", secret::random_hex::<20>()?);
        self.write(|writer| {
            let link = share_link(writer, row.get(0)?)?;
            let ends = link.expires_at.map_or(now + PASS_LASTS, |end| end.min(now + PASS_LASTS));
            writer.execute("DELETE FROM share_passes WHERE expires_at <= ?1", params![now])?;
            let sql = "INSERT INTO share_passes (hash, link_id, expires_at) VALUES (?1, ?2, ?3)";
            writer.execute(sql, params![secret::hash(&pass), link.id, ends])?;
            Ok(Opened::Pass { pass, ends, link })
        })
    }

    /// What a pass lets somebody read; `None` for one that has ended or never was, or whose link has.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn share(&self, pass: &str, now: Timestamp) -> Result<Option<Share>> {
        let sql = "SELECT site_id, segment_id FROM share_passes JOIN share_links ON share_links.id = link_id
                   WHERE share_passes.hash = ?1 AND share_passes.expires_at > ?2";
        let row = self.read(|reader| reader.row(sql, params![secret::hash(pass), now]))?;
        row.map(|row| Ok(Share { site_id: row.get(0)?, segment_id: row.get(1)? })).transpose()
    }
}

fn share_links(reader: &Reader<'_>, site: &Site) -> Result<Vec<ShareLink>> {
    let sql = format!("SELECT {COLUMNS} FROM share_links WHERE site_id = ?1 ORDER BY id");
    reader.rows(&sql, params![site.id])?.iter().map(from_row).collect()
}

fn share_link(reader: &Reader<'_>, id: u64) -> Result<ShareLink> {
    let row = reader.row(&format!("SELECT {COLUMNS} FROM share_links WHERE id = ?1"), params![id])?;
    from_row(&row.ok_or(Error::Unknown { what: "link", id })?)
}

/// Whole origins: a header is made of them, so nothing else may stand in it.
pub(crate) fn check_ancestors(origins: &[String]) -> Result<()> {
    let is_origin = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '*');
        host.is_some_and(|host| !host.is_empty() && host.len() <= 253 && host.chars().all(allowed))
    };
    if origins.len() > ANCESTORS_MAX {
        return Err(refused(format!("frame_ancestors: expected at most {ANCESTORS_MAX}")));
    }
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(origin) => Err(refused(format!(
            "{origin:?} is not an origin, expected one like \"https://www.example.com\""
        ))),
        None => Ok(()),
    }
}

fn from_row(row: &Row) -> Result<ShareLink> {
    Ok(ShareLink {
        id: row.get(0)?,
        site_id: row.get(1)?,
        name: row.get(2)?,
        has_password: row.get(3)?,
        segment_id: row.get(4)?,
        frame_ancestors: row.get::<String>(5)?.split_whitespace().map(str::to_owned).collect(),
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::NewSegment;
    use crate::fixture::{control_with_site, password};

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    fn link(name: &str) -> NewShareLink {
        NewShareLink { name: name.into(), ..NewShareLink::default() }
    }

    fn pass(opened: Opened) -> String {
        match opened {
            Opened::Pass { pass, .. } => pass,
            Opened::PasswordNeeded => panic!("a password is asked for"),
        }
    }

    #[test]
    fn opens_what_it_shows_by_its_secret_and_its_password() {
        let (ground, control, site) = control_with_site();
        let new = NewShareLink { password: Some(password()), ..link("Board") };
        let (made, secret) = control.add_share_link(&site, new, second(0)).expect("made");
        assert_eq!((secret.len(), made.has_password), (32, true));
        let open =
            |secret: &str, password: Option<&Password>| control.open_share_link(secret, password, second(0));
        assert_eq!(open(&secret, None).expect("asked"), Opened::PasswordNeeded);
        let wrong = Password::shown("wrong horse".into());
        assert_eq!(open(&secret, Some(&wrong)).expect("asked"), Opened::PasswordNeeded);
        assert!(matches!(open("00", Some(&password())), Err(Error::LinkGone)));
        let pass = pass(open(&secret, Some(&password())).expect("opened"));
        let share = |at| control.share(&pass, second(at)).expect("read");
        assert_eq!(share(0), Some(Share { site_id: site.id, segment_id: None }));
        assert_eq!(share(12 * 3600), None, "a pass lasts half a day");
        assert_eq!(control.share(&secret, second(0)).expect("read"), None, "the secret itself reads nothing");
        control.remove_share_link(&site, made.id).expect("removed");
        assert_eq!(share(0), None);
        assert!(!ground.holds(&secret) && !ground.holds(&pass));
    }

    #[test]
    fn ends_in_time_and_with_its_segment() {
        let (_ground, control, site) = control_with_site();
        let segment = NewSegment { name: "FR".into(), filters: json!([["is", "visit:country", ["FR"]]]) };
        let segment = control.add_segment(&site, segment, |_| Ok(())).expect("added");
        let new =
            NewShareLink { segment_id: Some(segment.id), expires_at: Some(second(60)), ..link("French") };
        let (_, secret) = control.add_share_link(&site, new, second(0)).expect("made");
        let pass = pass(control.open_share_link(&secret, None, second(0)).expect("opened"));
        let share = |at| control.share(&pass, second(at)).expect("read");
        assert_eq!(share(59), Some(Share { site_id: site.id, segment_id: Some(segment.id) }));
        assert_eq!(share(60), None);
        assert!(matches!(control.open_share_link(&secret, None, second(60)), Err(Error::LinkGone)));
        control.remove_segment(&site, segment.id).expect("removed");
        assert_eq!(share(0), None, "it does not come to show the whole site");
    }

    #[test]
    fn refuses_links_that_make_no_sense() {
        let (_ground, control, site) = control_with_site();
        control.add_share_link(&site, link("Board"), second(0)).expect("made");
        let framed = |origin: &str| NewShareLink { frame_ancestors: vec![origin.into()], ..link("Framed") };
        for (new, words) in [
            (link(" "), "name"),
            (link("Board"), "a link \"Board\" exists already"),
            (NewShareLink { segment_id: Some(9), ..link("x") }, "the site has no segment 9"),
            (NewShareLink { expires_at: Some(second(0)), ..link("x") }, "ended already"),
            (framed("www.example.com"), "is not an origin"),
            (framed("https://a.example; script-src *"), "is not an origin"),
            (framed("https://a.example/path"), "is not an origin"),
        ] {
            let refusal = control.add_share_link(&site, new, second(0)).expect_err(words).to_string();
            assert!(refusal.contains(words), "{refusal}");
        }
        let (made, _) =
            control.add_share_link(&site, framed("https://*.example.com:8443"), second(0)).expect("made");
        assert_eq!(made.frame_ancestors, ["https://*.example.com:8443"]);
    }
}
