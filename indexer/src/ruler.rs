//! Code points and lines before a byte of a text, without counting from its start each time.

/// Bytes between two marks.
const STEP: usize = 4096;

/// Counts of a text's code points and line breaks at regular distances.
#[derive(Debug)]
pub(crate) struct Ruler<'t> {
    text: &'t str,
    /// Code points and line breaks before each multiple of [`STEP`].
    marks: Vec<(u64, u64)>,
}

impl<'t> Ruler<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut marks = vec![(0, 0)];
        let mut last = (0, 0);
        for chunk in text.as_bytes().chunks(STEP) {
            let (chars, breaks) = count(chunk);
            last = (last.0 + chars, last.1 + breaks);
            marks.push(last);
        }
        Self { text, marks }
    }

    /// Code points before byte `at`, which is on a character boundary.
    pub(crate) fn chars(&self, at: usize) -> u64 {
        self.before(at).0
    }

    /// Line breaks before byte `at`.
    pub(crate) fn breaks(&self, at: usize) -> u64 {
        self.before(at).1
    }

    fn before(&self, at: usize) -> (u64, u64) {
        let at = at.min(self.text.len());
        let mark = at / STEP;
        let (chars, breaks) = count(&self.text.as_bytes()[mark * STEP..at]);
        (self.marks[mark].0 + chars, self.marks[mark].1 + breaks)
    }
}

/// Code points that begin, and line breaks, in some bytes of a UTF-8 text.
fn count(bytes: &[u8]) -> (u64, u64) {
    let mut counts = (0, 0);
    for &byte in bytes {
        counts.0 += u64::from(byte & 0xC0 != 0x80);
        counts.1 += u64::from(byte == b'\n');
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_across_marks() {
        let text = "年假\nab\n".repeat(3000);
        let ruler = Ruler::new(&text);
        for (at, _) in text.char_indices().step_by(997) {
            assert_eq!(ruler.chars(at), text[..at].chars().count() as u64);
            assert_eq!(ruler.breaks(at), text[..at].matches('\n').count() as u64);
        }
        assert_eq!(ruler.chars(text.len()), text.chars().count() as u64);
    }
}
