//! Running headers and footers: what stands at the edge of one page after the other is told once, page numbers not
//! at all.

use std::collections::{HashMap, HashSet};

use super::layout::Line;

/// Lines from the top and from the bottom of a page that are looked at.
const EDGE: usize = 3;
/// Points by which the height of a running line may differ between pages.
const SAME_HEIGHT: f32 = 3.0;
/// A line that is met again within this many pages runs: left and right pages may differ, a plate may lie between.
const NEAR: usize = 3;
/// It has to be on this many pages.
const LEAST: usize = 3;
/// Numbers of a line that may be that of the page.
const MOST_NUMBERS: usize = 4;

/// How a line may come again: with the same words, or with one number that counts pages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// The words; `#` stands for the number.
    words: String,
    /// The number without that of the page.
    offset: Option<i64>,
    /// In steps of [`SAME_HEIGHT`].
    height: i32,
}

/// Takes the lines out of `pages` that repeat from page to page at the same height. What they say stays where it
/// stands first, unless it is only the number of the page.
pub(super) fn strip(pages: &mut [Vec<Line>]) {
    let mut places: HashMap<Key, Vec<usize>> = HashMap::new();
    for (page, lines) in pages.iter().enumerate() {
        for at in edges(lines) {
            for key in keys(&lines[at], page) {
                places.entry(key).or_default().push(page);
            }
        }
    }
    let running: HashSet<Key> =
        places.into_iter().filter(|(_, pages)| runs(pages)).map(|(key, _)| key).collect();
    if running.is_empty() {
        return;
    }
    let mut told: HashSet<String> = HashSet::new();
    for (page, lines) in pages.iter_mut().enumerate() {
        let mut gone: Vec<usize> = edges(lines)
            .into_iter()
            .filter(|&at| {
                let key = keys(&lines[at], page).into_iter().find(|key| is_among(key, &running));
                key.is_some_and(|key| is_page_number(&key) || !told.insert(key.words))
            })
            .collect();
        gone.sort_unstable();
        for at in gone.into_iter().rev() {
            lines.remove(at);
        }
    }
}

/// Whether a line of this key runs: a height near the border of two steps is met in either.
fn is_among(key: &Key, running: &HashSet<Key>) -> bool {
    (key.height - 1..=key.height + 1).any(|height| running.contains(&Key { height, ..key.clone() }))
}

/// Whether pages, in order, follow each other closely enough, often enough.
fn runs(pages: &[usize]) -> bool {
    let close = pages.windows(2).filter(|pair| pair[0] != pair[1] && pair[1] - pair[0] <= NEAR).count();
    close + 1 >= LEAST
}

/// The lines next to the upper and the lower edge.
fn edges(lines: &[Line]) -> Vec<usize> {
    let mut by_height: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].baseline.is_some()).collect();
    by_height.sort_by(|&a, &b| {
        lines[b].baseline.partial_cmp(&lines[a].baseline).unwrap_or(std::cmp::Ordering::Equal)
    });
    let last = by_height.len().saturating_sub(EDGE).max(EDGE.min(by_height.len()));
    let mut edges = by_height[..EDGE.min(by_height.len())].to_vec();
    edges.extend_from_slice(&by_height[last..]);
    edges
}

/// The ways in which a line may come again.
fn keys(line: &Line, page: usize) -> Vec<Key> {
    let Some(baseline) = line.baseline else { return Vec::new() };
    let height = (baseline / SAME_HEIGHT).round() as i32;
    let words: Vec<&str> = line.text.split_whitespace().collect();
    let words = words.join(" ");
    let mut keys = vec![Key { words: words.clone(), offset: None, height }];
    let digits: Vec<(usize, usize)> = numbers(&words).take(MOST_NUMBERS).collect();
    for (start, end) in digits {
        if let Ok(number) = words[start..end].parse::<i64>() {
            let words = format!("{}#{}", &words[..start], &words[end..]);
            keys.push(Key { words, offset: Some(number - page as i64), height });
        }
    }
    keys
}

/// The byte ranges of the numbers in `words`.
fn numbers(words: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + words[rest..].find(|c: char| c.is_ascii_digit())?;
        let end =
            words[start..].find(|c: char| !c.is_ascii_digit()).map_or(words.len(), |length| start + length);
        rest = end;
        Some((start, end))
    })
}

