//! The child's side: reads files from its standard input until that ends.

use std::{
    io::{self, BufReader, Read, Write},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use docent_core::RecognisedPage;

use super::{Answer, Greeting, Setup, WorkerLimits, read_frame, read_json, seal, write_frame, write_json};
use crate::{OnPage, ParseOptions, Parsed, Parsers};

/// Works for the process that started this one, until it closes the pipe. Call it first in `main`, before there is a
/// second thread.
pub fn serve() -> ExitCode {
    serve_with(|options, on_page| {
        let parsers = Parsers::telling(options, on_page);
        parsers.load_libraries();
        parsers
    })
}

/// What a worker does with a file.
pub trait Work {
    /// As [`Parsers::parse_with`].
    ///
    /// # Errors
    /// What is wrong with the file.
    fn work(&self, path: &Path, bytes: &[u8], known: &[RecognisedPage]) -> Parsed;
}

impl Work for Parsers {
    fn work(&self, path: &Path, bytes: &[u8], known: &[RecognisedPage]) -> Parsed {
        self.parse_with(path, bytes, known)
    }
}

/// As [`serve`], with a parser of one's own. `parser` is made before the seal, and may load what it needs.
pub fn serve_with<W: Work>(parser: impl FnOnce(ParseOptions, OnPage) -> W) -> ExitCode {
    match work(parser) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work<W: Work>(parser: impl FnOnce(ParseOptions, OnPage) -> W) -> io::Result<()> {
    let mut input = BufReader::new(io::stdin().lock());
    let output = Arc::new(Mutex::new(answers()?));
    let setup: Setup = read_json(&mut input)?;
    seal::die_with(setup.parent)?;
    if setup.options.ocr.is_some() {
        stand_back();
    }
    let parser = parser(setup.options, tell_pages(&output, setup.limits));
    let seal = seal::seal(setup.limits.memory)?;
    {
        let mut output = lock(&output);
        write_json(&mut *output, &Greeting { seal })?;
        output.flush()?;
    }
    while let Some(file) = next_file(&mut input)? {
        let parsed = read(&parser, &file, setup.limits)?;
        drop(file);
        answer(parsed, &mut *lock(&output))?;
    }
    Ok(())
}

/// Lets everything else on this machine go first: nobody waits for OCR.
fn stand_back() {
    #[cfg(unix)]
    {
        const NICE: i32 = 10;
        // Where it is not allowed, it is not needed.
        let _ = rustix::process::setpriority_process(None, NICE);
    }
}

/// Tells the parent of each page that OCR read; the next one has time of its own.
fn tell_pages<T: Write + Send + 'static>(output: &Arc<Mutex<T>>, limits: WorkerLimits) -> OnPage {
    let output = Arc::clone(output);
    Box::new(move |event| {
        let mut output = lock(&output);
        // A parent that is gone is met again with the answer.
        let _ = write_json(&mut *output, &Answer::Page(event)).and_then(|()| output.flush());
        let _ = seal::limit_processor_time(limits.seconds);
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the parent sends of a file.
struct File {
    name: String,
    bytes: Vec<u8>,
    known: Vec<RecognisedPage>,
}

/// The next file; `None` at the end of the work.
fn next_file(input: &mut impl Read) -> io::Result<Option<File>> {
    let name = match read_frame(input, 1 << 16) {
        Ok(name) => String::from_utf8_lossy(&name).into_owned(),
        Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(broken) => return Err(broken),
    };
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    // Room for all of it at once: memory that grows takes twice as much. Where there is not enough, this process ends, and
    // says why.
    let mut bytes = vec![0; u64::from_le_bytes(length) as usize];
    input.read_exact(&mut bytes)?;
    let known = read_json(input)?;
    Ok(Some(File { name, bytes, known }))
}

fn read(parser: &dyn Work, file: &File, limits: WorkerLimits) -> io::Result<Parsed> {
    seal::limit_processor_time(limits.seconds)?;
    Ok(parser.work(Path::new(&file.name), &file.bytes, &file.known))
}

fn answer(parsed: Parsed, output: &mut impl Write) -> io::Result<()> {
    match parsed {
        Ok(mut document) => {
            let text = std::mem::take(&mut document.text);
            write_json(output, &Answer::Parsed(document))?;
            write_frame(output, text.as_bytes())?;
        }
        Err(error) => write_json(output, &Answer::Refused(error))?,
    }
    output.flush()
}

/// The pipe to the parent. Standard output itself leads nowhere from here on: a library that prints must not be
/// taken for an answer.
#[cfg(unix)]
fn answers() -> io::Result<impl Write + Send + use<>> {
    use std::{fs::File, io::BufWriter};
    let pipe = rustix::io::dup(rustix::stdio::stdout())?;
    rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok(BufWriter::new(File::from(pipe)))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn answers() -> io::Result<impl Write + Send + use<>> {
    Ok(io::BufWriter::new(io::stdout()))
}
