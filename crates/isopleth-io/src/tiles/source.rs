//! A layer, projected and encoded as far as it can be before a tile is asked for.

use std::collections::HashMap;

use geo::{CoordsIter, Geometry};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree, RTreeObject};

use super::clip::{self, Window};
use super::{BUFFER, EXTENT, FULL, THINNED, TileId, pbf};
use crate::layer::{GeometryKind, Layer, Value};
use crate::mercator::{MAX_LATITUDE, unit};

type Entry = GeomWithData<Rectangle<[f64; 2]>, u32>;

/// Steps to a side of the pixel that stands for what is too small.
const PIXEL: f64 = 8.0;
/// Grids that a full tile is thinned by, cells to a side.
const GRIDS: [u32; 5] = [512, 256, 128, 64, 32];
const NONE: u32 = u32::MAX;

/// Names of the properties that features of tiles have beside their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    /// The id of the feature: `id`, unless a column is called so.
    pub id: String,
    /// For how many features one stands; absent where it stands for itself alone:
    /// `merged_features`, unless a column is called so.
    pub merged_features: String,
}

impl Properties {
    /// The names for a layer: those of columns are taken, and get a `_` at their end here.
    #[must_use]
    pub fn of(layer: &Layer) -> Self {
        let free = |name: &str| {
            let mut name = name.to_owned();
            while layer.column(&name).is_some() {
                name.push('_');
            }
            name
        };
        Self {
            id: free("id"),
            merged_features: free("merged_features"),
        }
    }
}

/// What the parts of the features are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Point,
    Line,
    Polygon,
}

/// A layer ready to be cut into tiles. See the [module](super).
#[derive(Debug)]
pub struct TileSource {
    kind: Kind,
    /// Positions in the unit square of the projection.
    positions: Vec<[f64; 2]>,
    /// Where each part ends in `positions`, and whether it is a hole of the polygon before it.
    parts: Vec<(u32, bool)>,
    /// Where each feature's parts end in `parts`.
    features: Vec<u32>,
    ids: Vec<u64>,
    tree: RTree<Entry>,
    /// Names, encoded as fields of the tile's layer: the columns, then the id and the count.
    keys: Vec<Vec<u8>>,
    /// The number of each feature's value in `values`, key by key except the last.
    codes: Vec<u32>,
    /// Different values, encoded as fields of the tile's layer, one after the other.
    values: Vec<u8>,
    value_ends: Vec<u32>,
}

impl TileSource {
    /// Projects a layer and numbers its values.
    #[must_use]
    pub fn new(layer: &Layer) -> Self {
        let properties = Properties::of(layer);
        let names = layer.columns.iter().map(|c| c.name.as_str());
        let names = names.chain([properties.id.as_str(), properties.merged_features.as_str()]);
        let keys = names.map(|name| {
            let mut field = Vec::new();
            pbf::bytes(&mut field, 3, name.as_bytes());
            field
        });
        let kind = match layer.geometry {
            GeometryKind::Point => Kind::Point,
            GeometryKind::LineString | GeometryKind::MultiLineString => Kind::Line,
            GeometryKind::Polygon | GeometryKind::MultiPolygon => Kind::Polygon,
        };
        let mut source = Self {
            kind,
            positions: Vec::new(),
            parts: Vec::new(),
            features: Vec::with_capacity(layer.features.len()),
            ids: ids(layer),
            tree: RTree::new(),
            keys: keys.collect(),
            codes: Vec::new(),
            values: Vec::new(),
            value_ends: Vec::new(),
        };
        source.take_geometries(layer);
        source.take_values(layer);
        source
    }

