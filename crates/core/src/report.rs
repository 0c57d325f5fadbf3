//! What the commands report: the JSON that other programs rely on (`docs/json.md`).

use serde::{Deserialize, Serialize};

use crate::{Generation, Location};

/// How many files are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// Found by their words and by their meaning.
    pub searchable: u64,
    /// Found by their words; vectors follow.
    pub lexical_only: u64,
    /// Seen, and not yet read.
    pub pending: u64,
    /// Kept, but their root cannot be reached.
    pub unavailable: u64,
    /// Left out by a rule.
    pub skipped: u64,
    /// Could not be read.
    pub failed: u64,
}

impl FileCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.searchable + self.lexical_only + self.pending + self.unavailable + self.skipped + self.failed
    }
}

/// What `add` and `index` print.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexReport {
    /// The generation that the index is at now.
    pub generation: Generation,
    /// The files, by state.
    pub documents: FileCounts,
    /// New documents that were indexed.
    pub added: u64,
    /// Documents that were indexed again because their bytes changed.
    pub changed: u64,
    /// Documents that only changed their place.
    pub moved: u64,
    /// Documents that are gone.
    pub removed: u64,
    /// Files that could not be read this time.
    pub failed: u64,
    /// Passages that went through the embedder.
    pub passages_embedded: u64,
    /// Pages that OCR read, and what they cost; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocr: Option<OcrCost>,
    /// Seconds it took.
    pub seconds: f64,
    /// Roots that could not be reached, with the reason. Not empty: exit code 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unavailable_roots: Vec<RootReport>,
    /// Files that could not be read this time, with the reason (the first hundred).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// What OCR did, and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OcrCost {
    /// Pages read.
    pub pages: u64,
    /// Mean seconds a page, by the clock.
    pub seconds_per_page: f64,
}

/// What `add --dry-run` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DryRunReport {
    /// Files that would be read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that a rule leaves out.
    pub skipped: u64,
    /// Pages and pictures that only OCR can read, estimated from a sample. What it takes is not in `seconds`.
    #[serde(default)]
    pub scanned_pages: u64,
    /// Passages, estimated from a sample.
    pub passages: u64,
    /// Seconds until everything is searchable, estimated from a sample.
    pub seconds: f64,
    /// Bytes that the index would take, estimated from a sample.
    pub index_bytes: u64,
}

/// A root as `status` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootReport {
    /// Absolute path.
    pub path: String,
    /// Its collection.
    pub collection: String,
    /// `ok` or `unavailable`.
    pub state: String,
    /// Why it cannot be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many files it has, in any state.
    #[serde(default)]
    pub files: u64,
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Absolute path.
    pub path: String,
    /// Why, in words.
    pub reason: String,
}

/// What `status` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The published generation.
    pub generation: Generation,
    /// The files, by state.
    pub documents: FileCounts,
    /// Passages in the full-text store.
    pub passages: u64,
    /// Vectors in the vector store.
    pub vectors: u64,
    /// Size of the home folder.
    pub bytes_on_disk: u64,
    /// The roots.
    pub roots: Vec<RootReport>,
    /// Files that could not be read.
    pub failures: Vec<Failure>,
    /// Files left out, by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedCount>,
    /// The embedder that the index was built with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedder: Option<String>,
    /// Parts of the stores: tantivy segments, Lance fragments, kept Lance versions.
    #[serde(default)]
    pub parts: StoreParts,
    /// The process that holds the writer lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// Pages that only OCR can read, and that it has not read.
    #[serde(default)]
    pub scanned_pages: u64,
    /// All pages that OCR read for this index, and what they cost; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocr: Option<OcrCost>,
}

/// How many files a rule left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedCount {
    /// The rule, in words.
    pub rule: String,
    /// How many files.
    pub files: u64,
}

/// Parts that the stores consist of: many small ones make searches slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreParts {
    /// tantivy segments.
    pub segments: u64,
    /// Lance fragments.
    pub fragments: u64,
    /// Lance versions that are kept.
    pub versions: u64,
    /// Rows that the vector index covers; 0 where search is exact.
    pub indexed_vectors: u64,
}

