//! The control data as a whole, from one database into another.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use passant_control::{Control, DatabaseConfig, ServerUrl};

use super::say;

/// Copies everything to where the options say, with a line for each table.
///
/// # Errors
/// When the target holds something already, or either cannot be used; nothing is changed then.
pub(super) fn copy(control: &Control, to: Option<String>, to_file: Option<PathBuf>) -> Result<()> {
    let target = match (to, to_file) {
        (Some(to), _) if to.contains("://") => Control::connect(&ServerUrl::new(&to))?,
        (Some(path), _) => Control::open(Path::new(&path))?,
        (None, Some(file)) => {
            DatabaseConfig { url: None, url_file: Some(file) }.open(Path::new("control.sqlite"))?
        }
        (None, None) => bail!("nowhere to copy to, expected --to or --to-file"),
    };
    // A closed pipe ends the words, not the copy.
    let rows = control.copy_to(&target, |table, rows| drop(say(&format!("{table}: {rows}"))))?;
    say(&format!("copied {rows} rows; name the new database in the configuration before you start a server"))
}
