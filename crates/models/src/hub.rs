//! Gets models from a model hub: resumable, verified, one process at a time for each model.

use std::{
    collections::BTreeMap,
    fs,
    net::{TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use docent_core::{Error, ErrorKind, IoContext, Result};
use hf_hub::{
    Cache, Repo, RepoType,
    api::{
        Progress,
        sync::{ApiBuilder, ApiError},
    },
};

use crate::{
    catalogue::{Entry, FileEntry, Role, Source},
    install,
    store::{ModelState, ModelStore},
    verify::{self, Finding, Record},
};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// How long a connection may take before the hub counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(10);

/// How to reach a model hub.
#[derive(Clone, Debug, Default)]
pub struct PullOptions {
    /// Its address, such as `https://hub.example.com`; without one, `HF_ENDPOINT`, else Hugging Face.
    pub endpoint: Option<String>,
    /// A token for repositories that want one; without one, `HF_TOKEN`.
    pub token: Option<String>,
}

/// How far a pull has come.
#[derive(Clone, Copy, Debug)]
pub struct PullProgress<'a> {
    /// The model.
    pub model: &'a str,
    /// Which of its files.
    pub file: &'a str,
    /// Bytes of this file that are here, earlier attempts included.
    pub done: u64,
    /// Its size in bytes.
    pub total: u64,
}

/// What a pull did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The model that is installed now. It differs from the name asked for where another one stands in for it.
    pub name: String,
    /// Bytes that came over the network.
    pub downloaded: u64,
    /// Whether it was there before.
    pub already: bool,
}

impl ModelStore {
    /// Gets a model from the hub, or the one that stands in for it there. What is installed and sound is left alone; what
    /// an earlier, interrupted attempt got is used.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no model has this name. [`ErrorKind::ModelMissing`]: no hub has it.
    /// [`ErrorKind::Download`]: the hub cannot be reached, or sent other bytes than the pinned ones. Or a file cannot be
    /// written.
    pub fn pull(
        &self,
        name: &str,
        options: &PullOptions,
        progress: &mut dyn FnMut(PullProgress<'_>),
    ) -> Result<Pulled> {
        let asked = self.catalogue.get(name)?;
        if let Some(found) = self.already(asked)? {
            return Ok(Pulled { name: found, downloaded: 0, already: true });
        }
        let stand_in = || self.stand_ins(name).find(|entry| entry.on_hub());
        let Some(entry) = Some(asked).filter(|entry| entry.on_hub()).or_else(stand_in) else {
            let message = format!("the model {name} is on no model hub");
            return Err(
                Error::new(ErrorKind::ModelMissing, message).hint(format!("get it: {}", asked.way_in()))
            );
        };
        let _lock = install::lock(&self.folder, &entry.name)?;
        if self.state(entry)? == ModelState::Installed {
            return Ok(Pulled { name: entry.name.clone(), downloaded: 0, already: true });
        }
        let endpoint = endpoint(options)?;
        reach(&endpoint).map_err(|error| error.hint(no_hub_hint(asked)))?;
        // The sources in order: the next one is tried when one fails.
        let mut outcome = Err(Error::new(ErrorKind::ModelMissing, format!("{name} has no source on a hub")));
        for source in &entry.sources {
            let Source::Hub { repo, revision, paths } = source else { continue };
            let hub = Hub { store: self, entry, endpoint: &endpoint, token: token(options), repo, revision };
            outcome = hub.fetch_all(paths, progress);
            if outcome.is_ok() {
                break;
            }
        }
        let downloaded = outcome?;
        Ok(Pulled { name: entry.name.clone(), downloaded, already: false })
    }

    /// The name of what serves for `entry` already: itself, a stand-in, or a library found elsewhere.
    fn already(&self, entry: &Entry) -> Result<Option<String>> {
        if self.state(entry)? == ModelState::Installed {
            return Ok(Some(entry.name.clone()));
        }
        for stand_in in self.stand_ins(&entry.name) {
            if self.state(stand_in)? == ModelState::Installed {
                return Ok(Some(stand_in.name.clone()));
            }
        }
        let elsewhere = match entry.role {
            Role::Runtime => self.runtime().is_ok(),
            Role::ParserLibrary => self.pdfium().is_some(),
            _ => false,
        };
        Ok(elsewhere.then(|| entry.name.clone()))
    }
}

/// One model's repository.
struct Hub<'a> {
    store: &'a ModelStore,
    entry: &'a Entry,
    endpoint: &'a str,
    token: Option<String>,
    repo: &'a str,
    revision: &'a str,
}

