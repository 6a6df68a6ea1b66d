//! From two numbers in a file to a place in the plane, each distinct pair once.

use std::sync::{Arc, Mutex, PoisonError};

use h3o::{LatLng, Resolution};
use isopleth_core::domain::LonLat;
use isopleth_core::plane::{Planar, project, unproject};

use super::RowLocation;
use super::intern::FastMap;
use super::mapping_document::Crs;
use super::report::Reason;

/// Distinct positions kept; some 64 bytes each.
const KEPT: usize = 1 << 20;

/// What was worked out for positions, kept from one file to the next: months of a force share their
/// map points, and a projection costs more than all else that is done for a row. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Positions(Arc<Mutex<Known>>);

impl Positions {
    /// Takes what is known for the time of a file. Another file that is read at the same time
    /// begins with nothing.
    pub(crate) fn take(&self) -> Known {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives it back.
    pub(crate) fn give(&self, known: Known) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.size() > kept.size() {
            *kept = known;
        }
    }
}

/// Where a pair of numbers is, or why it is nowhere.
pub(crate) type Found = Result<RowLocation, Reason>;

/// Positions by the bits of their numbers, eastward first.
#[derive(Debug, Default)]
pub(crate) struct Known {
    degrees: FastMap<(u64, u64), Found>,
    metres: FastMap<(u64, u64), Found>,
}

impl Known {
    fn size(&self) -> usize {
        self.degrees.len() + self.metres.len()
    }

    /// The place of two numbers.
    pub(crate) fn find(&mut self, crs: Crs, east: f64, north: f64) -> Found {
        let map = match crs {
            Crs::Wgs84 => &mut self.degrees,
            Crs::BritishGrid => &mut self.metres,
        };
        let key = (east.to_bits(), north.to_bits());
        if let Some(found) = map.get(&key) {
            return *found;
        }
        let found = match crs {
            Crs::Wgs84 => by_degrees(east, north),
            Crs::BritishGrid => by_metres(east, north),
        };
        if map.len() >= KEPT {
            map.clear();
        }
        map.insert(key, found);
        found
    }
}

fn by_degrees(lon: f64, lat: f64) -> Found {
    if lon == 0.0 && lat == 0.0 {
        return Err(Reason::ZeroCoordinates);
    }
    let at = LonLat::new(lon, lat);
    let Some(projected) = at.ok().and_then(|at| project(at).ok()) else {
        let swapped = LonLat::new(lat, lon).is_ok_and(|at| project(at).is_ok());
        return Err(match at {
            _ if swapped => Reason::SwappedCoordinates,
            Ok(_) => Reason::OutsideArea,
            Err(_) => Reason::BadCoordinate,
        });
    };
    let Planar { x, y } = projected.planar;
    located(lon, lat, x, y, projected.exact).ok_or(Reason::OutsideArea)
}

fn by_metres(easting: f64, northing: f64) -> Found {
    if easting == 0.0 && northing == 0.0 {
        return Err(Reason::ZeroCoordinates);
    }
    // The square that the grid is numbered in; beyond it the inverse transformation would wander.
    let inside = |x: f64, y: f64| (0.0..700_000.0).contains(&x) && (0.0..1_300_000.0).contains(&y);
    if !inside(easting, northing) {
        return Err(Reason::OutsideArea);
    }
    let at = unproject(Planar {
        x: easting,
        y: northing,
    })
    .map_err(|_| Reason::OutsideArea)?;
    let exact = project(at).is_ok_and(|back| back.exact);
    located(at.lon(), at.lat(), easting, northing, exact).ok_or(Reason::OutsideArea)
}

fn located(lon: f64, lat: f64, x: f64, y: f64, exact: bool) -> Option<RowLocation> {
    let mm = |metres: f64| {
        let mm = (metres * 1000.0).round();
        (f64::from(i32::MIN)..=f64::from(i32::MAX))
            .contains(&mm)
            .then_some(mm as i32)
    };
    let cell = LatLng::new(lat, lon).ok()?.to_cell(Resolution::Nine);
    Some(RowLocation {
        lon,
        lat,
        x_mm: mm(x)?,
        y_mm: mm(y)?,
        cell: cell.into(),
        exact,
    })
}

/// A decimal number. Up to fifteen digits, the quotient of two whole numbers that are exact in
/// binary is the nearest number to the text, which is what the slow way gives as well.
pub(crate) fn decimal(text: &[u8]) -> Option<f64> {
    const POWERS: [f64; 16] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (mut whole, mut seen, mut decimals, mut point) = (0_u64, 0, 0, false);
    for &byte in digits {
        match byte {
            b'0'..=b'9' if seen < 15 => {
                whole = whole * 10 + u64::from(byte - b'0');
                seen += 1;
                decimals += usize::from(point);
            }
            b'.' if !point => point = true,
            _ => return slow_decimal(text),
        }
    }
    if seen == 0 {
        return None;
    }
    let value = whole as f64 / POWERS[decimals];
    Some(if negative { -value } else { value })
}

fn slow_decimal(text: &[u8]) -> Option<f64> {
    // Rust reads `inf` and `nan` too.
    let plain = text
        .iter()
        .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    let value: f64 = std::str::from_utf8(text)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_are_none() {
        for bad in [
            "", "-", ".", "1,5", "inf", "NaN", "0x10", "1.2.3", "12a", "1e999", "+-1", "--1",
        ] {
            assert_eq!(decimal(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(decimal(b"1e1"), Some(10.0));
        assert_eq!(decimal(b"-.5"), Some(-0.5));
        assert_eq!(
            decimal(b"0.12345678901234567890"),
            Some(0.123_456_789_012_345_68)
        );
    }

    #[test]
    fn grid_positions_are_kept_as_given() {
        let found = by_metres(551_234.567, 188_765.432).unwrap();
        assert_eq!(
            (found.x_mm, found.y_mm, found.exact),
            (551_234_567, 188_765_432, true)
        );
        let back = by_degrees(found.lon, found.lat).unwrap();
        assert!((back.x_mm - found.x_mm).abs() <= 1 && (back.y_mm - found.y_mm).abs() <= 1);
        assert_eq!(back.cell, found.cell);
    }

    #[test]
    fn nowhere_has_a_reason() {
        assert_eq!(by_degrees(0.0, 0.0), Err(Reason::ZeroCoordinates));
        assert_eq!(by_degrees(51.5, -0.12), Err(Reason::SwappedCoordinates));
        assert_eq!(by_degrees(-73.9, 40.7), Err(Reason::OutsideArea));
        assert_eq!(by_degrees(544_000.0, 190_000.0), Err(Reason::BadCoordinate));
        assert_eq!(by_metres(0.0, 0.0), Err(Reason::ZeroCoordinates));
        assert_eq!(by_metres(-1.0, 5.0), Err(Reason::OutsideArea));
        assert!(by_degrees(0.0, 51.5).is_ok(), "Greenwich is a place");
    }

    proptest! {
        #[test]
        fn decimals_are_what_the_standard_library_says(text in "[-+]?[0-9]{1,12}(\\.[0-9]{0,9})?") {
            prop_assert_eq!(decimal(text.as_bytes()), text.parse::<f64>().ok());
        }
    }
}
