//! The conformance suite of the store: what every engine at hand must do.
//!
//! The embedded engine always; the server that `PASSANT_TEST_CLICKHOUSE_URL` names as well, if it does.

use std::collections::BTreeMap;

use passant_store::{Batch, Config, Endpoint, Error, EventRow, Statement, Store, VisitFacts};
use passant_tests::TestEngine;

/// 2026-11-23T10:00:00Z.
const NOW: u32 = 1_795_428_000;
const MONTH: u32 = 202_611;

/// Every engine at hand, each with empty tables.
async fn engines() -> (TestEngine, Vec<Store>) {
    let embedded = TestEngine::start().await;
    let mut stores = vec![embedded.store().clone()];
    if let Ok(url) = std::env::var("PASSANT_TEST_CLICKHOUSE_URL") {
        let database = format!("passant_test_{}_{:p}", std::process::id(), &raw const stores);
        let url = format!("{}/{database}", url.trim_end_matches('/'));
        let store = Store::new(&Endpoint::from_url(&url).expect("a URL"), Config::default());
        store.migrate().await.expect("migrated");
        stores.push(store);
    }
    (embedded, stores)
}

fn row(sequence: u32) -> EventRow<'static> {
    EventRow {
        site_id: 1,
        timestamp: NOW + sequence,
        name: "pageview",
        visitor_id: 7,
        visit: VisitFacts {
            id: 9,
            start: NOW,
            sequence,
            visits: u8::from(sequence == 1),
            ..VisitFacts::default()
        },
        scroll_depth: 255,
        interactive: true,
        ..EventRow::default()
    }
}

fn batch(id: u64, rows: u32) -> Batch {
    let mut batch = Batch::new(id);
    (1..=rows).for_each(|sequence| batch.push(&row(sequence)));
    batch
}

