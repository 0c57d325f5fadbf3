//! An index in memory: what the query engine asks of the stores, over passages given by hand.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use docent_core::{
    ContentHash, DocId, DocumentInfo, EmbedKey, Embedder, Filter, Generation, Location, PassageId, Result,
    Scored, SearchIndex, Snapshot, StoredPassage, fold_text,
};

/// A [`SearchIndex`] over passages given by hand. Words are runs of letters and digits, folded, and single
/// Chinese characters; nothing is stemmed. Phrases are looked for in titles and headings too. Of a filter, collections, file names and their extensions are honoured.
#[derive(Clone, Debug, Default)]
pub struct FakeIndex {
    root: PathBuf,
    documents: Vec<DocumentInfo>,
    passages: Vec<StoredPassage>,
    vectors: HashMap<PassageId, Vec<f32>>,
    generation: Generation,
}

impl FakeIndex {
    /// An empty index of documents under `/docs`.
    pub fn new() -> Self {
        Self::under("/docs")
    }

    /// An empty index of documents under `root`.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), generation: 1, ..Self::default() }
    }

    /// Adds a document of these passages. The file under the root need not exist; if it does, its size, time and
    /// hash are recorded.
    #[must_use]
    pub fn document(mut self, relative: &str, passages: &[&str]) -> Self {
        let doc = DocId(self.documents.len() as i64 + 1);
        let path = self.root.join(relative);
        let (size, mtime_ns, hash) = on_disk(&path).unwrap_or((0, doc.0 * 1_000_000_000, None));
        for (position, text) in passages.iter().enumerate() {
            let id = PassageId::new(doc, EmbedKey::new("fake", text), position as u32);
            let chars = text.chars().count() as u64;
            let location = Location { chars: Some([0, chars]), ..Location::default() };
            let position = position as u32;
            self.passages.push(StoredPassage { id, doc, position, text: (*text).to_owned(), location });
        }
        self.documents.push(DocumentInfo {
            doc,
            collection: "default".into(),
            path,
            relative: relative.into(),
            title: Path::new(relative).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            mime: "text/plain".into(),
            language: None,
            mtime_ns,
            size,
            hash,
            unavailable: None,
        });
        self
    }

    /// Puts the last passage of the document added last at `location`.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        if let Some(passage) = self.passages.last_mut() {
            passage.location = location;
        }
        self
    }

    /// Gives the document added last another title.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        if let Some(document) = self.documents.last_mut() {
            title.clone_into(&mut document.title);
        }
        self
    }

    /// Puts the document added last into `collection`.
    #[must_use]
    pub fn in_collection(mut self, collection: &str) -> Self {
        if let Some(document) = self.documents.last_mut() {
            collection.clone_into(&mut document.collection);
        }
        self
    }

    /// Makes the root of the document added last unreachable.
    #[must_use]
    pub fn unavailable(mut self, why: &str) -> Self {
        if let Some(document) = self.documents.last_mut() {
            document.unavailable = Some(why.to_owned());
        }
        self
    }

    /// Gives every passage the vector that `embedder` makes of its text.
    ///
    /// # Errors
    /// The embedder failed.
    pub fn embedded_by(mut self, embedder: &dyn Embedder) -> Result<Self> {
        for passage in &self.passages {
            let vectors = embedder.embed_passages(&[passage.text.as_str()])?;
            self.vectors.extend(vectors.into_iter().next().map(|vector| (passage.id, vector)));
        }
        Ok(self)
    }

    /// Gives the passages these vectors, in the order in which they were added; `None` for one that waits.
    #[must_use]
    pub fn with_vectors(mut self, vectors: &[Option<Vec<f32>>]) -> Self {
        for (passage, vector) in self.passages.iter().zip(vectors) {
            if let Some(vector) = vector {
                self.vectors.insert(passage.id, vector.clone());
            }
        }
        self
    }
}

