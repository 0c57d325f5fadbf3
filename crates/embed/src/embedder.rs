//! The embedder itself: what is loaded when, and who waits for whom.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use docent_core::{Embedder, Error, ErrorKind, IoContext, Result};
use docent_onnx::{guarded, load_runtime};
use fastembed::{InitOptionsUserDefined, TextEmbedding, UserDefinedEmbeddingModel};

use crate::{
    spec::{EmbedderSpec, Pooling},
    tokens::{TextTokens, answer, placeholder_files},
};

/// An ONNX embedding model, loaded when first used. Any number of threads may share it.
///
/// Tokenizer and model are loaded, and locked, apart: counting tokens needs neither ONNX Runtime nor a turn
/// at the model, and a question waits for at most the passage that is being embedded and the one after it.
pub struct OnnxEmbedder {
    spec: EmbedderSpec,
    tokens: Mutex<Option<Arc<TextTokens>>>,
    /// Held while waiting for `model`: without it a thread that embeds passage after passage would take the
    /// lock again before those who wait wake up.
    turn: Mutex<()>,
    model: Mutex<Option<TextEmbedding>>,
}

impl OnnxEmbedder {
    /// An embedder that loads its files when first used.
    pub fn new(spec: EmbedderSpec) -> Self {
        Self { spec, tokens: Mutex::new(None), turn: Mutex::new(()), model: Mutex::new(None) }
    }

    /// What it was made from.
    pub fn spec(&self) -> &EmbedderSpec {
        &self.spec
    }

    fn tokens(&self) -> Result<Arc<TextTokens>> {
        let mut tokens = locked(&self.tokens);
        if let Some(tokens) = tokens.as_ref() {
            return Ok(Arc::clone(tokens));
        }
        let started = Instant::now();
        let loaded = Arc::new(TextTokens::load(&self.spec)?);
        tracing::debug!(id = self.spec.id, ms = started.elapsed().as_millis(), "loaded the tokenizer");
        *tokens = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    fn embed(&self, prefix: &str, text: &str) -> Result<Vec<f32>> {
        let ids = self.tokens()?.ids(prefix, text, self.spec.max_tokens)?;
        let vector = {
            let turn = locked(&self.turn);
            let mut model = locked(&self.model);
            drop(turn);
            if model.is_none() {
                *model = Some(load(&self.spec)?);
            }
            let Some(loaded) = model.as_mut() else {
                return Err(Error::new(ErrorKind::Internal, "the embedder is gone"));
            };
            answer(&mut loaded.tokenizer, ids)?;
            let run = guarded(|| loaded.embed([""], Some(1)).map_err(|cause| cause.to_string()));
            run.and_then(|run| run).map_err(|cause| {
                Error::new(ErrorKind::Model, format!("{} failed to embed a text", self.spec.id))
                    .caused_by(cause)
            })?
        };
        self.unit(vector.into_iter().next().unwrap_or_default())
    }

    /// Checks a vector and brings it to unit length.
    fn unit(&self, mut vector: Vec<f32>) -> Result<Vec<f32>> {
        if vector.len() != self.spec.dimensions {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "{} gave a vector of {} numbers instead of {}",
                    self.spec.id,
                    vector.len(),
                    self.spec.dimensions
                ),
            )
            .at(&self.spec.onnx)
            .hint("the model is not the one that the catalogue describes: see `docent models list`"));
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !length.is_finite() || length < f32::EPSILON {
            return Err(Error::new(
                ErrorKind::Model,
                format!("{} gave a vector without length", self.spec.id),
            ));
        }
        for value in &mut vector {
            *value /= length;
        }
        Ok(vector)
    }
}

impl Embedder for OnnxEmbedder {
    fn id(&self) -> &str {
        &self.spec.id
    }

    fn dimensions(&self) -> usize {
        self.spec.dimensions
    }

    fn max_tokens(&self) -> usize {
        self.spec.max_tokens
    }

    fn token_ends(&self, text: &str) -> Result<Vec<usize>> {
        self.tokens()?.ends(text)
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>> {
        self.embed(&self.spec.query_prefix, text)
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        texts.iter().map(|text| self.embed(&self.spec.passage_prefix, text)).collect()
    }

    fn unload(&self) {
        *locked(&self.model) = None;
        *locked(&self.tokens) = None;
    }
}

impl EmbedderSpec {
    /// Reads one of the model's files.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>> {
        if !path.is_file() {
            return Err(Error::new(
                ErrorKind::ModelMissing,
                format!("the model {} is not installed", self.id),
            )
            .at(path)
            .hint(format!("fetch it with `docent models pull {}`", self.id)));
        }
        fs::read(path).doing("read", path)
    }

    /// The error for a file that is there and makes no sense.
    pub(crate) fn damaged(&self, message: &str) -> Error {
        Error::new(ErrorKind::ModelDamaged, format!("{message} of {}", self.id))
            .hint(format!("fetch it again with `docent models pull {}`", self.id))
    }
}

fn load(spec: &EmbedderSpec) -> Result<TextEmbedding> {
    let started = Instant::now();
    let environment = load_runtime(&spec.runtime)?;
    let bytes = spec.read(&spec.onnx)?;
    let pooling = match spec.pooling {
        Pooling::Mean => fastembed::Pooling::Mean,
        Pooling::Cls => fastembed::Pooling::Cls,
    };
    let threads = match spec.threads {
        0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    // The bytes go with `model` as soon as the session is made.
    let model = UserDefinedEmbeddingModel::new(bytes, placeholder_files()).with_pooling(pooling);
    let options = InitOptionsUserDefined::new()
        .with_environment(environment)
        .with_max_length(usize::MAX)
        .with_intra_threads(threads)
        // Threads that spin while they wait for work halve the speed of a busy machine, their own included.
        .with_session_config("session.intra_op.allow_spinning", "0");
    let made = guarded(|| {
        TextEmbedding::try_new_from_user_defined(model, options).map_err(|cause| cause.to_string())
    });
    let loaded = made
        .and_then(|made| made)
        .map_err(|cause| spec.damaged("cannot load the model").at(&spec.onnx).caused_by(cause))?;
    tracing::debug!(id = spec.id, ms = started.elapsed().as_millis(), "loaded the model");
    Ok(loaded)
}

/// A panic of another thread leaves nothing half done here: a lock is taken all the same.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
