use proptest::prelude::*;

use super::*;

fn parse(body: &str) -> Beacon<'_> {
    Beacon::parse(body.as_bytes()).unwrap()
}

fn errors(body: &str) -> String {
    Beacon::parse(body.as_bytes()).unwrap_err().to_json()
}

#[test]
fn short_and_long_keys_mean_the_same() {
    let short = r#"{"n":"Signup","u":"https://a.example/x","d":"a.example","r":"https://b.example/",
        "p":{"plan":"pro"},"$":{"amount":"12.50","currency":"EUR"},"i":false,"h":1,"v":31}"#;
    let long = r#"{"name":"Signup","url":"https://a.example/x","domain":"a.example","referrer":"https://b.example/",
        "props":{"plan":"pro"},"revenue":{"amount":12.5,"currency":"eur"},"interactive":false,"hashMode":1}"#;
    assert_eq!(parse(short), parse(long));
    let beacon = parse(short);
    assert_eq!(beacon.name, "Signup");
    assert_eq!(beacon.props, [("plan".into(), "pro".into())]);
    assert_eq!(beacon.revenue, Some(Revenue { thousandths: 12_500, currency: "EUR".into() }));
    assert!(!beacon.interactive);
    assert_eq!(beacon.fragment, Fragment::InPath);
    let old = r#"{"n":"Signup","u":"https://a.example/x","d":"a.example","m":"{\"plan\":\"pro\"}"}"#;
    assert_eq!(parse(old).props, beacon.props);
    assert!(parse(old).interactive);
}

