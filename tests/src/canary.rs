//! Canaries: values that must not get out, and the search for them in every form that they could have taken.
//!
//! Invariant: a form that is listed here is found, which a test proves for each by planting it. The shortest is four bytes
//! long, which chance finds now and then in a megabyte of compressed columns: there it has to be in two places to count.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// The shortest form that is looked for.
const SHORTEST_BYTES: usize = 4;

/// Where the engine's files are, in a data directory.
const STORE: &str = "store";

/// A value that must not get out.
#[derive(Clone, Debug)]
pub struct Canary {
    name: String,
    forms: Vec<Form>,
}

/// One way to write a canary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    /// What kind of form it is.
    pub kind: &'static str,
    /// What is looked for.
    pub bytes: Vec<u8>,
}

/// A canary that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// File, response or log.
    pub place: String,
    /// Which canary.
    pub canary: String,
    /// In which form.
    pub kind: &'static str,
    /// What stands around it.
    pub around: String,
}

/// Looks for several canaries at once.
pub struct Search {
    needles: AhoCorasick,
    found: Vec<(String, &'static str)>,
    is_short: BTreeSet<(String, &'static str)>,
}

impl Canary {
    /// An address, in each form that a program may give it.
    pub fn address(name: &str, address: IpAddr) -> Self {
        let mut forms = match address {
            IpAddr::V4(v4) => v4_forms(v4),
            IpAddr::V6(v6) => v6_forms(v6, "address"),
        };
        for text in texts(&forms) {
            forms.extend(encoded(&text, ["text in hex", "text in base64", "text in URLs"]));
        }
        Self::new(name, forms)
    }

    /// A word of a request: a user agent, a URL, a marker.
    pub fn word(name: &str, word: &str) -> Self {
        let mut forms = vec![
            form("text", word),
            form("lower case", word.to_lowercase()),
            form("upper case", word.to_uppercase()),
            form("reversed", word.chars().rev().collect::<String>()),
        ];
        forms.extend(encoded(word.as_bytes(), ["hex", "base64", "in URLs"]));
        Self::new(name, forms)
    }

    /// Bytes such as a key's.
    pub fn bytes(name: &str, bytes: &[u8]) -> Self {
        let mut forms = vec![form("packed", bytes), form("packed, reversed", reversed(bytes))];
        forms.push(form("list", list(bytes)));
        forms.extend(encoded(bytes, ["hex", "base64", "in URLs"]));
        Self::new(name, forms)
    }

    /// All forms that are looked for.
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    fn new(name: &str, mut forms: Vec<Form>) -> Self {
        forms.retain(|form| form.bytes.len() >= SHORTEST_BYTES);
        forms.sort();
        forms.dedup_by(|one, other| one.bytes == other.bytes);
        Self { name: name.to_owned(), forms }
    }
}

impl Search {
    /// A search for these.
    ///
    /// # Panics
    /// When they are too many for one automaton.
    pub fn new(canaries: &[Canary]) -> Self {
        let forms = || canaries.iter().flat_map(|canary| canary.forms.iter().map(move |form| (canary, form)));
        let needles = AhoCorasick::new(forms().map(|(_, form)| &form.bytes)).expect("a few thousand needles");
        let named = |(canary, form): (&Canary, &Form)| (canary.name.clone(), form.kind);
        let is_short = forms().filter(|(_, form)| form.bytes.len() == SHORTEST_BYTES).map(named).collect();
        Self { needles, found: forms().map(named).collect(), is_short }
    }

    /// What is in these bytes, each canary once a form.
    pub fn within(&self, place: &str, bytes: &[u8]) -> Vec<Sighting> {
        let mut seen = BTreeSet::new();
        let mut sightings = Vec::new();
        for hit in self.needles.find_overlapping_iter(bytes) {
            let (canary, kind) = &self.found[hit.pattern().as_usize()];
            if seen.insert((canary, kind)) {
                let around = &bytes[hit.start().saturating_sub(60)..(hit.end() + 40).min(bytes.len())];
                sightings.push(Sighting {
                    place: place.to_owned(),
                    canary: canary.clone(),
                    kind,
                    around: String::from_utf8_lossy(around).escape_debug().to_string(),
                });
            }
        }
        sightings
    }

    /// What is in the files below a directory, and in their names.
    ///
    /// # Panics
    /// When the directory cannot be read; a file that goes away meanwhile holds nothing.
    pub fn below(&self, directory: &Path) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        let mut in_columns: BTreeMap<(String, &'static str), Vec<Sighting>> = BTreeMap::new();
        for path in files(directory) {
            let place = path.display().to_string();
            // The place itself is made by the test; only what stands below it tells anything.
            let below = path.strip_prefix(directory).unwrap_or(&path);
            sightings
                .extend(self.within(&format!("name of {place}"), below.display().to_string().as_bytes()));
            let Ok(content) = std::fs::read(&path) else { continue };
            for sighting in self.within(&place, &content) {
                let form = (sighting.canary.clone(), sighting.kind);
                if below.iter().any(|part| part == STORE) && self.is_short.contains(&form) {
                    in_columns.entry(form).or_default().push(sighting);
                } else {
                    sightings.push(sighting);
                }
            }
        }
        // A part that was copied or rewritten as it is tells nothing new.
        let places = |found: &[Sighting]| found.iter().map(|one| &one.around).collect::<BTreeSet<_>>().len();
        sightings.extend(in_columns.into_values().filter(|found| places(found) > 1).flatten());
        sightings
    }
}

/// All files below a directory; sockets and the like are none.
///
/// # Panics
/// When the directory cannot be read.
pub fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        // Merges remove directories at any time.
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn form(kind: &'static str, bytes: impl AsRef<[u8]>) -> Form {
    Form { kind, bytes: bytes.as_ref().to_vec() }
}

fn v4_forms(v4: Ipv4Addr) -> Vec<Form> {
    let octets = v4.octets();
    let [a, b, c, d] = octets;
    let mut forms = vec![
        form("text", v4.to_string()),
        form("padded text", format!("{a:03}.{b:03}.{c:03}.{d:03}")),
        form("dashed text", format!("{a}-{b}-{c}-{d}")),
        form("text of its /24", format!("{a}.{b}.{c}.")),
        form("reversed for DNS", format!("{d}.{c}.{b}.{a}")),
        form("list", list(&octets)),
        form("tight list", format!("{a},{b},{c},{d}")),
        form("packed", octets),
        form("packed, reversed", reversed(&octets)),
        form("packed /24", [a, b, c, 0]),
        form("decimal", v4.to_bits().to_string()),
        form("decimal, reversed", v4.to_bits().swap_bytes().to_string()),
        form("decimal /24", (v4.to_bits() & !0xff).to_string()),
        form("hex with colons", format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}")),
        form("octal", format!("{a:04o}.{b:04o}.{c:04o}.{d:04o}")),
    ];
    forms.extend(encoded(&octets, ["hex", "base64", "packed in URLs"]));
    forms.extend(encoded(&reversed(&octets), ["reversed hex", "reversed base64", "reversed in URLs"]));
    forms.extend(v6_forms(v4.to_ipv6_mapped(), "mapped"));
    forms
}

fn v6_forms(v6: Ipv6Addr, kind: &'static str) -> Vec<Form> {
    let octets = v6.octets();
    let groups = v6.segments().map(|group| format!("{group:04x}"));
    let plain = v6.segments().map(|group| format!("{group:x}"));
    let nibbles: Vec<String> = octets
        .iter()
        .rev()
        .flat_map(|octet| [format!("{:x}", octet & 15), format!("{:x}", octet >> 4)])
        .collect();
    let mut forms = vec![
        form("text", v6.to_string()),
        form("upper-case text", v6.to_string().to_uppercase()),
        form("full text", groups.join(":")),
        form("full upper-case text", groups.join(":").to_uppercase()),
        form("text without a gap", plain.join(":")),
        form("dashed text", groups.join("-")),
        form("reversed for DNS", nibbles.join(".")),
        form("list", list(&octets)),
        form("packed", octets),
        form("packed, reversed", reversed(&octets)),
        form("decimal", v6.to_bits().to_string()),
        form("decimal, reversed", v6.to_bits().swap_bytes().to_string()),
    ];
    if let Some(v4) = v6.to_ipv4_mapped() {
        let [high, low] = [v4.to_bits() >> 16, v4.to_bits() & 0xffff];
        forms.push(form("mapped text in hex groups", format!("::ffff:{high:x}:{low:x}")));
    } else {
        let [a, b, c, ..] = v6.segments();
        let site = Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
        forms.push(form("text of its /48", format!("{a:x}:{b:x}:{c:x}:")));
        forms.push(form("packed /48", site.octets()));
        forms.push(form("decimal /48", site.to_bits().to_string()));
    }
    let kinds = match kind {
        "mapped" => ["mapped hex", "mapped base64", "mapped in URLs"],
        _ => ["hex", "base64", "packed in URLs"],
    };
    forms.extend(encoded(&octets, kinds));
    forms
}

/// The forms that people read, to be encoded once more.
fn texts(forms: &[Form]) -> Vec<Vec<u8>> {
    forms
        .iter()
        .filter(|form| matches!(form.kind, "text" | "full text" | "decimal"))
        .map(|form| form.bytes.clone())
        .collect()
}

/// Hex in both cases, base64 in both alphabets at each of its three alignments, and percent signs in both cases.
fn encoded(bytes: &[u8], [hex, base64, urls]: [&'static str; 3]) -> Vec<Form> {
    let digits = |prefix: &str| bytes.iter().map(|byte| format!("{prefix}{byte:02x}")).collect::<String>();
    let escaped: String = bytes
        .iter()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let mut forms = vec![
        form(hex, digits("")),
        form(hex, digits("").to_uppercase()),
        form(hex, digits("\\x")),
        form(urls, digits("%")),
        form(urls, digits("%").to_uppercase()),
        form(urls, escaped.to_lowercase()),
        form(urls, escaped),
    ];
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|offset| form(base64, base64_core(&alphabet, bytes, offset))));
    }
    forms
}

/// The characters that `bytes` give in base64 when `offset` bytes stand in front of them, whatever these are and
/// whatever follows.
fn base64_core(alphabet: &Alphabet, bytes: &[u8], offset: usize) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
    let text = GeneralPurpose::new(alphabet, NO_PAD).encode(&padded);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    text[first..last].to_owned()
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

fn list(bytes: &[u8]) -> String {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}
