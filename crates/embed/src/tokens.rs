//! The tokenizer: where tokens end, what ids a text has, and how given ids reach fastembed.

use docent_core::{Error, ErrorKind, Result};
use fastembed::TokenizerFiles;
use tokenizers::{
    PostProcessor, Tokenizer, TruncationDirection,
    processors::template::{SpecialToken, Template, TemplateProcessing, Tokens},
};

use docent_onnx::guarded;

use crate::spec::EmbedderSpec;

/// A long text is tokenised in pieces of at most this many bytes, which bounds the memory for its lattice.
const PIECE: usize = 32 * 1024;

/// The bytes of text that are looked at for each token that a model can read. Tokens of natural text take
/// some three to five bytes; what is behind 64 is not going to be read.
const BYTES_PER_TOKEN: usize = 64;

/// A model's tokenizer.
pub(crate) struct TextTokens {
    tokenizer: Tokenizer,
    /// Marks that the model wants around a text.
    marks: usize,
}

impl TextTokens {
    /// Reads a `tokenizer.json`.
    pub(crate) fn load(spec: &EmbedderSpec) -> Result<Self> {
        let bytes = spec.read(&spec.tokenizer)?;
        let parsed = guarded(|| Tokenizer::from_bytes(&bytes).map_err(|cause| cause.to_string()));
        let mut tokenizer = parsed.and_then(|parsed| parsed).map_err(|cause| {
            spec.damaged("cannot read the tokenizer").at(&spec.tokenizer).caused_by(cause)
        })?;
        // Files come with limits of their own: `token_ends` must see everything, and nothing is padded.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|cause| tokenizing(cause.to_string()))?;
        // `</s>` in a document is text.
        tokenizer.set_encode_special_tokens(true);
        let marks = tokenizer.get_post_processor().map_or(0, |post| post.added_tokens(false));
        Ok(Self { tokenizer, marks })
    }

    /// Where each token of `text` ends: byte offsets on character boundaries, never decreasing.
    pub(crate) fn ends(&self, text: &str) -> Result<Vec<usize>> {
        let mut ends = Vec::with_capacity(text.len() / 3);
        let mut start = 0;
        while start < text.len() {
            let piece = &text[start..piece_end(text, start)];
            let encoding =
                self.tokenizer.encode(piece, false).map_err(|cause| tokenizing(cause.to_string()))?;
            for &(_, end) in encoding.get_offsets() {
                let end = text.ceil_char_boundary(start + end.min(piece.len()));
                ends.push(end.max(ends.last().copied().unwrap_or(0)));
            }
            start += piece.len();
        }
        Ok(ends)
    }

    /// The ids of `prefix` and `text` together with the model's marks, cut to `max_tokens`.
    pub(crate) fn ids(&self, prefix: &str, text: &str, max_tokens: usize) -> Result<Vec<u32>> {
        let read = text.floor_char_boundary(max_tokens * BYTES_PER_TOKEN);
        let whole = format!("{prefix}{}", &text[..read]);
        let encode = || {
            let mut encoding = self.tokenizer.encode(whole, false)?;
            let room = max_tokens.saturating_sub(self.marks).max(1);
            encoding.truncate(room, 0, TruncationDirection::Right);
            self.tokenizer.post_process(encoding, None, true)
        };
        let encoding = encode().map_err(|cause| tokenizing(cause.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }
}

/// Where the piece that begins at `start` ends: at the last white space within [`PIECE`] bytes, at the last
/// character where there is none (Chinese).
fn piece_end(text: &str, start: usize) -> usize {
    let limit = text.floor_char_boundary(start + PIECE);
    if limit == text.len() {
        return limit;
    }
    let space = text[start..limit].rfind(char::is_whitespace).filter(|&at| at > 0);
    space.map_or(limit, |at| start + at)
}

fn tokenizing(cause: String) -> Error {
    Error::new(ErrorKind::Model, "cannot tokenise a text").caused_by(cause)
}

/// What fastembed takes for its tokenizer: it knows one word. Before each text it is told what to answer, by
/// [`answer`], so that the real tokenizer can live outside the model, in memory once.
pub(crate) fn placeholder_files() -> TokenizerFiles {
    const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
        "normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,
        "model":{"type":"WordLevel","vocab":{"[PAD]":0},"unk_token":"[PAD]"}}"#;
    TokenizerFiles {
        tokenizer_file: TOKENIZER.into(),
        config_file: br#"{"pad_token_id":0}"#.to_vec(),
        special_tokens_map_file: b"{}".to_vec(),
        tokenizer_config_file: br#"{"model_max_length":1000000,"pad_token":"[PAD]"}"#.to_vec(),
    }
}

/// Makes `placeholder` answer with `ids` when it is asked to tokenise an empty text with its marks: the ids
/// are its mark.
pub(crate) fn answer(placeholder: &mut Tokenizer, ids: Vec<u32>) -> Result<()> {
    const MARK: &str = "ids";
    let names = vec![String::new(); ids.len()];
    let mark = SpecialToken::new(MARK.to_owned(), ids, names);
    let mark = mark.map_err(|cause| tokenizing(cause.to_string()))?;
    let template = Template::try_from(MARK).map_err(tokenizing)?;
    let processing = TemplateProcessing::builder()
        .single(template)
        .special_tokens(Tokens::from(vec![mark]))
        .build()
        .map_err(|cause| tokenizing(cause.to_string()))?;
    placeholder.with_post_processor(Some(processing));
    // The placeholder comes with a limit; the ids are cut already.
    placeholder.with_truncation(None).map_err(|cause| tokenizing(cause.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_at_white_space_or_characters() {
        let words = "word ".repeat(20_000);
        let end = piece_end(&words, 0);
        assert!(end <= PIECE && words[end..].starts_with(' '), "{end}");
        let chinese = "文".repeat(20_000);
        let end = piece_end(&chinese, 0);
        assert!(end <= PIECE && end > PIECE - 3 && chinese.is_char_boundary(end), "{end}");
        assert_eq!(piece_end("short", 0), 5);
        // A single space at the very start must not give an empty piece.
        let mut odd = String::from(" ");
        odd.push_str(&"x".repeat(PIECE * 2));
        assert!(piece_end(&odd, 0) > 0);
    }

    #[test]
    fn a_placeholder_answers_with_the_ids_it_was_given() {
        let mut placeholder = Tokenizer::from_bytes(placeholder_files().tokenizer_file).unwrap();
        for ids in [vec![101, 7, 7, 102], (0..512).collect::<Vec<u32>>()] {
            answer(&mut placeholder, ids.clone()).unwrap();
            let encoding = placeholder.encode("", true).unwrap();
            assert_eq!(encoding.get_ids(), ids);
            assert!(encoding.get_attention_mask().iter().all(|&bit| bit == 1));
            assert!(encoding.get_type_ids().iter().all(|&id| id == 0));
        }
    }
}
