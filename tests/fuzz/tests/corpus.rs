//! Each seed, and damaged forms of it, through its target.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use std::path::{Path, PathBuf};

use passant_fuzz::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

#[test]
fn every_seed_and_every_damaged_seed_is_taken() {
    for target in TARGETS {
        for seed in entries(&corpus().join(target.name)) {
            let bytes = std::fs::read(&seed).unwrap();
            (target.take)(&bytes);
            let steps = bytes.len().clamp(1, 200);
            for step in 0..steps {
                let at = step * bytes.len() / steps;
                (target.take)(&bytes[..at]);
                for value in [0, 0x7f, 0xff, b'"', b'%'] {
                    let mut damaged = bytes.clone();
                    if let Some(byte) = damaged.get_mut(at) {
                        *byte = value;
                    }
                    (target.take)(&damaged);
                }
            }
        }
    }
}

#[test]
fn every_target_has_seeds_and_every_folder_of_seeds_a_target() {
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    names.sort();
    let folders = entries(&corpus());
    assert!(folders.iter().all(|folder| !entries(folder).is_empty()));
    let folders: Vec<_> =
        folders.iter().map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(folders, names);
}
