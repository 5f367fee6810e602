//! The website script under all of its names: what a name says is put together from pieces that are built in.
//!
//! `/js/passant.js` is the core. Words in the name add to it, in any order: `/js/passant.hash.outbound-links.js`. Plausible's
//! names give the same with its interface. Invariant: the bytes depend on the words alone, and the words are a closed set.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::built::TRACKER;
use crate::config::Tracker;
use crate::encoded::Encoded;
use crate::public::EVENT_PATH;

/// Where the script is unless the operator named another place.
pub(crate) const SCRIPT_PATH: &str = "/js/passant.js";

/// A word of a script's name.
struct Word {
    name: &'static str,
    adds: Adds,
}

/// What a word adds.
enum Adds {
    /// An attribute of the script's tag, before the script reads them.
    Attribute(&'static str),
    /// A module, behind the script.
    Module,
    /// Nothing: our script does it anyhow.
    Nothing,
}

/// Every word. Modules are put together in this order, and of those that see a click the first one that knows it reports it.
const WORDS: &[Word] = &[
    Word { name: "hash", adds: Adds::Attribute("hash") },
    Word { name: "manual", adds: Adds::Attribute("manual") },
    Word { name: "local", adds: Adds::Attribute("allowLocal") },
    Word { name: "tagged-events", adds: Adds::Module },
    Word { name: "outbound-links", adds: Adds::Module },
    Word { name: "file-downloads", adds: Adds::Module },
    Word { name: "cloaked-links", adds: Adds::Module },
    Word { name: "forms", adds: Adds::Module },
    Word { name: "not-found", adds: Adds::Module },
    Word { name: "web-vitals", adds: Adds::Module },
    // Plausible's.
    Word { name: "compat", adds: Adds::Nothing },
    Word { name: "exclusions", adds: Adds::Nothing },
    Word { name: "pageview-props", adds: Adds::Nothing },
    Word { name: "revenue", adds: Adds::Nothing },
];

/// Which bytes are wanted: what the words are added to, and a bit for each word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    base: &'static str,
    words: u16,
}

/// The scripts of one server, each put together when it is first asked for.
pub(crate) struct Scripts {
    /// Where our script is, without its ending.
    stem: String,
    made: Mutex<HashMap<Wanted, Arc<Encoded>>>,
}

impl Scripts {
    /// Scripts at their usual places, and ours at `path` too.
    pub(crate) fn new(path: &str) -> Self {
        Self { stem: without_ending(path).unwrap_or(path).to_owned(), made: Mutex::default() }
    }

    /// The script at a path, if one is there.
    pub(crate) fn at(&self, path: &str) -> Option<Arc<Encoded>> {
        let wanted = self.wanted(path)?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Some(made.entry(wanted).or_insert_with(|| Arc::new(Encoded::new(wanted.bytes()))).clone())
    }

    fn wanted(&self, path: &str) -> Option<Wanted> {
        let stem = without_ending(path)?;
        let bases = [
            (self.stem.as_str(), "passant"),
            ("/js/passant", "passant"),
            ("/js/script", "plausible"),
            ("/js/plausible", "plausible"),
        ];
        let named = bases
            .iter()
            .find_map(|(place, base)| Some(Wanted { base, words: words(stem.strip_prefix(place)?)? }));
        // Plausible's scripts of one site say nothing in their names, and begin when they are told to.
        named.or_else(|| {
            let id = stem.strip_prefix("/js/pa-")?;
            let plain = !id.is_empty() && !id.contains('/');
            plain.then_some(Wanted { base: "plausible-init", words: 0 })
        })
    }
}

impl Wanted {
    fn bytes(self) -> Vec<u8> {
        let words: Vec<_> = WORDS
            .iter()
            .enumerate()
            .filter(|(at, _)| self.words & (1 << at) != 0)
            .map(|(_, word)| word)
            .collect();
        let mut script = Vec::new();
        for word in &words {
            if let Adds::Attribute(name) = word.adds {
                script.extend(format!("document.currentScript.dataset.{name}=\"\";\n").bytes());
            }
        }
        script.extend(piece(self.base));
        for word in &words {
            if let Adds::Module = word.adds {
                script.extend(piece(word.name));
            }
        }
        script
    }
}

/// The script of one site.
#[derive(Clone, Copy)]
pub(crate) struct SiteScript<'a> {
    /// Where the plain script and the beacons are.
    pub(crate) paths: &'a Tracker,
    /// What it does besides.
    pub(crate) options: &'a [String],
}

impl SiteScript<'_> {
    /// Where it is.
    pub(crate) fn path(self) -> String {
        let stem = without_ending(&self.paths.script_path).unwrap_or(&self.paths.script_path);
        let words: String = self.options.iter().map(|word| format!(".{word}")).collect();
        format!("{stem}{words}.js")
    }

    /// What it hashes to, as pages name it.
    pub(crate) fn integrity(self) -> String {
        let script = Scripts::new(&self.paths.script_path).at(&self.path());
        script.expect("a test finds each option among the words").integrity()
    }
}

/// What a page says to load it.
pub(crate) struct Tag<'a> {
    pub(crate) domain: &'a str,
    /// Where visitors reach the server.
    pub(crate) base_url: &'a str,
    pub(crate) script: SiteScript<'a>,
    pub(crate) pin: Pin,
}

