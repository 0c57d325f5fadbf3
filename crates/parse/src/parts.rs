//! Documents inside documents: attachments of messages, members of archives.

use docent_core::{BlockKind, DocumentBuilder, ParsedDocument};

/// Adds the blocks of a part, under its name.
pub(crate) fn transfer(builder: &mut DocumentBuilder, document: &ParsedDocument, name: &str) {
    builder.scanned(document.scanned);
    for block in &document.blocks {
        let body = document.block_text(block);
        let mut place = block.location.clone();
        place.part = Some(match &place.part {
            Some(inner) if inner != "body" => format!("{name}/{inner}"),
            _ => name.to_owned(),
        });
        match block.kind {
            BlockKind::Heading => builder.heading(block.level, body, place),
            BlockKind::Table => builder.table(body, block.header, place),
            kind => builder.push(kind, body, place),
        }
    }
}
