//! What a report costs: no more than the operator allows, nothing for what is known already, and nothing once nobody
//! waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use passant_store::{
    AnswerSource, Config, Cost, Endpoint, Error, ReadConfig, Remembered, Row, Statement, Store,
};
use passant_tests::{Passant, Settings, TestEngine, until};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Row, Deserialize)]
struct Count {
    count: u64,
}

impl Remembered for Count {
    fn weight_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// How often an answer came from the store, from memory, from company.
#[derive(Clone, Default)]
struct Sources(Arc<[AtomicUsize; 3]>);

impl Sources {
    fn of(&self, store: &Store, config: &ReadConfig) -> Store {
        let counts = self.0.clone();
        store.clone().for_reports(config, move |source| {
            let index = match source {
                AnswerSource::Store => 0,
                AnswerSource::Memory => 1,
                AnswerSource::Company => 2,
            };
            counts[index].fetch_add(1, Ordering::SeqCst);
        })
    }

    fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|index| self.0[index].load(Ordering::SeqCst))
    }
}

async fn count(store: &Store, sql: &str) -> Result<u64, Error> {
    Ok(store.fetch_once::<Count>(&Statement::new(sql)).await?.first().expect("a row").count)
}

#[tokio::test]
async fn a_statement_that_needs_too_much_is_given_up_and_says_of_what() {
    let engine = TestEngine::start().await;
    let endless = "SELECT count() AS count FROM numbers(1000000000000) WHERE sipHash64(number) = 0";
    let large = "SELECT uniqExact(number) AS count FROM numbers(20000000)";
    let config = ReadConfig { read_rows_max: u64::MAX, ..ReadConfig::default() };
    for (sql, config, limit) in [
        (endless, ReadConfig { execution_seconds_max: 1, ..config.clone() }, Cost::Time),
        (large, ReadConfig { memory_bytes_max: 20_000_000, ..config.clone() }, Cost::Memory),
        (large, ReadConfig { read_rows_max: 1_000_000, ..config }, Cost::Rows),
    ] {
        let found = count(&Sources::default().of(engine.store(), &config), sql).await;
        assert!(
            matches!(found, Err(Error::TooCostly { limit: met }) if met == limit),
            "{limit:?}: {found:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_remembered_until_the_data_changes() {
    let engine = TestEngine::start().await;
    let sources = Sources::default();
    let store = sources.of(engine.store(), &ReadConfig::default());
    let sql = "SELECT count() AS count FROM events";
    let insert = |site: u32| {
        Statement::new(format!(
            "INSERT INTO events (site_id, timestamp) SELECT {site}, now() FROM numbers(3)"
        ))
    };
    assert_eq!((count(&store, sql).await.unwrap(), count(&store, sql).await.unwrap()), (0, 0));
    assert_eq!(sources.counts(), [1, 1, 0]);
    engine.store().execute(&insert(1)).await.expect("inserted");
    assert_eq!((count(&store, sql).await.unwrap(), count(&store, sql).await.unwrap()), (3, 3));
    assert_eq!(sources.counts(), [2, 2, 0]);
    engine.store().execute(&insert(2)).await.expect("inserted");
    engine.store().delete_site(1).await.expect("erased");
    assert_eq!(count(&store, sql).await.unwrap(), 3);
    engine.store().execute(&Statement::new("TRUNCATE TABLE events")).await.expect("emptied");
    // No rows are no rows: that was known before there were any.
    assert_eq!(count(&store, sql).await.unwrap(), 0);
    assert_eq!(sources.counts(), [3, 3, 0]);
    let forgetful = sources.of(engine.store(), &ReadConfig { cache_bytes: 0, ..ReadConfig::default() });
    assert_eq!((count(&forgetful, sql).await.unwrap(), count(&forgetful, sql).await.unwrap()), (0, 0));
    assert_eq!(sources.counts(), [5, 3, 0]);
}

/// A server whose every report takes an hour, and its store.
async fn endless(limits: &str) -> (Passant, Store) {
    let engine = "[engine]\nstatement_seconds = 3600\nreaders = 8\n";
    let settings = Settings { config: format!("{engine}[query]\n{limits}"), ..Settings::default() };
    let mut passant = Passant::start_with(settings).await;
    passant.beacon(&json!({ "n": "pageview", "u": "https://example.com/", "d": "example.com" })).await;
    passant.until_total("pageviews", 1).await;
    let store = Store::new(&Endpoint::Socket(passant.data().join("engine.sock")), Config::default());
    for sql in [
        "RENAME TABLE events TO stored",
        "CREATE VIEW events AS SELECT stored.* FROM numbers(1000000000000) AS endless CROSS JOIN stored",
    ] {
        store.execute(&Statement::new(sql)).await.expect("changed");
    }
    (passant, store)
}

/// Reports that the engine is reading; their text is shown without comments.
async fn running(store: &Store) -> u64 {
    let sql = "SELECT count() AS count FROM system.processes WHERE query LIKE '%AS dimensions%' \
               AND query NOT LIKE '%system.processes%'";
    store.fetch::<Count>(&Statement::new(sql)).await.expect("asked").first().expect("a row").count
}

fn ask(passant: &Passant, token: &str, question: &Value) -> tokio::task::JoinHandle<u16> {
    let (public, bearer, body) = (passant.public(), format!("Bearer {token}"), question.to_string());
    tokio::spawn(async move {
        let headers = [("authorization", bearer.as_str())];
        public.send(Method::POST, "/api/v2/query", &headers, body).await.expect("an answer").status.as_u16()
    })
}

#[tokio::test]
async fn a_report_is_read_once_for_all_who_ask_and_given_up_when_nobody_waits() {
    let (mut passant, store) =
        endless("execution_seconds_max = 3600\nread_rows_max = 1000000000000000\n").await;
    let token = passant.token();
    let question = json!({ "site_id": "example.com", "metrics": ["visitors"], "date_range": "day" });
    let mut first = ask(&passant, &token, &question);
    tokio::select! {
        answered = &mut first => panic!("it was answered {answered:?}"),
        () = until("the report is being read", || async { (running(&store).await == 1).then_some(()) }) => {}
    }
    let second = ask(&passant, &token, &question);
    let other = json!({ "site_id": "example.com", "metrics": ["events"], "date_range": "day" });
    let other = ask(&passant, &token, &other);
    // The second asked before the other, whose statement is seen.
    until("the other report is being read", || async { (running(&store).await >= 2).then_some(()) }).await;
    assert_eq!(running(&store).await, 2);
    first.abort();
    other.abort();
    until("the other report is given up", || async { (running(&store).await == 1).then_some(()) }).await;
    second.abort();
    until("nothing is read", || async { (running(&store).await == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_report_beyond_a_limit_is_refused_in_words() {
    let (mut passant, _) = endless("execution_seconds_max = 1\nread_rows_max = 1000000000000000\n").await;
    let question = json!({ "site_id": "example.com", "metrics": ["visitors"], "date_range": "day" });
    let late = passant.ask(&question).await;
    assert_eq!((late.status.as_u16(), late.header("retry-after")), (503, "5"));
    assert!(late.text().contains("would take longer than one may"), "{}", late.text());
    let config = "[query]\nread_rows_max = 2\n".to_owned();
    let mut passant = Passant::start_with(Settings { config, ..Settings::default() }).await;
    for page in 0..3 {
        let url = format!("https://example.com/{page}");
        passant.beacon(&json!({ "n": "pageview", "u": url, "d": "example.com" })).await;
    }
    let large = until("there is too much to read", || {
        let asked = ask(&passant, &passant_token(&passant), &question);
        async { (asked.await.expect("answered") == 400).then_some(()) }
    });
    large.await;
    let large = passant.ask(&question).await;
    assert!(large.text().contains("would read more events than one may"), "{}", large.text());
}

fn passant_token(passant: &Passant) -> String {
    passant.cli_ok(&["token", "create", "--scope", "stats:read"])
}

#[tokio::test]
async fn the_dashboards_next_look_costs_no_statement_until_something_happens() {
    let mut passant = Passant::start().await;
    let view = json!({ "n": "pageview", "u": "https://example.com/", "d": "example.com" });
    passant.beacon(&view).await;
    passant.until_total("pageviews", 1).await;
    let question = json!({ "metrics": ["pageviews", "visitors"], "date_range": "day" });
    let first = passant.report(question.clone()).await;
    let from = |source: &str| format!("passant_query_answers_total{{from=\"{source}\"}}");
    let read = passant.metric(&from("store")).await;
    assert_eq!(passant.report(question.clone()).await, first);
    assert_eq!(passant.metric(&from("store")).await, read);
    assert!(passant.metric(&from("memory")).await >= 1.0);
    // A change of what the site's people have set is another statement, not an older answer.
    passant.cli_ok(&["site", "set", "example.com", "--timezone", "Pacific/Kiritimati"]);
    passant.report(question.clone()).await;
    assert_eq!(passant.metric(&from("store")).await, read + 1.0);
    passant.beacon(&view).await;
    passant.until_total("pageviews", 2).await;
    let metrics = passant.report(question).await["results"][0]["metrics"].clone();
    assert_eq!(metrics[0], json!(2));
}
