//! Every format, read back by another library: the same features, values and coordinates.

use std::io::Cursor;

use flatgeobuf::{FallibleStreamingIterator, FeatureProperties, FgbReader, geozero};
use geo::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon, polygon};
use isopleth_io::crs::Crs;
use isopleth_io::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
use isopleth_io::write::{self, Format, Part};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn column(name: &str, kind: ColumnType) -> Column {
    Column {
        name: name.into(),
        kind,
        unit: None,
        meaning: format!("The {name}"),
    }
}

fn columns() -> Vec<Column> {
    vec![
        column("name", ColumnType::Text),
        column("count", ColumnType::Integer),
        column("density \"d\" <é>", ColumnType::Real),
        column("edge", ColumnType::Boolean),
        column("day", ColumnType::Date),
    ]
}

fn layer(geometry: GeometryKind, features: Vec<Feature>) -> Layer {
    Layer {
        title: "Burglary & more <\"x\">".into(),
        description: "Where it is.".into(),
        geometry,
        columns: columns(),
        features,
        days: None,
        provenance: json!({ "run": "abc", "caveats": ["one", "two"] })
            .as_object()
            .unwrap()
            .clone(),
    }
}

fn feature(id: &str, geometry: Geometry, values: [Value; 5]) -> Feature {
    Feature {
        id: id.into(),
        geometry,
        values: values.into(),
    }
}

fn nulls() -> [Value; 5] {
    [const { Value::Null }; 5]
}

fn nowhere() -> Geometry {
    Geometry::MultiPolygon(MultiPolygon(Vec::new()))
}

fn written(format: Format, part: Part) -> Vec<u8> {
    let mut out = Vec::new();
    write::write(format, part, &mut out).unwrap();
    out
}

/// A small layer with everything in it: holes, sets, no geometry, nulls, formulas.
fn mixed() -> Layer {
    let with_hole = polygon![
        exterior: [(x: 0., y: 50.), (x: 0.1, y: 50.), (x: 0.1, y: 50.1), (x: 0., y: 50.)],
        interiors: [[(x: 0.02, y: 50.01), (x: 0.05, y: 50.03), (x: 0.05, y: 50.01), (x: 0.02, y: 50.01)]],
    ];
    let plain = polygon![(x: 9., y: 9.), (x: 10., y: 9.), (x: 9., y: 11.)];
    let text = |t: &str| Value::Text(t.into());
    layer(
        GeometryKind::Polygon,
        vec![
            feature(
                "a",
                Geometry::Polygon(with_hole.clone()),
                [
                    text("=cmd(\"x\")\n'; <b>"),
                    Value::Integer(i64::MAX),
                    Value::Real(0.1 + 0.2),
                    Value::Boolean(true),
                    text("2022-02-28"),
                ],
            ),
            feature("b/2", nowhere(), nulls()),
            feature(
                "-c",
                Geometry::MultiPolygon(MultiPolygon(vec![with_hole, plain])),
                [
                    text("\u{1}\u{fffe}\r\n\t 🦀"),
                    Value::Integer(-1),
                    Value::Real(-1e-300),
                    Value::Boolean(false),
                    text("1969-12-31"),
                ],
            ),
        ],
    )
}

/// Names with values.
type Named<T> = Vec<(String, T)>;

/// Features of a FlatGeobuf file by their ids, with values as JSON and the geometry.
fn read_fgb(bytes: &[u8]) -> Vec<(Named<Json>, Option<Geometry>)> {
    struct Values(Vec<(String, Json)>);
    impl geozero::PropertyProcessor for Values {
        fn property(
            &mut self,
            _: usize,
            name: &str,
            value: &geozero::ColumnValue,
        ) -> geozero::error::Result<bool> {
            let value = match value {
                geozero::ColumnValue::Bool(v) => json!(v),
                geozero::ColumnValue::Long(v) => json!(v),
                geozero::ColumnValue::Double(v) => json!(v),
                geozero::ColumnValue::String(v) | geozero::ColumnValue::DateTime(v) => json!(v),
                _ => panic!("a type that is not written"),
            };
            self.0.push((name.to_owned(), value));
            Ok(false)
        }
    }
    let reader = FgbReader::open(Cursor::new(bytes)).unwrap();
    let kind = reader.header().geometry_type();
    let mut read = reader.select_all().unwrap();
    let mut found = Vec::new();
    while let Some(feature) = read.next().unwrap() {
        let mut values = Values(Vec::new());
        feature.process_properties(&mut values).unwrap();
        let geometry = feature.geometry().map(|g| fgb_geometry(&g, kind));
        found.push((values.0, geometry));
    }
    found
}

