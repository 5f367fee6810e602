//! Whether a user agent is a program's rather than a browser's.
//!
//! The patterns are data (their sources and licences stand beside them) and are compiled once: the literal ones into
//! one automaton, the others into one regular expression. An empty user agent is a program's: each browser sends one.

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

const PATTERNS: &str = include_str!("../data/bots.txt");

/// Longest user agent that is looked at; browsers send up to some 400 bytes.
const USER_AGENT_BYTES: usize = 1024;

/// The compiled patterns.
pub struct Bots {
    literals: AhoCorasick,
    patterns: Regex,
    patterns_any_case: Regex,
}

impl Default for Bots {
    fn default() -> Self {
        Self::new()
    }
}

impl Bots {
    /// Compiles the list that is built in.
    pub fn new() -> Self {
        let compile = |heading, any_case: CaseRule| {
            let alternatives: Vec<_> = section(heading).map(|pattern| format!("(?:{pattern})")).collect();
            RegexBuilder::new(&alternatives.join("|"))
                .case_insensitive(any_case == CaseRule::Ignored)
                .unicode(false)
                .size_limit(32 << 20)
                .build()
                .expect("a test compiles the patterns that are built in")
        };
        Self {
            literals: AhoCorasick::new(section("[literal]")).expect("the literals are short and few"),
            patterns: compile("[pattern]", CaseRule::Exact),
            patterns_any_case: compile("[pattern-any-case]", CaseRule::Ignored),
        }
    }

    /// Whether a program sent this.
    pub fn is_bot(&self, user_agent: &str) -> bool {
        let user_agent = user_agent.trim();
        let bytes = user_agent.as_bytes();
        bytes.is_empty()
            || bytes.len() > USER_AGENT_BYTES
            || self.literals.is_match(bytes)
            || self.patterns.is_match(bytes)
            || self.patterns_any_case.is_match(bytes)
    }
}

#[derive(PartialEq)]
enum CaseRule {
    Exact,
    Ignored,
}

/// The lines below a heading.
fn section(heading: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = PATTERNS.lines().filter(|line| !line.starts_with("# "));
    lines.skip_while(move |line| *line != heading).skip(1).take_while(|line| !is_heading(line))
}

fn is_heading(line: &str) -> bool {
    matches!(line, "[literal]" | "[pattern]" | "[pattern-any-case]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_programs() {
        let bots = Bots::new();
        let programs = include_str!("../tests-data/bots.txt").lines();
        let missed: Vec<_> = programs.filter(|user_agent| !bots.is_bot(user_agent)).collect();
        assert!(missed.is_empty(), "{missed:#?}");
        for program in [
            "",
            "  ",
            "curl/8.5.0",
            "python-requests/2.32",
            "Go-http-client/2.0",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        ] {
            assert!(bots.is_bot(program), "{program}");
        }
        assert!(bots.is_bot(&"x".repeat(1025)));
    }

    #[test]
    fn lets_browsers_pass() {
        let bots = Bots::new();
        let browsers =
            include_str!("../tests-data/browsers.tsv").lines().filter(|line| !line.starts_with("# "));
        let wrong: Vec<_> =
            browsers.filter_map(|line| line.split('\t').next()).filter(|ua| bots.is_bot(ua)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
