//! Text to vectors: [`OnnxEmbedder`] runs an ONNX model through fastembed, on the processor.
//!
//! Three things differ from plain fastembed. The tokenizer is held once and outside the model, so that
//! counting tokens never waits for a vector (and a large vocabulary is in memory once); texts are embedded
//! one by one, so that a vector never depends on its neighbours; and whatever goes wrong underneath,
//! panics included, comes back as a [`docent_core::Error`] that says what to do.

mod embedder;
mod spec;
mod tokens;

pub use docent_onnx::load_runtime;
pub use embedder::OnnxEmbedder;
pub use spec::{EmbedderSpec, Pooling};