fn fgb_geometry(g: &flatgeobuf::Geometry, kind: flatgeobuf::GeometryType) -> Geometry {
    let rings = |g: &flatgeobuf::Geometry| {
        let xy: Vec<f64> = g.xy().unwrap().iter().collect();
        let coords: Vec<Coord> = xy.chunks(2).map(|c| Coord { x: c[0], y: c[1] }).collect();
        let ends = match g.ends() {
            Some(ends) => ends.iter().map(|e| e as usize).collect(),
            None => vec![coords.len()],
        };
        let mut from = 0;
        let lines = ends.into_iter().map(|end| {
            let line = LineString(coords[from..end].to_vec());
            from = end;
            line
        });
        lines.collect::<Vec<_>>()
    };
    let polygon = |g: &flatgeobuf::Geometry| {
        let mut all = rings(g).into_iter();
        Polygon::new(all.next().unwrap(), all.collect())
    };
    match kind {
        flatgeobuf::GeometryType::Point => {
            let line = &rings(g)[0];
            Geometry::Point(Point(line.0[0]))
        }
        flatgeobuf::GeometryType::LineString => Geometry::LineString(rings(g).remove(0)),
        flatgeobuf::GeometryType::MultiLineString => {
            Geometry::MultiLineString(geo::MultiLineString(rings(g)))
        }
        flatgeobuf::GeometryType::Polygon => Geometry::Polygon(polygon(g)),
        _ => Geometry::MultiPolygon(MultiPolygon(
            g.parts().unwrap().iter().map(|p| polygon(&p)).collect(),
        )),
    }
}

/// What a value is in a format without nulls among its values.
fn as_json(value: &Value) -> Option<Json> {
    match value {
        Value::Null => None,
        Value::Boolean(v) => Some(json!(v)),
        Value::Integer(v) => Some(json!(v)),
        Value::Real(v) => Some(json!(v)),
        Value::Text(v) => Some(json!(v)),
    }
}

fn check_fgb(layer: &Layer) {
    let part = Part::whole(layer);
    let multi = part.geometry() == GeometryKind::MultiPolygon;
    let mut found = read_fgb(&written(Format::FlatGeobuf, part));
    found.sort_by_key(|(values, _)| values[0].1.as_str().unwrap().to_owned());
    let mut expected: Vec<_> = layer
        .features
        .iter()
        .map(|f| {
            let mut values = vec![("id".to_owned(), json!(f.id))];
            values.extend(
                layer
                    .columns
                    .iter()
                    .zip(&f.values)
                    .filter_map(|(c, v)| Some((c.name.clone(), as_json(v)?))),
            );
            let geometry = write::located(&f.geometry).cloned().map(|g| match g {
                Geometry::Polygon(p) if multi => Geometry::MultiPolygon(MultiPolygon(vec![p])),
                other => other,
            });
            (values, geometry)
        })
        .collect();
    expected.sort_by_key(|(values, _)| values[0].1.as_str().unwrap().to_owned());
    assert_eq!(found, expected);
}

#[test]
fn flatgeobuf_reads_back() {
    let layer = mixed();
    check_fgb(&layer);
    let bytes = written(Format::FlatGeobuf, Part::whole(&layer));
    let reader = FgbReader::open(Cursor::new(&bytes)).unwrap();
    let header = reader.header();
    assert_eq!(header.title(), Some(layer.title.as_str()));
    let metadata: Json = serde_json::from_str(header.metadata().unwrap()).unwrap();
    assert_eq!(
        metadata,
        json!({ "run": "abc", "caveats": "[\"one\",\"two\"]" })
    );
    assert_eq!(header.crs().unwrap().code(), 4326);
    assert!(header.index_node_size() > 0);
    // The index finds what is in a box and nothing else.
    let found = reader.select_bbox(8.0, 8.0, 9.5, 9.5).unwrap();
    assert_eq!(found.features_count(), Some(1));
}

