//! Whether a model says that it has no answer.
//!
//! Only openings that cannot begin an answer count: a negated verb of saying whose subject is the passages, or the
//! model's own not knowing. "The document does not expire until 2026" is an answer. The same openings decide, while
//! the model talks, how long its words are held back, so that a refusal never follows words that were shown.

use crate::sentences;

/// Texts that may follow one another: one of each slot.
type Opening = &'static [&'static [&'static str]];

const NEGATED: &[&str] =
    &["do not ", "does not ", "don't ", "doesn't ", "did not ", "didn't ", "cannot ", "can't "];

const SOURCES: &[&str] = &[
    "passage",
    "document",
    "source",
    "text",
    "context",
    "provided text",
    "provided context",
    "information",
    "excerpt",
];

/// Verbs that only a text about the passages goes on with.
const SAYING: &[&str] = &[
    "mention",
    "specify",
    "specifies",
    "specified",
    "state",
    "say",
    "said",
    "answer",
    "address",
    "indicate",
    "discuss",
    "describe",
    "explain",
    "explicitly",
    "directly",
    "tell",
    "give any",
    "provide any",
    "provide information",
    "provide details",
    "provide enough",
    "provide an answer",
    "provide a direct",
    "provide specific",
    "provide the ",
    "contain any information",
    "contain information",
    "contain an answer",
    "contain the answer",
    "contain enough",
    "contain any mention",
    "contain any answer",
    "contain specific",
    "contain details",
    "include any information",
    "include information",
    "have any information",
    "have information",
    "have enough",
    "have an answer",
    "have the answer",
    "give information",
    "give an answer",
    "give enough",
    "give the answer",
];

/// What is missing, in English.
const MISSING: &[&str] = &[
    "information about",
    "information on",
    "information regarding",
    "information in",
    "information provided",
    "information available",
    "information given",
    "information that",
    "information to",
    "information.",
    "information,",
    "information is",
    "information was",
    "information found",
    "information related",
    "specific information",
    "relevant information",
    "mention of",
    "mention in",
    "mention.",
    "answer in",
    "answer to",
    "answer.",
    "data on",
    "data about",
    "details about",
    "details on",
];

const HAN_SOURCES: &[&str] =
    &["段落", "文档", "文件", "资料", "文本", "材料", "文章", "内容", "信息", "上下文"];

const HAN_NO: &[&str] =
    &["没有", "并没有", "都没有", "均没有", "未", "并未", "均未", "都未", "未能", "不能", "无法"];

const HAN_SAYING: &[&str] = &[
    "提到",
    "提及",
    "说明",
    "回答",
    "指出",
    "写明",
    "明确",
    "记载",
    "描述",
    "讲到",
    "说到",
    "告诉",
    "找到",
    "给出答案",
    "给出具体",
    "给出相关",
    "提供答案",
    "提供相关",
    "提供关于",
    "提供有关",
    "提供足够",
    "提供具体",
    "提供任何信息",
    "包含相关",
    "包含关于",
    "包含有关",
    "包含足够",
    "包含任何信息",
    "包含答案",
    "直接",
    "相关信息",
    "相关内容",
    "相关的信息",
    "相关的内容",
    "相关资料",
    "相关说明",
    "相关记录",
    "有关信息",
    "足够",
    "任何信息",
    "任何相关",
    "任何关于",
    "关于",
    "答案",
];

const OPENINGS: &[Opening] = &[
    &[&["i "], &["do not know", "don't know", "am not sure", "have no information", "have no answer"]],
    &[&["i'm "], &["not sure", "unable to answer", "unable to find", "unable to determine", "not able to"]],
    &[&["i am "], &["unable to answer", "unable to find", "unable to determine", "not able to"]],
    &[
        &["i "],
        &["cannot ", "can't ", "can not ", "could not ", "couldn't "],
        &["answer", "find", "determine", "provide", "say", "tell"],
    ],
    &[
        &["", "the ", "these ", "this ", "those ", "your "],
        &["", "provided ", "given ", "available ", "above "],
        SOURCES,
        &["", "s"],
        &[" ", " provided ", " given ", " above "],
        NEGATED,
        SAYING,
    ],
    &[
        &["none of the "],
        &["", "provided ", "given "],
        SOURCES,
        &["s "],
        &[
            "mention",
            "answer",
            "specif",
            "state",
            "say",
            "contain any",
            "contain information",
            "provide",
            "contain the answer",
            "address",
            "indicate",
        ],
    ],
    &[&["", "there is ", "there's ", "there was "], &["no ", "not enough ", "insufficient "], MISSING],
    &[
        &["the ", "this "],
        &["answer ", "information ", "question "],
        &["is not ", "isn't ", "was not ", "cannot be "],
        &[
            "mentioned",
            "provided",
            "given",
            "available",
            "stated",
            "specified",
            "found",
            "contained",
            "included",
            "known",
            "in the ",
            "answered",
            "determined",
            "explicitly",
            "directly",
            "present",
        ],
    ],
    &[
        &["", "it ", "this ", "that "],
        &["is ", "was ", ""],
        &["not "],
        &["mentioned", "specified", "stated", "known"],
        &[".", " in the", " in any", ","],
    ],
    &[&["unknown", "n/a", "none"], &[".", "。"]],
    &[
        &["", "我"],
        &[
            "不知道",
            "不清楚",
            "不确定",
            "无法回答",
            "不能回答",
            "无法确定",
            "无法找到",
            "无法从",
            "无法得知",
            "无法提供",
            "没有找到",
            "没有足够",
        ],
    ],
    &[
        &["", "根据", "从", "在", "以上", "上述"],
        &["", "所", "您", "你", "这些", "该"],
        &["", "提供的", "给出的", "给定的", "现有的", "现有", "已有", "上述", "以上"],
        HAN_SOURCES,
        &["", "中", "里", "内", "中的信息", "中的内容"],
        &["", "，", ",", " "],
        &["", "并", "都", "均", "也"],
        HAN_NO,
        HAN_SAYING,
    ],
    &[&["没有", "未", "并未", "并没有"], HAN_SAYING],
];

/// Apologies, and what is said to stand behind an answer: an opening may follow them.
const APOLOGIES: &[&str] = &[
    "i'm sorry",
    "i am sorry",
    "sorry",
    "unfortunately",
    "i apologize",
    "很抱歉",
    "非常抱歉",
    "抱歉",
    "对不起",
    "不好意思",
];
const GROUNDS: &[&str] =
    &["based on ", "according to ", "from the ", "given the ", "in the ", "根据", "基于", "依据", "从", "在"];

/// Where the lead-in of a sentence ends at the latest, in characters.
const LONGEST_LEAD_IN: usize = 60;

/// A longer answer says something: characters, and sentences.
const LONGEST: usize = 400;
const SENTENCES: usize = 4;

/// How the beginning of an answer stands to the openings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Begins<'a> {
    Otherwise,
    /// What comes next decides.
    Perhaps,
    /// With what follows it.
    WithOpening(&'a str),
}

/// What `answer` says after it has said that there is none; `None` where it is an answer. Only short ones are
/// looked at.
pub(crate) fn not_known(answer: &str) -> Option<String> {
    let mut plain = plain(answer);
    if plain.chars().count() > LONGEST || sentences::split(&plain).len() > SENTENCES {
        return None;
    }
    // So that an opening that is all of the answer is seen to end.
    plain.push('.');
    match begins(&plain) {
        Begins::WithOpening(rest) => Some(rest.to_owned()),
        Begins::Perhaps | Begins::Otherwise => None,
    }
}

/// Whether `said`, the beginning of an answer, may yet turn out to say that there is none.
pub(crate) fn may_become_unknown(said: &str) -> bool {
    let plain = plain(said);
    plain.chars().count() <= LONGEST
        && sentences::split(&plain).len() <= SENTENCES
        && begins(&plain) != Begins::Otherwise
}

fn plain(text: &str) -> String {
    let lower = text.trim().replace('’', "'").to_lowercase();
    // A citation in front of a sentence is none of its words.
    let mark = lower.strip_prefix('[').and_then(|after| after.split_once(']'));
    mark.map_or(lower.as_str(), |(_, after)| after.trim_start()).to_owned()
}

fn begins(text: &str) -> Begins<'_> {
    let direct = OPENINGS.iter().map(|opening| follows(text, opening)).max();
    direct.unwrap_or(Begins::Otherwise).max(after_lead_in(text))
}

