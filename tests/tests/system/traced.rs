//! System calls, as strace sees them and as it makes them fail.

use std::{path::Path, process::Command, sync::OnceLock};

use crate::home::{Home, binary, shown};

/// `docent` under strace, which follows the calls named in `calls` into all its processes and writes them to `log`;
/// `None`, with a note, where strace is missing or may not trace.
pub(crate) fn strace(home: &Home, calls: &str, more: &[&str], log: &Path) -> Option<Command> {
    static WORKS: OnceLock<bool> = OnceLock::new();
    let works = *WORKS.get_or_init(|| {
        Command::new("strace")
            .args(["-o", "/dev/null", "true"])
            .output()
            .is_ok_and(|out| out.status.success())
    });
    if !works {
        eprintln!("skipped: strace is missing, or may not trace");
        return None;
    }
    let mut command = home.environment("strace");
    command
        .args(["-f", "-qq", "-e", &format!("trace={calls}")])
        .args(more)
        .args(["-o", &shown(log)])
        .arg(binary());
    Some(command)
}