/// What `status --file` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// Absolute path.
    pub path: String,
    /// `searchable`, `lexical_only`, `pending`, `unavailable`, `skipped`, `failed` or `unknown`.
    pub state: String,
    /// Why, where it is not searchable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// ISO 639-3 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Passages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passages: Option<u64>,
    /// Of those, how many have a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<u64>,
    /// When docent first saw it (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// When it was last read (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed: Option<String>,
    /// The version of docent that read it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// How often its parser broke down on these bytes, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// When it is tried again (RFC 3339), where time alone may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<String>,
    /// Pages that only OCR can read, and that it has not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_pages: Option<u32>,
    /// When it was last modified, as of the last reading (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

/// The signals that ranked a hit; one that was not used is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// BM25 of the full-text store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bm25: Option<f32>,
    /// Cosine of question and passage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f32>,
    /// Both, fused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fused: Option<f32>,
    /// The reranker's score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
}

/// A passage that a search returns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Place in the list, from 1.
    pub rank: u32,
    /// What it is ranked by; only comparable within one list.
    pub score: f32,
    /// Absolute path.
    pub path: String,
    /// Its collection.
    pub collection: String,
    /// Title of the document.
    pub title: String,
    /// Media type.
    pub mime: String,
    /// When the document was modified (RFC 3339).
    pub modified: String,
    /// The passage as it stands in the document.
    pub text: String,
    /// Where it stands.
    pub location: Location,
    /// What ranked it.
    pub signals: Signals,
}

/// How to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By words and by meaning.
    #[default]
    Hybrid,
    /// By words.
    Lexical,
    /// By meaning.
    Vector,
}

/// What `search` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// The query, as given.
    pub query: String,
    /// How it was searched.
    pub mode: Mode,
    /// The generation that was searched.
    pub generation: Generation,
    /// Milliseconds, models already loaded or not.
    pub took_ms: f64,
    /// Best first.
    pub hits: Vec<Hit>,
    /// What the searcher should know: files not yet searchable, a mode that could not be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A hit as an answer refers to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The number in the answer.
    pub n: u32,
    /// The passage.
    #[serde(flatten)]
    pub hit: Hit,
    /// Original text that bears on the sentence, found in the document.
    pub quote: String,
    /// Hash of the document's bytes when it was indexed; empty, and absent, where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_hash: String,
    /// Whether the file has changed since.
    pub stale: bool,
    /// Whether the sentence that cites it was checked against the passage, and is borne out by it.
    pub supported: bool,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Finding the passages, in milliseconds.
    pub retrieve_ms: f64,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Reading the prompt, in milliseconds.
    pub prefill_ms: f64,
    /// From the question to the first token, in milliseconds, retrieval and loading included.
    pub first_token_ms: f64,
    /// Tokens generated.
    pub generated_tokens: u64,
    /// The whole, in milliseconds.
    pub total_ms: f64,
    /// Of the prompt's tokens, those whose state was restored rather than computed.
    #[serde(default)]
    pub reused_tokens: u64,
    /// Loading the model, in milliseconds; 0 when it was warm.
    #[serde(default)]
    pub load_ms: f64,
    /// Generated tokens per second after the first.
    #[serde(default)]
    pub tokens_per_second: f64,
}

/// What `ask` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AskReport {
    /// The question, as asked.
    pub question: String,
    /// Whether it was answered.
    pub answered: bool,
    /// The answer with citation marks (`[1]`), or the refusal in the question's language.
    pub answer: String,
    /// The generator.
    pub model: String,
    /// The generation that was searched.
    pub generation: Generation,
    /// What the answer cites, by number.
    pub citations: Vec<Citation>,
    /// What it cost.
    pub timings: Timings,
    /// Why it was not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The nearest hits, when it was not answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<Hit>,
    /// What the asker should know: files not yet searchable or not readable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One difference between catalog, stores and disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What differs: `missing_words`, `stray_vector`, ...
    pub kind: String,
    /// The document, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// In words.
    pub detail: String,
}

/// What `check` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The published generation.
    pub generation: Generation,
    /// Whether no difference is left.
    pub clean: bool,
    /// The differences that were found.
    pub differences: Vec<Difference>,
    /// How many of them were put right.
    pub repaired: u64,
}

/// A collection as `collections` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionReport {
    /// Its name.
    pub name: String,
    /// Its roots.
    pub roots: Vec<RootReport>,
    /// Its files, by state.
    pub documents: FileCounts,
}
