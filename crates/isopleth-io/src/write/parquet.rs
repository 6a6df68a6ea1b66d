//! GeoParquet 1.1: columns of Parquet, geometries as well-known binary, and the bounding box of
//! each feature in a covering column, by which readers pass over what they do not need.

use std::io::{self, Write};
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::{Type, TypePtr};
use geo::{Coord, Geometry, LineString, Polygon};
use serde_json::{Value as Json, json};

use super::Part;
use super::part::{extent, located};
use crate::crs::Crs;
use crate::layer::{ColumnType, Feature, GeometryKind, Value};

/// Features of a row group. Small enough to hold, large enough to compress.
const ROW_GROUP: usize = 65_536;

/// Sides of a box in the covering column, as the standard names them.
const SIDES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

/// Writes a layer as GeoParquet 1.1: the feature id, the columns of the layer, `geometry` as WKB
/// and `bbox`. Title, description, columns with their meaning, and provenance are key-value
/// metadata of the file.
///
/// # Errors
/// Those of the writer.
pub fn geoparquet<'a>(part: impl Into<Part<'a>>, out: &mut (impl Write + Send)) -> io::Result<()> {
    let part = part.into();
    let names = Names {
        id: part.free_name("id"),
        geometry: part.free_name("geometry"),
        bbox: part.free_name("bbox"),
    };
    let kinds: Vec<ColumnType> = (0..part.layer().columns.len())
        .map(|column| kind(&part, column))
        .collect();
    write(&part, &names, &kinds, out).map_err(|error| match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    })
}

/// Names of the columns that the format adds.
struct Names {
    id: String,
    geometry: String,
    bbox: String,
}

fn write(
    part: &Part,
    names: &Names,
    kinds: &[ColumnType],
    out: &mut (impl Write + Send),
) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(format!("isopleth {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata(part, names)))
        .build();
    let schema = schema(part, names, kinds)?;
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    let mut features = part.features();
    loop {
        let rows: Vec<&Feature> = features.by_ref().take(ROW_GROUP).collect();
        if rows.is_empty() {
            break;
        }
        let mut group = file.next_row_group()?;
        rows_of(&rows, kinds, &mut group)?;
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// The type that a column is written with: its own, but text for dates that are not all dates.
fn kind(part: &Part, column: usize) -> ColumnType {
    let kind = part.layer().columns[column].kind;
    let day = |f: &Feature| match f.values.get(column) {
        Some(Value::Text(text)) => days_since_1970(text).is_some(),
        _ => true,
    };
    if kind == ColumnType::Date && !part.features().all(day) {
        return ColumnType::Text;
    }
    kind
}

fn days_since_1970(text: &str) -> Option<i32> {
    let day: jiff::civil::Date = text.parse().ok()?;
    let epoch = jiff::civil::date(1970, 1, 1);
    Some(epoch.until(day).ok()?.get_days())
}

fn schema(part: &Part, names: &Names, kinds: &[ColumnType]) -> Result<TypePtr, ParquetError> {
    let field = |name: &str, physical, logical, repetition| {
        let field = Type::primitive_type_builder(name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build();
        field.map(Arc::new)
    };
    let text = Some(LogicalType::String);
    let mut fields = vec![field(
        &names.id,
        Physical::BYTE_ARRAY,
        text.clone(),
        Repetition::REQUIRED,
    )?];
    for (column, kind) in part.layer().columns.iter().zip(kinds) {
        let (physical, logical) = match kind {
            ColumnType::Boolean => (Physical::BOOLEAN, None),
            ColumnType::Integer => (Physical::INT64, None),
            ColumnType::Real => (Physical::DOUBLE, None),
            ColumnType::Text => (Physical::BYTE_ARRAY, text.clone()),
            ColumnType::Date => (Physical::INT32, Some(LogicalType::Date)),
        };
        fields.push(field(
            &column.name,
            physical,
            logical,
            Repetition::OPTIONAL,
        )?);
    }
    fields.push(field(
        &names.geometry,
        Physical::BYTE_ARRAY,
        None,
        Repetition::OPTIONAL,
    )?);
    let sides = SIDES
        .iter()
        .map(|side| field(side, Physical::DOUBLE, None, Repetition::REQUIRED))
        .collect::<Result<_, _>>()?;
    let bbox = Type::group_type_builder(&names.bbox)
        .with_repetition(Repetition::OPTIONAL)
        .with_fields(sides)
        .build()?;
    fields.push(Arc::new(bbox));
    let root = Type::group_type_builder("layer")
        .with_fields(fields)
        .build()?;
    Ok(Arc::new(root))
}

fn metadata(part: &Part, names: &Names) -> Vec<KeyValue> {
    let layer = part.layer();
    let types: &[&str] = match part.geometry() {
        GeometryKind::Point => &["Point"],
        GeometryKind::LineString => &["LineString"],
        GeometryKind::MultiLineString => &["LineString", "MultiLineString"],
        GeometryKind::Polygon => &["Polygon"],
        GeometryKind::MultiPolygon => &["Polygon", "MultiPolygon"],
    };
    let covering = SIDES.map(|side| (side.to_owned(), json!([names.bbox, side])));
    let mut column = json!({
        "encoding": "WKB",
        "geometry_types": types,
        "orientation": "counterclockwise",
        "edges": "planar",
        "covering": { "bbox": Json::Object(covering.into_iter().collect()) },
    });
    if let Some(bbox) = part.bbox() {
        column["bbox"] = json!(bbox);
    }
    // Without this member the system is OGC:CRS84.
    let crs: Option<Json> = match part.crs() {
        Crs::Crs84 => None,
        Crs::NationalGrid => serde_json::from_str(include_str!("epsg_27700.json")).ok(),
        Crs::WebMercator => serde_json::from_str(include_str!("epsg_3857.json")).ok(),
    };
    if let Some(crs) = crs {
        column["crs"] = crs;
    }
    let geo = json!({
        "version": "1.1.0",
        "primary_column": names.geometry,
        "columns": { names.geometry.as_str(): column },
    });
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    vec![
        entry("geo", geo.to_string()),
        entry("title", layer.title.clone()),
        entry("description", layer.description.clone()),
        entry("columns", json!(layer.columns).to_string()),
        entry("provenance", json!(part.provenance()).to_string()),
    ]
}

fn rows_of<W: Write + Send>(
    rows: &[&Feature],
    kinds: &[ColumnType],
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    let ids = rows.iter().map(|f| Ok(Some(bytes(f.id.as_bytes()))));
    put::<ByteArrayType, _>(group, ids, false)?;
    for (at, kind) in kinds.iter().enumerate() {
        match kind {
            ColumnType::Boolean => {
                let values = cells(rows, at, |v| match v {
                    Value::Boolean(v) => Some(*v),
                    _ => None,
                });
                put::<BoolType, _>(group, values, true)?;
            }
            ColumnType::Integer => {
                let values = cells(rows, at, |v| match v {
                    Value::Integer(v) => Some(*v),
                    _ => None,
                });
                put::<Int64Type, _>(group, values, true)?;
            }
            ColumnType::Real => {
                let values = cells(rows, at, |v| match v {
                    Value::Real(v) => Some(*v),
                    Value::Integer(v) => Some(*v as f64),
                    _ => None,
                });
                put::<DoubleType, _>(group, values, true)?;
            }
            ColumnType::Text => {
                let values = cells(rows, at, |v| match v {
                    Value::Text(v) => Some(bytes(v.as_bytes())),
                    _ => None,
                });
                put::<ByteArrayType, _>(group, values, true)?;
            }
            ColumnType::Date => {
                let values = cells(rows, at, |v| match v {
                    Value::Text(v) => days_since_1970(v),
                    _ => None,
                });
                put::<Int32Type, _>(group, values, true)?;
            }
        }
    }
    let shapes = rows
        .iter()
        .map(|f| Ok(located(&f.geometry).map(|g| bytes(&wkb(g)))));
    put::<ByteArrayType, _>(group, shapes, true)?;
    for side in 0..SIDES.len() {
        let values = rows
            .iter()
            .map(|f| Ok(extent(&f.geometry).map(|e| e[side])));
        put::<DoubleType, _>(group, values, true)?;
    }
    Ok(())
}

fn bytes(bytes: &[u8]) -> ByteArray {
    bytes.to_vec().into()
}

/// The values of a column; None is null, and what is neither null nor read by `read` an error.
fn cells<'a, T>(
    rows: &'a [&Feature],
    at: usize,
    read: impl Fn(&Value) -> Option<T> + 'a,
) -> impl Iterator<Item = Result<Option<T>, ParquetError>> + 'a {
    rows.iter().map(move |f| match f.values.get(at) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(ParquetError::External(Box::new(super::mismatch(&f.id, at)))),
        },
    })
}

