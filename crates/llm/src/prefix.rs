//! The states of prompt beginnings, in memory and in files.
//!
//! A file is llama.cpp's own, with the BLAKE3 hash of it all at the end: llama.cpp checks shapes, not bytes,
//! and a flipped bit would answer wrongly ever after. Its name is a hash of all that the state depends on. It
//! holds the system message and the examples, nothing of a question or a document.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process,
};

use docent_core::{Error, ErrorKind, Hash128, IoContext, Result, make_private_dir};
use llama_cpp_2::{
    context::{
        LlamaContext,
        session::{LlamaStateSeqFlags, SeqState},
    },
    token::LlamaToken,
};

use crate::{
    sequence::{CHUNK, SEQUENCE},
    spec::GeneratorSpec,
};

/// Written into every name: another version of llama.cpp may compute, and write, something else.
const FORMAT: &str = "docent prefix 1, llama-cpp-2 0.1.160";
/// States kept in memory: the beginnings of the few kinds of prompts that a question needs.
const IN_MEMORY: usize = 4;
/// State files kept: those of a model or a wording that is no longer used go in time.
const IN_FILES: usize = 8;
const HASH_BYTES: usize = 32;
const EXTENSION: &str = "prefix";

/// The known states of one loaded model.
pub(crate) struct PrefixStates {
    folder: Option<PathBuf>,
    model: Hash128,
    /// Latest used last.
    memory: Vec<(Vec<LlamaToken>, SeqState)>,
}

impl PrefixStates {
    pub(crate) fn new(spec: &GeneratorSpec) -> Result<Self> {
        Ok(Self { folder: spec.cache_dir.clone(), model: fingerprint(spec)?, memory: Vec::new() })
    }

    /// Puts the state of `tokens` into an empty context, if it is known. Otherwise the context is left empty.
    pub(crate) fn restore(&mut self, context: &mut LlamaContext<'_>, tokens: &[LlamaToken]) -> bool {
        if let Some(at) = self.memory.iter().position(|(known, _)| known == tokens) {
            let entry = self.memory.remove(at);
            if context.state_seq_set(&entry.1, SEQUENCE).is_ok() {
                self.memory.push(entry);
                return true;
            }
            context.clear_kv_cache();
        }
        let Some(path) = self.path(tokens) else { return false };
        if !path.is_file() {
            return false;
        }
        let loaded = is_whole(&path).unwrap_or(false)
            && context
                .state_seq_load_file(&path, SEQUENCE, tokens.len())
                .is_ok_and(|(loaded, _)| loaded == tokens);
        if loaded {
            self.remember(context, tokens);
        } else {
            tracing::debug!(path = %path.display(), "a saved state is damaged and is computed again");
            context.clear_kv_cache();
        }
        loaded
    }

    /// Keeps the state of a context that has just read `tokens` and nothing else. A state that cannot be
    /// saved is computed again next time.
    pub(crate) fn keep(&mut self, context: &LlamaContext<'_>, tokens: &[LlamaToken]) {
        self.remember(context, tokens);
        let Some(path) = self.path(tokens) else { return };
        if let Err(error) = save(context, tokens, &path) {
            tracing::warn!(path = %path.display(), ?error, "cannot save the state of a prompt");
        }
    }

    fn remember(&mut self, context: &LlamaContext<'_>, tokens: &[LlamaToken]) {
        if let Ok(state) = context.state_seq_get(SEQUENCE, LlamaStateSeqFlags::empty()) {
            if self.memory.len() == IN_MEMORY {
                self.memory.remove(0);
            }
            self.memory.push((tokens.to_vec(), state));
        }
    }

    fn path(&self, tokens: &[LlamaToken]) -> Option<PathBuf> {
        let ids: Vec<u8> = tokens.iter().flat_map(|token| token.0.to_le_bytes()).collect();
        let name = Hash128::of(&[&self.model.0, &ids]);
        self.folder.as_ref().map(|folder| folder.join(format!("{name}.{EXTENSION}")))
    }
}

/// What a state depends on besides its tokens: the model's bytes (its size, beginning and end stand for
/// them), and the chunks that prompts are read in.
fn fingerprint(spec: &GeneratorSpec) -> Result<Hash128> {
    const SAMPLE: u64 = 1 << 20;
    let path = &spec.gguf;
    let read = || {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut sample = Vec::new();
        Read::by_ref(&mut file).take(SAMPLE).read_to_end(&mut sample)?;
        file.seek(SeekFrom::Start(size.saturating_sub(SAMPLE)))?;
        file.take(SAMPLE).read_to_end(&mut sample)?;
        Ok((size, sample))
    };
    let (size, sample) = read().doing("read", path)?;
    let chunk = CHUNK.to_le_bytes();
    Ok(Hash128::of(&[FORMAT.as_bytes(), spec.id.as_bytes(), &size.to_le_bytes(), &chunk, &sample]))
}

fn save(context: &LlamaContext<'_>, tokens: &[LlamaToken], path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private_dir(folder)?;
    let temporary = path.with_extension(format!("{}.tmp", process::id()));
    let written = write(context, tokens, &temporary)
        .and_then(|()| fs::rename(&temporary, path).doing("rename", &temporary));
    if written.is_err() {
        // It may not even be there, and is only a temporary file.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| prune(folder))
}

fn write(context: &LlamaContext<'_>, tokens: &[LlamaToken], path: &Path) -> Result<()> {
    context.state_seq_save_file(path, SEQUENCE, tokens).map_err(|cause| {
        Error::new(ErrorKind::Io, format!("cannot write {}", path.display())).at(path).caused_by(cause)
    })?;
    let hash = blake3::hash(&fs::read(path).doing("read", path)?);
    let mut file = File::options().append(true).open(path).doing("open", path)?;
    file.write_all(hash.as_bytes()).doing("write", path)?;
    file.sync_all().doing("write", path)
}

/// Whether a file ends with the hash of what stands before.
fn is_whole(path: &Path) -> Result<bool> {
    let bytes = fs::read(path).doing("read", path)?;
    let Some(end) = bytes.len().checked_sub(HASH_BYTES) else { return Ok(false) };
    Ok(blake3::hash(&bytes[..end]).as_bytes() == &bytes[end..])
}

/// Removes all but the newest state files.
fn prune(folder: &Path) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).doing("list", folder)? {
        let path = entry.doing("list", folder)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let modified = fs::metadata(&path).and_then(|data| data.modified()).doing("read", &path)?;
            files.push((modified, path));
        }
    }
    files.sort_unstable();
    files.reverse();
    for (_, path) in files.iter().skip(IN_FILES) {
        fs::remove_file(path).doing("remove", path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut bytes = b"the state of a prompt".to_vec();
        bytes.extend(blake3::hash(b"the state of a prompt").as_bytes());
        fs::write(&path, &bytes).unwrap();
        assert!(is_whole(&path).unwrap());
        for at in [0, 10, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(!is_whole(&path).unwrap());
        }
        fs::write(&path, &bytes[..10]).unwrap();
        assert!(!is_whole(&path).unwrap());
    }

    #[test]
    fn old_states_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        for at in 0..IN_FILES + 3 {
            fs::write(folder.path().join(format!("{at}.{EXTENSION}")), "state").unwrap();
        }
        prune(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), IN_FILES + 1);
        assert!(folder.path().join("notes.txt").is_file());
    }
}