fn follows<'a>(text: &'a str, slots: &[&[&str]]) -> Begins<'a> {
    let Some((slot, rest)) = slots.split_first() else { return Begins::WithOpening(text) };
    let with = |alternative: &&str| match text.strip_prefix(*alternative) {
        Some(after) => follows(after, rest),
        None if alternative.starts_with(text) => Begins::Perhaps,
        None => Begins::Otherwise,
    };
    slot.iter().map(with).max().unwrap_or(Begins::Otherwise)
}

/// How what follows an apology, or `based on the passages,`, begins.
fn after_lead_in(text: &str) -> Begins<'_> {
    let is_space = |c: char| c.is_whitespace() || matches!(c, ',' | '，' | '.' | '。' | ';' | '；');
    let sorry = APOLOGIES.iter().find_map(|apology| text.strip_prefix(apology));
    let after = match sorry {
        Some(after) => {
            let after = after.trim_start_matches(is_space);
            if "but ".starts_with(after) {
                return Begins::Perhaps;
            }
            after.strip_prefix("but ").or(after.strip_prefix('但')).unwrap_or(after)
        }
        None if GROUNDS.iter().any(|ground| text.starts_with(ground)) => {
            let comma = text.char_indices().take(LONGEST_LEAD_IN).find(|(_, c)| matches!(c, ',' | '，'));
            match comma {
                Some((at, comma)) => &text[at + comma.len_utf8()..],
                None if text.chars().count() < LONGEST_LEAD_IN => return Begins::Perhaps,
                None => return Begins::Otherwise,
            }
        }
        None => {
            let perhaps = APOLOGIES.iter().chain(GROUNDS).any(|lead| lead.starts_with(text));
            return if perhaps { Begins::Perhaps } else { Begins::Otherwise };
        }
    };
    begins(after.trim_start_matches(is_space))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: &[&str] = &[
        "I don't know.",
        " I don’t know",
        "Unknown",
        "我不知道。",
        "The passages do not mention the price [1].",
        "The provided passages do not contain information about the price.",
        "None of the passages mention the price.",
        "There is no information about the price.",
        "There is no information",
        "The answer is not mentioned in the passages.",
        "It is not mentioned.",
        "I cannot answer this question.",
        "Sorry, I don't know",
        "I'm sorry, but I don't know.",
        "I'm sorry, but I cannot answer the question. The passages do not contain information about it. Please provide \
         more context.",
        "抱歉，我无法回答这个问题。段落中没有提到价格。请提供更多信息。",
        "Unfortunately, the document does not specify the price.",
        "Based on the passages, there is no information about the price.",
        "段落中没有提到价格。",
        "根据提供的段落，没有提到价格。",
        "根据提供的段落没有提到价格。",
        "[1] I don't know.",
        "提供的段落中没有相关信息。",
        "抱歉，我无法回答这个问题。",
        "现有文档没有回答这个问题。",
        "没有提到。",
    ];

    const ANSWERS: &[&str] = &[
        "Staff have 30 days [1].",
        "价格是30元[1]。",
        "I know it: 30.",
        "",
        "提供的段落指出，员工每年有十五天年假[1]。",
        "根据提供的段落，员工每年有十五天年假[1]。",
        "The document does not expire until 2026 [1].",
        "No information may leave the machine [1].",
        "Unknown parameters cause E_4021 [1].",
        "The answer is not 30 but 45 [1].",
        "The information is not to be shared with third parties [1].",
        "Not before 8:00 [1].",
        "None of the documents may leave the building [1].",
        "Sorry signs hang at the gate [1].",
        "Based on the passages, staff have 30 days [1].",
        "文件没有盖章不得使用[1]。",
        "未经批准不得加班[1]。",
        "在德国，员工每年有三十天年假[1]。",
    ];

    #[test]
    fn not_knowing_is_noticed_and_knowing_is_not() {
        for answer in UNKNOWN {
            assert!(not_known(answer).is_some(), "{answer}");
        }
        for answer in ANSWERS {
            assert_eq!(not_known(answer), None, "{answer}");
        }
        assert_eq!(not_known("The passages do not mention prices").as_deref(), Some(" prices."));
        let long = format!("I don't know. {}", "But there is much to say about it. ".repeat(8));
        assert_eq!(not_known(&long), None);
    }

    #[test]
    fn what_may_become_a_refusal_is_held_back_from_its_first_letter() {
        for answer in UNKNOWN.iter().filter(|answer| !answer.starts_with('[')) {
            for (at, c) in answer.char_indices() {
                let said = &answer[..at + c.len_utf8()];
                assert!(may_become_unknown(said), "{said:?} of {answer:?}");
            }
        }
        for answer in ANSWERS.iter().filter(|answer| !answer.is_empty()) {
            assert!(!may_become_unknown(answer), "{answer}");
        }
        assert!(!may_become_unknown("I do it") && !may_become_unknown("30 d"));
    }
}
