//! What the stores' libraries report, as errors of docent's.

use std::{fs, io, path::Path};

use docent_core::{Error, ErrorKind, Result};

/// The way out of damage.
pub(crate) const REPAIR: &str = "run `docent check --repair`";

/// Damage, which a repair puts right.
pub(crate) fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::IndexDamaged, message).hint(REPAIR)
}

/// What the file system knows of `path`; `None` only where it says that nothing is there. A file that cannot be looked at
/// is not gone: an index that is well must not be set aside for that.
pub(crate) fn look_at(path: &Path) -> Result<Option<fs::Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}

/// A failure of a library that tells its causes as text only. What the operating system refused is no damage: an index
/// that is well must not be set aside because there were too many open files.
pub(crate) fn from_text(message: String, text: String) -> Error {
    use io::ErrorKind as Io;
    let error = match refused(&text) {
        Some(Io::StorageFull | Io::QuotaExceeded) => Error::new(ErrorKind::DiskFull, message)
            .hint("free some space and run the command again: nothing was lost"),
        Some(Io::PermissionDenied) => Error::new(ErrorKind::Permission, message)
            .hint("check who owns the home folder and its permissions"),
        None | Some(Io::NotFound | Io::NotADirectory | Io::IsADirectory) => damaged(message),
        Some(_) => Error::new(ErrorKind::Io, message)
            .hint("run the command again when the cause is put right: nothing was lost"),
    };
    error.caused_by(text)
}

/// What the operating system refused, as far as the text of an error tells.
fn refused(text: &str) -> Option<io::ErrorKind> {
    let number = ["(os error ", "Os { code: "].iter().find_map(|mark| {
        let (_, rest) = text.split_once(mark)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    });
    if let Some(number) = number {
        return Some(io::Error::from_raw_os_error(number).kind());
    }
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["no space left", "storagefull"]) {
        Some(io::ErrorKind::StorageFull)
    } else if says(&["permission denied", "permissiondenied"]) {
        Some(io::ErrorKind::PermissionDenied)
    } else if says(&["resources exhausted", "out of memory"]) {
        Some(io::ErrorKind::OutOfMemory)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_broken_or_gone_is_damage() {
        let kind = |text: &str| from_text("cannot read".into(), text.into()).kind();
        for (text, expected) in [
            ("data corrupted: footer", ErrorKind::IndexDamaged),
            ("not found: No such file or directory (os error 2)", ErrorKind::IndexDamaged),
            ("Too many open files (os error 24)", ErrorKind::Io),
            ("Input/output error (os error 5)", ErrorKind::Io),
            ("Cannot allocate memory (os error 12)", ErrorKind::Io),
            ("Read-only file system (os error 30)", ErrorKind::Io),
            ("File too large (os error 27)", ErrorKind::Io),
            ("Disk quota exceeded (os error 122)", ErrorKind::DiskFull),
            ("Os { code: 28, kind: StorageFull, message: \"No space left on device\" }", ErrorKind::DiskFull),
            ("Os { code: 24, kind: Uncategorized, message: \"Too many open files\" }", ErrorKind::Io),
            ("Resources exhausted: cannot grow the pool", ErrorKind::Io),
            ("Permission denied (os error 13)", ErrorKind::Permission),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