impl Hub<'_> {
    /// Gets the files that are not there; returns the bytes that came over the network.
    fn fetch_all(
        &self,
        paths: &BTreeMap<String, String>,
        progress: &mut dyn FnMut(PullProgress<'_>),
    ) -> Result<u64> {
        let mut downloaded = 0;
        for file in &self.entry.files {
            downloaded += self.fetch(file, paths.get(&file.name).unwrap_or(&file.name), progress)?;
        }
        Ok(downloaded)
    }

    /// Gets one file unless it is there; returns the bytes that came over the network.
    fn fetch(&self, file: &FileEntry, path: &str, progress: &mut dyn FnMut(PullProgress<'_>)) -> Result<u64> {
        let folder = self.store.folder.join(&self.entry.name);
        fs::create_dir_all(&folder).doing("create the folder", &folder)?;
        let mut record = Record::load(&folder);
        if record.check(&folder, file)? == Finding::Sound {
            return Ok(0);
        }
        // What an interrupted attempt left stays here until the file is whole.
        let half = self.store.folder.join(".downloads").join(&self.entry.name).join(&file.name);
        let resuming = half.is_dir();
        let outcome = self.attempt(&half, file, path, progress);
        let (sum, blob, bytes) = match outcome {
            // Half a file of another attempt may not fit: the hub's file changed, or the disk lost some of it.
            Err(Failure::Wrong(_)) if resuming => {
                clear(&half)?;
                self.attempt(&half, file, path, progress).map_err(|failure| self.explain(failure, &half))?
            }
            other => other.map_err(|failure| self.explain(failure, &half))?,
        };
        let target = folder.join(&file.name);
        install::move_into_place(&blob, &target)?;
        record.note(&folder, &file.name, sum)?;
        record.save(&folder);
        clear(&half)?;
        Ok(bytes)
    }

    /// Downloads into `half` and compares; the sha256, the file, and the bytes that came over the network.
    fn attempt(
        &self,
        half: &Path,
        file: &FileEntry,
        path: &str,
        progress: &mut dyn FnMut(PullProgress<'_>),
    ) -> Result<(String, PathBuf, u64), Failure> {
        forget_pointers(half);
        let api = ApiBuilder::from_cache(Cache::new(half.to_owned()))
            .with_endpoint(self.endpoint.to_owned())
            .with_token(self.token.clone())
            .with_progress(false)
            .with_user_agent("docent", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(Failure::from)?;
        let repo = Repo::with_revision(self.repo.to_owned(), RepoType::Model, self.revision.to_owned());
        let mut received = 0;
        let meter = Meter {
            model: &self.entry.name,
            file: &file.name,
            done: 0,
            total: 0,
            began: None,
            progress,
            received: &mut received,
        };
        let pointer = api.repo(repo).download_with_progress(path, meter)?;
        let blob = pointer.canonicalize().doing("find", &pointer)?;
        let sum = verify::sha256(&blob)?;
        // The hub names a large file after its sha256; where the catalogue has no pin, that is the pin.
        let stated = blob.file_name().and_then(|name| name.to_str()).filter(|name| is_sha256(name));
        if let Some(pin) = file.sha256.as_deref().or(stated).filter(|pin| **pin != *sum) {
            let error = Error::new(
                ErrorKind::Download,
                format!(
                    "the hub sent other bytes for {} of {} than the pinned ones",
                    file.name, self.entry.name
                ),
            )
            .hint(format!("expected sha256 {pin}, got {sum}: try again, or use another endpoint"));
            return Err(Failure::Wrong(error));
        }
        Ok((sum, blob, received))
    }

    /// The failure as a person sees it. Bytes that are wrong are not kept for another attempt.
    fn explain(&self, failure: Failure, half: &Path) -> Error {
        match failure {
            Failure::Wrong(error) => {
                let _ = clear(half);
                error
            }
            Failure::Other(error) => error,
            Failure::Network(cause) => {
                let message = format!("cannot get {} from {}", self.repo, self.endpoint);
                Error::new(ErrorKind::Download, message).hint(no_hub_hint(self.entry)).caused_by(cause)
            }
        }
    }
}

enum Failure {
    /// What arrived is not what was pinned, or does not fit what was there.
    Wrong(Error),
    /// The network or the hub.
    Network(ApiError),
    Other(Error),
}

impl From<ApiError> for Failure {
    fn from(cause: ApiError) -> Self {
        let says = cause.to_string();
        match cause {
            ApiError::IoError(io) if io.kind() == std::io::ErrorKind::StorageFull => Self::Other(
                Error::new(ErrorKind::DiskFull, "no room is left for the download")
                    .hint("free some space and run the command again: it goes on where it stopped")
                    .caused_by(io),
            ),
            ApiError::InvalidResume => {
                Self::Wrong(Error::new(ErrorKind::Download, "the half file does not fit"))
            }
            // 416: nothing is left to send, since the half file is whole or too long.
            ApiError::RequestError(_) if says.contains("416") => {
                Self::Wrong(Error::new(ErrorKind::Download, "the hub cannot continue the download"))
            }
            other => Self::Network(other),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Counts for hf-hub, which starts over several times and reports what it skipped as done.
struct Meter<'a> {
    model: &'a str,
    file: &'a str,
    done: u64,
    total: u64,
    /// Where the transfer began: what was there before.
    began: Option<u64>,
    progress: &'a mut dyn FnMut(PullProgress<'_>),
    received: &'a mut u64,
}

impl Progress for Meter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.total, self.began) = (0, size as u64, None);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        let began = *self.began.get_or_insert(self.done);
        *self.received = self.done - began;
        (self.progress)(PullProgress {
            model: self.model,
            file: self.file,
            done: self.done,
            total: self.total,
        });
    }

    fn finish(&mut self) {}
}

fn endpoint(options: &PullOptions) -> Result<String> {
    let variable = || std::env::var("HF_ENDPOINT").ok().filter(|value| !value.is_empty());
    let endpoint = options.endpoint.clone().or_else(variable).unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    if host_and_port(&endpoint).is_none() {
        return Err(Error::new(ErrorKind::Usage, format!("'{endpoint}' is not the address of a model hub"))
            .hint("it looks like https://hub.example.com or http://127.0.0.1:8080"));
    }
    Ok(endpoint)
}

fn token(options: &PullOptions) -> Option<String> {
    options.token.clone().or_else(|| std::env::var("HF_TOKEN").ok()).filter(|token| !token.is_empty())
}

/// Finds out within [`PATIENCE`] whether anything listens there: hf-hub itself waits for as long as the system does.
/// Behind a proxy only the proxy knows.
fn reach(endpoint: &str) -> Result<()> {
    let proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    if proxies.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return Ok(());
    }
    let unreachable =
        || Error::new(ErrorKind::Download, format!("the model hub at {endpoint} cannot be reached"));
    let (host, port) = host_and_port(endpoint).ok_or_else(unreachable)?;
    let mut last = None;
    for address in (host.as_str(), port).to_socket_addrs().map_err(|cause| unreachable().caused_by(cause))? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(cause) => last = Some(cause),
        }
    }
    Err(match last {
        Some(cause) => unreachable().caused_by(cause),
        None => unreachable(),
    })
}

