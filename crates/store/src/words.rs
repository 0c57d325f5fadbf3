//! The full-text store: a tantivy index of passages, with their text and location.

mod reader;
mod writer;

use std::path::{Path, PathBuf};

use docent_core::{Error, ErrorKind, Location, Result};
use serde::{Deserialize, Serialize};
use tantivy::{
    Index, IndexMeta, IndexReader, ReloadPolicy, TantivyError,
    directory::error::LockError,
    schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions},
};

use crate::{failure, payload::Payload};

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
    folder: PathBuf,
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

impl Words {
    /// Opens the index in `folder`; `None` where nothing was ever published. A first start that begins again, after one
    /// that failed, may take the folder away meanwhile: then it is looked for again.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>> {
        let written = || -> Result<_> {
            let meta = failure::look_at(&folder.join("meta.json"))?.filter(std::fs::Metadata::is_file);
            Ok(meta.map(|meta| meta.modified().ok()))
        };
        loop {
            let before = written()?;
            if before.is_none() {
                return Ok(None);
            }
            match Self::open_there(folder) {
                Err(_) if written()? != before => {}
                opened => return opened,
            }
        }
    }

    fn open_there(folder: &Path) -> Result<Option<Self>> {
        let index = Index::open_in_dir(folder).map_err(|cause| tantivy_error("open", cause).at(folder))?;
        let words = Self::with_index(folder, index)?;
        let payload = words.metas()?.payload;
        Ok(payload.map(|_| words))
    }

    /// Makes an empty index in `folder`, without a payload.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        docent_core::make_private_dir(folder)?;
        let (schema, _) = schema();
        let index =
            Index::create_in_dir(folder, schema).map_err(|cause| tantivy_error("make", cause).at(folder))?;
        Self::with_index(folder, index)
    }

    fn with_index(folder: &Path, index: Index) -> Result<Self> {
        let (expected, fields) = schema();
        if index.schema() != expected {
            return Err(another_version().at(folder));
        }
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(|cause| tantivy_error("open", cause).at(folder))?;
        Ok(Self { folder: folder.to_owned(), index, reader, fields })
    }

    /// The last commit, as it stands on disk now.
    fn metas(&self) -> Result<IndexMeta> {
        self.index.load_metas().map_err(|cause| tantivy_error("read", cause).at(&self.folder))
    }

    /// The payload of the last commit.
    pub(crate) fn payload(&self) -> Result<Payload> {
        Payload::parse(self.metas()?.payload.as_deref()).map_err(|error| error.at(&self.folder))
    }

    /// The segments of the last commit.
    pub(crate) fn segments(&self) -> Result<u64> {
        Ok(self.metas()?.segments.len() as u64)
    }

    /// What the last commit holds, pinned: the files behind it stay readable while this lives.
    pub(crate) fn searching(&self) -> Result<Searching> {
        self.reader.reload().map_err(|cause| tantivy_error("read", cause).at(&self.folder))?;
        Ok(Searching::new(self.reader.searcher(), self.fields))
    }

    /// Files whose checksum is wrong.
    pub(crate) fn damaged_files(&self) -> Result<Vec<PathBuf>> {
        let files = self
            .index
            .validate_checksum()
            .map_err(|cause| tantivy_error("verify", cause).at(&self.folder))?;
        Ok(files.into_iter().map(|file| self.folder.join(file)).collect())
    }
}

fn another_version() -> Error {
    Error::new(ErrorKind::IndexVersion, "the full-text store was written by another version of docent")
        .hint("use the docent that wrote it, or move the home folder away and add the folders again")
}

/// Turns tantivy's error into ours.
#[expect(clippy::needless_pass_by_value, reason = "made to be given to map_err")]
pub(crate) fn tantivy_error(doing: &str, cause: TantivyError) -> Error {
    let message = format!("cannot {doing} the full-text store");
    if matches!(cause, TantivyError::LockFailure(LockError::LockBusy, _)) {
        return Error::new(ErrorKind::Locked, message)
            .hint("another docent is writing; wait until it is done or stop it")
            .caused_by(cause.to_string());
    }
    let text: String = cause.to_string().chars().take(500).collect();
    if matches!(cause, TantivyError::IncompatibleIndex(_)) {
        return another_version().caused_by(text);
    }
    // A thread that writes ended early. Why, it has told whoever waited for it.
    if matches!(cause, TantivyError::ErrorInThread(_) | TantivyError::SystemError(_)) {
        return Error::new(ErrorKind::Io, message)
            .hint("run the command again: nothing that was published is lost")
            .caused_by(text);
    }
    failure::from_text(message, text)
}

#[cfg(test)]
mod tests {
    use tantivy::directory::error::Incompatibility;

    use super::*;

    #[test]
    fn an_index_of_another_tantivy_is_no_damage() {
        let cause = Incompatibility::CompressionMismatch {
            library_compression_format: "lz4".into(),
            index_compression_format: "zstd".into(),
        };
        let error = tantivy_error("open", TantivyError::IncompatibleIndex(cause));
        assert_eq!(error.kind(), ErrorKind::IndexVersion);
    }
}
