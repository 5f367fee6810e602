//! The command line: one clear line and a code for what is wrong, output that a script can use for what is right.

use passant_tests::{Passant, Settings};

fn failed(passant: &Passant, arguments: &[&str], code: i32) -> String {
    let output = passant.cli(arguments);
    let words = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    words
}

#[test]
fn errors_are_one_line_and_a_code() {
    let passant = Passant::prepared(Settings::default());
    for (arguments, words) in [
        (
            vec!["site", "add", "not a domain"],
            "passant: \"not a domain\" is not a domain, expected one like \"example.com\"",
        ),
        (
            vec!["site", "add", "a.example", "--timezone", "Mars/Olympus"],
            "passant: \"Mars/Olympus\" is not a time zone, expected one like \"Europe/Berlin\"",
        ),
        (
            vec!["site", "set", "a.example", "--referrer", "page"],
            "passant: no site \"a.example\"; `passant site list` shows the sites there are",
        ),
        (
            vec!["token", "create", "--scope", "everything"],
            "passant: \"everything\" is not a scope, expected stats:read or events:read or sites:provision or events:write",
        ),
        (
            vec!["export", "--site", "a.example", "--format", "events"],
            "passant: no site \"a.example\"; `passant site list` shows the sites there are",
        ),
    ] {
        assert_eq!(failed(&passant, &arguments, 1), words);
    }
}

#[test]
fn a_bad_configuration_is_named_with_its_line_and_ends_with_64() {
    let passant = Passant::prepared(Settings { config: "lisen = 1\n".into(), ..Settings::default() });
    let words = failed(&passant, &["check-config"], 64);
    assert!(words.contains("passant.toml: line 3: unknown field `lisen`"), "{words}");
    assert_eq!(words.lines().count(), 1);
    let missing = Passant::prepared(Settings::default());
    std::fs::remove_file(missing.file("passant.toml")).unwrap();
    failed(&missing, &["serve"], 64);
}

#[test]
fn the_annotated_example_is_a_valid_configuration_and_holds_the_defaults() {
    let passant = Passant::prepared(Settings::default());
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/passant.example.toml");
    std::fs::copy(example, passant.file("passant.toml")).unwrap();
    assert!(passant.cli_ok(&["check-config"]).ends_with("no fault found"));
}

#[test]
fn sites_and_tokens_speak_to_scripts() {
    let passant = Passant::prepared(Settings::default());
    assert_eq!(passant.cli_ok(&["site", "add", "www.b.example"]), "added b.example (UTC)");
    passant.cli_ok(&["site", "add", "a.example", "--timezone", "Europe/Berlin"]);
    assert_eq!(passant.cli_ok(&["site", "list"]), "a.example  Europe/Berlin\nb.example  UTC");
    let token = passant.cli_ok(&["token", "create", "--scope", "stats:read"]);
    assert!(token.starts_with("passant_") && token.lines().count() == 1, "{token}");
    let snippet = passant.cli_ok(&["site", "snippet", "a.example", "--base-url", "https://stats.example/"]);
    assert_eq!(
        snippet,
        "<script defer data-domain=\"a.example\" src=\"https://stats.example/js/passant.js\"></script>"
    );
    let words = failed(&passant, &["site", "set", "a.example", "--script-options", "forms,heatmaps"], 1);
    assert!(words.contains("\"heatmaps\" is no option of the script, expected one of hash,"), "{words}");
    let snippet = passant.cli_ok(&["site", "snippet", "a.example", "--script-options", "forms,web-vitals"]);
    assert!(snippet.contains("8080/js/passant.forms.web-vitals.js\"></script>"), "{snippet}");
    let words = failed(&passant, &["site", "remove", "a.example"], 1);
    assert_eq!(words, "passant: nothing was removed; say --yes to remove without being asked");
    assert!(passant.cli_ok(&["completions", "bash"]).contains("_passant"));
}
