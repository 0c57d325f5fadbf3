//! What a line says.

use docent_core::{Error, ErrorKind, Result};

use crate::{
    geometry::Box2,
    picture::Picture,
    session::{Network, Output, damaged},
};

/// Height of a line as the network sees it, in pixels.
const HEIGHT: usize = 48;
/// Narrower lines get blank columns up to this width, as in training.
const NARROWEST: usize = 320;
/// Longer lines are squeezed.
const WIDEST: usize = 4800;

/// What a line says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Words {
    pub(crate) text: String,
    /// Mean probability of its characters.
    pub(crate) score: f32,
}

/// The network that reads lines, with its characters.
pub(crate) struct Recogniser {
    network: Network,
    /// The character of each class; none for the first, which stands between characters.
    characters: Vec<String>,
}

impl Recogniser {
    /// # Errors
    /// It does not come with its characters.
    pub(crate) fn new(network: Network) -> Result<Self> {
        let list = network.note("character").ok_or_else(|| damaged("recogniser"))?;
        let mut characters = vec![String::new()];
        characters.extend(list.lines().map(str::to_owned));
        // What follows the list is the blank between words.
        characters.push(" ".to_owned());
        Ok(Self { network, characters })
    }

    /// Reads the line in `area`.
    pub(crate) fn read(&mut self, picture: &Picture, area: &Box2) -> Result<Words> {
        let (grey, width, filled) = line_of(picture, area);
        let output = self.network.run(&grey, width, HEIGHT, filled)?;
        let [1, steps, classes] = output.shape[..] else { return Err(unexpected()) };
        if classes != self.characters.len() || output.values.len() != steps * classes {
            return Err(unexpected());
        }
        Ok(self.decode(&output))
    }

    /// The likeliest class of each step; repeats are one character, unless the first class stands between them.
    fn decode(&self, output: &Output) -> Words {
        let (mut text, mut sum, mut count, mut last) = (String::new(), 0.0, 0u32, 0);
        for step in output.values.chunks_exact(self.characters.len()) {
            let likeliest = step.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let (class, probability) =
                likeliest.map_or((0, 0.0), |(class, probability)| (class, *probability));
            if class != 0 && class != last {
                text.push_str(&self.characters[class]);
                sum += probability;
                count += 1;
            }
            last = class;
        }
        Words { text, score: if count == 0 { 0.0 } else { sum / count as f32 } }
    }
}

/// A line as the network sees it, and its width, of which so much is filled.
fn line_of(picture: &Picture, area: &Box2) -> (Vec<u8>, usize, usize) {
    let natural = (HEIGHT as f32 * area.width / area.height.max(1.0)).ceil() as usize;
    let filled = natural.clamp(1, WIDEST);
    let width = filled.max(NARROWEST);
    let cut = picture.cut(area, filled, HEIGHT);
    let mut grey = vec![0; width * HEIGHT];
    for (row, line) in cut.chunks_exact(filled).enumerate() {
        grey[row * width..][..filled].copy_from_slice(line);
    }
    (grey, width, filled)
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Model, "the OCR model gave something else than characters")
        .hint("`docent models list` shows which models fit")
}
