//! P12: data past its retention is gone from disk, spool, roll-ups and detached parts included; all else is still there.
//!
//! Times are counted from today, since the server has the machine's clock.

use std::sync::OnceLock;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use passant_store::{Batch, Config, Endpoint, EventRow, Statement, Store, VisitFacts};
use passant_tests::canary::{Canary, Search};
use passant_tests::{Passant, Settings, until};
use serde_json::{Value, json};

/// Paths of events that must go: with nothing in common, since what a block repeats is not written out again.
const PUT_ASIDE: &str = "/c7f1e93b05d82a46";
const WHOLE_PART: &str = "/3be90a61d4f8752c";
const SAME_MONTH: &str = "/91d60c2ea7b5f348";
const BEFORE_MIDNIGHT: &str = "/5a08f7c3e1946db2";
const AFTER_MIDNIGHT: &str = "/e24b7d950f6c8a13";
const BROKEN_OFF: &str = "/08c5a3f19e72d6b4";
const EXPIRED: [&str; 6] = [PUT_ASIDE, WHOLE_PART, SAME_MONTH, BEFORE_MIDNIGHT, AFTER_MIDNIGHT, BROKEN_OFF];
const OTHER: &str = "other.example";

/// Where it was neither nearly midnight nor just past it when the tests began.
fn zone() -> TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let chosen = ZONE.get_or_init(|| {
        let zones = ["Europe/Berlin", "Pacific/Auckland"].map(|name| TimeZone::get(name).unwrap());
        let is_day = |zone: &TimeZone| (2..22).contains(&zone.to_datetime(Timestamp::now()).hour());
        zones.into_iter().find(is_day).unwrap()
    });
    chosen.clone()
}

fn today() -> Date {
    zone().to_datetime(Timestamp::now()).date()
}

fn line(at: DateTime, visitor: &str, path: &str) -> String {
    let timestamp = zone().to_timestamp(at).unwrap();
    let event = json!({
        "timestamp": timestamp, "visitor": visitor, "name": "pageview", "hostname": "example.com", "pathname": path,
    });
    event.to_string()
}

/// As many visitors of one page, at ten in the morning.
fn visitors(count: usize, date: Date, path: &str) -> String {
    let lines = (0..count).map(|visitor| line(date.at(10, 0, 0, 0), &visitor.to_string(), path) + "\n");
    lines.collect()
}

/// Five visitors of one page, the first just after midnight and the last just before it: whatever the date, and wherever
/// the store's months begin, some of those who stay lie in a part with some who go.
fn a_day(date: Date) -> String {
    let early = line(date.at(0, 5, 0, 0), "early", "/page");
    let late = line(date.at(23, 55, 0, 0), "late", "/page");
    format!("{early}\n{}{late}\n", visitors(3, date, "/page"))
}

