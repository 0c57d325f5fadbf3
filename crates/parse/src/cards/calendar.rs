//! iCalendar: events, tasks and journal entries.

use docent_core::{BlockKind, DocumentBuilder, ParsedDocument};

use super::{Property, address, place, push_line, split, unescape};

/// The most people named of one event.
const MOST_PEOPLE: usize = 50;

pub(crate) fn parse(text: &str) -> ParsedDocument {
    let mut calendar = Calendar { builder: DocumentBuilder::new("text/calendar"), entry: None, inside: 0 };
    let mut logical = String::new();
    let (mut first, mut last) = (1, 0);
    for line in text.lines() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(more) = line.strip_prefix([' ', '\t']) {
            logical.push_str(more);
        } else {
            calendar.read(&logical, first, last);
            logical.clear();
            logical.push_str(line);
            first = last + 1;
        }
        last += 1;
    }
    calendar.read(&logical, first, last);
    // One that is cut off says what it has.
    calendar.end(last);
    calendar.builder.finish()
}

struct Calendar {
    builder: DocumentBuilder,
    entry: Option<Entry>,
    /// Components inside an entry that are open: its alarms.
    inside: u32,
}

/// What is known of an entry; its fields stand in any order.
#[derive(Default)]
struct Entry {
    first: u32,
    label: &'static str,
    summary: String,
    start: String,
    end: String,
    due: String,
    repeats: String,
    location: String,
    organizer: String,
    people: Vec<String>,
    status: String,
    categories: String,
    url: String,
    description: String,
    comment: String,
}

impl Calendar {
    fn read(&mut self, line: &str, first: u32, last: u32) {
        let Some(property) = Property::of(line) else { return };
        let value = property.value.trim();
        match (property.name.as_str(), self.entry.is_some()) {
            ("BEGIN", true) => self.inside += 1,
            ("END", true) if self.inside > 0 => self.inside -= 1,
            ("END", true) => self.end(last),
            ("BEGIN", false) => {
                let label = match value.to_ascii_uppercase().as_str() {
                    "VEVENT" => "Event",
                    "VTODO" => "Task",
                    "VJOURNAL" => "Entry",
                    _ => return,
                };
                self.entry = Some(Entry { first, label, ..Entry::default() });
            }
            ("X-WR-CALNAME" | "NAME", false) => self.builder.title(&unescape(value)),
            _ => {
                if let Some(entry) = self.entry.as_mut().filter(|_| self.inside == 0) {
                    entry.read(&property);
                }
            }
        }
    }

    fn end(&mut self, last: u32) {
        self.inside = 0;
        if let Some(entry) = self.entry.take() {
            self.builder.push(BlockKind::Paragraph, &entry.text(), place(entry.first, last.max(entry.first)));
        }
    }
}

impl Entry {
    fn read(&mut self, property: &Property<'_>) {
        let value = property.value;
        match property.name.as_str() {
            "SUMMARY" => self.summary = unescape(value),
            "DTSTART" => self.start = time(property),
            "DTEND" => self.end = time(property),
            "DUE" => self.due = time(property),
            "RRULE" => self.repeats = repeats(value),
            "LOCATION" => self.location = unescape(value),
            "ORGANIZER" => self.organizer = person(property),
            "ATTENDEE" if self.people.len() < MOST_PEOPLE => self.people.push(person(property)),
            "STATUS" => self.status = value.trim().to_lowercase(),
            "CATEGORIES" => self.categories = split(value, ',').join(", "),
            "URL" => value.trim().clone_into(&mut self.url),
            "DESCRIPTION" => self.description = unescape(value),
            "COMMENT" => self.comment = unescape(value),
            _ => {}
        }
    }

    fn text(&self) -> String {
        let mut lines = String::new();
        let summary = if self.summary.is_empty() { self.label } else { &self.summary };
        push_line(&mut lines, "Summary", summary);
        push_line(&mut lines, "Start", &self.start);
        push_line(&mut lines, "End", &self.end);
        push_line(&mut lines, "Due", &self.due);
        push_line(&mut lines, "Repeats", &self.repeats);
        push_line(&mut lines, "Location", &self.location);
        push_line(&mut lines, "Organizer", &self.organizer);
        push_line(&mut lines, "Attendees", &self.people.join(", "));
        push_line(&mut lines, "Status", &self.status);
        push_line(&mut lines, "Categories", &self.categories);
        push_line(&mut lines, "URL", &self.url);
        push_line(&mut lines, "Description", &self.description);
        push_line(&mut lines, "Comment", &self.comment);
        lines
    }
}

