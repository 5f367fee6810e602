//! How long one event takes in one thread, from the bytes of a beacon to the payload of a frame.
//!
//! `cargo run --release -p passant-ingest --example pipeline_rate [events [blocked networks]]`
//!
//! The beacons vary in page, referrer, campaign, properties, browser and address as those of real sites do. It asserts
//! that each became an event, and prints the rate.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use passant_ingest::{
    Beacon, Client, ClientAddress, Config, DayKeys, Objection, Pipeline, PrefixBits, Request, Site, encode,
    shared,
};

/// Distinct beacons; more than the caches of a processor hold, fewer than take long to make.
const BEACONS: usize = 20_000;

const PAGES: &[&str] = &[
    "/",
    "/blog/2026/11/how-to-count-visitors-without-knowing-them",
    "/products/shoes/blue-suede-42",
    "/docs/api/v2/query?version=3",
    "/search?q=privacy&utm_source=newsletter&utm_medium=email&utm_campaign=november",
    "/users/123456789/orders",
    "/caf%C3%A9/men%C3%BC",
    "/pricing?gclid=EAIaIQobChMIabc&utm_source=google&utm_medium=cpc",
];
const REFERRERS: &[&str] = &[
    "",
    "https://www.google.com/",
    "https://t.co/abc",
    "https://news.ycombinator.com/item?id=1",
    "https://example.org/",
    "https://some-blog.example.net/post",
    "android-app://com.google.android.gm/",
];
const EXTRAS: &[&str] = &[
    "",
    r#","p":{"plan":"pro","variant":"B","logged_in":true}"#,
    r#","v":31,"i":false"#,
    r#","$":{"amount":"49.90","currency":"EUR"},"p":{"order":"A-1042"}"#,
];

fn main() {
    let events: usize = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().expect("a number of events"));
    let config = Config::default();
    let networks: u32 =
        std::env::args().nth(2).map_or(0, |n| n.parse().expect("a number of blocked networks"));
    let mut site =
        Site::new(1, "example.org", TimeZone::get("Europe/Berlin").expect("a zone of the database"));
    site.blocked_networks = (0..networks).map(blocked_network).collect();
    let sites = shared([site].into_iter().collect());
    let built = Instant::now();
    let pipeline =
        Pipeline::open(&config, Arc::clone(&sites), DayKeys::in_memory()).expect("the defaults hold");
    report("ready after", built.elapsed().as_secs_f64() * 1000.0, "ms");

    let beacons: Vec<_> = (0..BEACONS).map(beacon).collect();
    let user_agents: Vec<_> = (0..2000).map(user_agent).collect();
    let bits = PrefixBits::new(&config).expect("the defaults hold");
    let start = Timestamp::from_second(1_795_437_296).expect("a time in range");

    let mut bytes = 0;
    // Once around to fill the cache of user agents, as a server that runs has it.
    for round in [BEACONS, events] {
        bytes = 0;
        let began = Instant::now();
        for n in 0..round {
            let peer = SocketAddr::from(([11, (n >> 8) as u8, n as u8, 7], 443));
            let request = Request {
                client: Client::of(ClientAddress::of_peer(peer), sites.load().blocked_networks(), bits),
                user_agent: &user_agents[n * 7 % user_agents.len()],
                accept_language: "de-DE,de;q=0.9,en;q=0.8",
                objection: Objection::None,
                now: start,
            };
            let beacon = Beacon::parse(beacons[n % BEACONS].as_bytes()).expect("a valid beacon");
            let event = pipeline.event(&beacon, "example.org", &request).expect("an accepted event");
            bytes += black_box(encode(&event)).len();
        }
        let seconds = began.elapsed().as_secs_f64();
        report("events", round as f64, "");
        report("each", seconds * 1e6 / round as f64, "µs");
        report("rate", round as f64 / seconds, "events/s in one thread");
    }
    assert!(bytes > events * 40, "each event has a payload");
    report("payload", bytes as f64 / events as f64, "bytes on average");
}

/// A network in which none of the clients is, of one of four lengths.
fn blocked_network(n: u32) -> IpNet {
    let address = Ipv4Addr::from_bits(0xac10_0000 + (n << 8));
    IpNet::new(address.into(), 32 - 2 * (n % 4) as u8).expect("a length up to 32")
}

fn beacon(n: usize) -> String {
    let page = PAGES[n % PAGES.len()];
    let referrer = REFERRERS[n / 3 % REFERRERS.len()];
    let extra = EXTRAS[n / 5 % EXTRAS.len()];
    let separator = if page.contains('?') { '&' } else { '?' };
    format!(
        r#"{{"n":"pageview","u":"https://www.example.org{page}{separator}n={n}","d":"example.org","r":"{referrer}"{extra}}}"#
    )
}

fn user_agent(n: usize) -> String {
    let version = 100 + n % 40;
    match n % 4 {
        0 => format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.{n}.0 Safari/537.36"
        ),
        1 => format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{} Mobile/15E{n} Safari/604.1",
            n % 7,
            n % 7
        ),
        2 => format!("Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.{n}"),
        _ => format!(
            "Mozilla/5.0 (Linux; Android 14; Pixel {n}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Mobile Safari/537.36"
        ),
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn report(what: &str, value: f64, unit: &str) {
    println!("{what:>12} {value:>14.2} {unit}");
}
