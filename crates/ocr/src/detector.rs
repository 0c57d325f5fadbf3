//! Where text stands: a map of text from the detector, and boxes around what is connected in it.

use docent_core::{Error, ErrorKind, Result};

use crate::{
    geometry::{Box2, tightest_box},
    picture::Picture,
    session::Network,
};

/// The network wants sides that are multiples of this.
const STEP: usize = 32;
/// The longer side of a picture is brought down to this many pixels, ...
const LONG: f32 = 1152.0;
/// ... and the shorter one up to this many.
const SHORT: f32 = 736.0;
/// A picture is made larger this many times at the most.
const LARGER: f32 = 3.0;
/// From this probability on, a pixel is text.
const TEXT: f32 = 0.3;
/// The mean probability that a box has to have.
const SURE: f32 = 0.5;
/// The network marks the core of a line: its box grows by this share of area to outline.
const GROWN: f32 = 1.6;
/// Boxes that are narrower, in pixels of the map, are specks.
const NARROWEST: f32 = 3.0;
/// The most boxes of one picture.
const MOST: usize = 1000;

/// The map of text that the network makes, row by row: the probability of each pixel to be text.
struct Map {
    width: usize,
    height: usize,
    text: Vec<f32>,
}

/// Boxes around the lines of text of `picture`, in no particular order.
pub(crate) fn text_boxes(network: &mut Network, picture: &Picture) -> Result<Vec<Box2>> {
    let (long, short) = {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        (width.max(height), width.min(height))
    };
    let scale = (LONG / long).min(1.0).max((SHORT / short).min(LARGER).min(LONG / long));
    let scaled = |length: usize| ((length as f32 * scale).round() as usize).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = picture.scaled(width, height);
    let (padded_width, padded_height) =
        (width.next_multiple_of(STEP).max(STEP), height.next_multiple_of(STEP).max(STEP));
    // White paper around it.
    let mut grey = vec![255; padded_width * padded_height];
    for (row, line) in small.grey().chunks_exact(width).enumerate() {
        grey[row * padded_width..][..width].copy_from_slice(line);
    }
    let output = network.run(&grey, padded_width, padded_height, padded_width)?;
    if output.values.len() != grey.len() {
        return Err(Error::new(ErrorKind::Model, "the detector of the OCR model gave no map of the picture"));
    }
    let map = Map { width: padded_width, height: padded_height, text: output.values };
    Ok(map.boxes().into_iter().map(|found| found.times(1.0 / scale)).collect())
}

impl Map {
    fn boxes(&self) -> Vec<Box2> {
        let mut boxes = Vec::new();
        for edge in self.regions() {
            // Points are pixels: the box reaches half a pixel beyond their middles.
            let Some(core) = tightest_box(edge) else { continue };
            let outline = 2.0 * (core.width + core.height);
            if core.width.min(core.height) < NARROWEST || self.mean(&core) < SURE {
                continue;
            }
            boxes.push(core.grown(core.width * core.height * GROWN / outline));
            if boxes.len() == MOST {
                break;
            }
        }
        boxes
    }

    /// For each connected region of text, the first and the last pixel of each of its rows.
    fn regions(&self) -> Vec<Vec<(f32, f32)>> {
        let mut left = self.mask();
        let mut regions = Vec::new();
        let mut open = Vec::new();
        for start in 0..left.len() {
            if !std::mem::take(&mut left[start]) {
                continue;
            }
            let first = start / self.width;
            let mut rows: Vec<(usize, usize)> = Vec::new();
            open.push(start);
            while let Some(at) = open.pop() {
                let (x, y) = (at % self.width, at / self.width);
                if rows.len() <= y - first {
                    rows.resize(y - first + 1, (usize::MAX, 0));
                }
                let row = &mut rows[y - first];
                *row = (row.0.min(x), row.1.max(x));
                for y in y.saturating_sub(1)..=(y + 1).min(self.height - 1) {
                    for x in x.saturating_sub(1)..=(x + 1).min(self.width - 1) {
                        if std::mem::take(&mut left[y * self.width + x]) {
                            open.push(y * self.width + x);
                        }
                    }
                }
            }
            let points = rows.iter().enumerate().filter(|(_, row)| row.0 <= row.1).flat_map(|(row, ends)| {
                let y = (first + row) as f32 + 0.5;
                [(ends.0 as f32 + 0.5, y), (ends.1 as f32 + 0.5, y)]
            });
            regions.push(points.collect());
        }
        regions
    }

    /// Which pixels are text, or stand right of or below one: letters of a word that barely touch hold together.
    fn mask(&self) -> Vec<bool> {
        let is_text = |x: usize, y: usize| self.text[y * self.width + x] > TEXT;
        let pixels = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        pixels
            .map(|(x, y)| {
                let (left, up) = (x.saturating_sub(1), y.saturating_sub(1));
                is_text(x, y) || is_text(left, y) || is_text(x, up) || is_text(left, up)
            })
            .collect()
    }

    /// The mean probability within `area`.
    fn mean(&self, area: &Box2) -> f32 {
        let [left, top, right, bottom] = area.bounds();
        let pixels =
            |from: f32, to: f32, most: usize| from.max(0.0) as usize..(to.ceil().max(0.0) as usize).min(most);
        let (mut sum, mut count) = (0.0, 0u32);
        for y in pixels(top, bottom, self.height) {
            for x in pixels(left, right, self.width) {
                if area.holds(x as f32 + 0.5, y as f32 + 0.5) {
                    sum += self.text[y * self.width + x];
                    count += 1;
                }
            }
        }
        if count == 0 { 0.0 } else { sum / count as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connected_text_becomes_one_box_and_specks_none() {
        let (width, height) = (200, 100);
        let mut text = vec![0.0; width * height];
        let mut fill = |x: std::ops::Range<usize>, y: std::ops::Range<usize>, value: f32| {
            for y in y {
                text[y * width..][x.clone()].fill(value);
            }
        };
        fill(20..120, 10..20, 0.9);
        fill(20..60, 50..58, 0.9);
        // Almost touching: one line.
        fill(61..100, 50..58, 0.9);
        fill(150..152, 80..82, 0.9);
        fill(130..180, 30..40, 0.35);
        let map = Map { width, height, text };
        let mut boxes = map.boxes();
        boxes.sort_by(|a, b| a.y.total_cmp(&b.y));
        assert_eq!(boxes.len(), 2, "a speck, and what is hardly there, are no text: {boxes:?}");
        assert!((boxes[0].x - 70.0).abs() < 1.0 && (boxes[0].y - 15.0).abs() < 1.0, "{boxes:?}");
        // 100 by 10, grown by 1,000 * 1.6 / 220 on each side.
        assert!((boxes[0].width - 114.0).abs() < 2.0 && (boxes[0].height - 24.0).abs() < 2.0, "{boxes:?}");
        assert!((boxes[1].x - 60.0).abs() < 1.0, "{boxes:?}");
    }
}
