//! The code pages of RTF.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GB18030, IBM866, ISO_8859_2, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_15,
    KOI8_R, KOI8_U, MACINTOSH, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252,
    WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258, X_MAC_CYRILLIC,
};

/// The upper halves of the code pages of DOS.
const DOS_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const DOS_850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// This many bytes outside ASCII that are sound UTF-8 are UTF-8.
const CLEARLY: usize = 6;

/// How bytes become characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Encoding(&'static Encoding),
    /// The upper half.
    Dos(&'static str),
    /// Pictures in place of letters.
    Symbols,
}

impl Page {
    /// Windows code page `number`.
    pub(super) fn of_number(number: i32) -> Option<Self> {
        Some(Self::Encoding(match number {
            437 => return Some(Self::Dos(DOS_437)),
            850 | 858 => return Some(Self::Dos(DOS_850)),
            866 => IBM866,
            874 => WINDOWS_874,
            932 | 10001 => SHIFT_JIS,
            936 | 10008 | 54936 => GB18030,
            949 | 1361 | 10003 | 51949 => EUC_KR,
            950 | 951 | 10002 => BIG5,
            1250 => WINDOWS_1250,
            1251 => WINDOWS_1251,
            819 | 1252 | 28591 => WINDOWS_1252,
            1253 => WINDOWS_1253,
            1254 | 28599 => WINDOWS_1254,
            1255 => WINDOWS_1255,
            1256 => WINDOWS_1256,
            1257 => WINDOWS_1257,
            1258 => WINDOWS_1258,
            10000 => MACINTOSH,
            10007 => X_MAC_CYRILLIC,
            20866 => KOI8_R,
            21866 => KOI8_U,
            28592 => ISO_8859_2,
            28595 => ISO_8859_5,
            708 | 28596 => ISO_8859_6,
            28597 => ISO_8859_7,
            28605 => ISO_8859_15,
            65001 => UTF_8,
            _ => return None,
        }))
    }

    /// The code page of `\fcharset` `number`; `None`: that of the document.
    pub(super) fn of_charset(number: i32) -> Option<Self> {
        let page = match number {
            2 => return Some(Self::Symbols),
            77 => 10000,
            78 | 128 => 932,
            79 | 129 | 130 => 949,
            80 | 134 => 936,
            81 | 136 => 950,
            161 => 1253,
            162 => 1254,
            163 => 1258,
            177 => 1255,
            178 => 1256,
            186 => 1257,
            204 => 1251,
            222 => 874,
            238 => 1250,
            254 => 437,
            255 => 850,
            _ => return None,
        };
        Self::of_number(page)
    }

    fn is_double_byte(self) -> bool {
        matches!(self, Self::Encoding(page) if [SHIFT_JIS, GB18030, EUC_KR, BIG5, UTF_8].contains(&page))
    }
}

/// The code page of a font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Page(Page),
    /// "ANSI": Western European by the letter. Programs of East Asia mean the document's own.
    Ansi,
    Document,
}

/// Adds what `bytes` mean to `out`. `raw`: there are bytes outside ASCII that stand in the file as they are, which
/// none should.
pub(super) fn decode(bytes: &[u8], charset: Charset, document: Page, raw: bool, out: &mut String) {
    if bytes.is_ascii() {
        out.extend(
            bytes.iter().copied().filter(|byte| !byte.is_ascii_control() || *byte == b'\t').map(char::from),
        );
        return;
    }
    let page = match charset {
        Charset::Page(page) => page,
        Charset::Document => document,
        Charset::Ansi if document.is_double_byte() => document,
        Charset::Ansi => Page::Encoding(WINDOWS_1252),
    };
    let encoding = match page {
        Page::Encoding(encoding) => encoding,
        Page::Dos(upper) => {
            for byte in bytes {
                let high = byte.checked_sub(128).and_then(|at| upper.chars().nth(usize::from(at)));
                out.push(high.unwrap_or(char::from(*byte)));
            }
            return;
        }
        Page::Symbols => {
            out.extend(bytes.iter().filter_map(|byte| symbol(u32::from(*byte))));
            return;
        }
    };
    let read =
        |encoding: &'static Encoding| encoding.decode_without_bom_handling_and_without_replacement(bytes);
    // Programs that know no RTF write UTF-8. A few bytes may be both that and double-byte characters.
    let high = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let unicode = if raw && (high >= CLEARLY || !page.is_double_byte()) { read(UTF_8) } else { None };
    let read = match unicode.or_else(|| read(encoding)) {
        // Not what it says: an accent in a Western font, most often.
        None if charset == Charset::Ansi => read(WINDOWS_1252),
        read => read,
    };
    match read {
        Some(text) => out.push_str(&text),
        None => out.push_str(&encoding.decode_without_bom_handling(bytes).0),
    }
}

/// What a character of a symbol font shows, as far as it is text.
pub(super) fn symbol(code: u32) -> Option<char> {
    match code & 0xFF {
        0xB7 | 0xA7 => Some('\u{2022}'),
        low @ 0x20..=0x7E => char::from_u32(low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], charset: Charset, document: i32, raw: bool) -> String {
        let mut out = String::new();
        decode(bytes, charset, Page::of_number(document).unwrap(), raw, &mut out);
        out
    }

    #[test]
    fn fonts_and_documents_have_code_pages() {
        let font = |number| Charset::Page(Page::of_charset(number).unwrap());
        assert_eq!(read(b"\xc4\xe3\xba\xc3", font(134), 1252, false), "你好");
        assert_eq!(read(b"\x83A", font(128), 1252, false), "ア");
        assert_eq!(read(b"\xcf\xf0\xe8", font(204), 1252, false), "При");
        assert_eq!(read(b"\x82\x9b", Charset::Document, 437, false), "é¢");
        assert_eq!(read(b"\xb7a\x01", font(2), 1252, false), "•a");
    }

    #[test]
    fn ansi_is_western_unless_the_document_is_east_asian() {
        assert_eq!(read(b"caf\xe9 ", Charset::Ansi, 1251, false), "café ");
        assert_eq!(read(b"\xc4\xe3\xba\xc3", Charset::Ansi, 936, false), "你好");
        assert_eq!(read(b"caf\xe9 ", Charset::Ansi, 936, false), "café ");
    }

    #[test]
    fn raw_bytes_may_be_utf8() {
        assert_eq!(read("naïve".as_bytes(), Charset::Ansi, 1252, true), "naïve");
        assert_eq!(read(b"na\xefve", Charset::Ansi, 1252, true), "naïve");
        assert_eq!(read("你好".as_bytes(), Charset::Document, 65001, false), "你好");
    }
}
