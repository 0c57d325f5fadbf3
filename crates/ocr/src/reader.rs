//! The whole way from a picture to its lines.

use std::{path::PathBuf, thread};

use docent_core::{Error, ErrorKind, Result};
use docent_onnx::load_runtime;
use serde::{Deserialize, Serialize};

use crate::{
    detector::text_boxes,
    geometry::Box2,
    order::{Piece, rows},
    picture::{Picture, Turn},
    recogniser::{Recogniser, Words},
    session::Network,
};

/// Lines that are read with less certainty are left out: specks, patterns, scrawls.
const SURE: f32 = 0.5;
/// A line that is this many times as high as wide is written downwards, or lies on its side.
const UPRIGHT: f32 = 1.5;
/// Lines that say which way up a page lies, ...
const ASKED: usize = 3;
/// ... of about this many times their height: long enough to tell, and read quickly.
const TELLING: f32 = 10.0;
/// A page is turned if its lines are read with so much more certainty then.
const BETTER: f32 = 0.1;
/// A gap this many times the height of a row parts cells.
const CELL: f32 = 1.5;

/// Where the files of an OCR model are, and what it may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OcrSpec {
    /// Finds lines.
    pub detector: PathBuf,
    /// Reads lines.
    pub recogniser: PathBuf,
    /// The ONNX Runtime library.
    pub runtime: PathBuf,
    /// Threads; 0 for one per core.
    pub threads: usize,
}

/// An OCR model, loaded.
pub struct OcrReader {
    detector: Network,
    recogniser: Recogniser,
}

/// What a picture says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Its lines, in reading order.
    pub lines: Vec<Line>,
    /// Width of the page in pixels, the way up in which it is read.
    pub width: f32,
    /// Its height.
    pub height: f32,
}

/// A line of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What it says; cells of a table are parted by tabs.
    pub text: String,
    /// The box around it in the picture as it was given: left, top, right, bottom, as shares (0 to 1) of its width and
    /// height from the upper left corner.
    pub area: [f32; 4],
    /// Its lower edge in pixels from the top of the page, the way up in which it is read.
    pub bottom: f32,
    /// Height of its characters in pixels, blanks above and below included.
    pub height: f32,
}

