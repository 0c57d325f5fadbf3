//! What the benchmarks share: running the built `docent`, figures, and tables.
//!
//! They are programs for a person who reads their tables. No wall time is asserted: what matters is measured as a
//! ratio within one run, because the machine is as busy as it is.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// What can go wrong in a benchmark; it is printed, and the program fails.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The built binary with a home of its own, which goes with it.
pub struct Docent {
    binary: PathBuf,
    folder: TempDir,
}

/// How a command ended.
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// The last line of its output, which is one object.
    pub report: Value,
    /// Wall time from start to end.
    pub took: Duration,
    /// The most memory that it held at once, in kB (`VmHWM`); 0 where the system does not tell.
    pub peak_kb: u64,
}

impl Docent {
    /// A fresh home. The binary is the one that DOCENT_BIN names, or the one built beside this program.
    ///
    /// # Errors
    /// There is no binary, or no folder for the home.
    pub fn new() -> Result<Self> {
        let built = || Some(env::current_exe().ok()?.parent()?.parent()?.join("docent"));
        let named = env::var_os("DOCENT_BIN").map(PathBuf::from);
        let binary = named.or_else(built).filter(|path| path.is_file());
        let binary = binary.ok_or("there is no docent binary: `make build`, or name one in DOCENT_BIN")?;
        Ok(Self { binary, folder: tempfile::tempdir()? })
    }

    /// A folder for files of the benchmark's own, beside the home.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// A command of docent's in this home, with JSON on its standard output and nothing on its standard error.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--json").env("DOCENT_HOME", self.folder.path().join("home"));
        command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It cannot be started, prints no JSON, or prints an error.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Ran> {
        self.run_with_events(arguments, &mut |_, _| {})
    }

    /// Runs a command to its end; `on_line` gets each line of its output, and when it came.
    ///
    /// # Errors
    /// As [`Docent::run`].
    pub fn run_with_events<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        on_line: &mut dyn FnMut(&Value, Duration),
    ) -> Result<Ran> {
        let started = Instant::now();
        let mut child = self.command(arguments).spawn()?;
        let peak = watch_memory(child.id());
        let out = child.stdout.take().ok_or("no standard output")?;
        let mut report = Value::Null;
        for line in BufReader::new(out).lines() {
            report = serde_json::from_str(&line?)?;
            on_line(&report, started.elapsed());
        }
        let status = child.wait()?;
        let took = started.elapsed();
        let peak_kb = peak.join().unwrap_or(0);
        if let Some(error) = report.get("error").filter(|error| error.get("kind").is_some()) {
            return Err(format!("docent failed: {error}").into());
        }
        Ok(Ran { code: status.code().unwrap_or(-1), report, took, peak_kb })
    }

    /// Starts `docent watch` and waits until everything is indexed.
    ///
    /// # Errors
    /// It cannot be started, or ends.
    pub fn watch(&self) -> Result<Watching> {
        let mut child = self.command(["watch"]).spawn()?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(out).lines();
        let watching = Watching { child };
        loop {
            let line = lines.next().ok_or("docent watch ended")??;
            let event: Value = serde_json::from_str(&line)?;
            match event["event"].as_str() {
                Some("idle") => break,
                Some("trouble") => return Err(format!("docent watch: {event}").into()),
                _ => {}
            }
        }
        // What it prints from now on is not needed, and must not fill the pipe.
        thread::spawn(move || lines.count());
        Ok(watching)
    }
}

/// A running `docent watch`, stopped when dropped.
pub struct Watching {
    child: Child,
}

impl Drop for Watching {
    fn drop(&mut self) {
        // SIGTERM ends it cleanly; a kill makes sure.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let patience = Instant::now();
        while patience.elapsed() < Duration::from_secs(20) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a process's memory high-water mark until it ends. Looks often: the last look is what counts.
fn watch_memory(process: u32) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = high_water_kb(process) {
            peak = peak.max(now);
            thread::sleep(Duration::from_millis(20));
        }
        peak
    })
}

/// `None` when the process has ended: one that nobody waited for has no memory any more.
fn high_water_kb(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The kit of test documents, as DOCENT_KIT names it. Without one this says so, and gives `None`.
pub fn kit() -> Option<PathBuf> {
    let kit = env::var_os("DOCENT_KIT").map(PathBuf::from).filter(|kit| kit.is_dir());
    if kit.is_none() {
        say("DOCENT_KIT names no folder: passed over");
    }
    kit
}

/// The repository's own example documents.
pub fn example_corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/corpus")
}

/// The folder that DOCENT_MODELS names.
///
/// # Errors
/// It names none.
pub fn models() -> Result<PathBuf> {
    let models = env::var_os("DOCENT_MODELS").map(PathBuf::from).filter(|models| models.is_dir());
    models.ok_or_else(|| "DOCENT_MODELS names no folder of models: `make models` makes one".into())
}

/// What an example program of one of the workspace's crates prints; cargo builds it where it must.
///
/// # Errors
/// It cannot be built, or fails.
pub fn example<S: AsRef<OsStr>>(
    package: &str,
    name: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["run", "--quiet", "--release", "--package", package, "--example", name, "--"])
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !out.status.success() {
        return Err(format!("the example {name} of {package} failed").into());
    }
    Ok(String::from_utf8(out.stdout)?)
}

/// JSON lines of a file.
///
/// # Errors
/// It cannot be read, or a line is no JSON.
pub fn json_lines(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Copies the files below `from` to `to`.
///
/// # Errors
/// One cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The value below which `percent` of 100 lie, by nearest rank; 0 where there are none.
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

/// The smallest; infinite where there are none.
pub fn best(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Milliseconds.
pub fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "benchmarks are programs")]
pub fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// Prints a table: the first row is the head. Numbers belong to the right, so the first column is set left and the
/// others right.
pub fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        say(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// A row of a table.
#[macro_export]
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}

/// Prints the one line that other programs read.
pub fn result(name: &str, value: &Value) {
    say(serde_json::json!({ "bench": name, "result": value }));
}

/// `cargo bench` gives arguments of its own; words that are none of them choose what to run.
pub fn chosen() -> Vec<String> {
    env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let values: Vec<f64> = (1..=30).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 50.0).to_string(), "15");
        assert_eq!(percentile(&values, 99.0).to_string(), "30");
        assert_eq!(percentile(&[], 50.0).to_string(), "0");
        assert_eq!(best(&values).to_string(), "1");
    }
}
