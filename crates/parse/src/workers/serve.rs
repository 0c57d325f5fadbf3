//! The child's side: reads files from its standard input until that ends.

use std::{
    io::{self, BufReader, Read, Write},
    path::Path,
    process::ExitCode,
};

use docent_core::Parser;

use super::{Answer, Greeting, Setup, WorkerLimits, read_frame, read_json, seal, write_frame, write_json};
use crate::{ParseOptions, Parsers};

/// Works for the process that started this one, until it closes the pipe. Call it first in `main`, before there is a
/// second thread.
pub fn serve() -> ExitCode {
    serve_with(|options| {
        let parsers = Parsers::new(options);
        parsers.load_libraries();
        parsers
    })
}

/// As [`serve`], with a parser of one's own. `parser` is made before the seal, and may load what it needs.
pub fn serve_with<P: Parser>(parser: impl FnOnce(ParseOptions) -> P) -> ExitCode {
    match work(parser) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work<P: Parser>(parser: impl FnOnce(ParseOptions) -> P) -> io::Result<()> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = answers()?;
    let setup: Setup = read_json(&mut input)?;
    seal::die_with(setup.parent)?;
    let parser = parser(setup.options);
    let seal = seal::seal(setup.limits.memory)?;
    write_json(&mut output, &Greeting { seal })?;
    output.flush()?;
    while let Some((name, bytes)) = next_file(&mut input)? {
        answer(&parser, &name, bytes, setup.limits, &mut output)?;
    }
    Ok(())
}

/// A name and the bytes behind it; `None` at the end of the work.
fn next_file(input: &mut impl Read) -> io::Result<Option<(String, Vec<u8>)>> {
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
    Ok(Some((name, bytes)))
}

fn answer(
    parser: &dyn Parser,
    name: &str,
    bytes: Vec<u8>,
    limits: WorkerLimits,
    output: &mut impl Write,
) -> io::Result<()> {
    seal::limit_processor_time(limits.seconds)?;
    let parsed = parser.parse(Path::new(name), &bytes);
    drop(bytes);
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
fn answers() -> io::Result<impl Write> {
    use std::{fs::File, io::BufWriter};
    let pipe = rustix::io::dup(rustix::stdio::stdout())?;
    rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok(BufWriter::new(File::from(pipe)))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn answers() -> io::Result<impl Write> {
    Ok(io::BufWriter::new(io::stdout().lock()))
}