    fn take_geometries(&mut self, layer: &Layer) {
        let mut entries = Vec::with_capacity(layer.features.len());
        for (index, feature) in (0_u32..).zip(&layer.features) {
            let first = self.positions.len();
            let inside = |g: &Geometry| g.coords_iter().any(|c| c.y.abs() <= MAX_LATITUDE);
            if inside(&feature.geometry) {
                self.take(&feature.geometry);
            }
            self.features.push(self.parts.len() as u32);
            let corners = self.positions[first..]
                .iter()
                .fold(None, |acc, p| match acc {
                    None => Some((*p, *p)),
                    Some((a, b)) => Some((
                        [p[0].min(a[0]), p[1].min(a[1])],
                        [p[0].max(b[0]), p[1].max(b[1])],
                    )),
                });
            if let Some((min, max)) = corners {
                entries.push(Entry::new(Rectangle::from_corners(min, max), index));
            }
        }
        self.tree = RTree::bulk_load(entries);
    }

    fn take(&mut self, geometry: &Geometry) {
        match (geometry, self.kind) {
            (Geometry::GeometryCollection(all), _) => all.iter().for_each(|g| self.take(g)),
            (Geometry::Point(p), Kind::Point) => self.part([p.0], false),
            (Geometry::MultiPoint(all), Kind::Point) => {
                self.part(all.iter().map(|p| p.0), false);
            }
            (Geometry::Line(l), Kind::Line) => self.part([l.start, l.end], false),
            (Geometry::LineString(l), Kind::Line) => self.part(l.coords().copied(), false),
            (Geometry::MultiLineString(all), Kind::Line) => {
                all.iter()
                    .for_each(|l| self.part(l.coords().copied(), false));
            }
            (Geometry::Polygon(p), Kind::Polygon) => self.polygon(p),
            (Geometry::MultiPolygon(all), Kind::Polygon) => {
                all.iter().for_each(|p| self.polygon(p));
            }
            (Geometry::Rect(r), Kind::Polygon) => self.polygon(&r.to_polygon()),
            (Geometry::Triangle(t), Kind::Polygon) => self.polygon(&t.to_polygon()),
            // A geometry of another kind than the layer says has no place in it.
            _ => {}
        }
    }

    fn polygon(&mut self, polygon: &geo::Polygon) {
        self.part(polygon.exterior().coords().copied(), false);
        for hole in polygon.interiors() {
            self.part(hole.coords().copied(), true);
        }
    }

    fn part(&mut self, coords: impl IntoIterator<Item = geo::Coord>, hole: bool) {
        let before = self.positions.len();
        let coords = coords.into_iter();
        // A point beyond the square has no place in it; a line or an area reaches its edge.
        let inside = coords.filter(|c| self.kind != Kind::Point || c.y.abs() <= MAX_LATITUDE);
        self.positions.extend(inside.map(|c| unit(c.x, c.y)));
        if self.positions.len() > before {
            self.parts.push((self.positions.len() as u32, hole));
        }
    }

    fn take_values(&mut self, layer: &Layer) {
        let mut numbers: HashMap<Key, u32> = HashMap::new();
        self.codes
            .reserve(layer.features.len() * (self.keys.len() - 1));
        let mut field = Vec::new();
        for feature in &layer.features {
            let columns = (0..layer.columns.len()).map(|at| feature.values.get(at));
            let keys = columns.map(|v| v.and_then(Key::of));
            for key in keys.chain([Some(Key::Text(&feature.id))]) {
                let Some(key) = key else {
                    self.codes.push(NONE);
                    continue;
                };
                let next = self.value_ends.len() as u32;
                let number = *numbers.entry(key).or_insert_with(|| {
                    field.clear();
                    pbf::value(&mut field, &key.to_value());
                    pbf::bytes(&mut self.values, 4, &field);
                    self.value_ends.push(self.values.len() as u32);
                    next
                });
                self.codes.push(number);
            }
        }
    }

    /// A tile, whose layer has a name; none where nothing is.
    #[must_use]
    pub fn tile(&self, name: &str, id: TileId) -> Option<Vec<u8>> {
        let cut = Cut::new(id);
        let mut found = self.near(&cut);
        found.sort_unstable_by_key(|f| f.index);
        let mut tile = Tile::new(self);
        let mut shape = Shape::default();
        for (found, merged) in thinned(self.kind, &cut, &found) {
            shape.clear();
            match merged {
                Some(merged) if merged.count > 1 && self.kind != Kind::Point => {
                    shape.cell(self.kind, merged.min, merged.max);
                }
                _ => self.shape(&cut, found, &mut shape),
            }
            if !shape.commands.is_empty() {
                let count = merged.map_or(1, |m| m.count);
                tile.add(found.index, self.kind, &shape.commands, count);
            }
        }
        tile.finish(name)
    }

