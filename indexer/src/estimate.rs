//! What indexing a root would cost, from its file names and a sample.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use docent_core::{DryRunReport, Embedder, IndexConfig, Parser, Result, Root};

use crate::{
    chunk::chunk,
    progress::Cancel,
    rules::Rules,
    scan::{Scan, Seen},
};

/// Files of each type that are read.
const PER_TYPE: usize = 4;
/// Files that are read at the most.
const FILES: usize = 48;
/// Larger files are not read for a sample.
const LARGE: u64 = 8 << 20;
/// Passages that are embedded to measure the speed.
const PASSAGES: usize = 8;
/// Bytes of index per byte of text, beside the vectors: stored text and postings. An
/// assumption: the true share depends on the text.
const TEXT_SHARE: f64 = 1.5;
/// Bytes per passage beside text and vector: its row in the catalog, ids, location.
const ROW: f64 = 400.0;

/// Candidates for the sample that are kept for each type.
const KEPT: usize = 64;

/// The files of one type.
struct Type {
    bytes: u64,
    seen: usize,
    /// One in so many is kept.
    step: usize,
    files: Vec<(PathBuf, u64)>,
    sample: Sample,
}

impl Default for Type {
    fn default() -> Self {
        Self { bytes: 0, seen: 0, step: 1, files: Vec::new(), sample: Sample::default() }
    }
}

#[derive(Clone, Copy, Default)]
struct Sample {
    bytes: f64,
    passages: f64,
    text: f64,
    seconds: f64,
    scanned: f64,
}

/// Estimates what indexing `root` would cost, without touching the index. `own` is never looked into.
///
/// # Errors
/// A glob of the root is malformed, or the embedder is not installed.
pub fn estimate(
    root: &Root,
    parser: &dyn Parser,
    embedder: &dyn Embedder,
    config: &IndexConfig,
    own: &[PathBuf],
    cancel: &Cancel,
) -> Result<DryRunReport> {
    let rules = Rules::new(root, config, own)?;
    let mut report = DryRunReport::default();
    let mut types: BTreeMap<String, Type> = BTreeMap::new();
    Scan::new(root, &rules, cancel).walk(Path::new(""), &mut |relative, seen| match seen {
        Seen::Skipped(_) => report.skipped += 1,
        Seen::File(stamp) => {
            report.files += 1;
            report.bytes += stamp.size;
            let path = root.absolute(relative);
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            let of_type = types.entry(ending).or_default();
            of_type.bytes += stamp.size;
            of_type.seen += 1;
            if stamp.size > 0 && stamp.size <= LARGE && of_type.seen.is_multiple_of(of_type.step) {
                of_type.files.push((path, stamp.size));
            }
            // Kept are files from all over the root: when there are too many, every second one.
            if of_type.files.len() == KEPT {
                let mut keep = false;
                of_type.files.retain(|_| {
                    keep = !keep;
                    keep
                });
                of_type.step *= 2;
            }
        }
    });
    let per_type = PER_TYPE.min((FILES / types.len().max(1)).max(1));
    let mut texts = Vec::new();
    for of_type in types.values_mut() {
        let step = (of_type.files.len() / per_type).max(1);
        for (path, size) in of_type.files.iter().step_by(step).take(per_type) {
            if cancel.is_cancelled() {
                break;
            }
            read_sample(path, *size, parser, embedder, config, &mut of_type.sample, &mut texts)?;
        }
    }
    let mut total = Sample::default();
    for of_type in types.values().filter(|of_type| of_type.sample.bytes > 0.0) {
        let times = of_type.bytes as f64 / of_type.sample.bytes;
        total.passages += of_type.sample.passages * times;
        total.text += of_type.sample.text * times;
        total.seconds += of_type.sample.seconds * times;
        total.scanned += of_type.sample.scanned * times;
    }
    let per_passage = seconds_per_passage(embedder, &texts)?;
    let vector = embedder.dimensions() as f64 * 4.0;
    report.scanned_pages = total.scanned.round() as u64;
    report.passages = total.passages.round() as u64;
    report.seconds = total.seconds + total.passages * per_passage;
    report.index_bytes = (total.text * TEXT_SHARE + total.passages * (vector + ROW)).round() as u64;
    Ok(report)
}

fn read_sample(
    path: &Path,
    size: u64,
    parser: &dyn Parser,
    embedder: &dyn Embedder,
    config: &IndexConfig,
    sample: &mut Sample,
    texts: &mut Vec<String>,
) -> Result<()> {
    let began = Instant::now();
    sample.bytes += size as f64;
    let Ok(bytes) = std::fs::read(path) else { return Ok(()) };
    let Ok(document) = parser.parse(path, &bytes) else { return Ok(()) };
    let passages = chunk(&document, embedder, config.passage_tokens)?;
    sample.passages += passages.len() as f64;
    sample.scanned += f64::from(document.scanned);
    sample.text += passages.iter().map(|passage| passage.text.len() as f64).sum::<f64>();
    sample.seconds += began.elapsed().as_secs_f64();
    let room = PASSAGES.saturating_sub(texts.len()).min(2);
    texts.extend(passages.iter().take(room).map(docent_core::Passage::embedded_text));
    Ok(())
}

/// The first passage loads the model and does not count.
fn seconds_per_passage(embedder: &dyn Embedder, texts: &[String]) -> Result<f64> {
    let Some((first, rest)) = texts.split_first() else { return Ok(0.0) };
    embedder.embed_passages(&[first.as_str()])?;
    let measured = if rest.is_empty() { std::slice::from_ref(first) } else { rest };
    let began = Instant::now();
    for text in measured {
        embedder.embed_passages(&[text.as_str()])?;
    }
    Ok(began.elapsed().as_secs_f64() / measured.len() as f64)
}
