//! What each commit of the full-text store says about the index as a whole. This is the one commit point.

use docent_core::{Error, ErrorKind, Generation, Result};
use serde::{Deserialize, Serialize};

use crate::catalog::FORMAT;

/// The payload of a commit: which version of the vector store belongs to this full text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) format: u32,
    pub(crate) generation: Generation,
    pub(crate) vectors: u64,
    pub(crate) embedder: String,
    pub(crate) dimensions: usize,
}

impl Payload {
    /// Reads a payload, and refuses one that another version wrote.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        let text = text.ok_or_else(|| {
            Error::new(ErrorKind::IndexDamaged, "the full-text store names no generation").hint(
                "move the home folder away and add the folders again; the documents themselves are untouched",
            )
        })?;
        let payload: Self = serde_json::from_str(text).map_err(|cause| {
            Error::new(
                ErrorKind::IndexVersion,
                "the full-text store was written by another version of docent",
            )
            .hint("use the docent that wrote it, or move the home folder away and add the folders again")
            .caused_by(cause)
        })?;
        if payload.format != FORMAT {
            return Err(Error::new(
                ErrorKind::IndexVersion,
                format!("the index has format {}, this docent reads format {FORMAT}", payload.format),
            )
            .hint("use the docent that wrote it, or move the home folder away and add the folders again"));
        }
        Ok(payload)
    }

    pub(crate) fn to_text(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|cause| Error::new(ErrorKind::Internal, "cannot write the payload").caused_by(cause))
    }

    /// The next generation, with the vector store at `vectors`.
    pub(crate) fn next(&self, vectors: u64) -> Self {
        Self { generation: self.generation + 1, vectors, ..self.clone() }
    }
}