/// Whether browsers are to refuse any other script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    None,
    ToThisVersion,
}

impl fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, script, .. } = self;
        let base_url = self.base_url.trim_end_matches('/');
        write!(f, "<script defer data-domain=\"{domain}\" src=\"{base_url}{}\"", script.path())?;
        if self.pin == Pin::ToThisVersion {
            write!(f, " integrity=\"{}\" crossorigin=\"anonymous\"", script.integrity())?;
        }
        let event_path = &script.paths.event_path;
        if event_path != EVENT_PATH {
            write!(f, " data-api=\"{base_url}{event_path}\"")?;
        }
        f.write_str("></script>")
    }
}

fn without_ending(path: &str) -> Option<&str> {
    path.strip_suffix(".js")
}

/// Reads `.word.word`.
fn words(text: &str) -> Option<u16> {
    let mut named = text.split('.');
    if !named.next()?.is_empty() {
        return None;
    }
    named.try_fold(0, |words, name| {
        let at = WORDS.iter().position(|word| word.name == name)?;
        let adds_nothing = matches!(WORDS[at].adds, Adds::Nothing);
        Some(if adds_nothing { words } else { words | (1 << at) })
    })
}

fn piece(name: &str) -> &'static [u8] {
    let file = format!("{name}.js");
    TRACKER.iter().find(|(name, _)| *name == file).map(|(_, bytes)| *bytes).expect("a test finds each piece")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> Option<String> {
        let wanted = Scripts::new("/lib/reader.js").wanted(path)?;
        Some(String::from_utf8(wanted.bytes()).unwrap())
    }

    #[test]
    fn what_can_be_set_for_a_site_are_the_words_that_do_something() {
        let words = WORDS.iter().filter(|word| !matches!(word.adds, Adds::Nothing)).map(|word| word.name);
        assert_eq!(words.collect::<Vec<_>>(), passant_control::SCRIPT_OPTIONS);
    }

    #[test]
    fn each_word_has_its_piece() {
        for word in WORDS {
            assert!(text(&format!("/js/passant.{}.js", word.name)).is_some(), "{}", word.name);
        }
    }

    #[test]
    fn the_plain_name_is_the_core_alone() {
        assert_eq!(text("/js/passant.js").unwrap().as_bytes(), piece("passant"));
    }

    #[test]
    fn words_in_any_order_are_the_same_script() {
        let one = text("/js/passant.hash.outbound-links.file-downloads.js").unwrap();
        assert_eq!(one, text("/js/passant.file-downloads.hash.outbound-links.hash.js").unwrap());
        let core = String::from_utf8(piece("passant").to_vec()).unwrap();
        let [before, after] = one.split(&core).collect::<Vec<_>>()[..] else {
            panic!("the core is there once")
        };
        assert_eq!(before, "document.currentScript.dataset.hash=\"\";\n");
        assert_eq!(after.as_bytes(), [piece("outbound-links"), piece("file-downloads")].concat());
    }

    #[test]
    fn plausibles_names_give_its_interface() {
        for name in ["script", "plausible", "script.manual", "script.hash.revenue.compat.local.exclusions"] {
            assert!(text(&format!("/js/{name}.js")).unwrap().contains("plausible"), "{name}");
        }
        let scripts = Scripts::new(SCRIPT_PATH);
        assert!(Arc::ptr_eq(
            &scripts.at("/js/plausible.js").unwrap(),
            &scripts.at("/js/script.compat.revenue.js").unwrap()
        ));
        assert!(text("/js/pa-Ab3_x.js").unwrap().contains("plausible"));
    }

    #[test]
    fn the_operators_own_path_gives_ours() {
        assert_eq!(text("/lib/reader.js"), text("/js/passant.js"));
        assert_eq!(text("/lib/reader.forms.js"), text("/js/passant.forms.js"));
    }

    #[test]
    fn other_names_are_not_there() {
        for path in [
            "/js/passant",
            "/js/passantx.js",
            "/js/passant..js",
            "/js/passant.none.js",
            "/js/pa-.js",
            "/js/pa-a/b.js",
            "/js/forms.js",
            "/passant.js",
            "/js/script.hash.none.js",
        ] {
            assert_eq!(text(path), None, "{path}");
        }
    }

    #[test]
    fn a_tag_says_what_its_site_wants() {
        let options = ["hash", "forms"].map(str::to_owned);
        let tag = |paths: &Tracker, options| {
            let script = SiteScript { paths, options };
            Tag { domain: "a.example", base_url: "https://b.example/", script, pin: Pin::None }.to_string()
        };
        assert_eq!(
            tag(&Tracker::default(), &options),
            "<script defer data-domain=\"a.example\" src=\"https://b.example/js/passant.hash.forms.js\"></script>"
        );
        let paths = Tracker { script_path: "/lib/reader.js".into(), event_path: "/lib/note".into() };
        assert_eq!(
            tag(&paths, &[]),
            "<script defer data-domain=\"a.example\" src=\"https://b.example/lib/reader.js\" \
             data-api=\"https://b.example/lib/note\"></script>"
        );
    }
}
