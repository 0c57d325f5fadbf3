//! Whether this machine, home and set of models can do the work.

use docent_core::{Embedder, Generator, models_folder};
use docent_models::machine_memory;
use docent_parse::workers::Seal;
use serde::{Deserialize, Serialize};

use crate::{Engine, private::is_network_closed, recognising};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorCheck {
    /// What.
    pub name: String,
    /// `ok`, `warning` (it works, but not as well as it could) or `failed`.
    pub state: String,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What `doctor` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// Whether nothing failed.
    pub healthy: bool,
    /// Everything that was looked at.
    pub checks: Vec<DoctorCheck>,
}

impl DoctorReport {
    fn add(&mut self, name: &str, state: &str, detail: impl Into<String>, hint: Option<String>) {
        self.checks.push(DoctorCheck { name: name.into(), state: state.into(), detail: detail.into(), hint });
    }

    fn result<T>(&mut self, name: &str, result: docent_core::Result<T>, detail: impl FnOnce(T) -> String) {
        match result {
            Ok(found) => self.add(name, "ok", detail(found), None),
            Err(error) => {
                let report = error.to_report();
                self.add(name, "failed", report.message, report.hint);
            }
        }
    }
}

impl Engine {
    /// Looks at models, runtime, processor, memory, home and watch limits. Loads the models, so that damage shows.
    pub fn doctor(&self) -> DoctorReport {
        let inner = &self.inner;
        let mut report = DoctorReport::default();
        processor(&mut report);
        memory(&mut report);
        home(self, &mut report);
        report.result("models folder", models_folder(inner.config.models.folder.as_deref()), |path| {
            path.display().to_string()
        });
        report.result("onnx runtime", inner.models.runtime(), |path| path.display().to_string());
        report.result("embedder", inner.embedder.embed_query("docent"), |vector| {
            format!("{}, {} numbers per vector", inner.embedder.id(), vector.len())
        });
        report
            .result("generator", inner.generator.count_tokens("docent"), |_| inner.generator.id().to_owned());
        match inner.models.pdfium() {
            Some(path) => report.add("pdfium", "ok", path.display().to_string(), None),
            None => report.add(
                "pdfium",
                "warning",
                "not found: PDF files cannot be read",
                Some("`make models`, or name the library with DOCENT_PDFIUM".into()),
            ),
        }
        ocr(self, &mut report);
        parsers(self, &mut report);
        network(&mut report);
        watch_limits(self, &mut report);
        report.healthy = report.checks.iter().all(|check| check.state != "failed");
        report
    }
}

fn processor(report: &mut DoctorReport) {
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ];
        let missing: Vec<&str> = features.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
        if missing.is_empty() {
            report.add("processor", "ok", "avx2, fma, f16c", None);
        } else {
            let hint = "models run several times slower without them".to_owned();
            report.add("processor", "warning", format!("lacks {}", missing.join(", ")), Some(hint));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    report.add("processor", "ok", std::env::consts::ARCH, None);
}

fn memory(report: &mut DoctorReport) {
    match machine_memory() {
        Some(bytes) if bytes < 2 << 30 => report.add(
            "memory",
            "warning",
            format!("{} MB", bytes >> 20),
            Some("the default models take about 1.5 GB together".into()),
        ),
        Some(bytes) => report.add("memory", "ok", format!("{} MB", bytes >> 20), None),
        None => report.add("memory", "warning", "cannot be read on this system", None),
    }
}

fn home(engine: &Engine, report: &mut DoctorReport) {
    let home = &engine.inner.home;
    let probed = home.create().and_then(|()| docent_store::probe(home.path()));
    report.result("home", probed, |()| format!("{} can hold an index", home.path().display()));
    report.result(
        "index",
        engine.inner.store().and_then(|store| store.map(|store| store.generation()).transpose()),
        |generation| {
            generation.map_or_else(|| "none yet".to_owned(), |generation| format!("generation {generation}"))
        },
    );
}

fn ocr(engine: &Engine, report: &mut DoctorReport) {
    let inner = &engine.inner;
    match recognising::spec(&inner.config, &inner.models) {
        Ok(Some(_)) => report.add("ocr", "ok", inner.config.models.ocr.clone(), None),
        Ok(None) => report.add("ocr", "ok", "off: scans and pictures are left out", None),
        Err(error) => {
            let error = error.to_report();
            let detail = format!("{}: scans and pictures are left out", error.message);
            report.add("ocr", "warning", detail, error.hint);
        }
    }
}

fn parsers(engine: &Engine, report: &mut DoctorReport) {
    let inner = &engine.inner;
    let sample = inner.parser().parse(std::path::Path::new("sample.md"), b"# Sample\n\nText.\n");
    let seal = sample.and_then(|_| inner.workers().map(|pool| pool.seal()).transpose());
    match seal {
        Err(error) => report.add("parsers", "failed", error.reason, None),
        Ok(None) => report.add("parsers", "ok", "in this process", None),
        Ok(Some(Seal { system_calls: true, paths: true })) => {
            report.add("parsers", "ok", "in sealed processes: no network, no programs, no files", None);
        }
        Ok(Some(Seal { system_calls, paths })) => {
            let lacks = match (system_calls, paths) {
                (false, false) => "seccomp and Landlock",
                (false, true) => "seccomp",
                _ => "Landlock",
            };
            let detail = format!("in processes of their own; this system lacks {lacks} to seal them");
            let hint = "a parser that is taken over by a file could do more than read that file".to_owned();
            // What is left of the seal holds on its own.
            let state = if system_calls { "ok" } else { "warning" };
            report.add("parsers", state, detail, (!system_calls).then_some(hint));
        }
    }
}

fn network(report: &mut DoctorReport) {
    if is_network_closed() {
        report.add(
            "network",
            "ok",
            "closed to this process: the kernel refuses every socket but local ones",
            None,
        );
    } else {
        let hint = "docent opens no connection; nothing but its own code keeps it from it here".to_owned();
        report.add("network", "warning", "not closed to this process by the system", Some(hint));
    }
}

fn watch_limits(engine: &Engine, report: &mut DoctorReport) {
    const LIMIT: &str = "/proc/sys/fs/inotify/max_user_watches";
    let Some(limit) = std::fs::read_to_string(LIMIT).ok().and_then(|text| text.trim().parse::<u64>().ok())
    else {
        return;
    };
    let files = match engine.inner.store() {
        Ok(Some(store)) => store.counts().map(|counts| counts.total()).unwrap_or_default(),
        _ => 0,
    };
    // Folders are watched, and there are fewer of them than files.
    if limit < 8192 || limit < files / 4 {
        let hint = "sysctl fs.inotify.max_user_watches=524288; without it, roots are polled".to_owned();
        report.add("watch limit", "warning", format!("{limit} folders"), Some(hint));
    } else {
        report.add("watch limit", "ok", format!("{limit} folders"), None);
    }
}
