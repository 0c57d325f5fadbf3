//! The style sheet of RTF: which styles are those of headings.

use std::collections::HashMap;

/// The most styles kept.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Styles {
    levels: HashMap<i32, u8>,
    /// The name of the style that is open.
    pub(super) name: String,
}

impl Styles {
    /// Ends a style. `outline`: the level that it gives its paragraphs.
    pub(super) fn end(&mut self, number: i32, outline: Option<u8>) {
        let name = std::mem::take(&mut self.name);
        let name = name.split([';', ',']).next().unwrap_or_default().trim().to_lowercase();
        if name.is_empty() {
            return;
        }
        let level = outline.or_else(|| {
            let number = name.strip_prefix("heading")?.trim();
            number.parse().ok().filter(|level| (1..=9).contains(level))
        });
        let level = level.or((name == "title").then_some(1));
        if let Some(level) = level
            && self.levels.len() < MOST
        {
            self.levels.insert(number, level.min(6));
        }
    }

    /// The level of headings in this style; 0 for other paragraphs.
    pub(super) fn level(&self, number: i32) -> u8 {
        self.levels.get(&number).copied().unwrap_or(0)
    }
}