    /// The features whose boxes meet a tile, in any order.
    fn near(&self, cut: &Cut) -> Vec<Found> {
        let [a, b] = [cut.window.min, cut.window.max].map(|p| cut.place(p));
        let entries = self
            .tree
            .locate_in_envelope_intersecting(AABB::from_corners(a, b));
        entries
            .map(|entry| {
                let envelope = entry.envelope();
                Found {
                    index: entry.data,
                    min: cut.steps(envelope.lower()),
                    max: cut.steps(envelope.upper()),
                }
            })
            .collect()
    }

    fn shape(&self, cut: &Cut, found: &Found, shape: &mut Shape) {
        let index = found.index as usize;
        let from = index.checked_sub(1).map_or(0, |i| self.features[i]) as usize;
        let parts = &self.parts[from..self.features[index] as usize];
        let mut start = from.checked_sub(1).map_or(0, |i| self.parts[i].0) as usize;
        let first = self.positions[start];
        let whole = cut.window.contains_box(found.min, found.max);
        let mut exterior = false;
        for &(end, hole) in parts {
            let positions = &self.positions[start..end as usize];
            start = end as usize;
            let steps = positions.iter().map(|&p| cut.steps(p));
            match self.kind {
                Kind::Point => shape.points(steps.filter(|&p| cut.window.contains(p))),
                Kind::Line => {
                    shape.room.clear();
                    shape.room.extend(steps);
                    shape.lines(&cut.window, whole);
                }
                // A hole in a part that has vanished has vanished too.
                Kind::Polygon if hole && !exterior => {}
                Kind::Polygon => {
                    shape.room.clear();
                    shape.room.extend(steps);
                    if !whole {
                        clip::ring(&cut.window, &mut shape.room, &mut shape.spare);
                    }
                    let drawn = shape.ring(hole);
                    exterior = if hole { exterior } else { drawn };
                }
            }
        }
        let [x, y] = cut.steps(first);
        if shape.commands.is_empty() && cut.is_home([x, y]) {
            let min = [x, y].map(|v| (v / PIXEL).floor() * PIXEL);
            shape.cell(self.kind, min, min.map(|v| v + PIXEL));
        }
    }
}

/// Unsigned ids of the features: their own where all are whole numbers, else their places.
fn ids(layer: &Layer) -> Vec<u64> {
    let own = |text: &str| {
        let number = text.parse::<u64>().ok()?;
        (number.to_string() == text).then_some(number)
    };
    let all: Option<Vec<u64>> = layer.features.iter().map(|f| own(&f.id)).collect();
    all.unwrap_or_else(|| (1..=layer.features.len() as u64).collect())
}

/// A value as a key of a hash table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Integer(i64),
    Real(u64),
    Boolean(bool),
}

impl<'a> Key<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Text(text) => Some(Self::Text(text)),
            Value::Integer(whole) => Some(Self::Integer(*whole)),
            Value::Real(real) => Some(Self::Real(real.to_bits())),
            Value::Boolean(yes) => Some(Self::Boolean(*yes)),
        }
    }

    fn to_value(self) -> Value {
        match self {
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::Integer(whole) => Value::Integer(whole),
            Self::Real(bits) => Value::Real(f64::from_bits(bits)),
            Self::Boolean(yes) => Value::Boolean(yes),
        }
    }
}

/// A feature whose box meets a tile; the box in steps of the tile.
#[derive(Debug, Clone, Copy)]
struct Found {
    index: u32,
    min: [f64; 2],
    max: [f64; 2],
}

/// Where a tile lies, and what it carries.
struct Cut {
    scale: f64,
    origin: [f64; 2],
    /// The tile with its buffer, steps from its north-west corner.
    window: Window,
    /// The last column or row of the matrix holds the edge of the world as well.
    last: [bool; 2],
}

