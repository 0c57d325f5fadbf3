//! What a process of its own costs each file, and how fast PDFs and scans are read.
//!
//! ```text
//! cargo bench --profile release -p docent-tests --bench parsing
//! ```
//!
//! Needs the built binary. The PDFs are those of the kit (DOCENT_KIT) and need pdfium (DOCENT_MODELS) and `pdftotext`
//! (Debian: poppler-utils); without one of them, this says so and leaves them out.
//!
//! - `small file`: a Markdown file of about 2 KB, parsed in this process and by a worker, by turns; the median of many.
//! - `pages/s`: all PDFs that give text, one after the other, by one worker; against `pdftotext FILE -` for each, its
//!   start included. The best of three rounds.
//! - `scan`: seconds a page by OCR in a worker, the model loaded; and without OCR, which only finds that a page needs it.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use docent_core::Parser;
use docent_parse::{
    OcrSpec, ParseOptions, Parsers,
    workers::{WorkerCommand, WorkerLimits, WorkerPool},
};
use docent_tests::{
    bench::{Docent, Result, best, kit, models, ms, percentile, result, say, table},
    row,
};
use serde_json::json;

const FILES: usize = 2000;
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let docent = Docent::new()?;
    let options = ParseOptions { pdfium: pdfium(), ..ParseOptions::default() };
    let program = PathBuf::from(docent.command::<&OsStr>([]).get_program());
    let arguments = vec!["docent-parse-worker".into()];
    let command = WorkerCommand { program: program.clone(), arguments };
    let pool = WorkerPool::new(command, options.clone(), WorkerLimits::default());
    let seal = pool.seal().map_err(|error| error.reason)?;
    let (here, there) = small_files(&Parsers::new(options.clone()), &pool)?;
    table(&[
        row!["small file, ms", "p50", "p99"],
        row!["in this process", format!("{:.3}", here.0), format!("{:.3}", here.1)],
        row!["in a worker", format!("{:.3}", there.0), format!("{:.3}", there.1)],
        row!["what the worker costs", format!("{:.3}", there.0 - here.0), "<= 1"],
    ]);
    let pdfs = if options.pdfium.is_some() { pdfs(&pool)? } else { None };
    let scans = match ocr() {
        Some(spec) if options.pdfium.is_some() => {
            let limits = WorkerLimits { memory: 2 << 30, seconds: 600 };
            let command = WorkerCommand { program, arguments: vec!["docent-parse-worker".into()] };
            scans(&WorkerPool::new(command, ParseOptions { ocr: Some(spec), ..options }, limits), &pool)?
        }
        _ => None,
    };
    result(
        "parsing",
        &json!({
            "sealed": seal,
            "small_file_ms": { "here": here.0, "worker": there.0 },
            "pdf": pdfs,
            "seconds_per_scan": scans,
        }),
    );
    Ok(())
}

/// Median and 99th percentile, here and in a worker.
fn small_files(here: &Parsers, there: &WorkerPool) -> Result<((f64, f64), (f64, f64))> {
    let text = format!(
        "# Leave\n\n{}",
        "Thirty days a year, to be asked for two weeks ahead.\n\n- one\n".repeat(32)
    );
    let time = |parser: &dyn Parser| -> Result<f64> {
        let begun = Instant::now();
        let parsed = parser.parse(Path::new("leave.md"), text.as_bytes());
        let took = ms(begun.elapsed());
        parsed.map_err(|error| error.reason)?;
        Ok(took)
    };
    let (mut alone, mut apart) = (Vec::new(), Vec::new());
    for _ in 0..FILES {
        alone.push(time(here)?);
        apart.push(time(there)?);
    }
    let of = |times: &[f64]| (percentile(times, 50.0), percentile(times, 99.0));
    Ok((of(&alone), of(&apart)))
}

fn pdfs(pool: &WorkerPool) -> Result<Option<serde_json::Value>> {
    let Some(kit) = kit() else { return Ok(None) };
    if Command::new("pdftotext").arg("-v").stderr(Stdio::null()).status().is_err() {
        say("no pdftotext: the PDFs are left out");
        return Ok(None);
    }
    let (mut files, mut pages) = (Vec::new(), 0);
    for entry in fs::read_dir(kit.join("formats/files"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pdf") {
            let bytes = fs::read(&path)?;
            if let Ok(document) = pool.parse(&path, &bytes) {
                pages += document.pages.unwrap_or(0);
                files.push(path);
            }
        }
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for path in &files {
            pool.parse(path, &fs::read(path)?).map_err(|error| error.reason)?;
        }
        ours.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for path in &files {
            Command::new("pdftotext")
                .arg(path)
                .arg("-")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
        }
        theirs.push(begun.elapsed().as_secs_f64());
    }
    let rate = |seconds: &[f64]| f64::from(pages) / best(seconds);
    let (ours, theirs) = (rate(&ours), rate(&theirs));
    table(&[
        row![format!("{} PDFs, {pages} pages", files.len()), "pages/s"],
        row!["docent, one worker", format!("{ours:.0}")],
        row!["pdftotext", format!("{theirs:.0}")],
        row!["ratio", format!("{:.2}", ours / theirs)],
    ]);
    Ok(Some(json!({ "files": files.len(), "pages": pages, "pages_per_second": ours, "pdftotext": theirs })))
}

/// Seconds a page.
fn scans(ocr: &WorkerPool, without: &WorkerPool) -> Result<Option<f64>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/scans");
    let mut rows = vec![row!["scan, s", "by OCR", "found out"]];
    let mut all = Vec::new();
    // The first one loads the model, and is not counted.
    for name in ["lease.pdf", "lease.pdf", "bulletin.pdf", "contract.pdf", "notice.pdf", "receipt.jpg"] {
        let bytes = fs::read(folder.join(name))?;
        let begun = Instant::now();
        ocr.parse(Path::new(name), &bytes).map_err(|error| error.reason)?;
        let read = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        without.parse(Path::new(name), &bytes).map_err(|error| error.reason)?;
        all.push(read);
        rows.push(row![name, format!("{read:.2}"), format!("{:.3}", begun.elapsed().as_secs_f64())]);
    }
    rows.remove(1);
    all.remove(0);
    table(&rows);
    Ok(Some(all.iter().sum::<f64>() / all.len() as f64))
}

/// The OCR model and ONNX Runtime in the folder of models.
fn ocr() -> Option<OcrSpec> {
    let models = models().ok()?;
    let model = models.join("pp-ocrv6-small");
    let libraries = fs::read_dir(models.join("onnxruntime")).ok()?;
    let mut libraries = libraries.flatten().map(|entry| entry.path());
    let spec = OcrSpec {
        detector: model.join("PP-OCRv6_det_small.onnx"),
        recogniser: model.join("PP-OCRv6_rec_small.onnx"),
        runtime: libraries.find(|path| path.to_string_lossy().contains("libonnxruntime"))?,
        threads: 0,
    };
    spec.detector.is_file().then_some(spec)
}

/// The library in the folder of models.
fn pdfium() -> Option<PathBuf> {
    let library = models().ok()?.join("pdfium").join("libpdfium.so");
    library.is_file().then_some(library)
}
