//! FlatGeobuf 3: features in Hilbert order behind a packed R-tree, so that a client reads the part
//! of a file that it needs.
//!
//! The header comes first and the index second, but both need what comes last. Features are
//! therefore encoded twice, once for their sizes and once to be written: no copy of the file is
//! ever held.

use std::io::{self, Write};

use flatbuffers::{FlatBufferBuilder, WIPOffset};
use flatgeobuf::packed_r_tree::{NodeItem, PackedRTree, calc_extent, hilbert_sort};
use flatgeobuf::{
    Column, ColumnArgs, ColumnType as Kind, Crs as FgbCrs, CrsArgs, Feature as FgbFeature,
    FeatureArgs, Geometry as FgbGeometry, GeometryArgs, GeometryType, Header, HeaderArgs,
};
use geo::{Geometry, LineString, Polygon};
use serde_json::{Map, Value as Json};

use super::Part;
use super::part::{extent, located};
use crate::layer::{ColumnType, Feature, GeometryKind, Value};

const MAGIC: [u8; 8] = [b'f', b'g', b'b', flatgeobuf::VERSION, b'f', b'g', b'b', 0];

/// Writes a layer as FlatGeobuf. The feature id is the first column. Title, description and, as
/// metadata, the provenance are in the header: an object of texts, members that are not text as
/// JSON. Features without a geometry are in the file, but no box finds them; a file without any
/// geometry has no index.
///
/// # Errors
/// Those of the writer.
pub fn flatgeobuf<'a>(part: impl Into<Part<'a>>, out: &mut impl Write) -> io::Result<()> {
    let part = part.into();
    let kind = part.geometry();
    let mut encoder = Encoder {
        fbb: FlatBufferBuilder::new(),
        multi: matches!(
            kind,
            GeometryKind::MultiLineString | GeometryKind::MultiPolygon
        ),
        kinds: part.layer().columns.iter().map(|c| c.kind).collect(),
        properties: Vec::new(),
    };
    let features: Vec<&Feature> = part.features().collect();
    let mut nodes = Vec::with_capacity(features.len());
    let mut sizes = Vec::with_capacity(features.len());
    for (at, feature) in (0_u64..).zip(&features) {
        let mut node = NodeItem::create(at);
        if let Some([west, south, east, north]) = extent(&feature.geometry) {
            node.expand_xy(west, south);
            node.expand_xy(east, north);
        }
        nodes.push(node);
        sizes.push(encoder.encode(feature)?.len() as u64);
    }
    let whole = calc_extent(&nodes);
    let indexed = whole.min_x.is_finite();

    out.write_all(&MAGIC)?;
    out.write_all(&header(&part, kind, indexed.then_some(&whole), nodes.len()))?;
    if indexed {
        hilbert_sort(&mut nodes, &whole);
        let mut offset = 0;
        let order: Vec<u32> = nodes
            .iter_mut()
            .map(|node| {
                // A layer has fewer than 2^32 features: indices of selections are 32 bits.
                let feature = node.offset as u32;
                node.offset = offset;
                offset += sizes[feature as usize];
                feature
            })
            .collect();
        let tree = PackedRTree::build(&nodes, &whole, PackedRTree::DEFAULT_NODE_SIZE)
            .map_err(io::Error::other)?;
        drop(nodes);
        tree.stream_write(&mut *out)?;
        drop(tree);
        for feature in order {
            out.write_all(encoder.encode(features[feature as usize])?)?;
        }
    } else {
        for feature in features {
            out.write_all(encoder.encode(feature)?)?;
        }
    }
    Ok(())
}

fn header(part: &Part, kind: GeometryKind, extent: Option<&NodeItem>, count: usize) -> Vec<u8> {
    let layer = part.layer();
    let mut fbb = FlatBufferBuilder::new();
    let column = |fbb: &mut FlatBufferBuilder<'static>, name: &str, kind, about: &str, null| {
        let args = ColumnArgs {
            name: Some(fbb.create_string(name)),
            type_: kind,
            description: Some(fbb.create_string(about)),
            nullable: null,
            ..ColumnArgs::default()
        };
        Column::create(fbb, &args)
    };
    let id = part.free_name("id");
    let mut columns = vec![column(
        &mut fbb,
        &id,
        Kind::String,
        "Id of the feature",
        false,
    )];
    for c in &layer.columns {
        let about = match &c.unit {
            Some(unit) => format!("{} ({unit})", c.meaning),
            None => c.meaning.clone(),
        };
        columns.push(column(&mut fbb, &c.name, column_type(c.kind), &about, true));
    }
    let crs = CrsArgs {
        org: Some(fbb.create_string("EPSG")),
        code: part.crs().epsg(),
        name: Some(fbb.create_string(part.crs().name())),
        ..CrsArgs::default()
    };
    let args = HeaderArgs {
        name: Some(fbb.create_string(&layer.title)),
        envelope: extent.map(|e| fbb.create_vector(&[e.min_x, e.min_y, e.max_x, e.max_y])),
        geometry_type: match kind {
            GeometryKind::Point => GeometryType::Point,
            GeometryKind::LineString => GeometryType::LineString,
            GeometryKind::MultiLineString => GeometryType::MultiLineString,
            GeometryKind::Polygon => GeometryType::Polygon,
            GeometryKind::MultiPolygon => GeometryType::MultiPolygon,
        },
        columns: Some(fbb.create_vector(&columns)),
        features_count: count as u64,
        index_node_size: extent.map_or(0, |_| PackedRTree::DEFAULT_NODE_SIZE),
        crs: Some(FgbCrs::create(&mut fbb, &crs)),
        title: Some(fbb.create_string(&layer.title)),
        description: Some(fbb.create_string(&layer.description)),
        metadata: Some(fbb.create_string(&metadata(&part.provenance()))),
        ..HeaderArgs::default()
    };
    let root = Header::create(&mut fbb, &args);
    fbb.finish_size_prefixed(root, None);
    fbb.finished_data().to_vec()
}

