//! What `docent index` costs when nothing has changed, against `find` looking at the same files.
//!
//! ```text
//! cargo bench --profile release -p docent-tests --bench no_change [-- FILES]
//! ```
//!
//! Needs the built binary, the models (DOCENT_MODELS) and GNU find. Makes 10,000 small files (or FILES), indexes
//! them (minutes: each has a passage to embed), then runs both by turns, five times each, the best of each
//! counting.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use docent_tests::{
    bench::{Docent, Result, best, chosen, ms, result, table},
    row,
};
use serde_json::json;

const FILES: usize = 10_000;
const FILES_PER_FOLDER: usize = 100;
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let files: usize = chosen().first().map_or(Ok(FILES), |files| files.parse())?;
    let docent = Docent::new()?;
    let tree = docent.scratch().join("tree");
    make_tree(&tree, files)?;
    let added = docent.run(["add".as_ref(), tree.as_os_str()])?;
    let mut found = Vec::new();
    let mut indexed = Vec::new();
    for _ in 0..ROUNDS {
        found.push(find(&tree)?);
        let ran = docent.run(["index"])?;
        let report = &ran.report;
        let idle = ["added", "changed", "moved", "removed"].iter().all(|key| report[key] == 0);
        if !idle || report["passages_embedded"] != 0 {
            return Err(format!("something has changed: {report}").into());
        }
        indexed.push(ms(ran.took));
    }
    let (find, index) = (best(&found), best(&indexed));
    let ratio = index / find;
    table(&[
        row![format!("{files} files, no change"), "best ms", "all ms"],
        row!["find -printf", format!("{find:.0}"), listed(&found)],
        row!["docent index", format!("{index:.0}"), listed(&indexed)],
        row!["ratio", format!("{ratio:.2}"), ""],
    ]);
    result(
        "no_change",
        &json!({ "files": files, "find_ms": find, "index_ms": index, "ratio": ratio,
            "first_index_seconds": added.report["seconds"], "passages": added.report["passages_embedded"] }),
    );
    Ok(())
}

/// Files of a sentence or two, each another one.
fn make_tree(tree: &Path, files: usize) -> Result<()> {
    const THINGS: [&str; 8] =
        ["pump", "valve", "router", "invoice", "contract", "sensor", "gearbox", "licence"];
    for number in 0..files {
        let folder = tree.join(format!("{:03}", number / FILES_PER_FOLDER));
        if number % FILES_PER_FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        let mut text = String::new();
        let thing = THINGS[number % THINGS.len()];
        writeln!(text, "The {thing} number {number} was checked and is in order.")?;
        fs::write(folder.join(format!("note-{number:05}.txt")), text)?;
    }
    Ok(())
}

fn find(tree: &Path) -> Result<f64> {
    let started = Instant::now();
    let status = Command::new("find")
        .arg(tree)
        .args(["-printf", "%p %s %T@\\n"])
        .stdout(Stdio::null())
        .status()
        .map_err(|cause| format!("cannot run find: {cause}"))?;
    if !status.success() {
        return Err("find failed".into());
    }
    Ok(ms(started.elapsed()))
}

fn listed(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:.0}")).collect::<Vec<_>>().join(" ")
}
