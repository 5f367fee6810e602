//! What the tests of this crate begin with.

use jiff::Timestamp;
use tempfile::TempDir;

use crate::{Control, Site};

/// Fresh control data with one site.
pub(crate) fn control_with_site() -> (TempDir, Control, Site) {
    let directory = tempfile::tempdir().expect("directory");
    let control = Control::open(&directory.path().join("control.sqlite")).expect("open");
    let site = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
    (directory, control, site)
}
