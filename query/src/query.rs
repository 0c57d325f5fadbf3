//! A query as typed: its words, its quoted phrases, its identifiers.

use docent_core::{Error, ErrorKind, Result};

use crate::words::{fold_width, is_cjk};

/// Characters of a query that are used; the rest of a longer one is ignored, with a note.
pub const MAX_QUERY_CHARS: usize = 4096;

/// The most phrases and identifiers that are honoured in one query.
const MAX_EXACT: usize = 8;

/// Pairs of quotation marks. Chinese book-title marks name things in ordinary questions and are not among them.
const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('＂', '＂'),
    ('“', '”'),
    ('„', '“'),
    ('„', '”'),
    ('”', '”'),
    ('「', '」'),
    ('『', '』'),
    ('«', '»'),
];

/// A query, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParsedQuery {
    /// What is searched, at most [`MAX_QUERY_CHARS`] long.
    pub(crate) text: String,
    /// Quoted parts: they have to stand in a passage word for word.
    pub(crate) phrases: Vec<String>,
    /// Parts that look like identifiers or code: passages that contain them come first.
    pub(crate) identifiers: Vec<String>,
    /// Whether the query was longer than what is searched.
    pub(crate) cut: bool,
}

impl ParsedQuery {
    /// Takes `query` apart.
    ///
    /// # Errors
    /// There is no letter and no digit in it.
    pub(crate) fn parse(query: &str) -> Result<Self> {
        if !query.contains(char::is_alphanumeric) {
            let what =
                if query.trim().is_empty() { "the query is empty" } else { "the query has no words in it" };
            return Err(Error::new(ErrorKind::Usage, what).hint("type a question, a few words, or a name"));
        }
        let trimmed = query.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').trim_end();
        let end = trimmed.char_indices().nth(MAX_QUERY_CHARS).map_or(trimmed.len(), |(at, _)| at);
        let mut text = trimmed[..end].to_owned();
        let cut = end < trimmed.len();
        if !text.contains(char::is_alphanumeric) {
            let from = trimmed.find(char::is_alphanumeric).unwrap_or(0);
            text = trimmed[from..].chars().take(MAX_QUERY_CHARS).collect();
        }
        if cut {
            // Half a word would be a word that stands nowhere.
            if let Some(space) = text.rfind(char::is_whitespace).filter(|space| *space > text.len() / 2) {
                text.truncate(space);
            }
        }
        let phrases = quoted(&text);
        let mut identifiers = identifiers(&text);
        identifiers.retain(|identifier| !phrases.contains(identifier));
        Ok(Self { text, phrases, identifiers, cut })
    }
}

/// The quoted parts of `text` that have something in them. A quote that is never closed is none, and the sign for
/// inches opens none.
fn quoted(text: &str) -> Vec<String> {
    let mut phrases: Vec<String> = Vec::new();
    let mut rest = text;
    let is_open = |c: char| QUOTES.iter().any(|(open, _)| *open == c);
    while let Some((at, open)) = rest.char_indices().find(|(_, c)| is_open(*c)) {
        let inside = &rest[at + open.len_utf8()..];
        let closes = QUOTES.iter().filter(|(o, _)| *o == open).filter_map(|(_, close)| inside.find(*close));
        let after_digit = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
        let close = closes.min().filter(|close| {
            let inches = matches!(open, '"' | '＂')
                && after_digit(&rest[..at])
                && (inside.starts_with(char::is_whitespace) || after_digit(&inside[..*close]));
            !inches
        });
        let Some(end) = close else {
            rest = inside;
            continue;
        };
        let phrase = inside[..end].trim();
        if phrase.contains(char::is_alphanumeric) && !phrases.iter().any(|known| known == phrase) {
            phrases.push(phrase.to_owned());
        }
        rest =
            inside[end..].get(inside[end..].chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    phrases.truncate(MAX_EXACT);
    phrases
}

/// The parts of `text` that look like identifiers. A query that is one word is looked at more generously than
/// a word within a question.
fn identifiers(text: &str) -> Vec<String> {
    let tokens: Vec<&str> =
        tokens(text).into_iter().map(trim_marks).filter(|token| !token.is_empty()).collect();
    let alone = tokens.len() == 1 && !text.contains(is_cjk);
    let mut found: Vec<String> = Vec::new();
    for token in tokens {
        if looks_like_identifier(token, alone) && !found.iter().any(|known| known == token) {
            found.push(token.to_owned());
        }
    }
    found.truncate(MAX_EXACT);
    found
}

/// `text` in pieces, parted where no identifier goes on.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        if parts(&text[..at], c, &text[after..]) {
            tokens.push(&text[start..at]);
            start = after;
        }
    }
    tokens.push(&text[start..]);
    tokens
}

