//! Searching one pinned state of the full-text store.

use std::collections::{HashMap, HashSet};

use docent_core::{DocId, Hash128, PassageId, Result, Scored, StoredPassage};
use tantivy::{
    DocAddress, DocId as SegmentDoc, Searcher, TantivyDocument, Term,
    collector::{DocSetCollector, FilterCollector, TopDocs},
    query::{BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery},
    schema::{IndexRecordOption, Value as _},
};

use super::{Extra, Fields, tantivy_error, writer::halves};
use crate::{
    analysis::{Analyzer, exact_terms, query_analyzers},
    filter::DocSet,
};

/// Weight of a word in title or headings beside one in the text.
const CONTEXT_BOOST: f32 = 0.5;

/// Terms of a query that are looked up: the rarest ones of a longer text.
const QUERY_TERMS: usize = 256;

/// A pinned state.
#[derive(Clone)]
pub(crate) struct Searching {
    searcher: Searcher,
    fields: Fields,
}

impl Searching {
    pub(super) fn new(searcher: Searcher, fields: Fields) -> Self {
        Self { searcher, fields }
    }

    /// Passages that are not deleted.
    pub(crate) fn count(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// The best `limit` passages by BM25 in which every phrase of `must` stands.
    pub(crate) fn search(
        &self,
        query: &str,
        must: &[String],
        languages: &[String],
        docs: &DocSet,
        limit: usize,
    ) -> Result<Vec<Scored>> {
        let Some(query) = self.query(query, must, languages)? else {
            return Ok(Vec::new());
        };
        let top = TopDocs::with_limit(limit.max(1)).order_by_score();
        let found = match docs {
            DocSet::All => self.searcher.search(&query, &top),
            DocSet::Only(only) => {
                let only = only.clone();
                let within = FilterCollector::new("doc".to_owned(), move |doc: u64| only.contains(&doc), top);
                self.searcher.search(&query, &within)
            }
        };
        let found = found.map_err(|cause| tantivy_error("search", cause))?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let (id, doc, _) = self.keys(address)?;
            hits.push(Scored { id, doc, score });
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        Ok(hits)
    }

    fn query(&self, query: &str, must: &[String], languages: &[String]) -> Result<Option<BooleanQuery>> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for phrase in must {
            let terms: Vec<Term> = exact_terms(phrase)
                .iter()
                .map(|term| Term::from_field_text(self.fields.exact, term))
                .collect();
            let clause: Box<dyn Query> = match terms.len() {
                0 => continue,
                1 => Box::new(TermQuery::new(terms[0].clone(), IndexRecordOption::WithFreqs)),
                _ => Box::new(PhraseQuery::new(terms)),
            };
            clauses.push((Occur::Must, Box::new(BoostQuery::new(clause, 0.0))));
        }
        for term in self.query_terms(query, languages)? {
            let body =
                TermQuery::new(Term::from_field_text(self.fields.body, &term), IndexRecordOption::WithFreqs);
            let context = TermQuery::new(
                Term::from_field_text(self.fields.context, &term),
                IndexRecordOption::WithFreqs,
            );
            clauses.push((Occur::Should, Box::new(body)));
            clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(context), CONTEXT_BOOST))));
        }
        Ok((!clauses.is_empty()).then(|| BooleanQuery::new(clauses)))
    }

    /// The distinct terms of a query, in every way that the index's languages stem them.
    fn query_terms(&self, query: &str, languages: &[String]) -> Result<Vec<String>> {
        let mut terms = Vec::new();
        let mut seen = HashSet::new();
        for mut analyzer in query_analyzers(languages) {
            terms.extend(analyzer.terms(query).into_iter().filter(|term| seen.insert(term.clone())));
        }
        if terms.len() > QUERY_TERMS {
            let mut by_rarity = Vec::with_capacity(terms.len());
            for term in terms {
                by_rarity.push((self.frequency(&term)?, term));
            }
            by_rarity.retain(|(frequency, _)| *frequency > 0);
            by_rarity.sort();
            terms = by_rarity.into_iter().take(QUERY_TERMS).map(|(_, term)| term).collect();
        }
        Ok(terms)
    }

    /// The number of passages whose text holds `term`, deleted ones included until they are merged away.
    fn frequency(&self, term: &str) -> Result<u64> {
        let term = Term::from_field_text(self.fields.body, term);
        self.searcher.doc_freq(&term).map_err(|cause| tantivy_error("search", cause))
    }

    /// The share of the query's words, weighted by rarity, that stand in a passage.
    pub(crate) fn coverage(&self, query: &str, id: PassageId) -> Result<f32> {
        let Some(address) = self.find(id)? else {
            return Ok(0.0);
        };
        let (text, extra) = self.stored(address)?;
        let mut analyzer = Analyzer::new(extra.language.as_deref());
        let mut present: HashSet<String> = analyzer.terms(&text).into_iter().collect();
        present.extend(analyzer.terms(&extra.context));
        let wanted: HashSet<String> = analyzer.terms(query).into_iter().collect();
        let passages = self.searcher.num_docs() as f32;
        let (mut all, mut covered) = (0.0, 0.0);
        for term in wanted {
            let frequency = self.frequency(&term)? as f32;
            let rarity = (1.0 + (passages - frequency + 0.5).max(0.5) / (frequency + 0.5)).ln();
            all += rarity;
            if present.contains(&term) {
                covered += rarity;
            }
        }
        Ok(if all > 0.0 { covered / all } else { 0.0 })
    }

    /// The passages called `ids`, in that order.
    pub(crate) fn passages(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(address) = self.find(*id)? {
                found.push(self.passage(address)?.0);
            }
        }
        Ok(found)
    }

    /// The passages called `ids` with what the embedder is given of each.
    pub(crate) fn embedded_texts(&self, ids: &[PassageId]) -> Result<HashMap<PassageId, String>> {
        let mut texts = HashMap::with_capacity(ids.len());
        for id in ids {
            if let Some(address) = self.find(*id)? {
                let (text, extra) = self.stored(address)?;
                texts.insert(*id, docent_core::embedded_text(&extra.context, &text));
            }
        }
        Ok(texts)
    }

    /// The passages of a document at positions `from..=to`, in order.
    pub(crate) fn passages_at(&self, doc: DocId, from: u32, to: u32) -> Result<Vec<StoredPassage>> {
        let term = Term::from_field_u64(self.fields.doc, doc.0 as u64);
        let addresses = self.matching(term)?;
        let mut found = Vec::new();
        for address in addresses {
            let (_, _, position) = self.keys(address)?;
            if (from..=to).contains(&position) {
                found.push(self.passage(address)?.0);
            }
        }
        found.sort_by_key(|passage| passage.position);
        Ok(found)
    }

    /// Every passage with its document.
    pub(crate) fn all(&self) -> Result<Vec<(PassageId, DocId)>> {
        let mut all = Vec::new();
        for (ordinal, segment) in self.searcher.segment_readers().iter().enumerate() {
            for doc in segment.doc_ids_alive() {
                let (id, of, _) = self.keys(DocAddress::new(ordinal as u32, doc))?;
                all.push((id, of));
            }
        }
        Ok(all)
    }

    fn matching(&self, term: Term) -> Result<HashSet<DocAddress>> {
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        self.searcher.search(&query, &DocSetCollector).map_err(|cause| tantivy_error("search", cause))
    }

    fn find(&self, id: PassageId) -> Result<Option<DocAddress>> {
        let (first, _) = halves(id);
        for address in self.matching(Term::from_field_u64(self.fields.id, first))? {
            if self.keys(address)?.0 == id {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// Passage id, document and position, from the columns.
    fn keys(&self, address: DocAddress) -> Result<(PassageId, DocId, u32)> {
        let columns = self.searcher.segment_reader(address.segment_ord).fast_fields();
        let value = |name: &str, doc: SegmentDoc| -> tantivy::Result<u64> {
            Ok(columns.u64(name)?.first(doc).unwrap_or_default())
        };
        let read = || -> tantivy::Result<_> {
            let doc = address.doc_id;
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&value("id", doc)?.to_be_bytes());
            bytes[8..].copy_from_slice(&value("id_rest", doc)?.to_be_bytes());
            Ok((PassageId(Hash128(bytes)), DocId(value("doc", doc)? as i64), value("position", doc)? as u32))
        };
        read().map_err(|cause| tantivy_error("read", cause))
    }

    fn stored(&self, address: DocAddress) -> Result<(String, Extra)> {
        let document: TantivyDocument =
            self.searcher.doc(address).map_err(|cause| tantivy_error("read", cause))?;
        let string = |field| document.get_first(field).and_then(|value| value.as_str()).unwrap_or_default();
        let extra = serde_json::from_str(string(self.fields.extra)).unwrap_or_default();
        Ok((string(self.fields.text).to_owned(), extra))
    }

    fn passage(&self, address: DocAddress) -> Result<(StoredPassage, Extra)> {
        let (id, doc, position) = self.keys(address)?;
        let (text, extra) = self.stored(address)?;
        Ok((StoredPassage { id, doc, position, text, location: extra.location.clone() }, extra))
    }
}
