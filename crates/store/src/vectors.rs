//! The vector store: one Lance table of passage id, document and vector.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex},
};

use arrow_array::{
    Array as _, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray, cast::AsArray as _,
    types::Float32Type,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use docent_core::{DocId, Error, ErrorKind, Hash128, IoContext as _, PassageId, Result, Scored};
use futures::TryStreamExt as _;
use lance::dataset::cleanup::CleanupPolicyBuilder;
use lancedb::{
    DistanceType, Table,
    index::{Index, vector::IvfPqIndexBuilder},
    query::{ExecutableQuery as _, QueryBase as _, Select},
    table::{CompactionOptions, OptimizeAction, OptimizeOptions},
};

use crate::{
    durable::Durable,
    exact::ExactVectors,
    failure::{self, damaged},
    fault::{self, Point},
    filter::DocSet,
};

const TABLE: &str = "passages";

/// Rows from which an approximate index is built: below, exact search in memory takes a few milliseconds, and some
/// 30 MB for vectors of 384 numbers. Tests of this crate pass through its building with few.
const INDEX_FROM: usize = if cfg!(test) { 500 } else { 20_000 };

/// A fragment of this many rows is not rewritten again, so that compaction costs linear time over an index's life.
const FRAGMENT_ROWS: usize = 16_384;

/// Lance is async; everything else here is not. Its tasks run on threads of their own, which live as long as the
/// process.
static RUNTIME: LazyLock<std::io::Result<tokio::runtime::Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("lance").enable_all().build()
});

fn wait<T: Send>(
    work: impl Future<Output = lancedb::Result<T>> + Send,
    doing: &str,
    path: &Path,
) -> Result<T> {
    let runtime = RUNTIME
        .as_ref()
        .map_err(|cause| Error::new(ErrorKind::Internal, format!("cannot start threads: {cause}")))?;
    runtime.block_on(work).map_err(|cause| lance_error(doing, path, &cause))
}

/// Lance's errors carry source locations and long dumps: keep the chain's text only.
fn lance_error(doing: &str, path: &Path, cause: &(dyn std::error::Error + 'static)) -> Error {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(inner) = next {
        let line = inner.to_string();
        if !text.contains(&line) {
            text = format!("{text}: {line}");
        }
        next = inner.source();
    }
    failure::from_text(format!("cannot {doing} in the vector store"), text).at(path)
}

/// The table, and the versions of it that are in use.
pub(crate) struct Vectors {
    folder: PathBuf,
    dimensions: usize,
    /// The handle that writes, at the head; opened when first needed.
    head: Mutex<Option<Table>>,
    /// The handle that reads last used, and its version.
    pinned: Mutex<Option<(u64, Table)>>,
    /// What was last searched exactly: a version, and its vectors unless they are too many.
    exact: Mutex<Option<(u64, Option<Arc<ExactVectors>>)>>,
    durable: Mutex<Durable>,
}

impl Vectors {
    pub(crate) fn new(folder: PathBuf, dimensions: usize) -> Self {
        Self {
            folder,
            dimensions,
            head: Mutex::new(None),
            pinned: Mutex::new(None),
            exact: Mutex::new(None),
            durable: Mutex::new(Durable::default()),
        }
    }

    /// Makes the empty table and returns its version.
    pub(crate) fn create(&self) -> Result<u64> {
        docent_core::make_private_dir(&self.folder)?;
        self.release();
        let table = wait(
            async {
                let connection = lancedb::connect(&self.folder.to_string_lossy()).execute().await?;
                if connection.table_names().execute().await?.iter().any(|name| name == TABLE) {
                    connection.drop_table(TABLE, &[]).await?;
                }
                connection.create_empty_table(TABLE, self.schema()).execute().await
            },
            "make the table",
            &self.folder,
        )?;
        let version = wait(table.version(), "read the version", &self.folder)?;
        *lock(&self.head) = Some(table);
        self.sync()?;
        Ok(version)
    }

    fn schema(&self) -> SchemaRef {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        Arc::new(Schema::new(vec![
            Field::new("passage_id", DataType::Utf8, false),
            Field::new("doc", DataType::Int64, false),
            Field::new("vector", DataType::FixedSizeList(item, self.dimensions as i32), false),
        ]))
    }

