//! The prompt: instructions, one example, numbered passages, the question; all of it within the context.

use docent_core::{AskConfig, Error, ErrorKind, GenerateRequest, Generator, Location, Result};

use crate::{hits::FullHit, language::Language, sentences};

/// Tokens kept free for the model's own markup: start and end of each of the messages.
const MARKUP_TOKENS: usize = 64;

/// A passage is cut rather than left out if at least this many tokens are left for it.
const LEAST_PASSAGE_TOKENS: usize = 48;

/// What the model is told once and for all in a language: its state is computed once and kept.
struct Template {
    system: &'static str,
    example: (&'static str, &'static str),
    passages: &'static str,
    question: &'static str,
    refusal: &'static str,
}

const ENGLISH: Template = Template {
    system: "You answer questions from documents. Use only the numbered passages. Answer in English, in one to three \
             short sentences. End each sentence with the number of the passage it comes from, like [1]. If the \
             passages do not answer the question, say only: I don't know.",
    example: (
        "Passages:\n[1] Garage\nThe garage opens at 6:00 and closes at 22:00.\n\n[2] Visitor rules\nVisitors sign in \
         at the front desk. They return their badges by 18:00.\n\nQuestion: When must visitors return their badges?",
        "Visitors must return their badges by 18:00 [2].",
    ),
    passages: "Passages:",
    question: "Question: ",
    refusal: "The documents do not answer this question.",
};

const CHINESE: Template = Template {
    system: "你根据文档回答问题。只使用编号的段落。用中文回答，一到三句话。每句话末尾写上所依据段落的编号，例如[1]。\
             如果段落没有回答这个问题，只说：我不知道。",
    example: (
        "段落：\n[1] 车库\n车库六点开门，二十二点关门。\n\n[2] 访客须知\n访客在前台登记，并在十八点前交还访客证。\n\n\
         问题：访客什么时候必须交还访客证？",
        "访客必须在十八点前交还访客证[2]。",
    ),
    passages: "段落：",
    question: "问题：",
    refusal: "现有文档没有回答这个问题。",
};

impl Language {
    fn template(self) -> &'static Template {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    /// What a question is refused with.
    pub fn refusal(self) -> &'static str {
        self.template().refusal
    }
}

/// What stands above a passage: title, headings, page.
pub(crate) fn label(title: &str, location: &Location) -> String {
    let mut parts: Vec<String> = vec![title.to_owned()];
    parts.extend(location.heading.iter().filter(|heading| *heading != title).cloned());
    let place = Location { lines: None, heading: Vec::new(), chars: None, cells: None, ..location.clone() };
    parts.push(place.in_words());
    parts.retain(|part| !part.trim().is_empty());
    parts.join(", ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A prompt, and what became of its parts.
pub(crate) struct Prompt {
    /// What the model is given.
    pub(crate) request: GenerateRequest,
    /// How many of the passages went in.
    pub(crate) used: usize,
    /// Whether a part of the question was left out.
    pub(crate) cut: bool,
}

/// Builds the prompt for `question` from as many of `hits`, in their order, as fit. Passages are numbered from 1
/// in that order.
///
/// # Errors
/// The model cannot count tokens; or its context holds not even the question and one passage.
pub(crate) fn build(
    generator: &dyn Generator,
    question: &str,
    hits: &[FullHit],
    config: &AskConfig,
) -> Result<Prompt> {
    let template = Language::of(question).template();
    let count = |text: &str| generator.count_tokens(text);
    let context = config.context_tokens.min(generator.context_tokens());
    let fixed = count(template.system)?
        + count(template.example.0)?
        + count(template.example.1)?
        + count(template.passages)?
        + count(template.question)?
        + MARKUP_TOKENS;
    // An answer needs room, but never more than half of it.
    let max_tokens = config.answer_tokens.min(context / 2);
    let room = context.saturating_sub(max_tokens + fixed);
    let whole = question;
    let question = cut_inside(generator, whole, room / 2)?;
    let cut = question != whole;
    let mut left = room.saturating_sub(count(&question)?);
    let mut blocks = Vec::new();
    for full in hits {
        let head = format!("[{}] {}\n", blocks.len() + 1, label(&full.hit.title, &full.hit.location));
        let block = format!("{head}{}", full.hit.text.trim());
        // One more for the blank line that follows, one for tokens that differ where texts are joined.
        let tokens = count(&block)? + 2;
        if tokens <= left {
            left -= tokens;
            blocks.push(block);
            continue;
        }
        if left >= LEAST_PASSAGE_TOKENS || blocks.is_empty() {
            let room = left.saturating_sub(count(&head)? + 2);
            let text = cut_to(generator, full.hit.text.trim(), room)?;
            if !text.is_empty() {
                blocks.push(format!("{head}{text}"));
            }
        }
        break;
    }
    if blocks.is_empty() || question.is_empty() {
        return Err(Error::new(
            ErrorKind::Config,
            format!("a context of {context} tokens has no room for a question and a passage"),
        )
        .hint("raise ask.context_tokens, or lower ask.answer_tokens"));
    }
    let user = format!("{}\n{}\n\n{}{question}", template.passages, blocks.join("\n\n"), template.question);
    let request = GenerateRequest {
        system: template.system.to_owned(),
        examples: vec![(template.example.0.to_owned(), template.example.1.to_owned())],
        user,
        max_tokens,
        temperature: config.temperature,
        seed: config.seed,
    };
    Ok(Prompt { request, used: blocks.len(), cut })
}

/// `text` without as much before its last sentence as it is too long: who pastes a letter asks behind it.
fn cut_inside(generator: &dyn Generator, text: &str, room: usize) -> Result<String> {
    let start = sentences::split(text).pop().map_or(text.len(), |range| range.start);
    let last = text[start..].trim();
    let left = room.saturating_sub(generator.count_tokens(last)? + 2);
    if last.is_empty() || left == 0 || generator.count_tokens(text)? <= room {
        return cut_to(generator, text, room);
    }
    let before = cut_to(generator, text[..start].trim_end(), left)?;
    Ok(if before.is_empty() { last.to_owned() } else { format!("{before}\n{last}") })
}

/// The beginning of `text` that has at most `room` tokens: whole sentences, or characters where not even the
/// first sentence fits.
fn cut_to(generator: &dyn Generator, text: &str, room: usize) -> Result<String> {
    if generator.count_tokens(text)? <= room {
        return Ok(text.to_owned());
    }
    let ends: Vec<usize> = sentences::split(text).into_iter().map(|range| range.end).collect();
    if let Some(end) = longest(generator, text, &ends, room)? {
        return Ok(text[..end].to_owned());
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    Ok(longest(generator, text, &ends, room)?.map_or_else(String::new, |end| text[..end].to_owned()))
}

/// The last of `ends` (which grow) up to which `text` has at most `room` tokens.
fn longest(generator: &dyn Generator, text: &str, ends: &[usize], room: usize) -> Result<Option<usize>> {
    let (mut low, mut high) = (0, ends.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if generator.count_tokens(&text[..ends[middle]])? <= room {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1).map(|at| ends[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_title_headings_and_page() {
        let location = Location {
            page: Some(3),
            heading: vec!["A".into(), "B".into()],
            lines: Some([1, 2]),
            ..Location::default()
        };
        assert_eq!(label("Leave  policy", &location), "Leave policy, A, B, page 3");
        assert_eq!(label("A", &location), "A, B, page 3");
        assert_eq!(label("", &Location::default()), "");
    }
}
