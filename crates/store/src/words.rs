//! The full-text store: a tantivy index of passages, with their text and location.

mod reader;
mod writer;

use std::path::Path;

use docent_core::{Error, ErrorKind, Location, Result};
use serde::{Deserialize, Serialize};
use tantivy::{
    Index, IndexReader, ReloadPolicy,
    schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions},
};

use crate::payload::Payload;

pub(crate) use reader::Searching;
pub(crate) use writer::{PassageWords, WordsWriter};

/// The fields of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// Passage id, its first 8 bytes: looked up by.
    id: Field,
    /// Passage id, its last 8 bytes.
    id_rest: Field,
    /// Document number: deleted and filtered by.
    doc: Field,
    /// Position among the document's passages.
    position: Field,
    /// The passage's words, for BM25.
    body: Field,
    /// The words of title and headings, for BM25.
    context: Field,
    /// The passage's words as they stand, with positions, for phrases.
    exact: Field,
    /// The passage's text, stored.
    text: Field,
    /// [`Extra`] as JSON, stored.
    extra: Field,
}

/// What is stored with a passage beside its text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub(crate) context: String,
    pub(crate) location: Location,
    pub(crate) language: Option<String>,
}

fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    // Terms are made by `analysis`; tantivy is given them ready.
    let indexed = |record, norms| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default().set_tokenizer("raw").set_index_option(record).set_fieldnorms(norms),
        )
    };
    let fields = Fields {
        id: builder.add_u64_field("id", INDEXED | FAST),
        id_rest: builder.add_u64_field("id_rest", FAST),
        doc: builder.add_u64_field("doc", INDEXED | FAST),
        position: builder.add_u64_field("position", FAST),
        body: builder.add_text_field("body", indexed(IndexRecordOption::WithFreqs, true)),
        context: builder.add_text_field("context", indexed(IndexRecordOption::WithFreqs, true)),
        exact: builder.add_text_field("exact", indexed(IndexRecordOption::WithFreqsAndPositions, false)),
        text: builder.add_text_field("text", STORED),
        extra: builder.add_text_field("extra", STORED),
    };
    (builder.build(), fields)
}

/// The index on disk, open for reading.
pub(crate) struct Words {
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

impl Words {
    /// Opens the index in `folder`; `None` where there is none.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>> {
        if !folder.join("meta.json").is_file() {
            return Ok(None);
        }
        let index = Index::open_in_dir(folder).map_err(|cause| tantivy_error("open", cause).at(folder))?;
        Self::with_index(index).map(Some)
    }

    /// Makes an empty index in `folder`, without a payload.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        docent_core::make_private_dir(folder)?;
        let (schema, _) = schema();
        let index =
            Index::create_in_dir(folder, schema).map_err(|cause| tantivy_error("make", cause).at(folder))?;
        Self::with_index(index)
    }

    fn with_index(index: Index) -> Result<Self> {
        let (expected, fields) = schema();
        if index.schema() != expected {
            return Err(Error::new(
                ErrorKind::IndexVersion,
                "the full-text store was written by another version of docent",
            )
            .hint("use the docent that wrote it, or move the home folder away and add the folders again"));
        }
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(|cause| tantivy_error("open", cause))?;
        Ok(Self { index, reader, fields })
    }

    /// The payload of the last commit, as it stands on disk now.
    pub(crate) fn payload(&self) -> Result<Payload> {
        let meta = self.index.load_metas().map_err(|cause| tantivy_error("read", cause))?;
        Payload::parse(meta.payload.as_deref())
    }

    /// Whether any commit has a payload yet.
    pub(crate) fn has_payload(&self) -> Result<bool> {
        let meta = self.index.load_metas().map_err(|cause| tantivy_error("read", cause))?;
        Ok(meta.payload.is_some())
    }

    /// The segments of the last commit.
    pub(crate) fn segments(&self) -> Result<u64> {
        let meta = self.index.load_metas().map_err(|cause| tantivy_error("read", cause))?;
        Ok(meta.segments.len() as u64)
    }

    /// What the last commit holds, pinned: the files behind it stay readable while this lives.
    pub(crate) fn searching(&self) -> Result<Searching> {
        self.reader.reload().map_err(|cause| tantivy_error("read", cause))?;
        Ok(Searching::new(self.reader.searcher(), self.fields))
    }

    /// Files whose checksum is wrong.
    pub(crate) fn damaged_files(&self) -> Result<Vec<String>> {
        let files = self.index.validate_checksum().map_err(|cause| tantivy_error("verify", cause))?;
        Ok(files.into_iter().map(|file| file.display().to_string()).collect())
    }
}

/// Turns tantivy's error into ours.
#[expect(clippy::needless_pass_by_value, reason = "made to be given to map_err")]
pub(crate) fn tantivy_error(doing: &str, cause: tantivy::TantivyError) -> Error {
    let mut text = cause.to_string();
    if text.len() > 500 {
        text = text.chars().take(500).collect();
    }
    let lower = format!("{cause:?}").to_lowercase();
    let (kind, hint) = if lower.contains("storagefull") || lower.contains("no space left") {
        (ErrorKind::DiskFull, "free some space and run the command again: nothing was lost")
    } else if lower.contains("permissiondenied") || lower.contains("permission denied") {
        (ErrorKind::Permission, "check who owns the home folder and its permissions")
    } else if lower.contains("lockfailure") || lower.contains("lockbusy") {
        (ErrorKind::Locked, "another docent is writing; wait until it is done or stop it")
    } else {
        (ErrorKind::IndexDamaged, "run `docent check --repair`")
    };
    Error::new(kind, format!("cannot {doing} the full-text store")).hint(hint).caused_by(text)
}
