//! From a ranking to hits: the text, the place and the document behind each passage.

use std::collections::{HashMap, HashSet};

use docent_core::{DocId, DocumentInfo, Hit, PassageId, Result, Snapshot, StoredPassage};
use jiff::Timestamp;

use crate::{retrieve::Ranked, words::squash};

/// A hit with what the query engine needs to know besides what it prints.
#[derive(Clone, Debug)]
pub(crate) struct FullHit {
    /// As it is printed.
    pub(crate) hit: Hit,
    /// The passage.
    pub(crate) passage: StoredPassage,
    /// Its document.
    pub(crate) document: DocumentInfo,
}

/// The first `wanted` of `ranked` as hits, ranked from 1. Passages that are gone are passed over, and so is a
/// text that the same document has already shown. Copies in other documents are kept: each file is found.
///
/// # Errors
/// A store or the catalog cannot be read.
pub(crate) fn first_hits(snapshot: &dyn Snapshot, ranked: &[Ranked], wanted: usize) -> Result<Vec<FullHit>> {
    let mut hits: Vec<FullHit> = Vec::new();
    let mut shown: HashSet<(DocId, String)> = HashSet::new();
    let mut rest = ranked;
    while hits.len() < wanted && !rest.is_empty() {
        let (batch, later) = rest.split_at(rest.len().min(wanted - hits.len()));
        rest = later;
        for full in full_hits(snapshot, batch)? {
            if shown.insert((full.passage.doc, squash(&full.passage.text))) {
                hits.push(full);
            }
        }
    }
    // Copies have equal scores: the newest comes first.
    hits.sort_by(|a, b| {
        b.hit.score.total_cmp(&a.hit.score).then_with(|| b.document.mtime_ns.cmp(&a.document.mtime_ns))
    });
    for (at, full) in hits.iter_mut().enumerate() {
        full.hit.rank = at as u32 + 1;
    }
    Ok(hits)
}

fn full_hits(snapshot: &dyn Snapshot, ranked: &[Ranked]) -> Result<Vec<FullHit>> {
    let ids: Vec<PassageId> = ranked.iter().map(|ranked| ranked.id).collect();
    let mut passages: HashMap<PassageId, StoredPassage> =
        snapshot.passages(&ids)?.into_iter().map(|passage| (passage.id, passage)).collect();
    let mut docs: Vec<DocId> = passages.values().map(|passage| passage.doc).collect();
    docs.sort_unstable();
    docs.dedup();
    let documents: HashMap<DocId, DocumentInfo> =
        snapshot.documents(&docs)?.into_iter().map(|document| (document.doc, document)).collect();
    Ok(ranked
        .iter()
        .filter_map(|ranked| {
            let passage = passages.remove(&ranked.id)?;
            let document = documents.get(&passage.doc)?.clone();
            Some(FullHit { hit: hit(ranked, &passage, &document), passage, document })
        })
        .collect())
}

fn hit(ranked: &Ranked, passage: &StoredPassage, document: &DocumentInfo) -> Hit {
    Hit {
        rank: 0,
        score: ranked.score,
        path: document.path.display().to_string(),
        collection: document.collection.clone(),
        title: document.title.clone(),
        mime: document.mime.clone(),
        modified: modified(document.mtime_ns),
        text: passage.text.clone(),
        location: passage.location.clone(),
        signals: ranked.signals,
    }
}

/// Nanoseconds since 1970 as RFC 3339, to the second.
fn modified(mtime_ns: i64) -> String {
    Timestamp::from_second(mtime_ns.div_euclid(1_000_000_000))
        .map(|time| time.to_string())
        .unwrap_or_default()
}

/// A note for each root of `hits` that cannot be reached.
pub(crate) fn unavailable_notes(hits: &[FullHit]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for full in hits {
        if let Some(why) = &full.document.unavailable {
            let note =
                format!("some of these documents cannot be opened at present ({why}): shown as last read");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(modified(0), "1970-01-01T00:00:00Z");
        assert_eq!(modified(1_700_000_000_123_456_789), "2023-11-14T22:13:20Z");
        assert_eq!(modified(-1), "1969-12-31T23:59:59Z");
    }
}
