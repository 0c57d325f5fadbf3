//! Finds the native libraries that docent loads at run time: ONNX Runtime and pdfium.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use docent_core::{Error, ErrorKind, IoContext, Result};

use crate::{
    catalogue::Role,
    store::{ModelState, ModelStore},
};

/// The oldest ONNX Runtime that the binding works with (major, minor): fastembed asks for API 24. An older one may hang
/// rather than fail, so it is never loaded.
pub const MINIMUM_RUNTIME: (u32, u32) = (1, 24);

/// Folders where systems keep shared libraries.
const SYSTEM: [&str; 8] = [
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/lib64",
    "/lib",
    "/opt/homebrew/lib",
];

impl ModelStore {
    /// The ONNX Runtime library to load: `ORT_DYLIB_PATH`; in `lib` beside the executable or one above; in the models
    /// folder; among the system's libraries. Its version is checked without loading it.
    ///
    /// # Errors
    /// [`ErrorKind::RuntimeMissing`]: there is none, or only one that is too old or is no such library.
    /// [`ErrorKind::ModelDamaged`]: the one in the models folder has other bytes than the pinned ones.
    pub fn runtime(&self) -> Result<PathBuf> {
        if let Some(named) = named_by("ORT_DYLIB_PATH") {
            check_runtime(&named).map_err(|error| {
                error.hint("ORT_DYLIB_PATH names it: correct or unset the variable, or run 'make models'")
            })?;
            return Ok(named);
        }
        let mut refused = None;
        if let Some(library) = first_fit(&beside_the_executable(), &mut refused) {
            return Ok(library);
        }
        if let Some(library) = self.library_of(Role::Runtime)? {
            check_runtime(&library)?;
            return Ok(library);
        }
        if let Some(library) = first_fit(&system_folders(), &mut refused) {
            return Ok(library);
        }
        let error = refused.unwrap_or_else(|| {
            Error::new(ErrorKind::RuntimeMissing, "ONNX Runtime is not installed")
                .at(self.folder.join("onnxruntime"))
        });
        Err(error.hint(
            "get it: 'make models' in the source tree, 'docent models import PATH' with the library, or set \
             ORT_DYLIB_PATH to one",
        ))
    }

    /// The pdfium library to load: `DOCENT_PDFIUM`; beside the executable; in the models folder; among the system's
    /// libraries. `None` where there is none: PDF files cannot be read then.
    pub fn pdfium(&self) -> Option<PathBuf> {
        if let Some(named) = named_by("DOCENT_PDFIUM") {
            return named.is_file().then_some(named);
        }
        let first = |folders: Vec<PathBuf>| {
            folders.iter().find_map(|folder| libraries_in(folder, "pdfium").into_iter().next())
        };
        first(beside_the_executable())
            .or_else(|| self.library_of(Role::ParserLibrary).ok().flatten())
            .or_else(|| first(system_folders()))
    }

    /// The library of this role in the models folder, verified.
    fn library_of(&self, role: Role) -> Result<Option<PathBuf>> {
        for entry in self.catalogue.models.iter().filter(|entry| entry.role == role) {
            if self.state(entry)? != ModelState::Missing {
                return self.locate(&entry.name).map(|model| Some(model.main_file().to_owned()));
            }
        }
        Ok(None)
    }
}

