//! Lets a program parse in child processes of itself.

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::OnceLock};

use docent_parse::workers::{self, WorkerCommand};

/// The argument that makes a program a worker.
const WORKER: &str = "docent-parse-worker";

static COMMAND: OnceLock<WorkerCommand> = OnceLock::new();

/// Has every [`Engine`](crate::Engine) of this program parse in sealed child processes, which are this program again.
///
/// Call it first in `main`, before there are threads, and end with the code that it returns, if it returns one: this
/// process is such a child then. A program that does not call it parses in its own process, where a parser that
/// breaks down takes the program along.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     if let Some(code) = docent::parse_in_workers() {
///         return code;
///     }
///     // ... the program
///     std::process::ExitCode::SUCCESS
/// }
/// ```
pub fn parse_in_workers() -> Option<ExitCode> {
    if std::env::args_os().nth(1).is_some_and(|word| word == WORKER) {
        return Some(workers::serve());
    }
    if let Some(program) = this_program() {
        // Set once: a second call says the same.
        let _ = COMMAND.set(WorkerCommand { program, arguments: vec![OsString::from(WORKER)] });
    }
    None
}

/// How workers are started, if this program has any.
pub(crate) fn command() -> Option<&'static WorkerCommand> {
    COMMAND.get()
}

/// This program, also when another version was put in its place meanwhile.
fn this_program() -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        let image = PathBuf::from("/proc/self/exe");
        if image.exists() {
            return Some(image);
        }
    }
    std::env::current_exe().ok()
}
