//! How much of the bare embedder's speed indexing keeps, what memory it takes, and how soon words are findable.
//!
//! ```text
//! DOCENT_KIT=/path/to/kit cargo bench --profile release -p docent-tests --bench indexing [-- ROUNDS]
//! ```
//!
//! Needs the built binary, the models (DOCENT_MODELS), the kit's Cranfield set (DOCENT_KIT; without it, this says so
//! and passes), and cargo, which builds the program that the figures are compared with (`crates/embed`, example
//! `embed_bare`: plain fastembed, one passage after the other). Both get the same passages, by turns, in each of ROUNDS
//! rounds (2); each is as good as its best round.
//!
//! - `passages/s` of docent are those of its embedding phase: from the moment that all documents are findable by
//!   their words until the command ends, loading the model, storing and publishing included.
//! - `words` are the seconds from the start of the command until `docent status`, asked by another process, says
//!   that every document is searchable by its words.
//! - `peak` is the high-water mark of the process's memory.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use docent_tests::{
    bench::{Docent, Result, chosen, example, kit, models, result, say, table},
    row,
};
use serde_json::{Value, json};

const POLL: Duration = Duration::from_millis(100);

/// One run of `docent add`.
struct Run {
    passages: f64,
    seconds: f64,
    words: f64,
    peak_mb: f64,
}

impl Run {
    fn rate(&self) -> f64 {
        self.passages / (self.seconds - self.words)
    }
}

fn main() -> Result<()> {
    let Some(kit) = kit() else { return Ok(()) };
    let docs = kit.join("cranfield/docs");
    let rounds: usize = chosen().first().map_or(Ok(2), |rounds| rounds.parse())?;
    let mut runs = Vec::new();
    let mut bare = Vec::new();
    for round in 1..=rounds {
        let docent = Docent::new()?;
        let run = index(&docent, &docs)?;
        let passages = passages(&docent)?;
        let alone = embed_bare(&docent.scratch().join("passages.jsonl"), &passages)?;
        say(format!(
            "round {round}: docent {:.1} passages/s of {}; bare {alone:.1} passages/s of {}",
            run.rate(),
            run.passages,
            passages.len()
        ));
        runs.push(run);
        bare.push(alone);
    }
    let of = |figure: &dyn Fn(&Run) -> f64, pick: fn(f64, f64) -> f64| runs.iter().map(figure).reduce(pick);
    let rate = of(&Run::rate, f64::max).unwrap_or(f64::NAN);
    let words = of(&|run| run.words, f64::min).unwrap_or(f64::NAN);
    let peak = of(&|run| run.peak_mb, f64::max).unwrap_or(f64::NAN);
    let alone = bare.into_iter().reduce(f64::max).unwrap_or(f64::NAN);
    let share = rate / alone;
    table(&[
        row!["indexing Cranfield", "figure", "wanted"],
        row!["docent, passages/s", format!("{rate:.1}"), ""],
        row!["bare embedder, passages/s", format!("{alone:.1}"), ""],
        row!["share", format!("{share:.3}"), ">= 0.9"],
        row!["all findable by words, s", format!("{words:.2}"), "<= 5"],
        row!["peak memory, MB", format!("{peak:.0}"), "<= 1200"],
    ]);
    result(
        "indexing",
        &json!({ "passages_per_second": rate, "bare_passages_per_second": alone, "share": share,
            "words_seconds": words, "peak_mb": peak }),
    );
    Ok(())
}

/// Indexes `docs`, while another thread asks whether all is findable by words.
fn index(docent: &Docent, docs: &Path) -> Result<Run> {
    let files = fs::read_dir(docs)?.count() as u64;
    let started = Instant::now();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let words = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(POLL);
                // Before the index exists there is nothing to ask.
                let Ok(status) = docent.run(["status"]) else { continue };
                let documents = &status.report["documents"];
                let found = documents["searchable"].as_u64().unwrap_or(0)
                    + documents["lexical_only"].as_u64().unwrap_or(0);
                if found >= files {
                    break;
                }
            }
            started.elapsed().as_secs_f64()
        });
        let ran = docent.run(["add".as_ref(), docs.as_os_str()]);
        ended.store(true, Ordering::Relaxed);
        let words = words.join().map_err(|_| "the thread that asks broke down")?;
        let ran = ran?;
        Ok(Run {
            passages: ran.report["passages_embedded"].as_f64().ok_or("no passages")?,
            seconds: ran.took.as_secs_f64(),
            words,
            peak_mb: ran.peak_kb as f64 / 1024.0,
        })
    })
}

/// The passages of the index as the embedder saw them, found by words that nearly all of them have.
fn passages(docent: &Docent) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for hundred in 0..15 {
        let glob = format!("cran-{hundred:02}*");
        let ran =
            docent.run(["search", "the of and in a", "--mode", "lexical", "-k", "1000", "--path", &glob])?;
        for hit in ran.report["hits"].as_array().into_iter().flatten() {
            let title = hit["title"].as_str().unwrap_or_default();
            texts.push(format!("{title}\n{}", hit["text"].as_str().unwrap_or_default()));
        }
    }
    Ok(texts)
}

/// Passages per second of plain fastembed.
fn embed_bare(file: &Path, passages: &[String]) -> Result<f64> {
    let lines: Vec<String> = passages.iter().map(|text| json!({ "text": text }).to_string()).collect();
    fs::write(file, lines.join("\n"))?;
    let models = models()?;
    let arguments = [&models.join("multilingual-e5-small"), &runtime(&models)?, &file.to_path_buf()];
    let report: Value = serde_json::from_str(&example("docent-embed", "embed_bare", arguments)?)?;
    report["passages_per_second"].as_f64().ok_or_else(|| "the bare embedder told no rate".into())
}

/// The ONNX Runtime library in a folder of models.
fn runtime(models: &Path) -> Result<PathBuf> {
    let folder = models.join("onnxruntime");
    let library = |path: &PathBuf| path.to_string_lossy().contains("libonnxruntime.so");
    let found = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).find(library);
    found.ok_or_else(|| format!("no ONNX Runtime in {}", folder.display()).into())
}
