//! The configured models, loaded when they are first needed.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use docent_core::{Config, Embedder, Error, ErrorKind, GenerateRequest, Generated, Generator, Home, Result};
use docent_embed::{EmbedderSpec, OnnxEmbedder, Pooling};
use docent_llm::{GeneratorSpec, LlamaGenerator};
use docent_models::{ModelStore, Role};

/// The configured embedder. What it is called and how long its vectors are is known before it is installed.
pub(crate) struct ConfiguredEmbedder {
    id: String,
    dimensions: usize,
    max_tokens: usize,
    threads: usize,
    models: Arc<ModelStore>,
    loaded: Mutex<Option<Arc<OnnxEmbedder>>>,
}

impl ConfiguredEmbedder {
    /// # Errors
    /// The configuration names a model that the catalogue does not have, or that is no embedder.
    pub(crate) fn new(config: &Config, home: &Home, models: &Arc<ModelStore>) -> Result<Self> {
        let named = models.catalogue().get(&config.models.embedder)?;
        // Another build of the same model may stand in for it; its vectors are its own, so the index decides.
        let stand_in = models
            .catalogue()
            .models
            .iter()
            .filter(|entry| entry.stands_in_for.as_deref() == Some(&named.name))
            .find_map(|entry| models.locate(&entry.name).ok());
        let wanted = match &stand_in {
            Some(model) if docent_store::built_with(home)?.as_deref() == Some(&model.entry.name) => {
                &model.entry.name
            }
            _ => &named.name,
        };
        let installed = models.locate(wanted).ok().map(|installed| installed.entry);
        let entry = installed.as_ref().unwrap_or(named);
        let (Role::Embedder, Some(dimensions), Some(max_tokens)) =
            (entry.role, entry.dimensions, entry.context)
        else {
            return Err(wrong_role("models.embedder", &entry.name, "an embedder"));
        };
        Ok(Self {
            id: entry.name.clone(),
            dimensions,
            max_tokens,
            threads: config.models.threads,
            models: models.clone(),
            loaded: Mutex::new(None),
        })
    }

    fn model(&self) -> Result<Arc<OnnxEmbedder>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*loaded {
            return Ok(model.clone());
        }
        let installed = self.models.locate(&self.id)?;
        let runtime = self.models.runtime()?;
        let entry = &installed.entry;
        let model = Arc::new(OnnxEmbedder::new(EmbedderSpec {
            id: self.id.clone(),
            onnx: installed.main_file().to_owned(),
            tokenizer: installed.folder.join("tokenizer.json"),
            dimensions: self.dimensions,
            max_tokens: self.max_tokens,
            query_prefix: entry.query_prefix.clone(),
            passage_prefix: entry.passage_prefix.clone(),
            pooling: match entry.pooling {
                Some(docent_models::Pooling::Cls) => Pooling::Cls,
                _ => Pooling::Mean,
            },
            runtime,
            threads: self.threads,
        }));
        *loaded = Some(model.clone());
        Ok(model)
    }
}

impl Embedder for ConfiguredEmbedder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn token_ends(&self, text: &str) -> Result<Vec<usize>> {
        self.model()?.token_ends(text)
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>> {
        self.model()?.embed_query(text)
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        self.model()?.embed_passages(texts)
    }

    fn unload(&self) {
        if let Some(model) = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).take() {
            model.unload();
        }
    }
}

/// The configured generator.
pub(crate) struct ConfiguredGenerator {
    id: String,
    context_tokens: usize,
    threads: usize,
    cache: PathBuf,
    models: Arc<ModelStore>,
    loaded: Mutex<Option<Arc<LlamaGenerator>>>,
}

impl ConfiguredGenerator {
    /// # Errors
    /// The configuration names a model that the catalogue does not have, or that is no generator.
    pub(crate) fn new(config: &Config, home: &Home, models: &Arc<ModelStore>) -> Result<Self> {
        let entry = models.catalogue().get(&config.models.generator)?;
        if entry.role != Role::Generator {
            return Err(wrong_role("models.generator", &entry.name, "a generator"));
        }
        let trained = entry.context.unwrap_or(config.ask.context_tokens);
        Ok(Self {
            id: entry.name.clone(),
            context_tokens: config.ask.context_tokens.min(trained),
            threads: config.models.threads,
            cache: home.cache(),
            models: models.clone(),
            loaded: Mutex::new(None),
        })
    }

    fn model(&self) -> Result<Arc<LlamaGenerator>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*loaded {
            return Ok(model.clone());
        }
        let installed = self.models.locate(&self.id)?;
        docent_core::make_private_dir(&self.cache)?;
        let model = Arc::new(LlamaGenerator::new(GeneratorSpec {
            id: self.id.clone(),
            gguf: installed.main_file().to_owned(),
            context_tokens: self.context_tokens,
            threads: self.threads,
            cache_dir: Some(self.cache.clone()),
        }));
        *loaded = Some(model.clone());
        Ok(model)
    }
}

impl Generator for ConfiguredGenerator {
    fn id(&self) -> &str {
        &self.id
    }

    fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        self.model()?.count_tokens(text)
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated> {
        self.model()?.generate(request, on_text)
    }

    fn unload(&self) {
        if let Some(model) = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).take() {
            model.unload();
        }
    }
}

fn wrong_role(key: &str, name: &str, wanted: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{key} is {name}, which is not {wanted}"))
        .hint("`docent models list` shows which model plays which role")
}
