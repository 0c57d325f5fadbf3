//! JSON: `\u` escapes as the characters that they stand for, so that `\u5408\u540c` is found as 合同.

/// Decodes the escapes of printable characters outside ASCII. What is left is the same JSON with the same lines;
/// escapes that matter to its syntax stay as they are.
pub(crate) fn unescape(text: String) -> String {
    if !text.contains("\\u") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        if let Some((c, length)) = character(escape) {
            out.push(c);
            rest = &escape[length..];
        } else {
            // The backslash and what it escapes, another backslash perhaps.
            let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&escape[..length]);
            rest = &escape[length..];
        }
    }
    out.push_str(rest);
    out
}

/// The character at the start of `escape` and the length of its one or two escapes.
fn character(escape: &str) -> Option<(char, usize)> {
    let first = unit(escape)?;
    let (c, length) = if let Some(c) = char::from_u32(first) {
        (c, 6)
    } else {
        let second = unit(escape.get(6..)?)?;
        let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
        (char::decode_utf16(pair).next()?.ok()?, 12)
    };
    let readable = !c.is_ascii() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    readable.then_some((c, length))
}

/// The UTF-16 unit of `\uXXXX`.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_become_characters() {
        for (escaped, expected) in [
            (r#"{"name": "\u5408\u540C\n\u00e9"}"#, "{\"name\": \"合同\\né\"}"),
            (r#""\ud83d\ude00""#, "\"😀\""),
            // Syntax, controls, halves and escaped backslashes stay.
            (
                r#""\u0022 \u005c \u000a \ud83d \ud83dx \\u5408 \u12""#,
                r#""\u0022 \u005c \u000a \ud83d \ud83dx \\u5408 \u12""#,
            ),
            (r"\", r"\"),
            (r"\合", r"\合"),
        ] {
            assert_eq!(unescape(escaped.to_owned()), expected);
        }
    }
}
