//! The one writer of the full-text store.

use std::{collections::HashMap, path::PathBuf};

use docent_core::{DocId, Error, Passage, PassageId, Result};
use tantivy::{
    IndexWriter, TantivyDocument, TantivyError, Term,
    indexer::{IndexWriterOptions, LogMergePolicy, NoMergePolicy},
    tokenizer::{PreTokenizedString, Token},
};

use super::{Extra, Fields, Words, tantivy_error};
use crate::{
    analysis::{Analyzer, exact_terms},
    durable::sync_dir,
    fault::{self, Point},
    payload::Payload,
};

/// Memory that the writer fills before it writes a segment, in bytes.
const BUFFER: usize = 48 << 20;

/// A passage to be added.
pub(crate) struct PassageWords<'a> {
    pub(crate) id: PassageId,
    pub(crate) doc: DocId,
    pub(crate) position: usize,
    pub(crate) language: Option<&'a str>,
    pub(crate) passage: &'a Passage,
}

/// A long-lived writer: opening one for each change would stop the merging of segments.
pub(crate) struct WordsWriter {
    folder: PathBuf,
    writer: IndexWriter,
    fields: Fields,
    analyzers: HashMap<Option<String>, Analyzer>,
}

impl WordsWriter {
    /// Opens the writer and removes what a killed one left behind. Without that, a stray deletion file can make
    /// every later commit fail.
    pub(crate) fn open(words: &Words) -> Result<Self> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .memory_budget_per_thread(BUFFER)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter = words
            .index
            .writer_with_options(options)
            .map_err(|cause| tantivy_error("write", cause).at(&words.folder))?;
        writer.set_merge_policy(Box::new(merge_policy()));
        let writer =
            Self { folder: words.folder.clone(), writer, fields: words.fields, analyzers: HashMap::new() };
        writer.clean_up()?;
        Ok(writer)
    }

    fn error(&self, doing: &str, cause: TantivyError) -> Error {
        tantivy_error(doing, cause).at(&self.folder)
    }

    /// Deletes the passages of a document at the next commit.
    pub(crate) fn delete(&self, doc: DocId) {
        self.writer.delete_term(Term::from_field_u64(self.fields.doc, doc.0 as u64));
    }

    /// Deletes one passage at the next commit, as often as it is there.
    pub(crate) fn delete_passage(&self, id: PassageId) {
        self.writer.delete_term(Term::from_field_u64(self.fields.id, halves(id).0));
    }

    /// Adds a passage at the next commit.
    pub(crate) fn add(&mut self, passage: &PassageWords<'_>) -> Result<()> {
        fault::pass(Point::WordsAdd)?;
        let analyzer = self
            .analyzers
            .entry(passage.language.map(str::to_owned))
            .or_insert_with(|| Analyzer::new(passage.language));
        let Passage { text, context, location } = passage.passage;
        let extra = Extra {
            context: context.clone(),
            location: location.clone(),
            language: passage.language.map(str::to_owned),
        };
        let extra = serde_json::to_string(&extra).map_err(|cause| {
            docent_core::Error::new(docent_core::ErrorKind::Internal, "cannot write a location")
                .caused_by(cause)
        })?;
        let fields = self.fields;
        let (id, id_rest) = halves(passage.id);
        let mut document = TantivyDocument::default();
        document.add_u64(fields.id, id);
        document.add_u64(fields.id_rest, id_rest);
        document.add_u64(fields.doc, passage.doc.0 as u64);
        document.add_u64(fields.position, passage.position as u64);
        document.add_pre_tokenized_text(fields.body, ready(analyzer.terms(text)));
        document.add_pre_tokenized_text(fields.context, ready(analyzer.terms(context)));
        document.add_pre_tokenized_text(fields.exact, ready(exact_terms(&format!("{context}\n{text}"))));
        document.add_text(fields.text, text);
        document.add_text(fields.extra, extra);
        self.writer.add_document(document).map_err(|cause| self.error("write", cause))?;
        Ok(())
    }

    /// Publishes everything since the last commit. With nothing since, publishes the payload alone.
    pub(crate) fn commit(&mut self, payload: &Payload) -> Result<()> {
        let text = payload.to_text()?;
        fault::pass(Point::WordsPrepare)?;
        let error = |cause| tantivy_error("commit to", cause).at(&self.folder);
        let mut prepared = self.writer.prepare_commit().map_err(error)?;
        prepared.set_payload(&text);
        fault::pass(Point::WordsPublish)?;
        prepared.commit().map_err(error)?;
        fault::pass(Point::WordsSync)?;
        // tantivy syncs the folder before it renames `meta.json`, not after, and what follows relies on it.
        sync_dir(&self.folder)
    }

    /// Forgets everything since the last commit.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        self.writer.rollback().map_err(|cause| self.error("undo in", cause))?;
        Ok(())
    }

    /// Removes files that nothing refers to.
    pub(crate) fn clean_up(&self) -> Result<()> {
        self.writer.garbage_collect_files().wait().map_err(|cause| self.error("clean up", cause))?;
        Ok(())
    }

    /// Rewrites every segment that holds deleted text, so that none is left on the disk. No merge may be under way:
    /// for a writer that was just opened.
    pub(crate) fn purge(&mut self) -> Result<()> {
        self.writer.set_merge_policy(Box::new(NoMergePolicy));
        let purged = self.rewrite_segments();
        self.writer.set_merge_policy(Box::new(merge_policy()));
        purged?;
        fault::pass(Point::PurgeFiles)?;
        sync_dir(&self.folder)?;
        self.clean_up()
    }

    fn rewrite_segments(&mut self) -> Result<()> {
        let segments =
            self.writer.index().searchable_segment_metas().map_err(|cause| self.error("read", cause))?;
        for segment in segments.iter().filter(|segment| segment.has_deletes()) {
            fault::pass(Point::PurgeSegment)?;
            let merged = self.writer.merge(&[segment.id()]).wait();
            merged.map_err(|cause| self.error("purge", cause))?;
        }
        Ok(())
    }

    /// Lets merges finish, and ends.
    pub(crate) fn close(self) -> Result<()> {
        let folder = self.folder;
        self.writer.wait_merging_threads().map_err(|cause| tantivy_error("merge in", cause).at(folder))
    }
}

fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(6);
    // Deleted text must not linger in large segments.
    policy.set_del_docs_ratio_before_merge(0.25);
    policy
}

/// A passage id as two numbers.
pub(super) fn halves(id: PassageId) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, rest @ ..] = id.0.0;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(rest))
}

/// Terms as tantivy takes them, without the text that they came from.
fn ready(terms: Vec<String>) -> PreTokenizedString {
    let tokens = terms
        .into_iter()
        .enumerate()
        .map(|(position, text)| Token { offset_from: 0, offset_to: 0, position, text, position_length: 1 })
        .collect();
    PreTokenizedString { text: String::new(), tokens }
}
