//! P5: nothing finer than a country is in schema, reader, reports or export, even with a city database.

use passant_ingest::{AddressPrefix, ClientAddress, Countries, PrefixBits};
use passant_tests::canary::{Canary, Search};
use passant_tests::{Passant, Settings, until};
use serde_json::json;

use super::{engine_says, everything, key_directory, stored};

const CITY_WORDS: [&str; 6] =
    ["CanaryVille", "CanarySubdivision", "CNY", "CANARY-6011", "Pacific/Canary", "CanaryProvider"];
/// Columns of the zone that the operator gave the site: the only ones that may be called so.
const SITES_OWN: [&str; 2] = ["site_names.timezone", "sites.timezone"];
const LATITUDE: f64 = -41.271_828_18;
const LONGITUDE: f64 = 174.314_159_26;

/// A value of a database in MaxMind's format.
enum Field {
    Text(&'static str),
    Number(f64),
    Short(u16),
    Whole(u32),
    Long(u64),
    List(Vec<Field>),
    Map(Vec<(&'static str, Field)>),
}

impl Field {
    /// Appends the value as <https://maxmind.github.io/MaxMind-DB/> says.
    fn write(&self, to: &mut Vec<u8>) {
        let head = |to: &mut Vec<u8>, kind: u8, size: usize| {
            let size = u8::try_from(size).expect("a short value");
            assert!(size < 29, "longer values need another form");
            match kind {
                1..=7 => to.push(kind << 5 | size),
                // Kinds past 7 stand in a byte of their own.
                _ => to.extend([size, kind - 7]),
            }
        };
        match self {
            Self::Text(text) => {
                head(to, 2, text.len());
                to.extend(text.bytes());
            }
            Self::Number(number) => {
                head(to, 3, 8);
                to.extend(number.to_be_bytes());
            }
            Self::Short(number) => {
                head(to, 5, 2);
                to.extend(number.to_be_bytes());
            }
            Self::Whole(number) => {
                head(to, 6, 4);
                to.extend(number.to_be_bytes());
            }
            Self::Long(number) => {
                head(to, 9, 8);
                to.extend(number.to_be_bytes());
            }
            Self::List(items) => {
                head(to, 11, items.len());
                items.iter().for_each(|item| item.write(to));
            }
            Self::Map(entries) => {
                head(to, 7, entries.len());
                for (name, value) in entries {
                    Self::Text(name).write(to);
                    value.write(to);
                }
            }
        }
    }
}

/// A city database in which every address is in the same place.
fn city_database() -> Vec<u8> {
    let named = |name| Field::Map(vec![("names", Field::Map(vec![("en", Field::Text(name))]))]);
    let subdivision = Field::Map(vec![
        ("iso_code", Field::Text("CNY")),
        ("names", Field::Map(vec![("en", Field::Text("CanarySubdivision"))])),
    ]);
    let location = Field::Map(vec![
        ("latitude", Field::Number(LATITUDE)),
        ("longitude", Field::Number(LONGITUDE)),
        ("accuracy_radius", Field::Short(5)),
        ("time_zone", Field::Text("Pacific/Canary")),
    ]);
    let record = Field::Map(vec![
        ("city", named("CanaryVille")),
        ("country", Field::Map(vec![("iso_code", Field::Text("NZ"))])),
        ("location", location),
        ("postal", Field::Map(vec![("code", Field::Text("CANARY-6011"))])),
        ("subdivisions", Field::List(vec![subdivision])),
        ("traits", Field::Map(vec![("isp", Field::Text("CanaryProvider"))])),
    ]);
    let metadata = Field::Map(vec![
        ("binary_format_major_version", Field::Short(2)),
        ("binary_format_minor_version", Field::Short(0)),
        ("build_epoch", Field::Long(1_790_000_000)),
        ("database_type", Field::Text("GeoLite2-City")),
        ("description", Field::Map(vec![("en", Field::Text("canaries"))])),
        ("ip_version", Field::Short(6)),
        ("languages", Field::List(vec![Field::Text("en")])),
        ("node_count", Field::Whole(1)),
        ("record_size", Field::Short(24)),
    ]);
    // One node, whose two branches both lead to the first record: node count, 16 bytes of gap, offset 0.
    let mut database = [[0, 0, 17], [0, 0, 17]].concat();
    database.extend([0; 16]);
    record.write(&mut database);
    database.extend(b"\xab\xcd\xefMaxMind.com");
    metadata.write(&mut database);
    database
}

fn canaries() -> Vec<Canary> {
    let mut canaries: Vec<_> = CITY_WORDS.iter().map(|word| Canary::word(word, word)).collect();
    for degrees in [LATITUDE, LONGITUDE] {
        canaries.push(Canary::word("degrees", &format!("{degrees:.4}")));
        canaries.push(Canary::bytes("degrees", &degrees.to_be_bytes()));
        #[expect(clippy::cast_possible_truncation, reason = "some would store it so")]
        canaries.push(Canary::bytes("degrees", &(degrees as f32).to_le_bytes()));
    }
    canaries
}

#[test]
fn a_reader_of_cities_answers_with_countries() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("city.mmdb");
    std::fs::write(&path, city_database()).unwrap();
    let found = Search::new(&canaries()).below(directory.path());
    assert!(found.len() >= CITY_WORDS.len() + 2, "the database does hold cities: {found:?}");
    let countries = Countries::open(Some(&path)).unwrap();
    for address in ["203.0.113.7", "2001:db8::7"] {
        let client = ClientAddress::of_peer(std::net::SocketAddr::new(address.parse().unwrap(), 1));
        let prefix = AddressPrefix::cut(client, PrefixBits { ipv4: 24, ipv6: 48 });
        assert_eq!(countries.country(prefix), "NZ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_city_database_nothing_finer_than_a_country_is_stored_reported_or_exported() {
    let keys = key_directory();
    // Apart from the server's files, which are searched.
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("city.mmdb");
    std::fs::write(&path, city_database()).unwrap();
    let config = format!(
        "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\nkey_directory = \"{}\"\ncountry_database = \"{}\"\n",
        keys.path().display(),
        path.display()
    );
    let environment = vec![("RUST_LOG".into(), "trace".into())];
    let mut passant = Passant::start_with(Settings { config, environment, ..Settings::default() }).await;
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    for address in ["203.0.113.7", "2001:db8::7"] {
        assert_eq!(passant.beacon_with(&beacon, &[("x-forwarded-for", address)]).await.status, 202);
    }
    passant.until_total("events", 2).await;
    let search = Search::new(&canaries());
    for (dimension, label) in [
        ("visit:country", "NZ"),
        ("visit:country_name", "New Zealand"),
        ("visit:region", "(not set)"),
        ("visit:region_name", "(not set)"),
        ("visit:city", "(not set)"),
        ("visit:city_name", "(not set)"),
    ] {
        let question = json!({"metrics": ["events"], "date_range": "all", "dimensions": [dimension]});
        let report = passant.report(question).await;
        assert_eq!(report["results"], json!([{"metrics": [2], "dimensions": [label]}]), "{dimension}");
        super::assert_none(&search.within(dimension, report.to_string().as_bytes()));
    }
    super::assert_none(&everything(&passant, keys.path(), &search).await);
    // No column of any table is for such a thing.
    let columns = engine_says(
        &passant,
        "SELECT lower(table || '.' || name) FROM system.columns \
         WHERE lower(database) NOT IN ('system', 'information_schema') FORMAT TSV",
    )
    .await;
    let columns = String::from_utf8(columns).unwrap();
    assert!(columns.lines().any(|column| column == "events.country"), "{columns}");
    for finer in
        ["city", "region", "subdivision", "postal", "zip", "lat", "lon", "geo", "isp", "timezone", "asn"]
    {
        let named = columns.lines().find(|column| {
            let (_, name) = column.split_once('.').unwrap();
            !SITES_OWN.contains(column) && name.split('_').any(|word| word == finer)
        });
        assert_eq!(named, None);
    }
    // What the operator said of the site, whoever visits it.
    let zones = until("the site has its name in the store", || async {
        let zones = engine_says(&passant, "SELECT domain, timezone FROM passant.site_names FORMAT TSV").await;
        Some(String::from_utf8(zones).unwrap()).filter(|zones| !zones.is_empty())
    })
    .await;
    assert_eq!(zones, "example.com\tEurope/Berlin\n");
    assert!(!stored(&passant).await.is_empty());
}
