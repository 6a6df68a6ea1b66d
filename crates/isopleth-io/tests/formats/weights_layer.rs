//! What harm and hours look like in a layer.

use crate::world::{self, BURGLARY, DRUGS};
use isopleth_core::domain::{HarmSchedule, LocationBasis, Span, TimePrecision};
use isopleth_core::plane::{Planar, unproject};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{Layer, Value};

fn schedule(id: &str, burglary: &str) -> HarmSchedule {
    isopleth_io::harm_schedule_from_toml(&format!(
        "id = '{id}'\nversion = '1'\nsource = 'made up'\nunit = 'days'\n[[weight]]\ngroups = ['burglary']\n{burglary}\n"
    ))
    .unwrap()
}

/// Three burglaries on Friday 3 June 2022 at one place, at noon, at 23:00 and over twelve hours from
/// 20:00; and what police found there.
fn snapshot() -> Snapshot {
    let friday = 19_146 * 1440;
    let records = [
        (720, 1, BURGLARY),
        (1380, 1, BURGLARY),
        (1200, 720, BURGLARY),
        (1380, 1, DRUGS),
        (1390, 1, DRUGS),
    ];
    let incidents = records.map(|(from, minutes, kind)| {
        let span = Span {
            from: friday + from,
            to: friday + from + minutes,
            precision: match minutes {
                1 => TimePrecision::Instant,
                _ => TimePrecision::Interval,
            },
        };
        (550_000, 188_000, span, kind, LocationBasis::Address)
    });
    Snapshot {
        harm_schedules: vec![
            schedule("one", "value = 20"),
            schedule("wide", "low = 2\nhigh = 30"),
        ],
        ..world::snapshot(incidents)
    }
}

fn layer(request: &str) -> Layer {
    let layer = isopleth_io::analyse(&snapshot(), &Request::from_json(request).unwrap()).unwrap();
    for f in &layer.features {
        assert_eq!(f.values.len(), layer.columns.len(), "{request}");
    }
    let mut names: Vec<&str> = layer.columns.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), layer.columns.len());
    layer
}

fn value<'a>(layer: &'a Layer, column: &str) -> &'a Value {
    layer.value(&layer.features[0], column).unwrap()
}

