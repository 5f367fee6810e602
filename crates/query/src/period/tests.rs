use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn echo(word: &str, now: &str, time_zone: &str) -> [String; 2] {
    DateRange::parse(word).unwrap().resolve(instant(now), &zone(time_zone), None).unwrap().echo()
}

fn range(first: &str, last: &str, time_zone: &str) -> Range {
    DateRange::between(first, last)
        .unwrap()
        .resolve(instant("2026-06-15T12:00:00Z"), &zone(time_zone), None)
        .unwrap()
}

fn labels(range: &Range, interval: Interval) -> Vec<String> {
    range.buckets(interval).into_iter().map(|bucket| bucket.label).collect()
}

#[test]
fn resolves_every_range_in_the_time_zone_of_the_site() {
    // 22:30 UTC on the 14th is half past midnight on the 15th in Berlin.
    let now = "2026-06-14T22:30:05Z";
    for (word, first, last) in [
        ("day", "2026-06-15T00:00:00+02:00", "2026-06-15T23:59:59+02:00"),
        ("24h", "2026-06-14T00:30:05+02:00", "2026-06-15T00:30:05+02:00"),
        ("7d", "2026-06-08T00:00:00+02:00", "2026-06-14T23:59:59+02:00"),
        ("28d", "2026-05-18T00:00:00+02:00", "2026-06-14T23:59:59+02:00"),
        ("30d", "2026-05-16T00:00:00+02:00", "2026-06-14T23:59:59+02:00"),
        ("91d", "2026-03-16T00:00:00+01:00", "2026-06-14T23:59:59+02:00"),
        ("month", "2026-06-01T00:00:00+02:00", "2026-06-30T23:59:59+02:00"),
        ("6mo", "2025-12-01T00:00:00+01:00", "2026-05-31T23:59:59+02:00"),
        ("12mo", "2025-06-01T00:00:00+02:00", "2026-05-31T23:59:59+02:00"),
        ("year", "2026-01-01T00:00:00+01:00", "2026-12-31T23:59:59+01:00"),
        ("all", "2026-06-15T00:00:00+02:00", "2026-06-15T23:59:59+02:00"),
    ] {
        assert_eq!(echo(word, now, "Europe/Berlin"), [first, last], "{word}");
    }
}

#[test]
fn all_begins_on_the_date_of_the_first_event() {
    let first = Some(instant("2024-02-28T23:30:00Z"));
    let range =
        DateRange::All.resolve(instant("2026-06-15T12:00:00Z"), &zone("Europe/Berlin"), first).unwrap();
    assert_eq!(range.echo(), ["2024-02-29T00:00:00+01:00", "2026-06-15T23:59:59+02:00"]);
}

#[test]
fn takes_dates_and_instants() {
    let dates = range("2026-03-01", "2026-03-02", "America/New_York");
    assert_eq!(dates.echo(), ["2026-03-01T00:00:00-05:00", "2026-03-02T23:59:59-05:00"]);
    let instants = range("2026-03-01T10:00:00+02:00", "2026-03-01T12:30:15Z", "UTC");
    assert_eq!(instants.echo(), ["2026-03-01T08:00:00+00:00", "2026-03-01T12:30:15+00:00"]);
}

#[test]
fn refuses_what_is_no_range() {
    for word in ["", "7", "d", "0d", "-7d", "5001d", "101mo", "7days", "today", "realtime"] {
        assert_eq!(DateRange::parse(word), None, "{word}");
    }
    for (first, last) in
        [("2026-02-30", "2026-03-01"), ("2026-03-01T10:00:00", "2026-03-02T10:00:00"), ("x", "y")]
    {
        assert_eq!(DateRange::between(first, last), None, "{first}");
    }
    let backwards = DateRange::between("2026-03-02", "2026-03-01").unwrap();
    assert_eq!(backwards.resolve(instant("2026-06-15T12:00:00Z"), &TimeZone::UTC, None), None);
    let ancient = DateRange::between("1969-03-02", "1970-03-01").unwrap();
    assert_eq!(ancient.resolve(instant("2026-06-15T12:00:00Z"), &TimeZone::UTC, None), None);
}

#[test]
fn spring_day_has_23_hours() {
    let hours = labels(&range("2026-03-29", "2026-03-29", "Europe/Berlin"), Interval::Hour);
    assert_eq!(hours.len(), 23);
    assert_eq!(hours[1..3], ["2026-03-29 01:00:00", "2026-03-29 03:00:00"]);
}