/// Whether `c`, between `before` and `after`, parts tokens. A colon goes on in `9001:2015`, `foo::bar` and `C:\`.
fn parts(before: &str, c: char, after: &str) -> bool {
    let (last, next) = (before.chars().next_back(), after.chars().next());
    let between = |belongs: fn(char) -> bool| {
        last.is_some_and(|c| belongs(fold_width(c))) && next.is_some_and(|c| belongs(fold_width(c)))
    };
    match c {
        '，' | '。' | '？' | '！' | '、' | '；' | '（' | '）' | '《' | '》' | '【' | '】' | '“' | '”'
        | '‘' | '’' | '「' | '」' | '=' | '＝' | '"' | '＂' => true,
        ',' | ';' => !between(|c| c.is_ascii_digit()),
        ':' | '：' => {
            let scope = last == Some(':') || next == Some(':');
            !(scope || between(|c| c.is_ascii_digit()) || matches!(next, Some('/' | '\\')))
        }
        _ => c.is_whitespace() || is_cjk(c),
    }
}

/// `token` without the marks of the sentence around it. A closing bracket that was opened inside stays.
fn trim_marks(token: &str) -> &str {
    let token = token.trim_start_matches(['(', '[', '{', '<', '\'', ':', '`', '*', '［', '〔']);
    let mut token =
        token.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '>', '`', '*', '］', '〕', '…']);
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        while token.ends_with(close) && token.matches(open).count() < token.matches(close).count() {
            token = &token[..token.len() - 1];
        }
    }
    token.strip_suffix("'s").unwrap_or(token)
}

/// Whether `token` is an everyday word in spite of its digits or marks: `50-year-old`, `mid-1990s`, `100km/h`,
/// `he/she/they`.
fn is_everyday(token: &str) -> bool {
    let parts: Vec<&str> = token.split(['-', '/']).collect();
    let word = |part: &&str| !part.is_empty() && part.chars().all(char::is_lowercase);
    let counted = |part: &str| part.trim_start_matches(|c: char| c.is_ascii_digit()).len() < part.len();
    let unit = |part: &str| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned();
    let plain = |parts: &[&str]| parts.iter().all(word);
    match parts.as_slice() {
        [] | [_] => false,
        all if plain(all) => true,
        // A number first, with its unit or without.
        [first, rest @ ..] if counted(first) && plain(rest) => {
            let unit = unit(first);
            unit.is_empty() || (token.contains('/') && unit.chars().all(char::is_lowercase))
        }
        // A decade last.
        [rest @ .., last] => counted(last) && unit(last) == "s" && plain(rest),
    }
}

fn looks_like_identifier(token: &str, alone: bool) -> bool {
    let chars: Vec<char> = token.chars().map(fold_width).collect();
    if chars.len() < 3 || !chars.iter().any(|c| c.is_alphanumeric()) || is_everyday(token) {
        return false;
    }
    let digits = chars.iter().filter(|c| c.is_ascii_digit()).count();
    let letters = chars.iter().filter(|c| c.is_alphabetic()).count();
    let joined = |mark: char| {
        chars.windows(3).any(|w| w[1] == mark && w[0].is_alphanumeric() && w[2].is_alphanumeric())
    };
    let underscore = chars.contains(&'_') && letters > 0;
    let scoped = token.contains("::") || token.contains("->") || token.contains("()");
    let path = chars.iter().filter(|c| matches!(c, '/' | '\\')).count() > 1;
    let coded = letters > 0 && digits >= 2 && ['-', '_', '/', ':', '.', '#'].into_iter().any(joined);
    let camel = chars.windows(2).any(|w| w[0].is_lowercase() && w[1].is_uppercase());
    let file = file_name(token);
    if underscore || scoped || coded || file || (path && letters > 0) || number_code(&chars) {
        return true;
    }
    // Alone, anything that is more than a plain word: part numbers, dates, camelCase, versions.
    alone
        && (camel
            || (digits > 0 && letters > 0)
            || (digits >= 4 && digits == chars.len())
            || (digits > 0 && chars.iter().any(|c| !c.is_alphanumeric()))
            || ['.', ':', '@', '#', '/', '+'].into_iter().any(|mark| chars.contains(&mark)))
}

/// `20240131007`, `2024-001`: digits and marks that are no amount, date or range.
fn number_code(chars: &[char]) -> bool {
    let token: String = chars.iter().collect();
    let groups: Vec<&str> = token.split(['-', '/', '.', '#', '_']).collect();
    let is_number = |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    groups.iter().all(is_number)
        && groups
            .iter()
            .any(|group| group.len() > 6 || (group.starts_with('0') && (3..=6).contains(&group.len())))
}

