//! GeoPackageBinary: a header of eight bytes, for everything but points an envelope, then WKB.
//! Always little endian, always longitude and latitude.

use geo::{BoundingRect, Coord, Geometry, LineString, MultiLineString, MultiPolygon, Polygon};
use isopleth_core::domain::LonLat;

/// EPSG code of WGS 84 longitude and latitude.
pub(crate) const WGS_84: i32 = 4326;

/// Bytes of a point without envelope.
pub(crate) const POINT_BYTES: usize = 8 + 5 + 16;

const LITTLE_ENDIAN: u8 = 1;
const ENVELOPE_XY: u8 = 1 << 1;
const WKB_POINT: u32 = 1;
const WKB_LINE: u32 = 2;
const WKB_POLYGON: u32 = 3;
const WKB_MULTI_LINE: u32 = 5;
const WKB_MULTI_POLYGON: u32 = 6;

/// West, south, east and north.
pub(crate) type Bounds = [f64; 4];

const fn point_prefix() -> [u8; 13] {
    let srs = WGS_84.to_le_bytes();
    let kind = WKB_POINT.to_le_bytes();
    [
        b'G',
        b'P',
        0,
        LITTLE_ENDIAN,
        srs[0],
        srs[1],
        srs[2],
        srs[3],
        LITTLE_ENDIAN,
        kind[0],
        kind[1],
        kind[2],
        kind[3],
    ]
}

/// A point.
pub(crate) fn point(lon: f64, lat: f64) -> [u8; POINT_BYTES] {
    let mut blob = [0; POINT_BYTES];
    blob[..13].copy_from_slice(&point_prefix());
    blob[13..21].copy_from_slice(&lon.to_le_bytes());
    blob[21..].copy_from_slice(&lat.to_le_bytes());
    blob
}

/// Longitude and latitude of a point that [`point`] wrote.
pub(crate) fn point_of(blob: &[u8]) -> Option<(f64, f64)> {
    let blob: &[u8; POINT_BYTES] = blob.try_into().ok()?;
    let rest = blob.strip_prefix(&point_prefix())?;
    Some((real(rest, 0)?, real(rest, 8)?))
}

/// As [`point_of`], as a position.
pub(crate) fn lon_lat_of(blob: &[u8]) -> Option<LonLat> {
    let (lon, lat) = point_of(blob)?;
    LonLat::new(lon, lat).ok()
}

/// Any geometry that a layer may have. `multi` writes a line or polygon as a set of one.
pub(crate) fn encode(geometry: &Geometry, multi: bool) -> Result<Vec<u8>, &'static str> {
    match geometry {
        Geometry::Point(p) => Ok(point(p.x(), p.y()).to_vec()),
        Geometry::LineString(l) if multi => multi_line(std::slice::from_ref(l)),
        Geometry::LineString(l) => {
            let mut blob = header(l.bounding_rect())?;
            put_line(&mut blob, l);
            Ok(blob)
        }
        Geometry::MultiLineString(m) => multi_line(&m.0),
        Geometry::Polygon(p) if multi => multi_polygon(std::slice::from_ref(p)),
        Geometry::Polygon(p) => {
            let mut blob = header(p.bounding_rect())?;
            put_polygon(&mut blob, p);
            Ok(blob)
        }
        Geometry::MultiPolygon(m) => multi_polygon(&m.0),
        _ => Err("only points, lines, polygons and sets of lines or polygons can be stored"),
    }
}

/// A set of polygons.
pub(crate) fn multi_polygon(polygons: &[Polygon]) -> Result<Vec<u8>, &'static str> {
    let rects = polygons.iter().filter_map(BoundingRect::bounding_rect);
    let mut blob = header(around(rects))?;
    put_start(&mut blob, WKB_MULTI_POLYGON, polygons.len());
    for polygon in polygons {
        put_polygon(&mut blob, polygon);
    }
    Ok(blob)
}

/// A set of lines.
pub(crate) fn multi_line(lines: &[LineString]) -> Result<Vec<u8>, &'static str> {
    let rects = lines.iter().filter_map(BoundingRect::bounding_rect);
    let mut blob = header(around(rects))?;
    put_start(&mut blob, WKB_MULTI_LINE, lines.len());
    for line in lines {
        put_line(&mut blob, line);
    }
    Ok(blob)
}