fn on_disk(path: &Path) -> Option<(u64, i64, Option<ContentHash>)> {
    let metadata = std::fs::metadata(path).ok()?;
    let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let bytes = std::fs::read(path).ok()?;
    Some((metadata.len(), modified.as_nanos() as i64, Some(ContentHash::of(&bytes))))
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in fold_text(text).chars() {
        let single = ('\u{3400}'..='\u{9fff}').contains(&c);
        if c.is_alphanumeric() && !single {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if single {
            words.push(c.to_string());
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

impl SearchIndex for FakeIndex {
    fn snapshot(&self, filter: &Filter) -> Result<Box<dyn Snapshot>> {
        let mut index = self.clone();
        index.documents.retain(|document| {
            let extension = document.path.extension().unwrap_or_default().to_string_lossy().into_owned();
            let name = document.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (filter.collections.is_empty() || filter.collections.contains(&document.collection))
                && (filter.paths.is_empty() || filter.paths.contains(&name))
                && (filter.types.is_empty() || filter.types.contains(&extension))
        });
        let kept: HashSet<DocId> = index.documents.iter().map(|document| document.doc).collect();
        index.passages.retain(|passage| kept.contains(&passage.doc));
        Ok(Box::new(FakeSnapshot { words: index.passages.iter().map(|p| words(&p.text)).collect(), index }))
    }
}

/// What [`FakeIndex`] hands out.
#[derive(Debug)]
struct FakeSnapshot {
    index: FakeIndex,
    words: Vec<Vec<String>>,
}

impl FakeSnapshot {
    fn idf(&self, word: &str) -> f32 {
        let total = self.words.len() as f32;
        let with = self.words.iter().filter(|words| words.iter().any(|w| w == word)).count() as f32;
        (1.0 + (total - with + 0.5) / (with + 0.5)).ln()
    }

    fn bm25(&self, query: &[String], at: usize) -> f32 {
        let average = self.words.iter().map(Vec::len).sum::<usize>() as f32 / self.words.len().max(1) as f32;
        let length = self.words[at].len() as f32;
        query
            .iter()
            .map(|word| {
                let count = self.words[at].iter().filter(|w| *w == word).count() as f32;
                let norm = 1.2 * (0.25 + 0.75 * length / average.max(1.0));
                self.idf(word) * count * 2.2 / (count + norm)
            })
            .sum()
    }

    fn cosine(&self, query: &[f32], id: PassageId) -> Option<f32> {
        let vector = self.index.vectors.get(&id)?;
        Some(vector.iter().zip(query).map(|(a, b)| a * b).sum())
    }
}

fn best(mut scored: Vec<Scored>, limit: usize) -> Vec<Scored> {
    scored.sort_by(|a, b| b.score.total_cmp(&a.score));
    scored.truncate(limit);
    scored
}

impl Snapshot for FakeSnapshot {
    fn generation(&self) -> Generation {
        self.index.generation
    }

    fn lexical(&self, query: &str, must: &[String], limit: usize) -> Result<Vec<Scored>> {
        let query = words(query);
        let phrases: Vec<Vec<String>> = must.iter().map(|phrase| words(phrase)).collect();
        let holds = |words: &[String], phrase: &[String]| {
            phrase.is_empty() || words.windows(phrase.len()).any(|window| window == phrase)
        };
        let title = |passage: &StoredPassage| {
            self.index.documents.iter().find(|document| document.doc == passage.doc).map(|d| d.title.as_str())
        };
        let scored = self.index.passages.iter().enumerate().filter_map(|(at, passage)| {
            let score = self.bm25(&query, at);
            let above = words(&format!(
                "{} {}",
                title(passage).unwrap_or_default(),
                passage.location.heading.join(" ")
            ));
            let fits = phrases.iter().all(|phrase| holds(&self.words[at], phrase) || holds(&above, phrase));
            (fits && (score > 0.0 || !phrases.is_empty())).then_some(Scored {
                id: passage.id,
                doc: passage.doc,
                score,
            })
        });
        Ok(best(scored.collect(), limit))
    }

    fn vector(&self, query: &[f32], limit: usize) -> Result<Vec<Scored>> {
        let ids: Vec<PassageId> = self.index.passages.iter().map(|passage| passage.id).collect();
        Ok(best(self.cosines(query, &ids)?, limit))
    }

    fn cosines(&self, query: &[f32], ids: &[PassageId]) -> Result<Vec<Scored>> {
        Ok(self
            .index
            .passages
            .iter()
            .filter(|passage| ids.contains(&passage.id))
            .filter_map(|passage| {
                self.cosine(query, passage.id).map(|score| Scored { id: passage.id, doc: passage.doc, score })
            })
            .collect())
    }

    fn passages(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>> {
        let by_id = |id: &PassageId| self.index.passages.iter().find(|passage| passage.id == *id).cloned();
        Ok(ids.iter().filter_map(by_id).collect())
    }

    fn passages_at(&self, doc: DocId, from: u32, to: u32) -> Result<Vec<StoredPassage>> {
        let within = |passage: &&StoredPassage| passage.doc == doc && (from..=to).contains(&passage.position);
        Ok(self.index.passages.iter().filter(within).cloned().collect())
    }

    fn coverage(&self, query: &str, id: PassageId) -> Result<f32> {
        let query: HashSet<String> = words(query).into_iter().collect();
        let Some(at) = self.index.passages.iter().position(|passage| passage.id == id) else {
            return Ok(0.0);
        };
        let total: f32 = query.iter().map(|word| self.idf(word)).sum();
        let found: f32 =
            query.iter().filter(|word| self.words[at].contains(word)).map(|word| self.idf(word)).sum();
        Ok(if total > 0.0 { found / total } else { 0.0 })
    }

    fn documents(&self, docs: &[DocId]) -> Result<Vec<DocumentInfo>> {
        let by_id = |doc: &DocId| self.index.documents.iter().find(|document| document.doc == *doc).cloned();
        Ok(docs.iter().filter_map(by_id).collect())
    }
}
