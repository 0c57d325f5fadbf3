//! Search quality and speed on the kit, through `docent eval`.
//!
//! ```text
//! DOCENT_KIT=/path/to/kit make bench BENCH=retrieval
//! DOCENT_KIT=/path/to/kit cargo bench --profile release -p docent-tests --bench retrieval [-- SET...]
//! ```
//!
//! Needs the built binary, the models (DOCENT_MODELS) and the kit (DOCENT_KIT; without it, this says so and
//! passes). Each set is indexed into a home of its own and searched by words, by vectors and by both; the
//! latencies are those of one warm process. `margin` is what hybrid search gains over the better of the two: it
//! must not be negative. Sets: cranfield, cmrc2018 (the first 1,000 questions), lihua-world.

use std::{
    fs,
    path::{Path, PathBuf},
};

use docent_tests::{
    bench::{Docent, Result, chosen, json_lines, kit, result, say, table},
    row,
};
use serde_json::{Map, Value, json};

const MODES: [&str; 3] = ["lexical", "vector", "hybrid"];
const METRICS: [&str; 5] = ["ndcg@10", "hit@1", "hit@4", "hit@10", "recall@100"];
const CMRC_QUESTIONS: usize = 1000;

/// A set of documents with judged queries.
struct Set {
    name: &'static str,
    /// What hybrid search ought to reach.
    wanted: &'static [(&'static str, f64)],
    /// The metrics that decide whether hybrid is no worse than either.
    decides: &'static [&'static str],
}

const SETS: [Set; 3] = [
    Set { name: "cranfield", wanted: &[("ndcg@10", 0.40)], decides: &["ndcg@10"] },
    Set { name: "cmrc2018", wanted: &[("hit@1", 0.96), ("hit@10", 0.99)], decides: &["hit@1", "hit@10"] },
    Set { name: "lihua-world", wanted: &[], decides: &["ndcg@10"] },
];

fn main() -> Result<()> {
    let Some(kit) = kit() else { return Ok(()) };
    let chosen = chosen();
    let mut results = Map::new();
    for set in SETS.iter().filter(|set| chosen.is_empty() || chosen.iter().any(|name| name == set.name)) {
        results.insert(set.name.to_owned(), measure(set, &kit.join(set.name))?);
    }
    result("retrieval", &Value::Object(results));
    Ok(())
}

fn measure(set: &Set, folder: &Path) -> Result<Value> {
    let docent = Docent::new()?;
    let (queries, qrels) = convert(set, folder, docent.scratch())?;
    let indexed = docent.run(["add".as_ref(), folder.join("docs").as_os_str()])?;
    say(format!(
        "\n{}: {} documents, {} passages, indexed in {:.0} s",
        set.name,
        indexed.report["added"],
        indexed.report["passages_embedded"],
        indexed.report["seconds"].as_f64().unwrap_or(0.0)
    ));
    let mut reports = Vec::new();
    for mode in MODES {
        let arguments = ["eval", "--mode", mode, "--queries", &queries, "--qrels", &qrels];
        reports.push(docent.run(arguments)?.report);
    }
    let mut head = row!["mode"];
    head.extend(METRICS.map(str::to_owned));
    head.extend(["p50 ms", "p95 ms", "p99 ms"].map(str::to_owned));
    let mut rows = vec![head];
    for (mode, report) in MODES.iter().zip(&reports) {
        let mut row = row![mode];
        row.extend(METRICS.iter().map(|name| format!("{:.3}", metric(report, name))));
        row.extend(["p50", "p95", "p99"].map(|at| format!("{:.1}", number(&report["latency_ms"][at]))));
        rows.push(row);
    }
    table(&rows);
    let [lexical, vector, hybrid] = reports.as_slice() else { return Err("three modes".into()) };
    let mut margins = Map::new();
    for name in set.decides {
        let better = metric(lexical, name).max(metric(vector, name));
        let margin = metric(hybrid, name) - better;
        margins.insert((*name).to_owned(), json!(margin));
        say(format!("{name}: hybrid has a margin of {margin:+.4} over the better side"));
    }
    for (name, wanted) in set.wanted {
        let got = metric(hybrid, name);
        let verdict = if got >= *wanted { "reached" } else { "missed" };
        say(format!("{name}: {got:.4}, wanted {wanted}: {verdict}"));
    }
    Ok(json!({ "lexical": lexical, "vector": vector, "hybrid": hybrid, "margin": margins }))
}

/// Writes the set's queries and judgements as `docent eval` reads them.
fn convert(set: &Set, folder: &Path, scratch: &Path) -> Result<(String, String)> {
    let mut queries = String::new();
    let mut qrels = String::new();
    let questions = json_lines(&folder.join("queries.jsonl"))?;
    let limit = if set.name == "cmrc2018" { CMRC_QUESTIONS } else { usize::MAX };
    for question in questions.iter().take(limit) {
        if question["unanswerable"] == true {
            continue;
        }
        let text = question.get("text").unwrap_or(&question["question"]);
        let id = question["id"].as_str().ok_or("a query without id")?;
        queries.push_str(&json!({ "id": id, "text": text }).to_string());
        queries.push('\n');
        let evidence = question["evidence"].as_array().into_iter().flatten().map(|piece| &piece["file"]);
        let mut files: Vec<&str> = evidence.chain(question.get("file")).filter_map(Value::as_str).collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            qrels.push_str(&format!("{id}\t{file}\t1\n"));
        }
    }
    if qrels.is_empty() {
        qrels = fs::read_to_string(folder.join("qrels.tsv"))?;
    }
    let write = |name: &str, text: &str| -> Result<String> {
        let path: PathBuf = scratch.join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    Ok((write("queries.jsonl", &queries)?, write("qrels.tsv", &qrels)?))
}

fn metric(report: &Value, name: &str) -> f64 {
    number(&report["metrics"][name])
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
