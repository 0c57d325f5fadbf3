//! The dates that people type: days, times, and how long ago.

use jiff::{Span, Timestamp, ToSpan, ZonedDateTime, civil};

/// Which end of a day is meant where only the day is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Its first moment.
    Start,
    /// The first moment of the next one: the day counts whole.
    End,
}

/// Reads `2025-01-31`, `2025-01-31T09:30`, the same with a zone (RFC 3339), `today`, `yesterday`, or a span that
/// is counted back from `now`: `7d`, `2 weeks`, `3 months ago`. Days and times without a zone are local, that is in
/// the zone of `now`.
pub(crate) fn parse_date(text: &str, edge: Edge, now: &ZonedDateTime) -> Result<Timestamp, String> {
    let text = text.trim();
    let zone = now.time_zone();
    let at_edge = |day: civil::Date| {
        let day = match edge {
            Edge::Start => day,
            Edge::End => day.tomorrow().map_err(|error| error.to_string())?,
        };
        day.to_zoned_datetime(zone.clone()).map(|time| time.timestamp()).map_err(|error| error.to_string())
    };
    match text.to_lowercase().as_str() {
        "now" => return Ok(now.timestamp()),
        "today" => return at_edge(now.date()),
        "yesterday" => return at_edge(now.date().yesterday().map_err(|error| error.to_string())?),
        _ => {}
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let only_day = text.len() <= "2025-01-31".len();
    if let (true, Ok(day)) = (only_day, text.parse::<civil::Date>()) {
        return at_edge(day);
    }
    if let Ok(time) = text.parse::<civil::DateTime>() {
        return time
            .to_zoned_datetime(zone.clone())
            .map(|time| time.timestamp())
            .map_err(|error| error.to_string());
    }
    if let Some(time) = counted_back(text, now) {
        return Ok(time);
    }
    Err("expected a date such as 2025-01-31, 2025-01-31T09:30:00Z, today, yesterday, 7d or '2 weeks'".into())
}

/// `7d`, `-7d` and `7 days ago` are all seven days before `now`.
fn counted_back(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim();
    let text = text.strip_prefix('-').unwrap_or(text);
    // The ISO form (P7D) parses as well; a bare number does not.
    let span: Span = text.parse().ok()?;
    let nothing = 0.seconds();
    let back = if span.compare((nothing, now)).ok()?.is_lt() { span } else { span.negate() };
    now.checked_add(back).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, edge: Edge) -> Result<String, String> {
        let now: ZonedDateTime = "2025-03-10T15:00:00+08:00[Asia/Shanghai]".parse().unwrap();
        parse_date(text, edge, &now).map(|time| time.to_string())
    }

    #[test]
    fn a_day_is_local_and_counts_whole() {
        assert_eq!(at("2025-01-31", Edge::Start).unwrap(), "2025-01-30T16:00:00Z");
        assert_eq!(at("2025-01-31", Edge::End).unwrap(), "2025-01-31T16:00:00Z");
        assert_eq!(at("today", Edge::Start).unwrap(), "2025-03-09T16:00:00Z");
        assert_eq!(at("Yesterday", Edge::Start).unwrap(), "2025-03-08T16:00:00Z");
        assert_eq!(at("yesterday", Edge::End).unwrap(), "2025-03-09T16:00:00Z");
    }

    #[test]
    fn a_time_is_meant_exactly() {
        for edge in [Edge::Start, Edge::End] {
            assert_eq!(at("2025-01-31T09:30:00Z", edge).unwrap(), "2025-01-31T09:30:00Z");
            assert_eq!(at("2025-01-31T09:30:00+01:00", edge).unwrap(), "2025-01-31T08:30:00Z");
            assert_eq!(at("2025-01-31T09:30", edge).unwrap(), "2025-01-31T01:30:00Z");
            assert_eq!(at("2025-01-31 09:30:15", edge).unwrap(), "2025-01-31T01:30:15Z");
        }
    }

    #[test]
    fn spans_are_counted_back() {
        for text in ["7d", "1 week", "7 days ago", "-7d", "P7D"] {
            assert_eq!(at(text, Edge::Start).unwrap(), "2025-03-03T07:00:00Z", "{text}");
        }
        assert_eq!(at("2 weeks", Edge::End).unwrap(), "2025-02-24T07:00:00Z");
        assert_eq!(at("1 month", Edge::Start).unwrap(), "2025-02-10T07:00:00Z");
        assert_eq!(at("36h", Edge::Start).unwrap(), "2025-03-08T19:00:00Z");
    }

    #[test]
    fn nonsense_is_refused_with_examples() {
        for text in ["", "soon", "2025-13-01", "31.01.2025", "7", "2025-02-30"] {
            assert!(at(text, Edge::Start).unwrap_err().contains("2025-01-31"), "{text}");
        }
    }
}
