//! Running headers and footers: what stands at the edge of one page after the other is told once, page numbers not
//! at all.

use std::collections::{HashMap, HashSet};

use super::layout::Line;

/// Lines at the upper and at the lower edge of a page that may run.
const EDGE: usize = 2;
/// They are set apart from the text by this many times the usual distance between lines.
const APART: f32 = 1.3;
/// A page with fewer lines is all edge.
const FEWEST: usize = 4;
/// Points by which the height of a running line may differ between pages.
const SAME_HEIGHT: f32 = 3.0;
/// A line that is met again within this many pages runs: left and right pages may differ, a plate may lie between.
const NEAR: usize = 3;
/// It has to be on this many pages.
const LEAST: usize = 3;
/// How far the number on a page may be from its place in the file: a cover, a preface, or a part of a book.
const SHIFTED: i64 = 40;

/// How a line comes again: with the same words, or with the number of its page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Words {
    Same(String),
    /// The words, `#` for the number, and how far it is from the page's place in the file.
    PageNumber(String, i64),
}

/// What comes again at one height, in steps of [`SAME_HEIGHT`].
type Key = (Words, i32);

/// Takes the lines out of `pages` that repeat from page to page at the same height. What they say stays where it
/// stands first, unless it is only the number of the page.
pub(super) fn strip(pages: &mut [Vec<Line>]) {
    let mut places: HashMap<Key, Vec<usize>> = HashMap::new();
    for (page, lines) in pages.iter().enumerate() {
        for at in edges(lines) {
            if let Some(key) = key(&lines[at], page) {
                places.entry(key).or_default().push(page);
            }
        }
    }
    places.retain(|_, pages| {
        *pages = runs(pages);
        !pages.is_empty()
    });
    let mut told: HashSet<String> = HashSet::new();
    for (page, lines) in pages.iter_mut().enumerate() {
        let mut gone: Vec<usize> = edges(lines)
            .into_iter()
            .filter(|&at| match key(&lines[at], page) {
                Some(key) if is_running(&places, &key, page) => match key.0 {
                    Words::Same(words) => !told.insert(words),
                    Words::PageNumber(..) => true,
                },
                _ => false,
            })
            .collect();
        gone.sort_unstable();
        for at in gone.into_iter().rev() {
            lines.remove(at);
        }
    }
}

/// Whether a line runs on this page: a height near the border of two steps is met in either.
fn is_running(places: &HashMap<Key, Vec<usize>>, (words, height): &Key, page: usize) -> bool {
    (height.saturating_sub(1)..=height.saturating_add(1)).any(|height| {
        let pages = places.get(&(words.clone(), height));
        pages.is_some_and(|pages| pages.binary_search(&page).is_ok())
    })
}

/// Those of `pages`, which are in order, that follow each other closely, as many as it takes.
fn runs(pages: &[usize]) -> Vec<usize> {
    let mut running = Vec::new();
    for run in pages.chunk_by(|one, next| next - one <= NEAR) {
        let mut run = run.to_vec();
        run.dedup();
        if run.len() >= LEAST {
            running.extend(run);
        }
    }
    running
}

/// The lines at the upper and at the lower edge that are set apart from what is between.
fn edges(lines: &[Line]) -> Vec<usize> {
    let height = |at: &usize| lines[*at].baseline.unwrap_or_default();
    let mut down: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].baseline.is_some()).collect();
    down.sort_by(|a, b| height(b).total_cmp(&height(a)));
    if down.len() < FEWEST {
        return Vec::new();
    }
    let gaps: Vec<f32> = down.windows(2).map(|pair| height(&pair[0]) - height(&pair[1])).collect();
    let mut sorted: Vec<f32> = gaps.iter().copied().filter(|gap| *gap > 1.0).collect();
    sorted.sort_by(f32::total_cmp);
    let Some(usual) = sorted.get(sorted.len() / 2) else { return Vec::new() };
    let is_apart = |gap: f32| gap >= usual * APART;
    let above = (1..=EDGE).rev().find(|&count| is_apart(gaps[count - 1])).unwrap_or(0);
    let below = (1..=EDGE).rev().find(|&count| is_apart(gaps[gaps.len() - count])).unwrap_or(0);
    let mut edges = down[..above].to_vec();
    edges.extend_from_slice(&down[down.len() - below..]);
    edges
}