#[test]
fn each_missing_or_bad_field_is_named() {
    for (body, expected) in [
        ("", r#"{"errors":{"request":["Unable to parse request body as json"]}}"#),
        ("[]", r#"{"errors":{"request":["Unable to parse request body as json"]}}"#),
        ("{", r#"{"errors":{"request":["Unable to parse request body as json"]}}"#),
        (
            "{}",
            r#"{"errors":{"domain":["can't be blank"],"event_name":["can't be blank"],"url":["is required"]}}"#,
        ),
        (r#"{"n":"x","u":"https://a.example/","d":" "}"#, r#"{"errors":{"domain":["can't be blank"]}}"#),
        (r#"{"n":"x","u":7,"d":"a"}"#, r#"{"errors":{"url":["must be a valid url"]}}"#),
        (r#"{"n":"x","u":"data:text/html,x","d":"a"}"#, r#"{"errors":{"url":["must be a valid url"]}}"#),
        (r#"{"n":" ","u":"https://a.example/","d":"a"}"#, r#"{"errors":{"event_name":["can't be blank"]}}"#),
        (
            r#"{"n":"engagement","u":"https://a.example/","d":"a","sd":"deep","e":-1}"#,
            r#"{"errors":{"engagement_time":["one of 'sd' and 'e' should be a non-negative integer"]}}"#,
        ),
    ] {
        assert_eq!(errors(body), expected, "{body}");
    }
    let long_name = format!(r#"{{"n":"{}","u":"https://a.example/","d":"a"}}"#, "ä".repeat(121));
    assert_eq!(errors(&long_name), r#"{"errors":{"event_name":["should be at most 120 character(s)"]}}"#);
    let fitting = format!(r#"{{"n":"{}","u":"https://a.example/","d":"a"}}"#, "ä".repeat(120));
    assert_eq!(parse(&fitting).name.chars().count(), 120);
    let long_url = format!(r#"{{"n":"x","u":"https://a.example/{}","d":"a"}}"#, "x".repeat(2000));
    assert_eq!(errors(&long_url), r#"{"errors":{"url":["must be a valid url"]}}"#);
    let many_sites = format!(r#"{{"n":"x","u":"https://a.example/","d":"{}"}}"#, "a,".repeat(51));
    assert_eq!(errors(&many_sites), r#"{"errors":{"domain":["should name at most 50 sites"]}}"#);
}

#[test]
fn one_beacon_may_speak_for_several_sites_and_the_host_stands_in_for_none() {
    let domains = |body| parse(body).domains().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        domains(r#"{"n":"x","u":"https://a.example/","d":"a.example, b.example,,"}"#),
        ["a.example", "b.example"]
    );
    assert_eq!(domains(r#"{"n":"x","u":"https://www.A.example:8080/"}"#), ["a.example"]);
    assert_eq!(errors(r#"{"n":"x","u":"/only/a/path"}"#), r#"{"errors":{"domain":["can't be blank"]}}"#);
}

#[test]
fn properties_are_cast_to_text_and_bounded() {
    let props = |json: &str| {
        let body = format!(r#"{{"n":"x","u":"https://a.example/","d":"a","p":{json}}}"#);
        let beacon = parse(&body);
        beacon.props.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    for (json, expected) in [
        (r#"{"a":1,"b":1.5,"c":true,"d":"x"}"#, "a=1 b=1.5 c=true d=x"),
        (r#"{"a":null,"b":"","c":" ","d":[1],"e":{"f":1},"":"x"}"#, ""),
        (r#"{"a":"1","a":"2"}"#, "a=2"),
        (r#""{\"a\":1}""#, "a=1"),
        (r#""no json""#, ""),
        ("[1,2]", ""),
        ("7", ""),
    ] {
        assert_eq!(props(json), expected, "{json}");
    }
    let many: Vec<_> = (0..40).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let kept = props(&format!("{{{}}}", many.join(",")));
    assert_eq!(kept.split(' ').count(), 30);
    assert!(kept.starts_with("k0=0 ") && kept.ends_with(" k29=29"));
    for (key, value) in [(301, 1), (1, 2001)] {
        let body = format!(
            r#"{{"n":"x","u":"https://a.example/","d":"a","p":{{"{}":"{}"}}}}"#,
            "k".repeat(key),
            "v".repeat(value)
        );
        let expected = r#"{"errors":{"props":["keys should have at most 300 bytes and values 2000 bytes"]}}"#;
        assert_eq!(errors(&body), expected);
    }
}

#[test]
fn bad_revenue_is_dropped_and_the_event_kept() {
    for (json, expected) in [
        (r#"{"amount":"9.99","currency":"USD"}"#, Some((9_990, "USD"))),
        (r#"{"amount":9.99,"currency":"USD"}"#, Some((9_990, "USD"))),
        (r#"{"amount":-3,"currency":"jpy"}"#, Some((-3_000, "JPY"))),
        (r#""{\"amount\":1,\"currency\":\"EUR\"}""#, Some((1_000, "EUR"))),
        (r#"{"amount":"much","currency":"USD"}"#, None),
        (r#"{"amount":1,"currency":"???"}"#, None),
        (r#"{"amount":1}"#, None),
        (r#"{"currency":"EUR"}"#, None),
        ("12", None),
    ] {
        let body = format!(r#"{{"n":"x","u":"https://a.example/","d":"a","$":{json}}}"#);
        let revenue = parse(&body).revenue;
        assert_eq!(revenue.as_ref().map(|r| (r.thousandths, r.currency.as_str())), expected, "{json}");
    }
}

#[test]
fn engagement_is_clamped() {
    for (fields, time, depth) in [
        (r#""sd":50,"e":1234"#, 1234, 50),
        (r#""sd":250"#, 0, 100),
        (r#""e":1234.6"#, 1235, 255),
        (r#""sd":-1,"e":5"#, 5, 255),
        (r#""sd":3,"e":-5"#, 0, 3),
        (r#""sd":3,"e":2592000000"#, 0, 3),
        (r#""sd":3,"e":2591999999"#, 2_591_999_999, 3),
        (r#""sd":3,"e":1e300"#, 0, 3),
    ] {
        let body = format!(r#"{{"n":"engagement","u":"https://a.example/","d":"a",{fields}}}"#);
        let beacon = parse(&body);
        assert_eq!((beacon.engagement_time_ms, beacon.scroll_depth), (time, depth), "{fields}");
    }
    let pageview = parse(r#"{"n":"pageview","u":"https://a.example/","d":"a","sd":50,"e":1234}"#);
    assert_eq!((pageview.engagement_time_ms, pageview.scroll_depth), (0, SCROLL_DEPTH_MISSING));
}

#[test]
fn numbers_name_events_and_long_referrers_are_cut() {
    assert_eq!(parse(r#"{"n":404,"u":"https://a.example/","d":"a"}"#).name, "404");
    let body = format!(
        r#"{{"n":"x","u":"https://a.example/","d":"a","r":"https://b.example/{}"}}"#,
        "ä".repeat(3000)
    );
    assert_eq!(parse(&body).referrer.chars().count(), 2000);
    assert_eq!(parse(r#"{"n":"x","u":"https://a.example/","d":"a","r":7}"#).referrer, "");
}

#[test]
fn the_limits_of_depth_hold() {
    let deep =
        format!(r#"{{"n":"x","u":"https://a.example/","d":"a","p":{}1{}}}"#, "[".repeat(8), "]".repeat(8));
    assert_eq!(errors(&deep), r#"{"errors":{"request":["Unable to parse request body as json"]}}"#);
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| serde_json::json!(value).to_string()),
        ".*".prop_map(|text| serde_json::json!(text).to_string()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            "[a-z$]{0,2}",
            Just("amount".to_owned()),
            Just("currency".to_owned()),
            Just("props".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key, inner), 0..8).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", serde_json::json!(key)))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Beacon::parse(&body);
    }

    #[test]
    fn arbitrary_json_is_accepted_or_refused_with_a_field(body in any_json()) {
        match Beacon::parse(body.as_bytes()) {
            Ok(beacon) => {
                prop_assert!(!beacon.name.trim().is_empty() && beacon.domains().count() > 0);
                prop_assert!(beacon.props.len() <= PROPS);
            }
            Err(invalid) => prop_assert!(!invalid.0.is_empty()),
        }
    }
}