#[test]
fn flatgeobuf_without_a_place_has_no_index() {
    for features in [vec![], vec![feature("a", nowhere(), nulls())]] {
        let layer = layer(GeometryKind::Point, features);
        let bytes = written(Format::FlatGeobuf, Part::whole(&layer));
        let reader = FgbReader::open(Cursor::new(&bytes)).unwrap();
        assert_eq!(reader.header().index_node_size(), 0);
        assert!(reader.header().envelope().is_none());
        check_fgb(&layer);
    }
}

#[test]
fn the_index_of_many_features_finds_them() {
    let at = |n: u32| Point::new(f64::from(n % 37) / 10.0, f64::from(n / 37) / 10.0);
    let features = (0..1000)
        .map(|n| feature(&n.to_string(), Geometry::Point(at(n)), nulls()))
        .collect();
    let layer = layer(GeometryKind::Point, features);
    check_fgb(&layer);
    let bytes = written(Format::FlatGeobuf, Part::whole(&layer));
    for [w, s, e, n] in [
        [0.0, 0.0, 0.05, 0.05],
        [1.0, 1.0, 2.0, 1.55],
        [-1.0, -1.0, 9.0, 9.0],
    ] {
        let reader = FgbReader::open(Cursor::new(&bytes)).unwrap();
        let found = reader.select_bbox(w, s, e, n).unwrap().features_count();
        let inside = (0..1000)
            .map(at)
            .filter(|p| (w..=e).contains(&p.x()) && (s..=n).contains(&p.y()));
        assert_eq!(found, Some(inside.count()));
    }
}

fn rows(bytes: &[u8]) -> (Vec<Row>, Json) {
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let metadata = reader.metadata().file_metadata();
    let entries = metadata.key_value_metadata().unwrap();
    let text = |key: &str| {
        let entry = entries.iter().find(|e| e.key == key).unwrap();
        entry.value.clone().unwrap()
    };
    let all = json!({
        "geo": serde_json::from_str::<Json>(&text("geo")).unwrap(),
        "provenance": serde_json::from_str::<Json>(&text("provenance")).unwrap(),
        "title": text("title"),
    });
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    (rows.collect(), all)
}

