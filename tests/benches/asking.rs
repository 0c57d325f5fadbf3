//! What answering costs, and what the default models answer.
//!
//! ```text
//! cargo bench --profile release -p docent-tests --bench asking [-- QUESTION...]
//! ```
//!
//! Needs the built binary, the models (DOCENT_MODELS), and cargo, which builds the program that compares the
//! generator with bare llama.cpp on the same prompt (`crates/llm`, example `llm_speed`).
//!
//! Asks three questions about `examples/corpus` (one English, one Chinese, one that it does not answer), each as a
//! command of its own (cold) and through a running watch (warm). The answers are printed as they came, good or bad.

use std::fs;

use docent_tests::{
    bench::{Docent, Result, chosen, example, example_corpus, models, ms, result, say, table},
    row,
};
use serde_json::{Value, json};

const QUESTIONS: [&str; 3] = [
    "How long is the warranty on the AX-200 pump?",
    "S-65 流量传感器的保修期是多长？",
    "What is the salary of the managing director?",
];

fn main() -> Result<()> {
    let chosen = chosen();
    let questions: Vec<&str> =
        if chosen.is_empty() { QUESTIONS.to_vec() } else { chosen.iter().map(String::as_str).collect() };
    let docent = Docent::new()?;
    docent.run(["add".as_ref(), example_corpus().as_os_str()])?;
    let mut results = Vec::new();
    let mut rows = vec![row![
        "",
        "retrieve ms",
        "prompt (reused)",
        "load ms",
        "prefill ms",
        "first token ms",
        "tokens/s",
        "command ms"
    ]];
    for question in &questions {
        results.push(ask(&docent, "cold", question, &mut rows)?);
    }
    let watching = docent.watch()?;
    // The first question loads the models.
    docent.run(["ask", questions[0]])?;
    for question in &questions {
        results.push(ask(&docent, "warm", question, &mut rows)?);
    }
    drop(watching);
    say("");
    table(&rows);

    say("\nthe generator against bare llama.cpp, the same prompt:");
    let compared = example("docent-llm", "llm_speed", [gguf()?])?;
    say(compared.trim_end());
    let ratios = compared.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
    result("asking", &json!({ "answers": results, "against_bare": ratios }));
    Ok(())
}

fn ask(docent: &Docent, kind: &str, question: &str, rows: &mut Vec<Vec<String>>) -> Result<Value> {
    let ran = docent.run(["ask", question])?;
    let report = &ran.report;
    say(format!("\n[{kind}] {question}  (exit {})", ran.code));
    say(format!("  {}", report["answer"].as_str().unwrap_or_default().replace('\n', "\n  ")));
    if let Some(reason) = report["reason"].as_str() {
        say(format!("  reason: {reason}"));
    }
    for citation in report["citations"].as_array().into_iter().flatten() {
        let path = citation["path"].as_str().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let support = if citation["supported"] == true { "supported" } else { "not supported" };
        say(format!("  [{}] {name} ({support}): {}", citation["n"], citation["quote"]));
    }
    let timings = &report["timings"];
    let figure = |key: &str| timings[key].as_f64().unwrap_or(0.0);
    rows.push(row![
        format!("{kind}: {}", question.chars().take(24).collect::<String>()),
        format!("{:.0}", figure("retrieve_ms")),
        format!("{} ({})", figure("prompt_tokens"), figure("reused_tokens")),
        format!("{:.0}", figure("load_ms")),
        format!("{:.0}", figure("prefill_ms")),
        format!("{:.0}", figure("first_token_ms")),
        format!("{:.1}", figure("tokens_per_second")),
        format!("{:.0}", ms(ran.took)),
    ]);
    Ok(json!({ "kind": kind, "question": question, "exit": ran.code, "answered": report["answered"],
        "answer": report["answer"], "reason": report["reason"], "timings": timings,
        "citations": report["citations"].as_array().map_or(0, Vec::len) }))
}

/// The default generator's file.
fn gguf() -> Result<std::path::PathBuf> {
    let folder = models()?.join("qwen2.5-coder-0.5b-instruct");
    let files = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files = files.filter(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    files.next().ok_or_else(|| format!("no GGUF file in {}", folder.display()).into())
}
