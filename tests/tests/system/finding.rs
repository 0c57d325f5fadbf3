//! From a folder to hits: adding, searching in every way, filters, the ledger, forgetting; with the default models and
//! the example corpus, and with small models where only the plumbing matters.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::home::{Home, copy_folder, examples, files_below, shown, total};

#[test]
fn a_folder_goes_in_and_everything_is_accounted_for() {
    let home = Home::new();
    copy_folder(&examples().join("corpus"), &home.docs());
    let report = home.add();
    let files = files_below(&home.docs());
    let documents = &report["documents"];
    assert_eq!(total(documents), files.len() as u64, "every file is in one state: {report}");
    assert_eq!(documents["searchable"], files.len(), "every file of the examples can be read: {report}");
    assert_eq!((&report["added"], &report["failed"]), (&Value::from(files.len()), &Value::from(0)));
    for key in ["changed", "moved", "removed"] {
        assert_eq!(report[key], 0, "{key}: {report}");
    }
    assert!(report["generation"].as_u64().unwrap() >= 2 && report["seconds"].as_f64().unwrap() > 0.0);

    let status = home.json(&["status"]);
    assert_eq!(status["documents"], *documents);
    assert_eq!(status["passages"], status["vectors"], "{status}");
    assert_eq!(status["passages"], report["passages_embedded"], "nothing in the examples is there twice");
    assert!(status["bytes_on_disk"].as_u64().unwrap() > 0);
    assert_eq!(status["roots"][0]["path"], shown(&home.docs().canonicalize().unwrap()));
    assert_eq!(status["roots"][0]["state"], "ok");
    assert_eq!(status["failures"], Value::Array(Vec::new()));
    for file in files {
        let story = home.json(&["status", "--file", &shown(&file)]);
        assert_eq!(story["state"], "searchable", "{story}");
    }

    // Judged questions, English and Chinese, on the built index.
    let questions = shown(&examples().join("questions.jsonl"));
    let judgements = shown(&examples().join("qrels.tsv"));
    let measure = |mode: &str| {
        let run = home.beside(mode);
        let report = home.json(&[
            "eval",
            "--queries",
            &questions,
            "--qrels",
            &judgements,
            "--run",
            &shown(&run),
            "--mode",
            mode,
        ]);
        eprintln!("{mode}: {report}");
        assert_eq!(report["queries"], 60);
        for key in ["ndcg@10", "map@10", "mrr@10", "hit@1", "hit@4", "hit@10", "recall@10", "recall@100"] {
            let value = report["metrics"][key].as_f64().unwrap_or_else(|| panic!("{key} is not in {report}"));
            assert!((0.0..=1.0).contains(&value), "{key}: {report}");
        }
        for key in ["p50", "p95", "p99"] {
            assert!(report["latency_ms"][key].as_f64().unwrap() > 0.0, "{key}: {report}");
        }
        let run = fs::read_to_string(run).unwrap();
        assert!(run.lines().all(|line| line.split_whitespace().count() == 6), "a TREC run has six columns");
        report["metrics"].clone()
    };
    let hybrid = measure("hybrid");
    assert!(hybrid["hit@10"].as_f64().unwrap() >= 0.95, "{hybrid}");
    assert!(hybrid["hit@1"].as_f64().unwrap() >= 0.7, "{hybrid}");
    assert!(measure("lexical")["hit@10"].as_f64().unwrap() >= 0.85);
    assert!(measure("vector")["hit@10"].as_f64().unwrap() >= 0.85);
}