    /// The table at its newest version. A writer in another process may prune that one between Lance's listing and
    /// reading, when it is newer no more: then it is looked for again.
    fn open(&self) -> Result<Table> {
        loop {
            let newest = self.newest_version();
            let opened = wait(
                async {
                    let connection = lancedb::connect(&self.folder.to_string_lossy()).execute().await?;
                    connection.open_table(TABLE).execute().await
                },
                "open the table",
                &self.folder,
            );
            if opened.is_ok() || newest == self.newest_version() {
                return opened;
            }
        }
    }

    fn manifests(&self) -> PathBuf {
        self.folder.join(format!("{TABLE}.lance/_versions"))
    }

    fn newest_version(&self) -> Option<u64> {
        versions_in(&self.manifests()).ok()?.into_iter().map(|(version, _)| version).max()
    }

    fn head(&self) -> Result<Table> {
        let mut head = lock(&self.head);
        if let Some(table) = &*head {
            return Ok(table.clone());
        }
        let table = self.open()?;
        *head = Some(table.clone());
        Ok(table)
    }

    /// The table as it was at `version`, for reading.
    fn at(&self, version: u64) -> Result<Table> {
        let mut pinned = lock(&self.pinned);
        if let Some((at, table)) = &*pinned
            && *at == version
        {
            return Ok(table.clone());
        }
        let table = self.open()?;
        wait(table.checkout(version), "pin a version", &self.folder)?;
        *pinned = Some((version, table.clone()));
        Ok(table)
    }

    /// Lets go of the handle that reads and of the vectors that it read, so that nothing is kept in memory.
    pub(crate) fn release(&self) {
        *lock(&self.pinned) = None;
        *lock(&self.exact) = None;
    }

    /// The vectors of `version` in memory; `None` where they are so many that Lance searches them with an index.
    fn exact(&self, version: u64) -> Result<Option<Arc<ExactVectors>>> {
        let mut exact = lock(&self.exact);
        if let Some((at, vectors)) = &*exact
            && *at == version
        {
            return Ok(vectors.clone());
        }
        let table = self.at(version)?;
        let rows = wait(table.count_rows(None), "count", &self.folder)?;
        let mut vectors = None;
        if rows < INDEX_FROM {
            let mut read = ExactVectors::with_capacity(self.dimensions, rows);
            let batches: Vec<RecordBatch> = wait(
                async { table.query().execute().await?.try_collect().await },
                "read vectors",
                &self.folder,
            )?;
            each_row(&batches, |id, doc, vector| read.push(id, doc, vector));
            vectors = Some(Arc::new(read));
        }
        *exact = Some((version, vectors.clone()));
        Ok(vectors)
    }

    fn version_of(&self, table: &Table) -> Result<u64> {
        wait(table.version(), "read the version", &self.folder)
    }

    fn sync(&self) -> Result<()> {
        fault::pass(Point::VectorsSync)?;
        lock(&self.durable).sync(&self.folder)
    }

    /// Makes `version` the newest one again. What was written after it was never published, and nobody reads it: its
    /// manifests go, which after a power cut may be empty and would keep the table from opening. Only for the holder
    /// of the writer lock.
    pub(crate) fn roll_back_to(&self, version: u64) -> Result<()> {
        *lock(&self.head) = None;
        let manifests = self.manifests();
        let versions = versions_in(&manifests)?;
        if !versions.iter().any(|(found, _)| *found == version) {
            let message =
                format!("the vector store lacks version {version}, which the full-text store names");
            return Err(damaged(message).at(&self.folder));
        }
        let newer: Vec<PathBuf> =
            versions.into_iter().filter(|(found, _)| *found > version).map(|(_, path)| path).collect();
        if !newer.is_empty() {
            // Their names come again, whatever becomes of this: files that bear them are to be synced again.
            *lock(&self.durable) = Durable::default();
        }
        for path in &newer {
            fault::pass(Point::RecoverManifest)?;
            fs::remove_file(path).doing("remove", path)?;
        }
        if !newer.is_empty() {
            // Lance's note of its newest version; it does without.
            let _ = fs::remove_file(manifests.join("latest_version_hint.json"));
            fault::pass(Point::RecoverSync)?;
            self.sync()?;
        }
        self.head().map(drop)
    }

