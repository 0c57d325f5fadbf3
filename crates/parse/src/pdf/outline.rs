//! The outline: what the document itself calls its headings, and where they stand.

use std::collections::HashMap;

use pdfium_render::prelude::{PdfBookmark, PdfDocument};

/// Entries that are looked at. An outline may be made to never end.
const MOST: usize = 20_000;
/// Levels that are told apart.
const DEEPEST: u8 = 6;

/// The headings of an outline by page (from 1) and words.
#[derive(Debug, Default)]
pub(super) struct Outline {
    levels: HashMap<(u32, String), u8>,
}

impl Outline {
    pub(super) fn of(document: &PdfDocument<'_>) -> Self {
        let mut levels = HashMap::new();
        let mut waiting: Vec<(PdfBookmark<'_>, u8)> =
            document.bookmarks().root().map(|first| (first, 1)).into_iter().collect();
        for _ in 0..MOST {
            let Some((entry, level)) = waiting.pop() else { break };
            if let (Some(title), Some(page)) = (entry.title(), page_of(&entry)) {
                let words = key(&title);
                if !words.is_empty() {
                    levels.entry((page, words)).or_insert(level.min(DEEPEST));
                }
            }
            waiting.extend(entry.next_sibling().map(|next| (next, level)));
            waiting.extend(entry.first_child().map(|child| (child, level.saturating_add(1))));
        }
        Self { levels }
    }

    /// The level of a paragraph that is a heading by the outline.
    pub(super) fn level(&self, page: u32, text: &str) -> Option<u8> {
        if self.levels.is_empty() {
            return None;
        }
        self.levels.get(&(page, key(text))).copied()
    }
}

fn page_of(entry: &PdfBookmark<'_>) -> Option<u32> {
    let index = entry.destination()?.page_index().ok()?;
    u32::try_from(index).ok()?.checked_add(1)
}

/// Letters and digits: the numbers of chapters are written with and without a dot, words with other spaces.
fn key(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
