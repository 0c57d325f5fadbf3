//! A home of its own for each test, and the built binary to drive in it.

use std::{
    env,
    ffi::OsStr,
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Read},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up: far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Models that load in a moment: an English embedder, and the smallest generator.
const SMALL: &str = "[models]\nembedder = \"all-minilm-l6-v2\"\ngenerator = \"smollm2-135m-instruct\"\n";

/// A home, a folder of documents beside it, and the environment that docent is run in.
pub(crate) struct Home {
    folder: TempDir,
    models: PathBuf,
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    /// A home with the default models.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("docent-").tempdir().unwrap();
        for name in ["docs", "user"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, models: models() }
    }

    /// A home with small models.
    pub(crate) fn small() -> Self {
        let home = Self::new();
        home.configure("");
        home
    }

    /// Small models, and `more` lines of configuration.
    pub(crate) fn configure(&self, more: &str) {
        fs::create_dir_all(self.path()).unwrap();
        fs::write(self.path().join("config.toml"), format!("{SMALL}{more}")).unwrap();
    }

    /// Takes models from another folder.
    pub(crate) fn with_models(mut self, models: PathBuf) -> Self {
        self.models = models;
        self
    }

    pub(crate) fn set_models(&mut self, models: PathBuf) {
        self.models = models;
    }

    /// The home folder of docent.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder of documents.
    pub(crate) fn docs(&self) -> PathBuf {
        self.folder.path().join("docs")
    }

    /// A place beside home and documents.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a document, and returns its path.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.docs().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// `program` with the environment that docent is run in.
    pub(crate) fn environment(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        command.env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path().join("user"));
        command.env("LC_ALL", "C.UTF-8");
        command.env("TMPDIR", env::temp_dir());
        command.env("DOCENT_HOME", self.path());
        command.env("DOCENT_MODELS", &self.models);
        command.current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// docent with `arguments`, not yet run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.environment(binary());
        command.args(arguments);
        command
    }

    /// Runs docent.
    pub(crate) fn docent(&self, arguments: &[&str]) -> Output {
        finish(self.command(arguments))
    }

    /// Runs docent with `--json`; it has to end with 0, and its object is returned.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.json_ending(0, arguments)
    }

    /// Runs docent with `--json`; it has to end with `code`, and its object is returned.
    #[track_caller]
    pub(crate) fn json_ending(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.docent(&[arguments, &["--json"]].concat());
        assert_eq!(output.code, Some(code), "docent {arguments:?}: {output:?}");
        output.json()
    }

    /// Runs docent with `--json`; it has to fail with `code`, and the error is returned.
    #[track_caller]
    pub(crate) fn error(&self, code: i32, arguments: &[&str]) -> Value {
        let object = self.json_ending(code, arguments);
        let error = &object["error"];
        assert!(error["kind"].is_string() && error["message"].is_string(), "docent {arguments:?}: {object}");
        error.clone()
    }

    /// Adds the folder of documents.
    #[track_caller]
    pub(crate) fn add(&self) -> Value {
        self.json(&["add", &shown(&self.docs())])
    }

    /// Paths of the hits of a search, best first.
    #[track_caller]
    pub(crate) fn found(&self, arguments: &[&str]) -> Vec<PathBuf> {
        let output = self.docent(&[&["search", "--json"], arguments].concat());
        assert!(matches!(output.code, Some(0 | 3)), "docent search {arguments:?}: {output:?}");
        let report = output.json();
        let hits = report["hits"].as_array().unwrap();
        assert_eq!(output.code == Some(3), hits.is_empty(), "3 says that nothing was found: {output:?}");
        hits.iter().map(|hit| PathBuf::from(hit["path"].as_str().unwrap())).collect()
    }

    /// Compares catalog, stores and disk: there must be no difference.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        let output = self.docent(&["check", "--json"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        let report = output.json();
        assert_eq!(report["clean"], true, "{report}");
        assert_eq!(report["differences"].as_array().map(Vec::len), Some(0), "{report}");
    }

    /// Starts `docent watch`, and waits until it is in step.
    #[track_caller]
    pub(crate) fn watch(&self) -> Watch {
        let mut command = self.command(&["watch", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let reader = {
            let events = Arc::clone(&events);
            thread::spawn(move || {
                for line in stdout.lines().map_while(Result::ok) {
                    let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    events.lock().unwrap().push(event);
                }
            })
        };
        let stderr = collect(child.stderr.take().unwrap());
        let mut watch = Watch { child, events, threads: Some((reader, stderr)) };
        watch.wait_for("it to be in step", |event| event["event"] == "idle");
        let status = self.json(&["status"]);
        assert!(
            status["writer"].as_str().is_some_and(|writer| writer.contains(&watch.child.id().to_string())),
            "status names the process that writes: {status}"
        );
        watch
    }
}

impl Output {
    /// The last line of stdout, which has to be one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_else(|| panic!("nothing on stdout: {self:?}"));
        match serde_json::from_str(last) {
            Ok(Value::Object(object)) => Value::Object(object),
            other => panic!("the last line of stdout is no JSON object ({other:?}): {self:?}"),
        }
    }
}

