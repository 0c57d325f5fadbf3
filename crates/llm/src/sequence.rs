//! The one sequence of tokens that a model has read, and how the next prompt makes use of it.

use std::sync::atomic::{AtomicBool, Ordering};

use docent_core::{Error, ErrorKind, Result};
use llama_cpp_2::{
    context::LlamaContext, llama_batch::LlamaBatch, sampling::LlamaSampler, token::LlamaToken,
};

use crate::{prefix::PrefixStates, prompt::Prompt};

/// Tokens that are read at once. Chunks begin at 0 and again at the end of the prefix, and only whole ones are
/// reused: each is always computed in the same company, so that what was reused never shows in an answer.
pub(crate) const CHUNK: usize = 256;
/// The number of the sequence in llama.cpp.
pub(crate) const SEQUENCE: i32 = 0;

/// A context and what is in it.
pub(crate) struct Sequence<'model> {
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    states: PrefixStates,
    /// The prompt that the context has read. llama.cpp keeps no token ids itself.
    read: Vec<LlamaToken>,
    /// How much of it was prefix.
    read_prefix: usize,
    /// Where the next token goes: behind the prompt and what was generated.
    next: usize,
    /// Threads that the context computes with.
    threads: usize,
}

impl<'model> Sequence<'model> {
    pub(crate) fn new(context: LlamaContext<'model>, threads: usize, states: PrefixStates) -> Self {
        let batch = LlamaBatch::new(CHUNK, 1);
        Self { context, batch, states, read: Vec::new(), read_prefix: 0, next: 0, threads }
    }

    /// Threads that it computes with.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Goes on in another, empty context; the known states of prompt beginnings stay known.
    pub(crate) fn move_to(&mut self, context: LlamaContext<'model>, threads: usize) {
        self.context = context;
        self.threads = threads;
        self.forget();
    }

    /// Tokens that prompt and answer may have together.
    pub(crate) fn capacity(&self) -> usize {
        self.context.n_ctx() as usize
    }

    /// Reads `prompt`, and says how many of its tokens were there already or were restored. Reading ends early,
    /// with nothing kept, when `stop` is set.
    pub(crate) fn read(&mut self, prompt: &Prompt, stop: &AtomicBool) -> Result<usize> {
        let read = self.try_read(prompt, stop);
        if read.is_err() {
            self.forget();
        }
        read
    }

    fn try_read(&mut self, prompt: &Prompt, stop: &AtomicBool) -> Result<usize> {
        let Prompt { tokens, prefix } = prompt;
        let mut reused = self.reusable(prompt);
        if reused == 0 || !self.cut(reused) {
            self.forget();
            reused = if *prefix > 0 && self.states.restore(&mut self.context, &tokens[..*prefix]) {
                *prefix
            } else {
                0
            };
        }
        let mut at = reused;
        while at < tokens.len() {
            if stop.load(Ordering::Relaxed) {
                self.forget();
                return Ok(reused);
            }
            let border = if at < *prefix { *prefix } else { tokens.len() };
            let end = (at + CHUNK).min(border);
            self.evaluate(&tokens[at..end], at, end == tokens.len())?;
            at = end;
            if at == *prefix && reused < *prefix {
                self.states.keep(&self.context, &tokens[..at]);
            }
        }
        self.read.clone_from(tokens);
        self.read_prefix = *prefix;
        self.next = tokens.len();
        Ok(reused)
    }

    /// How much of `prompt` the context holds, in whole chunks; less than the prefix counts for nothing, and
    /// at least one token is left to read, since reading it is what gives the first answer token.
    fn reusable(&self, prompt: &Prompt) -> usize {
        let common = self.read.iter().zip(&prompt.tokens).take_while(|(a, b)| a == b).count();
        reusable(common, self.read_prefix == prompt.prefix, prompt.prefix, prompt.tokens.len())
    }

    /// Forgets what is behind the first `length` tokens. Some models cannot.
    fn cut(&mut self, length: usize) -> bool {
        let from = u32::try_from(length).ok();
        self.context.clear_kv_cache_seq(Some(SEQUENCE as u32), from, None).unwrap_or(false)
    }

    /// Empties the context: what is in it cannot be relied on.
    pub(crate) fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.read.clear();
        self.read_prefix = 0;
        self.next = 0;
    }

    fn evaluate(&mut self, tokens: &[LlamaToken], at: usize, wants_next: bool) -> Result<()> {
        self.batch.clear();
        for (offset, token) in tokens.iter().enumerate() {
            let last = offset + 1 == tokens.len();
            self.batch
                .add(*token, (at + offset) as i32, &[SEQUENCE], last && wants_next)
                .map_err(|cause| failed(cause.to_string()))?;
        }
        self.context.decode(&mut self.batch).map_err(|cause| failed(cause.to_string()))
    }

    /// The next token of the answer.
    pub(crate) fn sample(&mut self, sampler: &mut LlamaSampler) -> LlamaToken {
        sampler.sample(&self.context, -1)
    }

    /// Reads a token of the answer.
    pub(crate) fn push(&mut self, token: LlamaToken) -> Result<()> {
        let pushed = self.evaluate(&[token], self.next, true);
        self.next += 1;
        if pushed.is_err() {
            self.forget();
        }
        pushed
    }
}

fn reusable(common: usize, same_prefix: bool, prefix: usize, length: usize) -> usize {
    if !same_prefix || common < prefix {
        return 0;
    }
    let usable = common.min(length.saturating_sub(1));
    if usable < prefix { 0 } else { prefix + (usable - prefix) / CHUNK * CHUNK }
}

fn failed(cause: String) -> Error {
    Error::new(ErrorKind::Model, "the language model failed").caused_by(cause)
}

#[cfg(test)]
mod tests {
    #[test]
    fn whole_chunks_are_reused_and_one_token_is_left_to_read() {
        // (common, prefix, length of the new prompt) -> reused
        for (common, prefix, length, reused) in [
            (0, 100, 500, 0),
            (99, 100, 500, 0),
            (100, 100, 500, 100),
            (355, 100, 500, 100),
            (356, 100, 500, 356),
            (500, 100, 500, 356),
            (612, 100, 612, 356),
            (613, 100, 700, 612),
            (300, 0, 400, 256),
        ] {
            assert_eq!(super::reusable(common, true, prefix, length), reused, "{common} {prefix} {length}");
        }
        assert_eq!(super::reusable(400, false, 100, 500), 0);
    }
}
