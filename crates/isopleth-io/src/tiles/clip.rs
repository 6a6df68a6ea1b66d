//! Cutting to a box.

use crate::tiles::clip::Side::{East, North, South, West};

/// A box; y grows in either direction, `min` is the smaller corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) min: [f64; 2],
    pub(crate) max: [f64; 2],
}

impl Window {
    pub(crate) fn contains(&self, p: [f64; 2]) -> bool {
        (0..2).all(|i| self.min[i] <= p[i] && p[i] <= self.max[i])
    }

    pub(crate) fn contains_box(&self, min: [f64; 2], max: [f64; 2]) -> bool {
        self.contains(min) && self.contains(max)
    }
}

#[derive(Clone, Copy)]
enum Side {
    West,
    East,
    South,
    North,
}

impl Side {
    fn keeps(self, window: &Window, p: [f64; 2]) -> bool {
        match self {
            West => p[0] >= window.min[0],
            East => p[0] <= window.max[0],
            South => p[1] >= window.min[1],
            North => p[1] <= window.max[1],
        }
    }

    /// Where a segment crosses the line of the side.
    fn crossing(self, window: &Window, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        let (axis, at) = match self {
            West => (0, window.min[0]),
            East => (0, window.max[0]),
            South => (1, window.min[1]),
            North => (1, window.max[1]),
        };
        let t = (at - a[axis]) / (b[axis] - a[axis]);
        let mut p = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
        p[axis] = at;
        p
    }
}

/// The part of a ring inside a box (Sutherland and Hodgman, 1974), in `ring` itself; `spare` is
/// room to work in. A concave ring that is cut into pieces stays one ring, whose pieces hang
/// together along the edge of the box.
pub(crate) fn ring(window: &Window, ring: &mut Vec<[f64; 2]>, spare: &mut Vec<[f64; 2]>) {
    for side in [West, East, South, North] {
        let Some(&last) = ring.last() else { return };
        spare.clear();
        let (mut before, mut before_kept) = (last, side.keeps(window, last));
        for &p in ring.iter() {
            let kept = side.keeps(window, p);
            if kept != before_kept {
                spare.push(side.crossing(window, before, p));
            }
            if kept {
                spare.push(p);
            }
            (before, before_kept) = (p, kept);
        }
        std::mem::swap(ring, spare);
    }
}

/// The parts of a line inside a box (Liang and Barsky, 1984), each handed to `part`.
pub(crate) fn line(window: &Window, line: &[[f64; 2]], mut part: impl FnMut(&[[f64; 2]])) {
    let mut run: Vec<[f64; 2]> = Vec::new();
    for pair in line.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        match segment(window, a, b) {
            None => flush(&mut run, &mut part),
            Some((from, to)) => {
                if run.last() != Some(&from) {
                    flush(&mut run, &mut part);
                    run.push(from);
                }
                run.push(to);
                if to != b {
                    flush(&mut run, &mut part);
                }
            }
        }
    }
    flush(&mut run, &mut part);
}

fn flush(run: &mut Vec<[f64; 2]>, part: &mut impl FnMut(&[[f64; 2]])) {
    if run.len() > 1 {
        part(run);
    }
    run.clear();
}

fn segment(window: &Window, a: [f64; 2], b: [f64; 2]) -> Option<([f64; 2], [f64; 2])> {
    let (mut t0, mut t1) = (0.0_f64, 1.0_f64);
    for axis in 0..2 {
        let d = b[axis] - a[axis];
        let (low, high) = (window.min[axis] - a[axis], window.max[axis] - a[axis]);
        if d == 0.0 {
            if low > 0.0 || high < 0.0 {
                return None;
            }
        } else {
            let (enter, leave) = if d > 0.0 {
                (low / d, high / d)
            } else {
                (high / d, low / d)
            };
            t0 = t0.max(enter);
            t1 = t1.min(leave);
        }
    }
    if t0 > t1 {
        return None;
    }
    let at = |t: f64| [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
    let from = if t0 == 0.0 { a } else { at(t0) };
    let to = if t1 == 1.0 { b } else { at(t1) };
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use geo::{Area, BooleanOps, Coord, LineString, Polygon, Rect};
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Window = Window {
        min: [0.0, 0.0],
        max: [10.0, 10.0],
    };

    fn polygon(ring: &[[f64; 2]]) -> Polygon {
        let line: LineString = ring.iter().map(|p| (p[0], p[1])).collect();
        Polygon::new(line, vec![])
    }

    #[test]
    fn a_line_that_leaves_and_comes_back_is_two() {
        let mut parts = Vec::new();
        let zigzag = [[5.0, 5.0], [15.0, 5.0], [15.0, 8.0], [5.0, 8.0], [5.0, 9.0]];
        line(&WINDOW, &zigzag, |p| parts.push(p.to_vec()));
        assert_eq!(
            parts,
            [
                vec![[5.0, 5.0], [10.0, 5.0]],
                vec![[10.0, 8.0], [5.0, 8.0], [5.0, 9.0]]
            ]
        );
        parts.clear();
        line(&WINDOW, &[[-5.0, 20.0], [20.0, -5.0]], |p| {
            parts.push(p.to_vec())
        });
        assert_eq!(parts, [vec![[5.0, 10.0], [10.0, 5.0]]]);
        parts.clear();
        line(&WINDOW, &[[11.0, 0.0], [11.0, 9.0]], |p| {
            parts.push(p.to_vec())
        });
        assert!(parts.is_empty());
    }

    proptest! {
        #[test]
        fn the_area_kept_is_that_of_the_intersection(
            points in proptest::collection::vec((-20.0..30.0_f64, -20.0..30.0_f64), 3..4),
        ) {
            let mut cut: Vec<[f64; 2]> = points.iter().map(|p| [p.0, p.1]).collect();
            let whole = polygon(&cut);
            ring(&WINDOW, &mut cut, &mut Vec::new());
            let window = Rect::new(Coord { x: 0.0, y: 0.0 }, Coord { x: 10.0, y: 10.0 });
            let want = whole.intersection(&window.to_polygon()).unsigned_area();
            prop_assert!((polygon(&cut).unsigned_area() - want).abs() < 1e-6);
            prop_assert!(cut.iter().all(|&p| WINDOW.contains(p)));
        }
    }
}