/// Whether a line says only which page it is: `# `, `- # -`, `Page # of 9`, `第 # 页，共 9 页`.
fn is_page_number(key: &Key) -> bool {
    const WORDS: [&str; 9] = ["", "page", "pageof", "p", "of", "seite", "seitevon", "第页", "第页共页"];
    let letters: String = key.words.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
    key.offset.is_some() && WORDS.contains(&letters.as_str()) && numbers(&key.words).count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: &[(&str, f32)]) -> Vec<Line> {
        let line = |(text, height): &(&str, f32)| Line {
            text: (*text).to_owned(),
            baseline: Some(*height),
            size: 10.0,
        };
        lines.iter().map(line).collect()
    }

    fn stripped(mut pages: Vec<Vec<Line>>) -> Vec<Vec<String>> {
        strip(&mut pages);
        pages.into_iter().map(|lines| lines.into_iter().map(|line| line.text).collect()).collect()
    }

    #[test]
    fn what_repeats_is_told_once_and_page_numbers_never() {
        let own = |page: usize, line: usize| {
            format!("{} {}", ["one", "two", "three", "four"][page], "x".repeat(line))
        };
        let pages = (0..4).map(|number| {
            let lines = [
                ("ACME Handbook".to_owned(), 800.0 + number as f32 * 0.2),
                (own(number, 1), 700.0),
                (own(number, 2), 650.0),
                ("the same".to_owned(), 600.0),
                ("on each page".to_owned(), 550.0),
                (own(number, 3), 500.0),
                (own(number, 4), 450.0),
                (format!("Page {} of 4", number + 1), 40.0),
            ];
            page(&lines.iter().map(|(text, height)| (text.as_str(), *height)).collect::<Vec<_>>())
        });
        let left = stripped(pages.collect());
        assert_eq!(left[0][..2], ["ACME Handbook", "one x"]);
        assert_eq!(left[0].len(), 7, "without the number of the page");
        assert_eq!(left[3], ["four x", "four xx", "the same", "on each page", "four xxx", "four xxxx"]);
    }

    #[test]
    fn headers_of_a_chapter_and_of_left_pages_run_too() {
        let pages = (0..8)
            .map(|number| {
                let header = match number {
                    0 | 2 | 4 => "Leave",
                    1 | 3 | 5 => "Handbook",
                    _ => "Travel",
                };
                let body = format!("text {}", ["a", "b", "c", "d", "e", "f", "g", "h"][number]);
                page(&[(header, 800.0), (&body, 700.0)])
            })
            .collect();
        let left = stripped(pages);
        assert_eq!(left[0], ["Leave", "text a"]);
        assert_eq!(left[4], ["text e"]);
        assert_eq!(left[5], ["text f"]);
        assert_eq!(left[7], ["Travel", "text h"], "on two pages only");
    }

    #[test]
    fn what_only_looks_alike_stays() {
        // The same words at other heights, and rows in the middle of a page.
        let pages: Vec<_> = (0..5).map(|number| page(&[("Total", 800.0 - number as f32 * 30.0)])).collect();
        assert_eq!(stripped(pages).concat().len(), 5);
        let rows = [
            ("a", 790.0),
            ("b", 770.0),
            ("c", 750.0),
            ("same", 400.0),
            ("x", 90.0),
            ("y", 60.0),
            ("z", 30.0),
        ];
        let pages: Vec<_> = (0..3)
            .map(|number| {
                let rows: Vec<(String, f32)> = rows
                    .iter()
                    .map(|(text, height)| {
                        (
                            if *text == "same" {
                                (*text).to_owned()
                            } else {
                                format!("{text}{}", ["p", "q", "r"][number])
                            },
                            *height,
                        )
                    })
                    .collect();
                page(&rows.iter().map(|(text, height)| (text.as_str(), *height)).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(stripped(pages).concat().len(), 21);
        assert_eq!(stripped(vec![page(&[("7", 40.0)])]), [["7"]]);
        // Numbers that count no pages.
        let sums = ["12 30", "15 40", "19 20"].map(|sum| page(&[(sum, 800.0)])).into();
        assert_eq!(stripped(sums).concat().len(), 3);
        let statements = ["Account 17", "Account 35", "Account 4"].map(|line| page(&[(line, 800.0)])).into();
        assert_eq!(stripped(statements).concat().len(), 3);
    }
}