async fn count(store: &Store) -> u64 {
    store.fetch::<u64>(&Statement::new("SELECT count() AS rows FROM events")).await.expect("counted")[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_changes_nothing() {
    let (_engine, stores) = engines().await;
    for store in stores {
        let report = store.migrate().await.expect("migrated");
        let all = passant_store::migrations().iter().map(|migration| migration.version).collect();
        assert_eq!((report.applied, report.already), (vec![], all));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_migrate_at_once_do_it_once() {
    let mut engine = TestEngine::prepared();
    engine.run().await;
    let (one, two) = tokio::join!(engine.store().migrate(), engine.store().migrate());
    let applied = one.expect("migrated").applied.len() + two.expect("migrated").applied.len();
    assert_eq!(applied, passant_store::migrations().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_differs_is_refused() {
    let (_engine, stores) = engines().await;
    for store in stores {
        let edit = "ALTER TABLE schema_migrations UPDATE checksum = 'other' WHERE version = 1 SETTINGS mutations_sync = 1";
        store.execute(&Statement::new(edit)).await.expect("edited");
        let error = store.migrate().await.expect_err("refused");
        assert!(matches!(&error, Error::Stop { message } if message.contains("0001_events")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_comes_back_as_it_was_sent() {
    let (_engine, stores) = engines().await;
    for store in stores {
        // Two newlines in a row: where inline data would be cut.
        let props =
            [("key\n\n".to_owned(), "val\n\nue \u{1f980}".to_owned()), ("b".to_owned(), String::new())];
        let row = EventRow {
            site_id: u32::MAX,
            timestamp: NOW,
            name: "name",
            hostname: "hostname",
            pathname: "/path\n\nname",
            visitor_id: u64::MAX,
            visit: VisitFacts {
                id: u64::MAX - 1,
                start: NOW - 5,
                sequence: 77,
                visits: 1,
                bounces: -1,
                duration_seconds: 1234,
                entry_hostname: "entry_hostname",
                entry_pathname: "entry_pathname",
                previous_hostname: "previous_hostname",
                previous_pathname: "previous_pathname",
            },
            origin: passant_store::Origin {
                referrer: "referrer",
                source: "source",
                channel: "channel",
                utm_source: "utm_source",
                utm_medium: "utm_medium",
                utm_campaign: "utm_campaign",
                utm_content: "utm_content",
                utm_term: "utm_term",
                click_id: "click_id",
                country: "country",
                language: "language",
                device: "device",
                browser: "browser",
                browser_version: "browser_version",
                os: "os",
                os_version: "os_version",
            },
            interactive: true,
            engagement_time_ms: 4_000_000_000,
            scroll_depth: 99,
            props: &props,
            revenue_thousandths: -12_505,
            revenue_currency: "EUR",
            import_id: 3,
        };
        let mut batch = Batch::new(0xfeed_beef_dead_cafe);
        batch.push(&row);
        store.insert(&batch).await.expect("inserted");
        let columns: Vec<&str> = passant_store::columns().iter().map(|column| column.name).collect();
        let named: Vec<String> = columns.iter().map(|name| format!("toString({name})")).collect();
        let sql = format!("SELECT [{}] AS columns FROM events", named.join(", "));
        let rows = store.fetch::<Vec<String>>(&Statement::new(sql)).await.expect("read");
        let found: BTreeMap<&str, &str> =
            columns.iter().copied().zip(rows[0].iter().map(String::as_str)).collect();
        // A text column carries its own name, so only the others have to be told.
        let told: BTreeMap<&str, &str> = [
            ("site_id", "4294967295"),
            ("timestamp", "2026-11-23 10:00:00"),
            ("pathname", "/path\n\nname"),
            ("visitor_id", "18446744073709551615"),
            ("visit_id", "18446744073709551614"),
            ("visit_start", "2026-11-23 09:59:55"),
            ("visit_sequence", "77"),
            ("visits", "1"),
            ("bounces", "-1"),
            ("duration_seconds", "1234"),
            ("interactive", "true"),
            ("engagement_time_ms", "4000000000"),
            ("scroll_depth", "99"),
            ("props", "{'key\\n\\n':'val\\n\\nue \u{1f980}','b':''}"),
            ("revenue_amount", "-12.505"),
            ("revenue_currency", "EUR"),
            ("import_id", "3"),
            ("batch_id", "18369548392556514046"),
        ]
        .into_iter()
        .collect();
        for name in columns {
            let expected = told.get(name).copied().unwrap_or(name);
            let found = found[name].trim_end_matches('0').trim_end_matches('.');
            assert_eq!(found, expected.trim_end_matches('0').trim_end_matches('.'), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_part_a_month_and_known_by_its_id() {
    let (_engine, stores) = engines().await;
    for store in stores {
        let mut batch = batch(11, 1000);
        batch.push(&EventRow { timestamp: NOW - 40 * 86_400, ..row(1) });
        store.insert(&batch).await.expect("inserted");
        let held = store.batch_rows(11).await.expect("asked");
        assert_eq!(held, BTreeMap::from([(MONTH - 1, 1), (MONTH, 1000)]));
        assert_eq!(store.batch_rows(12).await.expect("asked"), BTreeMap::new());
        assert_eq!(store.missing_partitions(&batch).await.expect("asked"), Vec::<u32>::new());
        let parts = "SELECT count() AS parts FROM system.parts WHERE active AND table = 'events' AND database = currentDatabase()";
        assert_eq!(store.fetch::<u64>(&Statement::new(parts)).await.expect("asked"), [2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_missing_is_inserted_again() {
    let (_engine, stores) = engines().await;
    for store in stores {
        let mut batch = batch(21, 10);
        batch.push(&EventRow { timestamp: NOW - 40 * 86_400, ..row(1) });
        store.insert_partition(&batch, MONTH).await.expect("inserted");
        let missing = store.missing_partitions(&batch).await.expect("asked");
        assert_eq!(missing, [MONTH - 1]);
        for month in missing {
            store.insert_partition(&batch, month).await.expect("inserted");
        }
        assert_eq!(count(&store).await, 11);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_is_never_read_as_sql() {
    let (_engine, stores) = engines().await;
    for store in stores {
        for value in ["' OR 1 = 1 --", "\\'; DROP TABLE events", "{x:String}", "a\n\nb\tc\\", "\u{0}"] {
            let echo = Statement::new("SELECT {value:String} AS value").param("value", value);
            assert_eq!(store.fetch::<String>(&echo).await.expect("echoed"), [value]);
            let echo = Statement::new("SELECT {values:Array(String)} AS echoed")
                .param("values", vec![value.to_owned()]);
            assert_eq!(store.fetch::<Vec<String>>(&echo).await.expect("echoed"), [vec![value.to_owned()]]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_tell_the_caller_what_to_do() {
    let (mut engine, stores) = engines().await;
    for store in &stores {
        let error = store.execute(&Statement::new("SELEKT 1")).await.expect_err("refused");
        assert!(matches!(error, Error::Refused { code: 62, .. }), "{error:?}");
        let error = store.execute(&Statement::new("SELECT * FROM nothing_here")).await.expect_err("refused");
        assert!(matches!(error, Error::Stop { .. }), "{error:?}");
    }
    engine.kill().await;
    let error = stores[0].ping().await.expect_err("it is gone");
    assert!(error.is_passing(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_inserted_survives_the_death_of_the_engine() {
    let mut engine = TestEngine::start().await;
    for id in 0..5 {
        engine.store().insert(&batch(100 + id, 50)).await.expect("inserted");
        engine.kill().await;
        engine.run().await;
    }
    assert_eq!(count(engine.store()).await, 250);
}
