use http::header::{HOST, HeaderName, REFERER};

use super::*;
use crate::beacon::Fragment;
use crate::event::Revenue;
use crate::site::NamedBy;

/// 2026-11-25 13:00:00 UTC.
const NOW: i64 = 1_795_611_600;
const WEBSITE: &str = "b59e9c65-ae32-47f1-8400-119fcf4861c4";

/// A request, and what its head says besides.
#[derive(Clone, Default)]
struct Sent {
    path: &'static str,
    query: String,
    body: Vec<u8>,
    headers: HeaderMap,
    sender: Option<Option<u32>>,
}

impl Sent {
    fn to(path: &'static str) -> Self {
        Self { path, ..Self::default() }.with(HOST, "stats.example.org:8080")
    }

    fn query(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    fn read(&self) -> Result<Parcel<'_>, Invalid> {
        let sender = self.sender.map_or(Speaker::Visitor, Speaker::Sender);
        let now = Timestamp::from_second(NOW).unwrap();
        let (query, body, headers) = (&*self.query, &*self.body, &self.headers);
        (adapter(self.path).unwrap().read)(&Message { query, body, headers, sender, now })
    }

    /// Each item in a line: name, site, page, referrer, properties, amount.
    fn said(&self) -> Vec<String> {
        match self.read() {
            Err(invalid) => vec![format!("! {}", invalid.to_line())],
            Ok(Parcel { items: Items::One(item), .. }) => vec![line(Ok(item))],
            Ok(Parcel { items: Items::Several(items), .. }) => items.into_iter().map(line).collect(),
        }
    }

    /// Status and body of the answer when that became of it.
    fn answered(&self, discards: &[Discard], fates: &[Fate]) -> (u16, String) {
        let adapter = adapter(self.path).unwrap();
        let reply = match self.read() {
            Ok(parcel) => (parcel.reply)(&Receipt { discards: discards.to_vec(), fates: fates.to_vec() }),
            Err(invalid) => (adapter.refuse)(&invalid),
        };
        let body = if reply.body.starts_with(b"GIF89a") {
            assert_eq!((reply.body.len(), reply.content_type), (43, "image/gif"));
            let why = reply.header.map(|(_, why)| why.to_str().unwrap().to_owned());
            format!("GIF {}", why.unwrap_or_default())
        } else {
            String::from_utf8(reply.body.to_vec()).unwrap()
        };
        (reply.status.as_u16(), body.trim_end().to_owned())
    }
}

fn line(item: Result<Item<'_>, Invalid>) -> String {
    match item {
        Err(invalid) => format!("! {}", invalid.to_line()),
        Ok(Item::Discarded(reason)) => format!("- {}", reason.as_str()),
        Ok(Item::Beacon(beacon, visitor)) => {
            let mut line = format!("{} @", beacon.name);
            beacon.domains().for_each(|site| line += site);
            line += &format!(" {}", beacon.url);
            if !beacon.referrer.is_empty() {
                line += &format!(" from {}", beacon.referrer);
            }
            for (key, value) in &beacon.props {
                line += &format!(" {key}={value}");
            }
            if let Some(Revenue { thousandths, currency }) = &beacon.revenue {
                line += &format!(" {thousandths} {currency}");
            }
            for (word, said) in
                [("by", &visitor.address), ("on", &visitor.user_agent), ("in", &visitor.language)]
            {
                line += &said.as_ref().map(|said| format!(" {word} {said}")).unwrap_or_default();
            }
            assert_eq!(beacon.fragment, Fragment::Dropped);
            line
        }
    }
}

fn umami(payload: &str) -> Sent {
    Sent::to("/api/send").body(format!(r#"{{"type":"event","payload":{{"website":"{WEBSITE}",{payload}}}}}"#))
}

#[test]
fn no_path_is_two_formats_and_none_is_another_route() {
    let mut paths: Vec<_> = ADAPTERS.iter().flat_map(|adapter| adapter.paths).collect();
    let all = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), all);
    assert!(adapter("/api/health").is_none() && adapter("/matomo.php/").is_none());
}

