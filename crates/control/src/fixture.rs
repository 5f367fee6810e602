//! What the tests of this crate begin with.

use jiff::Timestamp;
use tempfile::TempDir;

use crate::{Control, NewOwner, NewUser, Password, Site, User};

/// Fresh control data with one site.
pub(crate) fn control_with_site() -> (TempDir, Control, Site) {
    let directory = tempfile::tempdir().expect("directory");
    let control = Control::open(&directory.path().join("control.sqlite")).expect("open");
    let site = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
    (directory, control, site)
}

/// A password that passes.
pub(crate) fn password() -> Password {
    Password::chosen("correct horse".into()).expect("long enough")
}

/// An owner with [`password`].
pub(crate) fn owner(control: &Control, email: &str) -> User {
    let secret = control.setup_link().expect("made").expect("no owner yet");
    let owner = NewOwner { email, name: "Ada", password: &password() };
    control.set_up(&secret, &owner, Timestamp::UNIX_EPOCH).expect("set up")
}

/// Somebody who was invited.
pub(crate) fn member(control: &Control, email: &str) -> User {
    let user = NewUser { email: email.into(), name: None, is_owner: false };
    control.add_user(&user, Timestamp::UNIX_EPOCH).expect("added")
}