/// `DTSTART;TZID=Europe/Berlin:20240531T083000` is `2024-05-31 08:30 (Europe/Berlin)`.
fn time(property: &Property<'_>) -> String {
    let value = property.value.trim();
    let Some(readable) = readable(value) else { return value.to_owned() };
    match property.param("TZID") {
        Some(zone) if !zone.is_empty() => format!("{readable} ({})", zone.trim_start_matches('/')),
        _ if value.ends_with('Z') => format!("{readable} (UTC)"),
        _ => readable,
    }
}

/// `20240531` or `20240531T083000Z` as people write it.
fn readable(value: &str) -> Option<String> {
    let value = value.strip_suffix('Z').unwrap_or(value);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (date, clock) = value.split_once('T').unwrap_or((value, ""));
    if date.len() != 8 || !is_number(date) || !is_number(clock) {
        return None;
    }
    let day = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    match clock.len() {
        0 => Some(day),
        4 | 6 if clock[4..].trim_matches('0').is_empty() => {
            Some(format!("{day} {}:{}", &clock[..2], &clock[2..4]))
        }
        6 => Some(format!("{day} {}:{}:{}", &clock[..2], &clock[2..4], &clock[4..])),
        _ => None,
    }
}

/// `FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20241231` is `weekly, on MO, FR, until 2024-12-31`.
fn repeats(rule: &str) -> String {
    let mut words = Vec::new();
    for part in rule.split(';').take(20) {
        let Some((name, value)) = part.split_once('=') else { continue };
        match name.trim().to_ascii_uppercase().as_str() {
            "FREQ" => words.insert(0, value.to_lowercase()),
            "INTERVAL" if value != "1" => words.push(format!("every {value}")),
            "BYDAY" => words.push(format!("on {}", value.replace(',', ", "))),
            "BYMONTHDAY" => words.push(format!("on day {}", value.replace(',', ", "))),
            "BYMONTH" => words.push(format!("in month {}", value.replace(',', ", "))),
            "COUNT" => words.push(format!("{value} times")),
            "UNTIL" => words.push(format!("until {}", readable(value).unwrap_or_else(|| value.to_owned()))),
            _ => {}
        }
    }
    words.join(", ")
}

/// `ATTENDEE;CN=Ann Lee:mailto:ann@example.org` is `Ann Lee <ann@example.org>`.
fn person(property: &Property<'_>) -> String {
    let address = address(property.value.trim());
    match property.param("CN").map(unescape) {
        Some(name) if !name.is_empty() && name != address => format!("{name} <{address}>"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_like_notes() {
        let text = "BEGIN:VCALENDAR\r\nX-WR-CALNAME:Team\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
            BEGIN:VEVENT\r\nDTSTART;TZID=Europe/Berlin:20240531T083000\r\nDTEND;TZID=\"Europe/Berlin\":20240531T093015\r\nSUMMARY:Review of the pump\\, part\r\n  two\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20241231T000000Z\r\n\
            ORGANIZER;CN=\"Lee: Ann\":MAILTO:ann@example.org\r\nATTENDEE:mailto:bo@example.org\r\nDESCRIPTION:One\\nTwo\r\nBEGIN:VALARM\r\nDESCRIPTION:no\r\nEND:VALARM\r\nLOCATION:会议室\r\nEND:VEVENT\r\n\
            BEGIN:VTODO\r\nDUE;VALUE=DATE:20240601\r\n";
        let document = parse(text);
        assert_eq!(document.title.as_deref(), Some("Team"));
        let blocks: Vec<_> =
            document.blocks.iter().map(|b| (document.block_text(b), b.location.lines)).collect();
        assert_eq!(
            blocks,
            [
                (
                    "Summary: Review of the pump, part two\nStart: 2024-05-31 08:30 (Europe/Berlin)\nEnd: 2024-05-31 09:30:15 (Europe/Berlin)\nRepeats: weekly, on MO, FR, until 2024-12-31 00:00\nLocation: 会议室\nOrganizer: Lee: Ann <ann@example.org>\nAttendees: bo@example.org\nDescription: One\nTwo",
                    Some([9, 22])
                ),
                ("Summary: Task\nDue: 2024-06-01", Some([23, 24])),
            ]
        );
    }

    #[test]
    fn times_that_are_none_stay() {
        for (value, expected) in [
            ("2024", "2024"),
            ("20240531T0830", "2024-05-31 08:30"),
            ("合同", "合同"),
            ("20240531T1Z", "20240531T1Z"),
        ] {
            let line = format!("DTSTART:{value}");
            assert_eq!(time(&Property::of(&line).unwrap()), expected);
        }
    }

    #[test]
    fn depth_is_no_danger() {
        let text = "BEGIN:VEVENT\n".repeat(200_000) + "SUMMARY:deep\n" + &"END:VEVENT\n".repeat(200_000);
        assert_eq!(parse(&text).blocks.len(), 1);
    }
}
