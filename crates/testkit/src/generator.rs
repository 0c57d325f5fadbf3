//! A language model that says what it is told to say.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use docent_core::{Error, ErrorKind, GenerateRequest, Generated, Generator, Result};

/// A [`Generator`] that plays back pieces of text and keeps the prompts that it was given.
///
/// A token is a run of Latin letters and digits, or any other character that is not white space.
#[derive(Debug)]
pub struct FakeGenerator {
    scripts: Mutex<Vec<Vec<String>>>,
    prompts: Mutex<Vec<GenerateRequest>>,
    context_tokens: usize,
    failure: Option<String>,
}

impl FakeGenerator {
    /// A generator that answers with `pieces`, every time.
    pub fn new(pieces: &[&str]) -> Self {
        Self::with_answers(&[pieces])
    }

    /// A generator that gives these answers one after the other, and the last of them from then on.
    pub fn with_answers(answers: &[&[&str]]) -> Self {
        let owned = |pieces: &&[&str]| pieces.iter().map(|piece| (*piece).to_owned()).collect();
        Self {
            scripts: Mutex::new(answers.iter().map(owned).collect()),
            prompts: Mutex::new(Vec::new()),
            context_tokens: 4096,
            failure: None,
        }
    }

    /// A generator that fails with `message`.
    pub fn failing(message: &str) -> Self {
        Self { failure: Some(message.to_owned()), ..Self::new(&[]) }
    }

    /// Sets how many tokens prompt and answer may have together.
    #[must_use]
    pub fn context(mut self, tokens: usize) -> Self {
        self.context_tokens = tokens;
        self
    }

    /// The prompts so far.
    pub fn prompts(&self) -> Vec<GenerateRequest> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn next_script(&self) -> Vec<String> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        if scripts.len() > 1 { scripts.remove(0) } else { scripts.first().cloned().unwrap_or_default() }
    }
}

/// Tokens of `text` as [`FakeGenerator`] counts them.
fn tokens(text: &str) -> usize {
    let mut count = 0;
    let mut in_word = false;
    for c in text.chars() {
        let letter = c.is_ascii_alphanumeric();
        count += usize::from(if letter { !in_word } else { !c.is_whitespace() });
        in_word = letter;
    }
    count
}

impl Generator for FakeGenerator {
    fn id(&self) -> &'static str {
        "fake-generator"
    }

    fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(tokens(text))
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        if let Some(message) = &self.failure {
            return Err(Error::new(ErrorKind::Model, message.clone()));
        }
        let examples: usize =
            request.examples.iter().map(|(user, answer)| tokens(user) + tokens(answer)).sum();
        let prompt_tokens = tokens(&request.system) + examples + tokens(&request.user);
        if prompt_tokens + request.max_tokens > self.context_tokens {
            return Err(Error::new(
                ErrorKind::Model,
                format!("{prompt_tokens} prompt tokens do not fit a context of {}", self.context_tokens),
            ));
        }
        let mut generated = Generated { prompt_tokens, ..Generated::default() };
        for piece in self.next_script() {
            if generated.generated_tokens >= request.max_tokens {
                generated.cut_short = true;
                break;
            }
            generated.text.push_str(&piece);
            generated.generated_tokens += 1;
            if on_text(&piece).is_break() {
                generated.cut_short = true;
                break;
            }
        }
        Ok(generated)
    }

    fn unload(&self) {}
}