impl Cut {
    fn new(id: TileId) -> Self {
        let extent = f64::from(EXTENT);
        let tiles = 1_u32 << id.z;
        Self {
            scale: f64::from(tiles) * extent,
            origin: [f64::from(id.x) * extent, f64::from(id.y) * extent],
            window: Window {
                min: [-f64::from(BUFFER); 2],
                max: [extent + f64::from(BUFFER); 2],
            },
            last: [id.x + 1 == tiles, id.y + 1 == tiles],
        }
    }

    /// A position of the unit square in steps of the tile.
    fn steps(&self, p: [f64; 2]) -> [f64; 2] {
        [
            p[0] * self.scale - self.origin[0],
            p[1] * self.scale - self.origin[1],
        ]
    }

    /// The other way round.
    fn place(&self, p: [f64; 2]) -> [f64; 2] {
        [
            (p[0] + self.origin[0]) / self.scale,
            (p[1] + self.origin[1]) / self.scale,
        ]
    }

    /// Whether a position is in the tile itself; every position of the world is in one tile.
    fn is_home(&self, p: [f64; 2]) -> bool {
        let extent = f64::from(EXTENT);
        (0..2).all(|i| p[i] >= 0.0 && (p[i] < extent || self.last[i] && p[i] <= extent))
    }
}

/// Features that one stands for, and their cell.
#[derive(Debug, Clone, Copy)]
struct Merged {
    count: u32,
    min: [f64; 2],
    max: [f64; 2],
}

/// The features to show, in their order, each with those merged into it, if it may be merged.
fn thinned<'a>(kind: Kind, cut: &Cut, found: &'a [Found]) -> Vec<(&'a Found, Option<Merged>)> {
    if found.len() <= FULL {
        return found.iter().map(|f| (f, None)).collect();
    }
    let mut shown = Vec::new();
    for cells in GRIDS {
        shown = merged(kind, cut, found, cells);
        if shown.len() <= THINNED {
            break;
        }
    }
    shown
}

fn merged<'a>(
    kind: Kind,
    cut: &Cut,
    found: &'a [Found],
    cells: u32,
) -> Vec<(&'a Found, Option<Merged>)> {
    let size = f64::from(EXTENT) / f64::from(cells);
    let pad = (f64::from(BUFFER) / size).ceil();
    let side = cells as usize + 2 * pad as usize + 1;
    // The place in `shown` of the first feature of each cell, plus one.
    let mut first = vec![0_u32; side * side];
    let mut shown: Vec<(&Found, Option<Merged>)> = Vec::new();
    for f in found {
        let middle = [(f.min[0] + f.max[0]) / 2.0, (f.min[1] + f.max[1]) / 2.0];
        let small = (0..2).all(|i| f.max[i] - f.min[i] <= size);
        let near = cut.window.contains(middle);
        if !small || (kind == Kind::Point && f.min != f.max) {
            shown.push((f, None));
            continue;
        }
        if !near {
            // Its middle is in the buffer of no cell; whoever holds it shows it.
            continue;
        }
        let cell = middle.map(|v| (v / size).floor());
        let at = cell.map(|v| (v + pad) as usize);
        let slot = &mut first[at[1] * side + at[0]];
        if *slot == 0 {
            let min = cell.map(|v| v * size);
            let merged = Merged {
                count: 1,
                min: min.map(|v| v.max(cut.window.min[0])),
                max: min.map(|v| (v + size).min(cut.window.max[0])),
            };
            shown.push((f, Some(merged)));
            *slot = shown.len() as u32;
        } else if let Some(merged) = &mut shown[*slot as usize - 1].1 {
            merged.count += 1;
        }
    }
    shown
}

/// The geometry of a feature of a tile.
#[derive(Default)]
struct Shape {
    commands: Vec<u32>,
    pen: [i32; 2],
    room: Vec<[f64; 2]>,
    spare: Vec<[f64; 2]>,
    ring: Vec<[i32; 2]>,
}

