//! ONNX Runtime: a shared library, loaded once per process, for whatever runs ONNX models (vectors, OCR).

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use docent_core::{Error, ErrorKind, Result};
use ort::{environment::Environment, logging::LogLevel};

/// ort allows one environment per process, and drops it with its last handle: this one is kept.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The ONNX Runtime of this process, from the library at `path` if this is the first call that succeeds. It
/// can be started only once: whoever uses ort needs this one.
///
/// # Errors
/// [`ErrorKind::RuntimeMissing`] when the library is not there, is not an ONNX Runtime, or is too old.
pub fn load_runtime(path: &Path) -> Result<Environment> {
    let mut current = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = current.as_ref() {
        return Ok(environment.clone());
    }
    if !path.is_file() {
        return Err(missing("there is no ONNX Runtime library", path));
    }
    // An absolute path, because ort looks for a relative one beside the program first.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    silence_telemetry();
    let environment = guarded(|| {
        let builder = ort::init_from(&path).map_err(|cause| {
            missing("cannot load the ONNX Runtime library", &path).caused_by(cause.to_string())
        })?;
        builder
            .with_name("docent")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|cause| missing("cannot start ONNX Runtime", &path).caused_by(cause.to_string()))
    })
    .unwrap_or_else(|panic| Err(missing("cannot start ONNX Runtime", &path).caused_by(panic)))?;
    // A custom logger is called for every line of every level until told otherwise.
    environment.set_log_level(LogLevel::Warning);
    *current = Some(environment.clone());
    Ok(environment)
}

/// ONNX Runtime 1.32 looks up a host of its maker's, and keeps what it wants to tell it under `~/.cache/Microsoft`, from
/// the moment that it is started: `with_telemetry(false)` comes too late. It asks this variable first.
fn silence_telemetry() {
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(VARIABLE).is_some_and(|value| value == "1") {
        return;
    }
    #[expect(unsafe_code, reason = "the library reads nothing but its environment before it is started")]
    // SAFETY: Rust's own access to the environment is locked against this. Foreign code that reads it at this very
    // moment could see a half-written table; the command sets the variable before it has a second thread.
    unsafe {
        std::env::set_var(VARIABLE, "1");
    }
}

fn missing(message: &str, path: &Path) -> Error {
    Error::new(ErrorKind::RuntimeMissing, message).at(path).hint(
        "get it: `make models` in the source tree, `docent models import PATH` with the library, or set ORT_DYLIB_PATH \
         to one",
    )
}

/// ONNX Runtime writes to stderr unless it is given somewhere else to write.
fn log(level: LogLevel, category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::debug!(category, place, message, "onnxruntime"),
        _ => tracing::trace!(category, place, message, "onnxruntime"),
    }
}

/// Runs `work`; a panic becomes its message.
///
/// # Errors
/// It panicked.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| panic_message(payload.as_ref()))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it broke down".to_owned())
}
