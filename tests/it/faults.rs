//! Every fault, as often as the tests do it; `make soak` does each a great many times.
//!
//! Each is a test of its own, so that the runner keeps its threads busy with the long and the short ones.

use passant_faults::{FAULTS, Rounds, find};

async fn holds(id: &str) {
    let fault = find(id).unwrap_or_else(|| panic!("{id} is no fault of the table"));
    let mut first = 0;
    while first < fault.test_rounds {
        let count = fault.batch_rounds.clamp(1, fault.test_rounds - first);
        let tally =
            (fault.run)(Rounds { first, count }).await.unwrap_or_else(|error| panic!("{id}: {error:#}"));
        assert_eq!(tally.rounds, count, "{id}: rounds that were done");
        first += count;
    }
}

macro_rules! faults {
    ($($name:ident => $id:literal,)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            holds($id).await;
        })*
        const TESTED: &[&str] = &[$($id),*];
    };
}

faults! {
    f01_sigkill_of_the_server_at_random_moments => "F1",
    f02_sigkill_at_each_named_step => "F2",
    f03_the_engine_killed_in_mid_insert => "F3",
    f04_the_engine_stopped => "F4",
    f05_the_store_in_trouble => "F5",
    f06_the_disk_full => "F6",
    f07_the_disk_failing => "F7",
    f08_files_damaged => "F8",
    f09_the_power_lost => "F9",
    f10_killed_again_as_it_starts => "F10",
    f11_the_clock_jumping => "F11",
    f12_descriptors_used_up => "F12",
    f13_slow_clients => "F13",
    f14_three_times_the_load => "F14",
    f15_sigterm_under_load => "F15",
    f16_the_spools_place_unusable => "F16",
    f17_beacons_sent_again => "F17",
    f18_the_engine_out_of_memory => "F18",
    f19_spools_of_other_versions => "F19",
    f20_data_restored_or_moved => "F20",
}

#[test]
fn every_fault_has_a_row_and_a_test() {
    let rows: Vec<_> = FAULTS.iter().map(|fault| fault.id).collect();
    let expected: Vec<_> = (1..=20).map(|number| format!("F{number}")).collect();
    assert_eq!(rows, expected);
    let mut tested: Vec<_> = TESTED.iter().map(|id| id[1..].parse::<u32>().unwrap()).collect();
    tested.sort_unstable();
    assert_eq!(tested, (1..=20).collect::<Vec<_>>());
}
