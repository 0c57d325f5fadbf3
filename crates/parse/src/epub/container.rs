//! The files of a book, by their names.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use docent_core::ParseError;
use percent_encoding::percent_decode_str;
use zip::ZipArchive;

use crate::{damaged, package, too_large};

/// The longest path: every block of a chapter repeats it.
pub(super) const LONGEST: usize = 500;

/// The zip container of a book.
pub(super) struct Container<'b> {
    zip: ZipArchive<Cursor<&'b [u8]>>,
    /// Members by name in lower case, with the name as it is: books are made where capitals do not count.
    members: BTreeMap<String, (usize, String)>,
    limit: u64,
    /// Bytes that may still be unpacked.
    left: u64,
}

impl<'b> Container<'b> {
    pub(super) fn open(bytes: &'b [u8], limit: u64) -> Result<Self, ParseError> {
        let zip = package::open(bytes)?;
        let mut members = BTreeMap::new();
        for index in 0..zip.len() {
            if let Some(Ok(name)) = zip.name_for_index(index) {
                let name = resolve("", &name);
                if name.len() > LONGEST {
                    continue;
                }
                members.entry(name.to_lowercase()).or_insert((index, name));
            }
        }
        Ok(Self { zip, members, limit, left: limit })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(&name.to_lowercase())
    }

    /// The names that end in one of `endings`.
    pub(super) fn names(&self, endings: &[&str]) -> Vec<String> {
        let is_wanted = |name: &str| endings.iter().any(|ending| name.ends_with(ending));
        self.members.iter().filter(|(name, _)| is_wanted(name)).map(|(_, (_, name))| name.clone()).collect()
    }

    /// Unpacks a file.
    pub(super) fn read(&mut self, name: &str) -> Result<Vec<u8>, ParseError> {
        let Some((index, _)) = self.members.get(&name.to_lowercase()) else {
            return Err(damaged("damaged: it is not in the container"));
        };
        let broken = |error: &dyn std::fmt::Display| damaged(format!("damaged: {error}"));
        let member = self.zip.by_index(*index).map_err(|error| broken(&error))?;
        let mut bytes = Vec::new();
        let read = member.take(self.left + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > self.left {
            return Err(too_large(format!("unpacks to more than {} MB: a zip bomb?", self.limit >> 20)));
        }
        self.left -= bytes.len() as u64;
        read.map_err(|error| broken(&error))?;
        Ok(bytes)
    }
}

/// The name of a file that is called `path` in `folder`. What leads out of the container stays at its top.
pub(super) fn resolve(folder: &str, path: &str) -> String {
    let path = path.split('#').next().unwrap_or_default();
    let from = if path.starts_with('/') { "" } else { folder };
    let mut steps: Vec<&str> = Vec::new();
    for step in from.split('/').chain(path.split(['/', '\\'])) {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// A path without its `%20`.
pub(super) fn unescape(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        assert_eq!(resolve("OEBPS/", "text/../a.xhtml#part"), "OEBPS/a.xhtml");
        assert_eq!(resolve("OEBPS/", "../../../etc/passwd"), "etc/passwd");
        assert_eq!(resolve("OEBPS/", "/b.xhtml"), "b.xhtml");
        assert_eq!(resolve("", "./a\\b.html"), "a/b.html");
        assert_eq!(unescape("%E7%AC%AC%201.xhtml"), "第 1.xhtml");
    }
}