#[test]
fn two_schedules_stand_side_by_side() {
    for method in [
        r#""method": {"name": "repeat_locations"}"#,
        r#""method": {"name": "dbscan", "radius_m": 100, "min_count": 2}"#,
        r#""method": {"name": "kernel_density", "bandwidth_m": 300}, "hotspots": {"share_of_incidents": 1}"#,
    ] {
        let layer = layer(&format!(r#"{{"harm": ["one", "wide"], {method}}}"#));
        assert_eq!(value(&layer, "count"), &Value::Integer(3));
        assert_eq!(value(&layer, "harm"), &Value::Real(60.0));
        assert_eq!(
            value(&layer, "harm_share_of_one_event"),
            &Value::Real(0.333_333_333_3)
        );
        assert_eq!(value(&layer, "harm_schedule"), &Value::Text("one 1".into()));
        assert_eq!(value(&layer, "harm_second"), &Value::Null, "a range");
        assert_eq!(value(&layer, "harm_low_second"), &Value::Real(6.0));
        assert_eq!(value(&layer, "harm_high_second"), &Value::Real(90.0));
        // The schedules know no drugs.
        assert_eq!(value(&layer, "harm_police_generated_low"), &Value::Null);
        let unit = &layer.columns[layer.column("harm").unwrap()].unit;
        assert_eq!(unit.as_deref(), Some("days"));
        let schedules = &layer.provenance["harm"]["schedules"];
        assert_eq!(schedules[1]["id"], "wide");
        assert_eq!(schedules[1]["records_that_weigh_a_range"], 3);
        assert_eq!(schedules[0]["hash"].as_str().unwrap().len(), 16);
        let Value::Text(caveats) = value(&layer, "caveats") else {
            panic!()
        };
        assert!(caveats.contains("totals with them are ranges"), "{caveats}");
        assert!(caveats.contains("2 police-generated records"), "{caveats}");
    }
}

#[test]
fn a_surface_of_harm_is_called_one() {
    let by = |weight: &str, rest: &str| {
        layer(&format!(
            r#"{{"select": {{"groups": ["burglary"]}}, "method": {{"name": "kernel_density", "bandwidth_m": 300, "weight": {weight}}}{rest}}}"#
        ))
    };
    let surface = by(r#"{"harm": "one"}"#, "");
    assert!(surface.column("density_per_km2").is_none());
    let density = &surface.columns[surface.column("harm_density_per_km2").unwrap()];
    assert_eq!(density.unit.as_deref(), Some("days/km²"));
    assert!(
        surface
            .title
            .contains("density surface weighted by harm (one 1, days)"),
        "{}",
        surface.title
    );
    let sum = |column: &str| -> f64 {
        let values = surface
            .features
            .iter()
            .map(|f| match surface.value(f, column) {
                Some(Value::Real(v)) => *v,
                Some(Value::Integer(n)) => *n as f64,
                other => panic!("{other:?}"),
            });
        values.sum()
    };
    assert_eq!((sum("count"), sum("harm")), (3.0, 60.0));

    let titled = by(
        r#"{"harm": "wide", "bound": "high"}"#,
        r#", "title": "Mine", "hotspots": {"share_of_incidents": 1}"#,
    );
    assert_eq!(
        titled.title,
        "Mine weighted by harm (wide 1, days, high end of ranges)"
    );
    assert!(titled.column("density_per_km2").is_some(), "of incidents");
    assert!(titled.column("peak_harm_density_per_km2").is_some());
    assert_eq!(titled.provenance["resolved"]["weight"]["bound"], "high");
    let plain = by(r#""count""#, "");
    assert!(plain.column("density_per_km2").is_some() && plain.column("harm").is_none());
}

#[test]
fn hours_say_what_count_and_expected_count_are() {
    let layer = layer(
        r#"{"select": {"groups": ["burglary"], "hours": "22:00/02:00", "days_of_week": ["friday"]},
            "method": {"name": "kernel_density", "bandwidth_m": 300}, "hotspots": {"share_of_incidents": 1}}"#,
    );
    assert_eq!(value(&layer, "count"), &Value::Integer(2));
    assert_eq!(value(&layer, "expected_count"), &Value::Real(1.333_333_333));
    assert_eq!(value(&layer, "share_of_incidents"), &Value::Real(1.0));
    assert!(
        layer.title.contains("22:00/02:00 on friday"),
        "{}",
        layer.title
    );
    let hours = &layer.provenance["hours"];
    assert_eq!(hours["records_with_exact_time"], 1);
    assert_eq!(
        hours["share_with_exact_time"],
        serde_json::Value::Null,
        "a base below 20"
    );
    let Value::Text(caveats) = value(&layer, "caveats") else {
        panic!()
    };
    assert!(
        caveats.contains("1 record lies only partly in the hours"),
        "{caveats}"
    );

    // Methods without a place for it get no column: all of these are at 23:00 sharp.
    let knox = r#"{"select": {"groups": ["drugs"], "hours": "22:00/24:00"}, "method": {"name": "knox", "replicates": 0}}"#;
    let knox = isopleth_io::analyse(&snapshot(), &Request::from_json(knox).unwrap()).unwrap();
    assert!(knox.column("expected_count").is_none());
    assert_eq!(knox.features[0].values.len(), knox.columns.len());
}

#[test]
fn contours_of_harm_are_no_contours_of_incidents() {
    let harm =
        r#""method": {"name": "kernel_density", "bandwidth_m": 300, "weight": {"harm": "one"}}"#;
    for (contours, names) in [
        (r#"{"volume": [0.5]}"#, vec!["threshold_harm_per_km2"]),
        (r#"{"levels_per_km2": [1]}"#, vec!["level_harm_per_km2"]),
        (
            r#"{"breaks_per_km2": [1, 5]}"#,
            vec!["from_harm_per_km2", "to_harm_per_km2"],
        ),
    ] {
        let layer = layer(&format!(r#"{{{harm}, "contours": {contours}}}"#));
        let legend = &layer.provenance["resolved"]["legend"][0];
        for name in names {
            let column = &layer.columns[layer.column(name).unwrap()];
            assert_eq!(column.unit.as_deref(), Some("days/km²"));
            assert!(column.meaning.contains("no density of incidents"));
            assert!(legend.get(name).is_some(), "{legend}");
        }
        assert!(
            !layer
                .columns
                .iter()
                .any(|c| c.unit.as_deref() == Some("1/km²"))
        );
        assert!(layer.title.contains("weighted by harm (one 1, days)"));
    }
    let both = format!(r#"{{"harm": ["one"], {harm}, "contours": {{"volume": [0.5]}}}}"#);
    let refused = isopleth_io::analyse(&snapshot(), &Request::from_json(&both).unwrap());
    assert!(refused.unwrap_err().to_string().contains("cut `hotspots`"));
}

#[test]
fn contours_tell_what_is_expected_in_the_hours() {
    let layer = layer(
        r#"{"select": {"hours": "22:00/02:00"},
            "method": {"name": "kernel_density", "bandwidth_m": 300}, "contours": {"volume": [1]}}"#,
    );
    assert_eq!(value(&layer, "count"), &Value::Integer(2));
    assert_eq!(value(&layer, "expected_count"), &Value::Real(1.333_333_333));
}

#[test]
fn streets_and_sites_with_hours_have_a_value_for_each_column() {
    use isopleth_core::domain::{Area, Site, Street};
    let at = |x: f64| unproject(Planar { x, y: 188_000.0 }).unwrap();
    let mut snapshot = snapshot();
    let site = |n: u32, x| Site {
        class: "pub".into(),
        id: n.to_string(),
        name: String::new(),
        position: at(x),
        number: None,
    };
    snapshot.sites = vec![site(1, 550_010.0), site(2, 553_000.0)];
    let corner = |x, y| {
        let at = unproject(Planar { x, y }).unwrap();
        (at.lon(), at.lat())
    };
    snapshot.areas = vec![Area {
        code: "A".into(),
        name: "Area".into(),
        kind: "ward".into(),
        vintage: "2022".into(),
        geometry: geo::MultiPolygon(vec![geo::Polygon::new(
            vec![
                corner(549_000.0, 187_000.0),
                corner(554_000.0, 187_000.0),
                corner(554_000.0, 189_000.0),
                corner(549_000.0, 189_000.0),
            ]
            .into(),
            Vec::new(),
        )]),
    }];
    let request = r#"{"select": {"area": "A", "hours": "22:30/23:30", "groups": ["drugs"]},
        "method": {"name": METHOD}}"#;
    let end = |x: f64| geo::Coord {
        x: at(x).lon(),
        y: at(x).lat(),
    };
    snapshot.streets = vec![Street {
        id: "s".into(),
        name: "High Street".into(),
        vintage: "2022".into(),
        geometry: geo::MultiLineString(vec![geo::LineString(vec![end(549_900.0), end(550_900.0)])]),
    }];
    for method in [
        r#""risky_facilities", "site_class": "pub""#,
        r#""vicinity", "site_class": "pub""#,
        r#""network_density""#,
    ] {
        let request = Request::from_json(&request.replace("METHOD", method)).unwrap();
        let layer = isopleth_io::analyse(&snapshot, &request).unwrap();
        for f in &layer.features {
            assert_eq!(f.values.len(), layer.columns.len(), "{method} {}", f.id);
            assert!(matches!(layer.value(f, "run"), Some(Value::Text(_))));
        }
    }
}