    /// Whether `version` is there and was written after.
    pub(crate) fn has_newer_than(&self, version: u64) -> Result<bool> {
        let versions = versions_in(&self.manifests())?;
        let any = |test: fn(u64, u64) -> bool| versions.iter().any(|(found, _)| test(*found, version));
        Ok(any(|found, version| found == version) && any(|found, version| found > version))
    }

    /// Deletes the vectors of whole documents and of single passages; `None` if there is nothing to delete.
    pub(crate) fn delete(&self, docs: &[DocId], passages: &[PassageId]) -> Result<Option<u64>> {
        let mut conditions = Vec::new();
        if !docs.is_empty() {
            let list: Vec<String> = docs.iter().map(|doc| doc.0.to_string()).collect();
            conditions.push(format!("doc IN ({})", list.join(",")));
        }
        if !passages.is_empty() {
            conditions.push(format!("passage_id IN ({})", quoted(passages)));
        }
        if conditions.is_empty() {
            return Ok(None);
        }
        fault::pass(Point::VectorsDelete)?;
        let table = self.head()?;
        let predicate = conditions.join(" OR ");
        wait(table.delete(predicate.as_str()), "delete vectors", &self.folder)?;
        self.sync()?;
        self.version_of(&table).map(Some)
    }

    /// Adds vectors and returns the version that has them.
    pub(crate) fn add(&self, rows: &[(PassageId, DocId, &[f32])]) -> Result<u64> {
        let ids = StringArray::from_iter_values(rows.iter().map(|(id, _, _)| id.to_string()));
        let docs = Int64Array::from_iter_values(rows.iter().map(|(_, doc, _)| doc.0));
        let values =
            Float32Array::from_iter_values(rows.iter().flat_map(|(_, _, vector)| vector.iter().copied()));
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let batch = FixedSizeListArray::try_new(item, self.dimensions as i32, Arc::new(values), None)
            .and_then(|vectors| {
                RecordBatch::try_new(self.schema(), vec![Arc::new(ids), Arc::new(docs), Arc::new(vectors)])
            })
            .map_err(|cause| {
                Error::new(ErrorKind::Internal, "vectors do not fit the table").caused_by(cause)
            })?;
        fault::pass(Point::VectorsAdd)?;
        let table = self.head()?;
        wait(table.add(batch).execute(), "add vectors", &self.folder)?;
        self.sync()?;
        self.version_of(&table)
    }

    /// The `limit` nearest passages by cosine, best first, among the documents in `docs`.
    pub(crate) fn nearest(
        &self,
        version: u64,
        query: &[f32],
        docs: &DocSet,
        limit: usize,
    ) -> Result<Vec<Scored>> {
        if query.len() != self.dimensions {
            return Err(Error::new(
                ErrorKind::IndexVersion,
                format!(
                    "the index holds vectors of {} numbers, the question's has {}",
                    self.dimensions,
                    query.len()
                ),
            )
            .hint("use the embedder that the index was built with: `docent status` names it"));
        }
        if let Some(vectors) = self.exact(version)? {
            return Ok(vectors.nearest(query, docs, limit));
        }
        let Some(filter) = docs.sql() else {
            return Ok(Vec::new());
        };
        let table = self.at(version)?;
        let batches: Vec<RecordBatch> = wait(
            async {
                let mut search = table
                    .vector_search(query)?
                    .column("vector")
                    .distance_type(DistanceType::Cosine)
                    .minimum_nprobes(20)?
                    .refine_factor(5)
                    .limit(limit)
                    .select(Select::columns(&["passage_id", "doc", "_distance"]));
                if !filter.is_empty() {
                    search = search.only_if(filter);
                }
                search.execute().await?.try_collect().await
            },
            "search",
            &self.folder,
        )?;
        Ok(scored(&batches))
    }

    /// Searches once: the vectors and their index, which no listing touches, have to be readable as well.
    pub(crate) fn try_search(&self, version: u64) -> Result<()> {
        self.nearest(version, &vec![1.0; self.dimensions], &DocSet::All, 1).map(drop)
    }

