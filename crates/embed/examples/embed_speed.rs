//! How fast the embedder is, and how much memory it takes, against plain fastembed in the same run.
//!
//! ```text
//! cargo run --release -p docent-embed --example embed_speed -- MODEL_FOLDER LIBONNXRUNTIME [--plain | --ours]
//! ```
//!
//! Passages of 256 tokens, one by one, on one thread per core. Memory is that of the whole process: give
//! `--plain` or `--ours` to see one of them alone.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::{error::Error, fs, path::Path, time::Instant};

use docent_core::Embedder;
use docent_embed::{EmbedderSpec, OnnxEmbedder, Pooling, load_runtime};
use fastembed::{InitOptionsUserDefined, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};

const PASSAGES: usize = 24;
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, runtime, ..] = arguments.as_slice() else {
        return Err("name the folder of a model and libonnxruntime.so".into());
    };
    let wants = |flag: &str| !arguments.iter().any(|other| other.starts_with("--") && other != flag);
    let (folder, runtime) = (Path::new(folder), Path::new(runtime));
    let text = "Retrieval augmented generation combines a search index with a language model so answers can \
                cite sources. "
        .repeat(24);
    let texts: Vec<String> = (0..PASSAGES).map(|at| format!("{at} {text}")).collect();
    let mut plain = if wants("--plain") { Some(plain(folder, runtime)?) } else { None };
    let ours = wants("--ours").then(|| ours(folder, runtime));
    for _ in 0..ROUNDS {
        if let Some(plain) = &mut plain {
            let started = Instant::now();
            for text in &texts {
                plain.embed([format!("passage: {text}")], Some(1))?;
            }
            report("fastembed", started);
        }
        if let Some(ours) = &ours {
            let started = Instant::now();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            ours.embed_passages(&texts)?;
            report("docent", started);
        }
    }
    if let Some(ours) = &ours {
        let started = Instant::now();
        let tokens: usize = texts.iter().map(|text| ours.token_ends(text).map_or(0, |ends| ends.len())).sum();
        println!("docent: {:.0} tokens/s counted", tokens as f64 / started.elapsed().as_secs_f64());
    }
    Ok(())
}

fn ours(folder: &Path, runtime: &Path) -> OnnxEmbedder {
    OnnxEmbedder::new(EmbedderSpec {
        id: "speed".into(),
        onnx: folder.join("model_int8.onnx"),
        tokenizer: folder.join("tokenizer.json"),
        dimensions: 384,
        max_tokens: 256,
        query_prefix: "query: ".into(),
        passage_prefix: "passage: ".into(),
        pooling: Pooling::Mean,
        runtime: runtime.to_path_buf(),
        threads: 0,
    })
}

fn plain(folder: &Path, runtime: &Path) -> Result<TextEmbedding, Box<dyn Error>> {
    let read = |name: &str| fs::read(folder.join(name));
    let files = TokenizerFiles {
        tokenizer_file: read("tokenizer.json")?,
        config_file: read("config.json")?,
        special_tokens_map_file: read("special_tokens_map.json")?,
        tokenizer_config_file: read("tokenizer_config.json")?,
    };
    let model = UserDefinedEmbeddingModel::new(read("model_int8.onnx")?, files)
        .with_pooling(fastembed::Pooling::Mean);
    let options = InitOptionsUserDefined::new().with_environment(load_runtime(runtime)?).with_max_length(256);
    Ok(TextEmbedding::try_new_from_user_defined(model, options)?)
}

fn report(name: &str, started: Instant) {
    let rate = PASSAGES as f64 / started.elapsed().as_secs_f64();
    println!("{name}: {rate:.1} passages/s, memory {} MB, peak {} MB", status("VmRSS:"), status("VmHWM:"));
}

/// A figure of this process, in megabytes; 0 where the system does not tell.
fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|value| value.parse::<u64>().ok()).unwrap_or(0) / 1024
}
