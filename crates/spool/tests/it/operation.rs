//! Limits, sealing, refusals, removal and the end of a spool.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use passant_spool::model::{Fault, ModelFileSystem, Operation, Persistence};
use passant_spool::{AppendError, Commit, Config, Foundation, Observer, SegmentError, Segments, Spool, Step};
use tempfile::TempDir;

fn open_on(model: &ModelFileSystem, config: Config) -> (Spool, Segments) {
    let foundation = Foundation { file_system: Arc::new(model.clone()), ..Foundation::default() };
    Spool::open(Path::new("/spool"), config, foundation).unwrap()
}

fn model() -> ModelFileSystem {
    ModelFileSystem::new(1, 1 << 30)
}

fn once(operation: Operation) -> Fault {
    Fault { operation, after: 0, error: ErrorKind::Other, persistence: Persistence::Once }
}

#[tokio::test]
async fn refuses_when_full_and_recovers_when_a_segment_is_removed() {
    let config = Config { segment_bytes: 4096, capacity_bytes: 8192, ..crate::config() };
    let (spool, mut segments) = open_on(&model(), config);
    let payload = Bytes::from(vec![1; 1000]);
    let mut stored = 0;
    let refusal = loop {
        match spool.append(payload.clone()).await {
            Ok(()) => stored += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(
        matches!(refusal, AppendError::Full { retry_after } if retry_after > Duration::ZERO),
        "{refusal}"
    );
    assert_eq!((stored, spool.status().events), (7, 7));
    let segment = crate::next(&mut segments).await.unwrap();
    assert_eq!(segment.frames(), 3);
    segment.remove().await.unwrap();
    spool.append(payload).await.unwrap();
    assert_eq!(spool.status().events, 5);
}

#[tokio::test]
async fn keeps_the_reserve_free() {
    let model = ModelFileSystem::new(1, 10_000);
    let (spool, mut segments) = open_on(&model, Config { reserve_bytes: 5_000, ..crate::config() });
    spool.append(Bytes::from(vec![1; 4_000])).await.unwrap();
    let refused = spool.append(Bytes::from(vec![1; 4_000])).await;
    assert!(matches!(refused, Err(AppendError::Full { .. })), "{refused:?}");
    assert_eq!(spool.status().io_errors_total, 0);
    spool.seal().await;
    crate::next(&mut segments).await.unwrap().remove().await.unwrap();
    spool.append(Bytes::from(vec![1; 4_000])).await.unwrap();
}

#[tokio::test]
async fn recovers_by_itself_when_the_disk_was_full() {
    let model = ModelFileSystem::new(1, 5_000);
    let (spool, mut segments) = open_on(&model, crate::config());
    spool.append(Bytes::from(vec![1; 3_000])).await.unwrap();
    // Others may take the room between the look at it and the write.
    model.inject(Fault { error: ErrorKind::StorageFull, ..once(Operation::Append) });
    let refused = spool.append(Bytes::from(vec![2; 1_000])).await;
    assert!(matches!(refused, Err(AppendError::Full { .. })), "{refused:?}");
    let segment = crate::next(&mut segments).await.unwrap();
    assert_eq!(crate::payloads(&segment).await, [vec![1; 3_000]]);
    segment.remove().await.unwrap();
    let started = Instant::now();
    while spool.append(Bytes::from(vec![3; 3_000])).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "still refuses");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn seals_by_count_by_size_by_age_and_on_request() {
    let by_count = Config { seal_after_events: 3, ..crate::config() };
    let by_size = Config { segment_bytes: 4096, ..crate::config() };
    for (config, length, frames) in [(by_count, 10, 3), (by_size, 900, 4)] {
        let (spool, mut segments) = open_on(&model(), config);
        for _ in 0..5 {
            spool.append(Bytes::from(vec![0; length])).await.unwrap();
        }
        let first = crate::next(&mut segments).await.unwrap();
        assert_eq!(first.frames(), frames);
        assert!(segments.pending().is_empty(), "the rest is still open");
        spool.seal().await;
        let rest = crate::next(&mut segments).await.unwrap();
        assert_eq!(rest.frames(), 5 - frames);
    }
    let (spool, mut segments) = open_on(&model(), Config { seal_after_seconds: 0.02, ..crate::config() });
    spool.append(Bytes::from("aged")).await.unwrap();
    assert_eq!(crate::next(&mut segments).await.unwrap().frames(), 1);
}

#[tokio::test]
async fn seals_in_the_midst_of_steady_traffic() {
    let (spool, mut segments) = open_on(&model(), Config { seal_after_seconds: 0.02, ..crate::config() });
    let traffic = async {
        loop {
            spool.append(Bytes::from("steady")).await.unwrap();
        }
    };
    tokio::select! {
        () = traffic => {}
        segment = crate::next(&mut segments) => assert!(segment.unwrap().frames() > 0),
    }
}

#[tokio::test]
async fn never_seals_an_empty_segment() {
    let model = model();
    let (spool, mut segments) = open_on(&model, crate::config());
    spool.seal().await;
    spool.append_all(Vec::new()).await.unwrap();
    spool.close().await;
    assert!(crate::next(&mut segments).await.is_none());
    assert_eq!((model.files().len(), model.operations()), (0, 0));
}

#[tokio::test]
async fn what_follows_an_append_happens_though_its_caller_has_gone() {
    let (spool, segments) = open_on(&model(), crate::config());
    let (outcomes, outcome) = std::sync::mpsc::channel();
    let then = |outcomes: &std::sync::mpsc::Sender<_>| {
        let outcomes = outcomes.clone();
        move |outcome| drop(outcomes.send(outcome))
    };
    spool.append_then(vec![Bytes::from("stored")], then(&outcomes));
    spool.append_then(vec![Bytes::from(vec![1; 1 << 25])], then(&outcomes));
    spool.close().await;
    spool.append_then(vec![Bytes::from("late")], then(&outcomes));
    drop((spool, segments, outcomes));
    let mut outcomes: Vec<Result<(), AppendError>> = outcome.iter().collect();
    outcomes.sort_by_key(|outcome| format!("{outcome:?}"));
    assert!(
        matches!(outcomes[..], [Err(AppendError::Closed), Err(AppendError::TooLarge { .. }), Ok(())]),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn keeps_the_payloads_of_one_call_in_one_segment() {
    let (spool, mut segments) = open_on(&model(), Config { seal_after_events: 4, ..crate::config() });
    spool.append_all(vec![Bytes::from("a"); 3]).await.unwrap();
    spool.append_all(vec![Bytes::from("b"); 3]).await.unwrap();
    spool.close().await;
    for expected in ["a", "b"] {
        let segment = crate::next(&mut segments).await.unwrap();
        assert_eq!(crate::payloads(&segment).await, [expected; 3]);
        segment.remove().await.unwrap();
    }
}

#[tokio::test]
async fn refuses_what_no_segment_can_hold() {
    let (spool, _segments) = open_on(&model(), Config { seal_after_events: 4, ..crate::config() });
    for payloads in [vec![Bytes::from(vec![0; (1 << 20) + 1])], vec![Bytes::from("x"); 5]] {
        let refused = spool.append_all(payloads).await;
        assert!(matches!(refused, Err(AppendError::TooLarge { .. })), "{refused:?}");
    }
    spool.append(Bytes::from(vec![0; 1 << 20])).await.unwrap();
}

#[tokio::test]
async fn moves_the_last_group_to_a_new_segment_when_a_sync_fails() {
    let model = model();
    let (spool, mut segments) = open_on(&model, crate::config());
    spool.append(Bytes::from("before")).await.unwrap();
    model.inject(once(Operation::Sync));
    spool.append(Bytes::from("moved")).await.unwrap();
    spool.append(Bytes::from("after")).await.unwrap();
    assert_eq!(spool.status().io_errors_total, 1);
    spool.close().await;
    let condemned = crate::next(&mut segments).await.unwrap();
    assert_eq!(crate::payloads(&condemned).await, ["before"]);
    let successor = crate::next(&mut segments).await.unwrap();
    assert_eq!(crate::payloads(&successor).await, ["moved", "after"]);
    assert_ne!(condemned.batch_id(), successor.batch_id());
    let held: usize = model.files().values().map(Vec::len).sum();
    assert_eq!(held as u64, spool.status().bytes, "the condemned file was cut");
}

#[tokio::test]
async fn admits_not_to_know_when_the_failed_bytes_cannot_be_cut_off() {
    let model = model();
    let (spool, mut segments) = open_on(&model, crate::config());
    spool.append(Bytes::from("before")).await.unwrap();
    for operation in [Operation::Sync, Operation::Truncate, Operation::Rename] {
        model.inject(once(operation));
    }
    let unknown = spool.append(Bytes::from("lost in between")).await;
    assert!(matches!(unknown, Err(AppendError::Indeterminate)), "{unknown:?}");
    spool.append(Bytes::from("after")).await.unwrap();
    spool.close().await;
    for expected in ["before", "after"] {
        let segment = crate::next(&mut segments).await.unwrap();
        assert_eq!(crate::payloads(&segment).await, [expected]);
        segment.remove().await.unwrap();
    }
    assert!(model.files().is_empty());
}

#[tokio::test]
async fn never_acknowledges_into_a_deleted_directory() {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("spool");
    let (spool, mut segments) = crate::open(&directory);
    spool.append(Bytes::from("gone with it")).await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    for _ in 0..3 {
        assert!(spool.append(Bytes::from("nowhere")).await.is_err());
    }
    assert!(spool.status().io_errors_total > 0);
    let segment = crate::next(&mut segments).await.unwrap();
    assert!(matches!(segment.read().await, Err(SegmentError::Missing { .. })));
}

#[tokio::test]
async fn hands_a_segment_out_again_before_younger_ones_unless_it_was_removed() {
    let model = model();
    let (spool, mut segments) = open_on(&model, crate::config());
    for payload in ["first", "second"] {
        spool.append(Bytes::from(payload)).await.unwrap();
        spool.seal().await;
    }
    let pending = segments.pending();
    let first = crate::next(&mut segments).await.unwrap();
    drop(first);
    assert_eq!(segments.pending(), pending);
    let first = crate::next(&mut segments).await.unwrap();
    // Closed, so that the removal is the next to sync the directory.
    spool.close().await;
    model.inject(once(Operation::SyncDirectory));
    assert!(matches!(first.remove().await, Err(SegmentError::Io { .. })));
    first.remove().await.unwrap();
    drop(first);
    assert_eq!(segments.pending(), pending[1..]);
    assert_eq!((spool.status().segments, spool.status().events), (1, 1));
}

#[tokio::test]
async fn finishes_what_was_queued_when_it_closes() {
    let (spool, mut segments) = open_on(&model(), crate::config());
    let appends: Vec<_> = (0..50)
        .map(|_| {
            let spool = spool.clone();
            tokio::spawn(async move { spool.append(Bytes::from("queued")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    spool.close().await;
    let mut acknowledged = 0;
    for append in appends {
        match append.await.unwrap() {
            Ok(()) => acknowledged += 1,
            Err(refused) => assert!(matches!(refused, AppendError::Closed), "{refused}"),
        }
    }
    assert!(matches!(spool.append(Bytes::from("late")).await, Err(AppendError::Closed)));
    let mut read = 0;
    while let Some(segment) = crate::next(&mut segments).await {
        read += crate::payloads(&segment).await.len();
        segment.remove().await.unwrap();
    }
    assert_eq!((acknowledged, read), (50, 50));
}

#[tokio::test]
async fn seals_in_the_background_when_the_last_handle_is_dropped() {
    let (spool, mut segments) = open_on(&model(), crate::config());
    spool.append(Bytes::from("left")).await.unwrap();
    drop(spool);
    let segment = crate::next(&mut segments).await.unwrap();
    assert_eq!(crate::payloads(&segment).await, ["left"]);
    segment.remove().await.unwrap();
    assert!(crate::next(&mut segments).await.is_none());
}

#[derive(Default)]
struct Recorder {
    steps: Mutex<Vec<Step>>,
    commits: Mutex<Vec<Commit>>,
}

impl Observer for Recorder {
    fn committed(&self, commit: Commit) {
        self.commits.lock().unwrap().push(commit);
    }

    fn reached(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

#[tokio::test]
async fn acknowledges_after_the_file_and_its_entry_are_synced() {
    let observer = Arc::new(Recorder::default());
    let foundation = Foundation { file_system: Arc::new(model()), observer: observer.clone() };
    let (spool, mut segments) = Spool::open(Path::new("/spool"), crate::config(), foundation).unwrap();
    spool.append_all(vec![Bytes::from("one"), Bytes::from("two")]).await.unwrap();
    spool.append(Bytes::from("three")).await.unwrap();
    spool.close().await;
    crate::next(&mut segments).await.unwrap().remove().await.unwrap();
    let frames: Vec<u64> = observer.commits.lock().unwrap().iter().map(|commit| commit.frames).collect();
    assert_eq!(frames, [2, 1]);
    use Step::{Acknowledged, EntrySynced, Removed, Removing, Sealed, Sealing, Synced, Writing, Written};
    let first = [Writing, Written, Synced, EntrySynced, Acknowledged];
    let rest = [Writing, Written, Synced, Acknowledged, Sealing, Sealed, Removing, Removed];
    assert_eq!(*observer.steps.lock().unwrap(), [&first[..], &rest[..]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_what_many_appenders_write_at_once_exactly_once() {
    let directory = TempDir::new().unwrap();
    let (spool, mut segments) = crate::open(directory.path());
    let appenders: Vec<_> = (0..64_u32)
        .map(|appender| {
            let spool = spool.clone();
            tokio::spawn(async move {
                for count in 0..20_u32 {
                    let payload = [appender.to_le_bytes(), count.to_le_bytes()].concat();
                    spool.append(payload.into()).await.unwrap();
                }
            })
        })
        .collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    spool.close().await;
    let mut read = Vec::new();
    while let Some(segment) = crate::next(&mut segments).await {
        read.extend(crate::payloads(&segment).await);
        segment.remove().await.unwrap();
    }
    // Each appender's own payloads are in its order.
    read.sort_by_key(|payload| payload[..4].to_vec());
    let expected: Vec<Vec<u8>> = (0..64_u32)
        .flat_map(|appender| {
            (0..20_u32).map(move |count| [appender.to_le_bytes(), count.to_le_bytes()].concat())
        })
        .collect();
    assert_eq!(read, expected);
}
