use super::*;
use number::NUMBER_DIGITS;

/// One case a line: `text<TAB>expected`; without a tab the text has to stay as it is.
const POSITIVE: &str = include_str!("../../tests-data/scrub_positive.tsv");
const NEGATIVE: &str = include_str!("../../tests-data/scrub_negative.txt");

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with("# "))
}

#[test]
fn the_corpus_is_scrubbed_with_the_recall_that_is_published() {
    let cases: Vec<_> = lines(POSITIVE).map(|line| line.split_once('\t').unwrap()).collect();
    let missed: Vec<_> = cases.iter().filter(|(text, expected)| scrub(text) != *expected).collect();
    let recall = 1.0 - missed.len() as f64 / cases.len() as f64;
    println!("recall {recall:.4} on {} cases", cases.len());
    for (text, expected) in &missed {
        println!("missed: {text} → {} instead of {expected}", scrub(text));
    }
    assert!(cases.len() >= 120);
    assert!(recall >= 0.99, "recall {recall}");
}

#[test]
fn ordinary_paths_stay_as_they_are() {
    let cases: Vec<_> = lines(NEGATIVE).collect();
    let wrong: Vec<_> = cases.iter().filter(|text| scrub(text) != **text).collect();
    let rate = wrong.len() as f64 / cases.len() as f64;
    println!("false positives {rate:.4} on {} cases", cases.len());
    for text in &wrong {
        println!("changed: {text} → {}", scrub(text));
    }
    assert!(cases.len() >= 120);
    assert!(rate <= 0.01, "false-positive rate {rate}");
}

#[test]
fn clean_text_is_borrowed() {
    assert!(matches!(scrub("/blog/2024/01/hello-world"), Cow::Borrowed(_)));
    assert!(matches!(scrub("/@handle/posts"), Cow::Borrowed(_)));
}

proptest::proptest! {
    #[test]
    fn any_text_is_scrubbed_without_panic(text in "[ -~äé€/@.+:0-9a-fA-F%-]{0,80}") {
        let clean = scrub(&text);
        let longest_run = clean.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
        proptest::prop_assert!(longest_run < Some(NUMBER_DIGITS), "{} → {}", text, clean);
    }

    #[test]
    fn an_address_never_survives(local in "[a-z][a-z0-9._]{0,12}[a-z0-9]", host in "[a-z]{1,10}", path in "(/[a-z]{1,8}){0,3}/") {
        let text = format!("{path}{local}@{host}.com");
        proptest::prop_assert!(!scrub(&text).contains('@'), "{}", text);
    }
}
