//! What the fuzz targets share: an input's first byte, the parsers as a worker has them, and what has to hold of every
//! answer.

#[path = "../../tests/parsers/compound.rs"]
mod compound;
pub mod office;
pub mod packed;

use std::{
    backtrace::Backtrace,
    path::PathBuf,
    sync::{LazyLock, Mutex, PoisonError},
};

use docent_core::{ParseErrorKind, ParsedDocument, Parser as _};
use docent_parse::{ParseOptions, Parsers, workers::inside};

/// A stretched input is about this long: time that goes with its square is seconds by then.
const STRETCHED: usize = 64 << 10;

static PARSERS: LazyLock<Parsers> = LazyLock::new(|| {
    let models = std::env::var_os("DOCENT_MODELS").map(PathBuf::from);
    let pdfium = models.map(|models| models.join("pdfium/libpdfium.so")).filter(|library| library.is_file());
    let parsers = Parsers::new(ParseOptions { pdfium, ..ParseOptions::default() });
    parsers.load_libraries();
    // From the first file on, the parsers keep panics to themselves. One is remembered here, to be told with what becomes
    // of it.
    let _ = parsers.parse("a.txt".as_ref(), b"words");
    std::panic::set_hook(Box::new(|info| {
        let told = format!("{info}\n{}", Backtrace::force_capture());
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }));
    parsers
});

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Fails, and says so: the parsers' own hook would hide it.
fn fail(why: &str) -> ! {
    eprintln!("{why}\n{}", Backtrace::force_capture());
    std::process::abort();
}

/// Parses `bytes` as a file called `name`.
pub fn parse(name: &str, bytes: &[u8]) {
    match PARSERS.parse(name.as_ref(), bytes) {
        Ok(document) => check(&document),
        Err(error) => {
            if error.kind == ParseErrorKind::Crashed {
                fail(&format!("{error}: {}", LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner)));
            }
            if error.reason.trim().is_empty() {
                fail("an error without a reason");
            }
        }
    }
}

/// What has to hold of a document of ours: the parent of a worker would take it, no block is blank, and characters are
/// where blocks say.
pub fn check(document: &ParsedDocument) {
    if !inside::is_sound(document) {
        fail("a document that its parent would not take");
    }
    check_sound(document);
    let (mut at, mut chars) = (0, 0);
    for block in &document.blocks {
        let text = document.block_text(block);
        if text.trim().is_empty() {
            fail("a blank block");
        }
        let mut pass = |to: usize| {
            chars += document.text[at..to].chars().count() as u64;
            at = to;
            chars
        };
        let place = [pass(block.range.start), pass(block.range.end)];
        if block.location.chars != Some(place) {
            fail(&format!("{block:?} stands at {place:?}"));
        }
    }
}

/// What has to hold of a document that a hostile worker tells of: its blocks are ranges of its text, one behind the
/// other.
pub fn check_sound(document: &ParsedDocument) {
    let mut end = 0;
    for block in &document.blocks {
        let sound = document.text.get(block.range.clone()).and_then(|text| text.get(..block.header));
        if sound.is_none() || block.range.start < end {
            fail(&format!("{block:?} is no range of the text"));
        }
        end = block.range.end;
    }
}

/// What the first byte chooses, and the rest. With its highest bit, the rest is `length, head, again`, which becomes
/// `head, again, again, ...`: what costs the square of its length shows in no other way.
pub fn variant(data: &[u8]) -> Option<(u8, Vec<u8>)> {
    let (&first, rest) = data.split_first()?;
    if first & 0x80 == 0 {
        return Some((first, rest.to_vec()));
    }
    let (&length, rest) = rest.split_first()?;
    let (head, again) = rest.split_at_checked(length.into())?;
    if again.is_empty() {
        return None;
    }
    let mut bytes = head.to_vec();
    bytes.extend(again.iter().cycle().take(STRETCHED.saturating_sub(head.len())));
    Some((first & 0x7F, bytes))
}

/// One of `all`.
pub fn pick<T: Copy>(all: &[T], number: u8) -> T {
    all[usize::from(number) % all.len()]
}