impl OcrReader {
    /// Loads the model. Nothing is read from the disk after this.
    ///
    /// # Errors
    /// A file is missing or damaged, or ONNX Runtime cannot be loaded.
    pub fn load(spec: &OcrSpec) -> Result<Self> {
        let environment = load_runtime(&spec.runtime)?;
        for path in [&spec.detector, &spec.recogniser] {
            if !path.is_file() {
                return Err(Error::new(ErrorKind::ModelMissing, "the OCR model is not installed").at(path));
            }
        }
        let threads = match spec.threads {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        Ok(Self {
            detector: Network::load(&environment, &spec.detector, threads, "detector")?,
            recogniser: Recogniser::new(Network::load(
                &environment,
                &spec.recogniser,
                threads,
                "recogniser",
            )?)?,
        })
    }

    /// Reads a picture.
    ///
    /// # Errors
    /// The model failed.
    pub fn read(&mut self, picture: &Picture) -> Result<Page> {
        let boxes = text_boxes(&mut self.detector, picture)?;
        let turn = self.turn_of(picture, &boxes)?;
        let turned = picture.turned(turn);
        let mut read = Vec::with_capacity(boxes.len());
        for found in boxes {
            let upright = turn.of(found, picture.width(), picture.height());
            let words = self.read_line(&turned, &upright)?;
            if words.score >= SURE && !words.text.trim().is_empty() {
                read.push((upright, words));
            }
        }
        Ok(page(picture, turn, &turned, &read))
    }

    fn read_line(&mut self, picture: &Picture, area: &Box2) -> Result<Words> {
        if area.height < area.width * UPRIGHT {
            return self.recogniser.read(picture, area);
        }
        // One character is higher than wide, too; so is a line that was laid on its side.
        let turned = Box2 {
            width: area.height,
            height: area.width,
            angle: area.angle - std::f32::consts::FRAC_PI_2,
            ..*area
        };
        let lying = self.recogniser.read(picture, &turned)?;
        let standing = self.recogniser.read(picture, area)?;
        Ok(if lying.score > standing.score { lying } else { standing })
    }

    /// How a picture has to be turned to be read: the way in which some of its lines make the most sense.
    fn turn_of(&mut self, picture: &Picture, boxes: &[Box2]) -> Result<Turn> {
        let length = |area: &Box2| area.width.max(area.height);
        let is_lying = |area: &&Box2| area.height >= area.width * UPRIGHT;
        let sum =
            |lying: bool| -> f32 { boxes.iter().filter(|area| is_lying(area) == lying).map(length).sum() };
        let lies = sum(true) > sum(false);
        let ways = if lies { [Turn::Left, Turn::Right] } else { [Turn::None, Turn::Half] };
        let mut asked: Vec<&Box2> = boxes.iter().filter(|area| is_lying(area) == lies).collect();
        let untelling =
            |area: &Box2| (length(area) / area.width.min(area.height).max(1.0) / TELLING).ln().abs();
        asked.sort_by(|a, b| untelling(a).total_cmp(&untelling(b)));
        asked.truncate(ASKED);
        let mut sure = [0.0; 2];
        for (turn, sure) in ways.into_iter().zip(&mut sure) {
            let turned = picture.turned(turn);
            for area in &asked {
                let area = turn.of(**area, picture.width(), picture.height());
                *sure += self.recogniser.read(&turned, &area)?.score / asked.len() as f32;
            }
        }
        Ok(if sure[1] > sure[0] + BETTER { ways[1] } else { ways[0] })
    }
}

/// Puts what was read in order. Boxes are those of the picture once it is `turned`.
fn page(picture: &Picture, turn: Turn, turned: &Picture, read: &[(Box2, Words)]) -> Page {
    let (width, height) = (turned.width(), turned.height());
    let middle = (width as f32 / 2.0, height as f32 / 2.0);
    let tilt = tilt(read.iter().map(|(area, _)| area));
    let pieces = read.iter().enumerate().map(|(index, (area, words))| {
        // A page that was laid askew is straightened, so that lines of one height are at one height.
        let [left, top, right, bottom] = area.turned_about(middle, -tilt).bounds();
        Piece { text: words.text.clone(), left, top, right, bottom, index }
    });
    let lines = rows(pieces.collect()).into_iter().map(|row| {
        let mut text = String::new();
        let mut end = f32::MAX;
        let mut area = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        let mut tallest = 0.0_f32;
        for piece in &row {
            let gap = piece.left - end;
            if !text.is_empty() {
                text.push(if gap > (piece.bottom - piece.top) * CELL { '\t' } else { ' ' });
            }
            text.push_str(piece.text.trim());
            end = piece.right;
            tallest = tallest.max(read[piece.index].0.height.min(read[piece.index].0.width));
            let given = turn.back().of(read[piece.index].0, width, height).bounds();
            area =
                [area[0].min(given[0]), area[1].min(given[1]), area[2].max(given[2]), area[3].max(given[3])];
        }
        let sides = [picture.width(), picture.height()].map(|side| side as f32);
        let share = |at: usize| (area[at] / sides[at % 2]).clamp(0.0, 1.0);
        let bottom = row.iter().map(|piece| piece.bottom).fold(f32::MIN, f32::max);
        Line { text, area: [share(0), share(1), share(2), share(3)], bottom, height: tallest }
    });
    Page { lines: lines.collect(), width: width as f32, height: height as f32 }
}

/// The median tilt of the long boxes, in radians.
fn tilt<'b>(boxes: impl Iterator<Item = &'b Box2>) -> f32 {
    let mut tilts: Vec<f32> =
        boxes.filter(|area| area.width > area.height * 4.0).map(|area| area.angle).collect();
    tilts.sort_by(f32::total_cmp);
    tilts.get(tilts.len() / 2).copied().unwrap_or(0.0)
}
