//! The speed of plain fastembed on given passages: what a program would reach that does nothing but embed.
//!
//! ```text
//! cargo run --release -p docent-embed --example embed_bare -- MODEL_FOLDER LIBONNXRUNTIME FILE
//! ```
//!
//! FILE holds JSON lines `{"text": ...}`. They are embedded one by one, which is the fastest way for an int8 model,
//! on one thread per core; loading the model is not counted. Prints `{"passages", "seconds", "passages_per_second"}`.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::{error::Error, fs, path::Path, time::Instant};

use docent_embed::load_runtime;
use fastembed::{InitOptionsUserDefined, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, runtime, file] = arguments.as_slice() else {
        return Err("name the folder of a model, libonnxruntime.so, and a file of JSON lines".into());
    };
    let read = |name: &str| fs::read(Path::new(folder).join(name));
    let files = TokenizerFiles {
        tokenizer_file: read("tokenizer.json")?,
        config_file: read("config.json")?,
        special_tokens_map_file: read("special_tokens_map.json")?,
        tokenizer_config_file: read("tokenizer_config.json")?,
    };
    let model = UserDefinedEmbeddingModel::new(read("model_int8.onnx")?, files)
        .with_pooling(fastembed::Pooling::Mean);
    let options = InitOptionsUserDefined::new().with_environment(load_runtime(Path::new(runtime))?);
    let mut model = TextEmbedding::try_new_from_user_defined(model, options)?;

    let mut texts = Vec::new();
    for line in fs::read_to_string(file)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        texts.push(format!("passage: {}", line["text"].as_str().ok_or("a line without text")?));
    }
    // The first run allocates.
    model.embed(["passage: "], Some(1))?;
    let started = Instant::now();
    for text in &texts {
        model.embed([text], Some(1))?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = texts.len() as f64 / seconds;
    println!("{}", json!({ "passages": texts.len(), "seconds": seconds, "passages_per_second": rate }));
    Ok(())
}
