//! Loading: llama.cpp itself, once per process, and a model.

use std::{
    any::Any,
    fs::File,
    io::Read,
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
};

use docent_core::{Error, ErrorKind, IoContext, Result};
use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    model::{LlamaModel, params::LlamaModelParams},
};

use crate::{sequence::CHUNK, spec::GeneratorSpec};

/// llama.cpp, started at its first use in the process and never stopped. It can be started only once: whoever
/// calls it beside a generator needs this one.
///
/// # Errors
/// Somebody else has started it.
pub fn backend() -> Result<&'static LlamaBackend> {
    static BACKEND: OnceLock<std::result::Result<LlamaBackend, String>> = OnceLock::new();
    let started = BACKEND.get_or_init(|| {
        let mut backend = LlamaBackend::init().map_err(|cause| cause.to_string())?;
        // It writes to stderr otherwise.
        backend.void_logs();
        Ok(backend)
    });
    started
        .as_ref()
        .map_err(|cause| Error::new(ErrorKind::Model, "cannot start llama.cpp").caused_by(cause.as_str()))
}

/// Loads the model of `spec`.
pub(crate) fn load_model(spec: &GeneratorSpec) -> Result<LlamaModel> {
    let path = &spec.gguf;
    if !path.is_file() {
        return Err(Error::new(ErrorKind::ModelMissing, format!("the model {} is not installed", spec.id))
            .at(path)
            .hint(format!("fetch it with `docent models pull {}`", spec.id)));
    }
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read(&mut magic)).doing("read", path)?;
    if &magic[..read] != b"GGUF" {
        return Err(damaged(spec, "it is no GGUF file".to_owned()));
    }
    let backend = backend()?;
    let params = LlamaModelParams::default();
    let loaded = guarded(|| {
        let model = LlamaModel::load_from_file(backend, path, &params).map_err(|cause| cause.to_string())?;
        // A file without a vocabulary loads, and panics at the first use of it.
        match model.vocab().n_tokens() {
            0 => Err("it has no vocabulary".to_owned()),
            _ => Ok(model),
        }
    });
    loaded.and_then(|loaded| loaded).map_err(|cause| damaged(spec, cause))
}

/// A context for `model`, with room for what `spec` asks and the model can do, that computes with `threads`.
pub(crate) fn new_context<'model>(
    model: &'model LlamaModel,
    spec: &GeneratorSpec,
    threads: usize,
) -> Result<LlamaContext<'model>> {
    let tokens = u32::try_from(spec.context_tokens).unwrap_or(u32::MAX).min(model.n_ctx_train());
    let threads = i32::try_from(threads).unwrap_or(i32::MAX);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(tokens))
        .with_n_batch(CHUNK as u32)
        .with_n_ubatch(CHUNK as u32)
        .with_n_seq_max(1)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_no_perf(true);
    model.new_context(backend()?, params).map_err(|cause| {
        Error::new(
            ErrorKind::Model,
            format!("cannot make room for {tokens} tokens of context for {}", spec.id),
        )
        .hint("free some memory, or lower `ask.context_tokens` in the configuration")
        .caused_by(cause)
    })
}

fn damaged(spec: &GeneratorSpec, cause: String) -> Error {
    Error::new(ErrorKind::ModelDamaged, format!("cannot load the model {}", spec.id))
        .at(&spec.gguf)
        .hint(format!("fetch it again with `docent models pull {}`", spec.id))
        .caused_by(cause)
}

/// Runs `work`; a panic becomes its message.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| panic_message(payload.as_ref()))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it broke down".to_owned())
}
