use geo::{Geometry, Point};
use proptest::prelude::*;

use super::*;
use crate::layer::{Feature, Value};

fn columns() -> Vec<Column> {
    let column = |name: &str, kind| Column {
        name: name.to_owned(),
        kind,
        unit: None,
        meaning: String::new(),
    };
    vec![
        column("name", ColumnType::Text),
        column("count", ColumnType::Integer),
        column("z", ColumnType::Real),
        column("edge", ColumnType::Boolean),
        column("from", ColumnType::Date),
        column("to", ColumnType::Date),
        column("größte \"Zahl\"", ColumnType::Integer),
        column("nothing", ColumnType::Real),
    ]
}

fn feature() -> Feature {
    let text = |t: &str| Value::Text(t.to_owned());
    Feature {
        id: "1".to_owned(),
        geometry: Geometry::Point(Point::new(-0.1, 51.5)),
        values: vec![
            text("Große Straße"),
            Value::Integer(9_007_199_254_740_993),
            Value::Real(2.5),
            Value::Boolean(true),
            text("2022-01-01"),
            text("2022-01-31"),
            Value::Integer(7),
            Value::Null,
        ],
    }
}

fn matches(text: &str) -> bool {
    let expression = Expression::from_text(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let filter = expression.compile(&columns(), Crs::Crs84);
    filter
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .matches(&feature())
}

fn refusal(text: &str) -> Cql2Error {
    match Expression::from_text(text).and_then(|e| e.compile(&columns(), Crs::Crs84)) {
        Ok(_) => panic!("{text} is read"),
        Err(error) => error,
    }
}

#[test]
fn what_holds() {
    for text in [
        "name = 'Große Straße'",
        "NAME IS NOT NULL OR TRUE".replace("NAME", "name").as_str(),
        "\"name\" like '%Str%'",
        "name ILIKE '%strasse'",
        "name NOT ILIKE '%avenue'",
        "CASEI(name) = CASEI('GROSSE STRASSE')",
        "CASEI(name) IN (CASEI('x'), CASEI('grosse strasse'))",
        "count = 9007199254740993",
        "count > 9007199254740992.0",
        "count <> 9007199254740992.0",
        "count < 1e300 AND count > -1e300",
        "z = 2.5 AND z=2.50 AND z > -.5 AND z < +3.",
        "2 < z and z < count",
        "edge",
        "edge = TRUE",
        "edge <> false",
        "\"größte \"\"Zahl\"\"\" = 7",
        "from = '2022-01-01'",
        "\"from\" < '2022-01-01T00:00:01Z'",
        "from BETWEEN DATE('2021-12-31') AND DATE('2022-01-01')",
        "from IN (DATE('2021-01-01'), DATE('2022-01-01'))",
        "from = TIMESTAMP('2022-01-01T00:00:00Z')",
        "T_INTERSECTS(INTERVAL(from, to), TIMESTAMP('2022-01-31T23:59:59Z'))",
        "NOT T_INTERSECTS(INTERVAL(from, to), TIMESTAMP('2022-02-01T00:00:00Z'))",
        "T_DURING(from, INTERVAL('2021-12-31T23:59:59.9Z', '..'))",
        "T_DURING(INTERVAL(from, to), INTERVAL('2021-12-31', '2022-02-01'))",
        "T_CONTAINS(INTERVAL(from, to), DATE('2022-01-15'))",
        "T_MEETS(INTERVAL(from, to), INTERVAL('2022-01-31', '2022-02-28'))",
        "T_BEFORE(to, TIMESTAMP('9999-12-31T23:59:60Z'))",
        "S_INTERSECTS(geometry, BBOX(-0.1, 51.5, -0.1, 51.5))",
        "S_INTERSECTS(\"geometry\", BBOX(-0.2, 51.4, -1, 0.1, 51.6, 99))",
        "S_INTERSECTS(geometry, BBOX(170, 51.4, -0.05, 51.6))",
        "S_INTERSECTS(geometry, POINT Z (-0.1 51.5 3))",
        "S_INTERSECTS(geometry, GEOMETRYCOLLECTION(POINT(9 9), POINT(-0.1 51.5)))",
        "geometry IS NOT NULL",
        "NOT NOT NOT nothing IS NOT NULL",
        "((((edge))))",
    ] {
        assert!(matches(text), "{text}");
    }
}

#[test]
fn what_does_not_hold() {
    for text in [
        "FALSE",
        "name = 'große straße'",
        "count = 9007199254740992.0",
        "NOT edge",
        "from > DATE('2022-01-01')",
        "S_INTERSECTS(geometry, POINT(51.5 -0.1))",
        "geometry IS NULL",
        "T_AFTER(from, DATE('2022-01-01'))",
    ] {
        assert!(!matches(text), "{text}");
    }
}

#[test]
fn unknown_values_are_neither_true_nor_false() {
    // Each: the truth of a term, of its negation.
    for (term, truth, negated) in [
        ("nothing > 1", false, false),
        ("nothing = nothing", false, false),
        ("nothing IN (1, 2)", false, false),
        ("nothing BETWEEN 1 AND 2", false, false),
        ("z BETWEEN 3 AND nothing", false, true),
        ("z BETWEEN 1 AND nothing", false, false),
        ("nothing IS NULL", true, false),
        ("nothing > 1 AND FALSE", false, true),
        ("nothing > 1 AND TRUE", false, false),
        ("nothing > 1 OR TRUE", true, false),
        ("nothing > 1 OR FALSE", false, false),
        ("z IN (nothing, 2.5)", true, false),
        ("z IN (nothing, 2)", false, false),
    ] {
        assert_eq!(matches(term), truth, "{term}");
        assert_eq!(matches(&format!("NOT ({term})")), negated, "NOT ({term})");
    }
    let mut nowhere = feature();
    nowhere.geometry = geo::MultiPolygon(Vec::new()).into();
    for text in [
        "S_INTERSECTS(geometry, BBOX(-180,-90,180,90))",
        "NOT S_INTERSECTS(geometry, POINT(0 0))",
    ] {
        let filter = Expression::from_text(text)
            .unwrap()
            .compile(&columns(), Crs::Crs84);
        assert!(!filter.unwrap().matches(&nowhere), "{text}");
    }
}

#[test]
fn refusals_say_where_and_why() {
    for (text, place, reason) in [
        ("", 1, "found the end, expected a value"),
        ("count >", 8, "found the end"),
        ("count > 1 1", 11, "expected AND, OR or the end"),
        ("count == 1", 8, "found '='"),
        ("count != 1", 7, "'<>'"),
        ("count > 1e999", 9, "'1e999' is not a finite number"),
        ("count > 5abc", 9, "'5abc' is not a finite number"),
        ("count > 1.2.3", 9, "'1.2.3' is not a finite number"),
        ("name = 'ab", 8, "ends what begins here"),
        (
            "größe = 1",
            1,
            "'größe' is not a queryable of this collection; it has: name, count",
        ),
        ("edge AND größe = 1", 10, "'größe'"),
        (
            "count = 'x'",
            9,
            "= takes a number beside a number, got the text 'x'",
        ),
        ("name = 1", 8, "text beside text, got the number 1"),
        ("name", 1, "got the property 'name'"),
        ("1", 1, "got the number 1"),
        ("count LIKE '1%'", 1, "LIKE takes text"),
        ("name LIKE name", 11, "a pattern in single quotes"),
        ("name NOT = 'x'", 10, "LIKE, BETWEEN or IN"),
        ("name IS 'x'", 9, "expected NULL"),
        ("name IN ()", 11, "an empty list"),
        ("CASEI(count) = 'x'", 7, "CASEI takes text"),
        (
            "CASEI(name, name) = 'x'",
            1,
            "CASEI takes 1 arguments, got 2",
        ),
        ("(edge", 6, "expected ')'"),
        ("edge)", 5, "found ')'"),
        ("edge = (count = 1)", 9, "a term of ="),
        ("foo(1) = 2", 1, "'foo' is not supported"),
        (
            "S_WITHIN(geometry, POINT(1 2))",
            1,
            "'S_WITHIN' is not supported",
        ),
        ("S_INTERSECTS(geometry)", 1, "takes 2 arguments, got 1"),
        (
            "S_INTERSECTS(name, POINT(1 2))",
            14,
            "got the property 'name'",
        ),
        ("S_INTERSECTS(geometry, POINT(1))", 31, "expected a number"),
        (
            "S_INTERSECTS(geometry, POLYGON((0 0, 1 0, 1 1, 0 1)))",
            53,
            "the last equal to the first",
        ),
        ("S_INTERSECTS(geometry, LINESTRING(0 0))", 24, "two or more"),
        (
            "S_INTERSECTS(geometry, BBOX(1,2,3))",
            24,
            "takes 4 or 6 arguments, got 3",
        ),
        (
            "S_INTERSECTS(geometry, BBOX(0,2,1,1))",
            24,
            "north of its north",
        ),
        ("S_INTERSECTS(geometry, 'POINT(1 2)')", 24, "got the text"),
        ("from = DATE('2022-02-30')", 8, "'2022-02-30' is not a day"),
        ("from = DATE(2022)", 8, "DATE takes text in single quotes"),
        ("from = TIMESTAMP('2022-01-01')", 8, "is not a moment"),
        ("from = 'yesterday'", 8, "'yesterday' is not a moment"),
        ("T_AFTER(count, DATE('2022-01-01'))", 9, "a column of days"),
        (
            "T_MEETS(from, INTERVAL('2022-01-01', '..'))",
            9,
            "takes INTERVAL",
        ),
        (
            "T_DURING(from, INTERVAL('2022-02-01', '2022-01-01'))",
            16,
            "swap its ends",
        ),
        ("T_AFTER(from, INTERVAL(1, 2))", 24, "INTERVAL takes a day"),
        ("geometry = 1", 1, "takes values"),
        ("and = 1", 1, "keywords need double quotes"),
        ("count > 1 ; DROP TABLE x", 11, "found ';'"),
    ] {
        let error = refusal(text);
        assert_eq!(error.place, Place::Character(place), "{text}: {error}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn refusals_of_json_say_where_and_why() {
    for (json, place, reason) in [
        ("", "", "not JSON"),
        (
            "{\"op\":\"and\",\"args\":[true]}",
            "",
            "AND takes 2 or more arguments, got 1",
        ),
        (
            "{\"op\":\"and\",\"args\":[true,{\"property\":\"x\"}]}",
            "/args/1",
            "'x' is not a queryable",
        ),
        (
            "{\"op\":\"=\",\"args\":[{\"property\":1},2]}",
            "/args/0/property",
            "found 1, expected text",
        ),
        (
            "{\"op\":\"=\",\"args\":[{\"property\":\"z\",\"a\":1},2]}",
            "/args/0",
            "member 'a'",
        ),
        ("{\"op\":\"=\"}", "", "no args"),
        (
            "{\"op\":\"nope\",\"args\":[1,2]}",
            "",
            "'nope' is not supported",
        ),
        (
            "{\"op\":\"in\",\"args\":[{\"property\":\"z\"},[]]}",
            "/args/1",
            "one or more",
        ),
        (
            "{\"op\":\"in\",\"args\":[{\"property\":\"z\"},1]}",
            "/args",
            "an array of values",
        ),
        (
            "{\"op\":\"isNull\",\"args\":[null]}",
            "/args/0",
            "found null",
        ),
        (
            "{\"op\":\"s_intersects\",\"args\":[{\"property\":\"geometry\"},{\"type\":\"Point\"}]}",
            "/args/1",
            "GeoJSON",
        ),
        (
            "{\"op\":\"=\",\"args\":[{\"property\":\"from\"},{\"date\":\"x\"}]}",
            "/args/1",
            "'x' is not a day",
        ),
        ("{}", "", "an object with op"),
        ("[]", "", "found an array"),
    ] {
        let read = Expression::from_json(json).and_then(|e| e.compile(&columns(), Crs::Crs84));
        let error = read.unwrap_err();
        assert_eq!(
            error.place,
            Place::Pointer(place.to_owned()),
            "{json}: {error}"
        );
        assert!(error.to_string().contains(reason), "{json}: {error}");
    }
}

#[test]
fn depth_and_length_have_limits() {
    let nested = |n: usize| format!("{}edge{}", "(".repeat(n), ")".repeat(n));
    assert!(matches(&nested(MAX_DEPTH - 1)));
    for text in [
        nested(MAX_DEPTH),
        "(".repeat(30_000),
        "NOT ".repeat(10_000) + "edge",
        "CASEI(".repeat(10_000),
        format!(
            "S_INTERSECTS(geometry,{}",
            "GEOMETRYCOLLECTION(".repeat(3_000)
        ),
    ] {
        assert_eq!(refusal(&text).fault, Fault::Depth);
    }
    let long = "edge OR ".repeat(8_000) + "edge";
    assert!(matches(&long), "a chain is not deep");
    let longer = "edge OR ".repeat(9_000) + "edge";
    assert!(matches!(refusal(&longer).fault, Fault::Length(_)));
    let deep = "{\"op\":\"not\",\"args\":[".repeat(60) + "true" + &"]}".repeat(60);
    assert_eq!(
        Expression::from_json(&deep).unwrap_err().fault,
        Fault::Depth
    );
    let deeper = "[".repeat(60_000);
    assert!(matches!(
        Expression::from_json(&deeper).unwrap_err().fault,
        Fault::Json(_)
    ));
}

#[test]
fn geometry_literals_are_positions_of_the_filter_crs() {
    let holds = |text: &str, crs| {
        let expression = Expression::from_text(text).unwrap();
        expression
            .compile(&columns(), crs)
            .map(|f| f.matches(&feature()))
    };
    // 0.1° W, 51.5° N lies at 532,0xx E, 180,0xx N (OSTN15) and -11,132 E, 6,710,219 N (EPSG:3857).
    let grid = "S_INTERSECTS(geometry, BBOX(531000, 179000, 533000, 181000))";
    assert_eq!(holds(grid, Crs::NationalGrid), Ok(true));
    let mercator = "S_INTERSECTS(geometry, BBOX(-11140, 6710000, -11120, 6711000))";
    assert_eq!(holds(mercator, Crs::WebMercator), Ok(true));
    // A map that is zoomed out asks for more than there is.
    let all = "S_INTERSECTS(geometry, BBOX(-181, -91, 181, 91))";
    assert_eq!(holds(all, Crs::Crs84), Ok(true));
    let all = "S_INTERSECTS(geometry, BBOX(-10000, 0, 900000, 1400000))";
    assert_eq!(holds(all, Crs::NationalGrid), Ok(true));
    let metres = holds(mercator, Crs::Crs84).unwrap_err();
    assert!(metres.to_string().contains("filter-crs"), "{metres}");
    let beyond = holds(
        "S_INTERSECTS(geometry, POINT(-0.1 51.5))",
        Crs::NationalGrid,
    );
    assert!(matches!(beyond.unwrap_err().fault, Fault::Crs(_)));
}

#[test]
fn equality_parameters_are_typed() {
    let columns = columns();
    for (column, good, bad) in [
        (0, &["Große Straße"][..], &[][..]),
        (1, &["9007199254740993"], &["", "x", "1.5", "1e3", "0x1"]),
        (2, &["2.5", "25e-1"], &["", "nan", "inf", "1,5"]),
        (3, &["true"], &["", "TRUE", "1", "yes"]),
        (
            4,
            &["2022-01-01"],
            &["", "2022-01", "2022-13-01", "2022-01-01T00:00:00Z"],
        ),
    ] {
        for text in good {
            let expression = Expression::equality(&columns[column], text).unwrap();
            let filter = expression.compile(&columns, Crs::Crs84).unwrap();
            assert!(filter.matches(&feature()), "{text}");
        }
        for text in bad {
            assert!(
                Expression::equality(&columns[column], text).is_none(),
                "{text}"
            );
        }
    }
    let other = Expression::equality(&columns[0], "").unwrap();
    assert!(
        !other
            .compile(&columns, Crs::Crs84)
            .unwrap()
            .matches(&feature())
    );
}

/// Expressions of every kind, as text.
fn expressions() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("name".to_owned()),
        Just("count".to_owned()),
        Just("\"größte \"\"Zahl\"\"\"".to_owned()),
        Just("CASEI(name)".to_owned()),
        Just("DATE('2022-01-01')".to_owned()),
        Just("TIMESTAMP('2022-01-01T00:00:00+01:00')".to_owned()),
        Just("TRUE".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(|v| format!("{v:?}")),
        "[a-zß'%_ ]{0,6}".prop_map(|t| format!("'{}'", t.replace('\'', "''"))),
    ];
    let test = prop_oneof![
        (scalar.clone(), "=|<>|<|>|<=|>=", scalar.clone())
            .prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        scalar.clone().prop_map(|a| format!("{a} IS NOT NULL")),
        (scalar.clone(), scalar.clone(), scalar.clone())
            .prop_map(|(a, b, c)| format!("{a} NOT BETWEEN {b} AND {c}")),
        (scalar.clone(), prop::collection::vec(scalar.clone(), 1..4))
            .prop_map(|(a, l)| format!("{a} IN ({})", l.join(","))),
        (scalar.clone(), scalar).prop_map(|(a, b)| format!("{a} LIKE {b}")),
        Just("S_INTERSECTS(geometry, MULTIPOINT(1 2, -3.5 4e1))".to_owned()),
        Just("S_INTERSECTS(geometry, POLYGON((0 0,1 0,1 1,0 0),(0 0,1 0,1 1,0 0)))".to_owned()),
        Just("S_INTERSECTS(BBOX(1,2,3,4), geometry)".to_owned()),
        Just(
            "T_OVERLAPPEDBY(INTERVAL(from,'..'), INTERVAL('2022-01-01','2022-01-01T00:00:00Z'))"
                .to_owned()
        ),
    ];
    test.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|l| l
                .iter()
                .map(|t| format!("({t})"))
                .collect::<Vec<_>>()
                .join(" AND ")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} OR {b}")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}") {
        if let Ok(e) = Expression::from_text(&text) {
            let _ = e.compile(&columns(), Crs::NationalGrid).map(|f| f.matches(&feature()));
        }
        let _ = Expression::from_json(&text);
    }

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(
        "name|count|from|edge|geometry|AND|OR|NOT|LIKE|IN|IS|NULL|BETWEEN|\\(|\\)|,|=|<>|<|-|1|2\\.5|'a'|'2022-01-01'|CASEI\\(|DATE\\(|INTERVAL\\(|T_AFTER\\(|S_INTERSECTS\\(|POINT\\(|POLYGON\\(\\(|BBOX\\(|POINT|Z|'\\.\\.'", 0..24,
    )) {
        let text = words.join(" ");
        if let Ok(e) = Expression::from_text(&text) {
            let _ = e.compile(&columns(), Crs::Crs84).map(|f| f.matches(&feature()));
        }
    }

    #[test]
    fn any_geometry_of_json_is_read_or_refused(
        kind in "Point|MultiPoint|LineString|Polygon|MultiPolygon|GeometryCollection|Feature",
        coordinates in "\\[{0,4}(1|2|-3|\"a\"|null)?(,[12]){0,3}\\]{0,4}(,\\[1,2\\])?\\]?",
    ) {
        let json = format!(
            "{{\"op\":\"s_intersects\",\"args\":[{{\"property\":\"geometry\"}},\
             {{\"type\":\"{kind}\",\"coordinates\":{coordinates}}}]}}"
        );
        if let Ok(e) = Expression::from_json(&json) {
            let _ = e.compile(&columns(), Crs::Crs84).map(|f| f.matches(&feature()));
        }
    }

    #[test]
    fn what_is_written_reads_back(text in expressions()) {
        let read = Expression::from_text(&text).unwrap();
        let json = read.to_json();
        prop_assert_eq!(&Expression::from_text(&read.to_text()).unwrap().to_json(), &json);
        prop_assert_eq!(&Expression::from_json(&json.to_string()).unwrap().to_json(), &json);
        let compiled = read.compile(&columns(), Crs::Crs84);
        let again = Expression::from_json(&json.to_string()).unwrap().compile(&columns(), Crs::Crs84);
        prop_assert_eq!(
            compiled.map(|f| f.matches(&feature())).map_err(|e| e.fault),
            again.map(|f| f.matches(&feature())).map_err(|e| e.fault)
        );
    }
}
