//! Numbers that Microsoft's formats have for encodings: code pages, character sets of fonts, and languages.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_16BE, UTF_16LE, WINDOWS_874, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258,
};

/// US-ASCII, which programs declare for texts that are not.
const ASCII: u32 = 20127;

/// The encoding of 8-bit text that a code page stands for.
pub(crate) fn encoding(page: u32) -> Option<&'static Encoding> {
    let page = u16::try_from(page).ok().filter(|page| u32::from(*page) != ASCII)?;
    codepage::to_encoding_no_replacement(page)
        .filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE)
}

/// The encoding that a font's character set (`\fcharset134`) stands for; `None` for that of the whole document.
pub(crate) fn of_charset(charset: u32) -> Option<&'static Encoding> {
    Some(match charset {
        77 => encoding_rs::MACINTOSH,
        128 => SHIFT_JIS,
        129 => EUC_KR,
        134 => GBK,
        136 => BIG5,
        161 => WINDOWS_1253,
        162 => WINDOWS_1254,
        163 => WINDOWS_1258,
        177 => WINDOWS_1255,
        178 => WINDOWS_1256,
        186 => WINDOWS_1257,
        204 => WINDOWS_1251,
        222 => WINDOWS_874,
        238 => WINDOWS_1250,
        _ => return None,
    })
}

/// The encoding that Windows has for a language, by the language's number; `None` for Western ones.
pub(crate) fn of_language(language: u32) -> Option<&'static Encoding> {
    Some(match (language & 0x3FF, language) {
        (0x04, 0x0404 | 0x0C04 | 0x1404) => BIG5,
        (0x04, _) => GBK,
        (0x11, _) => SHIFT_JIS,
        (0x12, _) => EUC_KR,
        (0x02 | 0x19 | 0x22 | 0x23 | 0x2F, _) => WINDOWS_1251,
        (0x01 | 0x20 | 0x29, _) => WINDOWS_1256,
        (0x08, _) => WINDOWS_1253,
        (0x0D, _) => WINDOWS_1255,
        (0x1E, _) => WINDOWS_874,
        (0x1F | 0x2C, _) => WINDOWS_1254,
        (0x05 | 0x0E | 0x15 | 0x18 | 0x1A | 0x1B | 0x1C | 0x24, _) => WINDOWS_1250,
        (0x25..=0x27, _) => WINDOWS_1257,
        (0x2A, _) => WINDOWS_1258,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_encodings() {
        assert_eq!(encoding(936), Some(GBK));
        assert_eq!(encoding(950), Some(BIG5));
        assert_eq!(encoding(65001), Some(encoding_rs::UTF_8));
        assert_eq!(
            (encoding(1200), encoding(20127), encoding(950 + 65536), encoding(1)),
            (None, None, None, None)
        );
        assert_eq!((of_charset(134), of_charset(0)), (Some(GBK), None));
        assert_eq!(
            (of_language(0x404), of_language(0x804), of_language(0x409)),
            (Some(BIG5), Some(GBK), None)
        );
    }
}
