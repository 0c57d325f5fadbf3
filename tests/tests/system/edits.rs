//! The folder changes, and the index follows without doing anything twice.

use std::{fmt::Write as _, fs};

use serde_json::Value;

use crate::{
    home::{Home, total},
    invented::{sentences, word},
};

/// A document of six chapters, each a passage of its own and with a word of its own.
fn chapters(first: u64) -> String {
    let mut text = String::new();
    for n in first..first + 6 {
        let _ = write!(text, "# Chapter {n}\n\nThis is about {}. {}\n\n", word(n), sentences(n));
    }
    text
}

#[track_caller]
fn counts(report: &Value, keys: [&str; 6]) -> [u64; 6] {
    keys.map(|key| report[key].as_u64().unwrap_or_else(|| panic!("{key} is not in {report}")))
}

/// added, changed, moved, removed, failed, passages embedded
#[track_caller]
fn index(home: &Home) -> [u64; 6] {
    let report = home.json(&["index"]);
    counts(&report, ["added", "changed", "moved", "removed", "failed", "passages_embedded"])
}

fn finds(home: &Home, n: u64) -> Vec<String> {
    let found = home.found(&["--mode", "lexical", &word(n)]);
    let mut names: Vec<String> =
        found.iter().map(|path| path.strip_prefix(home.docs()).unwrap().display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn only_what_changed_is_done_again() {
    let home = Home::small();
    home.write("manual.md", chapters(100));
    home.write("tree/one.md", chapters(200));
    home.write("tree/deep/two.md", chapters(300));
    let report = home.add();
    assert_eq!(report["passages_embedded"], 18, "a passage a chapter: {report}");

    assert_eq!(index(&home), [0; 6], "nothing changed");
    let generation = home.json(&["status"])["generation"].clone();

    // One of six chapters is edited.
    let edited = chapters(100).replace(&word(103), &word(903));
    home.write("manual.md", edited);
    assert_eq!(index(&home), [0, 1, 0, 0, 0, 1]);
    assert_eq!(finds(&home, 903), ["manual.md"]);
    assert!(finds(&home, 103).is_empty(), "the old text is not found any more");
    assert_eq!(finds(&home, 104), ["manual.md"]);
    assert_ne!(home.json(&["status"])["generation"], generation);

    // A chapter that comes between shifts the others: they keep their vectors.
    let between = format!("# Chapter 101\n\nIt has gone in between: {}.\n\n# Chapter 101\n", word(904));
    home.write("manual.md", chapters(100).replace("# Chapter 101\n", &between));
    assert_eq!(index(&home), [0, 1, 0, 0, 0, 2], "the new chapter, and the one that came back");
    assert_eq!(finds(&home, 103), ["manual.md"]);

    // Touched, with the same bytes.
    let file = fs::File::options().append(true).open(home.docs().join("manual.md")).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    assert_eq!(index(&home), [0; 6]);

    // A file is moved, then a tree: both stores stay as they are.
    let generation = home.json(&["status"])["generation"].clone();
    fs::rename(home.docs().join("manual.md"), home.docs().join("renamed.md")).unwrap();
    assert_eq!(index(&home), [0, 0, 1, 0, 0, 0]);
    fs::rename(home.docs().join("tree"), home.docs().join("wood")).unwrap();
    assert_eq!(index(&home), [0, 0, 2, 0, 0, 0]);
    assert_eq!(home.json(&["status"])["generation"], generation, "a move rewrites neither store");
    assert_eq!(finds(&home, 104), ["renamed.md"]);
    assert_eq!(finds(&home, 301), ["wood/deep/two.md"]);

    // A copy has the same passages: they have vectors already.
    fs::copy(home.docs().join("renamed.md"), home.docs().join("copy.md")).unwrap();
    assert_eq!(index(&home), [1, 0, 0, 0, 0, 0]);
    assert_eq!(finds(&home, 104), ["copy.md", "renamed.md"]);
    let by_meaning = home.found(&["--mode", "vector", "-k", "40", &format!("about {}", word(104))]);
    assert!(by_meaning.iter().any(|path| path.ends_with("copy.md")), "{by_meaning:?}");

    // Gone is gone, by words and by meaning.
    fs::remove_file(home.docs().join("renamed.md")).unwrap();
    fs::remove_dir_all(home.docs().join("wood/deep")).unwrap();
    assert_eq!(index(&home), [0, 0, 0, 2, 0, 0]);
    assert_eq!(finds(&home, 104), ["copy.md"]);
    assert!(finds(&home, 301).is_empty());
    let all = home.found(&["--mode", "vector", "-k", "100", "anything"]);
    assert!(all.iter().all(|path| path.exists()), "{all:?}");
    let status = home.json(&["status"]);
    assert_eq!((total(&status["documents"]), &status["passages"]), (2, &status["vectors"]));
    home.assert_clean();
}

#[test]
fn a_file_swapped_for_another_is_no_move() {
    let home = Home::small();
    home.write("a.md", chapters(100));
    home.write("b.md", chapters(200));
    home.add();
    // They change places: each path has other bytes now, and every passage has a vector already.
    let path = |name: &str| home.docs().join(name);
    fs::rename(path("a.md"), path("c")).unwrap();
    fs::rename(path("b.md"), path("a.md")).unwrap();
    fs::rename(path("c"), path("b.md")).unwrap();
    let done = index(&home);
    assert_eq!((done[0], done[3], done[5]), (0, 0, 0), "nothing added, removed or embedded: {done:?}");
    assert_eq!(finds(&home, 101), ["b.md"]);
    assert_eq!(finds(&home, 201), ["a.md"]);
    home.assert_clean();
}

#[test]
fn one_collection_can_be_brought_up_to_date() {
    let home = Home::small();
    for (folder, n) in [("one", 1), ("two", 2)] {
        home.write(&format!("{folder}/a.md"), format!("# A\n\n{}\n", word(n)));
        let folder = home.docs().join(folder);
        home.json(&[
            "add",
            folder.to_str().unwrap(),
            "--collection",
            folder.file_name().unwrap().to_str().unwrap(),
        ]);
    }
    home.write("one/b.md", format!("# B\n\n{}\n", word(3)));
    home.write("two/b.md", format!("# B\n\n{}\n", word(4)));
    assert_eq!(home.json(&["index", "--collection", "two"])["added"], 1);
    assert!(finds(&home, 3).is_empty());
    assert_eq!(finds(&home, 4), ["two/b.md"]);
    assert_eq!(home.error(1, &["index", "--collection", "three"])["kind"], "not_found");
    // Adding a folder again brings it up to date.
    let again = home.json(&["add", home.docs().join("one").to_str().unwrap(), "--collection", "one"]);
    assert_eq!(again["added"], 1);
    assert_eq!(finds(&home, 3), ["one/b.md"]);
}

#[test]
fn a_root_that_is_not_there_keeps_its_documents() {
    let home = Home::small();
    home.write("a.md", format!("# A\n\n{}\n", word(1)));
    home.add();
    let away = home.beside("away");
    fs::rename(home.docs(), &away).unwrap();
    let report = home.json_ending(1, &["index"]);
    assert_eq!((&report["removed"], &report["documents"]["unavailable"]), (&0.into(), &1.into()), "{report}");
    assert_eq!(report["unavailable_roots"][0]["path"], home.docs().to_str().unwrap());
    let output = home.docent(&["index"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.contains("unavailable"), "a person is told: {output:?}");
    let found = home.json(&["search", "--mode", "lexical", &word(1)]);
    assert_eq!(found["hits"].as_array().map(Vec::len), Some(1), "{found}");
    assert!(found["notes"].is_array(), "a searcher is told: {found}");
    fs::rename(&away, home.docs()).unwrap();
    assert_eq!(index(&home), [0; 6], "it is back, and nothing has to be done again");
    assert_eq!(home.json(&["status"])["roots"][0]["state"], "ok");
    // Emptied by hand is deleted: the folder is there.
    fs::remove_file(home.docs().join("a.md")).unwrap();
    assert_eq!(index(&home), [0, 0, 0, 1, 0, 0]);
}

#[test]
fn a_file_with_a_new_extension_is_read_anew() {
    let home = Home::small();
    home.write("notes.txt", format!("# Notes\n\nThey mention {}.\n", word(1)));
    home.add();
    fs::rename(home.docs().join("notes.txt"), home.docs().join("notes.md")).unwrap();
    let report = home.json(&["index"]);
    assert_eq!(
        counts(&report, ["added", "changed", "moved", "removed", "failed", "failed"]),
        [1, 0, 0, 1, 0, 0]
    );
    let path = home.docs().join("notes.md");
    let story = home.json(&["status", "--file", path.to_str().unwrap()]);
    assert_eq!((&story["state"], &story["mime"]), (&"searchable".into(), &"text/markdown".into()), "{story}");
    assert_eq!(finds(&home, 1), ["notes.md"]);
}
