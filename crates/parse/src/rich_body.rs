//! The rich text body of Outlook messages: most often a page in disguise (\[MS-OXRTFEX\]), whose tags stand
//! in groups of their own and whose formatting is marked as not part of it.

use std::{collections::HashMap, mem};

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::code_page;

/// Groups in groups deeper than this have the formatting of those around them.
const DEEPEST: usize = 1000;
/// The longest name of a control word.
const LONGEST: usize = 32;

/// The page that is in disguise in a rich text; `None` where there is none, and it is what it seems to be.
pub(crate) fn page(rtf: &[u8]) -> Option<String> {
    let mut reader = Reader::new(rtf);
    reader.read();
    reader.is_html.then_some(reader.out)
}

/// What ends with a group.
#[derive(Clone, Copy, Default)]
struct Group {
    kind: Kind,
    /// Formatting for readers of rich text only.
    hidden: bool,
    font: Option<i32>,
    /// Characters after a Unicode one that stand for it where it is not understood.
    substitutes: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Text,
    /// Tags of the page.
    Tags,
    Fonts,
    Skipped,
}

struct Reader<'r> {
    rest: &'r [u8],
    out: String,
    is_html: bool,
    group: Group,
    outer: Vec<Group>,
    /// Groups that are open beyond the deepest.
    beyond: usize,
    /// Whether the group starts with `\*`: who does not know what it is skips it.
    is_optional: bool,
    encoding: &'static Encoding,
    fonts: HashMap<i32, &'static Encoding>,
    /// Text that is not decoded yet.
    bytes: Vec<u8>,
    /// UTF-16 that waits for its second half.
    half: Option<u16>,
    /// Substitutes still to come.
    to_skip: u32,
}

impl<'r> Reader<'r> {
    fn new(rtf: &'r [u8]) -> Self {
        Self {
            rest: rtf,
            out: String::new(),
            is_html: false,
            group: Group { substitutes: 1, ..Group::default() },
            outer: Vec::new(),
            beyond: 0,
            is_optional: false,
            encoding: WINDOWS_1252,
            fonts: HashMap::new(),
            bytes: Vec::new(),
            half: None,
            to_skip: 0,
        }
    }

    fn read(&mut self) {
        while let Some((&first, rest)) = self.rest.split_first() {
            self.rest = rest;
            match first {
                b'{' => self.open(),
                b'}' => self.close(),
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(byte),
            }
        }
        self.flush();
    }

    fn open(&mut self) {
        self.flush();
        self.to_skip = 0;
        self.is_optional = false;
        if self.outer.len() < DEEPEST {
            self.outer.push(self.group);
        } else {
            self.beyond += 1;
        }
    }

    fn close(&mut self) {
        self.flush();
        self.to_skip = 0;
        self.is_optional = false;
        if self.beyond > 0 {
            self.beyond -= 1;
        } else if let Some(outer) = self.outer.pop() {
            self.group = outer;
        }
    }

    /// What follows a backslash.
    fn control(&mut self) {
        let Some((&first, rest)) = self.rest.split_first() else { return };
        if first.is_ascii_alphabetic() {
            let (word, number) = self.word();
            return self.act(&word, number);
        }
        self.rest = rest;
        match first {
            b'\'' => {
                let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
                if let (Some(high), Some(low)) = (digit(0), digit(1)) {
                    self.rest = &rest[2..];
                    self.byte((high << 4 | low) as u8);
                }
            }
            b'*' => self.is_optional = true,
            b'\\' | b'{' | b'}' => self.byte(first),
            b'~' => self.text("\u{a0}"),
            b'_' => self.text("\u{2011}"),
            b'\r' | b'\n' => self.text("\n"),
            _ => {}
        }
    }

