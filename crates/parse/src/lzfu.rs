//! The packing of rich text in Outlook messages (\[MS-OXRTFCP\]): runs of what came before, in a window of 4096 bytes.

use crate::ole::u32_at;

const WINDOW: usize = 4096;
/// What the window holds at the start.
const BEFORE: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \
\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const HEADER: usize = 16;

/// Unpacks `bytes`, to `limit` bytes at most. What is cut off or damaged gives what is there; `None`: it is no such text.
pub(crate) fn unpack(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    let packed = bytes.get(HEADER..)?;
    let length = (u32_at(bytes, 4) as usize).min(limit);
    match &bytes[8..12] {
        b"MELA" => Some(packed[..packed.len().min(length)].to_vec()),
        b"LZFu" => Some(unpack_runs(packed, length)),
        _ => None,
    }
}

fn unpack_runs(packed: &[u8], length: usize) -> Vec<u8> {
    let mut window = [0; WINDOW];
    window[..BEFORE.len()].copy_from_slice(BEFORE);
    let mut at = BEFORE.len();
    let mut out = Vec::new();
    let mut put = |byte, at: &mut usize, window: &mut [u8; WINDOW]| {
        out.push(byte);
        window[*at] = byte;
        *at = (*at + 1) % WINDOW;
        out.len() < length
    };
    let mut bytes = packed.iter().copied();
    // A byte tells of the next eight whether they are a byte or a run.
    'all: while let Some(kinds) = bytes.next() {
        for kind in 0..8 {
            let Some(first) = bytes.next() else { break 'all };
            if kinds >> kind & 1 == 0 {
                if !put(first, &mut at, &mut window) {
                    break 'all;
                }
                continue;
            }
            let Some(second) = bytes.next() else { break 'all };
            let start = usize::from(first) << 4 | usize::from(second) >> 4;
            // A run from where the window is written to is the end.
            if start == at {
                break 'all;
            }
            for step in 0..usize::from(second & 15) + 2 {
                if !put(window[(start + step) % WINDOW], &mut at, &mut window) {
                    break 'all;
                }
            }
        }
    }
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(kind: &[u8], length: u32, bytes: &[u8]) -> Vec<u8> {
        let size = (bytes.len() as u32 + 12).to_le_bytes();
        [&size[..], &length.to_le_bytes(), kind, &[0; 4], bytes].concat()
    }

    /// The examples of the specification.
    #[test]
    fn runs_are_unpacked() {
        assert_eq!(BEFORE.len(), 207);
        let simple =
            b"\x03\x00\x0a\x00rcpg125\x42\x32\x0a\xf3\x20hel\x09\x00\x20bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        let text = unpack(&packed(b"LZFu", 43, simple), 1000).unwrap();
        assert_eq!(String::from_utf8_lossy(&text), "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let over = b"\x1c\x00\x0a\x00rcpg\x02\x20{\\";
        let _ = unpack(&packed(b"LZFu", 43, over), 1000).unwrap();
        assert_eq!(unpack(&packed(b"MELA", 2, b"{\\rtf"), 1000).unwrap(), b"{\\");
        assert!(unpack(&packed(b"ZIP!", 2, b"{\\rtf"), 1000).is_none());
        assert!(unpack(b"short", 1000).is_none());
    }

    #[test]
    fn there_is_an_end_to_what_is_unpacked() {
        // Runs that repeat themselves.
        let runs = packed(b"LZFu", u32::MAX, &[&[0][..], b"aaaaaaaa", &b"\xFF".repeat(100_000)].concat());
        assert!(unpack(&runs, usize::MAX).unwrap().len() < runs.len() * 10);
        assert_eq!(unpack(&runs, 500).unwrap().len(), 500);
        for end in 0..60 {
            let _ = unpack(&runs[..end], 100);
        }
    }
}
