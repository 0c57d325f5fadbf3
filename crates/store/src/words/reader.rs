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
    analysis::{Analyzer, exact_terms, parts_of, query_analyzers},
    filter::DocSet,
    fold::fold_text,
};

/// Weight of a word in title or headings beside one in the text.
const CONTEXT_BOOST: f32 = 0.5;

/// Weight of a Chinese word that stands in the index only as part of longer ones, as 小明 does in 王小明: enough to be
/// found, too little to outweigh a word.
const PART_BOOST: f32 = 0.25;

/// Terms of a query that are looked up: the rarest ones of a longer text.
const QUERY_TERMS: usize = 256;

/// A pinned state.
#[derive(Clone)]
pub(crate) struct Searching {
    searcher: Searcher,
    fields: Fields,
}

/// Which words of a query are looked for within longer ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// Those that the index does not have.
    OfUnknown,
    OfAll,
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
        let found = self.best(self.query(query, must, languages, Parts::OfUnknown)?, docs, limit)?;
        if !found.is_empty() {
            return Ok(found);
        }
        // Words of the query may stand outside the filter as such, and within it only in longer words.
        self.best(self.query(query, must, languages, Parts::OfAll)?, docs, limit)
    }

    fn best(&self, query: Option<BooleanQuery>, docs: &DocSet, limit: usize) -> Result<Vec<Scored>> {
        let Some(query) = query else {
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

    fn query(
        &self,
        query: &str,
        must: &[String],
        languages: &[String],
        parts: Parts,
    ) -> Result<Option<BooleanQuery>> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for phrase in must {
            if let Some(clause) = self.phrase(phrase) {
                clauses.push((Occur::Must, Box::new(BoostQuery::new(clause, 0.0))));
            }
        }
        for word in self.parts(query, parts)? {
            if let Some(clause) = self.phrase(&word) {
                clauses.push((Occur::Should, Box::new(BoostQuery::new(clause, PART_BOOST))));
            }
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

    /// A query for `text` as it stands; none where there is nothing to look for.
    fn phrase(&self, text: &str) -> Option<Box<dyn Query>> {
        let mut terms: Vec<Term> =
            exact_terms(text).iter().map(|term| Term::from_field_text(self.fields.exact, term)).collect();
        match terms.len() {
            0 => None,
            1 => Some(Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::WithFreqs))),
            _ => Some(Box::new(PhraseQuery::new(terms))),
        }
    }

    /// The words of a query that are to be found within longer ones too.
    fn parts(&self, query: &str, parts: Parts) -> Result<Vec<String>> {
        let mut seen = HashSet::new();
        let mut words = parts_of(query);
        words.retain(|word| seen.insert(word.clone()));
        if parts == Parts::OfUnknown {
            let mut unknown = Vec::new();
            for word in words {
                if self.frequency(&word)? == 0 {
                    unknown.push(word);
                }
            }
            words = unknown;
        }
        words.truncate(QUERY_TERMS);
        Ok(words)
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
        let parts: HashSet<String> = self.parts(query, Parts::OfUnknown)?.into_iter().collect();
        let mut wanted: HashSet<String> = analyzer.terms(query).into_iter().collect();
        wanted.extend(parts.iter().cloned());
        let folded = if parts.is_empty() { String::new() } else { fold_text(&text) };
        let passages = self.searcher.num_docs() as f32;
        let (mut all, mut covered) = (0.0, 0.0);
        for term in wanted {
            let frequency = self.frequency(&term)? as f32;
            let rarity = (1.0 + (passages - frequency + 0.5).max(0.5) / (frequency + 0.5)).ln();
            all += rarity;
            if present.contains(&term) || (parts.contains(&term) && folded.contains(&term)) {
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

    /// As [`Self::passages`], with all that is stored of each.
    pub(crate) fn whole_passages(&self, ids: &[PassageId]) -> Result<Vec<(StoredPassage, Extra)>> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(address) = self.find(*id)? {
                found.push(self.passage(address)?);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use docent_core::{EmbedKey, Location, Passage};

    use super::*;
    use crate::{
        EmbedderIdentity,
        payload::Payload,
        words::{PassageWords, Words, WordsWriter},
    };

    /// What is found of these texts (with their languages), by number.
    fn found(texts: &[(&str, &str)], query: &str, docs: &DocSet) -> Vec<i64> {
        let folder = tempfile::tempdir().unwrap();
        let words = Words::create(folder.path()).unwrap();
        let mut writer = WordsWriter::open(&words).unwrap();
        for (at, (language, text)) in texts.iter().enumerate() {
            let doc = DocId(at as i64);
            let passage =
                Passage { text: (*text).into(), context: String::new(), location: Location::default() };
            let id = PassageId::new(doc, EmbedKey::new("test", text), 0);
            let words = PassageWords { id, doc, position: 0, language: Some(language), passage: &passage };
            writer.add(&words).unwrap();
        }
        writer.commit(&Payload::first(&EmbedderIdentity { id: "test".into(), dimensions: 8 }, 1)).unwrap();
        let languages: Vec<String> = texts.iter().map(|(language, _)| (*language).to_owned()).collect();
        let searching = words.searching().unwrap();
        let hits = searching.search(query, &[], &languages, docs, 10).unwrap();
        for hit in &hits {
            assert!(searching.coverage(query, hit.id).unwrap() > 0.0, "{query} in {}", hit.doc.0);
        }
        hits.iter().map(|hit| hit.doc.0).collect()
    }

    #[test]
    fn a_chinese_word_is_found_within_a_longer_one() {
        let texts = [("cmn", "王小明负责增值税申报。"), ("cmn", "今天天气很好。")];
        for query in ["小明", "税", "小明在哪里"] {
            assert_eq!(found(&texts, query, &DocSet::All).first(), Some(&0), "{query}");
        }
        // The word itself comes before what only contains it.
        let texts = [("cmn", "增值税率表。"), ("cmn", "值税的例子很多，值税。")];
        assert_eq!(found(&texts, "增值", &DocSet::All), [0]);
        // As a word it stands only outside the filter.
        let texts = [("cmn", "交税。"), ("cmn", "王小明申报增值税。")];
        let only = DocSet::Only(Arc::new(HashSet::from([1])));
        assert_eq!(found(&texts, "税", &only), [1]);
    }

    #[test]
    fn what_makes_no_term_is_found_as_it_stands() {
        let long = "acgt".repeat(20);
        let text = format!("The strand {long} was read.");
        let texts = [("eng", text.as_str()), ("kor", "값은 30원이다."), ("eng", "Nothing else.")];
        assert_eq!(found(&texts, &long, &DocSet::All), [0]);
        assert_eq!(found(&texts, "값", &DocSet::All), [1]);
    }

    #[test]
    fn a_word_is_found_in_a_language_without_a_stemmer() {
        let texts = [("eng", "The office is closed."), ("pol", "Urlop pracowników trwa dwadzieścia dni.")];
        assert_eq!(found(&texts, "pracowników", &DocSet::All), [1]);
        assert_eq!(found(&texts, "dni", &DocSet::All), [1]);
    }
}
