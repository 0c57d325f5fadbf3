//! What happens where ONNX Runtime or a model's file is missing or not what it should be. A process loads its
//! runtime once, so these cases have a test binary of their own.

use std::{fs, path::Path};

use docent_core::{Embedder, ErrorKind};
use docent_embed::{EmbedderSpec, OnnxEmbedder, Pooling, load_runtime};

const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
    "normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,"decoder":null,
    "model":{"type":"WordLevel","vocab":{"?":0,"one":1},"unk_token":"?"}}"#;

fn spec(folder: &Path) -> EmbedderSpec {
    EmbedderSpec {
        id: "tiny".into(),
        onnx: folder.join("model.onnx"),
        tokenizer: folder.join("tokenizer.json"),
        dimensions: 384,
        max_tokens: 128,
        query_prefix: String::new(),
        passage_prefix: String::new(),
        pooling: Pooling::Mean,
        runtime: folder.join("libonnxruntime.so"),
        threads: 1,
    }
}

#[test]
fn a_missing_tokenizer_says_how_to_get_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let error = OnnxEmbedder::new(spec(folder.path())).token_ends("text").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    assert_eq!(error.path(), Some(folder.path().join("tokenizer.json").as_path()));
    assert!(error.hint_text().unwrap().contains("docent models pull tiny"), "{error:?}");
}

#[test]
fn a_damaged_tokenizer_is_told_apart_from_a_missing_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), "{\"version\"").unwrap();
    let error = OnnxEmbedder::new(spec(folder.path())).token_ends("text").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelDamaged);
}

#[test]
fn counting_tokens_needs_no_runtime_and_embedding_without_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), TOKENIZER).unwrap();
    let embedder = OnnxEmbedder::new(spec(folder.path()));
    assert_eq!(embedder.token_ends("one two\nthree").unwrap(), [3, 7, 13]);

    let error = embedder.embed_query("one").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RuntimeMissing);
    assert!(error.hint_text().unwrap().contains("make models"), "{error:?}");

    // Something that is not a library, and a library that is no ONNX Runtime.
    fs::write(folder.path().join("libonnxruntime.so"), "not a library").unwrap();
    let error = embedder.embed_query("one").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RuntimeMissing);
    assert!(!error.causes().is_empty(), "{error:?}");
    let libc = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6"];
    if let Some(libc) = libc.map(Path::new).into_iter().find(|path| path.is_file()) {
        assert_eq!(load_runtime(libc).unwrap_err().kind(), ErrorKind::RuntimeMissing);
    }
}
