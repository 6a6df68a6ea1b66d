//! The `bbox` parameter: a box of WGS 84 longitude and latitude, possibly across the antimeridian,
//! or of another coordinate reference system.

use geo::{BoundingRect, Geometry};
use isopleth_io::crs::{Crs, box_geometry};

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
    /// West is east of east, in a system without an antimeridian.
    #[error("west {0} lies east of east {1}; only CRS84 boxes may cross the antimeridian")]
    WestEast(f64, f64),
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
    fn new([west, south, east, north]: [f64; 4]) -> Self {
        Self {
            min: [west, south],
            max: [east, north],
            shape: box_geometry([west, south, east, north]),
        }
    }
}

/// A box: one part, or two where west is greater than east.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bbox {
    /// The parts.
    pub(crate) parts: Vec<Part>,
}

impl Bbox {
    /// Reads `west,south,east,north` or `west,south,lower,east,north,upper` in a coordinate
    /// reference system. Heights are checked and then have no effect: features are flat.
    ///
    /// # Errors
    /// [`BboxError`].
    pub(crate) fn parse(text: &str, crs: Crs) -> Result<Self, BboxError> {
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
        if crs != Crs::Crs84 {
            if west > east {
                return Err(BboxError::WestEast(west, east));
            }
            let shape = crs.unproject_box([west, south, east, north]);
            let part = |shape: Geometry| {
                let rect = shape.bounding_rect()?;
                let (min, max) = (rect.min().into(), rect.max().into());
                Some(Part { min, max, shape })
            };
            let parts = shape.and_then(part).into_iter().collect();
            return Ok(Self { parts });
        }
        let parts = if west <= east {
            vec![Part::new([west, south, east, north])]
        } else {
            let (mut parts, edge) = (Vec::with_capacity(2), 180.0);
            if west <= edge {
                parts.push(Part::new([west, south, edge, north]));
            }
            if east >= -edge {
                parts.push(Part::new([-edge, south, east, north]));
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
        let plain = Bbox::parse(text, Crs::Crs84).unwrap();
        assert_eq!(plain.parts[0].min, [-0.1, 51.5]);
        let high = Bbox::parse("-0.1,51.5,0,-0.09,51.51,100", Crs::Crs84).unwrap();
        assert_eq!(
            high,
            Bbox::parse("-0.1, 51.5, -0.09, 51.51", Crs::Crs84).unwrap()
        );
    }

    #[test]
    fn west_beyond_east_crosses_the_antimeridian() {
        let bbox = Bbox::parse("177,65,-177,70", Crs::Crs84).unwrap();
        assert_eq!(bbox.parts.len(), 2);
        assert_eq!(
            (bbox.parts[0].max[0], bbox.parts[1].min[0]),
            (180.0, -180.0)
        );
        assert!(
            Bbox::parse("200,0,-200,1", Crs::Crs84)
                .unwrap()
                .parts
                .is_empty()
        );
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
            assert!(Bbox::parse(bad, Crs::Crs84).is_err(), "{bad}");
        }
    }

    #[test]
    fn boxes_of_other_systems_become_shapes_of_degrees() {
        let grid = Bbox::parse("530000,180000,531000,181000", Crs::NationalGrid).unwrap();
        let part = &grid.parts[0];
        assert!((part.min[0] + 0.1289).abs() < 1e-3 && (part.max[1] - 51.513).abs() < 1e-3);
        let beyond = Bbox::parse("-2,-2,-1,-1", Crs::NationalGrid).unwrap();
        assert!(beyond.parts.is_empty());
        let wide = Bbox::parse("-9e9,-9e9,9e9,9e9", Crs::WebMercator).unwrap();
        assert!((wide.parts[0].max[0] - 180.0).abs() < 1e-9);
        let swapped = Bbox::parse("2,0,1,1", Crs::WebMercator);
        assert_eq!(swapped, Err(BboxError::WestEast(2.0, 1.0)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9eE+.,nNaiIfF -]{0,40}|.{0,40}") {
            if let Ok(bbox) = Bbox::parse(&text, Crs::Crs84) {
                for part in bbox.parts {
                    prop_assert!(part.min[0] <= part.max[0] && part.min[1] <= part.max[1]);
                }
            }
        }
    }
}
