//! Paths on the wire: as text where they are text, as bytes where their names are not UTF-8.

use std::path::{Path, PathBuf};

use docent_core::paths;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&Path> for Wire {
    fn from(path: &Path) -> Self {
        path.to_str().map_or_else(|| Self::Bytes(paths::to_bytes(path)), |text| Self::Text(text.to_owned()))
    }
}

impl From<Wire> for PathBuf {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Text(text) => text.into(),
            Wire::Bytes(bytes) => paths::from_bytes(&bytes),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    Wire::from(path).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Wire::deserialize(deserializer).map(PathBuf::from)
}

/// The same for a list of paths.
pub(crate) mod list {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Wire;

    pub(crate) fn serialize<S: Serializer>(list: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|path| Wire::from(path.as_path())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        let list = Vec::<Wire>::deserialize(deserializer)?;
        Ok(list.into_iter().map(PathBuf::from).collect())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::PathBuf};

    use crate::{AddRequest, Request};

    #[test]
    fn a_name_that_is_not_utf_8_reaches_the_other_side() {
        let paths = vec![PathBuf::from("/a/b"), PathBuf::from(OsStr::from_bytes(b"/a/\xff\xfe"))];
        let request = Request::Add(AddRequest { paths, ..AddRequest::default() });
        let line = serde_json::to_string(&request).unwrap();
        assert!(line.contains("\"/a/b\""), "{line}");
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }
}
