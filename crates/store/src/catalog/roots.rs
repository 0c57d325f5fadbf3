//! Collections and their roots.

use std::path::Path;

use docent_core::{Result, Root, RootId, paths};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Catalog;

const SELECT: &str = "SELECT r.id, c.name, r.path, r.is_file, r.include, r.exclude, r.device, r.unavailable
    FROM roots r JOIN collections c ON c.id = r.collection";

impl Catalog {
    pub(crate) fn roots(&self) -> Result<Vec<Root>> {
        self.read(read_roots)
    }

    /// Whether there is a root of which no file is known.
    pub(crate) fn has_unread_root(&self) -> Result<bool> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM roots WHERE NOT EXISTS (SELECT 1 FROM documents WHERE root = roots.id)",
                )?
                .exists([])
        })
    }

    /// Enters a root, or changes the settings of the one at that path.
    pub(crate) fn put_root(
        &self,
        collection: &str,
        path: &Path,
        is_file: bool,
        include: &[String],
        exclude: &[String],
        device: Option<u64>,
    ) -> Result<Root> {
        let bytes = paths::to_bytes(path);
        self.write(|transaction| {
            transaction.execute("INSERT OR IGNORE INTO collections (name) VALUES (?1)", [collection])?;
            transaction.execute(
                "INSERT INTO roots (collection, path, is_file, include, exclude, device)
                 VALUES ((SELECT id FROM collections WHERE name = ?1), ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (path) DO UPDATE SET collection = excluded.collection, is_file = excluded.is_file,
                    include = excluded.include, exclude = excluded.exclude, device = excluded.device,
                    unavailable = NULL",
                params![collection, bytes, is_file, lines(include), lines(exclude), device.map(|d| d as i64)],
            )?;
            transaction.query_row(&format!("{SELECT} WHERE r.path = ?1"), [&bytes], root_from)
        })
    }

    /// Forgets a root that has no documents any more, and its collection if it was the last one in it.
    pub(crate) fn delete_root(&self, root: RootId) -> Result<()> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM documents WHERE root = ?1", [root.0])?;
            transaction.execute("DELETE FROM roots WHERE id = ?1", [root.0])?;
            transaction
                .execute("DELETE FROM collections WHERE id NOT IN (SELECT collection FROM roots)", [])?;
            // Its text is off the disk only when upkeep has purged it: a kill in between must not lose that.
            transaction.execute("INSERT OR REPLACE INTO meta VALUES ('purge_due', '1')", [])?;
            Ok(())
        })
    }

    pub(crate) fn set_root_state(
        &self,
        root: RootId,
        unavailable: Option<&str>,
        device: Option<u64>,
    ) -> Result<()> {
        let known: Option<(Option<String>, Option<i64>)> = self.read(|connection| {
            connection
                .prepare_cached("SELECT unavailable, device FROM roots WHERE id = ?1")?
                .query_row([root.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })?;
        let device = device.map(|device| device as i64);
        // Said on every scan: written only when it is news.
        if known.is_some_and(|(reason, on)| {
            reason.as_deref() == unavailable && (device.is_none() || on == device)
        }) {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.execute(
                "UPDATE roots SET unavailable = ?2, device = coalesce(?3, device) WHERE id = ?1",
                params![root.0, unavailable, device],
            )?;
            Ok(())
        })
    }
}

pub(super) fn read_roots(connection: &Connection) -> rusqlite::Result<Vec<Root>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY c.name, r.path"))?;
    statement.query_map([], root_from)?.collect()
}

fn root_from(row: &Row<'_>) -> rusqlite::Result<Root> {
    let path: Vec<u8> = row.get(2)?;
    let include: String = row.get(4)?;
    let exclude: String = row.get(5)?;
    Ok(Root {
        id: RootId(row.get(0)?),
        collection: row.get(1)?,
        path: paths::from_bytes(&path),
        is_file: row.get(3)?,
        include: include.lines().map(str::to_owned).collect(),
        exclude: exclude.lines().map(str::to_owned).collect(),
        device: row.get::<_, Option<i64>>(6)?.map(|device| device as u64),
        unavailable: row.get(7)?,
    })
}

/// Globs one to a line; a glob with a line break in it matches nothing anyone has.
fn lines(globs: &[String]) -> String {
    globs.join("\n")
}
