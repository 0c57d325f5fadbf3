//! Scans and pictures: found by what OCR reads, with the box where it stands.

use std::{fs, path::Path};

use rustix::process::Signal;

use crate::home::{Home, files_below, shown, start};

pub(crate) fn scan(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/scans").join(name)).unwrap()
}

#[test]
fn scans_are_found_and_cited_by_their_place() {
    let home = Home::small();
    home.write("lease.pdf", scan("lease.pdf"));
    home.write("contract.pdf", scan("contract.pdf"));
    home.write("typed.md", "# Typed\n\nNothing about the premises.\n");
    let report = home.add();
    assert_eq!(report["documents"]["searchable"], 3, "{report}");
    assert_eq!((&report["ocr"]["pages"], &report["added"]), (&2.into(), &3.into()), "{report}");
    assert!(report["ocr"]["seconds_per_page"].as_f64().unwrap() > 0.0, "{report}");
    let found = home.json(&["search", "litres of flammable liquid"]);
    let hit = &found["hits"][0];
    assert!(hit["path"].as_str().unwrap().ends_with("lease.pdf"), "{found}");
    assert_eq!(hit["location"]["page"], 1, "{found}");
    let area: Vec<u64> =
        hit["location"]["area"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert!(area.len() == 4 && area[0] < area[2] && area[1] < area[3] && area[2] <= 1000, "{found}");
    let found = home.json(&["search", "--mode", "lexical", "仲裁委员会"]);
    assert!(found["hits"][0]["path"].as_str().unwrap().ends_with("contract.pdf"), "{found}");
    let status = home.json(&["status"]);
    assert_eq!((&status["scanned_pages"], &status["ocr"]["pages"]), (&0.into(), &2.into()), "{status}");
    let extracted = home.json(&["extract", &shown(&home.docs().join("lease.pdf"))]);
    assert!(extracted["text"].as_str().unwrap().contains("seven years"), "{extracted}");
    home.assert_clean();
    // What was kept page by page is gone from the catalog once it is published.
    for file in files_below(&home.path()) {
        if file.file_name().unwrap().to_string_lossy().starts_with("catalog") {
            let bytes = fs::read(&file).unwrap();
            let holds = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
            assert!(!holds(b"flammable"), "{}", file.display());
        }
    }
}

#[test]
fn ocr_that_is_off_leaves_scans_out_and_says_so() {
    let home = Home::small();
    let lease = home.write("lease.pdf", scan("lease.pdf"));
    let slip = home.write("slip.jpg", scan("receipt.jpg"));
    home.write("config-is-read.md", "Some words.\n");
    let config = home.path().join("config.toml");
    let with = fs::read_to_string(&config).unwrap();
    fs::write(&config, with.replace("[models]\n", "[models]\nocr = \"\"\n")).unwrap();
    let report = home.add();
    assert_eq!((&report["documents"]["skipped"], &report["documents"]["searchable"]), (&2.into(), &1.into()));
    let story = home.json(&["status", "--file", &shown(&lease)]);
    assert_eq!(
        (story["state"].as_str(), story["scanned_pages"].as_u64()),
        (Some("skipped"), Some(1)),
        "{story}"
    );
    assert!(story["reason"].as_str().unwrap().contains("OCR is off"), "{story}");
    assert_eq!(home.json(&["status"])["scanned_pages"], 2);
    let refused = home.docent(&["extract", "--json", &shown(&slip)]);
    assert_eq!(
        (refused.code, refused.json()["error"]["kind"].as_str()),
        (Some(1), Some("empty")),
        "{refused:?}"
    );
    // It is turned on again: what was left out is read.
    fs::write(&config, with).unwrap();
    let report = home.json(&["index"]);
    assert_eq!(
        (&report["documents"]["searchable"], &report["ocr"]["pages"]),
        (&3.into(), &2.into()),
        "{report}"
    );
    assert_eq!(home.found(&["--mode", "lexical", "Stapler heavy duty"]), [slip]);
}

#[test]
fn a_kill_between_pages_costs_one_page() {
    let home = Home::small();
    let fax = scan("fax.tif");
    home.write("one.pdf", scan("bulletin.pdf"));
    home.write("fax.tif", fax);
    let mut running = start(home.command(&["add", "--json", &shown(&home.docs())]));
    loop {
        if running.has_ended() {
            break;
        }
        let output = home.docent(&["status", "--json"]);
        if output.code == Some(0) && output.json()["ocr"]["pages"].as_u64().unwrap_or(0) > 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    running.signal(Signal::KILL);
    running.finish();
    let before = home.json(&["status"])["ocr"]["pages"].as_u64().unwrap_or(0);
    let report = home.json(&["index"]);
    assert_eq!(report["documents"]["searchable"], 2, "{report}");
    let after = home.json(&["status"])["ocr"]["pages"].as_u64().unwrap();
    assert_eq!(after, 3, "no page is read twice: {before} before the kill, {report}");
    home.assert_clean();
}
