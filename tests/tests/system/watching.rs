//! `docent watch`: changes are followed, and other commands work through it.

use std::fs;

use rustix::process::Signal;

use crate::{
    home::{Home, eventually, shown, total},
    invented::word,
};

fn finds_by_words(home: &Home, word: &str) -> bool {
    !home.found(&["--mode", "lexical", word]).is_empty()
}

fn finds_by_meaning(home: &Home, query: &str, name: &str) -> bool {
    home.found(&["--mode", "vector", "-k", "3", query]).iter().any(|path| path.ends_with(name))
}

#[test]
fn a_saved_file_is_found_and_a_deleted_one_is_gone() {
    let home = Home::small();
    for n in 0..20 {
        home.write(&format!("old/{n}.md"), format!("# Note {n}\n\nThe price of part {n} is {}.\n", word(n)));
    }
    home.add();
    let watch = home.watch();

    home.write("new.md", format!("# Dogs\n\nPuppies are fed twice a day, says {}.\n", word(500)));
    eventually("a saved file is found by its words", || finds_by_words(&home, &word(500)).then_some(()));
    let query = "feeding young dogs";
    eventually("a saved file is found by its meaning", || {
        finds_by_meaning(&home, query, "new.md").then_some(())
    });

    // As editors save: beside it, then in its place.
    home.write("new.md~tmp", format!("# Dogs\n\nPuppies are fed three times, says {}.\n", word(501)));
    fs::rename(home.docs().join("new.md~tmp"), home.docs().join("new.md")).unwrap();
    eventually("an edited file is found", || finds_by_words(&home, &word(501)).then_some(()));
    assert!(!finds_by_words(&home, &word(500)), "old and new text are never both there");

    home.write("made/quickly/deep.md", format!("# Deep\n\n{}\n", word(502)));
    eventually("a file in new folders is found", || finds_by_words(&home, &word(502)).then_some(()));
    fs::rename(home.docs().join("made"), home.docs().join("renamed")).unwrap();
    eventually("a renamed folder is followed", || {
        home.found(&["--mode", "lexical", &word(502)]).first().filter(|path| path.exists()).cloned()
    });

    fs::remove_file(home.docs().join("new.md")).unwrap();
    eventually("a deleted file is gone", || (!finds_by_words(&home, &word(501))).then_some(()));
    assert!(!finds_by_meaning(&home, query, "new.md"));
    fs::remove_dir_all(home.docs().join("renamed")).unwrap();
    eventually("a deleted folder is gone", || (!finds_by_words(&home, &word(502))).then_some(()));

    home.assert_clean();
    let output = watch.stop();
    assert_eq!(output.code, Some(0), "SIGTERM is how a service is stopped: {output:?}");
    assert!(output.json()["stopped"] == true, "{output:?}");
    assert!(!home.path().join("docent.sock").exists(), "the socket is taken away");
    home.assert_clean();
}

