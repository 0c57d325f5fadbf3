//! What each commit of the full-text store says about the index as a whole. This is the one commit point.

use docent_core::{Error, ErrorKind, Generation, Hash128, Result};
use serde::{Deserialize, Serialize};

use crate::{EmbedderIdentity, catalog::FORMAT, failure::damaged};

/// The payload of a commit: which version of the vector store belongs to this full text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) format: u32,
    /// Tells an index from one that was set aside, whose generations and versions had the same numbers.
    #[serde(default)]
    pub(crate) index: String,
    pub(crate) generation: Generation,
    /// The last generation that the catalog has to know of; those after it were upkeep.
    #[serde(default)]
    pub(crate) step: Generation,
    pub(crate) vectors: u64,
    pub(crate) embedder: String,
    pub(crate) dimensions: usize,
}

impl Payload {
    /// That of an empty index, with the vector store at `vectors`.
    pub(crate) fn first(embedder: &EmbedderIdentity, vectors: u64) -> Self {
        Self {
            format: FORMAT,
            index: unheard_of(),
            generation: 0,
            step: 0,
            vectors,
            embedder: embedder.id.clone(),
            dimensions: embedder.dimensions,
        }
    }

    /// Reads a payload, and refuses one that another version wrote.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        let text = text.ok_or_else(|| damaged("the full-text store names no generation"))?;
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

    /// The next generation, with the vector store at `vectors`: a step that is in the journal.
    pub(crate) fn next(&self, vectors: u64) -> Self {
        let upkeep = self.next_upkeep(vectors);
        Self { step: upkeep.generation, ..upkeep }
    }

    /// The next generation, with the vector store at `vectors`: nothing that the catalog has to know of.
    pub(crate) fn next_upkeep(&self, vectors: u64) -> Self {
        Self { generation: self.generation + 1, vectors, ..self.clone() }
    }

    /// As it is, but with another vector store altogether.
    pub(crate) fn anew(self) -> Self {
        Self { index: unheard_of(), ..self }
    }
}

/// A name that no index had before: of this process and this moment.
fn unheard_of() -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    Hash128::of(&[&now.to_le_bytes(), &std::process::id().to_le_bytes()]).to_string()
}
