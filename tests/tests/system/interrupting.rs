//! Ctrl-C during indexing leaves a sound index that goes on where it stopped.

use std::{thread, time::Duration};

use rustix::process::Signal;

use crate::{
    home::{Home, shown, start},
    invented::{parts, word},
};

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let home = Home::small();
    for n in 0..60 {
        let text = parts(n, 8);
        home.write(&format!("{n}.md"), format!("{text}{}\n", word(n)));
    }
    let mut running = start(home.command(&["add", "--json", &shown(&home.docs())]));
    // Until the first vectors are there; a machine that is faster than this finishes, and is asked nothing.
    loop {
        thread::sleep(Duration::from_millis(100));
        if running.has_ended() {
            eprintln!("it was done before it could be interrupted");
            return;
        }
        let output = home.docent(&["status", "--json"]);
        if output.code == Some(0) && output.json()["vectors"].as_u64().unwrap_or(0) > 0 {
            break;
        }
    }
    running.signal(Signal::INT);
    let output = running.finish();
    if output.code == Some(0) {
        eprintln!("it was done before it could be interrupted");
        return;
    }
    assert_eq!(output.code, Some(130), "{output:?}");
    let error = &output.json()["error"];
    assert_eq!(error["kind"], "interrupted", "{output:?}");
    assert!(error["hint"].as_str().unwrap().contains("docent index"), "{error}");
    home.assert_clean();
    let before = home.json(&["status"]);
    let vectors = before["vectors"].as_u64().unwrap();
    assert!(vectors > 0, "{before}");
    // Words come first: everything that was read is found by its words.
    let report = home.json(&["index"]);
    assert_eq!(report["documents"]["searchable"], 60, "{report}");
    let embedded = report["passages_embedded"].as_u64().unwrap();
    let all = home.json(&["status"])["vectors"].as_u64().unwrap();
    assert_eq!(embedded, all - vectors, "nothing is embedded twice: {before} {report}");
    home.assert_clean();
}
