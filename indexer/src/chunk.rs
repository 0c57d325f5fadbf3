//! Cuts a document into passages along its structure.
//!
//! Blocks are taken in reading order. A passage never reaches across a page, slide, sheet, part or top heading
//! (level 1 or 2); within those bounds small blocks are packed together, and a block that is too long is cut at
//! sentences, lines, clauses or words. Each block is tokenised once.

use std::ops::Range;

use docent_core::{Block, BlockKind, Embedder, Location, ParsedDocument, Passage, Result};

use crate::{
    pieces::{Piece, Tokens, pieces_of, trimmed},
    ruler::Ruler,
};

/// Tokens kept free in each passage: the model's marks, its prefix (`passage: `), and what a tokeniser makes of
/// the seams between pieces.
const RESERVE: usize = 8;
/// The most tokens of title and headings.
const CONTEXT_TOKENS: usize = 48;
/// A last passage shorter than this takes something from the one before.
const SHORT: usize = 32;
/// What joins title and headings.
const JOINT: &str = " > ";

/// Cuts `document` into passages of at most `limit` tokens each, context included, as `embedder` counts them.
///
/// A passage's text is an exact slice of the document's text, in front of which a later part of a table repeats
/// its header row. `location.chars` and `location.lines` say where the slice stands.
///
/// # Errors
/// The embedder's tokeniser is not installed or cannot be loaded.
pub fn chunk(document: &ParsedDocument, embedder: &dyn Embedder, limit: usize) -> Result<Vec<Passage>> {
    let mut chunker = Chunker {
        document,
        embedder,
        ruler: Ruler::new(&document.text),
        limit: limit.min(embedder.max_tokens()).saturating_sub(RESERVE).max(16),
        context: None,
    };
    let mut passages = Vec::new();
    for section in sections(&document.blocks) {
        chunker.section(section, &mut passages)?;
    }
    Ok(passages)
}

/// The runs of blocks that a passage may not reach across.
fn sections(blocks: &[Block]) -> Vec<Range<usize>> {
    let mut sections = Vec::new();
    let mut start = 0;
    for at in 1..blocks.len() {
        if breaks(&blocks[at - 1], &blocks[at]) {
            sections.push(start..at);
            start = at;
        }
    }
    if start < blocks.len() {
        sections.push(start..blocks.len());
    }
    sections
}

fn breaks(before: &Block, block: &Block) -> bool {
    let place =
        |location: &Location| (location.page, location.slide, location.sheet.clone(), location.part.clone());
    // A heading right below a higher one has no text to part it from: both stand over what follows.
    let top = block.kind == BlockKind::Heading && block.level <= 2;
    let stacked = before.kind == BlockKind::Heading && before.level < block.level;
    (top && !stacked) || place(&before.location) != place(&block.location)
}

/// Pieces that make a passage.
struct Group {
    pieces: Range<usize>,
    tokens: usize,
    limit: usize,
}

struct Chunker<'d> {
    document: &'d ParsedDocument,
    embedder: &'d dyn Embedder,
    ruler: Ruler<'d>,
    limit: usize,
    /// The last heading path, its context, and the tokens of that.
    context: Option<(Vec<String>, String, usize)>,
}

