use super::*;

const MARCH_28: u32 = 1_774_652_400; // 2026-03-28T00:00 in Berlin
const DAY: u32 = 86_400;

fn part(name: &str, rows: u64) -> Part {
    let numbers: Vec<i64> = name.split('_').filter_map(|number| number.parse().ok()).collect();
    Part {
        table: "events".into(),
        name: name.into(),
        partition_id: numbers[0].to_string(),
        first_block: numbers[1],
        last_block: numbers[2],
        rows,
        identity: 0,
    }
}

fn slot((starts, begins): (u32, u32), rows: u64) -> PartSlot {
    let number = |seconds: u32| seconds / SLOT_SECONDS;
    PartSlot {
        part: String::new(),
        site_id: 1,
        slot: number(begins),
        start_slot: number(starts),
        rows,
        hash: rows * 7,
    }
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.set_zones(HashMap::from([(1, zone("Europe/Berlin"))]));
    ledger
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// What each day holds, by its distance in hours from the first.
fn rows(ledger: &Ledger) -> Vec<(u32, u64)> {
    let days = ledger.days().into_iter();
    days.map(|(site, day)| ((day.starts - MARCH_28) / 3_600, ledger.own(site, &day).rows)).collect()
}

#[test]
fn counts_a_row_for_each_day_from_the_start_of_its_visit_on() {
    let mut ledger = ledger();
    let one = part("202603_1_1_0", 12);
    assert_eq!(ledger.settle(&[&one]), [&one]);
    let late = MARCH_28 + DAY - SLOT_SECONDS;
    // The 29th has 23 hours.
    let slots = [slot((late, late), 3), slot((late, MARCH_28 + DAY), 4), slot((late, MARCH_28 + 2 * DAY), 5)];
    ledger.read(&one, &slots);
    assert_eq!(rows(&ledger), [(0, 12), (24, 9), (47, 5)]);
    assert!(ledger.settle(&[&one]).is_empty());
}

#[test]
fn knows_a_merged_part_by_what_it_was_merged_from() {
    let mut ledger = ledger();
    let pieces = [part("202603_1_1_0", 3), part("202603_2_2_0", 4)];
    for (piece, rows) in pieces.iter().zip([3, 4]) {
        ledger.settle(&pieces.iter().collect::<Vec<_>>());
        ledger.read(piece, &[slot((MARCH_28, MARCH_28), rows)]);
    }
    let whole = part("202603_1_2_1", 7);
    assert!(ledger.settle(&[&whole]).is_empty());
    assert_eq!(rows(&ledger), [(0, 7)]);
    // With an insert that nobody has seen.
    let more = part("202603_1_3_2", 9);
    assert_eq!(ledger.settle(&[&more]), [&more]);
    ledger.read(&more, &[slot((MARCH_28, MARCH_28), 9)]);
    assert_eq!((rows(&ledger), ledger.losses()), (vec![(0, 9)], 0));
}

#[test]
fn notes_that_rows_may_have_gone() {
    let mut ledger = ledger();
    let (one, other) = (part("202603_1_1_0", 3), part("202604_2_2_0", 4));
    ledger.settle(&[&one, &other]);
    ledger.read(&one, &[slot((MARCH_28, MARCH_28), 3)]);
    ledger.read(&other, &[slot((MARCH_28 + 9 * DAY, MARCH_28 + 9 * DAY), 4)]);
    // A mutation may have changed what it did not remove.
    let mutated = part("202603_1_1_0_3", 3);
    assert_eq!(ledger.settle(&[&mutated, &other]), [&mutated]);
    assert_eq!(ledger.losses(), 1);
    ledger.read(&mutated, &[slot((MARCH_28, MARCH_28), 3)]);
    assert!(ledger.settle(&[&mutated]).is_empty());
    assert_eq!((rows(&ledger), ledger.losses()), (vec![(0, 3)], 2));
}

#[test]
fn reads_a_part_again_when_one_of_its_sites_is_new_or_moves() {
    let mut ledger = ledger();
    let one = part("202603_1_1_0", 3);
    ledger.settle(&[&one]);
    let stranger = PartSlot { site_id: 2, ..slot((MARCH_28, MARCH_28), 1) };
    ledger.read(&one, &[slot((MARCH_28, MARCH_28), 2), stranger]);
    assert_eq!(rows(&ledger), [(0, 2)]);
    let berlin = || (1, zone("Europe/Berlin"));
    assert!(ledger.set_zones(HashMap::from([berlin(), (3, zone("UTC"))])).is_empty());
    assert!(ledger.settle(&[&one]).is_empty());
    assert!(ledger.set_zones(HashMap::from([berlin(), (2, zone("UTC"))])).is_empty());
    assert_eq!(ledger.settle(&[&one]), [&one]);
    ledger.read(&one, &[slot((MARCH_28, MARCH_28), 3)]);
    assert_eq!(ledger.set_zones(HashMap::from([(1, zone("Asia/Kathmandu")), (2, zone("UTC"))])), [1]);
    assert_eq!(ledger.settle(&[&one]), [&one]);
}