/// The provenance as an object of texts, which is what readers show.
fn metadata(provenance: &Map<String, Json>) -> String {
    let texts = provenance.iter().map(|(name, value)| {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        (name.clone(), Json::String(text))
    });
    Json::Object(texts.collect()).to_string()
}

fn column_type(kind: ColumnType) -> Kind {
    match kind {
        ColumnType::Boolean => Kind::Bool,
        ColumnType::Integer => Kind::Long,
        ColumnType::Real => Kind::Double,
        ColumnType::Text => Kind::String,
        ColumnType::Date => Kind::DateTime,
    }
}

/// Encodes features one after the other.
struct Encoder {
    fbb: FlatBufferBuilder<'static>,
    /// Whether single lines and polygons are written as sets of one.
    multi: bool,
    kinds: Vec<ColumnType>,
    properties: Vec<u8>,
}

type Encoded = WIPOffset<FgbGeometry<'static>>;

impl Encoder {
    /// A feature with its size before it.
    fn encode(&mut self, feature: &Feature) -> io::Result<&[u8]> {
        self.fbb.reset();
        let geometry = located(&feature.geometry).and_then(|g| self.geometry(g));
        self.collect_properties(feature)?;
        let properties = Some(self.fbb.create_vector(&self.properties));
        let args = FeatureArgs {
            geometry,
            properties,
            columns: None,
        };
        let root = FgbFeature::create(&mut self.fbb, &args);
        self.fbb.finish_size_prefixed(root, None);
        Ok(self.fbb.finished_data())
    }

    fn collect_properties(&mut self, feature: &Feature) -> io::Result<()> {
        self.properties.clear();
        text(&mut self.properties, 0, &feature.id)?;
        for ((at, kind), value) in (1_u16..).zip(&self.kinds).zip(&feature.values) {
            let out = &mut self.properties;
            match (kind, value) {
                (_, Value::Null) => {}
                (ColumnType::Boolean, Value::Boolean(v)) => fixed(out, at, &[u8::from(*v)]),
                (ColumnType::Integer, Value::Integer(v)) => fixed(out, at, &v.to_le_bytes()),
                (ColumnType::Real, Value::Real(v)) => fixed(out, at, &v.to_le_bytes()),
                (ColumnType::Real, Value::Integer(v)) => {
                    fixed(out, at, &(*v as f64).to_le_bytes());
                }
                (ColumnType::Text | ColumnType::Date, Value::Text(v)) => text(out, at, v)?,
                _ => return Err(super::mismatch(&feature.id, usize::from(at) - 1)),
            }
        }
        Ok(())
    }

    fn geometry(&mut self, geometry: &Geometry) -> Option<Encoded> {
        match geometry {
            Geometry::Point(p) => Some(self.flat(&[p.x(), p.y()], &[])),
            Geometry::LineString(l) => Some(self.lines(std::iter::once(l), self.multi)),
            Geometry::MultiLineString(m) => Some(self.lines(m.iter(), true)),
            Geometry::Polygon(p) if self.multi => Some(self.polygons(std::slice::from_ref(p))),
            Geometry::Polygon(p) => Some(self.polygon(p)),
            Geometry::MultiPolygon(m) => Some(self.polygons(&m.0)),
            _ => None,
        }
    }

    fn flat(&mut self, xy: &[f64], ends: &[u32]) -> Encoded {
        let args = GeometryArgs {
            xy: Some(self.fbb.create_vector(xy)),
            ends: (!ends.is_empty()).then(|| self.fbb.create_vector(ends)),
            ..GeometryArgs::default()
        };
        FgbGeometry::create(&mut self.fbb, &args)
    }

    /// Lines or rings behind one another, with the end of each unless there can be only one.
    fn lines<'l>(&mut self, lines: impl Iterator<Item = &'l LineString>, ends: bool) -> Encoded {
        let (mut xy, mut at) = (Vec::new(), Vec::new());
        for line in lines {
            xy.extend(line.0.iter().flat_map(|c| [c.x, c.y]));
            // A feature is at most 4 GB: its size is written in 32 bits.
            at.push((xy.len() / 2) as u32);
        }
        self.flat(&xy, if ends { &at } else { &[] })
    }

    fn polygon(&mut self, polygon: &Polygon) -> Encoded {
        let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
        self.lines(rings, !polygon.interiors().is_empty())
    }

    fn polygons(&mut self, polygons: &[Polygon]) -> Encoded {
        let parts: Vec<Encoded> = polygons.iter().map(|p| self.polygon(p)).collect();
        let args = GeometryArgs {
            parts: Some(self.fbb.create_vector(&parts)),
            ..GeometryArgs::default()
        };
        FgbGeometry::create(&mut self.fbb, &args)
    }
}

fn fixed(out: &mut Vec<u8>, column: u16, value: &[u8]) {
    out.extend(column.to_le_bytes());
    out.extend(value);
}

fn text(out: &mut Vec<u8>, column: u16, value: &str) -> io::Result<()> {
    let length = u32::try_from(value.len()).map_err(io::Error::other)?;
    fixed(out, column, &length.to_le_bytes());
    out.extend(value.as_bytes());
    Ok(())
}
