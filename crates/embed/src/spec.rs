//! What an embedder is made of.

use std::path::PathBuf;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean: E5, MiniLM.
    #[default]
    Mean,
    /// The first one: BGE.
    Cls,
}

/// An embedding model: its files, and the rules that it was trained with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedderSpec {
    /// Its name in the model catalogue.
    pub id: String,
    /// The ONNX file.
    pub onnx: PathBuf,
    /// Its `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Numbers per vector.
    pub dimensions: usize,
    /// The most tokens that it reads of one text, its own marks included.
    pub max_tokens: usize,
    /// Put in front of a question: `"query: "` for E5.
    pub query_prefix: String,
    /// Put in front of a passage: `"passage: "` for E5.
    pub passage_prefix: String,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// The ONNX Runtime library, `libonnxruntime.so`. The first one that a process loads serves all its
    /// embedders.
    pub runtime: PathBuf,
    /// Threads that one text is embedded with; 0 for one per core.
    pub threads: usize,
}
