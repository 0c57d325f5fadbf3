//! Pages that are pictures.

use std::collections::HashMap;

use docent_core::{ParseError, ParseErrorKind};
use docent_ocr::{Page, Picture};
use pdfium_render::prelude::{
    PdfPage, PdfPageObjectCommon as _, PdfPageObjectType, PdfPageObjectsCommon as _, PdfRenderConfig,
};
use unicode_normalization::UnicodeNormalization as _;

use super::{
    garbage::is_garbage,
    layout::{LINE_END_HYPHEN, Line, clean},
};
use crate::{damaged, ocr::Ocr};

/// Pages are drawn at this many dots per inch, ...
const DPI: f32 = 200.0;
/// ... larger ones at fewer, so that they have this many dots.
const MOST_DOTS: f32 = 20_000_000.0;
/// A page with fewer letters than this that a picture covers is a scan with a stamp or a page number on it.
const FEW_LETTERS: usize = 100;
/// The share of a page that the picture of a scan covers.
const COVERED: f32 = 0.4;
/// Two readings of one text share this much of their letter pairs, however badly a page was scanned.
const SAME: f32 = 0.5;
/// A box around a line is this much higher than its characters are large, ...
const BOX_TO_SIZE: f32 = 1.5;
/// ... and its base stands this much of the height of the box above its lower edge.
const BASE: f32 = 0.25;
/// Sizes that differ less than this from the usual one are the usual one: boxes are no measure of type.
const USUAL: f32 = 0.3;

/// Whether a page has no text of its own that could be used. `lines` are what it has.
pub(super) fn needs_ocr(page: &PdfPage<'_>, lines: &[Line]) -> bool {
    let letters = lines.iter().flat_map(|line| line.text.chars()).filter(|c| !c.is_whitespace()).count();
    match letters {
        0 => !page.objects().is_empty(),
        1..FEW_LETTERS => is_picture(page) || is_garbage(lines.iter().map(|line| line.text.as_str())),
        _ => is_garbage(lines.iter().map(|line| line.text.as_str())),
    }
}

/// Whether a picture covers most of the page.
fn is_picture(page: &PdfPage<'_>) -> bool {
    let area = page.width().value * page.height().value;
    page.objects().iter().any(|object| {
        object.object_type() == PdfPageObjectType::Image
            && object
                .bounds()
                .is_ok_and(|bounds| bounds.width().value * bounds.height().value >= area * COVERED)
    })
}

/// What OCR reads on a page, or what stands there already if that says the same; `None` if it cannot be read.
pub(super) fn recognise(
    page: &PdfPage<'_>,
    own: Vec<Line>,
    ocr: &Ocr,
) -> Result<Option<Vec<Line>>, ParseError> {
    let dots = dots(page);
    let read = match ocr.read(|| draw(page, dots)) {
        Ok(Some(read)) => read,
        Ok(None) => return Ok((!own.is_empty()).then_some(own)),
        Err(error) if error.kind == ParseErrorKind::Damaged => return Ok((!own.is_empty()).then_some(own)),
        Err(error) => return Err(error),
    };
    let lines = lines_of(&read, 72.0 / dots);
    let text = |lines: &[Line]| lines.iter().map(|line| line.text.as_str()).collect::<String>();
    let (here, there) = (text(&own), text(&lines));
    let is_better =
        here.chars().count() > 2 * there.chars().count() && !is_garbage([here.as_str()].into_iter());
    Ok(Some(if is_better || likeness(&here, &there) >= SAME { own } else { lines }))
}

/// Dots per inch for a page.
fn dots(page: &PdfPage<'_>) -> f32 {
    let inches = page.width().value * page.height().value / (72.0 * 72.0);
    DPI.min((MOST_DOTS / inches.max(0.01)).sqrt())
}