#[test]
fn other_commands_work_through_it() {
    let home = Home::small();
    home.configure("[ask]\nanswer_tokens = 24\n");
    home.write("a/gate.md", format!("# Gate\n\nThe gate of hall 4 opens at seven, says {}.\n", word(1)));
    home.write("b/crane.md", format!("# Crane\n\nThe crane lifts nine tons, says {}.\n", word(2)));
    home.json(&["add", &shown(&home.docs().join("a"))]);
    let watch = home.watch();

    let added = home.json(&["add", &shown(&home.docs().join("b")), "--collection", "b"]);
    assert_eq!((&added["added"], &added["documents"]["searchable"]), (&1.into(), &2.into()), "{added}");
    assert!(finds_by_words(&home, &word(2)));
    // It is watched from now on.
    home.write("b/more.md", format!("# More\n\n{}\n", word(3)));
    eventually("a file in a folder that was added meanwhile is found", || {
        finds_by_words(&home, &word(3)).then_some(())
    });
    home.write("a/late.md", format!("# Late\n\n{}\n", word(4)));
    let report = home.json(&["index"]);
    assert!(report["generation"].is_number(), "{report}");
    assert!(finds_by_words(&home, &word(4)), "index returns when it is in the index: {report}");

    let first = home.json(&["ask", "How many tons does the crane lift?"]);
    let second = home.json(&["ask", "How many tons does the crane lift?"]);
    assert_eq!((&first["answered"], &first["answer"]), (&true.into(), &second["answer"]), "{first}");
    assert_eq!(second["timings"]["load_ms"].as_f64(), Some(0.0), "its models are warm: {second}");
    let refusal = home.json_ending(3, &["ask", "What about it?", "--path", "nowhere/**"]);
    assert_eq!(refusal["answered"], false);
    let searches: Vec<f64> =
        (0..5).map(|_| home.json(&["search", "crane"])["took_ms"].as_f64().unwrap()).collect();
    eprintln!("searches through it, in its own milliseconds: {searches:?}");

    // Errors come back as they are, with kind and hint.
    let error = home.error(1, &["add", &shown(&home.docs().join("missing"))]);
    assert_eq!(error["kind"], "not_found", "{error}");
    assert_eq!(home.error(2, &["search", "!?"])["kind"], "usage");

    let output = home.docent(&["watch", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let error = &output.json()["error"];
    assert_eq!(error["kind"], "locked", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("docent watch") && message.contains(&watch.pid().to_string()), "{error}");

    assert_eq!(home.json(&["collections"])["collections"].as_array().map(Vec::len), Some(2));
    home.assert_clean();
    let removed = home.json(&["remove", &shown(&home.docs().join("b"))]);
    assert_eq!(removed["removed"], 2, "{removed}");
    assert!(!finds_by_words(&home, &word(2)));
    home.write("b/after.md", format!("# After\n\n{}\n", word(5)));
    home.write("a/after.md", format!("# After\n\n{}\n", word(6)));
    eventually("a file is found after a root was removed", || finds_by_words(&home, &word(6)).then_some(()));
    assert!(!finds_by_words(&home, &word(5)), "what was removed is not watched any more");
    assert_eq!(total(&home.json(&["status"])["documents"]), 3);
}

#[test]
fn a_killed_one_leaves_nothing_in_the_way() {
    let home = Home::small();
    home.write("a.md", format!("# A\n\n{}\n", word(1)));
    home.add();
    let mut watch = home.watch();
    watch.signal(Signal::KILL);
    assert_eq!(watch.ended().code, None);
    assert!(home.path().join("docent.sock").exists(), "a killed process cannot clean up");
    // Other commands find nobody at the socket, and do the work themselves.
    assert!(finds_by_words(&home, &word(1)));
    home.write("b.md", format!("# B\n\n{}\n", word(2)));
    assert_eq!(home.json(&["index"])["added"], 1);
    home.assert_clean();
    // Files that came while nobody watched are found by the next one.
    home.write("c.md", format!("# C\n\n{}\n", word(3)));
    let watch = home.watch();
    assert!(finds_by_words(&home, &word(3)), "it was in step when it said so");
    home.write("d.md", format!("# D\n\n{}\n", word(4)));
    eventually("the next one watches", || finds_by_words(&home, &word(4)).then_some(()));
    drop(watch);
}

#[test]
fn one_that_begins_without_an_index_waits_for_folders() {
    let home = Home::small();
    home.write("a.md", format!("# A\n\n{}\n", word(1)));
    let watch = home.watch();
    assert_eq!(home.add()["added"], 1);
    assert!(finds_by_words(&home, &word(1)));
    drop(watch);
}

#[test]
fn control_c_stops_it() {
    let home = Home::small();
    home.write("a.md", "# A\n\nText.\n");
    home.add();
    let mut watch = home.watch();
    watch.signal(Signal::INT);
    let output = watch.ended();
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(!output.stderr.contains("panic"), "{output:?}");
    home.assert_clean();
}

#[test]
fn logs_that_are_rotated_are_moved() {
    let home = Home::small();
    for n in 1..=2 {
        home.write(&format!("log.{n}.md"), format!("# Log\n\n{}\n", word(n)));
    }
    home.add();
    let watch = home.watch();
    let vectors = home.json(&["status"])["vectors"].clone();
    fs::rename(home.docs().join("log.2.md"), home.docs().join("log.3.md")).unwrap();
    fs::rename(home.docs().join("log.1.md"), home.docs().join("log.2.md")).unwrap();
    home.write("log.1.md", format!("# Log\n\n{}\n", word(3)));
    eventually("the new log is found", || finds_by_words(&home, &word(3)).then_some(()));
    let found = |n: u64| home.found(&["--mode", "lexical", &word(n)]);
    eventually("the old ones are found at their new places", || {
        (found(2) == [home.docs().join("log.3.md")] && found(1) == [home.docs().join("log.2.md")])
            .then_some(())
    });
    home.json(&["index"]);
    assert_eq!(home.json(&["status"])["vectors"].as_u64(), vectors.as_u64().map(|n| n + 1));
    drop(watch);
    home.assert_clean();
}
