//! An embedder for tests: texts are near when they share words, or words that are declared to mean the same.

use docent_core::{Embedder, Error, ErrorKind, Result};

use crate::words::content_words;

/// Each content word is hashed to one of 64 numbers; the words of `MEANINGS` share theirs.
pub(crate) struct WordEmbedder;

const MEANINGS: &[(&str, &str)] = &[("holiday", "leav"), ("vacation", "leav"), ("假期", "leav")];

impl WordEmbedder {
    fn embed(text: &str) -> Vec<f32> {
        let mut vector = vec![0.0f32; 64];
        for word in content_words(text) {
            let meaning =
                MEANINGS.iter().find(|(w, _)| *w == word.text).map_or(word.text.as_str(), |(_, m)| m);
            let hash =
                meaning.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
            vector[(hash % 64) as usize] += 1.0;
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
        vector.iter().map(|x| x / length).collect()
    }
}

impl Embedder for WordEmbedder {
    fn id(&self) -> &'static str {
        "words"
    }

    fn dimensions(&self) -> usize {
        64
    }

    fn max_tokens(&self) -> usize {
        512
    }

    fn token_ends(&self, text: &str) -> Result<Vec<usize>> {
        Ok(text.char_indices().map(|(at, c)| at + c.len_utf8()).collect())
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>> {
        Ok(Self::embed(text))
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|text| Self::embed(text)).collect())
    }

    fn unload(&self) {}
}

/// An embedder whose model is not there.
pub(crate) struct NoModel;

impl Embedder for NoModel {
    fn id(&self) -> &'static str {
        "missing"
    }

    fn dimensions(&self) -> usize {
        64
    }

    fn max_tokens(&self) -> usize {
        512
    }

    fn token_ends(&self, _: &str) -> Result<Vec<usize>> {
        Err(Error::new(ErrorKind::ModelMissing, "missing is not installed"))
    }

    fn embed_query(&self, _: &str) -> Result<Vec<f32>> {
        Err(Error::new(ErrorKind::ModelMissing, "missing is not installed")
            .hint("docent models pull missing"))
    }

    fn embed_passages(&self, _: &[&str]) -> Result<Vec<Vec<f32>>> {
        Err(Error::new(ErrorKind::ModelMissing, "missing is not installed"))
    }

    fn unload(&self) {}
}