/// The rectangle around rectangles.
fn around(rects: impl Iterator<Item = geo::Rect>) -> Option<geo::Rect> {
    rects.reduce(|a, b| {
        let (low, high) = (a.min(), a.max());
        geo::Rect::new(
            Coord {
                x: low.x.min(b.min().x),
                y: low.y.min(b.min().y),
            },
            Coord {
                x: high.x.max(b.max().x),
                y: high.y.max(b.max().y),
            },
        )
    })
}

fn header(rect: Option<geo::Rect>) -> Result<Vec<u8>, &'static str> {
    let rect = rect.ok_or("it is empty")?;
    let (low, high) = (rect.min(), rect.max());
    let envelope = [low.x, high.x, low.y, high.y];
    if !envelope.iter().all(|v| v.is_finite()) {
        return Err("a coordinate is not a finite number");
    }
    let mut blob = vec![b'G', b'P', 0, LITTLE_ENDIAN | ENVELOPE_XY];
    blob.extend(WGS_84.to_le_bytes());
    blob.extend(envelope.iter().flat_map(|v| v.to_le_bytes()));
    Ok(blob)
}

fn put_start(blob: &mut Vec<u8>, kind: u32, count: usize) {
    blob.push(LITTLE_ENDIAN);
    blob.extend(kind.to_le_bytes());
    put_count(blob, count);
}

fn put_count(blob: &mut Vec<u8>, count: usize) {
    // A blob is at most 2 GB, so that no part of it can have more than 2^32 members.
    blob.extend((count as u32).to_le_bytes());
}

fn put_polygon(blob: &mut Vec<u8>, polygon: &Polygon) {
    put_start(blob, WKB_POLYGON, 1 + polygon.interiors().len());
    for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
        put_count(blob, ring.0.len());
        put_coords(blob, ring);
    }
}

fn put_line(blob: &mut Vec<u8>, line: &LineString) {
    put_start(blob, WKB_LINE, line.0.len());
    put_coords(blob, line);
}

fn put_coords(blob: &mut Vec<u8>, line: &LineString) {
    for c in &line.0 {
        blob.extend(c.x.to_le_bytes());
        blob.extend(c.y.to_le_bytes());
    }
}

/// The polygons of a blob that [`multi_polygon`] wrote.
pub(crate) fn multi_polygon_of(blob: &[u8]) -> Option<MultiPolygon> {
    bounds_of(blob)?;
    let mut at = 40;
    let count = take_start(blob, &mut at, WKB_MULTI_POLYGON)?;
    let polygons = (0..count).map(|_| {
        let rings = take_start(blob, &mut at, WKB_POLYGON)?;
        let exterior = take_ring(blob, &mut at)?;
        let interiors = (1..rings)
            .map(|_| take_ring(blob, &mut at))
            .collect::<Option<_>>()?;
        Some(Polygon::new(exterior, interiors))
    });
    Some(MultiPolygon(polygons.collect::<Option<_>>()?))
}

/// The lines of a blob that [`multi_line`] wrote.
pub(crate) fn multi_line_of(blob: &[u8]) -> Option<MultiLineString> {
    bounds_of(blob)?;
    let mut at = 40;
    let count = take_start(blob, &mut at, WKB_MULTI_LINE)?;
    let lines = (0..count).map(|_| {
        let start = at;
        let points = take_start(blob, &mut at, WKB_LINE)?;
        // The count of points stands where a ring has its own.
        at = start + 5;
        let line = take_ring(blob, &mut at)?;
        (line.0.len() == points as usize).then_some(line)
    });
    Some(MultiLineString(lines.collect::<Option<_>>()?))
}

fn take_start(blob: &[u8], at: &mut usize, kind: u32) -> Option<u32> {
    let head = blob.get(*at..*at + 5)?;
    let found = u32::from_le_bytes(head[1..].try_into().ok()?);
    *at += 5;
    (head[0] == LITTLE_ENDIAN && found == kind).then(|| take_count(blob, at))?
}

fn take_count(blob: &[u8], at: &mut usize) -> Option<u32> {
    let count = u32::from_le_bytes(blob.get(*at..*at + 4)?.try_into().ok()?);
    *at += 4;
    Some(count)
}

fn take_ring(blob: &[u8], at: &mut usize) -> Option<LineString> {
    let count = take_count(blob, at)? as usize;
    let bytes = blob.get(*at..at.checked_add(count.checked_mul(16)?)?)?;
    *at += bytes.len();
    let coords = bytes.chunks_exact(16).map(|c| {
        Some(Coord {
            x: real(c, 0)?,
            y: real(c, 8)?,
        })
    });
    Some(LineString(coords.collect::<Option<_>>()?))
}

