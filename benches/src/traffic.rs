//! What visitors send: pages, referrers, campaigns, properties, purchases and reading times, from seeded tables.
//!
//! Invariant: the same seed sends the same requests, byte for byte, to whichever server is measured. Reading times
//! come only after a page of the same visit, so that a server has no reason to discard any.

use std::cell::Cell;
use std::fmt::Write;
use std::rc::Rc;

/// Pages of the site; one in eight with a campaign or a click id, as shops have.
const PAGES: &[&str] = &[
    "/",
    "/blog/2026/11/how-to-count-visitors-without-knowing-them",
    "/blog/2026/10/what-a-cookie-banner-costs?page=2",
    "/products/shoes/blue-suede",
    "/products/coats/rain-and-shine?colour=green&size=m",
    "/docs/api/v2/query?version=3",
    "/docs/install",
    "/about/team",
    "/search?q=privacy&utm_source=newsletter&utm_medium=email&utm_campaign=november",
    "/users/123456789/orders",
    "/caf%C3%A9/men%C3%BC",
    "/pricing",
    "/pricing?gclid=EAIaIQobChMIabc&utm_source=google&utm_medium=cpc&utm_campaign=brand",
    "/checkout/address",
    "/legal/privacy",
    "/jobs/performance-engineer",
];
const REFERRERS: &[&str] = &[
    "",
    "",
    "https://www.google.com/",
    "https://t.co/abc",
    "https://news.ycombinator.com/item?id=1",
    "https://duckduckgo.com/",
    "https://some-blog.example.net/post/42",
    "android-app://com.google.android.gm/",
];
const LANGUAGES: &[&str] =
    &["en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.8,en-US;q=0.5,en;q=0.3", "pt-BR,pt;q=0.9"];
const PROPS: &[&str] =
    &["", "", r#","p":{"plan":"pro","variant":"B","logged_in":true}"#, r#","p":{"author":"jane"}"#];
const CUSTOM: &[&str] = &["Signup", "Download", "Outbound Link: Click", "Newsletter"];

/// Visitors: one address each, of as many prefixes.
const VISITORS: u64 = 60_000;
/// Of how many distinct user agents.
const USER_AGENTS: u64 = 2_000;

/// Numbers the purchases of all connections, so that each has an amount of its own.
pub(crate) type Purchases = Rc<Cell<u64>>;

/// One connection's endless row of requests.
pub(crate) struct Traffic {
    random: u64,
    purchases: Purchases,
    head: String,
    page: &'static str,
    left_in_visit: u64,
    after_pageview: bool,
}

/// A request as it goes over the wire.
pub(crate) struct Beacon {
    pub(crate) request: Vec<u8>,
    /// The amount of a purchase.
    pub(crate) cents: Option<u64>,
}

impl Traffic {
    /// The requests of one connection.
    pub(crate) fn new(seed: u64, purchases: Purchases) -> Self {
        let mut traffic = Self {
            random: seed,
            purchases,
            head: String::new(),
            page: "/",
            left_in_visit: 0,
            after_pageview: false,
        };
        // Neighbouring seeds begin alike.
        traffic.draw(1);
        traffic
    }

    /// The next request: about half pageviews, a third reading times, the rest custom events and purchases.
    pub(crate) fn next(&mut self) -> Beacon {
        if self.left_in_visit == 0 {
            self.begin_visit();
            return self.pageview(true);
        }
        self.left_in_visit -= 1;
        match self.draw(10) {
            0..=5 if self.after_pageview => self.engagement(),
            6 => self.custom(),
            7 if self.draw(3) == 0 => self.purchase(),
            _ => self.pageview(false),
        }
    }

    fn begin_visit(&mut self) {
        self.left_in_visit = 1 + self.draw(7);
        let visitor = self.draw(VISITORS);
        let language = LANGUAGES[(visitor % LANGUAGES.len() as u64) as usize];
        let agent = user_agent(visitor % USER_AGENTS);
        let (high, low) = (visitor >> 8, visitor & 0xff);
        self.head = format!(
            "POST /api/event HTTP/1.1\r\nhost: stats.example.com\r\nuser-agent: {agent}\r\naccept: */*\r\n\
             accept-language: {language}\r\naccept-encoding: gzip, deflate, br\r\ncontent-type: text/plain\r\n\
             origin: https://www.example.com\r\nreferer: https://www.example.com/\r\nsec-fetch-mode: cors\r\n\
             x-forwarded-for: 81.{high}.{low}.7\r\n"
        );
    }

    fn pageview(&mut self, first: bool) -> Beacon {
        self.page = self.pick(PAGES);
        let referrer = if first { self.pick(REFERRERS) } else { "https://www.example.com/" };
        let props = self.pick(PROPS);
        self.after_pageview = true;
        self.beacon("pageview", &format!(r#","r":"{referrer}"{props}"#))
    }

    fn engagement(&mut self) -> Beacon {
        self.after_pageview = false;
        let (milliseconds, percent) = (500 + self.draw(60_000), 5 + self.draw(96));
        self.beacon("engagement", &format!(r#","e":{milliseconds},"sd":{percent}"#))
    }

    fn custom(&mut self) -> Beacon {
        let (name, props) = (self.pick(CUSTOM), self.pick(PROPS));
        self.beacon(name, props)
    }

    fn purchase(&mut self) -> Beacon {
        let cents = self.purchases.get() + 1;
        self.purchases.set(cents);
        let amount = format!(r#","$":{{"amount":"{}.{:02}","currency":"EUR"}}"#, cents / 100, cents % 100);
        Beacon { cents: Some(cents), ..self.beacon("Purchase", &amount) }
    }

    fn beacon(&self, name: &str, rest: &str) -> Beacon {
        let page = self.page;
        let body =
            format!(r#"{{"n":"{name}","v":31,"u":"https://www.example.com{page}","d":"example.com"{rest}}}"#);
        let mut request = String::with_capacity(self.head.len() + body.len() + 32);
        request.push_str(&self.head);
        write!(request, "content-length: {}\r\n\r\n{body}", body.len()).expect("a String takes all");
        Beacon { request: request.into_bytes(), cents: None }
    }

    fn pick(&mut self, table: &'static [&'static str]) -> &'static str {
        table[self.draw(table.len() as u64) as usize]
    }

    /// SplitMix64 (Steele, Lea, Flood 2014), reduced to `0..below`.
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn user_agent(n: u64) -> String {
    let version = 110 + n % 35;
    match n % 5 {
        0 | 1 => format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.{n}.0 Safari/537.36"
        ),
        2 => format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{minor} Mobile/15E{n} Safari/604.1",
            minor = n % 7
        ),
        3 => format!("Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.{n}"),
        _ => format!(
            "Mozilla/5.0 (Linux; Android 14; Pixel {n}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Mobile Safari/537.36"
        ),
    }
}