const MOVE_TO: u32 = 1;
const LINE_TO: u32 = 2;
const CLOSE_PATH: u32 = 7;

impl Shape {
    fn clear(&mut self) {
        self.commands.clear();
        self.pen = [0, 0];
    }

    fn to(&mut self, p: [i32; 2]) {
        for (coordinate, pen) in p.into_iter().zip(&mut self.pen) {
            let delta = i64::from(coordinate) - i64::from(*pen);
            self.commands.push(pbf::zigzag(delta) as u32);
            *pen = coordinate;
        }
    }

    fn points(&mut self, steps: impl Iterator<Item = [f64; 2]>) {
        let head = self.commands.len();
        self.commands.push(0);
        let mut count = 0;
        for p in steps {
            self.to(quantised(p));
            count += 1;
        }
        if count == 0 {
            self.commands.truncate(head);
        } else {
            self.commands[head] = count << 3 | MOVE_TO;
        }
    }

    /// Draws a line through `ring`, closed for polygons.
    fn path(&mut self, close: bool) {
        let ring = std::mem::take(&mut self.ring);
        if let Some((&start, rest)) = ring.split_first() {
            self.commands.push(1 << 3 | MOVE_TO);
            self.to(start);
            self.commands.push((rest.len() as u32) << 3 | LINE_TO);
            for &p in rest {
                self.to(p);
            }
            if close {
                self.commands.push(1 << 3 | CLOSE_PATH);
            }
        }
        self.ring = ring;
    }

    fn quantise(&mut self, steps: &[[f64; 2]]) {
        self.ring.clear();
        self.ring.extend(steps.iter().map(|&p| quantised(p)));
        self.ring.dedup();
    }

    fn lines(&mut self, window: &Window, whole: bool) {
        let line = std::mem::take(&mut self.room);
        let mut draw = |part: &[[f64; 2]]| {
            self.quantise(part);
            if self.ring.len() > 1 {
                self.path(false);
            }
        };
        if whole {
            draw(&line);
        } else {
            clip::line(window, &line, draw);
        }
        self.room = line;
    }

    /// Draws the ring in `room`, in the right direction; says whether it has an area.
    fn ring(&mut self, hole: bool) -> bool {
        let room = std::mem::take(&mut self.room);
        self.quantise(&room);
        self.room = room;
        if self.ring.len() > 1 && self.ring.first() == self.ring.last() {
            self.ring.pop();
        }
        let doubled = doubled_area(&self.ring);
        if self.ring.len() < 3 || doubled == 0 {
            return false;
        }
        // y points south: exterior rings have a positive area then.
        if (doubled > 0) == hole {
            self.ring.reverse();
        }
        self.path(true);
        true
    }

    /// A cell as a square, or as a line across it.
    fn cell(&mut self, kind: Kind, min: [f64; 2], max: [f64; 2]) {
        let middle = (min[1] + max[1]) / 2.0;
        let (a, b) = (quantised(min), quantised(max));
        self.ring.clear();
        match kind {
            Kind::Polygon => {
                self.ring.extend([a, [b[0], a[1]], b, [a[0], b[1]]]);
                self.path(true);
            }
            Kind::Line => {
                let y = quantised([0.0, middle])[1];
                self.ring.extend([[a[0], y], [b[0], y]]);
                self.path(false);
            }
            Kind::Point => self.points([min].into_iter()),
        }
    }
}

fn quantised(p: [f64; 2]) -> [i32; 2] {
    p.map(|v| v.round() as i32)
}

fn doubled_area(ring: &[[i32; 2]]) -> i64 {
    let Some(&last) = ring.last() else { return 0 };
    let mut before = last;
    let mut sum = 0;
    for &p in ring {
        sum += i64::from(before[0]) * i64::from(p[1]) - i64::from(p[0]) * i64::from(before[1]);
        before = p;
    }
    sum
}