/// `report-final.docx`: a name, a dot, and an extension of letters and digits.
pub(crate) fn file_name(token: &str) -> bool {
    let Some((stem, extension)) = token.rsplit_once('.') else { return false };
    let fits = (2..=5).contains(&extension.len())
        && extension.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && extension.contains(|c: char| c.is_ascii_lowercase());
    fits && stem.len() >= 2 && stem.ends_with(char::is_alphanumeric) && !stem.contains('.')
        || (fits && stem.contains(['_', '-', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> ParsedQuery {
        ParsedQuery::parse(query).unwrap()
    }

    #[test]
    fn nothing_to_search_for_is_wrong_usage() {
        for query in ["", "  \n", "?!…", "“”", "🎉"] {
            let error = ParsedQuery::parse(query).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{query:?}");
        }
    }

    #[test]
    fn quoted_parts_are_phrases() {
        let cases: [(&str, &[&str]); 15] = [
            ("who wrote \"annual leave\" down", &["annual leave"]),
            ("“年假 天数”和「加班费」", &["年假 天数", "加班费"]),
            ("an \"open quote", &[]),
            ("empty \"\" and \"...\"", &[]),
            ("it's John's", &[]),
            ("《战国无双3》是谁开发的", &[]),
            ("\"a b\" \"a b\" \"c d\"", &["a b", "c d"]),
            ("a 19\" rack and a 24\" rack", &[]),
            ("a 19\" rack of \"type A\"", &["type A"]),
            ("＂年假＂是什么", &["年假"]),
            ("错误码500\"连接超时\"和\"拒绝访问\"", &["连接超时", "拒绝访问"]),
            ("a 19\" and a 24\" rack", &[]),
            ("„urlop wypoczynkowy” i „Urlaub“", &["urlop wypoczynkowy", "Urlaub"]),
            ("”årlig ledighet” dagar", &["årlig ledighet"]),
            ("it is 24\"", &[]),
        ];
        for (query, expected) in cases {
            assert_eq!(parse(query).phrases, expected, "{query}");
        }
    }

    #[test]
    fn identifiers_are_noticed_and_plain_questions_are_not() {
        let identifiers = [
            "E_4021",
            "ISO-9001:2015",
            "foo::bar",
            "INV-2024/0031",
            "report-final.docx",
            "getUserName",
            "v1.2.3",
            "2024-01-05",
            "ERR42",
            "a/b/c.txt",
            "Ｅ＿4021",
            "4711",
            "20240131007",
            "2024-001",
        ];
        for query in identifiers {
            assert_eq!(parse(query).identifiers, [query], "{query}");
        }
        assert_eq!(parse("what does E_4021 mean?").identifiers, ["E_4021"]);
        assert_eq!(parse("错误E_4021是什么意思？").identifiers, ["E_4021"]);
        assert_eq!(parse("Who signed INV-2024/0031?").identifiers, ["INV-2024/0031"]);
        for (query, expected) in [
            ("合同编号：HT-2024-001", &["HT-2024-001"][..]),
            ("HT-2024-001（补充协议）", &["HT-2024-001"]),
            ("what is E_4021's meaning", &["E_4021"]),
            ("what is E_4021’s meaning", &["E_4021"]),
            ("code=E_4021", &["E_4021"]),
            ("error:E_4021", &["E_4021"]),
            ("E_4021,E_4022", &["E_4021", "E_4022"]),
            ("see \"the rules\" on E_4021", &["E_4021"]),
            ("is C:\\docs\\a.txt there", &["C:\\docs\\a.txt"]),
            ("Who signed invoice 20240131007?", &["20240131007"]),
            ("合同编号2024-001是谁签的", &["2024-001"]),
            ("what does `E_4021` mean", &["E_4021"]),
            ("**E_4021** ［E_4022］", &["E_4021", "E_4022"]),
            ("what does foo::bar do", &["foo::bar"]),
            ("does ISO-9001:2015 apply", &["ISO-9001:2015"]),
        ] {
            assert_eq!(parse(query).identifiers, expected, "{query}");
        }
        for query in [
            "in the mid-1990s",
            "mid-1990s",
            "a 50-year-old man",
            "50-year-old",
            "drive 100km/h there",
            "100km/h",
            "what he/she/they said",
            "he/she/they",
            "leave",
            "年假",
            "two-dimensional flow",
            "what is and/or",
            "How much is 3.5 %?",
            "in 2024 and 2025",
            "revenue of 2020-2024",
            "on 2024-01-05",
            "from 08:30 to 0.5 of 1,000,000 or 250000",
            "e.g. this",
            "e-mail",
            "the U.S. economy",
            "state-of-the-art",
            "Mr. Smith's 2nd house",
        ] {
            assert!(parse(query).identifiers.is_empty(), "{query}");
        }
    }

    #[test]
    fn a_long_query_is_cut_and_says_so() {
        let parsed = parse(&"年假 leave".repeat(10_000).replace("leave年", "leave 年"));
        assert!(parsed.cut);
        assert!(parsed.text.chars().count() <= MAX_QUERY_CHARS && parsed.text.ends_with("leave"));
        let late = format!("{}word", ".".repeat(10_000));
        assert_eq!(parse(&late).text, "word");
        let coded = parse(&format!("E_4021 \"annual leave\" {}", "word ".repeat(2000)));
        assert!(coded.cut && coded.identifiers == ["E_4021"] && coded.phrases == ["annual leave"]);
    }
}