fn host_and_port(endpoint: &str) -> Option<(String, u16)> {
    let (rest, default) = match endpoint.strip_prefix("https://") {
        Some(rest) => (rest, 443),
        None => (endpoint.strip_prefix("http://")?, 80),
    };
    let authority = rest.split('/').next()?.rsplit('@').next()?;
    let plain = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
    };
    if !plain(authority) {
        return None;
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
        }
        _ => Some((authority.trim_matches(['[', ']']).to_owned(), default)),
    }
}

fn no_hub_hint(entry: &Entry) -> String {
    let another = "check the network, or name another hub with HF_ENDPOINT";
    if entry.sources.contains(&Source::Registry) {
        format!("{another}; without one: 'make models' in the source tree, or 'docent models import PATH'")
    } else {
        format!("{another}; without one: 'docent models import PATH' with {}", entry.to_be_carried())
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// hf-hub keeps links to what it downloaded; ours are moved away, and it trips over links to nothing.
fn forget_pointers(half: &Path) {
    let Ok(repos) = fs::read_dir(half) else { return };
    for repo in repos.flatten() {
        let _ = fs::remove_dir_all(repo.path().join("snapshots"));
    }
}

fn clear(half: &Path) -> Result<()> {
    match fs::remove_dir_all(half) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", half, cause)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_nonsense() {
        let parts = |text| host_and_port(text).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(parts("https://hub.example.com"), Some("hub.example.com 443".into()));
        assert_eq!(parts("http://127.0.0.1:8080/hub"), Some("127.0.0.1 8080".into()));
        assert_eq!(parts("http://[::1]:81"), Some("::1 81".into()));
        assert_eq!(parts("http://[::1]"), Some("::1 80".into()));
        for nonsense in ["", "hub", "ftp://a", "http://", "http://a b", "http://a:port", "https:///x"] {
            assert_eq!(parts(nonsense), None, "{nonsense}");
        }
    }
}
