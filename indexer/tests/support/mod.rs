//! A home in memory, a folder on disk, and a parser of plain text.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use docent_core::{
    BlockKind, DocumentBuilder, Embedder, IndexConfig, Location, ParseError, ParseErrorKind, ParsedDocument,
    Parser, RecognisedPage, Recogniser, RootId,
};
use docent_indexer::{Cancel, Indexer, Progress, RunReport, Scope};
use docent_testkit::{FakeEmbedder, FakeStore};
use tempfile::TempDir;

/// Paragraphs parted by blank lines; `# ` begins a heading. Some words make it fail.
pub struct TextParser;

impl Parser for TextParser {
    fn parse(&self, _: &Path, bytes: &[u8]) -> Result<ParsedDocument, ParseError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| ParseError::new(ParseErrorKind::Unsupported, "no text in it: binary"))?;
        assert!(!text.contains("PANIC"), "asked to");
        if text.contains("LOCKED") {
            return Err(ParseError::new(ParseErrorKind::Encrypted, "password needed"));
        }
        if text.contains("LIBRARY") {
            return Err(ParseError::new(ParseErrorKind::Unavailable, "needs a library"));
        }
        let mut builder = DocumentBuilder::new("text/plain");
        let (text, scanned) = text.split_once("SCAN").unwrap_or((text, ""));
        builder.scanned(scanned.lines().filter(|page| !page.is_empty()).count() as u32);
        for part in text.split("\n\n") {
            match part.strip_prefix("# ") {
                Some(heading) => builder.heading(1, heading, Location::default()),
                None => builder.push(BlockKind::Paragraph, part, Location::default()),
            }
        }
        Ok(builder.finish())
    }
}

/// Reads what stands behind `SCAN`, a line a page; some pages make it fail.
#[derive(Default)]
pub struct PageReader {
    /// The pages that it has read, in order.
    pub read: Mutex<Vec<String>>,
}

impl Recogniser for PageReader {
    fn recognise(
        &self,
        path: &Path,
        bytes: &[u8],
        known: &[RecognisedPage],
        on_page: &mut dyn FnMut(RecognisedPage) -> ControlFlow<()>,
    ) -> Result<Option<ParsedDocument>, ParseError> {
        let own = TextParser.parse(path, bytes)?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        let pages = text.split_once("SCAN").map_or("", |(_, pages)| pages);
        let mut builder = DocumentBuilder::new("text/plain");
        for block in &own.blocks {
            builder.push(BlockKind::Paragraph, own.block_text(block), Location::default());
        }
        for (number, page) in pages.lines().filter(|page| !page.is_empty()).enumerate() {
            let number = number as u32;
            if page.contains("UNAVAILABLE") {
                return Err(ParseError::new(ParseErrorKind::Unavailable, "no model"));
            }
            if page.contains("BREAKS") {
                return Err(ParseError::new(ParseErrorKind::Crashed, "its parser broke down on it"));
            }
            let seen = known.iter().find(|known| known.number == number);
            let content = if let Some(seen) = seen {
                seen.content.clone()
            } else {
                self.read.lock().unwrap().push(page.to_owned());
                let content = page.to_owned();
                if on_page(RecognisedPage { number, content: content.clone() }).is_break() {
                    return Ok(None);
                }
                content
            };
            builder.push(BlockKind::Paragraph, &content, Location::default());
        }
        Ok(Some(builder.finish()))
    }
}

pub struct World {
    pub dir: TempDir,
    pub store: Arc<FakeStore>,
    pub embedder: Arc<FakeEmbedder>,
    pub config: IndexConfig,
    pub root: RootId,
}

impl World {
    /// A collection with the empty folder `docs` as its root.
    pub fn new() -> Self {
        Self::with(FakeStore::new(), FakeEmbedder::new())
    }

    pub fn with(store: FakeStore, embedder: FakeEmbedder) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("docs")).unwrap();
        let root = store.add_root("work", &dir.path().join("docs"));
        let config = IndexConfig { parse_threads: 2, ..IndexConfig::default() };
        Self { dir, store: Arc::new(store), embedder: Arc::new(embedder), config, root }
    }

    /// The path of something in `docs`.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("docs").join(relative)
    }

    pub fn write(&self, relative: impl AsRef<Path>, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn indexer(&self) -> Indexer {
        self.indexer_with(Arc::new(TextParser), Arc::clone(&self.embedder) as _)
    }

    pub fn indexer_with(&self, parser: Arc<dyn Parser>, embedder: Arc<dyn Embedder>) -> Indexer {
        Indexer::new(Arc::clone(&self.store) as _, parser, embedder, self.config.clone())
    }

    pub fn run(&self) -> RunReport {
        self.run_scope(&Scope::All)
    }

    pub fn run_scope(&self, scope: &Scope) -> RunReport {
        self.indexer().run_once(scope, &|_: Progress| {}, &Cancel::new()).unwrap()
    }

    /// Leads to the root by so long a path that the system can open it, and nothing in it: for root too.
    #[cfg(target_os = "linux")]
    pub fn lengthen(&self) {
        const LONGEST: usize = 4094;
        let parent = self.dir.path().canonicalize().unwrap();
        let slashes = LONGEST - parent.as_os_str().len() - "docs".len();
        let long = format!("{}{}docs", parent.display(), "/".repeat(slashes));
        self.store.change_root(self.root, |root| root.path = long.into());
    }

    /// Leads to the root as at first.
    pub fn shorten(&self) {
        let path = self.path("").canonicalize().unwrap();
        self.store.change_root(self.root, |root| root.path = path);
    }

    /// The reason of the file's state, after the state's name.
    pub fn state(&self, relative: impl AsRef<Path>) -> String {
        match self.store.state_of(relative) {
            None => "unknown".into(),
            Some((state, None)) => state.as_str().into(),
            Some((state, Some(reason))) => format!("{}: {reason}", state.as_str()),
        }
    }

    pub fn is_root_user() -> bool {
        fs::read_to_string("/proc/self/status").is_ok_and(|status| {
            status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(1) == Some("0"))
        })
    }
}
