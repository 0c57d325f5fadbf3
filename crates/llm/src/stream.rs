//! What becomes of a stream of tokens: whole characters, and a stop when it goes in circles.

/// Bytes to text, a token at a time. A character may span tokens: its bytes wait until it is whole.
#[derive(Debug, Default)]
pub(crate) struct Utf8Stream {
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// The characters that `bytes` completes. What can never become a character is given as U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut start = 0;
        loop {
            match std::str::from_utf8(&self.pending[start..]) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let valid = start + error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[start..valid]));
                    let Some(bad) = error.error_len() else {
                        self.pending.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    start = valid + bad;
                }
            }
        }
    }

    /// Ends the stream: a character that never became whole is given as U+FFFD.
    pub(crate) fn finish(&mut self) -> Option<char> {
        let torn = !self.pending.is_empty();
        self.pending.clear();
        torn.then_some(char::REPLACEMENT_CHARACTER)
    }
}

/// The longest loop that is looked for, in tokens.
const LONGEST_LOOP: usize = 32;
/// How often it has to be seen, and how many tokens that must be at the least: `| | | |` is no loop yet.
const ROUNDS: usize = 3;
const FEWEST_TOKENS: usize = 48;

/// Whether the end of `tokens` is the same few tokens over and over.
pub(crate) fn goes_in_circles<T: PartialEq>(tokens: &[T]) -> bool {
    (1..=LONGEST_LOOP).any(|length| {
        let span = (length * ROUNDS).max(FEWEST_TOKENS);
        tokens.len() >= span && {
            let tail = &tokens[tokens.len() - span..];
            tail[length..] == tail[..span - length]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_span_tokens_come_whole() {
        let text = "路由器 – naïve 👩‍👩‍👧!";
        for size in 1..=7 {
            let mut stream = Utf8Stream::default();
            let pieces: Vec<String> = text.as_bytes().chunks(size).map(|bytes| stream.push(bytes)).collect();
            assert_eq!(pieces.concat(), text, "{size} bytes at a time");
            assert_eq!(stream.finish(), None);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut stream = Utf8Stream::default();
        assert_eq!(stream.push(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(stream.push(&[0xe8, 0xb7]), "");
        assert_eq!(stream.push(b"x"), "\u{fffd}x");
        assert_eq!(stream.push(&[0xe8, 0xb7]), "");
        assert_eq!(stream.finish(), Some('\u{fffd}'));
        assert_eq!(stream.push("路".as_bytes()), "路");
    }

    #[test]
    fn circles_are_noticed_and_lists_are_not() {
        let prose: Vec<u32> = (0..200).collect();
        assert!(!goes_in_circles(&prose));
        for length in [1, 3, 7, 16, 32] {
            let mut tokens = prose.clone();
            let round: Vec<u32> = (1000..1000 + length).collect();
            while tokens.len() < 200 + FEWEST_TOKENS.max(length as usize * ROUNDS) {
                assert!(!goes_in_circles(&tokens), "{length}: too early at {}", tokens.len());
                tokens.extend(&round);
            }
            assert!(goes_in_circles(&tokens), "{length}");
        }
        // Lines that begin alike and differ in a number.
        let table: Vec<u32> = (0..40).flat_map(|row| [1, 2, 3, 500 + row, 4]).collect();
        assert!(!goes_in_circles(&table));
    }
}
