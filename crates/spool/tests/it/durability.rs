//! The promise under faults: what was acknowledged is read exactly once, what was refused never.

use std::io::ErrorKind;

use passant_spool::Config;
use passant_spool::model::{Action, Fault, Loss, Operation, Oracle, Persistence};
use proptest::prelude::*;
use proptest::test_runner::Config as Cases;

const OPERATIONS: [Operation; 7] = [
    Operation::Create,
    Operation::Append,
    Operation::Sync,
    Operation::Truncate,
    Operation::Rename,
    Operation::Remove,
    Operation::SyncDirectory,
];

/// Small enough for limits to be met within a few actions.
fn config(capacity_bytes: u64) -> Config {
    Config { segment_bytes: 8 << 10, seal_after_events: 20, capacity_bytes, ..crate::config() }
}

fn losses() -> impl Strategy<Value = Loss> {
    prop_oneof![Just(Loss::Process), Just(Loss::Power)]
}

fn faults() -> impl Strategy<Value = Fault> {
    (
        proptest::sample::select(OPERATIONS.to_vec()),
        0..4_u32,
        prop_oneof![3 => Just(ErrorKind::Other), 1 => Just(ErrorKind::StorageFull)],
        prop_oneof![3 => Just(Persistence::Once), 1 => Just(Persistence::Forever)],
    )
        .prop_map(|(operation, after, error, persistence)| Fault {
            operation,
            after,
            error,
            persistence,
        })
}

fn actions() -> impl Strategy<Value = Action> {
    let lengths = || proptest::collection::vec(prop_oneof![4 => 0..200_usize, 1 => 0..3_000_usize], 1..6);
    prop_oneof![
        10 => lengths().prop_map(Action::Append),
        3 => lengths().prop_map(Action::AppendAll),
        4 => Just(Action::Seal),
        4 => (1..4_usize).prop_map(Action::Ship),
        1 => Just(Action::Peek),
        4 => faults().prop_map(Action::Inject),
        2 => (0..12_u32, losses()).prop_map(|(operations, loss)| Action::CrashAfter(operations, loss)),
        1 => losses().prop_map(Action::Crash),
        1 => (losses(), 0..6_u32).prop_map(|(loss, operations)| Action::CrashTwice(loss, operations)),
        1 => Just(Action::Reopen),
    ]
}

fn cases() -> Cases {
    let chosen = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if chosen { Cases::default().cases } else { 600 };
    Cases { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Cases::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn keeps_the_promise_under_any_sequence_of_faults(
        seed: u64,
        disk_bytes in prop_oneof![Just(1_usize << 30), 16_000..48_000_usize],
        capacity_bytes in prop_oneof![Just(1_u64 << 30), 8_192..40_000_u64],
        actions in proptest::collection::vec(actions(), 1..40),
    ) {
        Oracle::check(seed, disk_bytes, config(capacity_bytes), &actions);
    }
}

/// A life with all its steps: first commit, further ones, a roll, a seal, a removal.
fn life() -> Vec<Action> {
    vec![
        Action::Append(vec![10, 700, 10]),
        Action::Append(vec![300]),
        Action::AppendAll(vec![20, 20, 20]),
        Action::Seal,
        Action::Append(vec![1_000, 50]),
        Action::Ship(1),
        Action::Append(vec![10; 19]),
        Action::Ship(3),
        Action::Append(vec![5]),
    ]
}

#[test]
fn keeps_the_promise_when_it_crashes_at_any_operation() {
    for loss in [Loss::Process, Loss::Power] {
        for operations in 0..40 {
            for seed in 0..10 {
                let actions: Vec<_> =
                    [Action::CrashAfter(operations, loss)].into_iter().chain(life()).collect();
                Oracle::check(seed * 40 + u64::from(operations), 1 << 30, config(1 << 30), &actions);
            }
        }
    }
}

#[test]
fn keeps_the_promise_when_an_operation_fails_and_a_crash_follows() {
    for operation in OPERATIONS {
        for (after, error) in
            (0..5).flat_map(|after| [(after, ErrorKind::Other), (after, ErrorKind::StorageFull)])
        {
            for crash in 1..24 {
                let fault = Fault { operation, after, error, persistence: Persistence::Once };
                let actions: Vec<_> = [Action::Inject(fault), Action::CrashAfter(crash, Loss::Power)]
                    .into_iter()
                    .chain(life())
                    .collect();
                Oracle::check(u64::from(after * 24 + crash), 1 << 30, config(1 << 30), &actions);
            }
        }
    }
}

#[test]
fn keeps_the_promise_when_neither_cut_of_a_failed_segment_succeeds() {
    for error in [ErrorKind::Other, ErrorKind::StorageFull] {
        for (first, loss) in (0..6).flat_map(|seed| [(seed, Loss::Process), (seed, Loss::Power)]) {
            let fault = |operation| {
                Action::Inject(Fault { operation, after: 0, error, persistence: Persistence::Forever })
            };
            let actions = [
                Action::Append(vec![10, 20]),
                fault(Operation::Sync),
                fault(Operation::Truncate),
                fault(Operation::SyncDirectory),
                Action::Append(vec![30, 40]),
                Action::Append(vec![50]),
                Action::Crash(loss),
                Action::Append(vec![60]),
            ];
            Oracle::check(first, 1 << 30, config(1 << 30), &actions);
        }
    }
}

#[test]
fn ships_after_a_failed_sync_and_a_crash_only_what_a_power_cut_leaves() {
    for (seed, operations) in (0..40).flat_map(|seed| (1..4).map(move |operations| (seed, operations))) {
        let fault = |operation, persistence| {
            Action::Inject(Fault { operation, after: 0, error: ErrorKind::Other, persistence })
        };
        let actions = [
            Action::Append(vec![700]),
            fault(Operation::Sync, Persistence::Once),
            Action::CrashAfter(operations, Loss::Process),
            Action::Append(vec![700, 900, 10]),
            fault(Operation::Remove, Persistence::Forever),
            Action::Ship(1),
        ];
        Oracle::check(seed, 1 << 30, config(1 << 30), &actions);
    }
}

/// The oracle is only as good as its nose.
#[test]
fn would_notice_a_broken_promise() {
    let fault = |operation| {
        Action::Inject(Fault { operation, after: 0, error: ErrorKind::Other, persistence: Persistence::Once })
    };
    let lost = |operation| {
        vec![Action::LieAbout(operation), Action::Append(vec![900; 5]), Action::Crash(Loss::Power)]
    };
    let uncut = vec![
        Action::Append(vec![10]),
        Action::LieAbout(Operation::Truncate),
        fault(Operation::Rename),
        fault(Operation::Sync),
        Action::Append(vec![20; 5]),
        Action::Crash(Loss::Process),
    ];
    let unremoved =
        vec![Action::Append(vec![10; 4]), Action::Seal, Action::LieAbout(Operation::Remove), Action::Ship(1)];
    for actions in [lost(Operation::Sync), lost(Operation::SyncDirectory), uncut, unremoved] {
        let noticed = (0..20).any(|seed| {
            let life = || Oracle::check(seed, 1 << 30, config(1 << 30), &actions);
            std::panic::catch_unwind(life).is_err()
        });
        assert!(noticed, "{actions:?}");
    }
}
