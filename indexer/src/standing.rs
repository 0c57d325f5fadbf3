//! Whether a root can be reached.

use std::{fs, io, path::Path};

use docent_core::{FileRecord, FileState, Root};

use crate::scan::{device_of, reason_of};

/// Where a root stands, as far as its own path tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is there, on this device.
    Here {
        /// The device.
        device: u64,
    },
    /// It cannot be reached, for this reason.
    Away(String),
}

/// Looks at a root.
///
/// A folder has to be there and readable. A root that is a file may be gone, if its folder is there: that is a
/// deletion.
pub(crate) fn standing(root: &Root) -> Standing {
    let folder = if root.is_file { root.path.parent().unwrap_or(&root.path) } else { &root.path };
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return Standing::Away("not there: moved, deleted or not mounted".into());
        }
        Err(cause) => return Standing::Away(reason_of(&cause)),
    };
    if !metadata.is_dir() {
        return Standing::Away("not a folder any more".into());
    }
    if !root.is_file
        && let Err(cause) = fs::read_dir(folder)
    {
        return Standing::Away(reason_of(&cause));
    }
    Standing::Here { device: device_of(&metadata) }
}

/// Whether what is missing under a root looks like another file system in its place (a mount point without its
/// mount, say) rather than like a deletion: the device is not the one recorded, and more than half of the
/// documents are missing. On the same device, what is not there was deleted.
pub(crate) fn looks_unmounted(root: &Root, device: u64, known: usize, missing: usize) -> bool {
    root.device.is_some_and(|recorded| recorded != device) && missing * 2 > known
}

/// Whether a document counts as known for [`looks_unmounted`].
pub(crate) fn holds_words(state: FileState) -> bool {
    matches!(state, FileState::Searchable | FileState::LexicalOnly)
}

/// Whether a document is worth to be known again at another place: it can be found, or OCR is at work on it.
pub(crate) fn can_move(record: &FileRecord) -> bool {
    holds_words(record.state) || record.scanned > 0
}

/// Whether nothing is at `relative` any more, while its root is there.
pub(crate) fn is_gone(root: &Root, relative: &Path) -> bool {
    let there = fs::symlink_metadata(root.absolute(relative));
    let missing = there
        .is_err_and(|cause| matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory));
    missing && is_here(root)
}

/// Whether a root can be reached, where it was when it was last looked at.
pub(crate) fn is_here(root: &Root) -> bool {
    root.unavailable.is_none()
        && matches!(standing(root), Standing::Here { device } if root.device.is_none_or(|recorded| recorded == device))
}
