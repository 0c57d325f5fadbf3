//! iCalendar and vCard: an event or a contact is a block, its fields are lines that read like a note.

mod calendar;
mod contacts;

use docent_core::Location;

pub(crate) use self::{calendar::parse as parse_calendar, contacts::parse as parse_contacts};

/// A logical line: `NAME;PARAM=value;…:value`, folded lines joined.
struct Property<'l> {
    /// In capitals, without the group before a dot.
    name: String,
    params: &'l str,
    value: &'l str,
}

impl<'l> Property<'l> {
    fn of(line: &'l str) -> Option<Self> {
        // A colon inside quotes parts nothing.
        let mut quoted = false;
        let colon = line.bytes().position(|byte| {
            quoted ^= byte == b'"';
            byte == b':' && !quoted
        })?;
        let (head, value) = (&line[..colon], &line[colon + 1..]);
        let (name, params) = head.split_once(';').unwrap_or((head, ""));
        let name = name.rsplit('.').next().unwrap_or(name).trim();
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_name.then(|| Self { name: name.to_ascii_uppercase(), params, value })
    }

    /// The parameters with their values; old cards have values alone.
    fn params(&self) -> impl Iterator<Item = (&'l str, &'l str)> {
        self.params.split(';').map(|param| {
            let (name, value) = param.split_once('=').unwrap_or(("", param));
            (name.trim(), value.trim().trim_matches('"'))
        })
    }

    fn param(&self, name: &str) -> Option<&'l str> {
        self.params().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The text that a value stands for: `\n`, `\,`, `\;` and `\\` are escapes.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(c) => text.push(c),
                None => {}
            },
            (c, _) => text.push(c),
        }
    }
    text.trim().to_owned()
}

/// The parts of a value between `mark`s that are not escaped.
fn split(value: &str, mark: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in value.chars() {
        if c == mark && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().map(|part| unescape(part)).collect()
}

/// A line `label: value`, if there is a value.
fn push_line(lines: &mut String, label: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines.push_str(label);
    lines.push_str(": ");
    lines.push_str(value);
}

fn place(first: u32, last: u32) -> Location {
    Location { lines: Some([first, last]), ..Location::default() }
}

/// The address in `mailto:ann@example.org`, or the value as it is.
fn address(value: &str) -> &str {
    match value.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &value[7..],
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_taken_apart() {
        let property = Property::of("item1.tel;TYPE=\"a:b\";WORK:+49 30: 1").unwrap();
        assert_eq!((property.name.as_str(), property.value), ("TEL", "+49 30: 1"));
        assert_eq!(property.params().collect::<Vec<_>>(), [("TYPE", "a:b"), ("", "WORK")]);
        assert_eq!(property.param("type"), Some("a:b"));
        assert!(Property::of("no colon").is_none() && Property::of(": x").is_none());
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"a\, b\; c\\d\nnext\"), "a, b; c\\d\nnext");
        assert_eq!(split(r"Lee\;x;Ann;;", ';'), ["Lee;x", "Ann", "", ""]);
    }
}