/// What of a line may come again.
fn key(line: &Line, page: usize) -> Option<Key> {
    let height = (line.baseline? / SAME_HEIGHT).round() as i32;
    let words: Vec<&str> = line.text.split_whitespace().collect();
    let words = words.join(" ");
    let numbered = page_number(&words, page);
    let letters = words.chars().filter(|c| c.is_alphabetic()).count();
    Some((numbered.or_else(|| (letters > 2).then_some(Words::Same(words)))?, height))
}

/// Whether words say only which page it is: `3`, `- 3 -`, `Page 3 of 9`, `第 3 页，共 9 页`.
fn page_number(words: &str, page: usize) -> Option<Words> {
    const WORDS: [&str; 8] = ["", "page", "pageof", "p", "seite", "seitevon", "第页", "第页共页"];
    let letters: String = words.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
    let is_plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || "-–—·|/.,，()[]".contains(c);
    let start = words.find(|c: char| c.is_ascii_digit())?;
    let end = words[start..].find(|c: char| !c.is_ascii_digit()).map_or(words.len(), |length| start + length);
    let offset = words[start..end].parse::<i64>().ok()?.checked_sub(page as i64)?;
    let rest = format!("{}#{}", &words[..start], &words[end..]);
    let fits = WORDS.contains(&letters.as_str()) && words.chars().all(is_plain) && offset.abs() <= SHIFTED;
    fits.then_some(Words::PageNumber(rest, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of eight lines of their own, under `header` and above `footer`.
    fn pages(
        count: usize,
        header: impl Fn(usize) -> String,
        footer: impl Fn(usize) -> String,
    ) -> Vec<Vec<Line>> {
        let line = |text: String, height: f32| Line { text, baseline: Some(height), size: 10.0, area: None };
        let page = |page: usize| {
            let mut lines = vec![line(header(page), 800.0 + page as f32 * 0.2)];
            lines.extend((0..8).map(|at| line(format!("{page} {at} body"), 760.0 - at as f32 * 12.0)));
            lines.push(line(footer(page), 40.0));
            lines.retain(|line| !line.text.is_empty());
            lines
        };
        (0..count).map(page).collect()
    }

    /// First and last line of each page once the running lines are gone.
    fn ends(mut pages: Vec<Vec<Line>>) -> Vec<(String, String)> {
        strip(&mut pages);
        let end = |line: Option<&Line>| line.map_or_else(String::new, |line| line.text.clone());
        pages.iter().map(|lines| (end(lines.first()), end(lines.last()))).collect()
    }

    #[test]
    fn what_repeats_is_told_once_and_page_numbers_never() {
        let left = ends(pages(4, |_| "ACME Handbook".into(), |page| format!("Page {} of 4", page + 1)));
        assert_eq!(left[0], ("ACME Handbook".into(), "0 7 body".into()));
        assert_eq!(left[3], ("3 0 body".into(), "3 7 body".into()));
    }

    #[test]
    fn headers_of_a_chapter_and_of_left_pages_run_too() {
        let header = |page| match page {
            0 | 2 | 4 => "Leave",
            1 | 3 | 5 => "Handbook",
            _ => "Travel",
        };
        let left = ends(pages(8, |page| header(page).into(), |_| String::new()));
        let first: Vec<&str> = left.iter().map(|(first, _)| first.as_str()).collect();
        let own = ["2 0 body", "3 0 body", "4 0 body", "5 0 body"];
        assert_eq!(first[..2], ["Leave", "Handbook"]);
        assert_eq!(first[2..6], own);
        assert_eq!(first[6..], ["Travel", "Travel"], "on two pages only");
    }

    #[test]
    fn what_only_looks_alike_stays() {
        let same = |header: fn(usize) -> String| {
            let left = ends(pages(5, header, |_| String::new()));
            left.iter().enumerate().all(|(page, (first, _))| *first == header(page))
        };
        assert!(same(|page| format!("Invoice {}", 1001 + page)), "numbers that count no pages");
        assert!(same(|page| (2019 + page).to_string()), "years");
        assert!(same(|page| format!("{} %", page + 5)));
        assert!(same(|page| ["12 30", "15 40", "19 20", "7 8", "1 1"][page].into()));
        // Not set apart from the text: a row of a table.
        let mut tables = pages(5, |_| String::new(), |_| String::new());
        for lines in &mut tables {
            lines[0].text = "Total none".into();
        }
        assert!(ends(tables).iter().all(|(first, _)| first == "Total none"));
        // Far apart in the file.
        let far =
            |page: usize| if page.is_multiple_of(10) { "Summary".into() } else { format!("{page} own") };
        let left = ends(pages(40, far, |_| String::new()));
        assert_eq!(left.iter().filter(|(first, _)| first == "Summary").count(), 4);
    }
}
