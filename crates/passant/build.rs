//! Lists what was built for browsers, so that `built.rs` embeds it. Nothing is built here: that takes Node, and cargo
//! is not to reach for the network.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Name of the list, directory from the root, and a file that has to be in it.
const BUILT: &[(&str, &str, &str)] =
    &[("TRACKER", "tracker/dist", "passant.js"), ("DASHBOARD", "dashboards/web/dist", "index.html")];

fn main() {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let mut lists = String::new();
    for (name, directory, needed) in BUILT {
        let path = root.join(directory);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.join(needed).is_file() {
            println!(
                "cargo::error={directory}/{needed} is not built yet: run `make assets`, then cargo again"
            );
            return;
        }
        writeln!(lists, "pub(crate) static {name}: &[(&str, &[u8])] = &[").expect("memory");
        for file in files(&path) {
            println!("cargo::rerun-if-changed={}", file.display());
            let file = file.canonicalize().expect("it was listed a moment ago");
            let name = file.strip_prefix(path.canonicalize().expect("it was listed a moment ago"));
            let name = name.expect("it is in the directory").to_str().expect("names are ASCII");
            writeln!(lists, "    ({name:?}, include_bytes!({file:?})),").expect("memory");
        }
        lists.push_str("];\n");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("built.rs");
    if fs::read_to_string(&out).ok().as_ref() != Some(&lists) {
        fs::write(&out, lists).expect("cargo's own directory can be written");
    }
}

/// Every file in a directory and those below it, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory that was built can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("as above").path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
