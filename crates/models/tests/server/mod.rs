//! A model hub in miniature: `/org/repo/resolve/abc/PATH` answers with a redirect to another path, as the real one sends
//! large files elsewhere; ranges, etags and faults on demand.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sha2::{Digest, Sha256};

/// The sha256 of `bytes` in hex.
pub(crate) fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    /// One byte of the large file is another.
    WrongBytes,
    /// The connection breaks after this many bytes of the large file.
    CutAfter(usize),
    /// Nothing is there.
    NotFound,
}

pub(crate) struct HubServer {
    port: u16,
    fault: Arc<Mutex<Fault>>,
    pub(crate) requests: Arc<AtomicUsize>,
}

impl HubServer {
    pub(crate) fn start(weights: Vec<u8>, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let fault = Arc::new(Mutex::new(fault));
        let requests = Arc::new(AtomicUsize::new(0));
        let (shared, counter) = (fault.clone(), requests.clone());
        thread::spawn(move || {
            let weights = Arc::new(weights);
            for stream in listener.incoming().flatten() {
                let (weights, fault, counter) = (weights.clone(), shared.clone(), counter.clone());
                thread::spawn(move || {
                    let fault = *fault.lock().unwrap();
                    let _ = answer(stream, &weights, fault, &counter);
                });
            }
        });
        Self { port, fault, requests }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn mend(&self) {
        self.fail(Fault::None);
    }

    pub(crate) fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

fn answer(mut stream: TcpStream, weights: &[u8], fault: Fault, counter: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let Some(request) = lines.next().transpose()? else { return Ok(()) };
    counter.fetch_add(1, Ordering::SeqCst);
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        range = range.or_else(|| line.strip_prefix("range: bytes=").map(str::to_owned));
    }
    let whole: &[u8] = match path.as_str() {
        _ if fault == Fault::NotFound => return empty(&mut stream, "404 Not Found", ""),
        "/org/repo/resolve/abc/deep/w.gguf" => {
            let sum = sum(weights);
            let elsewhere = format!("http://{}/elsewhere/w", stream.local_addr()?);
            let headers = format!(
                "Location: {elsewhere}\r\nX-Repo-Commit: abc\r\nX-Linked-Etag: \"{sum}\"\r\nETag: \"other\"\r\n"
            );
            return empty(&mut stream, "302 Found", &headers);
        }
        "/org/repo/resolve/abc/w.gguf" | "/elsewhere/w" => weights,
        "/org/repo/resolve/abc/c.json" => b"{}",
        _ => return empty(&mut stream, "404 Not Found", ""),
    };
    let mut body = whole.to_vec();
    if fault == Fault::WrongBytes && body.len() > 100 {
        body[50] ^= 1;
    }
    let (first, last) = span(range.as_deref(), body.len());
    if first >= body.len() {
        return empty(&mut stream, "416 Range Not Satisfiable", "");
    }
    let etag = sum(whole);
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/{}\r\n\
         X-Repo-Commit: abc\r\nETag: \"{etag}\"\r\nConnection: close\r\n\r\n",
        last + 1 - first,
        body.len()
    )?;
    let end = match fault {
        Fault::CutAfter(bytes) if last > bytes => bytes,
        _ => last + 1,
    };
    stream.write_all(&body[first.min(end)..end])?;
    stream.flush()
}

fn span(range: Option<&str>, length: usize) -> (usize, usize) {
    let (first, last) = range.and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
    let last = last.parse().unwrap_or(length - 1);
    (first.parse().unwrap_or(0), last.min(length - 1))
}

fn empty(stream: &mut TcpStream, status: &str, headers: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n")
}
