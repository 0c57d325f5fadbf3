//! An embedder without a model: bags of words, hashed into a few dimensions.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use docent_core::{Embedder, Error, ErrorKind, Result};

/// Embeds a text as the bag of its words, so that texts that share words are near each other. The same text
/// always has the same vector. It counts what it is asked.
///
/// ```
/// use docent_core::Embedder;
/// let embedder = docent_testkit::FakeEmbedder::new();
/// assert_eq!(embedder.token_ends("two words").unwrap(), [3, 9]);
/// assert_eq!(embedder.embed_passages(&["two words"]).unwrap()[0].len(), 64);
/// assert_eq!(embedder.passages(), 1);
/// ```
#[derive(Debug)]
pub struct FakeEmbedder {
    dimensions: usize,
    max_tokens: usize,
    delay: Duration,
    failure: Mutex<Option<String>>,
    tokens: fn(&str) -> Result<Vec<usize>>,
    check_passage: fn(&str) -> Result<()>,
    calls: AtomicU64,
    passages: AtomicU64,
    queries: AtomicU64,
    unloads: AtomicU64,
    texts: Mutex<Vec<String>>,
}

impl Default for FakeEmbedder {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeEmbedder {
    /// The name of every fake embedder.
    pub const ID: &str = "fake-embedder";

    /// 64 dimensions, 512 tokens, no delay.
    pub fn new() -> Self {
        Self {
            dimensions: 64,
            max_tokens: 512,
            delay: Duration::ZERO,
            failure: Mutex::new(None),
            tokens: |text| Ok(token_ends(text)),
            check_passage: |_| Ok(()),
            calls: AtomicU64::new(0),
            passages: AtomicU64::new(0),
            queries: AtomicU64::new(0),
            unloads: AtomicU64::new(0),
            texts: Mutex::new(Vec::new()),
        }
    }

    /// With vectors of this length.
    #[must_use]
    pub fn with_dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = dimensions.max(1);
        self
    }

    /// Takes this long for each passage.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Cuts texts into tokens as `tokens` does.
    #[must_use]
    pub fn with_tokens(mut self, tokens: fn(&str) -> Result<Vec<usize>>) -> Self {
        self.tokens = tokens;
        self
    }

    /// Asks `check`, which may fail or panic, before a passage is embedded.
    #[must_use]
    pub fn embedding_if(mut self, check: fn(&str) -> Result<()>) -> Self {
        self.check_passage = check;
        self
    }

    /// Fails from now on with `reason`, or works again.
    pub fn fail_with(&self, reason: Option<&str>) {
        if let Ok(mut failure) = self.failure.lock() {
            *failure = reason.map(str::to_owned);
        }
    }

    /// How often passages were handed over, in lists of whatever length.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many passages were embedded.
    pub fn passages(&self) -> u64 {
        self.passages.load(Ordering::SeqCst)
    }

    /// How many questions were embedded.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::SeqCst)
    }

    /// How often it was let go.
    pub fn unloads(&self) -> u64 {
        self.unloads.load(Ordering::SeqCst)
    }

    /// The passages that were embedded, in order.
    pub fn texts(&self) -> Vec<String> {
        self.texts.lock().map(|texts| texts.clone()).unwrap_or_default()
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0f32; self.dimensions];
        for word in words(text) {
            let mut hasher = DefaultHasher::new();
            word.hash(&mut hasher);
            let hash = hasher.finish();
            let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
            vector[(hash % self.dimensions as u64) as usize] += sign;
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if length == 0.0 {
            vector[0] = 1.0;
            return vector;
        }
        for x in &mut vector {
            *x /= length;
        }
        vector
    }

    fn check(&self) -> Result<()> {
        match self.failure.lock().ok().and_then(|failure| failure.clone()) {
            Some(reason) => Err(Error::new(ErrorKind::Model, reason)),
            None => Ok(()),
        }
    }
}

/// Lower-case words: runs of letters and digits, and each ideograph by itself.
fn words(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let mut start = 0;
    let words: Vec<String> = token_ends(&lower)
        .into_iter()
        .map(|end| lower[std::mem::replace(&mut start, end)..end].trim().to_owned())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .collect();
    words.into_iter()
}

/// A token is a run of ASCII letters and digits, or any other character that is not white space.
fn token_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let word = c.is_ascii_alphanumeric();
        if in_word && !word {
            ends.push(at);
        }
        in_word = word;
        if !word && !c.is_whitespace() {
            ends.push(at + c.len_utf8());
        }
    }
    if in_word {
        ends.push(text.len());
    }
    ends
}

impl Embedder for FakeEmbedder {
    fn id(&self) -> &str {
        Self::ID
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn token_ends(&self, text: &str) -> Result<Vec<usize>> {
        (self.tokens)(text)
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>> {
        self.check()?;
        self.queries.fetch_add(1, Ordering::SeqCst);
        Ok(self.vector(text))
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        self.check()?;
        texts.iter().try_for_each(|text| (self.check_passage)(text))?;
        self.calls.fetch_add(1, Ordering::SeqCst);
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay * texts.len() as u32);
        }
        if let Ok(mut kept) = self.texts.lock() {
            kept.extend(texts.iter().map(|text| (*text).to_owned()));
        }
        self.passages.fetch_add(texts.len() as u64, Ordering::SeqCst);
        Ok(texts.iter().map(|text| self.vector(text)).collect())
    }

    fn unload(&self) {
        self.unloads.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_that_share_words_are_near() {
        let embedder = FakeEmbedder::new();
        let vectors = embedder
            .embed_passages(&["annual leave is thirty days", "the pump broke", "Annual leave"])
            .unwrap();
        assert!(cosine(&vectors[0], &vectors[2]) > cosine(&vectors[1], &vectors[2]));
        assert!((cosine(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-5);
        assert_eq!((embedder.calls(), embedder.passages()), (1, 3));
    }

    #[test]
    fn an_ideograph_is_a_token() {
        assert_eq!(token_ends("年假 30天."), [3, 6, 9, 12, 13]);
    }
}