impl Chunker<'_> {
    fn section(&mut self, section: Range<usize>, passages: &mut Vec<Passage>) -> Result<()> {
        let mut pieces = Vec::new();
        // Tokens of the headings just before a block, which are to stand with its start.
        let mut lead = 0;
        for index in section {
            let block = &self.document.blocks[index];
            let room = self.room(&block.location.heading)?;
            let limit = if lead <= room / 3 { room - lead } else { room };
            let new = pieces_of(self.embedder, &self.document.text, index, block, limit)?;
            lead = if block.kind == BlockKind::Heading {
                lead + new.iter().map(|piece| piece.tokens + 1).sum::<usize>()
            } else {
                0
            };
            pieces.extend(new);
        }
        let mut groups = self.pack(&pieces)?;
        self.balance(&pieces, &mut groups)?;
        for group in groups {
            let passage = self.passage(&pieces[group.pieces])?;
            passages.push(passage);
        }
        Ok(())
    }

    /// Tokens that the text of a passage below `heading` may have.
    fn room(&mut self, heading: &[String]) -> Result<usize> {
        let (_, tokens) = self.context(heading)?;
        Ok(self.limit - tokens)
    }

    /// Title and headings as one line, and its length in tokens with the line break after it.
    fn context(&mut self, heading: &[String]) -> Result<(String, usize)> {
        if let Some((path, context, tokens)) = &self.context
            && path == heading
        {
            return Ok((context.clone(), *tokens));
        }
        let (context, tokens) = self.make_context(heading)?;
        self.context = Some((heading.to_vec(), context.clone(), tokens));
        Ok((context, tokens))
    }

    fn make_context(&self, heading: &[String]) -> Result<(String, usize)> {
        let most = CONTEXT_TOKENS.min(self.limit / 4);
        let title = self.document.title.as_deref().map(one_line).filter(|title| !title.is_empty());
        let headings = heading.iter().map(|text| one_line(text)).filter(|text| !text.is_empty());
        let mut parts: Vec<String> = title.into_iter().collect();
        for text in headings {
            if parts.last() != Some(&text) {
                parts.push(text);
            }
        }
        // The outermost and the innermost say the most.
        loop {
            let context = parts.join(JOINT);
            let ends = self.embedder.token_ends(&context)?;
            if context.is_empty() {
                return Ok((context, 0));
            }
            if ends.len() < most {
                return Ok((context, ends.len() + 1));
            }
            if parts.len() > 2 {
                parts.remove(1);
                continue;
            }
            let cut = context.floor_char_boundary(ends[most.saturating_sub(2)]);
            return Ok((context[..cut].trim_end().to_owned(), most));
        }
    }

    /// Tokens of what stands between two pieces, markup say.
    fn gap(&self, before: &Piece, piece: &Piece) -> Result<usize> {
        let gap = self.document.text.get(before.range.end..piece.range.start).unwrap_or_default();
        if gap.trim().is_empty() { Ok(0) } else { Ok(Tokens::of(self.embedder, gap)?.len()) }
    }

    /// Takes pieces together, in order, as long as they fit.
    fn pack(&mut self, pieces: &[Piece]) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            if let Some(group) = groups.last_mut() {
                let with_gap = piece.tokens + self.gap(&pieces[at - 1], piece)?;
                // A heading does not end a passage, and does not come late in one.
                let follower =
                    if piece.heading { pieces.get(at + 1).map_or(0, |next| next.tokens) } else { 0 };
                let late = piece.heading && !pieces[at - 1].heading && group.tokens > group.limit / 2;
                if group.tokens + with_gap + follower <= group.limit && !late {
                    group.tokens += with_gap;
                    group.pieces.end = at + 1;
                    continue;
                }
                // Headings that closed the passage go along, unless they are all of it.
                let headings =
                    pieces[group.pieces.clone()].iter().rev().take_while(|piece| piece.heading).count();
                if headings > 0 && headings < group.pieces.len() && !piece.heading {
                    let start = at - headings;
                    let moved = self.measure(pieces, start..at + 1)?;
                    if moved.tokens <= moved.limit {
                        group.pieces.end = start;
                        groups.push(moved);
                        continue;
                    }
                }
            }
            groups.push(self.measure(pieces, at..at + 1)?);
        }
        Ok(groups)
    }

    /// A passage of these pieces, with its length and its limit.
    fn measure(&mut self, pieces: &[Piece], range: Range<usize>) -> Result<Group> {
        let first = &pieces[range.start];
        let mut tokens = first.header_tokens;
        for at in range.clone() {
            tokens += pieces[at].tokens;
            if at > range.start {
                tokens += self.gap(&pieces[at - 1], &pieces[at])?;
            }
        }
        let limit = self.room(&self.document.blocks[first.block].location.heading)?;
        Ok(Group { pieces: range, tokens, limit })
    }

    /// Shares the pieces of the last two passages of a section more evenly, when the last is very short.
    fn balance(&mut self, pieces: &[Piece], groups: &mut [Group]) -> Result<()> {
        let [.., before, last] = groups else { return Ok(()) };
        if last.tokens >= SHORT || pieces[last.pieces.start].heading {
            return Ok(());
        }
        let mut best: Option<(usize, Group, Group)> = None;
        for cut in before.pieces.start + 1..last.pieces.start {
            if pieces[cut - 1].heading {
                continue;
            }
            let first = self.measure(pieces, before.pieces.start..cut)?;
            let second = self.measure(pieces, cut..last.pieces.end)?;
            if first.tokens > first.limit || second.tokens > second.limit {
                continue;
            }
            let longer = first.tokens.max(second.tokens);
            if best.as_ref().is_none_or(|(length, ..)| longer < *length) {
                best = Some((longer, first, second));
            }
        }
        if let Some((_, first, second)) = best {
            *before = first;
            *last = second;
        }
        Ok(())
    }

    fn passage(&mut self, pieces: &[Piece]) -> Result<Passage> {
        let (first, last) = (&pieces[0], &pieces[pieces.len() - 1]);
        let document = self.document;
        let block = &document.blocks[first.block];
        let slice = document.text.get(first.range.start..last.range.end).unwrap_or_default();
        let text = if first.header_tokens > 0 {
            let header = document.block_text(block).get(..block.header).unwrap_or_default();
            format!("{}\n{slice}", header.trim_end())
        } else {
            slice.to_owned()
        };
        let mut location = self.place(first);
        let mut seen = first.block;
        for piece in &pieces[1..] {
            // Of a block that is wholly inside, the first piece would do; cuts end only the last one.
            if piece.block != seen || std::ptr::eq(piece, last) {
                location = location.through(&self.place(piece));
                seen = piece.block;
            }
        }
        location.chars = Some([self.ruler.chars(first.range.start), self.ruler.chars(last.range.end)]);
        let (context, _) = self.context(&block.location.heading)?;
        Ok(Passage { text, context, location })
    }

    /// Where a piece stands: its block's place, narrowed to its own lines and cells where they are known.
    fn place(&self, piece: &Piece) -> Location {
        let block = &self.document.blocks[piece.block];
        let whole = trimmed(&self.document.text, block.range.clone());
        let mut location = block.location.clone();
        if piece.range == whole {
            return location;
        }
        let breaks = |at: usize| self.ruler.breaks(at) - self.ruler.breaks(whole.start);
        let (from, to) = (breaks(piece.range.start) as u32, breaks(piece.range.end) as u32);
        let lines_in_block = breaks(whole.end) as u32 + 1;
        if let Some([a, b]) = location.lines
            && b.checked_sub(a) == Some(lines_in_block - 1)
        {
            location.lines = Some([a + from, a + to]);
        }
        if let Some(cells) =
            location.cells.as_deref().and_then(|cells| rows_of(cells, lines_in_block, from, to))
        {
            location.cells = Some(cells);
        }
        location
    }
}

/// Rows `from..=to` (from 0) of a range of cells that has `rows` rows; `None` if it has another number.
fn rows_of(cells: &str, rows: u32, from: u32, to: u32) -> Option<String> {
    let (first, last) = cells.split_once(':').unwrap_or((cells, cells));
    let split = |cell: &str| {
        let digits = cell.find(|c: char| c.is_ascii_digit())?;
        Some((cell[..digits].to_owned(), cell[digits..].parse::<u32>().ok()?))
    };
    let ((left, top), (right, bottom)) = (split(first)?, split(last)?);
    if bottom.checked_sub(top)? + 1 != rows || top == 0 {
        return None;
    }
    let (from, to) = (format!("{left}{}", top + from), format!("{right}{}", top + to));
    Some(if from == to { from } else { format!("{from}:{to}") })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