#[test]
fn a_hit_says_all_that_the_design_promises() {
    let home = Home::small();
    home.write(
        "handbook/leave.md",
        "# Leave\n\n## Carrying over\n\nFive days of leave may be carried over.\n",
    );
    home.write("pumps.txt", "The pump of type KX-9000 has run dry twice since spring.\n");
    home.add();
    let report = home.json(&["search", "how much leave can be carried over"]);
    assert_eq!(report["query"], "how much leave can be carried over");
    assert_eq!(report["mode"], "hybrid");
    assert!(report["generation"].as_u64().unwrap() > 0 && report["took_ms"].as_f64().unwrap() > 0.0);
    let hit = &report["hits"][0];
    assert_eq!(hit["rank"], 1);
    assert_eq!(hit["path"], shown(&home.docs().canonicalize().unwrap().join("handbook/leave.md")));
    assert_eq!((&hit["collection"], &hit["title"]), (&Value::from("default"), &Value::from("Leave")));
    assert_eq!(hit["mime"], "text/markdown");
    let text = hit["text"].as_str().unwrap();
    assert!(text.contains("Five days of leave"), "{hit}");
    assert!(hit["modified"].as_str().unwrap().contains('T'), "RFC 3339: {hit}");
    let [from, to] = [0, 1].map(|at| hit["location"]["lines"][at].as_u64().unwrap());
    assert!(from <= 5 && 5 <= to, "the sentence stands in line 5: {hit}");
    assert!(hit["location"]["heading"].as_array().unwrap().contains(&Value::from("Leave")), "{hit}");
    let chars = &hit["location"]["chars"];
    let extracted = home.json(&["extract", hit["path"].as_str().unwrap()]);
    let range = chars[0].as_u64().unwrap() as usize..chars[1].as_u64().unwrap() as usize;
    let all: Vec<char> = extracted["text"].as_str().unwrap().chars().collect();
    assert_eq!(all[range].iter().collect::<String>(), text, "chars count code points of the extracted text");
    for signal in ["bm25", "cosine", "fused"] {
        assert!(hit["signals"][signal].is_number(), "{signal}: {hit}");
    }

    let lexical = home.json(&["search", "--mode", "lexical", "carried"]);
    assert!(lexical["hits"][0]["signals"]["bm25"].is_number());
    assert!(lexical["hits"][0]["signals"]["cosine"].is_null(), "a signal that is not known is absent");
    let vector = home.json(&["search", "--mode", "vector", "holidays that are kept for next year"]);
    assert!(vector["hits"][0]["path"].as_str().unwrap().ends_with("leave.md"), "{vector}");
    assert!(vector["hits"][0]["signals"]["cosine"].is_number());
    assert!(vector["hits"][0]["signals"]["bm25"].is_null());

    // A code is honoured exactly, whatever is near it in meaning.
    assert!(home.found(&["KX-9000"])[0].ends_with("pumps.txt"));
    // What no document has is not found by words, and that is no failure.
    let none = home.json_ending(3, &["search", "--mode", "lexical", "unobtainium"]);
    assert_eq!(none["hits"], Value::Array(Vec::new()));
}