fn check_parquet(layer: &Layer) {
    let (rows, _) = rows(&written(Format::GeoParquet, Part::whole(layer)));
    assert_eq!(rows.len(), layer.features.len());
    for (row, feature) in rows.iter().zip(&layer.features) {
        let fields: Vec<(&String, &Field)> = row.get_column_iter().collect();
        assert_eq!(fields[0].1, &Field::Str(feature.id.clone()));
        for (at, value) in feature.values.iter().enumerate() {
            let (name, field) = fields[at + 1];
            assert_eq!(*name, layer.columns[at].name);
            let expected = match (value, field) {
                (Value::Null, _) => Field::Null,
                (Value::Boolean(v), _) => Field::Bool(*v),
                (Value::Integer(v), _) => Field::Long(*v),
                (Value::Real(v), _) => Field::Double(*v),
                (Value::Text(v), Field::Date(days)) => {
                    let day = jiff::civil::date(1970, 1, 1)
                        .checked_add(jiff::Span::new().days(i64::from(*days)))
                        .unwrap();
                    assert_eq!(&day.to_string(), v);
                    continue;
                }
                (Value::Text(v), _) => Field::Str(v.clone()),
            };
            assert_eq!(field, &expected, "{name}");
        }
        let [shape, bbox] = [fields[fields.len() - 2].1, fields[fields.len() - 1].1];
        let located = write::located(&feature.geometry);
        match (shape, bbox, located) {
            (Field::Null, Field::Null, None) => {}
            (Field::Bytes(wkb), Field::Group(sides), Some(geometry)) => {
                assert_eq!(&from_wkb(&mut wkb.data()), geometry);
                use geo::BoundingRect;
                let rect = geometry.bounding_rect().unwrap();
                let expected = [rect.min().x, rect.min().y, rect.max().x, rect.max().y];
                let found: Vec<_> = sides.get_column_iter().map(|(_, f)| f.clone()).collect();
                assert_eq!(found, expected.map(Field::Double));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Well-known binary, little endian.
fn from_wkb(bytes: &mut &[u8]) -> Geometry {
    fn number(bytes: &mut &[u8]) -> u32 {
        let (head, rest) = bytes.split_at(4);
        *bytes = rest;
        u32::from_le_bytes(head.try_into().unwrap())
    }
    fn line(bytes: &mut &[u8], count: u32) -> LineString {
        let real =
            |at: usize, bytes: &[u8]| f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let coords = (0..count).map(|_| {
            let c = Coord {
                x: real(0, bytes),
                y: real(8, bytes),
            };
            *bytes = &bytes[16..];
            c
        });
        LineString(coords.collect())
    }
    assert_eq!(bytes[0], 1);
    *bytes = &bytes[1..];
    match number(bytes) {
        1 => Geometry::Point(Point(line(bytes, 1).0[0])),
        2 => {
            let count = number(bytes);
            Geometry::LineString(line(bytes, count))
        }
        3 => {
            let rings = number(bytes);
            let mut rings = (0..rings).map(|_| {
                let count = number(bytes);
                line(bytes, count)
            });
            let exterior = rings.next().unwrap();
            Geometry::Polygon(Polygon::new(exterior, rings.collect()))
        }
        6 => {
            let parts = number(bytes);
            let parts = (0..parts).map(|_| Polygon::try_from(from_wkb(bytes)).unwrap());
            Geometry::MultiPolygon(MultiPolygon(parts.collect()))
        }
        kind => panic!("kind {kind}"),
    }
}

#[test]
fn geoparquet_reads_back() {
    let layer = mixed();
    check_parquet(&layer);
    let (_, metadata) = rows(&written(Format::GeoParquet, Part::whole(&layer)));
    assert_eq!(metadata["provenance"], json!(layer.provenance));
    assert_eq!(metadata["title"], layer.title);
    let geo = &metadata["geo"];
    assert_eq!(geo["version"], "1.1.0");
    let geometry = &geo["columns"]["geometry"];
    assert_eq!(
        geometry["geometry_types"],
        json!(["Polygon", "MultiPolygon"])
    );
    assert_eq!(geometry["bbox"], json!([0.0, 9.0, 10.0, 50.1]));
    assert!(geometry.get("crs").is_none(), "OGC:CRS84");
    let part = Part::whole(&layer).in_crs(Crs::NationalGrid);
    let (_, metadata) = rows(&written(Format::GeoParquet, part));
    let id = &metadata["geo"]["columns"]["geometry"]["crs"]["id"];
    assert_eq!(id, &json!({ "authority": "EPSG", "code": 27700 }));
}

#[test]
fn dates_that_are_none_stay_text() {
    let mut layer = mixed();
    layer.features[0].values[4] = Value::Text("spring".into());
    check_parquet(&layer);
}

#[test]
fn values_of_another_type_are_refused() {
    let mut layer = mixed();
    layer.features[0].values[1] = Value::Text("many".into());
    for format in [Format::GeoParquet, Format::FlatGeobuf] {
        let error = write::write(format, &layer, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
        assert!(error.to_string().contains("'a'"), "{error}");
    }
}

#[test]
fn a_text_sequence_is_the_features_of_the_document() {
    let layer = mixed();
    let sequence = written(Format::GeoJsonSeq, Part::whole(&layer));
    let document: Json =
        serde_json::from_slice(&written(Format::GeoJson, Part::whole(&layer))).unwrap();
    let records: Vec<Json> = sequence
        .split(|b| *b == 0x1e)
        .skip(1)
        .map(|r| serde_json::from_slice(r).unwrap())
        .collect();
    assert_eq!(sequence[0], 0x1e);
    assert_eq!(
        records[0]["collection"]["provenance"],
        document["provenance"]
    );
    let bare = records.iter().map(|r| {
        let mut r = r.clone();
        r.as_object_mut().unwrap().remove("collection");
        r
    });
    assert_eq!(bare.collect::<Json>(), document["features"]);
    assert_eq!(document["features"][1]["geometry"], Json::Null);
    let empty = Part::some(&layer, &[]);
    assert!(written(Format::GeoJsonSeq, empty).is_empty());
}

#[test]
fn csv_reads_back_and_no_cell_is_a_formula() {
    let layer = mixed();
    let bytes = written(Format::Csv, Part::whole(&layer));
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let head = reader.headers().unwrap().clone();
    assert_eq!(
        head.iter().collect::<Vec<_>>(),
        [
            "id",
            "name",
            "count",
            "density \"d\" <é>",
            "edge",
            "day",
            "outline_wkt"
        ]
    );
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(&rows[0][1], "'=cmd(\"x\")\n'; <b>");
    assert_eq!(rows[0][3].parse::<f64>().unwrap(), 0.1 + 0.2);
    assert_eq!(&rows[2][0], "'-c");
    assert!(rows[1].iter().skip(1).all(str::is_empty));
    assert!(rows[0][6].starts_with("POLYGON ((0 50, "));
    for row in &rows {
        for cell in row.iter().filter(|c| c.parse::<f64>().is_err()) {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']),
                "{cell}"
            );
        }
    }
    for sign in "=+-@\t\r\n＝＋－＠".chars() {
        let mut layer = layer.clone();
        layer.features[0].values[0] = Value::Text(format!("{sign}1"));
        let bytes = written(Format::Csv, Part::whole(&layer));
        let mut rows = csv::Reader::from_reader(bytes.as_slice()).into_records();
        assert_eq!(rows.next().unwrap().unwrap()[1], format!("'{sign}1"));
    }
    // A point that is nowhere has the cells of the others.
    let points = {
        let mut layer = layer.clone();
        layer.geometry = GeometryKind::Point;
        layer.features[0].geometry = Geometry::Point(Point::new(1.5, 2.5));
        layer.features.truncate(2);
        layer
    };
    let bytes = written(Format::Csv, Part::whole(&points));
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    assert!(reader.records().all(|row| row.unwrap().len() == 8));
}

/// Texts of a KML document by tag and name, per placemark.
fn read_kml(bytes: &[u8]) -> Vec<(Named<String>, Vec<String>)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_reader(bytes);
    let (mut found, mut buffer) = (Vec::new(), Vec::new());
    let (mut name, mut text) = (None, String::new());
    loop {
        match reader.read_event_into(&mut buffer).unwrap() {
            Event::Eof => return found,
            Event::Start(start) => {
                text.clear();
                match start.name().as_ref() {
                    "Placemark" => found.push((Vec::new(), Vec::new())),
                    "SimpleData" => {
                        let attribute = start.try_get_attribute("name").unwrap().unwrap();
                        let value = quick_xml::escape::unescape(&attribute.value).unwrap();
                        name = Some(value.into_owned());
                    }
                    _ => {}
                }
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(entity) => {
                let whole = format!("&{};", &*entity);
                text.push_str(&quick_xml::escape::unescape(&whole).unwrap());
            }
            Event::End(end) => match (end.name().as_ref(), found.last_mut()) {
                ("SimpleData", Some(mark)) => mark.0.push((name.take().unwrap(), text.clone())),
                ("coordinates", Some(mark)) => mark.1.push(text.clone()),
                _ => {}
            },
            _ => {}
        }
        buffer.clear();
    }
}

fn legal(text: &str) -> String {
    let bad = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || "\u{fffe}\u{ffff}".contains(c);
    text.chars()
        .map(|c| if bad(c) { '\u{fffd}' } else { c })
        .collect()
}

fn check_kml(layer: &Layer) {
    let found = read_kml(&written(Format::Kml, Part::whole(layer)));
    assert_eq!(found.len(), layer.features.len());
    for ((values, _), feature) in found.iter().zip(&layer.features) {
        let mut expected = vec![("id".to_owned(), legal(&feature.id))];
        for (column, value) in layer.columns.iter().zip(&feature.values) {
            let text = match value {
                Value::Null => continue,
                Value::Boolean(v) => u8::from(*v).to_string(),
                Value::Integer(v) => v.to_string(),
                Value::Real(v) => v.to_string(),
                Value::Text(v) => legal(v),
            };
            expected.push((legal(&column.name), text));
        }
        assert_eq!(values, &expected);
    }
}

#[test]
fn kml_reads_back() {
    let layer = mixed();
    check_kml(&layer);
    let bytes = written(Format::Kml, Part::whole(&layer));
    let found = read_kml(&bytes);
    assert_eq!(found[0].1[0], "0,50 0.1,50 0.1,50.1 0,50");
    assert_eq!(found[0].1.len(), 2, "a hole");
    assert!(found[1].1.is_empty());
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.contains("<SimpleField type=\"string\" name=\"count\">"),
        "64 bits"
    );
    assert!(text.contains("<Data name=\"caveats\"><value>[&quot;one&quot;"));
}

#[test]
fn parts_are_those_features_in_that_order_in_every_format() {
    let layer = mixed();
    let moved = Layer {
        features: vec![layer.features[2].clone(), layer.features[0].clone()],
        ..layer.clone()
    };
    for format in Format::ALL {
        if format == Format::GeoPackage {
            let error = write::write(format, &layer, &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
            continue;
        }
        let part = Part::some(&layer, &[2, 0, 99]);
        assert_eq!(part.len(), 2);
        assert_eq!(
            written(format, part),
            written(format, Part::whole(&moved)),
            "{format:?}"
        );
        let projected = part.in_crs(Crs::NationalGrid);
        let result = write::write(format, projected, &mut Vec::new());
        assert_eq!(result.is_ok(), format.has_crs(), "{format:?}");
    }
}

#[test]
fn added_columns_make_way_for_those_of_the_layer() {
    let mut layer = mixed();
    for (column, name) in layer
        .columns
        .iter_mut()
        .zip(["ID", "Geometry", "bbox", "id_", "x"])
    {
        column.name = name.into();
    }
    let part = Part::whole(&layer);
    assert_eq!(part.free_name("id"), "id__");
    let (rows, metadata) = rows(&written(Format::GeoParquet, part));
    assert_eq!(metadata["geo"]["primary_column"], "geometry_");
    let names: Vec<_> = rows[0].get_column_iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(
        names,
        [
            "id__",
            "ID",
            "Geometry",
            "bbox",
            "id_",
            "x",
            "geometry_",
            "bbox_"
        ]
    );
}

fn any_feature() -> impl Strategy<Value = Feature> {
    let text = prop_oneof![
        any::<String>(),
        "[\\x00-\\x1f\"'<>&,;\r\n=+@-]{0,8}",
        Just("]]>🦀\u{fffe}".to_owned()),
    ];
    let or_null = |s: BoxedStrategy<Value>| prop_oneof![3 => s, 1 => Just(Value::Null)];
    let real = any::<f64>().prop_filter("values are finite", |v| v.is_finite());
    let place = prop_oneof![
        4 => (-180.0..180.0, -90.0..90.0).prop_map(|(x, y)| Geometry::Point(Point::new(x, y))),
        1 => Just(nowhere()),
    ];
    (
        text.clone(),
        place,
        or_null(text.prop_map(Value::Text).boxed()),
        or_null(any::<i64>().prop_map(Value::Integer).boxed()),
        or_null(real.prop_map(Value::Real).boxed()),
        or_null(any::<bool>().prop_map(Value::Boolean).boxed()),
    )
        .prop_map(|(id, geometry, a, b, c, d)| Feature {
            id,
            geometry,
            values: vec![a, b, c, d, Value::Null],
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_and_number_survives(features in prop::collection::vec(any_feature(), 0..20)) {
        let mut layer = layer(GeometryKind::Point, features);
        // Ids are unique in layers.
        for (at, feature) in layer.features.iter_mut().enumerate() {
            feature.id += &format!("#{at:02}");
        }
        check_fgb(&layer);
        check_parquet(&layer);
        check_kml(&layer);
        let document = written(Format::GeoJson, Part::whole(&layer));
        let document: Json = serde_json::from_slice(&document).unwrap();
        for (read, feature) in document["features"].as_array().unwrap().iter().zip(&layer.features) {
            prop_assert_eq!(&read["id"], &feature.id);
            for (column, value) in layer.columns.iter().zip(&feature.values) {
                let expected = as_json(value).unwrap_or(Json::Null);
                prop_assert_eq!(&read["properties"][&column.name], &expected);
            }
        }
        let bytes = written(Format::Csv, Part::whole(&layer));
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        prop_assert_eq!(reader.records().filter_map(Result::ok).count(), layer.features.len());
    }
}
