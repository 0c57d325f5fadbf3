//! Cuts a block into pieces that fit a passage.

use std::ops::Range;

use docent_core::{Block, BlockKind, Embedder, Result};

use crate::sentences::sentence_ends;

/// A tokeniser is given at most about this many bytes at once, so that its memory does not grow with the block.
const TOKENISE_AT_ONCE: usize = 16 * 1024;
/// In a table or program longer than this, ...
const LONG_BLOCK: usize = 1 << 20;
/// ... lines are taken together up to this many bytes: millions of short ones would be as many pieces.
const LINES_TOGETHER: usize = 256;

/// A run of bytes of the document's text that is not cut any further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Index of its block.
    pub(crate) block: usize,
    /// Bytes of the document's text, without white space at either end.
    pub(crate) range: Range<usize>,
    /// Length in tokens.
    pub(crate) tokens: usize,
    /// A heading: it stands with what follows it.
    pub(crate) heading: bool,
    /// Tokens of the table's header row, which stands in front of a passage that begins with this piece.
    pub(crate) header_tokens: usize,
}

/// A text and where its tokens end.
pub(crate) struct Tokens<'t> {
    text: &'t str,
    ends: Vec<usize>,
}

impl<'t> Tokens<'t> {
    /// Tokenises `text`, each part of it once.
    pub(crate) fn of(embedder: &dyn Embedder, text: &'t str) -> Result<Self> {
        let mut ends = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let end = start + cut_for_tokeniser(&text[start..]);
            ends.extend(embedder.token_ends(&text[start..end])?.into_iter().map(|at| start + at));
            start = end;
        }
        Ok(Self { text, ends })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many tokens lie in `range`, wholly or in part.
    pub(crate) fn within(&self, range: &Range<usize>) -> usize {
        if range.is_empty() {
            return 0;
        }
        let first = self.ends.partition_point(|&end| end <= range.start);
        let last = self.ends.partition_point(|&end| end < range.end);
        (last + 1).min(self.ends.len()).saturating_sub(first)
    }

    /// The end of the longest start of `range` that has at most `limit` tokens; more than its start.
    fn reach(&self, range: &Range<usize>, limit: usize) -> usize {
        let first = self.ends.partition_point(|&end| end <= range.start);
        let end = self.ends.get(first + limit.max(1) - 1).copied().unwrap_or(range.end).min(range.end);
        let end = self.text.floor_char_boundary(end);
        if end > range.start { end } else { next_boundary(self.text, range.start) }
    }
}

/// Where to cut the start off a text that is too long for the tokeniser: after white space if there is any.
fn cut_for_tokeniser(text: &str) -> usize {
    if text.len() <= TOKENISE_AT_ONCE {
        return text.len();
    }
    let limit = text.floor_char_boundary(TOKENISE_AT_ONCE);
    let head = &text[..limit];
    let nice = head.rfind('\n').or_else(|| head.rfind(['。', '，', ' '])).filter(|&at| at > limit / 2);
    nice.map_or(limit, |at| next_boundary(text, at))
}

fn next_boundary(text: &str, at: usize) -> usize {
    text.ceil_char_boundary((at + 1).min(text.len()))
}

/// Cuts block number `index` into pieces of at most `limit` tokens each; one piece, if it fits.
pub(crate) fn pieces_of(
    embedder: &dyn Embedder,
    text: &str,
    index: usize,
    block: &Block,
    limit: usize,
) -> Result<Vec<Piece>> {
    let slice = text.get(block.range.clone()).unwrap_or_default();
    if slice.trim().is_empty() {
        return Ok(Vec::new());
    }
    let tokens = Tokens::of(embedder, slice)?;
    let header_tokens = header_tokens(&tokens, block, limit);
    let piece = |range: Range<usize>| {
        let range = trimmed(slice, range);
        let within_header = range.start < block.header;
        Piece {
            block: index,
            // What the tokeniser sees nothing in takes part all the same, so that no passage has a million pieces.
            tokens: tokens.within(&range).max(1),
            range: block.range.start + range.start..block.range.start + range.end,
            heading: block.kind == BlockKind::Heading,
            header_tokens: if within_header { 0 } else { header_tokens },
        }
    };
    if tokens.len() <= limit {
        return Ok(vec![piece(0..slice.len())]);
    }
    // A repeated header row takes its room in every passage but the first.
    let limit = limit - header_tokens;
    let ends = match block.kind {
        BlockKind::Table | BlockKind::Code => line_ends(slice),
        BlockKind::Heading | BlockKind::Paragraph | BlockKind::ListItem => sentence_ends(slice),
    };
    let mut pieces = Vec::new();
    let mut start = 0;
    for end in ends {
        for range in shorten(&tokens, start..end, limit) {
            if !slice[range.clone()].trim().is_empty() {
                pieces.push(piece(range));
            }
        }
        start = end;
    }
    Ok(pieces)
}

/// Tokens of the header row, the line break after it included; 0 where there is none, or it is too long to repeat.
fn header_tokens(tokens: &Tokens<'_>, block: &Block, limit: usize) -> usize {
    if block.kind != BlockKind::Table || block.header == 0 {
        return 0;
    }
    let count = tokens.within(&(0..block.header)) + 1;
    if count <= limit / 3 { count } else { 0 }
}

/// The end of each line, its line break included; of several short ones, in a long text.
fn line_ends(text: &str) -> Vec<usize> {
    let least = if text.len() > LONG_BLOCK { LINES_TOGETHER } else { 1 };
    let (mut ends, mut start, mut end) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        end += line.len();
        if end - start >= least || end == text.len() {
            ends.push(end);
            start = end;
        }
    }
    ends
}

/// Cuts a sentence or line that is longer than `limit` tokens at clauses, between words, or wherever it must be.
fn shorten(tokens: &Tokens<'_>, range: Range<usize>, limit: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let rest = start..range.end;
        if tokens.within(&trimmed(tokens.text, rest.clone())) <= limit {
            parts.push(rest);
            break;
        }
        let reach = tokens.reach(&rest, limit);
        let end = nice_cut(tokens.text, start..reach);
        parts.push(start..end);
        start = end;
    }
    parts
}

/// The best place to end within the second half of `range`: after a clause, else after a word, else at its end.
fn nice_cut(text: &str, range: Range<usize>) -> usize {
    let half = text.ceil_char_boundary(range.start + range.len() / 2);
    let (mut clause, mut word) = (None, None);
    for (at, c) in text[half..range.end].char_indices() {
        let end = half + at + c.len_utf8();
        match c {
            '\n' | '\t' | '，' | '、' | '；' | '：' | '|' => clause = Some(end),
            ',' | ';' | ':' if text[end..].starts_with(char::is_whitespace) => clause = Some(end),
            c if c.is_whitespace() => word = Some(end),
            _ => {}
        }
    }
    clause.or(word).unwrap_or(range.end)
}

/// `range` of `text` without white space at either end.
pub(crate) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let start = range.start + (slice.len() - slice.trim_start().len());
    start..(start + slice.trim().len())
}