/// The version of an ONNX Runtime library, such as `1.32.0`, without loading it: out of its name, or the name it links
/// to, else out of its bytes (the version node of its symbols). `None`: it is no such library, or does not say.
///
/// # Errors
/// The file cannot be read.
pub fn runtime_version(library: &Path) -> Result<Option<String>> {
    fs::metadata(library).doing("read", library)?;
    for path in [library.to_owned(), library.canonicalize().unwrap_or_default()] {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let digits: &[char] = &['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
        if let Some(version) = name.find(digits).and_then(|at| version_at(&name.as_bytes()[at..])) {
            return Ok(Some(version));
        }
    }
    let bytes = fs::read(library).doing("read", library)?;
    let marker = b"VERS_";
    let found = bytes
        .windows(marker.len())
        .enumerate()
        .filter(|(_, window)| window == marker)
        .find_map(|(at, _)| version_at(&bytes[at + marker.len()..]));
    Ok(found)
}

/// `1.32.0` at the start of `bytes`: two or more numbers with dots between.
fn version_at(bytes: &[u8]) -> Option<String> {
    let text: String = bytes
        .iter()
        .take(20)
        .map(|byte| char::from(*byte))
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let text = text.trim_end_matches('.');
    (text.split('.').count() >= 2 && text.split('.').all(|part| part.parse::<u32>().is_ok()))
        .then(|| text.to_owned())
}

fn check_runtime(library: &Path) -> Result<()> {
    let refuse = |why: String| Error::new(ErrorKind::RuntimeMissing, why).at(library);
    let shown = library.display();
    if is_cut_short(library) {
        return Err(refuse(format!("the library at {shown} is damaged: it is cut short or no library")));
    }
    let version = runtime_version(library)
        .map_err(|cause| refuse(format!("there is no usable ONNX Runtime at {shown}")).caused_by(cause))?
        .ok_or_else(|| refuse(format!("{shown} does not look like ONNX Runtime")))?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found < MINIMUM_RUNTIME {
        let (major, minor) = MINIMUM_RUNTIME;
        return Err(refuse(format!(
            "ONNX Runtime {version} at {shown} is too old: {major}.{minor} is needed"
        )));
    }
    Ok(())
}

/// Whether a shared library lacks its end, or is none: the system would kill the process that loads half of one. Only
/// looked at where libraries are 64-bit little-endian ELF files, whose table of sections comes last.
fn is_cut_short(library: &Path) -> bool {
    use std::io::Read as _;
    if !cfg!(all(target_os = "linux", target_endian = "little", target_pointer_width = "64")) {
        return false;
    }
    let mut head = [0; 64];
    let Ok(mut file) = fs::File::open(library) else { return false };
    if file.read_exact(&mut head).is_err() || !head.starts_with(b"\x7fELF") {
        return true;
    }
    let number = |at: usize, bytes: usize| {
        head[at..at + bytes].iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    // e_shoff, e_shentsize, e_shnum of the System V ABI's Elf64_Ehdr.
    let end = number(0x28, 8).saturating_add(number(0x3a, 2) * number(0x3c, 2));
    file.metadata().is_ok_and(|metadata| metadata.len() < end)
}

/// The first ONNX Runtime in `folders` that can be used; why the first other one was `refused`.
fn first_fit(folders: &[PathBuf], refused: &mut Option<Error>) -> Option<PathBuf> {
    for library in folders.iter().flat_map(|folder| libraries_in(folder, "onnxruntime")) {
        match check_runtime(&library) {
            Ok(()) => return Some(library),
            Err(error) => *refused = refused.take().or(Some(error)),
        }
    }
    None
}

fn named_by(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// `lib` beside the executable and one above: where a release bundle has its libraries.
fn beside_the_executable() -> Vec<PathBuf> {
    let Ok(executable) = env::current_exe().and_then(|path| path.canonicalize()) else { return Vec::new() };
    let Some(folder) = executable.parent() else { return Vec::new() };
    let above = folder.parent().map(|above| above.join("lib").join("docent"));
    let lib = folder.parent().map(|above| above.join("lib"));
    [Some(folder.join("lib")), above, lib].into_iter().flatten().collect()
}

fn system_folders() -> Vec<PathBuf> {
    let named = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = env::split_paths(&named).filter(|path| path.is_absolute());
    named.chain(SYSTEM.iter().map(PathBuf::from)).collect()
}

/// The libraries called `stem` in a folder, with or without a version in the name; longer names, which have one, first.
fn libraries_in(folder: &Path, stem: &str) -> Vec<PathBuf> {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let start = format!("{prefix}{stem}");
    let fits = |name: &str| {
        name.strip_prefix(&start).is_some_and(|rest| {
            let rest = rest.replacen(suffix, "", 1);
            name.contains(suffix) && rest.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| fits(name))
        .collect();
    names.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| other.cmp(one)));
    names.into_iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_without_loading() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let version = |path: &Path| runtime_version(path).unwrap();
        assert_eq!(version(&file("libonnxruntime.so.1.32.0", b"")).as_deref(), Some("1.32.0"));
        assert_eq!(version(&file("libonnxruntime.1.24.2.dylib", b"")).as_deref(), Some("1.24.2"));
        assert_eq!(
            version(&file("libonnxruntime.so", b"\x7fELF.. VERS_1.17.3\0more")).as_deref(),
            Some("1.17.3")
        );
        assert_eq!(version(&file("other.so", b"VERS_ VERS_x no version")), None);
        assert!(runtime_version(&folder.path().join("absent.so")).is_err());
    }

    #[test]
    fn an_old_runtime_or_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("libonnxruntime.so.1.17.3");
        fs::write(&old, library(0)).unwrap();
        let error = check_runtime(&old).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RuntimeMissing);
        assert!(error.message().contains("1.17.3") && error.message().contains("too old"), "{error:?}");
        let text = folder.path().join("libonnxruntime.so");
        fs::write(&text, b"not a library").unwrap();
        assert_eq!(check_runtime(&text).unwrap_err().kind(), ErrorKind::RuntimeMissing);
        let fit = folder.path().join("libonnxruntime.so.1.32.0");
        fs::write(&fit, library(0)).unwrap();
        assert!(check_runtime(&fit).is_ok());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_library_without_its_end_is_refused_before_it_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so.1.32.0");
        for bytes in [Vec::new(), b"\x7fELF".to_vec(), library(3)] {
            fs::write(&path, bytes).unwrap();
            let error = check_runtime(&path).unwrap_err();
            assert!(error.message().contains("cut short"), "{error:?}");
        }
    }

    /// The head of a shared library that says that so many sections of 64 bytes follow it.
    fn library(sections: u8) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..4].copy_from_slice(b"\x7fELF");
        (head[0x28], head[0x3a], head[0x3c]) = (64, 64, sections);
        head
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_with_a_version_come_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["libonnxruntime.so", "libonnxruntime.so.1.32.0", "libonnxruntime_providers_shared.so", "x.txt"]
        {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        let names: Vec<_> = libraries_in(folder.path(), "onnxruntime")
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["libonnxruntime.so.1.32.0", "libonnxruntime.so"]);
    }
}
