//! Pages that only OCR can read, and what it has read of them.
//!
//! What OCR reads is kept page by page until the document is published: a stop costs one page, not a book.

use docent_core::{ContentHash, DocId, OcrCost, RecognisedPage, Result, ScannedFile};
use rusqlite::params;

use super::{
    Catalog,
    files::{RECORD, record_from},
};

/// The keys of `meta` under which pages, and milliseconds that they took, are added up.
const PAGES: &str = "ocr_pages";
const MILLISECONDS: &str = "ocr_ms";

/// The files that OCR can be put to.
const WAITS: &str = "scanned > 0 AND state IN ('pending', 'searchable', 'lexical_only', 'skipped')
    AND hash IS NOT NULL AND root IN (SELECT id FROM roots WHERE unavailable IS NULL)";

impl Catalog {
    pub(crate) fn scanned_files(&self, limit: usize, except: &[DocId]) -> Result<Vec<ScannedFile>> {
        let found: Vec<ScannedFile> = self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {RECORD} FROM documents WHERE {WAITS} ORDER BY scanned, mtime_ns DESC LIMIT ?1"
                ))?
                .query_map([(limit + except.len()) as i64], |row| {
                    let record = record_from(row)?;
                    Ok(ScannedFile { pages: record.scanned, record })
                })?
                .collect()
        })?;
        Ok(found.into_iter().filter(|file| !except.contains(&file.record.doc)).take(limit).collect())
    }

    /// Pages that wait for OCR.
    pub(crate) fn count_scanned(&self) -> Result<u64> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("SELECT coalesce(sum(scanned), 0) FROM documents WHERE {WAITS}"))?
                .query_row([], |row| row.get::<_, i64>(0))
        })
        .map(i64::cast_unsigned)
    }

    pub(crate) fn recognised(&self, hash: ContentHash) -> Result<Vec<RecognisedPage>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT number, content FROM recognised WHERE hash = ?1 ORDER BY number")?
                .query_map([hash.0.0.as_slice()], |row| {
                    Ok(RecognisedPage { number: row.get(0)?, content: row.get(1)? })
                })?
                .collect()
        })
    }

    pub(crate) fn keep_recognised(
        &self,
        hash: ContentHash,
        page: &RecognisedPage,
        milliseconds: u64,
    ) -> Result<bool> {
        self.write(|transaction| {
            let kept = transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO recognised SELECT ?1, ?2, ?3
                     WHERE EXISTS (SELECT 1 FROM documents WHERE hash = ?1 AND scanned > 0)",
                )?
                .execute(params![hash.0.0.as_slice(), page.number, page.content])?;
            if kept == 0 {
                return Ok(false);
            }
            let mut add = transaction.prepare_cached(
                "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
            )?;
            add.execute(params![PAGES, "1"])?;
            add.execute(params![MILLISECONDS, milliseconds.to_string()])?;
            Ok(true)
        })
    }

    /// What all of it cost until now; `None` where no page was read.
    pub(crate) fn ocr_cost(&self) -> Result<Option<OcrCost>> {
        let number =
            |key| -> Result<u64> { Ok(self.meta(key)?.and_then(|text| text.parse().ok()).unwrap_or(0)) };
        let (pages, milliseconds) = (number(PAGES)?, number(MILLISECONDS)?);
        let seconds_per_page = milliseconds as f64 / 1000.0 / pages as f64;
        Ok((pages > 0).then_some(OcrCost { pages, seconds_per_page }))
    }
}
