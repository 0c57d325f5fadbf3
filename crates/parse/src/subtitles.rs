//! Subtitles (SubRip and WebVTT): what is said, without numbers, times and tags.

use docent_core::{BlockKind, DocumentBuilder, Location, ParsedDocument};

use crate::text;

/// A paragraph ends with the sentence that makes it so long, in bytes, ...
const ENOUGH: usize = 500;
/// ... and at this length in any case.
const MOST: usize = 1500;
/// A tag is no longer than this.
const LONGEST_TAG: usize = 200;

pub(crate) fn parse(text: String) -> ParsedDocument {
    let is_vtt = text.trim_start_matches('\u{feff}').starts_with("WEBVTT");
    if !is_vtt && !text.lines().take(100).any(is_timing) {
        // Something else by that name.
        return text::parse(text);
    }
    let mut speech = Speech {
        builder: DocumentBuilder::new(if is_vtt { "text/vtt" } else { "application/x-subrip" }),
        is_vtt,
        paragraph: String::new(),
        place: Location::default(),
        speaker: String::new(),
        last: String::new(),
    };
    let mut in_cue = false;
    for (at, line) in text.lines().enumerate() {
        if is_timing(line) {
            in_cue = true;
        } else if line.trim().is_empty() {
            // Numbers, names of cues and notes stand before the time.
            in_cue = false;
        } else if in_cue {
            speech.add(line.trim(), u32::try_from(at + 1).unwrap_or(u32::MAX));
        }
    }
    speech.flush();
    speech.builder.finish()
}

/// Whether a line says when a cue is shown: `00:01:02,500 --> 00:01:04,000`.
fn is_timing(line: &str) -> bool {
    let Some((from, to)) = line.split_once("-->") else { return false };
    let is_time = |text: &str| {
        text.contains(':')
            && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b','))
    };
    is_time(from.trim()) && to.split_whitespace().next().is_some_and(is_time)
}

struct Speech {
    builder: DocumentBuilder,
    is_vtt: bool,
    paragraph: String,
    place: Location,
    speaker: String,
    /// The line before.
    last: String,
}

impl Speech {
    fn add(&mut self, line: &str, number: u32) {
        let (speaker, words) = spoken(line);
        let words = words.trim();
        // Captions that roll repeat each line until it is gone.
        if words.is_empty() || (self.is_vtt && words == self.last) {
            return;
        }
        words.clone_into(&mut self.last);
        if let Some(speaker) = speaker.filter(|speaker| *speaker != self.speaker) {
            self.flush();
            self.paragraph = format!("{speaker}: ");
            self.speaker = speaker;
        } else if !self.paragraph.is_empty() {
            self.paragraph.push('\n');
        }
        self.paragraph.push_str(words);
        let first = self.place.lines.map_or(number, |lines| lines[0]);
        self.place.lines = Some([first, number]);
        let is_end = words.ends_with(['.', '!', '?', '"', '”', '。', '！', '？', '…', '」']);
        if (self.paragraph.len() >= ENOUGH && is_end) || self.paragraph.len() >= MOST {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        self.builder.push(BlockKind::Paragraph, &paragraph, std::mem::take(&mut self.place));
    }
}

/// The words of a line, and who a tag says speaks them.
fn spoken(line: &str) -> (Option<String>, String) {
    let mut speaker = None;
    let mut words = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['<', '{']) {
        let (before, from) = rest.split_at(at);
        words.push_str(before);
        let Some(tag) = tag(from) else {
            words.push_str(&from[..1]);
            rest = &from[1..];
            continue;
        };
        let inside = &tag[1..tag.len() - 1];
        if let Some((name, voice)) = inside.split_once(char::is_whitespace)
            && tag.starts_with('<')
            && (name == "v" || name.starts_with("v."))
        {
            speaker = Some(entities(voice.trim())).filter(|voice| !voice.is_empty());
        }
        rest = &from[tag.len()..];
    }
    words.push_str(rest);
    (speaker, entities(&words))
}

/// The tag that `text` starts with: `<i>`, `</c>`, `<00:01.000>`, `{\an8}`.
fn tag(text: &str) -> Option<&str> {
    let close = if text.starts_with('<') { b'>' } else { b'}' };
    let end = text.bytes().take(LONGEST_TAG).position(|byte| byte == close)?;
    let is_tag = match text.as_bytes().get(1)? {
        b'\\' => close == b'}',
        b'/' => close == b'>',
        byte => close == b'>' && byte.is_ascii_alphanumeric(),
    };
    is_tag.then(|| &text[..=end])
}

fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let replaced = text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ");
    replaced.replace("&lrm;", "").replace("&rlm;", "").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<(String, Option<[u32; 2]>)> {
        let document = parse(text.to_owned());
        document.blocks.iter().map(|b| (document.block_text(b).to_owned(), b.location.lines)).collect()
    }

    #[test]
    fn cues_are_joined() {
        let text = "1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>First</i> line\r\nsecond\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000 X1:0\r\n{\\an8}a < b {c}\r\n2026\r\n";
        assert_eq!(blocks(text), [("First line\nsecond\na < b {c}\n2026".to_owned(), Some([3, 9]))]);
        let long = format!("1\n00:00:01,000 --> 00:00:02,000\n{}.\n\n", "word ".repeat(120).trim());
        assert_eq!(blocks(&long.repeat(3)).len(), 3);
    }

    #[test]
    fn speakers_and_notes_of_webvtt() {
        let text = "WEBVTT - x\n\nNOTE hidden\nstill\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.000 align:left\n<v.loud Ann Lee>Hello &amp; <00:01.500><c>welcome</c>\n\n00:02.000 --> 00:03.000\n<v Ann Lee>again\n\n00:03.000 --> 00:04.000\nagain\n<v 张伟>你好。</v>\n";
        assert_eq!(
            blocks(text),
            [
                ("Ann Lee: Hello & welcome\nagain".to_owned(), Some([11, 14])),
                ("张伟: 你好。".to_owned(), Some([18, 18])),
            ]
        );
    }

    #[test]
    fn something_else_stays_plain() {
        let document = parse("Just notes --> here.\n".to_owned());
        assert_eq!((document.mime.as_str(), document.blocks.len()), ("text/plain", 1));
    }
}
