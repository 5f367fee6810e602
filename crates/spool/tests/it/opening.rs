//! Who may open a spool, and what is found there.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use passant_spool::{Foundation, OpenError, Spool};
use tempfile::TempDir;

const VERSION_1: &str = "00000000000000000007-0123456789abcdef-0000000003.sealed";
const VERSION_2: &str = "00000000000000000008-fedcba9876543210-0000000001.sealed";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn refusal(directory: &Path) -> OpenError {
    match Spool::open(directory, crate::config(), Foundation::default()) {
        Ok(_) => panic!("the spool was opened"),
        Err(error) => error,
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = directory.read_dir().unwrap().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn creates_what_only_the_owner_can_read() {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("a/spool");
    let (spool, _segments) = crate::open(&directory);
    spool.append(Bytes::from("secret")).await.unwrap();
    assert_eq!(mode(&directory), 0o700);
    for name in names(&directory) {
        assert_eq!(mode(&directory.join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn refuses_a_second_writer_until_everything_of_the_first_is_gone() {
    let directory = TempDir::new().unwrap();
    let (spool, segments) = crate::open(directory.path());
    let OpenError::Locked { process, .. } = refusal(directory.path()) else { panic!("another refusal") };
    assert_eq!(process, Some(std::process::id()));
    spool.append(Bytes::from("kept")).await.unwrap();
    spool.close().await;
    drop(spool);
    assert!(matches!(refusal(directory.path()), OpenError::Locked { .. }), "the reader still holds it");
    drop(segments);
    let (_spool, mut segments) = crate::open(directory.path());
    let segment = crate::next(&mut segments).await.unwrap();
    assert_eq!(crate::payloads(&segment).await, ["kept"]);
}

#[tokio::test]
async fn refuses_places_that_cannot_hold_a_spool() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(refusal(&file), OpenError::NotADirectory { .. }));
    let own = parent.path().metadata().unwrap().uid();
    let foreign = parent.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    if own == 0 {
        std::os::unix::fs::chown(&foreign, Some(65_534), None).unwrap();
        let OpenError::WrongOwner { owner, expected, .. } = refusal(&foreign) else {
            panic!("another refusal")
        };
        assert_eq!((owner, expected), (65_534, 0));
    } else {
        fs::set_permissions(&foreign, fs::Permissions::from_mode(0o500)).unwrap();
        assert!(matches!(refusal(&foreign), OpenError::ReadOnly { .. }));
    }
    assert!(names(&foreign).is_empty());
}

#[tokio::test]
async fn reads_a_segment_of_version_1() {
    let directory = TempDir::new().unwrap();
    fs::copy(fixture(VERSION_1), directory.path().join(VERSION_1)).unwrap();
    let (spool, mut segments) = crate::open(directory.path());
    assert_eq!(spool.status().events, 3);
    let segment = crate::next(&mut segments).await.unwrap();
    assert_eq!(segment.batch_id().to_string(), "0123456789abcdef");
    assert_eq!(crate::payloads(&segment).await, [&b"first"[..], b"", b"third, \x00\xff"]);
    segment.remove().await.unwrap();
    assert_eq!(names(directory.path()), ["LOCK"]);
}

#[tokio::test]
async fn refuses_a_segment_of_a_newer_version_and_changes_nothing() {
    let directory = TempDir::new().unwrap();
    // One that recovery would seal, were it not for the other.
    let left_open = VERSION_1.replace("-0000000003.sealed", ".open");
    fs::copy(fixture(VERSION_1), directory.path().join(&left_open)).unwrap();
    fs::copy(fixture(VERSION_2), directory.path().join(VERSION_2)).unwrap();
    for _ in 0..2 {
        let OpenError::NewerVersion { version, supported, path } = refusal(directory.path()) else {
            panic!("another refusal")
        };
        assert_eq!((version, supported), (2, 1));
        assert_eq!(path, directory.path().join(VERSION_2));
    }
    assert_eq!(names(directory.path()), [left_open.as_str(), VERSION_2, "LOCK"]);
    fs::remove_file(directory.path().join(VERSION_2)).unwrap();
    let (spool, _segments) = crate::open(directory.path());
    assert_eq!(spool.status().events, 3);
}

#[tokio::test]
async fn leaves_unknown_files_alone_and_continues_the_sequence() {
    let directory = TempDir::new().unwrap();
    let unknown = ["notes.txt", "00000000000000000009-00000000000000aa.damaged", "7-aa.open"];
    for name in unknown {
        fs::write(directory.path().join(name), "mine").unwrap();
    }
    fs::copy(fixture(VERSION_1), directory.path().join(VERSION_1)).unwrap();
    let (spool, segments) = crate::open(directory.path());
    spool.append(Bytes::from("new")).await.unwrap();
    spool.close().await;
    assert_eq!(segments.pending().len(), 2);
    let names = names(directory.path());
    assert!(unknown.iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("00000000000000000008-")), "{names:?}");
}

#[tokio::test]
async fn takes_up_what_a_killed_process_left_open() {
    let directory = TempDir::new().unwrap();
    let (spool, segments) = crate::open(directory.path());
    spool.append(Bytes::from("acknowledged")).await.unwrap();
    let copy = TempDir::new().unwrap();
    for name in names(directory.path()) {
        fs::copy(directory.path().join(&name), copy.path().join(&name)).unwrap();
    }
    let (recovered, mut left) = crate::open(copy.path());
    assert_eq!((recovered.status().events, recovered.status().torn_tails_total), (1, 0));
    let segment = crate::next(&mut left).await.unwrap();
    assert_eq!(crate::payloads(&segment).await, ["acknowledged"]);
    // The original goes on: the two share the batch, and every frame that both have.
    spool.append(Bytes::from("later")).await.unwrap();
    spool.close().await;
    assert_eq!(segments.pending(), [segment.batch_id()]);
}