    /// Takes a control word, its number, and the blank that ends it.
    fn word(&mut self) -> (String, Option<i32>) {
        let letters = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = String::from_utf8_lossy(&self.rest[..letters.min(LONGEST)]).into_owned();
        self.rest = &self.rest[letters..];
        let sign = usize::from(self.rest.first() == Some(&b'-'));
        let digits = self.rest[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut number = None;
        if digits > 0 {
            let text = std::str::from_utf8(&self.rest[..sign + digits]).unwrap_or_default();
            number = text.parse().ok();
            self.rest = &self.rest[sign + digits..];
        }
        self.rest = self.rest.strip_prefix(b" ").unwrap_or(self.rest);
        (word, number)
    }

    fn act(&mut self, word: &str, number: Option<i32>) {
        let is_optional = mem::take(&mut self.is_optional);
        match word {
            "u" => return self.unicode(number.unwrap_or(0)),
            "bin" => {
                let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(self.rest.len());
                self.rest = &self.rest[length..];
                return;
            }
            _ => {}
        }
        if let Some(text) = spelled(word) {
            return self.text(text);
        }
        self.flush();
        match word {
            "fromhtml" => self.is_html = number != Some(0),
            "htmlrtf" => self.group.hidden = number != Some(0),
            "htmltag" if self.group.kind != Kind::Skipped => {
                self.group = Group { kind: Kind::Tags, font: None, ..self.group };
            }
            "ansicpg" => {
                let page = number.and_then(|page| u32::try_from(page).ok());
                self.encoding = page.and_then(code_page::encoding).unwrap_or(self.encoding);
            }
            "uc" => self.group.substitutes = u32::try_from(number.unwrap_or(1)).unwrap_or(1).min(16),
            "fonttbl" => self.group.kind = Kind::Fonts,
            "f" => self.group.font = number,
            "plain" => self.group.font = None,
            "fcharset" if self.group.kind == Kind::Fonts => {
                let charset = number.and_then(|charset| u32::try_from(charset).ok());
                if let (Some(font), Some(encoding)) =
                    (self.group.font, charset.and_then(code_page::of_charset))
                {
                    self.fonts.insert(font, encoding);
                }
            }
            "colortbl" | "stylesheet" | "info" | "pict" | "fldinst" | "objdata" | "pntext" | "header"
            | "footer" => self.group.kind = Kind::Skipped,
            _ if is_optional => self.group.kind = Kind::Skipped,
            _ => {}
        }
    }

    /// A character by its number, a part of it in UTF-16 where that is below zero.
    fn unicode(&mut self, number: i32) {
        let unit = if number < 0 { number + 0x1_0000 } else { number };
        let half = self.half.take();
        let c = match (half, u16::try_from(unit)) {
            (Some(first), Ok(second)) => char::decode_utf16([first, second]).next().and_then(Result::ok),
            (None, Ok(first)) if (0xD800..0xDC00).contains(&first) => {
                self.half = Some(first);
                None
            }
            _ => u32::try_from(unit).ok().and_then(char::from_u32),
        };
        if let Some(c) = c.filter(|c| *c != '\0') {
            self.text(c.encode_utf8(&mut [0; 4]));
        }
        self.to_skip = self.group.substitutes;
    }

    fn byte(&mut self, byte: u8) {
        self.is_optional = false;
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if self.is_shown() {
            self.bytes.push(byte);
        }
    }

    fn is_shown(&self) -> bool {
        match self.group.kind {
            Kind::Text => !self.group.hidden,
            // They are never hidden.
            Kind::Tags => self.is_html,
            Kind::Fonts | Kind::Skipped => false,
        }
    }

    /// Adds text that needs no decoding.
    fn text(&mut self, text: &str) {
        self.flush();
        self.to_skip = 0;
        if self.is_shown() {
            self.put(text);
        }
    }

    fn put(&mut self, text: &str) {
        if self.is_html && self.group.kind == Kind::Text {
            // What stands outside the tags is no tag.
            self.out.push_str(&text.replace('<', "&lt;"));
        } else {
            self.out.push_str(text);
        }
    }

    /// Decodes the bytes until here, in the encoding of their font.
    fn flush(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let bytes = mem::take(&mut self.bytes);
        let font = self.group.font.filter(|_| self.group.kind == Kind::Text);
        let encoding = font.and_then(|font| self.fonts.get(&font).copied()).unwrap_or(self.encoding);
        let (text, _) = encoding.decode_without_bom_handling(&bytes);
        self.put(&text);
    }
}

/// The text that a control word stands for.
fn spelled(word: &str) -> Option<&'static str> {
    Some(match word {
        "par" | "line" | "sect" | "page" | "row" => "\n",
        "tab" | "cell" => "\t",
        "lquote" => "‘",
        "rquote" => "’",
        "ldblquote" => "“",
        "rdblquote" => "”",
        "bullet" => "•",
        "endash" => "–",
        "emdash" => "—",
        "emspace" | "enspace" | "qmspace" => " ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(rtf: &str) -> String {
        page(rtf.as_bytes()).unwrap()
    }

    #[test]
    fn a_page_in_disguise() {
        let page = html(
            "{\\rtf1\\ansi\\ansicpg936\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fswiss Arial;}{\\f4\\fcharset136 X;}}\
             {\\colortbl\\red0;}{\\*\\generator x;}\\uc1\\pard\\plain\r\n\
             {\\*\\htmltag19 <html>}{\\*\\htmltag64}\\htmlrtf {\\b\\htmlrtf0 {\\*\\htmltag84 <p>}A < B \\'ba\\'cf\\htmlrtf\\par}\\htmlrtf0\r\n\
             {\\*\\htmltag84 &nbsp;}\\htmlrtf \\'a0\\htmlrtf0{\\f4 \\'a4\\'a4}\\u24180?\\u-10179?\\u-8704?\\par\\tab x\
             {\\*\\mhtmltag84 <q>}{\\*\\htmltag72 <i a='\\{'>}end",
        );
        assert_eq!(page, "<html><p>A &lt; B 合&nbsp;中年😀\n\tx<i a='{'>end");
    }

    #[test]
    fn a_text_is_no_page() {
        assert_eq!(page(b"{\\rtf1\\ansi\\fromtext {\\fonttbl;}Hello,\\par}"), None);
        let odd =
            "{\\rtf1\\fromhtml1{\\pict 0102\\bin4 \\{{}}{\\b bold}{\\uc2\\u21512 ab\\uc0\\u21516}{\\*\\x y}z";
        assert_eq!(html(odd), "bold合同z");
    }

    #[test]
    fn anything_ends() {
        for part in [
            "{",
            "}",
            "\\",
            "\\u",
            "\\'",
            "{\\*\\htmltag",
            "\\uc999999999 \\u1 ",
            "\\bin99 ",
            "\\f1",
            "\\fromhtml1 <",
        ] {
            let _ = page(part.repeat(200_000).as_bytes());
        }
        let name = "a".repeat(1 << 20);
        assert_eq!(html(&format!("\\fromhtml1\\{name}1 x")), "x");
    }
}
