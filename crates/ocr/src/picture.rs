//! A picture in grey, and how it is turned and looked at.

use crate::geometry::Box2;

/// A picture in grey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    /// Row by row from the top, 0 black, 255 white.
    grey: Vec<u8>,
}

/// A quarter turn to the left, so many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    Left,
    Half,
    Right,
}

impl Picture {
    /// A picture of `width` by `height` pixels, row by row from the top, 0 black, 255 white; `None` if `grey` has another
    /// number of pixels, or none.
    pub fn new(width: usize, height: usize, grey: Vec<u8>) -> Option<Self> {
        (!grey.is_empty() && width.checked_mul(height) == Some(grey.len())).then_some(Self {
            width,
            height,
            grey,
        })
    }

    /// Pixels from left to right.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> usize {
        self.height
    }

    pub(crate) fn turned(&self, turn: Turn) -> Self {
        let (width, height) = (self.width, self.height);
        let at = |x: usize, y: usize| self.grey[y * width + x];
        match turn {
            Turn::None => self.clone(),
            Turn::Half => Self { width, height, grey: self.grey.iter().rev().copied().collect() },
            Turn::Left => {
                let columns = (0..width).rev().flat_map(|x| (0..height).map(move |y| (x, y)));
                Self { width: height, height: width, grey: columns.map(|(x, y)| at(x, y)).collect() }
            }
            Turn::Right => {
                let columns = (0..width).flat_map(|x| (0..height).rev().map(move |y| (x, y)));
                Self { width: height, height: width, grey: columns.map(|(x, y)| at(x, y)).collect() }
            }
        }
    }

    /// This picture at `width` by `height` pixels: each the mean of what it covers.
    pub(crate) fn scaled(&self, width: usize, height: usize) -> Self {
        let whole = Box2 {
            x: self.width as f32 / 2.0,
            y: self.height as f32 / 2.0,
            width: self.width as f32,
            height: self.height as f32,
            angle: 0.0,
        };
        Self { width, height, grey: self.cut(&whole, width, height) }
    }

    /// What lies in `area`, straightened, as `width` by `height` pixels. Beyond the edge, the edge goes on.
    pub(crate) fn cut(&self, area: &Box2, width: usize, height: usize) -> Vec<u8> {
        let (sin, cos) = area.angle.sin_cos();
        let step = (area.width / width as f32, area.height / height as f32);
        // A pixel that covers several is their mean: small print keeps its shape when it is made smaller.
        let samples = [step.0, step.1].map(|step| (step.ceil() as usize).clamp(1, 8));
        let count = (samples[0] * samples[1]) as f32;
        let mut out = Vec::with_capacity(width * height);
        for row in 0..height {
            for column in 0..width {
                let mut sum = 0.0;
                for down in 0..samples[1] {
                    for across in 0..samples[0] {
                        let part = |index: usize, of: usize| (index as f32 + 0.5) / of as f32;
                        let along = (column as f32 + part(across, samples[0])) * step.0 - area.width / 2.0;
                        let below = (row as f32 + part(down, samples[1])) * step.1 - area.height / 2.0;
                        let x = area.x + along * cos - below * sin;
                        let y = area.y + along * sin + below * cos;
                        sum += self.between(x - 0.5, y - 0.5);
                    }
                }
                out.push((sum / count).round() as u8);
            }
        }
        out
    }

    /// The grey at a point between pixels (their centres at whole numbers), bilinear.
    fn between(&self, x: f32, y: f32) -> f32 {
        let x = x.clamp(0.0, (self.width - 1) as f32);
        let y = y.clamp(0.0, (self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let at = |x: usize, y: usize| f32::from(self.grey[y * self.width + x]);
        let (across, down) = (x - left as f32, y - top as f32);
        let upper = at(left, top) * (1.0 - across) + at(right, top) * across;
        let lower = at(left, bottom) * (1.0 - across) + at(right, bottom) * across;
        upper * (1.0 - down) + lower * down
    }

    pub(crate) fn grey(&self) -> &[u8] {
        &self.grey
    }
}

impl Turn {
    /// Where a box of a picture of `width` by `height` pixels stands once that is turned.
    pub(crate) fn of(self, area: Box2, width: usize, height: usize) -> Box2 {
        let (width, height) = (width as f32, height as f32);
        let sideways = Box2 { width: area.height, height: area.width, ..area };
        match self {
            Self::None => area,
            Self::Left => Box2 { x: area.y, y: width - area.x, ..sideways },
            Self::Half => Box2 { x: width - area.x, y: height - area.y, ..area },
            Self::Right => Box2 { x: height - area.y, y: area.x, ..sideways },
        }
    }

    /// The turn that undoes this one.
    pub(crate) fn back(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_moves_pixels_and_boxes_alike() {
        let picture = Picture::new(3, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(picture.turned(Turn::Left).grey(), [3, 6, 2, 5, 1, 4]);
        assert_eq!(picture.turned(Turn::Half).grey(), [6, 5, 4, 3, 2, 1]);
        assert_eq!(picture.turned(Turn::Right).grey(), [4, 1, 5, 2, 6, 3]);
        // The pixel with the 3: its centre is at 2.5, 0.5.
        let three = Box2 { x: 2.5, y: 0.5, width: 1.0, height: 1.0, angle: 0.0 };
        for (turn, x, y) in [(Turn::Left, 0.5, 0.5), (Turn::Half, 0.5, 1.5), (Turn::Right, 1.5, 2.5)] {
            let turned = turn.of(three, 3, 2);
            assert_eq!((turned.x, turned.y), (x, y), "{turn:?}");
            let (width, height) = if turn == Turn::Half { (3, 2) } else { (2, 3) };
            let back = turn.back().of(turned, width, height);
            assert_eq!((back.x, back.y), (2.5, 0.5), "{turn:?}");
        }
    }

    #[test]
    fn what_is_cut_is_straightened_and_scaled() {
        // A bright diagonal of a dark square.
        let side = 40;
        let grey = (0..side * side).map(|at| if at % side == at / side { 255 } else { 0 }).collect();
        let picture = Picture::new(side, side, grey).unwrap();
        let along = Box2 { x: 20.0, y: 20.0, width: 40.0, height: 5.0, angle: std::f32::consts::FRAC_PI_4 };
        let cut = picture.cut(&along, 40, 5);
        let row = |row: usize| cut[row * 40..][..40].iter().map(|grey| u32::from(*grey)).sum::<u32>();
        assert!(row(2) > 40 * 120 && row(0) == 0 && row(4) == 0, "{} {} {}", row(0), row(2), row(4));
        assert_eq!(picture.scaled(1, 1).grey().len(), 1);
        assert!(Picture::new(2, 2, vec![0; 3]).is_none() && Picture::new(0, 0, Vec::new()).is_none());
    }
}