    /// The cosine of each of `ids` with `query`.
    pub(crate) fn cosines(&self, version: u64, query: &[f32], ids: &[PassageId]) -> Result<Vec<Scored>> {
        if let Some(vectors) = self.exact(version)? {
            return Ok(vectors.cosines(query, ids));
        }
        let found = self.fetch(version, ids)?;
        let scored = found.into_iter().map(|(id, (doc, vector))| {
            let score = vector.iter().zip(query).map(|(a, b)| a * b).sum();
            Scored { id, doc, score }
        });
        Ok(scored.collect())
    }

    /// The vectors of `ids`, as of `version`.
    pub(crate) fn fetch(
        &self,
        version: u64,
        ids: &[PassageId],
    ) -> Result<HashMap<PassageId, (DocId, Vec<f32>)>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let table = self.at(version)?;
        let batches: Vec<RecordBatch> = wait(
            async {
                let rows = table.query().only_if(format!("passage_id IN ({})", quoted(ids)));
                rows.execute().await?.try_collect().await
            },
            "read vectors",
            &self.folder,
        )?;
        let mut found = HashMap::with_capacity(ids.len());
        each_row(&batches, |id, doc, vector| {
            found.insert(id, (doc, vector.to_vec()));
        });
        Ok(found)
    }

    /// Every passage that has a vector, with its document; one that stands twice is listed twice.
    pub(crate) fn all(&self, version: u64) -> Result<Vec<(PassageId, DocId)>> {
        let table = self.at(version)?;
        let batches: Vec<RecordBatch> = wait(
            async {
                let rows = table.query().select(Select::columns(&["passage_id", "doc"]));
                rows.execute().await?.try_collect().await
            },
            "list the vectors",
            &self.folder,
        )?;
        let mut all = Vec::new();
        for batch in &batches {
            let (Some(names), Some(docs)) = (
                batch.column_by_name("passage_id").and_then(|column| column.as_string_opt::<i32>()),
                batch.column_by_name("doc").and_then(|column| column.as_any().downcast_ref::<Int64Array>()),
            ) else {
                continue;
            };
            all.extend((0..batch.num_rows()).filter_map(|row| {
                Some((PassageId(Hash128::from_hex(names.value(row))?), DocId(docs.value(row))))
            }));
        }
        Ok(all)
    }

    /// Rows, fragments and kept versions, as of `version`; and the rows that the vector index covers.
    pub(crate) fn parts(&self, version: u64) -> Result<(u64, u64, u64, u64)> {
        let table = self.at(version)?;
        // By name only: Lance's own listing reads every manifest, and a writer may remove an old one meanwhile.
        let versions = versions_in(&self.manifests())?.len() as u64;
        wait(
            async {
                let rows = table.count_rows(None).await? as u64;
                let fragments = match table.as_native() {
                    Some(native) => native.count_fragments().await? as u64,
                    None => 0,
                };
                let mut indexed = 0;
                for index in table.list_indices().await? {
                    if let Some(stats) = table.index_stats(&index.name).await? {
                        indexed = stats.num_indexed_rows as u64;
                    }
                }
                Ok((rows, fragments, versions, indexed))
            },
            "count",
            &self.folder,
        )
    }

    /// Merges small fragments, and builds or extends the vector index where it pays. Returns the version to
    /// publish, or `None` if nothing changed. With `purge`, every fragment that holds a deleted row is rewritten.
    pub(crate) fn compact(&self, purge: bool) -> Result<Option<u64>> {
        let table = self.head()?;
        let before = self.version_of(&table)?;
        fault::pass(Point::CompactFragments)?;
        let mut options =
            CompactionOptions { target_rows_per_fragment: FRAGMENT_ROWS, ..CompactionOptions::default() };
        if purge {
            options.materialize_deletions_threshold = 0.0;
        }
        let merge = table.optimize(OptimizeAction::Compact { options, remap_options: None });
        wait(merge, "compact", &self.folder)?;
        fault::pass(Point::CompactIndex)?;
        wait(keep_indexed(&table), "index", &self.folder)?;
        let after = self.version_of(&table)?;
        if after == before {
            return Ok(None);
        }
        self.sync()?;
        Ok(Some(after))
    }

    /// Removes the files of every version that is not in `keep`. Only for the holder of the writer lock.
    pub(crate) fn prune(&self, keep: &BTreeSet<u64>) -> Result<()> {
        let table = self.head()?;
        wait(
            async {
                let old: Vec<u64> = table
                    .list_versions()
                    .await?
                    .into_iter()
                    .map(|version| version.version)
                    .filter(|version| !keep.contains(version))
                    .collect();
                let Some(dataset) = table.dataset().filter(|_| !old.is_empty()) else {
                    return Ok(());
                };
                let policy = CleanupPolicyBuilder::default()
                    .versions(old)?
                    // The writer lock is ours: no other write can be under way.
                    .delete_unverified(true)
                    .error_if_tagged_old_versions(false)
                    .build();
                dataset.get().await?.cleanup_with_policy(policy).await?;
                Ok(())
            },
            "remove old versions",
            &self.folder,
        )
    }
}