/// A `docent watch` that is stopped when this is dropped.
pub(crate) struct Watch {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
    threads: Option<(JoinHandle<()>, JoinHandle<String>)>,
}

impl Watch {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for an event.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) {
        let started = Instant::now();
        loop {
            if self.events.lock().unwrap().iter().any(&is_it) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || started.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let stderr = self.threads.take().map(|(_, stderr)| stderr.join().unwrap());
                panic!("waited for {what}: {ended:?}, {:?}, {stderr:?}", self.events.lock().unwrap());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) -> Output {
        self.signal(Signal::TERM);
        self.ended()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> Output {
        let status = wait(&mut self.child, "docent watch");
        let (reader, stderr) = self.threads.take().unwrap();
        reader.join().unwrap();
        let stderr = stderr.join().unwrap();
        let lines: Vec<String> = self.events.lock().unwrap().iter().map(Value::to_string).collect();
        let stdout = lines.join("\n");
        Output { code: status.code(), stdout, stderr }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.threads.is_none() || thread::panicking() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            return;
        }
        self.signal(Signal::TERM);
        let output = self.ended();
        assert_eq!(output.code, Some(0), "{output:?}");
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: Command) -> Output {
    start(command).finish()
}

/// A command under way.
pub(crate) struct Running {
    name: String,
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

/// Starts a command.
pub(crate) fn start(mut command: Command) -> Running {
    let name = format!("{command:?}");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|cause| panic!("cannot run {name}: {cause}"));
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    Running { name, child, stdout, stderr }
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn finish(mut self) -> Output {
        let status = wait(&mut self.child, &self.name);
        Output {
            code: status.code(),
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
        }
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        // It may have ended.
        let _ = kill_process(pid, signal);
    }
}

fn wait(child: &mut Child, name: &str) -> std::process::ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{name} did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Tries until `probe` gives something, and prints how long it took.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe() {
            eprintln!("{what}: {} ms", started.elapsed().as_millis());
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The binary: DOCENT_BIN, else beside the folder of this test's executable.
pub(crate) fn binary() -> PathBuf {
    let binary = env::var_os("DOCENT_BIN").map_or_else(
        || env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("docent"),
        PathBuf::from,
    );
    assert!(binary.is_file(), "there is no {}: run `make build`", binary.display());
    binary
}

/// The folder of models.
pub(crate) fn models() -> PathBuf {
    let folder = env::var_os("DOCENT_MODELS")
        .map(PathBuf::from)
        .expect("DOCENT_MODELS names no folder of models: `make models` makes one and says which");
    for name in [
        "all-minilm-l6-v2",
        "multilingual-e5-small",
        "onnxruntime",
        "pdfium",
        "qwen2.5-coder-0.5b-instruct",
        "smollm2-135m-instruct",
    ] {
        assert!(folder.join(name).is_dir(), "{name} is not in {}: run `make models`", folder.display());
    }
    folder
}

/// The examples of this source tree.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples")
}

/// The files below a folder, in order.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Copies a folder with all that is below it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, &target).unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
    }
}

/// A path as an argument.
pub(crate) fn shown(path: &Path) -> String {
    path.to_str().expect("a path that is text").to_owned()
}

/// The sum of all states.
pub(crate) fn total(documents: &Value) -> u64 {
    ["searchable", "lexical_only", "pending", "unavailable", "skipped", "failed"]
        .iter()
        .map(|state| documents[state].as_u64().unwrap_or_else(|| panic!("{state} is not in {documents}")))
        .sum()
}