#[test]
fn umami_views_and_events_become_beacons_without_their_visitor() {
    for (payload, expected) in [
        (
            r#""hostname":"example.org","url":"/a?utm_source=x","referrer":"https://b.example/","title":"T","screen":"1920x1080","language":"de","id":"jane","vid":"u1""#,
            "pageview @W https://example.org/a?utm_source=x from https://b.example/",
        ),
        (r#""hostname":"x.org","url":"https://example.org/a#b""#, "pageview @W https://example.org/a#b"),
        (r#""hostname":"example.org","url":"caf%25C3%25A9""#, "pageview @W https://example.org/caf%C3%A9"),
        (r#""url":"/home""#, "pageview @W /home"),
        (
            r#""hostname":"example.org","url":"/","name":"Signup","data":{"plan":"pro","n":3,"deep":{"a":1}},"tag":"B""#,
            "Signup @W https://example.org/ plan=pro n=3 tag=B",
        ),
        (
            r#""hostname":"example.org","url":"/","name":"Order","data":{"revenue":9.5,"currency":"EUR","sku":"x"}"#,
            "Order @W https://example.org/ sku=x 9500 EUR",
        ),
        (
            r#""hostname":"example.org","url":"/","ip":"198.51.100.7","userAgent":"Firefox","timestamp":1795611000"#,
            "pageview @W https://example.org/ by 198.51.100.7 on Firefox",
        ),
        (
            r#""hostname":"example.org","url":"/","timestamp":1795600000"#,
            "! time: should be within the last hour; what is older can be imported",
        ),
        (r#""url":"data:text/html,x""#, "! url: must be a valid url"),
        (r#""hostname":"example.org","url":7,"name":" ","data":[1]"#, "pageview @W https://example.org/7"),
    ] {
        assert_eq!(umami(payload).said(), [expected.replace('W', WEBSITE)], "{payload}");
    }
    let view = umami(r#""url":"/""#);
    let Ok(Parcel { items: Items::One(Item::Beacon(beacon, _)), .. }) = view.read() else {
        panic!("a beacon")
    };
    assert_eq!(beacon.named_by, NamedBy::UmamiWebsite);
}

#[test]
fn umami_requests_that_are_wrong_get_400_and_others_what_its_clients_read() {
    let send = |body: &str| Sent::to("/api/send").body(body);
    for (body, message) in [
        ("", "request: Expected JSON"),
        ("\"x\"", "request: Expected object"),
        ("{}", "type: Required"),
        (r#"{"type":"event"}"#, "payload: Required"),
        (r#"{"type":[1],"payload":{}}"#, "type: Required"),
        (r#"{"type":"event","payload":{"url":"/"}}"#, "website: Required"),
        (r#"{"type":"event","payload":{"website":7,"url":"/"}}"#, "website: Required"),
    ] {
        let expected = format!(r#"{{"error":{{"message":"{message}","code":"bad-request","status":400}}}}"#);
        assert_eq!(send(body).answered(&[], &[]), (400, expected), "{body}");
    }
    assert_eq!(send(r#"{"type":"identify","payload":{"id":"jane"}}"#).said(), ["- not_counted"]);
    let nothing = r#"{"cache":"","sessionId":"","visitId":""}"#;
    let view = umami(r#""url":"/""#);
    for (discards, status, body) in [
        (&[][..], 200, nothing),
        (&[Discard::Objection], 200, nothing),
        (&[Discard::Bot], 200, r#"{"beep":"boop"}"#),
        (
            &[Discard::UnknownSite],
            400,
            r#"{"error":{"message":"Website not found.","code":"bad-request","status":400}}"#,
        ),
    ] {
        assert_eq!(view.answered(discards, &[]), (status, body.to_owned()));
    }
}

#[test]
fn an_umami_batch_says_which_of_its_items_are_wrong() {
    let event = format!(r#"{{"type":"event","payload":{{"website":"{WEBSITE}","url":"/"}}}}"#);
    let batch = Sent::to("/api/batch").body(format!("[{event},7,{event}]"));
    assert_eq!(batch.said()[1], "! request: Expected object");
    assert_eq!(batch.said().len(), 3);
    let fates = [
        Fate::Stored,
        Fate::Invalid(Invalid::field("request", "Expected object")),
        Fate::Discarded(Discard::UnknownSite),
        Fate::Discarded(Discard::Bot),
    ];
    let (status, body) = batch.answered(&[], &fates);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["size"], &body["processed"], &body["errors"]),
        (200, &4.into(), &2.into(), &2.into())
    );
    assert_eq!(body["details"][0]["index"], 1);
    assert_eq!(body["details"][1]["response"]["error"]["message"], "Website not found.");
    for body in ["{}", "", &format!("[{}0]", "0,".repeat(500))] {
        assert_eq!(Sent::to("/api/batch").body(body).answered(&[], &[]).0, 400);
    }
}

#[test]
fn goatcounter_images_are_views_of_the_page_that_asks_for_them() {
    let from =
        |query: &str| Sent::to("/count").query(query).with(REFERER, "https://www.example.org/shop?x=1");
    for (query, expected) in [
        (
            "p=/a%3Fb%3D1&t=Title&r=https%3A%2F%2Fb.example&s=1920,1080,2&rnd=k3f9a",
            "pageview @H https://www.example.org/a?b=1 from https://b.example",
        ),
        ("p=/a&q=%3Futm_source%3Dx", "pageview @H https://www.example.org/a?utm_source=x"),
        ("p=a%3Fb&q=c", "pageview @H https://www.example.org/a?b&c"),
        ("p=click-buy&e=true&t=Buy", "click-buy @H https://www.example.org/shop"),
        ("p=/a&e=false", "pageview @H https://www.example.org/a"),
        ("p=/a&b=150", "- bot"),
        ("p=/a&b=7", "! b: wrong value"),
        ("p=/a&b=x", "! b: must be a whole number"),
        ("t=x", "! path: must be set"),
        ("", "! path: must be set"),
        ("p=%ff%00", "pageview @H https://www.example.org/\u{fffd}\0"),
    ] {
        assert_eq!(from(query).said(), [expected.replace('H', "stats.example.org")], "{query}");
    }
    assert_eq!(Sent::to("/count").query("p=/a").said(), ["pageview @stats.example.org /a"]);
    let prefetch = from("p=/a").with(HeaderName::from_static("sec-purpose"), "prefetch;prerender");
    assert_eq!(prefetch.said(), ["- not_counted"]);
    let view = from("p=/a");
    assert_eq!(view.answered(&[], &[]), (200, "GIF ".trim_end().to_owned()));
    assert_eq!(view.answered(&[Discard::Bot], &[]), (202, "GIF ignored because bot".to_owned()));
    assert_eq!(from("").answered(&[], &[]), (400, "GIF not valid: path: must be set".to_owned()));
}

#[test]
fn goatcounter_hits_speak_for_their_own_visitors_and_drop_their_sessions() {
    let hits = |hits: &str| Sent {
        sender: Some(Some(7)),
        ..Sent::to("/api/v0/count").body(format!(r#"{{"no_sessions":true,"hits":{hits}}}"#))
    };
    for (hit, expected) in [
        (
            r#"{"path":"/a","title":"T","ref":"https://b.example/","query":"utm_source=x","ip":"198.51.100.7","user_agent":"Firefox","session":"s1","location":"NL","size":[1,2,3],"created_at":"2026-11-25T12:59:00Z"}"#,
            "pageview @7 /a?utm_source=x from https://b.example/ by 198.51.100.7 on Firefox",
        ),
        (r#"{"path":"Signup","event":true}"#, "Signup @7 /"),
        (r#"{"path":"/a","event":0}"#, "pageview @7 /a"),
        (r#"{"path":"/a","bot":153}"#, "- bot"),
        (r#"{"path":"/a","bot":"x"}"#, "! bot: must be a whole number"),
        (r#"{"path":""}"#, "! path: must be set"),
        (r#"{"path":"/a","created_at":"yesterday"}"#, "! created_at: must be a time"),
        (
            r#"{"path":"/a","created_at":"2020-01-01T00:00:00Z"}"#,
            "! time: should be within the last hour; what is older can be imported",
        ),
        ("7", "! hit: must be an object"),
    ] {
        assert_eq!(hits(&format!("[{hit}]")).said(), [expected], "{hit}");
    }
    for (body, message) in [
        ("", "must be a JSON object"),
        ("[]", "must be a JSON object"),
        ("{}", "no hits"),
        (r#"{"hits":[]}"#, "no hits"),
        (r#"{"hits":{}}"#, "no hits"),
    ] {
        let answer = Sent::to("/api/v0/count").body(body).answered(&[], &[]);
        assert_eq!(answer, (400, format!(r#"{{"error":"{message}"}}"#)), "{body}");
    }
    let all = hits(r#"[{"path":"/"}]"#);
    assert_eq!(all.answered(&[], &[Fate::Stored]), (202, r#"{"status":"ok"}"#.to_owned()));
    let fates = [Fate::Stored, Fate::Invalid(Invalid::field("path", "must be set"))];
    assert_eq!(all.answered(&[], &fates), (400, r#"{"errors":{"1":"path: must be set"}}"#.to_owned()));
    let everywhere = Sent { sender: Some(None), ..all };
    assert_eq!(everywhere.said(), ["pageview @stats.example.org /"]);
}

#[test]
fn matomo_parameters_become_beacons_without_their_visitor() {
    let page = "idsite=3&rec=1&url=https%3A%2F%2Fexample.org%2Fa";
    for (query, expected) in [
        (
            "urlref=https%3A%2F%2Fb.example%2F&action_name=T&_id=0123456789abcdef&uid=jane&cid=fe&res=1920x1080&lat=1&long=2&rand=1&h=1&cookie=1",
            "pageview @3 https://example.org/a from https://b.example/",
        ),
        ("e_c=Videos&e_a=Play&e_n=Intro&e_v=3", "Videos: Play @3 https://example.org/a name=Intro value=3"),
        ("e_c=Videos", "Videos @3 https://example.org/a"),
        ("idgoal=2&revenue=12.50", "Goal 2 @3 https://example.org/a 12500 "),
        ("idgoal=0&ec_id=A-1042&revenue=99&ec_items=%5B%5D", "Order @3 https://example.org/a 99000 "),
        ("idgoal=0&revenue=99", "- not_counted"),
        (
            "link=https%3A%2F%2Fb.example%2Fx%3Ftoken%3D1",
            "Outbound Link: Click @3 https://example.org/a url=https://b.example/x",
        ),
        (
            "download=https%3A%2F%2Fexample.org%2Ff.pdf%23p",
            "File Download @3 https://example.org/a url=https://example.org/f.pdf",
        ),
        (
            "search=boots&search_cat=shoes&search_count=4",
            "Site Search @3 https://example.org/a search_term=boots category=shoes results=4",
        ),
        ("dimension1=member&dimensionX=no", "pageview @3 https://example.org/a dimension1=member"),
        ("ping=1", "- not_counted"),
        ("ca=1&fa_vid=x", "- not_counted"),
        ("ca=1&e_c=Videos", "Videos @3 https://example.org/a"),
        ("c_n=banner", "- not_counted"),
        (
            "cip=198.51.100.7&ua=Firefox&lang=de",
            "pageview @3 https://example.org/a by 198.51.100.7 on Firefox in de",
        ),
        ("cdt=2026-11-25+12:30:00", "pageview @3 https://example.org/a"),
        ("cdt=1577836800", "! time: should be within the last hour; what is older can be imported"),
        ("revenue=5", "pageview @3 https://example.org/a"),
    ] {
        let url = Sent::to("/matomo.php").query(&format!("{page}&{query}"));
        let form = Sent::to("/piwik.php").query(page).body(query);
        for sent in [url, form] {
            assert_eq!(sent.said(), [expected], "{query}");
        }
    }
    for (query, expected) in [
        ("", "rec: should be 1"),
        ("idsite=3&rec=0&url=x", "rec: should be 1"),
        ("rec=1&url=x", "idsite: is required"),
        ("rec=1&idsite=3", "url: is required"),
    ] {
        assert_eq!(
            Sent::to("/matomo.php").query(query).answered(&[], &[]),
            (400, expected.to_owned()),
            "{query}"
        );
    }
    let view = |more: &str| Sent::to("/matomo.php").query(&format!("{page}{more}"));
    assert_eq!(view("").answered(&[], &[]), (200, "GIF".to_owned()));
    assert_eq!(view("&send_image=0").answered(&[Discard::Bot], &[]), (204, String::new()));
    assert_eq!(view("").answered(&[Discard::UnknownSite], &[]), (400, "idsite: no such site".to_owned()));
    let sent = view("&token_auth=passant_1");
    assert_eq!(sent.read().ok().and_then(|parcel| parcel.token).as_deref(), Some("passant_1"));
}

#[test]
fn matomo_takes_several_requests_at_once() {
    let bulk = Sent::to("/matomo.php").body(
        r#"{"requests":["?idsite=3&rec=1&url=https%3A%2F%2Fexample.org%2Fa",
            {"idsite":3,"rec":1,"url":"https://example.org/b","_id":"x"}, "?rec=1", 7],"token_auth":"passant_1"}"#,
    );
    assert_eq!(
        bulk.said(),
        [
            "pageview @3 https://example.org/a",
            "pageview @3 https://example.org/b",
            "! idsite: is required",
            "! request: should be a query"
        ]
    );
    assert_eq!(bulk.read().ok().and_then(|parcel| parcel.token).as_deref(), Some("passant_1"));
    let each = Sent::to("/matomo.php")
        .body(r#"{"requests":["?rec=1&token_auth=passant_2",{"token_auth":"passant_3"}]}"#);
    assert_eq!(each.read().ok().and_then(|parcel| parcel.token).as_deref(), Some("passant_2"));
    let fates = [Fate::Stored, Fate::Stored, Fate::Invalid(Invalid::field("idsite", "is required"))];
    let body = r#"{"status":"success","tracked":2,"invalid":1,"invalid_indices":[2]}"#;
    assert_eq!(bulk.answered(&[], &fates), (200, body.to_owned()));
    for body in ["{", "{}", r#"{"requests":7}"#] {
        assert_eq!(Sent::to("/matomo.php").body(body).answered(&[], &[]).0, 400, "{body}");
    }
}

#[test]
fn a_pixel_is_a_view_of_the_page_that_shows_it() {
    let pixel = |query: &str| Sent::to("/p.gif").query(query);
    let shown = pixel("d=example.org").with(REFERER, "https://example.org/a?b");
    assert_eq!(shown.said(), ["pageview @example.org https://example.org/a?b"]);
    assert_eq!(shown.answered(&[], &[]), (200, "GIF".to_owned()));
    let told = pixel("u=https%3A%2F%2Fexample.org%2Fc&r=https%3A%2F%2Fb.example&n=Opened")
        .with(REFERER, "https://x.org/");
    assert_eq!(told.said(), ["Opened @example.org https://example.org/c from https://b.example"]);
    assert_eq!(pixel("d=example.org").answered(&[], &[]), (400, "url: is required".to_owned()));
}

#[test]
fn whatever_is_sent_anywhere_is_answered() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_payload = format!(r#"{{"type":"event","payload":{{"website":"w","url":"/","data":{deep}}}}}"#);
    for body in
        [&b"\xff\xfe"[..], b"\"\xff\"", b"null", b"{\"a\":\xff}", deep.as_bytes(), deep_payload.as_bytes()]
    {
        for adapter in ADAPTERS {
            let sent = Sent { path: adapter.paths[0], sender: Some(None), ..Sent::default() };
            let sent = sent.body(body).query("p=%ff&u=%ff&rec=%ff");
            let status = sent.answered(&[], &[]).0;
            assert!((200..300).contains(&status) || status == 400, "{:?}: {status}", adapter.paths);
        }
    }
}
