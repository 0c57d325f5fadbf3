//! Roots that vanish and return while they are watched.

use std::fs;

use crate::{
    home::{Home, eventually},
    invented::word,
};

fn state(home: &Home) -> String {
    home.json(&["status"])["roots"][0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_root_that_vanishes_is_kept_and_heals_when_it_returns() {
    let home = Home::small();
    for n in 0..5 {
        home.write(&format!("{n}.md"), format!("# Note {n}\n\n{}\n", word(n)));
    }
    home.add();
    let watch = home.watch();
    let finds = |n: u64| home.found(&["--mode", "lexical", &word(n)]);

    let away = home.beside("away");
    fs::rename(home.docs(), &away).unwrap();
    eventually("a root that went away is unavailable", || (state(&home) == "unavailable").then_some(()));
    let status = home.json(&["status"]);
    assert_eq!(
        (&status["documents"]["unavailable"], &status["passages"]),
        (&5.into(), &5.into()),
        "{status}"
    );
    assert!(status["roots"][0]["reason"].is_string(), "{status}");
    assert_eq!(finds(3).len(), 1, "its documents are still found");
    let story = home.json(&["status", "--file", home.docs().join("3.md").to_str().unwrap()]);
    assert_eq!(story["state"], "unavailable", "{story}");

    // It changes while it is away.
    fs::write(away.join("new.md"), format!("# New\n\n{}\n", word(10))).unwrap();
    fs::remove_file(away.join("0.md")).unwrap();
    fs::rename(&away, home.docs()).unwrap();
    eventually("a root that returned is ok", || (state(&home) == "ok").then_some(()));
    eventually("what came while it was away is found", || (!finds(10).is_empty()).then_some(()));
    eventually("what went while it was away is gone", || finds(0).is_empty().then_some(()));
    assert_eq!(finds(3).len(), 1);

    // Events come from the folder that stands there now.
    home.write("later.md", format!("# Later\n\n{}\n", word(11)));
    eventually("it is watched again", || (!finds(11).is_empty()).then_some(()));
    home.assert_clean();
    drop(watch);
}

#[test]
fn another_folder_in_its_place_is_taken_for_what_it_is() {
    let home = Home::small();
    home.write("a.md", format!("# A\n\n{}\n", word(1)));
    home.add();
    let watch = home.watch();
    fs::rename(home.docs(), home.beside("old")).unwrap();
    fs::create_dir(home.docs()).unwrap();
    home.write("b.md", format!("# B\n\n{}\n", word(2)));
    let finds = |n: u64| !home.found(&["--mode", "lexical", &word(n)]).is_empty();
    eventually("the files of the new folder are found", || finds(2).then_some(()));
    eventually("those of the old one are gone", || (!finds(1)).then_some(()));
    // The old folder is watched no longer, although it lives on elsewhere.
    fs::write(home.beside("old").join("c.md"), format!("# C\n\n{}\n", word(3))).unwrap();
    home.write("d.md", format!("# D\n\n{}\n", word(4)));
    eventually("the new folder is watched", || finds(4).then_some(()));
    assert!(!finds(3));
    drop(watch);
}
