//! What is read back from a disk that somebody or something has changed.

use std::path::Path;
use std::sync::Arc;

use passant_ingest::{decode, encode};
use passant_spool::model::ModelFileSystem;
use passant_spool::{Config, Foundation, Spool};

const NAME: &str = "00000000000000000007-0123456789abcdef-0000000003.sealed";

/// The payload of a frame: what can be read is written and read as the same.
pub(crate) fn event_record(bytes: &[u8]) {
    if let Ok(event) = decode(bytes) {
        assert_eq!(decode(&encode(&event)).expect("just encoded"), event);
    }
}

/// A whole sealed file: the spool opens or says why not, and reading it ends.
pub(crate) fn segment(bytes: &[u8]) {
    let disk = ModelFileSystem::new(1, 1 << 26);
    disk.put(&format!("/spool/{NAME}"), bytes);
    let foundation = Foundation { file_system: Arc::new(disk), ..Foundation::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let Ok((spool, mut segments)) = Spool::open(Path::new("/spool"), Config::default(), foundation)
        else {
            return;
        };
        if !segments.pending().is_empty()
            && let Some(segment) = segments.next().await
            && let Ok(frames) = segment.read().await
        {
            assert!(frames.count() <= bytes.len());
        }
        drop(spool);
    });
}