/// Any geometry that a layer may have, in a system with this code.
pub(crate) fn encode_in(
    geometry: &Geometry,
    multi: bool,
    srs: i32,
) -> Result<Vec<u8>, &'static str> {
    let mut blob = encode(geometry, multi)?;
    blob[4..8].copy_from_slice(&srs.to_le_bytes());
    Ok(blob)
}

/// The bounds of any blob of this module, in any system, without decoding the rest.
pub(crate) fn bounds_of(blob: &[u8]) -> Option<Bounds> {
    let prefix = point_prefix();
    if blob.len() == POINT_BYTES && blob[..4] == prefix[..4] && blob[8..13] == prefix[8..] {
        let (x, y) = (real(blob, 13)?, real(blob, 21)?);
        return Some([x, y, x, y]);
    }
    let header = blob.get(..40)?;
    (header[..4] == [b'G', b'P', 0, LITTLE_ENDIAN | ENVELOPE_XY]).then(|| {
        Some([
            real(header, 8)?,
            real(header, 24)?,
            real(header, 16)?,
            real(header, 32)?,
        ])
    })?
}

fn real(bytes: &[u8], at: usize) -> Option<f64> {
    Some(f64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use geo::{Point, polygon};

    use super::*;

    #[test]
    fn points_read_back() {
        let blob = point(-0.1, 51.5);
        assert_eq!(point_of(&blob), Some((-0.1, 51.5)));
        assert_eq!(bounds_of(&blob), Some([-0.1, 51.5, -0.1, 51.5]));
        assert_eq!(point_of(&blob[1..]), None);
    }

    #[test]
    fn polygons_read_back_with_their_holes() {
        let p = polygon![
            exterior: [(x: 0., y: 0.), (x: 4., y: 0.), (x: 4., y: 5.), (x: 0., y: 0.)],
            interiors: [[(x: 1., y: 1.), (x: 2., y: 1.), (x: 2., y: 2.), (x: 1., y: 1.)]],
        ];
        let q = polygon![(x: 9., y: 9.), (x: 10., y: 9.), (x: 9., y: 11.), (x: 9., y: 9.)];
        let blob = multi_polygon(&[p.clone(), q.clone()]).unwrap();
        assert_eq!(
            multi_polygon_of(&blob),
            Some(MultiPolygon(vec![p.clone(), q]))
        );
        assert_eq!(bounds_of(&blob), Some([0., 0., 10., 11.]));
        assert_eq!(multi_polygon_of(&blob[..blob.len() - 1]), None);
        assert!(multi_polygon_of(&encode(&Geometry::Polygon(p), true).unwrap()).is_some());
    }

    #[test]
    fn lines_read_back() {
        let a: LineString = vec![(0., 0.), (4., 1.), (5., -2.)].into();
        let b: LineString = vec![(9., 9.), (10., 9.)].into();
        let blob = multi_line(&[a.clone(), b.clone()]).unwrap();
        assert_eq!(
            multi_line_of(&blob),
            Some(MultiLineString(vec![a.clone(), b]))
        );
        assert_eq!(bounds_of(&blob), Some([0., -2., 10., 9.]));
        assert_eq!(multi_line_of(&blob[..blob.len() - 1]), None);
        let one = encode(&Geometry::LineString(a.clone()), true).unwrap();
        assert_eq!(multi_line_of(&one), Some(MultiLineString(vec![a.clone()])));
        let single = encode(&Geometry::LineString(a), false).unwrap();
        assert_eq!(bounds_of(&single), Some([0., -2., 5., 1.]));
        assert!(multi_line(&[]).is_err());
    }

    #[test]
    fn bounds_are_told_in_any_system() {
        let at = Geometry::Point(Point::new(530_000.0, 180_000.5));
        let blob = encode_in(&at, false, 27_700).unwrap();
        assert_eq!(blob[4..8], 27_700_i32.to_le_bytes());
        assert_eq!(
            bounds_of(&blob),
            Some([530_000.0, 180_000.5, 530_000.0, 180_000.5])
        );
        assert_eq!(point_of(&blob), None, "not longitude and latitude");
    }

    #[test]
    fn what_cannot_be_stored_says_why() {
        assert!(multi_polygon(&[]).is_err());
        assert!(
            encode(
                &Geometry::MultiPoint(vec![Point::new(0., 0.)].into()),
                false
            )
            .is_err()
        );
    }
}
