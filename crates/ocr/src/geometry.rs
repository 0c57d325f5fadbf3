//! Boxes around points, as tight as they can be.

use std::f32::consts::FRAC_PI_2;

/// A rectangle that may be tilted. Lengths are in pixels, y points down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Box2 {
    /// The middle.
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// Along its own first axis, ...
    pub(crate) width: f32,
    /// ... and across it.
    pub(crate) height: f32,
    /// Between the first axis and the horizontal, in radians, from -pi/4 to pi/4.
    pub(crate) angle: f32,
}

impl Box2 {
    /// Grown by `distance` on each side.
    pub(crate) fn grown(self, distance: f32) -> Self {
        Self { width: self.width + 2.0 * distance, height: self.height + 2.0 * distance, ..self }
    }

    /// Times `factor`, measured from the origin.
    pub(crate) fn times(self, factor: f32) -> Self {
        Self {
            x: self.x * factor,
            y: self.y * factor,
            width: self.width * factor,
            height: self.height * factor,
            ..self
        }
    }

    /// Turned by `angle` about a point.
    pub(crate) fn turned_about(self, (x, y): (f32, f32), angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        let (right, down) = (self.x - x, self.y - y);
        Self {
            x: x + right * cos - down * sin,
            y: y + right * sin + down * cos,
            angle: self.angle + angle,
            ..self
        }
    }

    /// Left, top, right and bottom of the upright box around it.
    pub(crate) fn bounds(&self) -> [f32; 4] {
        let (sin, cos) = self.angle.sin_cos();
        let across = f32::midpoint(self.width * cos.abs(), self.height * sin.abs());
        let down = f32::midpoint(self.width * sin.abs(), self.height * cos.abs());
        [self.x - across, self.y - down, self.x + across, self.y + down]
    }

    /// Whether a point lies in it.
    pub(crate) fn holds(&self, x: f32, y: f32) -> bool {
        let (sin, cos) = self.angle.sin_cos();
        let (right, down) = (x - self.x, y - self.y);
        let along = right * cos + down * sin;
        let below = down * cos - right * sin;
        along.abs() <= self.width / 2.0 && below.abs() <= self.height / 2.0
    }
}

type Point = (f32, f32);

/// The box of least area around `points`; `None` without points. One of its sides lies on a side of their convex hull
/// (Freeman and Shapira, 1975).
pub(crate) fn tightest_box(points: Vec<Point>) -> Option<Box2> {
    let hull = hull(points);
    let mut best: Option<Box2> = None;
    for at in 0..hull.len() {
        let ((x, y), (next_x, next_y)) = (hull[at], hull[(at + 1) % hull.len()]);
        let found = box_along(&hull, (next_y - y).atan2(next_x - x));
        if best.is_none_or(|best| found.width * found.height < best.width * best.height) {
            best = Some(found);
        }
    }
    best
}

/// The box around `points` with a side in the direction of `angle`.
fn box_along(points: &[Point], angle: f32) -> Box2 {
    // Of the four directions of its sides, the one that is nearest to the horizontal.
    let angle = angle - (angle / FRAC_PI_2).round() * FRAC_PI_2;
    let (sin, cos) = angle.sin_cos();
    let (mut low, mut high) = ((f32::MAX, f32::MAX), (f32::MIN, f32::MIN));
    for &(x, y) in points {
        let (along, below) = (x * cos + y * sin, y * cos - x * sin);
        low = (low.0.min(along), low.1.min(below));
        high = (high.0.max(along), high.1.max(below));
    }
    let (along, below) = (f32::midpoint(low.0, high.0), f32::midpoint(low.1, high.1));
    Box2 {
        x: along * cos - below * sin,
        y: along * sin + below * cos,
        width: high.0 - low.0,
        height: high.1 - low.1,
        angle,
    }
}

/// The convex hull, by Andrew's monotone chain.
fn hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turns_left =
        |a: Point, b: Point, c: Point| (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0) > 0.0;
    let half = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for point in points {
            while let [.., a, b] = chain[..]
                && !turns_left(a, b, point)
            {
                chain.pop();
            }
            chain.push(point);
        }
        // Its last point is the first one of the other half.
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter().copied());
    hull.extend(half(&mut points.iter().rev().copied()));
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_box_is_found_at_any_tilt() {
        for degrees in [-40.0_f32, -10.0, 0.0, 3.0, 25.0, 44.0] {
            let angle = degrees.to_radians();
            let (sin, cos) = angle.sin_cos();
            let points = (0..=60).flat_map(|along| {
                [-4.0_f32, 0.0, 4.0].map(|below| {
                    let along = along as f32 - 30.0;
                    (100.0 + along * cos - below * sin, 50.0 + along * sin + below * cos)
                })
            });
            let found = tightest_box(points.collect()).unwrap();
            assert!((found.x - 100.0).abs() < 0.1 && (found.y - 50.0).abs() < 0.1, "{degrees}: {found:?}");
            assert!(
                (found.width - 60.0).abs() < 0.1 && (found.height - 8.0).abs() < 0.1,
                "{degrees}: {found:?}"
            );
            assert!((found.angle - angle).abs() < 0.01, "{degrees}: {found:?}");
            assert!(found.holds(100.0 + 29.0 * cos, 50.0 + 29.0 * sin));
            assert!(!found.holds(100.0 - 8.0 * sin, 50.0 + 8.0 * cos));
        }
        assert_eq!(tightest_box(Vec::new()), None);
        assert!(tightest_box(vec![(1.0, 2.0), (1.0, 2.0)]).unwrap().width.abs() < f32::EPSILON);
    }
}
