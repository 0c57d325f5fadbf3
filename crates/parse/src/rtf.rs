//! RTF: a small reader of its groups, destinations and characters.
//!
//! Groups are kept in a list of our own, and only so many of them, so depth costs nothing. Page breaks are where one
//! program breaks pages, so there are no page numbers.

mod charset;
mod flow;
mod styles;
mod words;

use std::{collections::HashMap, mem};

use docent_core::{BlockKind, Location};

use self::{
    charset::{Charset, Page},
    flow::{Aside, Ending, Flow},
    styles::Styles,
    words::Target,
};
use crate::{Parsed, damaged};

/// Groups deeper than this keep no state of their own.
const DEEPEST: usize = 10_000;
/// The most fonts kept.
const MOST_FONTS: usize = 100_000;
/// Letters of a control word.
const LONGEST_WORD: usize = 32;

/// Reads a file.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let mut reader = Reader::new(bytes);
    reader.read();
    reader.finish()
}

/// Where text goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Destination {
    #[default]
    Text,
    Title,
    Fonts,
    Styles,
    Info,
    /// A drawing: only the text of its boxes is read.
    Shape,
    /// Text for programs that know no Unicode, with the right one in it.
    Twice,
    Skipped,
}

/// What a group takes over from the one around it.
#[derive(Clone, Copy, Debug)]
struct State {
    destination: Destination,
    /// The destination around a [`Destination::Twice`].
    around: Destination,
    /// How many characters stand in for each Unicode one.
    stand_ins: u16,
    font: i32,
    is_hidden: bool,
    is_deleted: bool,
    style: i32,
    /// Level of the outline; `None`: that of the style.
    outline: Option<u8>,
    in_table: bool,
    is_item: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            destination: Destination::Text,
            around: Destination::Text,
            stand_ins: 1,
            font: 0,
            is_hidden: false,
            is_deleted: false,
            style: 0,
            outline: None,
            in_table: false,
            is_item: false,
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    state: State,
    groups: Vec<State>,
    /// How many groups are open beyond those that are kept.
    beyond: usize,
    /// Whether `\*` was the last thing read.
    is_starred: bool,
    /// Bytes of text not yet decoded, and whether some outside ASCII stand in the file as they are.
    run: Vec<u8>,
    is_raw: bool,
    /// Characters left that stand in for a Unicode one.
    to_skip: u16,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    page: Page,
    default_font: i32,
    fonts: HashMap<i32, Charset>,
    styles: Styles,
    title: String,
    flow: Flow,
    /// How many groups were open when the text beside the running text began.
    aside: Option<usize>,
    is_header_row: bool,
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            at: bytes.iter().position(|byte| *byte == b'{').unwrap_or(0),
            state: State::default(),
            groups: Vec::new(),
            beyond: 0,
            is_starred: false,
            run: Vec::new(),
            is_raw: false,
            to_skip: 0,
            high: None,
            page: Page::of_number(1252).unwrap_or(Page::Symbols),
            default_font: 0,
            fonts: HashMap::new(),
            styles: Styles::default(),
            title: String::new(),
            flow: Flow::new(),
            aside: None,
            is_header_row: false,
        }
    }

    fn read(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'{' => self.open_group(),
                b'}' => {
                    self.close_group();
                    if self.groups.is_empty() {
                        // What follows the document is none of it.
                        return;
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' | b'\0' => {}
                _ => {
                    self.is_raw |= !byte.is_ascii();
                    self.byte(byte);
                }
            }
        }
    }

    fn finish(mut self) -> Parsed {
        self.flush();
        let is_cut = self.groups.len() + self.beyond > 1;
        let ending = self.ending();
        let mut builder = self.flow.finish(ending);
        if is_cut {
            if builder.text_bytes() == 0 {
                return Err(damaged("damaged: ends in the middle of a group"));
            }
            let note = "[the file ends here, in the middle of a group: it is cut off or damaged]";
            builder.push(BlockKind::Paragraph, note, Location::default());
        }
        Ok(builder.finish())
    }

    fn open_group(&mut self) {
        self.flush();
        self.to_skip = 0;
        self.is_starred = false;
        if self.groups.len() < DEEPEST {
            self.groups.push(self.state);
        } else {
            self.beyond += 1;
        }
    }

    fn close_group(&mut self) {
        self.flush();
        self.to_skip = 0;
        self.is_starred = false;
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        let Some(around) = self.groups.pop() else { return };
        let closed = mem::replace(&mut self.state, around);
        match closed.destination {
            Destination::Styles => self.styles.end(closed.style, closed.outline.filter(|level| *level > 0)),
            Destination::Title if around.destination != Destination::Title => {
                self.flow.title(&mem::take(&mut self.title));
            }
            _ => {}
        }
        if self.aside.is_some_and(|groups| self.groups.len() < groups) {
            self.aside = None;
            self.flow.end_aside();
        }
    }

    /// What follows a backslash.
    fn control(&mut self) {
        let Some(&byte) = self.bytes.get(self.at) else { return };
        if byte.is_ascii_alphabetic() {
            let (word, value) = self.control_word();
            return self.word(word, value);
        }
        self.at += 1;
        match byte {
            b'\'' => {
                let digits =
                    self.bytes.get(self.at..self.at + 2).and_then(|two| std::str::from_utf8(two).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            b'*' => self.is_starred = true,
            b'~' => self.sign(" "),
            b'_' => self.sign("-"),
            b'-' => self.sign(""),
            b'\r' | b'\n' => self.word("par", None),
            b'\\' | b'{' | b'}' => self.byte(byte),
            _ => {}
        }
    }

    /// A control word, with the number behind it.
    fn control_word(&mut self) -> (&'b str, Option<i32>) {
        let rest = &self.bytes[self.at..];
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = std::str::from_utf8(&rest[..letters.min(LONGEST_WORD)]).unwrap_or_default();
        let rest = &rest[letters..];
        let sign = usize::from(rest.first() == Some(&b'-') && rest.get(1).is_some_and(u8::is_ascii_digit));
        let digits = rest[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = (digits > 0).then(|| {
            let value = rest[sign..sign + digits]
                .iter()
                .fold(0i32, |value, digit| value.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
            if sign > 0 { -value } else { value }
        });
        let blank = usize::from(rest.get(sign + digits) == Some(&b' '));
        self.at += letters + sign + digits + blank;
        (word, value)
    }

    fn word(&mut self, word: &str, value: Option<i32>) {
        let is_starred = mem::take(&mut self.is_starred);
        if let Some(sign) = words::sign(word) {
            return self.sign(sign);
        }
        if word == "u" {
            return self.unicode(value.unwrap_or(0));
        }
        self.flush();
        self.to_skip = 0;
        match word {
            "bin" => return self.skip_bytes(value.unwrap_or(0)),
            "tab" => return self.emit("\t"),
            "line" => return self.emit("\n"),
            "uc" => self.state.stand_ins = u16::try_from(value.unwrap_or(1)).unwrap_or(0),
            _ => {}
        }
        match self.state.destination {
            Destination::Skipped => {}
            Destination::Twice if word == "ud" => self.state.destination = self.state.around,
            _ => match words::target(word) {
                Some(target) => self.aim(target),
                // Who does not know a starred one leaves it out.
                None if is_starred => self.state.destination = Destination::Skipped,
                None => self.command(word, value),
            },
        }
    }

    /// Binary data: as many bytes as it says, if there are so many.
    fn skip_bytes(&mut self, count: i32) {
        let count = usize::try_from(count).unwrap_or(0);
        if count <= self.bytes.len() - self.at {
            self.at += count;
        }
    }

    fn aim(&mut self, target: Target) {
        let now = self.state.destination;
        self.state.destination = match target {
            Target::Skipped => Destination::Skipped,
            Target::Mark => {
                self.flow.mark();
                Destination::Skipped
            }
            Target::Fonts => Destination::Fonts,
            Target::Styles => Destination::Styles,
            Target::Info => Destination::Info,
            Target::Title if now == Destination::Info => Destination::Title,
            Target::Title => now,
            Target::Shape => Destination::Shape,
            Target::Twice => {
                self.state.around = now;
                Destination::Twice
            }
            Target::Aside(aside) => {
                if now == Destination::Shape || now == Destination::Text {
                    self.begin_aside(aside);
                    Destination::Text
                } else {
                    Destination::Skipped
                }
            }
        };
    }

    fn begin_aside(&mut self, aside: Aside) {
        if self.aside.is_none() && self.groups.len() > 1 {
            self.aside = Some(self.groups.len());
            self.flow.begin_aside(aside);
            // Its paragraphs are its own.
            self.state.in_table = false;
        }
    }

    fn command(&mut self, word: &str, value: Option<i32>) {
        let is_on = value != Some(0);
        let number = value.unwrap_or(0);
        match word {
            "mac" => self.set_page(10000),
            "pc" => self.set_page(437),
            "pca" => self.set_page(850),
            "ansicpg" => self.set_page(number),
            "deff" => (self.default_font, self.state.font) = (number, number),
            "f" => self.state.font = number,
            "fcharset" if self.state.destination == Destination::Fonts => {
                let charset = match number {
                    0 => Charset::Ansi,
                    _ => Page::of_charset(number).map_or(Charset::Document, Charset::Page),
                };
                self.set_font(charset);
            }
            "cpg" if self.state.destination == Destination::Fonts => {
                if let Some(page) = Page::of_number(number) {
                    self.set_font(Charset::Page(page));
                }
            }
            "plain" => {
                self.state.font = self.default_font;
                (self.state.is_hidden, self.state.is_deleted) = (false, false);
            }
            "v" => self.state.is_hidden = is_on,
            "deleted" => self.state.is_deleted = is_on,
            "pard" => {
                (self.state.style, self.state.outline) = (0, None);
                (self.state.in_table, self.state.is_item) = (false, false);
            }
            "s" => self.state.style = number,
            "outlinelevel" => {
                let level = u8::try_from(number).unwrap_or(9);
                self.state.outline = Some(if level < 9 { (level + 1).min(6) } else { 0 });
            }
            "intbl" => self.state.in_table = is_on,
            "ls" => self.state.is_item = is_on,
            _ if self.state.destination == Destination::Text => self.structure(word),
            _ => {}
        }
    }

    fn structure(&mut self, word: &str) {
        match word {
            "par" | "sect" | "page" | "column" => {
                let ending = self.ending();
                self.flow.end_paragraph(ending);
            }
            "cell" => self.flow.end_cell(),
            // A table in a cell is lines of it.
            "nestcell" | "nestrow" => self.flow.text("\n"),
            "trowd" => self.is_header_row = false,
            "trhdr" => self.is_header_row = true,
            "row" => self.flow.end_row(self.is_header_row),
            _ => {}
        }
    }

    fn ending(&self) -> Ending {
        Ending {
            level: self.state.outline.unwrap_or_else(|| self.styles.level(self.state.style)),
            is_item: self.state.is_item,
            in_table: self.state.in_table,
        }
    }

    fn set_page(&mut self, number: i32) {
        if let Some(page) = Page::of_number(number) {
            self.page = page;
        }
    }

    fn set_font(&mut self, charset: Charset) {
        if self.fonts.len() < MOST_FONTS {
            self.fonts.insert(self.state.font, charset);
        }
    }

    /// A byte of text.
    fn byte(&mut self, byte: u8) {
        self.is_starred = false;
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if self.is_text() {
            self.run.push(byte);
        }
    }

    /// A character that has a word of its own.
    fn sign(&mut self, sign: &str) {
        self.is_starred = false;
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return;
        }
        self.flush();
        self.emit(sign);
    }

    fn unicode(&mut self, value: i32) {
        // The stand-ins of the one before may be missing.
        self.to_skip = 0;
        self.flush();
        self.to_skip = self.state.stand_ins;
        let high = self.high.take();
        let code = if value < 0 { value.saturating_add(0x1_0000) } else { value };
        let Ok(code) = u32::try_from(code) else { return };
        let c = match (high, code) {
            (_, 0xD800..=0xDBFF) => {
                self.high = Some(code as u16);
                return;
            }
            (Some(high), 0xDC00..=0xDFFF) => {
                char::decode_utf16([high, code as u16]).next().and_then(Result::ok)
            }
            // Letters of a symbol font.
            (_, 0xF000..=0xF0FF) => charset::symbol(code),
            _ => char::from_u32(code),
        };
        match c {
            Some(c) if !c.is_control() => self.emit(c.encode_utf8(&mut [0; 4])),
            Some('\t' | '\n' | '\r') => self.emit(" "),
            _ => {}
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.state.destination, Destination::Text | Destination::Title | Destination::Styles)
    }

    /// Decodes the bytes of text that were read.
    fn flush(&mut self) {
        let is_raw = mem::take(&mut self.is_raw);
        if self.run.is_empty() {
            return;
        }
        self.high = None;
        let charset = match self.fonts.get(&self.state.font) {
            Some(charset) => *charset,
            None => Charset::Document,
        };
        let mut text = String::new();
        charset::decode(&self.run, charset, self.page, is_raw, &mut text);
        self.run.clear();
        self.emit(&text);
    }

    fn emit(&mut self, text: &str) {
        match self.state.destination {
            Destination::Text if self.state.is_hidden || self.state.is_deleted => {}
            Destination::Text => self.flow.text(text),
            Destination::Title => self.title.push_str(text),
            Destination::Styles => self.styles.name.push_str(text),
            _ => {}
        }
    }
}
