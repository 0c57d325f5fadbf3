//! How soon `docent watch` notices, and how fast commands are, with and without it.
//!
//! ```text
//! cargo bench --profile release -p docent-tests --bench watching
//! ```
//!
//! Needs the built binary and the models (DOCENT_MODELS). The folder holds the kit's Cranfield set where DOCENT_KIT
//! names the kit (a minute to index), else `examples/corpus`.
//!
//! - A file is saved, and searched for by words and by vectors until it is found; then it is deleted, and searched
//!   for until it is gone. The times are of ten files, one after the other, and hold the searches that found it.
//! - `docent search` as a command, thirty questions: cold (no watch is running: every command loads the model), and
//!   handed over to the running watch.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use docent_tests::{
    bench::{Docent, Result, copy_tree, example_corpus, json_lines, kit, ms, percentile, result, say, table},
    row,
};
use serde_json::{Value, json};

const FILES: usize = 10;
const SEARCHES: usize = 30;
const POLL: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let docent = Docent::new()?;
    let folder = docent.scratch().join("folder");
    let queries = fill(&folder)?;
    let added = docent.run(["add".as_ref(), folder.as_os_str()])?;
    say(format!("{} documents, {} passages", added.report["added"], added.report["passages_embedded"]));

    let cold = search_all(&docent, &queries)?;
    let watching = docent.watch()?;
    // The first search loads the model.
    docent.run(["search", &queries[0]])?;
    let warm = search_all(&docent, &queries)?;
    let warm_words =
        each(&queries, |query| Ok(ms(docent.run(["search", "--mode", "lexical", query])?.took)))?;
    let (mut words, mut vectors, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..FILES {
        let times = save_and_delete(&docent, &folder, number)?;
        words.push(times.0);
        vectors.push(times.1);
        gone.push(times.2);
    }
    drop(watching);

    let mut rows = vec![row!["under docent watch, ms", "median", "worst", "wanted"]];
    for (name, times, wanted) in [
        ("saved, found by words", &words, "<= 1000"),
        ("saved, found by vector", &vectors, "<= 3000"),
        ("deleted, gone", &gone, "<= 1000"),
    ] {
        let (median, worst) = (percentile(times, 50.0), percentile(times, 100.0));
        rows.push(row![name, format!("{median:.0}"), format!("{worst:.0}"), wanted]);
    }
    table(&rows);
    say("");
    let mut rows = vec![row!["docent search, ms", "p50", "p99", "wanted"]];
    for (name, times, wanted) in [
        ("cold", &cold, ""),
        ("through watch", &warm, "<= 50"),
        ("through watch, lexical", &warm_words, "<= 50"),
    ] {
        let (median, worst) = (percentile(times, 50.0), percentile(times, 99.0));
        rows.push(row![name, format!("{median:.1}"), format!("{worst:.1}"), wanted]);
    }
    table(&rows);
    let figures = |times: &[f64]| json!({ "p50": percentile(times, 50.0), "p99": percentile(times, 99.0) });
    result(
        "watching",
        &json!({ "words_ms": figures(&words), "vector_ms": figures(&vectors), "deleted_ms": figures(&gone),
            "search_cold_ms": figures(&cold), "search_through_watch_ms": figures(&warm),
            "lexical_search_through_watch_ms": figures(&warm_words) }),
    );
    Ok(())
}

/// Fills the watched folder, and gives questions about what is in it.
fn fill(folder: &Path) -> Result<Vec<String>> {
    let Some(kit) = kit() else {
        copy_tree(&example_corpus(), folder)?;
        return questions(&json_lines(&example_corpus().with_file_name("questions.jsonl"))?);
    };
    copy_tree(&kit.join("cranfield/docs"), folder)?;
    questions(&json_lines(&kit.join("cranfield/queries.jsonl"))?)
}

fn questions(lines: &[Value]) -> Result<Vec<String>> {
    let all: Vec<String> = lines.iter().filter_map(|line| Some(line["text"].as_str()?.to_owned())).collect();
    if all.is_empty() {
        return Err("no questions".into());
    }
    Ok(all.into_iter().cycle().take(SEARCHES).collect())
}

fn search_all(docent: &Docent, queries: &[String]) -> Result<Vec<f64>> {
    each(queries, |query| Ok(ms(docent.run(["search", query])?.took)))
}

fn each(queries: &[String], search: impl Fn(&str) -> Result<f64>) -> Result<Vec<f64>> {
    queries.iter().map(|query| search(query)).collect()
}

/// Milliseconds until a new file is found by words, by vectors, and until it is gone after it was deleted.
fn save_and_delete(docent: &Docent, folder: &Path, number: usize) -> Result<(f64, f64, f64)> {
    const SUBJECTS: [&str; FILES] = [
        "lighthouse",
        "beekeeping",
        "sourdough",
        "glacier",
        "violin",
        "harbour",
        "orchard",
        "falconry",
        "pottery",
        "telescope",
    ];
    let subject = SUBJECTS[number % FILES];
    let sentence =
        format!("Our notes on {subject}: the {subject} club meets on the third Tuesday of each month.");
    let name = format!("saved-{number}.txt");
    let file = folder.join(&name);
    let code = format!("QZX-{number:04}");

    let saved = Instant::now();
    fs::write(&file, format!("{sentence} Its file number is {code}.\n"))?;
    let words = until(saved, || finds(docent, "lexical", &code, &name))?;
    let vectors = until(saved, || finds(docent, "vector", &sentence, &name))?;
    let deleted = Instant::now();
    fs::remove_file(&file)?;
    let gone = until(deleted, || {
        Ok(!finds(docent, "lexical", &code, &name)? && !finds(docent, "vector", &sentence, &name)?)
    })?;
    Ok((words, vectors, gone))
}

fn finds(docent: &Docent, mode: &str, query: &str, name: &str) -> Result<bool> {
    let ran = docent.run(["search", "--mode", mode, query])?;
    let mut hits = ran.report["hits"].as_array().into_iter().flatten();
    Ok(hits.any(|hit| hit["path"].as_str().is_some_and(|path| path.ends_with(name))))
}

fn until(since: Instant, mut holds: impl FnMut() -> Result<bool>) -> Result<f64> {
    while !holds()? {
        if since.elapsed() > PATIENCE {
            return Err("nothing happened for a minute".into());
        }
        thread::sleep(POLL);
    }
    Ok(ms(since.elapsed()))
}