/// Builds the vector index where there are enough rows, extends it, or drops it where there are few.
async fn keep_indexed(table: &Table) -> lancedb::Result<()> {
    let rows = table.count_rows(None).await?;
    match table.list_indices().await?.into_iter().next() {
        None if rows >= INDEX_FROM => {
            let builder = IvfPqIndexBuilder::default().distance_type(DistanceType::Cosine);
            table.create_index(&["vector"], Index::IvfPq(builder)).execute().await
        }
        // Shrinking below what training needs breaks its upkeep: exact search is as fast there.
        Some(index) if rows < INDEX_FROM / 2 => table.drop_index(&index.name).await,
        Some(index) => {
            let stats = table.index_stats(&index.name).await?;
            if stats.map_or(0, |stats| stats.num_unindexed_rows) * 10 > rows {
                table.optimize(OptimizeAction::Index(OptimizeOptions::default())).await?;
            }
            Ok(())
        }
        None => Ok(()),
    }
}

/// The manifests in a folder of Lance's, with their versions.
fn versions_in(manifests: &Path) -> Result<Vec<(u64, PathBuf)>> {
    if !failure::look_at(manifests)?.is_some_and(|found| found.is_dir()) {
        return Err(damaged("the table of the vector store is gone").at(manifests));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(manifests).doing("list", manifests)? {
        let path = entry.doing("list", manifests)?.path();
        let digits = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".manifest"));
        if let Some((digits, number)) = digits.and_then(|digits| Some((digits, digits.parse::<u64>().ok()?)))
        {
            // Twenty digits count down from the largest number, so that the newest version comes first by name.
            let version = if digits.len() == 20 { u64::MAX - number } else { number };
            found.push((version, path));
        }
    }
    Ok(found)
}

/// Gives each row of whole batches to `take`.
fn each_row(batches: &[RecordBatch], mut take: impl FnMut(PassageId, DocId, &[f32])) {
    for batch in batches {
        let (Some(names), Some(docs), Some(vectors)) = (
            batch.column_by_name("passage_id").and_then(|column| column.as_string_opt::<i32>()),
            batch.column_by_name("doc").and_then(|column| column.as_any().downcast_ref::<Int64Array>()),
            batch.column_by_name("vector").and_then(|column| column.as_fixed_size_list_opt()),
        ) else {
            continue;
        };
        for row in 0..batch.num_rows() {
            let vector = vectors.value(row);
            if let (Some(id), Some(values)) =
                (Hash128::from_hex(names.value(row)), vector.as_primitive_opt::<Float32Type>())
            {
                take(PassageId(id), DocId(docs.value(row)), &values.values()[..]);
            }
        }
    }
}

fn scored(batches: &[RecordBatch]) -> Vec<Scored> {
    let mut hits = Vec::new();
    for batch in batches {
        let (Some(names), Some(docs), Some(distances)) = (
            batch.column_by_name("passage_id").and_then(|column| column.as_string_opt::<i32>()),
            batch.column_by_name("doc").and_then(|column| column.as_any().downcast_ref::<Int64Array>()),
            batch.column_by_name("_distance").and_then(|column| column.as_primitive_opt::<Float32Type>()),
        ) else {
            continue;
        };
        hits.extend((0..batch.num_rows()).filter_map(|row| {
            let id = PassageId(Hash128::from_hex(names.value(row))?);
            Some(Scored { id, doc: DocId(docs.value(row)), score: 1.0 - distances.value(row) })
        }));
    }
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    hits
}

fn quoted(passages: &[PassageId]) -> String {
    passages.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
