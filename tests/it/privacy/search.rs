//! The search is worth nothing unless it finds: each form of each canary, planted.

use passant_tests::canary::{Canary, Form, Search};
use passant_tests::{Passant, Settings, until};
use serde_json::json;

fn canaries() -> Vec<Canary> {
    vec![
        Canary::address("IPv4", "203.0.113.77".parse().unwrap()),
        Canary::address("IPv6", "2001:db8:4a7:91c3:e52b:77d1:3f09:b86e".parse().unwrap()),
        Canary::word("agent", "Canary/7.3 (Späher)"),
        Canary::bytes("key", &[0xa7; 32].map(|byte: u8| byte ^ 0x5c)),
    ]
}

#[test]
fn each_form_is_found_where_it_is_planted_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    for canary in canaries() {
        let search = Search::new(std::slice::from_ref(&canary));
        assert!(canary.forms().len() >= 10, "{canary:?}");
        for Form { kind, bytes } in canary.forms() {
            let file = directory.path().join("planted");
            let planted = [b"some bytes \0\xff before", bytes.as_slice(), b"\xfe\0 and after"].concat();
            std::fs::write(&file, planted).unwrap();
            let sightings = search.below(directory.path());
            assert!(sightings.iter().any(|sighting| sighting.kind == *kind), "{kind}: {sightings:?}");
            std::fs::remove_file(&file).unwrap();
        }
        std::fs::write(directory.path().join("clean"), "203.0.114.77 and 2001:db8:4a8:: and nothing")
            .unwrap();
        assert_eq!(search.below(directory.path()), []);
    }
}

/// Chance writes four bytes like those of an address into a column now and then, but not twice; and a part may be copied.
#[test]
fn a_short_form_among_the_stores_columns_counts_from_its_second_place_on() {
    let address = "203.0.113.77".parse().unwrap();
    let (search, packed) = (Search::new(&[Canary::address("client", address)]), [203, 0, 113, 77]);
    let directory = tempfile::tempdir().unwrap();
    let write = |part: &str, content: &[u8]| {
        let part = directory.path().join("data/store").join(part);
        std::fs::create_dir_all(&part).unwrap();
        std::fs::write(part.join("data.bin"), content).unwrap();
    };
    let column = [b"a column \xff", &packed[..], b"\xfe of numbers"].concat();
    write("all_1_1_0", &column);
    write("all_1_1_0_2", &column);
    assert_eq!(search.below(directory.path()), []);
    write("all_2_2_0", &[b"another \xff", &packed[..], b"\xfe column"].concat());
    let found = search.below(directory.path());
    assert_eq!(found.len(), 3, "{found:?}");
    write("all_2_2_0", b"or its text, 203.0.113.77, once");
    let found = search.below(directory.path());
    assert!(found.iter().any(|sighting| sighting.kind == "text"), "{found:?}");
}

/// Known answers, so that the forms are not only found but right.
#[test]
fn the_forms_are_those_that_other_programs_write() {
    let canaries = canaries();
    let [v4, v6] = [&canaries[0], &canaries[1]].map(Canary::forms);
    let has = |forms: &[Form], bytes: &[u8]| forms.iter().any(|form| form.bytes == bytes);
    for text in [
        "203.0.113.77",
        "77.113.0.203",
        "3405803853",
        "CB00714D",
        "cb00714d",
        "::ffff:203.0.113.77",
        "::ffff:cb00:714d",
        "MjAzLjAuMTEzLjc3",
        "203%2E0%2E113%2E77",
    ] {
        assert!(has(v4, text.as_bytes()), "{text}");
    }
    assert!(has(v4, &[203, 0, 113, 77]) && has(v4, &[77, 113, 0, 203]));
    for text in [
        "2001:db8:4a7:91c3:e52b:77d1:3f09:b86e",
        "2001:0db8:04a7:91c3:e52b:77d1:3f09:b86e",
        "20010db804a791c3e52b77d13f09b86e",
        "e.6.8.b.9.0.f.3.1.d.7.7.b.2.5.e.3.c.1.9.7.a.4.0.8.b.d.0.1.0.0.2",
        "2001%3Adb8%3A4a7%3A91c3%3Ae52b%3A77d1%3A3f09%3Ab86e",
    ] {
        assert!(has(v6, text.as_bytes()), "{text}");
    }
}

#[test]
fn base64_is_found_at_each_alignment_in_both_alphabets() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    for canary in canaries() {
        let search = Search::new(std::slice::from_ref(&canary));
        let raw = canary.forms().iter().find(|form| matches!(form.kind, "text" | "packed")).unwrap();
        for before in 0..7 {
            let bytes = [&vec![0x3e; before], raw.bytes.as_slice(), b"??>>"].concat();
            for text in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)] {
                assert!(
                    !search.within("here", text.as_bytes()).is_empty(),
                    "{canary:?} after {before}: {text}"
                );
            }
        }
    }
}

/// A part is compressed, so the engine is asked: what one column holds is seen.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_column_of_the_store_holds_is_seen() {
    let canary = Canary::word("path", "canary-9d41c7-path");
    let search = Search::new(&[canary]);
    let mut passant = Passant::start_with(Settings::default()).await;
    let beacon = json!({"n": "pageview", "u": "https://example.com/canary-9d41c7-path", "d": "example.com"});
    assert_eq!(passant.beacon(&beacon).await.status, 202);
    passant.until_total("events", 1).await;
    until("the path is seen in the store", || async {
        let found = super::stored(&passant).await;
        let seen = found.iter().filter(|(place, content)| !search.within(place, content).is_empty()).count();
        // As text and as bytes.
        (seen >= 2).then_some(())
    })
    .await;
}
