//! A local language model: [`LlamaGenerator`] runs a GGUF file through llama.cpp, on a thread of its own.
//!
//! ```text
//! generate() --[commands, 1 at a time]--> owner thread: model, context, token list
//!     ^                                        |
//!     +--------[pieces of text, 64]------------+
//! ```
//!
//! What a prompt begins with (system message, examples) is read once: its state stays in memory and in a
//! file, and is restored rather than computed. Prompts are read in chunks whose borders depend on the prompt
//! alone, so that an answer at temperature 0 is the same whatever was restored.

mod generator;
mod loading;
mod prefix;
mod prompt;
mod sequence;
mod spec;
mod stream;
mod threads;
mod worker;

pub use generator::LlamaGenerator;
pub use loading::backend;
pub use spec::GeneratorSpec;
