use jiff::tz::TimeZone;
use passant_store::{Config, Endpoint, Store};

use super::*;
use crate::{Access, Filter, rollup::Rollups};

fn site() -> Site {
    Site::new(7, "example.org", TimeZone::UTC)
}

struct Open;

impl Access for Open {
    fn site(&self, _: &HeaderMap, _: &str) -> Result<Site> {
        Ok(site())
    }
}

/// Watched sites whose store is away.
fn state() -> QueryState {
    let store = Store::new(&Endpoint::Socket("/nowhere/engine.sock".into()), Config::default());
    let clock = || "2026-06-15T12:00:00Z".parse().unwrap();
    let rollups = Rollups::new(store.clone());
    QueryState { rollups, store, access: Arc::new(Open), live: Live::default(), clock }
}

#[tokio::test]
async fn all_who_read_the_same_are_told_by_one() {
    let state = state();
    let first = state.watch(&site());
    assert!(first.same_channel(&state.watch(&site())), "two members");
    let within = Filter::parse_all(&json!([["is", "event:page", ["/"]]])).unwrap();
    for other in [
        Site { reader: Reader::Public, ..site() },
        Site { privacy_floor: 9, ..site() },
        Site { within: within.into(), ..site() },
        Site { id: 8, ..site() },
    ] {
        assert!(!first.same_channel(&state.watch(&other)), "{other:?}");
    }
}

#[tokio::test]
async fn an_audience_ends_with_its_store_and_is_made_anew() {
    let state = state();
    let mut lost = state.watch(&site());
    assert!(matches!(first(&mut lost).await, Err(Error::Unavailable(_))));
    assert!(state.live.audiences().is_empty());
    assert!(!lost.same_channel(&state.watch(&site())));
}

#[tokio::test]
async fn an_audience_is_forgotten_with_its_last_reader() {
    let state = state();
    let (latest, reader) = watch::channel(Latest::Nothing);
    state.live.audiences().push(Audience { site: site(), latest });
    assert!(!state.live.forgets_empty(&site()));
    drop(reader);
    assert!(state.live.forgets_empty(&site()));
    assert!(state.live.audiences().is_empty());
}

#[test]
fn the_public_cannot_take_the_places_of_members() {
    let live = Live::default();
    let held: Vec<_> = (0..STREAMS_MAX).map(|_| live.place(Reader::Public).expect("a place")).collect();
    assert!(matches!(live.place(Reader::Public), Err(Error::TooManyWatch)));
    assert!(live.place(Reader::Member).is_ok());
    drop(held);
    assert!(live.place(Reader::Public).is_ok());
}

#[test]
fn tells_nothing_of_too_few_and_names_what_is_blank() {
    let row = |part: &str, group: &str, visitors: Option<f64>| ExplorationRow {
        groups: vec![part.into(), group.into()],
        numbers: vec![visitors, visitors],
        is_folded: u8::from(visitors.is_none()),
    };
    let public = Site { reader: Reader::Public, ..site() };
    let report = window(&public, "2026-06-15T12:00:00Z".parse().unwrap()).unwrap();
    let rows = [row("all", "", Some(9.0)), row("sources", "", Some(7.0)), row("pages", "", None)];
    let told = answer(&report, &rows);
    assert_eq!(
        told,
        json!({
            "visitors_now": 0, "visitors": 9, "pageviews": 9,
            "pages": [{ "name": "(fewer than 5)", "visitors": null }],
            "sources": [{ "name": "Direct / None", "visitors": 7 }],
            "countries": [],
            "privacy_floor": { "visitors": 5, "reason": "public", "rows_folded": true },
        })
    );
    assert_eq!(answer(&report, &[row("now", "", None)])["visitors_now"], Value::Null);
}