fn import(passant: &Passant, site: &str, lines: &str) -> String {
    let output = passant.cli_with_input(&["import", "--site", site, "--format", "events", "-"], lines);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Both sites keep all until something else is said. They have their zone from the start: after a change, roll-ups wait.
async fn start() -> Passant {
    let mut passant = Passant::with_site(Settings::default());
    let zone = zone();
    passant.cli_ok(&["site", "add", OTHER]);
    for site in ["example.com", OTHER] {
        let timezone = zone.iana_name().unwrap();
        passant.cli_ok(&["site", "set", site, "--timezone", timezone, "--retention-months", "unlimited"]);
    }
    passant.run().await;
    passant
}

fn store(passant: &Passant) -> Store {
    Store::new(&Endpoint::Socket(passant.data().join("engine.sock")), Config::default())
}

/// A number out of the store, if it answers.
async fn number(passant: &Passant, sql: &str) -> Option<u64> {
    store(passant).fetch::<u64>(&Statement::new(sql)).await.ok()?.first().copied()
}

async fn rolled_up(passant: &Passant, days: u64) {
    let builds = "SELECT uniqExact(site_id, day) AS days FROM daily_builds";
    until("the days are rolled up", || async { (number(passant, builds).await? == days).then_some(()) })
        .await;
}

async fn pages(passant: &mut Passant, site: &str) -> Value {
    let question = json!({
        "site_id": site, "metrics": ["visitors", "visits", "pageviews", "bounce_rate"],
        "date_range": "all", "dimensions": ["event:page"],
    });
    passant.report(question).await["results"].clone()
}

async fn by_day(passant: &mut Passant, site: &str, from: Date) -> Value {
    let question = json!({
        "site_id": site, "metrics": ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"],
        "date_range": [from, today()], "dimensions": ["time:day"],
    });
    passant.report(question).await["results"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_retention_is_in_no_file_and_all_else_is_still_there() {
    let mut passant = start().await;
    let (today, search) = (today(), Search::new(&EXPIRED.map(|path| Canary::word(path, path))));
    let first_day = today - 2.months();
    let eve = first_day.yesterday().unwrap();
    let (far, farther, near) = (today - 200.days(), today - 300.days(), today - 10.days());
    let lines = [
        visitors(3, farther, PUT_ASIDE),
        visitors(3, far, WHOLE_PART),
        visitors(2, eve, SAME_MONTH),
        // A visit goes with the day on which it began.
        line(eve.at(23, 50, 0, 0), "late", BEFORE_MIDNIGHT) + "\n",
        line(first_day.at(0, 5, 0, 0), "late", AFTER_MIDNIGHT) + "\n",
        line(first_day.at(0, 0, 0, 0), "early", "/kept") + "\n",
        visitors(2, near, "/kept"),
    ];
    assert_eq!(import(&passant, "example.com", &lines.concat()), "imported 13 events");
    let theirs: String = [far, eve, near].map(|date| visitors(4, date, "/theirs")).concat();
    assert_eq!(import(&passant, OTHER, &theirs), "imported 12 events");
    let others = (pages(&mut passant, OTHER).await, by_day(&mut passant, OTHER, far).await);
    rolled_up(&passant, 5 + 3).await;

    // What nobody reads: a part that was put aside, and an import that was broken off.
    let aside = format!("ALTER TABLE events DETACH PARTITION ID '{}'", farther.strftime("%Y%m"));
    store(&passant).execute(&Statement::new(aside)).await.unwrap();
    let at = u32::try_from(zone().to_timestamp(far.at(10, 0, 0, 0)).unwrap().as_second()).unwrap();
    let mut batch = Batch::new(5);
    batch.push(&EventRow {
        site_id: 1,
        timestamp: at,
        name: "pageview",
        pathname: BROKEN_OFF,
        visit: VisitFacts { start: at, ..VisitFacts::default() },
        ..EventRow::default()
    });
    store(&passant).begin_import(77).await.unwrap().insert(&batch).await.unwrap();
    for path in EXPIRED {
        let found = Search::new(&[Canary::word(path, path)]).below(&passant.data());
        assert!(!found.is_empty(), "{path}: this test sees nothing");
    }

    passant.cli_ok(&["site", "set", "example.com", "--retention-months", "2"]);
    until("it is in no file", || async { search.below(&passant.data()).is_empty().then_some(()) }).await;
    let log = until("the removal is logged", || async {
        let log = passant.log();
        log.contains("events past their retention are removed").then_some(log)
    })
    .await;
    assert!(log.contains(&format!("\"kept_from\":\"{first_day}\"")), "{log}");
    assert!(EXPIRED.iter().all(|path| !log.contains(path)), "{log}");

    let kept = json!([
        { "metrics": [1, 1, 1, 100, 0], "dimensions": [first_day] },
        { "metrics": [2, 2, 2, 100, 0], "dimensions": [near] },
    ]);
    let kept_pages = json!([{ "metrics": [3, 3, 3, 100], "dimensions": ["/kept"] }]);
    let roll_ups = format!("SELECT count() AS rows FROM daily WHERE site_id = 1 AND day < '{first_day}'");
    assert_eq!(number(&passant, &roll_ups).await, Some(0));
    for restarted in [false, true] {
        if restarted {
            passant.kill_and_wait_for_engine().await;
            assert_eq!(passant.cli_ok(&["rollup", "rebuild", "example.com"]), "rolled up 2 days");
            passant.run().await;
            passant.until_total("events", 3).await;
        }
        assert_eq!(by_day(&mut passant, "example.com", farther).await, kept, "restarted: {restarted}");
        assert_eq!(pages(&mut passant, "example.com").await, kept_pages, "restarted: {restarted}");
        let now = (pages(&mut passant, OTHER).await, by_day(&mut passant, OTHER, far).await);
        assert_eq!(now, others, "restarted: {restarted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_is_killed_goes_on_and_takes_nothing_else() {
    let mut passant = start().await;
    let today = today();
    let dates: Vec<Date> = (1..200).map(|days| today - days.days()).collect();
    let lines: String = dates.iter().rev().map(|date| a_day(*date)).collect();
    import(&passant, "example.com", &lines);
    import(&passant, OTHER, &lines);
    let others = by_day(&mut passant, OTHER, dates[198]).await;
    rolled_up(&passant, 2 * 199).await;

    // What is rewritten, by its number: the engine forgets those that are done.
    let rewritten = |table: &str| {
        format!(
            "SELECT max(toUInt64OrZero(extract(mutation_id, '[0-9]+'))) AS latest FROM system.mutations WHERE table = '{table}'"
        )
    };
    for (months, stage) in [(5, "events"), (3, "daily_builds"), (1, "daily")] {
        let first_day = today - months.months();
        let before = number(&passant, &rewritten(stage)).await.unwrap();
        passant.cli_ok(&["site", "set", "example.com", "--retention-months", &months.to_string()]);
        until("it is at that stage", || async {
            (number(&passant, &rewritten(stage)).await? > before).then_some(())
        })
        .await;
        passant.kill().await;
        passant.run().await;
        let left = format!(
            "SELECT sum(rows) AS rows FROM (SELECT count() AS rows FROM events WHERE site_id = 1 AND toDate(visit_start, '{zone}') < '{first_day}' \
             UNION ALL SELECT count() FROM daily WHERE site_id = 1 AND day < '{first_day}' \
             UNION ALL SELECT count() FROM daily_builds WHERE site_id = 1 AND day < '{first_day}')",
            zone = zone().iana_name().unwrap()
        );
        until("nothing is left", || async { (number(&passant, &left).await? == 0).then_some(()) }).await;
        let kept = dates.iter().filter(|date| **date >= first_day).count() as u64;
        passant.until_total("events", 5 * kept).await;
        let days = by_day(&mut passant, "example.com", dates[198]).await;
        let days = days.as_array().unwrap();
        assert_eq!(days.len() as u64, kept, "killed at {stage}");
        assert!(days.iter().all(|day| day["metrics"] == json!([5, 5, 5, 100, 0])), "{days:?}");
        assert_eq!(by_day(&mut passant, OTHER, dates[198]).await, others, "killed at {stage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_leaves_out_what_the_site_does_not_keep_and_says_so() {
    let mut passant = start().await;
    passant.cli_ok(&["site", "set", "example.com", "--retention-months", "1"]);
    let first_day = today() - 1.month();
    let lines = [
        visitors(2, first_day.yesterday().unwrap(), "/old"),
        line(first_day.yesterday().unwrap().at(23, 59, 59, 0), "a", "/old") + "\n",
        line(first_day.at(0, 0, 0, 0), "a", "/new") + "\n",
    ];
    let said = import(&passant, "example.com", &lines.concat());
    assert_eq!(
        said,
        format!("imported 1 events, left out 3 of before {first_day}, which the site does not keep")
    );
    let kept = json!([{ "metrics": [1, 1, 1, 100], "dimensions": ["/new"] }]);
    assert_eq!(pages(&mut passant, "example.com").await, kept);
    assert_eq!(import(&passant, OTHER, &lines.concat()), "imported 4 events");
}