/// Writes the next column of a row group.
fn put<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: impl Iterator<Item = Result<Option<T::T>, ParquetError>>,
    nullable: bool,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General(
            "more columns than the schema has".to_owned(),
        ));
    };
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        let cell = cell?;
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    let levels = nullable.then_some(levels.as_slice());
    column.typed::<T>().write_batch(&values, levels, None)?;
    column.close()
}

/// Well-known binary, little endian.
fn wkb(geometry: &Geometry) -> Vec<u8> {
    let mut out = Vec::new();
    match geometry {
        Geometry::Point(p) => {
            start(&mut out, 1);
            coords(&mut out, &[p.0]);
        }
        Geometry::LineString(l) => line(&mut out, l),
        Geometry::Polygon(p) => polygon(&mut out, p),
        Geometry::MultiLineString(m) => {
            start(&mut out, 5);
            count(&mut out, m.0.len());
            m.iter().for_each(|l| line(&mut out, l));
        }
        Geometry::MultiPolygon(m) => {
            start(&mut out, 6);
            count(&mut out, m.0.len());
            m.iter().for_each(|p| polygon(&mut out, p));
        }
        // Callers pass what is located, which is one of the kinds above.
        _ => {}
    }
    out
}

fn start(out: &mut Vec<u8>, kind: u32) {
    out.push(1);
    out.extend(kind.to_le_bytes());
}

fn count(out: &mut Vec<u8>, n: usize) {
    // Values of Parquet are at most 2 GB, so that no part of one has more than 2^32 members.
    out.extend((n as u32).to_le_bytes());
}

fn coords(out: &mut Vec<u8>, coords: &[Coord]) {
    for c in coords {
        out.extend(c.x.to_le_bytes());
        out.extend(c.y.to_le_bytes());
    }
}

fn line(out: &mut Vec<u8>, l: &LineString) {
    start(out, 2);
    count(out, l.0.len());
    coords(out, &l.0);
}

fn polygon(out: &mut Vec<u8>, p: &Polygon) {
    start(out, 3);
    count(out, 1 + p.interiors().len());
    for ring in std::iter::once(p.exterior()).chain(p.interiors()) {
        count(out, ring.0.len());
        coords(out, &ring.0);
    }
}