#[test]
fn autumn_day_has_25_hours_and_one_label_twice() {
    let range = range("2026-10-25", "2026-10-25", "Europe/Berlin");
    let hours = labels(&range, Interval::Hour);
    assert_eq!(hours.len(), 25);
    assert_eq!(
        hours[1..5],
        ["2026-10-25 01:00:00", "2026-10-25 02:00:00", "2026-10-25 02:00:00", "2026-10-25 03:00:00"]
    );
    assert_eq!(range.automatic_interval(), Interval::Hour);
}

#[test]
fn day_begins_after_a_midnight_that_does_not_exist() {
    // Cuba springs forward at midnight.
    let range = range("2026-03-07", "2026-03-09", "America/Havana");
    let days = range.buckets(Interval::Day);
    assert_eq!(days.len(), 3);
    assert_eq!(days[1].start, instant("2026-03-08T05:00:00Z"));
    assert_eq!(days[2].start, instant("2026-03-09T04:00:00Z"));
}

#[test]
fn zone_that_skipped_a_date_has_no_bucket_for_it() {
    let days = labels(&range("2011-12-29", "2011-12-31", "Pacific/Apia"), Interval::Day);
    assert_eq!(days, ["2011-12-29", "2011-12-31"]);
}

#[test]
fn hours_of_zones_off_the_hour_follow_the_local_clock() {
    let range = range("2026-03-01", "2026-03-01", "Asia/Kathmandu");
    let hours = range.buckets(Interval::Hour);
    assert_eq!(hours.len(), 24);
    assert_eq!(hours[1].start, instant("2026-02-28T19:15:00Z"));
    // Half an hour of daylight saving: the hour in which the clock turns back is one and a half hours long.
    let lord_howe = self::range("2026-04-05", "2026-04-05", "Australia/Lord_Howe");
    let hours = labels(&lord_howe, Interval::Hour);
    assert_eq!(
        hours[..4],
        ["2026-04-05 00:00:00", "2026-04-05 01:00:00", "2026-04-05 01:00:00", "2026-04-05 02:00:00"]
    );
}

#[test]
fn first_partial_week_is_labelled_by_the_start_of_the_range() {
    // 2026-06-03 is a Wednesday.
    let weeks = range("2026-06-03", "2026-06-16", "Europe/Berlin").buckets(Interval::Week);
    let labels: Vec<_> = weeks.iter().map(|bucket| bucket.label.as_str()).collect();
    assert_eq!(labels, ["2026-06-03", "2026-06-08", "2026-06-15"]);
    assert_eq!(weeks[0].start, instant("2026-06-02T22:00:00Z"));
}

#[test]
fn months_are_labelled_by_their_first() {
    let months = range("2026-01-15", "2026-03-02", "UTC").buckets(Interval::Month);
    let labels: Vec<_> = months.iter().map(|bucket| bucket.label.as_str()).collect();
    assert_eq!(labels, ["2026-01-01", "2026-02-01", "2026-03-01"]);
    assert_eq!(months[0].start, instant("2026-01-15T00:00:00Z"));
}

#[test]
fn time_alone_means_an_interval_that_suits_the_range() {
    for (first, last, interval) in [
        ("2026-03-28", "2026-03-29", Interval::Hour),
        ("2026-03-27", "2026-03-29", Interval::Day),
        ("2026-03-01", "2026-04-09", Interval::Day),
        ("2026-03-01", "2026-04-10", Interval::Week),
        ("2025-01-01", "2025-12-31", Interval::Week),
        ("2025-01-01", "2026-01-01", Interval::Month),
    ] {
        let range = range(first, last, "Europe/Berlin");
        assert_eq!(range.automatic_interval(), interval, "{first} to {last}");
    }
}

#[test]
fn bucket_count_is_never_more_than_its_bound() {
    for (first, last) in
        [("2026-03-29", "2026-03-29"), ("2026-10-25", "2026-10-25"), ("2024-01-01", "2026-12-31")]
    {
        let range = range(first, last, "Europe/Berlin");
        for interval in [Interval::Hour, Interval::Day, Interval::Week, Interval::Month] {
            let bound = range.bucket_count_bound(interval);
            assert!(range.buckets(interval).len() as i64 <= bound, "{first} to {last}, {interval:?}");
        }
    }
}
