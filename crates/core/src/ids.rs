//! The names of things: documents, passages, roots, and the hashes that make a name stand for its content.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A document's number, stable for as long as the file exists, wherever it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocId(pub i64);

/// A watched root's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RootId(pub i64);

/// A published state of the index. Every commit publishes the next one; 0 is the empty index.
pub type Generation = u64;

/// A 128-bit BLAKE3 hash, printed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash128(pub [u8; 16]);

impl Hash128 {
    /// Hashes `parts`, each with its length, so that no two lists of parts collide by concatenation.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash128 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash128 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        Self::from_hex(&hex).ok_or_else(|| D::Error::custom("expected 32 hexadecimal digits"))
    }
}

/// The hash of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash(pub Hash128);

impl ContentHash {
    /// Hashes a file's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hash128::of(&[bytes]))
    }
}

/// What a passage is called in both stores. It contains the hash of the embedded text, so an old vector can
/// never stand for new text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PassageId(pub Hash128);

impl PassageId {
    /// Names the `occurrence`-th passage (from 0) of `doc` with the text behind `key`.
    pub fn new(doc: DocId, key: EmbedKey, occurrence: u32) -> Self {
        Self(Hash128::of(&[&doc.0.to_le_bytes(), &key.0.0, &occurrence.to_le_bytes()]))
    }
}

impl fmt::Display for PassageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a vector is known by: the hash of the embedded text and of the embedder's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmbedKey(pub Hash128);

impl EmbedKey {
    /// The key of `text` as embedded by the model called `embedder`.
    pub fn new(embedder: &str, text: &str) -> Self {
        Self(Hash128::of(&[embedder.as_bytes(), text.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_printed_form() {
        let hash = Hash128::of(&[b"a", b"bc"]);
        assert_eq!(Hash128::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Hash128::from_hex("no"), None);
    }

    #[test]
    fn parts_do_not_collide_by_concatenation() {
        assert_ne!(Hash128::of(&[b"ab", b"c"]), Hash128::of(&[b"a", b"bc"]));
    }
}
