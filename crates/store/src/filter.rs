//! Filters, worked out in the catalog into a set of documents that both stores search within.
//!
//! The stores hold document numbers and nothing that can change without the text changing, so that a moved or
//! touched file rewrites neither of them.

use std::{collections::HashSet, path::Path, sync::Arc};

use docent_core::{Error, ErrorKind, Filter, Result, paths};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rusqlite::types::Value;

use crate::catalog::Catalog;

/// The documents that a search is limited to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DocSet {
    /// No limit.
    All,
    /// These.
    Only(Arc<HashSet<u64>>),
}

impl DocSet {
    pub(crate) fn contains(&self, doc: u64) -> bool {
        match self {
            Self::All => true,
            Self::Only(docs) => docs.contains(&doc),
        }
    }

    /// The set as a condition on the column `doc`: empty for no limit, `None` where nothing can match.
    /// Neighbouring numbers are written as ranges.
    pub(crate) fn sql(&self) -> Option<String> {
        let Self::Only(docs) = self else {
            return Some(String::new());
        };
        let mut sorted: Vec<u64> = docs.iter().copied().collect();
        sorted.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for doc in sorted {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == doc => *last = doc,
                _ => ranges.push((doc, doc)),
            }
        }
        if ranges.is_empty() {
            return None;
        }
        let (single, wide): (Vec<_>, Vec<_>) = ranges.into_iter().partition(|(first, last)| first == last);
        let mut conditions: Vec<String> =
            wide.iter().map(|(first, last)| format!("(doc >= {first} AND doc <= {last})")).collect();
        if !single.is_empty() {
            let list: Vec<String> = single.iter().map(|(doc, _)| doc.to_string()).collect();
            conditions.push(format!("doc IN ({})", list.join(",")));
        }
        Some(conditions.join(" OR "))
    }
}

/// The documents that `filter` lets through.
///
/// # Errors
/// A glob is malformed, a collection does not exist, or the catalog cannot be read.
pub(crate) fn resolve(catalog: &Catalog, filter: &Filter) -> Result<DocSet> {
    if filter.is_empty() {
        return Ok(DocSet::All);
    }
    let mut conditions = vec!["d.state IN ('searchable', 'lexical_only')".to_owned()];
    let mut values: Vec<Value> = Vec::new();
    if !filter.collections.is_empty() {
        check_collections(catalog, &filter.collections)?;
        conditions.push(format!("c.name IN ({})", vec!["?"; filter.collections.len()].join(",")));
        values.extend(filter.collections.iter().cloned().map(Value::Text));
    }
    for (time, operator) in [(filter.since, ">="), (filter.until, "<")] {
        if let Some(time) = time {
            conditions.push(format!("d.mtime_ns {operator} ?"));
            let nanoseconds = time.as_nanosecond().clamp(i128::from(i64::MIN), i128::from(i64::MAX));
            values.push(Value::Integer(nanoseconds as i64));
        }
    }
    let globs = globs(&filter.paths)?;
    let types: Vec<String> =
        filter.types.iter().map(|name| name.trim_start_matches('.').to_lowercase()).collect();
    let sql = format!(
        "SELECT d.id, r.path, d.path, r.is_file, coalesce(d.mime, '') FROM documents d
         JOIN roots r ON r.id = d.root JOIN collections c ON c.id = r.collection WHERE {}",
        conditions.join(" AND ")
    );
    let docs = catalog.read(|connection| {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut docs = HashSet::new();
        while let Some(row) = rows.next()? {
            let root = paths::from_bytes(row.get_ref(1)?.as_blob()?);
            let relative = paths::from_bytes(row.get_ref(2)?.as_blob()?);
            let path = if row.get(3)? { root } else { root.join(&relative) };
            let by_path = filter.paths.is_empty() || matches_path(&globs, &path, &relative);
            if by_path && matches_type(&types, &path, row.get_ref(4)?.as_str()?) {
                docs.insert(row.get::<_, i64>(0)? as u64);
            }
        }
        Ok(docs)
    })?;
    Ok(DocSet::Only(Arc::new(docs)))
}

fn check_collections(catalog: &Catalog, wanted: &[String]) -> Result<()> {
    let known: Vec<String> = catalog.read(|connection| {
        connection
            .prepare_cached("SELECT name FROM collections ORDER BY name")?
            .query_map([], |row| row.get(0))?
            .collect()
    })?;
    let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) else {
        return Ok(());
    };
    let hint = if known.is_empty() {
        "there are none yet: `docent add PATH` makes the first".to_owned()
    } else {
        format!("there is: {}", known.join(", "))
    };
    Err(Error::new(ErrorKind::NotFound, format!("there is no collection called {unknown}")).hint(hint))
}

fn globs(patterns: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(|cause| {
            Error::new(ErrorKind::Usage, format!("{pattern:?} is not a valid glob"))
                .hint("`*` stands for any part of a name, `**` for any folders, [..] for a set of characters")
                .caused_by(cause)
        })?;
        set.add(glob);
    }
    set.build()
        .map_err(|cause| Error::new(ErrorKind::Usage, "the globs cannot be used together").caused_by(cause))
}

fn matches_path(globs: &GlobSet, path: &Path, relative: &Path) -> bool {
    globs.is_match(path)
        || globs.is_match(relative)
        || path.file_name().is_some_and(|name| globs.is_match(name))
}

/// By extension (`pdf`), media type (`application/pdf`) or its first half (`text/*`).
fn matches_type(types: &[String], path: &Path, mime: &str) -> bool {
    if types.is_empty() {
        return true;
    }
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    types.iter().any(|wanted| match wanted.strip_suffix('*') {
        Some(prefix) => mime.starts_with(prefix),
        None => extension.as_deref() == Some(wanted) || mime == wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(docs: &[u64]) -> DocSet {
        DocSet::Only(Arc::new(docs.iter().copied().collect()))
    }

    #[test]
    fn neighbours_become_ranges() {
        assert_eq!(set(&[1, 2, 3, 7, 9]).sql().unwrap(), "(doc >= 1 AND doc <= 3) OR doc IN (7,9)");
        assert_eq!(set(&[]).sql(), None);
        assert_eq!(DocSet::All.sql().unwrap(), "");
    }

    #[test]
    fn types_are_extensions_or_media_types() {
        let path = Path::new("/a/b.PDF");
        let wanted = |name: &str| matches_type(&[name.to_owned()], path, "application/pdf");
        assert!(wanted("pdf") && wanted("application/pdf") && wanted("application/*"));
        assert!(!wanted("docx") && !wanted("text/*"));
    }
}