/// A tile in the making.
struct Tile<'a> {
    source: &'a TileSource,
    features: Vec<u8>,
    /// The tile's number of each key and value of the layer, plus one; 0 where it has none yet.
    key_numbers: Vec<u32>,
    value_numbers: Vec<u32>,
    counts: HashMap<u32, u32>,
    keys: Vec<u8>,
    key_count: u32,
    values: Vec<u8>,
    value_count: u32,
    tags: Vec<u8>,
    geometry: Vec<u8>,
    feature: Vec<u8>,
}

impl<'a> Tile<'a> {
    fn new(source: &'a TileSource) -> Self {
        Self {
            source,
            features: Vec::new(),
            key_numbers: vec![0; source.keys.len()],
            value_numbers: vec![0; source.value_ends.len()],
            counts: HashMap::new(),
            keys: Vec::new(),
            key_count: 0,
            values: Vec::new(),
            value_count: 0,
            tags: Vec::new(),
            geometry: Vec::new(),
            feature: Vec::new(),
        }
    }

    fn key(&mut self, key: usize) -> u32 {
        let number = &mut self.key_numbers[key];
        if *number == 0 {
            self.keys.extend_from_slice(&self.source.keys[key]);
            self.key_count += 1;
            *number = self.key_count;
        }
        *number - 1
    }

    fn value(&mut self, value: u32) -> u32 {
        let number = &mut self.value_numbers[value as usize];
        if *number == 0 {
            let ends = &self.source.value_ends;
            let start = value.checked_sub(1).map_or(0, |v| ends[v as usize]);
            let field = &self.source.values[start as usize..ends[value as usize] as usize];
            self.values.extend_from_slice(field);
            self.value_count += 1;
            *number = self.value_count;
        }
        *number - 1
    }

    fn count(&mut self, count: u32) -> u32 {
        if let Some(&number) = self.counts.get(&count) {
            return number;
        }
        let mut message = Vec::new();
        pbf::number(&mut message, 5, u64::from(count));
        pbf::bytes(&mut self.values, 4, &message);
        self.counts.insert(count, self.value_count);
        self.value_count += 1;
        self.value_count - 1
    }

    fn add(&mut self, index: u32, kind: Kind, commands: &[u32], count: u32) {
        let source = self.source;
        let coded = source.keys.len() - 1;
        let codes = &source.codes[index as usize * coded..][..coded];
        self.tags.clear();
        for (key, &code) in codes.iter().enumerate().filter(|(_, code)| **code != NONE) {
            let (key, value) = (self.key(key), self.value(code));
            pbf::varint(&mut self.tags, u64::from(key));
            pbf::varint(&mut self.tags, u64::from(value));
        }
        if count > 1 {
            let (key, value) = (self.key(coded), self.count(count));
            pbf::varint(&mut self.tags, u64::from(key));
            pbf::varint(&mut self.tags, u64::from(value));
        }
        self.geometry.clear();
        for &command in commands {
            pbf::varint(&mut self.geometry, u64::from(command));
        }
        let kind = match kind {
            Kind::Point => 1,
            Kind::Line => 2,
            Kind::Polygon => 3,
        };
        self.feature.clear();
        pbf::number(&mut self.feature, 1, source.ids[index as usize]);
        pbf::bytes(&mut self.feature, 2, &self.tags);
        pbf::number(&mut self.feature, 3, kind);
        pbf::bytes(&mut self.feature, 4, &self.geometry);
        pbf::bytes(&mut self.features, 2, &self.feature);
    }

    fn finish(self, name: &str) -> Option<Vec<u8>> {
        if self.features.is_empty() {
            return None;
        }
        let mut layer = Vec::with_capacity(
            self.features.len() + self.keys.len() + self.values.len() + name.len() + 16,
        );
        pbf::number(&mut layer, 15, 2);
        pbf::bytes(&mut layer, 1, name.as_bytes());
        layer.extend_from_slice(&self.features);
        layer.extend_from_slice(&self.keys);
        layer.extend_from_slice(&self.values);
        pbf::number(&mut layer, 5, u64::from(EXTENT));
        let mut tile = Vec::with_capacity(layer.len() + 8);
        pbf::bytes(&mut tile, 3, &layer);
        Some(tile)
    }
}