#[test]
fn filters_limit_what_is_found() {
    let home = Home::small();
    home.write("legal/contract.md", "# Contract\n\nThe notice period is three months.\n");
    home.write("legal/old.txt", "The notice period was six months.\n");
    home.write("sales/offer.txt", "The notice period of the offer is a week.\n");
    let old = fs::File::open(home.docs().join("legal/old.txt")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000)).unwrap();
    let add = |folder: &str, collection: &str| {
        home.json(&["add", &shown(&home.docs().join(folder)), "--collection", collection])
    };
    add("legal", "law");
    add("sales", "trade");
    let names = |arguments: &[&str]| {
        let mut names: Vec<String> = home
            .found(&[&["notice period"], arguments].concat())
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    for mode in ["hybrid", "lexical", "vector"] {
        let names = |arguments: &[&str]| names(&[&["--mode", mode], arguments].concat());
        assert_eq!(names(&[]), ["contract.md", "offer.txt", "old.txt"], "{mode}");
        assert_eq!(names(&["--collection", "law"]), ["contract.md", "old.txt"], "{mode}");
        assert_eq!(names(&["--collection", "law", "--collection", "trade"]).len(), 3, "{mode}");
        assert_eq!(names(&["--type", "md"]), ["contract.md"], "{mode}");
        assert_eq!(names(&["--type", "md,txt"]).len(), 3, "{mode}");
        assert_eq!(names(&["--path", "**/sales/*"]), ["offer.txt"], "{mode}");
        assert_eq!(names(&["--path", "old*"]), ["old.txt"], "{mode}");
        assert_eq!(names(&["--until", "2017-12-31"]), ["old.txt"], "{mode}");
        assert_eq!(names(&["--since", "2018-01-01"]), ["contract.md", "offer.txt"], "{mode}");
        assert!(names(&["--collection", "trade", "--type", "md"]).is_empty(), "{mode}");
    }

    // A collection that does not exist is more likely a typo than a wish to find nothing.
    let error = home.error(1, &["search", "notice", "--collection", "lore"]);
    assert_eq!(error["kind"], "not_found", "{error}");
    assert!(error["message"].as_str().unwrap().contains("lore"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("law"), "{error}");

    let collections = home.json(&["collections"]);
    let listed: Vec<&str> = collections["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|collection| collection["name"].as_str().unwrap())
        .collect();
    assert_eq!(listed, ["law", "trade"]);
    assert_eq!(collections["collections"][0]["documents"]["searchable"], 2);

    // Forgetting a root forgets its documents, and leaves the files.
    let removed = home.json(&["remove", &shown(&home.docs().join("legal"))]);
    assert_eq!(removed["removed"], 2);
    assert_eq!(names(&[]), ["offer.txt"]);
    assert!(home.docs().join("legal/contract.md").exists());
    assert_eq!(total(&home.json(&["status"])["documents"]), 1);
    assert_eq!(home.error(1, &["remove", &shown(&home.docs().join("legal"))])["kind"], "not_found");
    home.assert_clean();
}

#[test]
fn a_dry_run_changes_nothing() {
    let home = Home::small();
    home.write("a.md", "# A\n\nSome words.\n");
    home.write(".hidden.md", "# Hidden\n");
    let before = files_below(&home.path());
    let cost = home.json(&["add", "--dry-run", &shown(&home.docs())]);
    assert_eq!((&cost["files"], &cost["skipped"]), (&Value::from(1), &Value::from(1)), "{cost}");
    assert!(cost["passages"].as_u64().unwrap() >= 1 && cost["seconds"].is_number(), "{cost}");
    assert_eq!(files_below(&home.path()), before);
    assert_eq!(total(&home.json(&["status"])["documents"]), 0);
}

#[test]
fn what_is_included_and_excluded_is_counted_by_rule() {
    let home = Home::small();
    for name in ["keep.md", "drafts/one.md", "notes.log", "sub/also.md", "~$lock.docx", "ignored.md"] {
        home.write(name, format!("# {name}\n\nText.\n"));
    }
    home.write(".docentignore", "ignored.md\n");
    let docs = shown(&home.docs());
    let report = home.json(&["add", &docs, "--include", "*.md", "--exclude", "drafts/**"]);
    assert_eq!((&report["documents"]["searchable"], &report["documents"]["skipped"]), (&2.into(), &5.into()));
    let status = home.json(&["status"]);
    let rules: Vec<(&str, u64)> = status["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["rule"].as_str().unwrap(), rule["files"].as_u64().unwrap()))
        .collect();
    assert_eq!(rules.iter().map(|(_, files)| files).sum::<u64>(), 5, "{rules:?}");
    assert!(rules.iter().any(|(rule, files)| rule.contains("drafts/**") && *files == 1), "{rules:?}");
    assert!(rules.iter().any(|(rule, files)| rule.contains(".docentignore") && *files == 1), "{rules:?}");
    let story = home.json(&["status", "--file", &shown(&home.docs().join("ignored.md"))]);
    assert_eq!(story["state"], "skipped");
    assert!(story["reason"].as_str().unwrap().contains(".docentignore"), "{story}");
}

#[test]
fn a_single_file_can_be_added() {
    let home = Home::small();
    let file = home.write("one.md", "# One\n\nThe gate opens at seven.\n");
    home.write("two.md", "# Two\n\nThe gate closes at nine.\n");
    assert_eq!(total(&home.json(&["add", &shown(&file)])["documents"]), 1);
    let found = home.found(&["gate"]);
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("one.md"));
}

#[test]
fn the_home_is_readable_by_its_owner_alone() {
    let home = Home::small();
    home.write("a.md", "# A\n\nSome words.\n");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    home.add();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.path()), 0o700, "one that was there before is closed too");
    let fresh = home.beside("fresh");
    let output = home.docent(&["--home", &shown(&fresh), "models", "use", "embedder", "all-minilm-l6-v2"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    home.json(&["--home", &shown(&fresh), "add", &shown(&home.docs())]);
    assert_eq!(mode(&fresh), 0o700);
    assert_eq!(mode(&fresh.join("catalog.db")), 0o600);
}
