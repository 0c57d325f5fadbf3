//! Names of members: in UTF-8, or in whatever the packing computer used.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, IBM866, SHIFT_JIS};

use crate::encoding;

/// Bytes of names looked at to guess their encoding.
const SAMPLE: usize = 64 << 10;
/// The share of everyday characters below which names are not East Asian.
const SOUND: f64 = 0.6;

/// The encoding of names that are not UTF-8, found from all of them; `None`: the old code page of DOS.
pub(super) fn encoding_of<'n>(names: impl Iterator<Item = &'n [u8]>) -> Option<&'static Encoding> {
    let mut sample = Vec::new();
    for name in names.filter(|name| !name.is_ascii()) {
        // Folders repeat in every name below them, and say no more.
        sample.extend_from_slice(name);
        sample.push(b'\n');
        if sample.len() > SAMPLE {
            break;
        }
    }
    let guessed = encoding::guess(&sample);
    let is_double_byte = [GB18030, GBK, BIG5, SHIFT_JIS, EUC_JP, EUC_KR].contains(&guessed);
    let scored = if guessed == GBK { GB18030 } else { guessed };
    if is_double_byte {
        // A single character is no evidence, and none is needed: its name has no other reading.
        return encoding::commonness(&sample, scored).is_none_or(|share| share >= SOUND).then_some(guessed);
    }
    (guessed == IBM866 || guessed == encoding_rs::UTF_8).then_some(guessed)
}

/// A path as parts are named: slashes, no drive, no leading slash, no line breaks.
pub(super) fn tidy(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).collect();
    parts.join("/")
}

/// Whether a member is bookkeeping of the system that packed it.
pub(super) fn is_bookkeeping(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/") || last.starts_with("._") || matches!(last, ".DS_Store" | "Thumbs.db")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(names: &[&[u8]]) -> Vec<String> {
        let encoding = encoding_of(names.iter().copied()).expect("an encoding");
        names.iter().map(|name| encoding.decode(name).0.into_owned()).collect()
    }

    #[test]
    fn names_of_any_computer() {
        let (a, _, _) = GBK.encode("合同/采购合同.docx");
        let (b, _, _) = GBK.encode("会议记录.txt");
        assert_eq!(decode(&[&a, b"plain.txt", &b]), ["合同/采购合同.docx", "plain.txt", "会议记录.txt"]);
        let (a, _, _) = SHIFT_JIS.encode("資料/議事録の写し.txt");
        assert_eq!(decode(&[&a]), ["資料/議事録の写し.txt"]);
        // Müller.txt, Größe.txt and Résumé.doc in code page 437.
        assert_eq!(
            encoding_of([&b"M\x81ller.txt"[..], b"Gr\x94\xe1e.txt", b"R\x82sum\x82.doc"].into_iter()),
            None
        );
    }

    #[test]
    fn paths_are_tidied() {
        assert_eq!(tidy("./a//b\\../c.txt"), "a/b/c.txt");
        assert_eq!(tidy("/etc/x\ny"), "etc/x y");
        assert!(is_bookkeeping("__MACOSX/a/._b.pdf") && is_bookkeeping("a/.DS_Store"));
        assert!(!is_bookkeeping("a/b.pdf"));
    }
}
