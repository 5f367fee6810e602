//! P4: ids of one visitor on two days, or on two sites, share no bits beyond chance.

use std::net::{Ipv4Addr, SocketAddr};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use passant_ingest::{
    Beacon, BlockedNetworks, Client, ClientAddress, Config, DayKeys, Objection, Pipeline, PrefixBits,
    Request, Site, shared,
};
use passant_tests::FIREFOX;

const VISITORS: u32 = 8192;
/// Fair coins stay within this many standard deviations but once in 500 million throws.
const DEVIATIONS: f64 = 6.0;

fn pipeline() -> Pipeline {
    let site = |id, domain| Site::new(id, domain, TimeZone::get("Europe/Berlin").unwrap());
    let sites = shared([site(1, "example.com"), site(2, "other.example")].into_iter().collect());
    Pipeline::open(&Config::default(), sites, DayKeys::in_memory()).unwrap()
}

/// The ids of all visitors, in their order, on one site at one time.
fn ids(pipeline: &Pipeline, domain: &str, now: &str) -> Vec<u64> {
    let body = format!(r#"{{"n":"pageview","u":"https://{domain}/","d":"{domain}"}}"#);
    let beacon = Beacon::parse(body.as_bytes()).unwrap();
    let now: Timestamp = now.parse().unwrap();
    let id = |visitor: u32| {
        // Neighbours: prefixes that differ in their last bits alone.
        let address = Ipv4Addr::from_bits(0x0b00_0007 + (visitor << 8));
        let client = ClientAddress::of_peer(SocketAddr::new(address.into(), 4711));
        let request = Request {
            client: Client::of(client, &BlockedNetworks::default(), PrefixBits { ipv4: 24, ipv6: 48 }),
            user_agent: FIREFOX,
            accept_language: "de",
            objection: Objection::None,
            now,
        };
        pipeline.event(&beacon, domain, &request).unwrap().visitor_id
    };
    (0..VISITORS).map(id).collect()
}

/// How far the agreement of two lists is from that of coins, in standard deviations: of all bits, and at the worst of
/// the 64 places.
fn surprise(one: &[u64], other: &[u64]) -> (f64, f64) {
    let mut agreeing = [0_u32; 64];
    for (one, other) in one.iter().zip(other) {
        let same = !(one ^ other);
        agreeing
            .iter_mut()
            .enumerate()
            .for_each(|(place, count)| *count += u32::from(same >> place & 1 == 1));
    }
    let deviation = |hits: u32, throws: f64| (f64::from(hits) - throws / 2.0).abs() / (throws.sqrt() / 2.0);
    let visitors = f64::from(VISITORS);
    let worst = agreeing.iter().map(|hits| deviation(*hits, visitors)).fold(0.0, f64::max);
    (deviation(agreeing.iter().sum(), visitors * 64.0), worst)
}

#[test]
fn ids_of_two_days_two_sites_or_two_neighbours_share_no_bits_beyond_chance() {
    let pipeline = pipeline();
    let monday = ids(&pipeline, "example.com", "2026-11-23T12:00:00Z");
    assert_eq!(monday, ids(&pipeline, "example.com", "2026-11-23T20:00:00Z"), "one day, one id");
    let mut distinct = monday.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), monday.len(), "each visitor has an id of its own");
    let mut neighbours = monday.clone();
    neighbours.rotate_left(1);
    for (what, other) in [
        ("the next day", ids(&pipeline, "example.com", "2026-11-24T12:00:00Z")),
        ("the next month", ids(&pipeline, "example.com", "2026-12-23T12:00:00Z")),
        ("another site", ids(&pipeline, "other.example", "2026-11-23T12:00:00Z")),
        ("a neighbour", neighbours),
    ] {
        let (all, worst) = surprise(&monday, &other);
        assert!(all < DEVIATIONS && worst < DEVIATIONS, "{what}: {all:.2} and {worst:.2} deviations");
    }
}
