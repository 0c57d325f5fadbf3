//! The order in which people read the lines of a page: columns one after the other, the cells of a row together.

/// A box with words, upright, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
    /// Its number among the boxes.
    pub(crate) index: usize,
}

impl Piece {
    fn height(&self) -> f32 {
        self.bottom - self.top
    }

    fn width(&self) -> f32 {
        self.right - self.left
    }

    fn middle(&self) -> f32 {
        f32::midpoint(self.top, self.bottom)
    }
}

/// Columns of text have this many lines at least.
const LINES: usize = 3;
/// Half of a column's lines fill this share of its width: cells of a table do not.
const FILLED: f32 = 0.6;
/// Half of a column's lines are this many times as wide as high: columns of numbers are not.
const LONG: f32 = 6.0;
/// Pages have no more columns than this one in another.
const DEPTH: usize = 8;

/// The pieces in reading order, those of a row together, from left to right.
pub(crate) fn rows(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut rows = Vec::new();
    order(pieces, DEPTH, &mut rows);
    rows
}

fn order(mut pieces: Vec<Piece>, depth: usize, rows: &mut Vec<Vec<Piece>>) {
    pieces.sort_by(|a, b| a.middle().total_cmp(&b.middle()));
    let columns = if depth == 0 { None } else { columns(&pieces) };
    let Some(Columns { from, to, gutter }) = columns else {
        return in_rows(pieces, rows);
    };
    let below = pieces.split_off(to);
    let within = pieces.split_off(from);
    let (left, right) = within.into_iter().partition(|piece| piece.right <= gutter);
    for part in [pieces, left, right, below] {
        order(part, depth - 1, rows);
    }
}

/// Two columns of text: the pieces from `from` to `to`, left and right of `gutter`.
struct Columns {
    from: usize,
    to: usize,
    gutter: f32,
}

/// The two columns with the most lines, if there are any. `pieces` are sorted from top to bottom.
fn columns(pieces: &[Piece]) -> Option<Columns> {
    let mut best: Option<Columns> = None;
    for gutter in pieces.iter().map(|piece| piece.right) {
        let crosses = |piece: &Piece| piece.left < gutter && piece.right > gutter;
        let mut from = 0;
        while from < pieces.len() {
            let length = pieces[from..].iter().take_while(|piece| !crosses(piece)).count();
            let run = &pieces[from..from + length];
            let is_longer = best.as_ref().is_none_or(|best| length > best.to - best.from);
            if length >= 2 * LINES && is_longer && are_columns(run, gutter) {
                best = Some(Columns { from, to: from + length, gutter });
            }
            from += length.max(1);
        }
    }
    best
}

fn are_columns(run: &[Piece], gutter: f32) -> bool {
    let (left, right): (Vec<&Piece>, Vec<&Piece>) = run.iter().partition(|piece| piece.right <= gutter);
    [&left, &right].into_iter().all(|side| is_column(side)) && beside(&left, &right)
}

fn is_column(side: &[&Piece]) -> bool {
    if side.len() < LINES {
        return false;
    }
    let least = |of: fn(&Piece) -> f32| side.iter().map(|piece| of(piece)).fold(f32::MAX, f32::min);
    let most = |of: fn(&Piece) -> f32| side.iter().map(|piece| of(piece)).fold(f32::MIN, f32::max);
    let width = most(|piece| piece.right) - least(|piece| piece.left);
    let long =
        side.iter().filter(|piece| piece.width() >= FILLED * width && piece.width() >= LONG * piece.height());
    long.count() * 2 >= side.len()
}

/// Whether the two sides share most of the height of the shorter one.
fn beside(left: &[&Piece], right: &[&Piece]) -> bool {
    let ends = |side: &[&Piece]| {
        side.iter()
            .fold((f32::MAX, f32::MIN), |(top, bottom), piece| (top.min(piece.top), bottom.max(piece.bottom)))
    };
    let (left, right) = (ends(left), ends(right));
    let shared = left.1.min(right.1) - left.0.max(right.0);
    shared * 2.0 >= (left.1 - left.0).min(right.1 - right.0)
}

/// Pieces whose middles are at one height make a row.
fn in_rows(pieces: Vec<Piece>, rows: &mut Vec<Vec<Piece>>) {
    let begun = rows.len();
    for piece in pieces {
        let joins = |row: &Vec<Piece>| {
            row.first().is_some_and(|first| {
                (piece.middle() - first.middle()).abs() < first.height().min(piece.height()) / 2.0
                    && row.iter().all(|other| {
                        piece.left >= other.right - other.height()
                            || piece.right <= other.left + other.height()
                    })
            })
        };
        match rows[begun..].last_mut().filter(|row| joins(row)) {
            Some(row) => row.push(piece),
            None => rows.push(vec![piece]),
        }
    }
    for row in &mut rows[begun..] {
        row.sort_by(|a, b| a.left.total_cmp(&b.left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, left: f32, right: f32, top: f32) -> Piece {
        Piece { text: text.into(), left, top, right, bottom: top + 20.0, index: 0 }
    }

    fn read(pieces: Vec<Piece>) -> Vec<String> {
        let words = |row: Vec<Piece>| row.into_iter().map(|piece| piece.text).collect::<Vec<_>>().join(" ");
        rows(pieces).into_iter().map(words).collect()
    }

    #[test]
    fn columns_are_read_one_after_the_other_below_what_spans_them() {
        let mut pieces = vec![piece("title", 100.0, 900.0, 10.0), piece("end", 100.0, 880.0, 400.0)];
        for line in 0..5_u8 {
            let top = 60.0 + f32::from(line) * 30.0;
            // Not quite at one height, as on a page that lies askew.
            pieces.push(piece(&format!("b{line}"), 520.0, 900.0, top - 3.0));
            pieces.push(piece(&format!("a{line}"), 100.0, 480.0, top));
        }
        assert_eq!(
            read(pieces),
            ["title", "a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3", "b4", "end"]
        );
    }

    #[test]
    fn rows_of_a_table_stay_together() {
        let mut pieces = Vec::new();
        for (line, (name, price)) in
            [("Toner", "118.00"), ("Paper A4", "97.50"), ("File", "35.40"), ("Sum", "250.90")]
                .into_iter()
                .enumerate()
        {
            let top = line as f32 * 30.0;
            pieces.push(piece(price, 700.0, 780.0, top + 4.0));
            pieces.push(piece(name, 100.0, 100.0 + name.len() as f32 * 12.0, top));
        }
        assert_eq!(read(pieces), ["Toner 118.00", "Paper A4 97.50", "File 35.40", "Sum 250.90"]);
    }

    #[test]
    fn hostile_boxes_end_soon() {
        let pieces = (0..1000_u16).map(|at| {
            piece(
                "x",
                f32::from(at % 31) * 30.0,
                f32::from(at % 31) * 30.0 + 200.0,
                f32::from(at / 31) * 25.0,
            )
        });
        assert_eq!(read(pieces.collect()).join(" ").len(), 1999);
        assert!(!read(vec![piece("nan", f32::NAN, f32::NAN, f32::NAN); 20]).is_empty());
    }
}
