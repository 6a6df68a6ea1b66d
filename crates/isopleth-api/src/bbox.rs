//! The `bbox` parameter: a box of WGS 84 longitude and latitude, possibly across the antimeridian.

use geo::{Coord, Geometry, Line, Point, Rect};

/// Why a `bbox` is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum BboxError {
    /// Not four or six numbers.
    #[error("expected 4 or 6 numbers separated by commas, got {0}")]
    Length(usize),
    /// A part is not a finite number.
    #[error("'{0}' is not a finite number")]
    Number(String),
    /// South is north of north.
    #[error("south {0} lies north of north {1}")]
    SouthNorth(f64, f64),
    /// The lower height is above the upper.
    #[error("the lower height {0} lies above the upper {1}")]
    Heights(f64, f64),
}

/// A part of a box that does not cross the antimeridian.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// West and south.
    pub(crate) min: [f64; 2],
    /// East and north.
    pub(crate) max: [f64; 2],
    /// The part as a geometry: a point or a line where it has no area.
    pub(crate) shape: Geometry,
}

impl Part {
    fn new(min: [f64; 2], max: [f64; 2]) -> Self {
        let (a, b) = (
            Coord {
                x: min[0],
                y: min[1],
            },
            Coord {
                x: max[0],
                y: max[1],
            },
        );
        let shape = if a == b {
            Point::from(a).into()
        } else if a.x == b.x || a.y == b.y {
            Line::new(a, b).into()
        } else {
            Rect::new(a, b).into()
        };
        Self { min, max, shape }
    }
}

/// A box: one part, or two where west is greater than east.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bbox {
    /// The parts.
    pub(crate) parts: Vec<Part>,
}

impl Bbox {
    /// Reads `west,south,east,north` or `west,south,lower,east,north,upper`. Heights are checked
    /// and then have no effect: features are flat.
    ///
    /// # Errors
    /// [`BboxError`].
    pub(crate) fn parse(text: &str) -> Result<Self, BboxError> {
        let mut numbers = Vec::with_capacity(6);
        let count = text.split(',').count();
        if count != 4 && count != 6 {
            return Err(BboxError::Length(count));
        }
        for piece in text.split(',') {
            let number = piece.trim().parse::<f64>().ok().filter(|n| n.is_finite());
            numbers.push(number.ok_or_else(|| BboxError::Number(piece.to_owned()))?);
        }
        let (west, south, east, north) = match numbers[..] {
            [w, s, e, n] => (w, s, e, n),
            [_, _, lower, _, _, upper] if lower > upper => {
                return Err(BboxError::Heights(lower, upper));
            }
            [w, s, _, e, n, _] => (w, s, e, n),
            _ => return Err(BboxError::Length(numbers.len())),
        };
        if south > north {
            return Err(BboxError::SouthNorth(south, north));
        }
        let parts = if west <= east {
            vec![Part::new([west, south], [east, north])]
        } else {
            let (mut parts, edge) = (Vec::with_capacity(2), 180.0);
            if west <= edge {
                parts.push(Part::new([west, south], [edge, north]));
            }
            if east >= -edge {
                parts.push(Part::new([-edge, south], [east, north]));
            }
            parts
        };
        Ok(Self { parts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_and_six_numbers_of_any_length_are_read() {
        let text = "-0.100000000000000006,51.5,-0.0899999999999999967,51.509999999999998";
        let plain = Bbox::parse(text).unwrap();
        assert_eq!(plain.parts[0].min, [-0.1, 51.5]);
        let high = Bbox::parse("-0.1,51.5,0,-0.09,51.51,100").unwrap();
        assert_eq!(high, Bbox::parse("-0.1, 51.5, -0.09, 51.51").unwrap());
    }

    #[test]
    fn west_beyond_east_crosses_the_antimeridian() {
        let bbox = Bbox::parse("177,65,-177,70").unwrap();
        assert_eq!(bbox.parts.len(), 2);
        assert_eq!(
            (bbox.parts[0].max[0], bbox.parts[1].min[0]),
            (180.0, -180.0)
        );
        assert!(Bbox::parse("200,0,-200,1").unwrap().parts.is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "1,2,3,4,5,6,7",
            "a,b,c,d",
            "1,2,3,",
            "nan,0,1,1",
            "0,0,inf,1",
            "0,0,-infinity,1",
            "0,1e999,1,2",
            "0,2,1,1",
            "0,0,5,1,1,4",
            "1;2;3;4",
        ] {
            assert!(Bbox::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9eE+.,nNaiIfF -]{0,40}|.{0,40}") {
            if let Ok(bbox) = Bbox::parse(&text) {
                for part in bbox.parts {
                    prop_assert!(part.min[0] <= part.max[0] && part.min[1] <= part.max[1]);
                }
            }
        }
    }
}
