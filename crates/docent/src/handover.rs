//! Handing requests to the process that watches: a line of JSON each way over a Unix socket in the home folder,
//! which only its owner can enter.

use docent_core::{ErrorReport, Result};
use serde::{Deserialize, Serialize};

use crate::request::{Event, Request, Response};

/// What a client sends.
#[derive(Serialize, Deserialize)]
struct Call {
    version: String,
    request: Request,
}

/// What a server sends: events, then one of the others.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Event(Event),
    Done(Box<Response>),
    Error(ErrorReport),
}

#[cfg(unix)]
mod unix {
    use std::{
        fs,
        io::{BufRead as _, BufReader, Write as _},
        os::unix::net::UnixStream,
        path::{Path, PathBuf},
        sync::Arc,
    };

    use docent_core::{Error, ErrorKind, Home, IoContext as _};
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
        net::{UnixListener, unix::OwnedWriteHalf},
        sync::mpsc,
    };

    use super::{Call, Event, Reply, Request, Response, Result};
    use crate::{Cancel, Engine};

    /// The longest path that a socket address holds is 108 bytes on Linux, 104 elsewhere.
    const LONGEST_ADDRESS: usize = 100;

    /// How long to wait when a connection cannot be taken.
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

    /// A name for the socket that fits an address: through the open folder where the path is too long.
    fn address(home: &Home) -> Result<(PathBuf, Option<fs::File>)> {
        let path = home.socket();
        if path.as_os_str().len() <= LONGEST_ADDRESS {
            return Ok((path, None));
        }
        let folder = fs::File::open(home.path()).doing("open", home.path())?;
        let name = path.file_name().unwrap_or_default();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&folder);
        Ok((Path::new("/proc/self/fd").join(fd.to_string()).join(name), Some(folder)))
    }

    /// A connection to the process that watches.
    pub struct Client {
        stream: UnixStream,
    }

    impl Client {
        /// Connects to the process that watches this home; `None` if there is none.
        pub fn connect(home: &Home) -> Option<Self> {
            let (address, _folder) = address(home).ok()?;
            UnixStream::connect(address).ok().map(|stream| Self { stream })
        }

        /// Sends `request`, gives each event to `on_event`, and returns the result.
        ///
        /// # Errors
        /// What the other process reports, or that it ended.
        pub fn call(mut self, request: &Request, on_event: &mut dyn FnMut(Event)) -> Result<Response> {
            let gone = || {
                Error::new(ErrorKind::Io, "the watching docent ended before it answered").hint("try again")
            };
            let call = Call { version: env!("CARGO_PKG_VERSION").into(), request: request.clone() };
            let mut line = serde_json::to_vec(&call).map_err(|cause| {
                Error::new(ErrorKind::Internal, "cannot write the request").caused_by(cause)
            })?;
            line.push(b'\n');
            self.stream.write_all(&line).map_err(|cause| gone().caused_by(cause))?;
            for line in BufReader::new(self.stream).lines() {
                let line = line.map_err(|cause| gone().caused_by(cause))?;
                match serde_json::from_str(&line).map_err(|cause| gone().caused_by(cause))? {
                    Reply::Event(event) => on_event(event),
                    Reply::Done(response) => return Ok(*response),
                    Reply::Error(report) => return Err(report.into()),
                }
            }
            Err(gone())
        }
    }

    /// Takes requests for `engine` until the future is dropped. Only the holder of the writer lock may call it: a
    /// socket that is there already is left over from a killed process.
    pub(crate) async fn serve(engine: Engine, home: Home) -> Result<()> {
        let (address, _folder) = address(&home)?;
        match fs::remove_file(&address) {
            Ok(()) => {}
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::io("remove", home.socket(), cause)),
        }
        let listener = UnixListener::bind(&address).doing("listen on", home.socket())?;
        let _remove = RemoveOnDrop(home.socket());
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // Too many open files, say: no reason to stop watching.
                Err(cause) => {
                    tracing::warn!("{}: {cause}", home.socket().display());
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let engine = engine.clone();
            tokio::spawn(async move {
                if let Err(error) = converse(engine, stream).await {
                    tracing::debug!("{error:?}");
                }
            });
        }
    }

    struct RemoveOnDrop(PathBuf);

    impl Drop for RemoveOnDrop {
        fn drop(&mut self) {
            if let Err(cause) = fs::remove_file(&self.0) {
                tracing::debug!("{}: {cause}", self.0.display());
            }
        }
    }

    /// Reads one call and answers it. A client that goes away cancels what it asked for.
    async fn converse(engine: Engine, stream: tokio::net::UnixStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = tokio::io::BufReader::new(read);
        let mut line = String::new();
        read.read_line(&mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        let call: Call = match serde_json::from_str(&line) {
            Ok(call) => call,
            Err(cause) => {
                let error = Error::new(ErrorKind::Usage, "the request makes no sense to the watching docent")
                    .hint("restart `docent watch` after an update")
                    .caused_by(cause);
                return send(&mut write, &Reply::Error(error.to_report())).await;
            }
        };
        if call.version != env!("CARGO_PKG_VERSION") {
            let message = format!(
                "the watching docent is version {}, this one is {}",
                env!("CARGO_PKG_VERSION"),
                call.version
            );
            let error =
                Error::new(ErrorKind::IndexVersion, message).hint("restart `docent watch` after an update");
            return send(&mut write, &Reply::Error(error.to_report())).await;
        }
        let cancel = Cancel::new();
        let _cancelled_when_left = CancelOnDrop(cancel.clone());
        // Progress may come faster than a client reads: what does not fit is only progress.
        let (events, mut coming) = mpsc::channel::<Event>(256);
        let on_event: Arc<dyn Fn(Event) + Send + Sync> = Arc::new(move |event| {
            let lossless = matches!(event, Event::Ask(_));
            if lossless {
                // Only fails when the client is gone.
                let _ = events.blocking_send(event);
            } else {
                let _ = events.try_send(event);
            }
        });
        let work = engine.handle(call.request, on_event, cancel.clone());
        tokio::pin!(work);
        let mut rest = [0; 16];
        let mut client_there = true;
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = coming.recv() => send(&mut write, &Reply::Event(event)).await?,
                result = &mut work => break result,
                read = read.read(&mut rest), if client_there => {
                    if matches!(read, Ok(0) | Err(_)) {
                        client_there = false;
                        cancel.cancel();
                    }
                }
            }
        };
        while let Ok(event) = coming.try_recv() {
            send(&mut write, &Reply::Event(event)).await?;
        }
        let reply = match result {
            Ok(response) => Reply::Done(Box::new(response)),
            Err(error) => Reply::Error(error.to_report()),
        };
        send(&mut write, &reply).await
    }

    struct CancelOnDrop(Cancel);

    impl Drop for CancelOnDrop {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }

    async fn send(write: &mut OwnedWriteHalf, reply: &Reply) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        write.write_all(&line).await
    }
}

#[cfg(unix)]
pub use unix::Client;
#[cfg(unix)]
pub(crate) use unix::serve;

/// Elsewhere than on Unix nothing is handed over yet: each command works on its own.
#[cfg(not(unix))]
pub struct Client;

#[cfg(not(unix))]
impl Client {
    /// There is nobody to connect to.
    pub fn connect(_home: &docent_core::Home) -> Option<Self> {
        None
    }

    /// Never called.
    ///
    /// # Errors
    /// Always.
    pub fn call(self, _request: &Request, _on_event: &mut dyn FnMut(Event)) -> Result<Response> {
        Err(docent_core::Error::new(docent_core::ErrorKind::Internal, "no handing over on this platform"))
    }
}

#[cfg(not(unix))]
pub(crate) async fn serve(_engine: crate::Engine, _home: docent_core::Home) -> Result<()> {
    std::future::pending().await
}
