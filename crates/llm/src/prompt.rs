//! A request as tokens. The model's own chat template gives the markup; texts are tokenised apart from it, so
//! that markup inside a text is just text.

use docent_core::GenerateRequest;
use llama_cpp_2::{
    model::{LlamaChatMessage, LlamaChatTemplate, LlamaModel},
    token::LlamaToken,
};

/// A prompt in tokens.
#[derive(Debug, PartialEq)]
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<LlamaToken>,
    /// How many of them stand before the user's message: the same for every request with the same system
    /// message and examples.
    pub(crate) prefix: usize,
}

/// Writes `request` the way that `model` was trained to read it.
pub(crate) fn prompt(model: &LlamaModel, request: &GenerateRequest) -> Prompt {
    let mut texts = Vec::with_capacity(request.examples.len() * 2 + 2);
    let mut roles = Vec::with_capacity(texts.capacity());
    if !request.system.is_empty() {
        texts.push(request.system.as_str());
        roles.push("system");
    }
    for (question, answer) in &request.examples {
        texts.extend([question.as_str(), answer.as_str()]);
        roles.extend(["user", "assistant"]);
    }
    texts.push(&request.user);
    roles.push("user");

    let markup = chat_markup(model, &roles).unwrap_or_else(|| plain_markup(&roles));
    let vocab = model.vocab();
    let mut tokens = Vec::new();
    let mut prefix = 0;
    for (at, markup) in markup.iter().enumerate() {
        vocab.tokenize_into(markup.as_bytes(), &mut tokens, false, true);
        if at == 0 && vocab.should_add_bos() && tokens.first() != Some(&vocab.bos()) {
            tokens.insert(0, vocab.bos());
        }
        if at + 1 == texts.len() {
            prefix = tokens.len();
        }
        if let Some(text) = texts.get(at) {
            vocab.tokenize_into(text.as_bytes(), &mut tokens, false, false);
        }
    }
    Prompt { tokens, prefix }
}

/// What stands before, between and after the texts of messages with these roles, by the model's template, or
/// by ChatML where the model has its marks. `None` when neither works.
fn chat_markup(model: &LlamaModel, roles: &[&str]) -> Option<Vec<String>> {
    let own = model.chat_template(None).ok();
    own.and_then(|template| render(model, &template, roles)).or_else(|| {
        let mark = model.vocab().tokenize(b"<|im_start|>", false, true);
        if mark.len() != 1 {
            return None;
        }
        render(model, &LlamaChatTemplate::new("chatml").ok()?, roles)
    })
}

fn render(model: &LlamaModel, template: &LlamaChatTemplate, roles: &[&str]) -> Option<Vec<String>> {
    let messages = roles
        .iter()
        .enumerate()
        .map(|(at, role)| LlamaChatMessage::new((*role).to_owned(), placeholder(at)).ok())
        .collect::<Option<Vec<_>>>()?;
    let rendered = model.apply_chat_template(template, &messages, true).ok()?;
    between(&rendered, roles.len())
}

/// Stands for a text while the template is rendered. Templates trim white space, so it has none.
fn placeholder(at: usize) -> String {
    format!("[[docent:{at}]]")
}

/// The pieces of `rendered` around its placeholders; `None` unless each is there once, in order.
fn between(rendered: &str, texts: usize) -> Option<Vec<String>> {
    let mut pieces = Vec::with_capacity(texts + 1);
    let mut rest = rendered;
    for at in 0..texts {
        let (before, after) = rest.split_once(&placeholder(at))?;
        pieces.push(before.to_owned());
        rest = after;
    }
    pieces.push(rest.to_owned());
    let none_left = (0..texts).all(|at| pieces.iter().all(|piece| !piece.contains(&placeholder(at))));
    none_left.then_some(pieces)
}

/// For a model that knows no chat.
fn plain_markup(roles: &[&str]) -> Vec<String> {
    let mut pieces = Vec::with_capacity(roles.len() + 1);
    for (at, role) in roles.iter().enumerate() {
        let gap = if at == 0 { "" } else { "\n\n" };
        let label = match *role {
            "user" => "Question: ",
            "assistant" => "Answer: ",
            _ => "",
        };
        pieces.push(format!("{gap}{label}"));
    }
    pieces.push("\n\nAnswer:".to_owned());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_what_stands_between_the_texts() {
        let rendered = format!("<s>{}</s><u>{}</u><a>", placeholder(0), placeholder(1));
        assert_eq!(between(&rendered, 2).unwrap(), ["<s>", "</s><u>", "</u><a>"]);
        let reordered = format!("{}{}", placeholder(1), placeholder(0));
        assert_eq!(between(&reordered, 2), None);
        let doubled = format!("{}{}{}", placeholder(0), placeholder(1), placeholder(0));
        assert_eq!(between(&doubled, 2), None);
        assert_eq!(between("nothing", 1), None);
    }

    #[test]
    fn a_model_without_a_template_gets_plain_questions() {
        let markup = plain_markup(&["system", "user", "assistant", "user"]);
        let texts = ["Be brief.", "One?", "1.", "Two?", ""];
        let whole: String =
            markup.iter().zip(texts).flat_map(|(markup, text)| [markup.as_str(), text]).collect();
        assert_eq!(whole, "Be brief.\n\nQuestion: One?\n\nAnswer: 1.\n\nQuestion: Two?\n\nAnswer:");
    }
}