fn draw(page: &PdfPage<'_>, dots: f32) -> Result<Picture, ParseError> {
    let scale = dots / 72.0;
    let side = |points: f32| ((points * scale).round() as i32).max(1);
    let config = PdfRenderConfig::new()
        .set_fixed_size(side(page.width().value), side(page.height().value))
        .use_grayscale_rendering(true);
    let bitmap = page.render_with_config(&config).map_err(|cause| damaged(format!("damaged: {cause:?}")))?;
    // Grey: all colours are the same.
    let grey = bitmap.as_rgba_bytes().chunks_exact(4).map(|pixel| pixel[1]).collect();
    let (width, height) = (bitmap.width(), bitmap.height());
    Picture::new(width.max(0) as usize, height.max(0) as usize, grey)
        .ok_or_else(|| damaged("damaged: a page without an area"))
}

/// What was read, as lines of a page, of which a pixel is `points` high.
pub(crate) fn lines_of(read: &Page, points: f32) -> Vec<Line> {
    let mut heights: Vec<f32> = read.lines.iter().map(|line| line.height).collect();
    heights.sort_by(f32::total_cmp);
    let usual = heights.get(heights.len() / 2).copied().unwrap_or(0.0);
    let lines = read.lines.iter().enumerate().map(|(at, line)| {
        let next = read.lines.get(at + 1).map_or("", |next| next.text.as_str());
        let mut text = clean(&line.text);
        if is_cut(&text, next) {
            text.pop();
            text.push(LINE_END_HYPHEN);
        }
        let is_usual = (line.height - usual).abs() < usual * USUAL;
        let height = if is_usual { usual } else { line.height };
        Line {
            text,
            baseline: Some((read.height - line.bottom + line.height * BASE) * points),
            size: height * points / BOX_TO_SIZE,
            area: Some(line.area.map(|share| (share * 1000.0).round() as u16)),
        }
    });
    lines.collect()
}

/// Whether a word is cut at the end of `line` and goes on in the next one.
fn is_cut(line: &str, next: &str) -> bool {
    let mut before = line.chars().rev();
    before.next() == Some('-')
        && before.next().is_some_and(char::is_lowercase)
        && next.chars().next().is_some_and(char::is_lowercase)
}

/// How much two texts share of their pairs of letters, from 0 to 1 (Dice, 1945).
fn likeness(one: &str, other: &str) -> f32 {
    let pairs = |text: &str| {
        let letters: Vec<char> =
            text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect();
        let mut pairs: HashMap<[char; 2], u32> = HashMap::new();
        for pair in letters.windows(2) {
            *pairs.entry([pair[0], pair[1]]).or_default() += 1;
        }
        pairs
    };
    let (one, other) = (pairs(one), pairs(other));
    let shared: u32 = one.iter().map(|(pair, times)| times.min(other.get(pair).unwrap_or(&0))).sum();
    let all: u32 = one.values().chain(other.values()).sum();
    if all == 0 { 0.0 } else { 2.0 * shared as f32 / all as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readings_of_one_text_are_alike_and_a_broken_font_is_not() {
        let text = "The lease begins on 1 April and runs for seven years. 租期为七年。";
        assert!(likeness(text, "the Iease begins on 1 Apri1 and runs for seven years 租期为七年") > 0.7);
        let shifted: String = text.chars().map(|c| char::from_u32(c as u32 - 29).unwrap_or(c)).collect();
        assert!(likeness(text, &shifted) < 0.2);
        assert!(likeness("", "") < f32::EPSILON);
    }

    #[test]
    fn words_cut_at_the_end_of_a_line_are_joined() {
        let line = |text: &str, bottom: f32| docent_ocr::Line {
            text: text.into(),
            area: [0.1, 0.2, 0.9, 0.25],
            bottom,
            height: 30.0,
        };
        let lines = vec![line("The ware-", 100.0), line("house in E-", 140.0), line("Town", 180.0)];
        let lines = lines_of(&Page { lines, width: 1000.0, height: 2000.0 }, 0.36);
        let joined = super::super::join(&lines);
        assert_eq!(joined[0].text, "The warehouse in E-\nTown");
        assert_eq!(joined[0].area, Some([100, 200, 900, 250]));
    }
}
