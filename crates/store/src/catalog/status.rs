//! The ledger in numbers.

use std::path::Path;

use docent_core::{
    Failure, FileCounts, FileReport, FileState, Result, RootId, RootReport, SkippedCount, paths,
};
use rusqlite::{OptionalExtension, params};

use super::Catalog;

/// Failures that `status` names at most.
const FAILURES: usize = 1000;

impl Catalog {
    /// The files in each state, all together and root by root.
    pub(crate) fn counts(&self) -> Result<(FileCounts, Vec<(RootId, FileCounts)>)> {
        let rows: Vec<(i64, bool, String, i64)> = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT r.id, r.unavailable IS NOT NULL, d.state, count(*) FROM documents d
                     JOIN roots r ON r.id = d.root GROUP BY r.id, d.state",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                .collect()
        })?;
        let mut all = FileCounts::default();
        let mut by_root: Vec<(RootId, FileCounts)> = Vec::new();
        for (root, unavailable, state, count) in rows {
            let root = RootId(root);
            if by_root.last().is_none_or(|(last, _)| *last != root) {
                by_root.push((root, FileCounts::default()));
            }
            let state = FileState::from_name(&state).unwrap_or(FileState::Pending);
            add(&mut all, state, unavailable, count as u64);
            if let Some((_, counts)) = by_root.last_mut() {
                add(counts, state, unavailable, count as u64);
            }
        }
        Ok((all, by_root))
    }

    pub(crate) fn root_reports(&self) -> Result<Vec<RootReport>> {
        let (_, counts) = self.counts()?;
        let files_of =
            |id| counts.iter().find(|(root, _)| *root == id).map_or(0, |(_, counts)| counts.total());
        let reports = self.roots()?.into_iter().map(|root| RootReport {
            path: root.path.display().to_string(),
            collection: root.collection,
            state: if root.unavailable.is_some() { "unavailable" } else { "ok" }.to_owned(),
            reason: root.unavailable,
            files: files_of(root.id),
        });
        Ok(reports.collect())
    }

    pub(crate) fn failures(&self) -> Result<Vec<Failure>> {
        let rows: Vec<(i64, Option<String>)> = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, reason FROM documents WHERE state = 'failed' ORDER BY root, path LIMIT ?1",
                )?
                .query_map([FAILURES as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let named = rows.into_iter().filter_map(|(doc, reason)| {
            let path = self.path_of(docent_core::DocId(doc))?;
            Some(Failure { path: path.display().to_string(), reason: reason.unwrap_or_default() })
        });
        Ok(named.collect())
    }

    pub(crate) fn skipped(&self) -> Result<Vec<SkippedCount>> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT coalesce(reason, ''), count(*) FROM documents WHERE state = 'skipped'
                     GROUP BY 1 ORDER BY 2 DESC, 1",
                )?
                .query_map([], |row| {
                    Ok(SkippedCount { rule: row.get(0)?, files: row.get::<_, i64>(1)? as u64 })
                })?
                .collect()
        })
    }

    /// The languages of the documents.
    pub(crate) fn languages(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT DISTINCT language FROM documents WHERE language IS NOT NULL")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
    }

    /// One file's story; `None` if no root holds it.
    pub(crate) fn file_report(&self, path: &Path) -> Result<Option<FileReport>> {
        for root in self.roots()? {
            let relative = if root.is_file && root.path == path {
                Path::new("")
            } else {
                match path.strip_prefix(&root.path) {
                    Ok(relative) if !root.is_file => relative,
                    _ => continue,
                }
            };
            let unavailable = root.unavailable.clone();
            let report = self.read(|connection| {
                connection
                    .prepare_cached(
                        // Where no bytes were read, there is neither a time of that nor a reader; where a rule
                        // left it out, nothing was looked at (a stamp of zeros).
                        "SELECT state, reason, mime, title, language, pages, first_seen,
                            iif(hash IS NULL AND state IN ('skipped', 'failed'), NULL, indexed),
                            iif(inode = 0 AND mtime_ns = 0, NULL, mtime_ns),
                            iif(hash IS NULL AND state IN ('skipped', 'failed'), NULL, reader), attempts, retry_at,
                            scanned,
                            (SELECT count(*) FROM passages WHERE doc = documents.id),
                            (SELECT count(*) FROM passages WHERE doc = documents.id AND has_vector = 1)
                         FROM documents WHERE root = ?1 AND path = ?2",
                    )?
                    .query_row(params![root.id.0, paths::to_bytes(relative)], |row| {
                        let state: String = row.get(0)?;
                        let mtime: Option<i64> = row.get(8)?;
                        Ok(FileReport {
                            path: path.display().to_string(),
                            state: if unavailable.is_some() { "unavailable".to_owned() } else { state },
                            reason: unavailable.clone().or(row.get(1)?),
                            collection: Some(root.collection.clone()),
                            mime: row.get(2)?,
                            title: row.get(3)?,
                            language: row.get(4)?,
                            pages: row.get(5)?,
                            passages: Some(row.get::<_, i64>(13)? as u64),
                            vectors: Some(row.get::<_, i64>(14)? as u64),
                            first_seen: row.get(6)?,
                            indexed: row.get(7)?,
                            reader: row.get(9)?,
                            attempts: Some(row.get(10)?).filter(|attempts| *attempts > 0),
                            next_attempt: row.get::<_, Option<i64>>(11)?.and_then(rfc3339_seconds),
                            scanned_pages: Some(row.get(12)?).filter(|pages| *pages > 0),
                            modified: mtime.and_then(rfc3339),
                        })
                    })
                    .optional()
            })?;
            if report.is_some() {
                return Ok(report);
            }
        }
        Ok(None)
    }
}

/// Nanoseconds since 1970 as RFC 3339.
fn rfc3339(nanoseconds: i64) -> Option<String> {
    jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).ok().map(|time| time.to_string())
}

/// Seconds since 1970 as RFC 3339.
fn rfc3339_seconds(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

fn add(counts: &mut FileCounts, state: FileState, unavailable: bool, count: u64) {
    match state {
        FileState::Searchable | FileState::LexicalOnly | FileState::Pending if unavailable => {
            counts.unavailable += count;
        }
        FileState::Searchable => counts.searchable += count,
        FileState::LexicalOnly => counts.lexical_only += count,
        FileState::Pending => counts.pending += count,
        FileState::Skipped => counts.skipped += count,
        FileState::Failed => counts.failed += count,
    }
}
