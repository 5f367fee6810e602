//! The readers of what people send, as the fuzz targets of this workspace call them. Not for anyone else: nothing here is
//! stable.

use crate::share_link::check_ancestors;
use crate::user::normal_email;

/// An e-mail address as it is kept, or nothing.
pub fn email(text: &str) -> Option<String> {
    normal_email(text).ok()
}

/// Whether these origins may stand in a header.
pub fn are_origins(origins: &[String]) -> bool {
    check_ancestors(origins).is_ok()
}
