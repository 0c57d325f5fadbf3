//! What a person types: help, wrong usage, what goes to stdout and what to stderr.

use std::{fs, process::Stdio, time::Instant};

use crate::home::{Home, files_below, shown};

const COMMANDS: [&[&str]; 20] = [
    &["add"],
    &["index"],
    &["watch"],
    &["search"],
    &["ask"],
    &["status"],
    &["check"],
    &["remove"],
    &["collections"],
    &["doctor"],
    &["extract"],
    &["eval"],
    &["models"],
    &["models", "list"],
    &["models", "pull"],
    &["models", "import"],
    &["models", "use"],
    &["config"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_has_help_with_examples() {
    let home = Home::new();
    for command in COMMANDS {
        let output = home.docent(&[command, &["--help"]].concat());
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{command:?}: {output:?}");
        assert!(output.stdout.contains("Examples:"), "{command:?}: {output:?}");
        let example = format!("docent {}", command.join(" "));
        assert!(output.stdout.contains(&example), "no example begins with {example}: {output:?}");
    }
    let output = home.docent(&["--help"]);
    assert_eq!(output.code, Some(0));
    assert!(output.stdout.contains("Examples:") && output.stdout.contains("130"), "{output:?}");
    let version = home.docent(&["--version"]);
    assert_eq!(version.stdout.trim(), format!("docent {}", env!("CARGO_PKG_VERSION")));
    assert!(!home.path().exists(), "help makes no home");
}

#[test]
fn completions_and_manual_pages_are_made() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = home.docent(&["completions", shell]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("dry-run") && output.stdout.contains("collections"), "{shell}");
    }
    let page = home.docent(&["man"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    assert!(page.stdout.contains(".TH") && page.stdout.contains("Nothing leaves the machine"), "{page:?}");
    let folder = home.beside("man");
    assert_eq!(home.docent(&["man", &shown(&folder)]).code, Some(0));
    let pages = files_below(&folder);
    assert!(pages.iter().any(|page| page.ends_with("docent-search.1")), "{pages:?}");
    assert!(pages.iter().all(|page| fs::metadata(page).unwrap().len() > 100), "{pages:?}");
}

#[test]
fn wrong_usage_ends_with_2() {
    let home = Home::new();
    for arguments in [
        &["serch", "x"][..],
        &[],
        &["search"],
        &["search", "x", "-k", "0"],
        &["search", "x", "--mode", "best"],
        &["search", "x", "--since", "some day"],
        &["models", "use", "librarian", "x"],
        &["index", "--no-such-flag"],
    ] {
        let output = home.docent(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
        let output = home.docent(&[arguments, &["--json"]].concat());
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert_eq!(output.json()["error"]["kind"], "usage", "{output:?}");
    }
}

#[test]
fn a_home_without_an_index_is_named_and_not_made() {
    let home = Home::new();
    for arguments in [&["search", "x"][..], &["ask", "x"], &["index"]] {
        let error = home.error(1, arguments);
        assert_eq!(error["kind"], "not_found", "{error}");
        assert!(error["message"].as_str().unwrap().contains(&shown(&home.path())), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("docent add"), "{error}");
    }
    assert_eq!(home.json(&["status"])["generation"], 0);
    assert_eq!(home.json(&["check"])["clean"], true);
    assert!(!home.path().exists());
}

#[test]
fn results_go_to_stdout_and_all_else_to_stderr() {
    let home = Home::small();
    home.write("a.md", "# Gate\n\nThe gate opens at seven.\n");
    let output = home.docent(&["add", &shown(&home.docs())]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("1 added"), "{output:?}");
    let output = home.docent(&["search", "gate", "--explain"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    assert!(output.stdout.contains("a.md") && !output.stdout.contains('\u{1b}'), "{output:?}");
    assert!(output.stdout.contains("bm25") && output.stdout.contains("cosine"), "{output:?}");
    let output = home.docent(&["--color", "always", "search", "gate"]);
    assert!(output.stdout.contains('\u{1b}'), "{output:?}");
    let output = home.docent(&["search", "--mode", "lexical", "unobtainium"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    let output = home.docent(&["remove", "/no/such/folder"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.starts_with("error: ") && output.stderr.contains("\nhint: "), "{output:?}");
    // With --json everything that a program needs is on stdout, and each line is one object.
    let output = home.docent(&["index", "--json"]);
    assert_eq!(output.stderr, "", "{output:?}");
    for line in output.stdout.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object(), "{line}");
    }
    for arguments in
        [&["status"][..], &["check"], &["collections"], &["models", "list"], &["config"], &["doctor"]]
    {
        let output = home.docent(arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        home.json(arguments);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::small();
    home.write("a.md", "# Gate\n\nThe gate opens at seven.\n");
    home.add();
    for arguments in
        [&["search", "gate"][..], &["status", "--json"], &["man"], &["completions", "bash"], &["--help"]]
    {
        let mut child =
            home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn the_doctor_finds_this_machine_healthy() {
    let home = Home::new();
    let started = Instant::now();
    let report = home.json(&["doctor"]);
    eprintln!("doctor: {} ms", started.elapsed().as_millis());
    assert!(report["checks"].as_array().unwrap().len() >= 8, "{report}");
}
