//! What the readers make of good files.

use crate::common::{self, STREET, bytes, gzip, mapped, street, text, zip};
use isopleth_core::domain::{LocationBasis, TimePrecision, format_day, format_minute};
use isopleth_io::ingest::{Mapping, MappingError, NO_TEXT, Options};

const SEARCH: &str = "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,Outcome linked to object of search,Removal of more than just outer clothing\n";

#[test]
fn a_street_row_is_a_month_at_a_snap_point() {
    let station = street("b", "Drugs").replace("High Street", "Police Station");
    let nowhere = street("", "Anti-social behaviour")
        .replace(
            "0.183214,51.576543,On or near High Street,E01002232",
            ",,No Location,",
        )
        .replace("Under investigation", "");
    let taken = text(&format!(
        "{STREET}{}{station}{nowhere}",
        street("a", "Burglary")
    ))
    .unwrap();
    let [row, at_station, lost] = taken.rows[..] else {
        panic!()
    };
    assert_eq!(format_day(row.span.from), "2022-03-01");
    assert_eq!(format_day(row.span.to), "2022-04-01");
    assert_eq!(row.span.precision, TimePrecision::Month);
    let at = row.location.unwrap();
    assert_eq!((at.lon, at.lat, at.exact), (0.183_214, 51.576_543, true));
    assert_eq!(at.cell >> 52 & 0xf, 9, "H3 resolution 9");
    assert_eq!(row.basis, LocationBasis::SnapPoint);
    assert_eq!(at_station.basis, LocationBasis::Station);
    assert_eq!((lost.basis, lost.location), (LocationBasis::Unknown, None));
    assert_eq!(
        (lost.place, lost.small_area, lost.outcome),
        (NO_TEXT, NO_TEXT, NO_TEXT)
    );
    assert_eq!(taken.texts.kinds[row.kind as usize].term, "Burglary");
    assert_eq!(
        taken.texts.outcomes[row.outcome as usize],
        "Under investigation"
    );
    assert_eq!(
        taken.texts.small_areas[row.small_area as usize],
        "E01002232"
    );
    let left = ["Reported by", "Falls within", "LSOA name", "Context"];
    assert_eq!(taken.report.columns_left_behind, left);
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let taken =
        text("Latitude,Crime type,Location,Longitude,Month\n51.5,Drugs,,0.1,2022-01\n").unwrap();
    assert_eq!(taken.rows.len(), 1);
    assert_eq!(taken.rows[0].location.unwrap().lat, 51.5);
}

#[test]
fn packing_does_not_change_a_key() {
    let csv = format!("{STREET}{}{}", street("a", "Burglary"), street("", "Drugs"));
    let plain = text(&csv).unwrap();
    let packed = bytes(
        "2022-03-force-street.bin",
        &gzip(csv.as_bytes()),
        &Options::default(),
    )
    .unwrap();
    assert_eq!(packed.rows, plain.rows);
    let zipped = zip(&[("a/b/2022-03-force-street.csv.gz", &gzip(csv.as_bytes()))]);
    let zipped = bytes("x.bin", &zipped, &Options::default()).unwrap();
    assert_eq!(zipped.rows, plain.rows);
}

#[test]
fn a_search_is_an_instant_without_a_person() {
    let row = "Person search,2022-06-30T23:30:59+00:00,False,,51.516120,-0.129961,Male,over 34,Other ethnic group - Not stated,White,Misuse of Drugs Act 1971 (section 23),Controlled drugs,Arrest,True,False\n";
    let name = "2022-06-metropolitan-stop-and-search.csv";
    let taken = bytes(
        name,
        format!("{SEARCH}{row}{row}").as_bytes(),
        &Options::default(),
    )
    .unwrap();
    let [a, b] = taken.rows[..] else { panic!() };
    assert_eq!(taken.report.source.format, "police_uk_stop_and_search");
    assert_eq!(
        format_minute(a.span.from),
        "2022-07-01T00:30",
        "local time, summer"
    );
    assert_eq!(
        (a.span.precision, a.span.to - a.span.from),
        (TimePrecision::Instant, 1)
    );
    assert_ne!(a.key, b.key, "two people, one stop");
    assert_eq!(a.basis, LocationBasis::SnapPoint);
    let kind = &taken.texts.kinds[a.kind as usize];
    assert_eq!(
        (kind.term.as_str(), kind.sub_type.as_str()),
        ("Stop and search", "Controlled drugs")
    );
    assert_eq!(kind.record_source, "Stop and search");
    assert_eq!(taken.texts.outcomes, ["Arrest"]);
    let shown = format!("{:?}", taken.texts);
    for person in ["Male", "over 34", "ethnic", "White"] {
        assert!(!shown.contains(person), "{person}");
    }
    for column in [
        "Gender",
        "Age range",
        "Self-defined ethnicity",
        "Officer-defined ethnicity",
    ] {
        assert!(taken.report.columns_left_behind.iter().any(|c| c == column));
    }
    // The same rows of another force are other searches.
    let other = bytes(
        "2022-06-essex-stop-and-search.csv",
        format!("{SEARCH}{row}").as_bytes(),
        &Options::default(),
    );
    assert_ne!(other.unwrap().rows[0].key, a.key);
}

#[test]
fn an_id_outlives_what_is_said_of_it() {
    let first = text(&format!("{STREET}{}", street("a", "Burglary"))).unwrap();
    let later = street("a", "Robbery")
        .replace("Under investigation", "Charged")
        .replace("0.18", "0.19");
    let later = text(&format!("{STREET}{later}")).unwrap();
    assert_eq!(first.rows[0].key, later.rows[0].key);
    let twice = text(&format!(
        "{STREET}{}{}",
        street("a", "Burglary"),
        street("a", "Burglary")
    ))
    .unwrap();
    assert_eq!(twice.rows[0].key, first.rows[0].key);
    assert_ne!(twice.rows[1].key, first.rows[0].key);
}

#[test]
fn a_record_without_an_id_is_what_is_said_of_it() {
    let row = street("", "Anti-social behaviour");
    let key = |row: &str| text(&format!("{STREET}{row}")).unwrap().rows[0].key;
    let base = key(&row);
    assert_eq!(
        base,
        key(&row.replace("Under investigation", "Closed")),
        "outcomes change"
    );
    assert_eq!(
        base,
        key(&row.replace("0.183214", "0.1832140")),
        "the number, not its digits"
    );
    for (from, to) in [
        ("2022-03", "2022-04"),
        ("0.183214", "0.183215"),
        ("High Street", "Low Street"),
        ("E01002232", "E01002233"),
        ("Anti-social behaviour", "Drugs"),
        ("Force,Force", "Other,Force"),
    ] {
        assert_ne!(base, key(&row.replace(from, to)), "{from}");
    }
}

const FORCE: &str = "name='force'\ncrs='EPSG:27700'\ndelimiter=';'\ndates=['%d/%m/%Y %H:%M','%d/%m/%Y']\nmissing=['NULL']\n\
    [columns]\nid='Ref'\neasting='E'\nnorthing='N'\nfrom='From'\nto='To'\nterm='Offence'\nplace='Address'\nuprn='UPRN'\nbasis='Address'\n\
    [constants]\nbasis='street'\nrecord_source='crime report'\n[basis]\n'Custody *'='station'\n[offences]\n'burg dwelling'='28E'\n";

#[test]
fn a_mapping_reads_grid_positions_and_intervals() {
    let csv = "Ref;E;N;From;To;Offence;Address;UPRN;Victim name\n\
        1;551234.567;188765.432;05/05/2022 22:00;06/05/2022 07:30;Burg Dwelling;1 High Street;100012345678;A B\n\
        2;551234.5;188765.4;05/05/2022;05/05/2022;92A;High Street;;C D\n\
        3;551234.5;188765.4;05/05/2022 10:00;;92A;Custody suite;NULL;E F\n\
        4;NULL;NULL;05/05/2022 10:00;05/05/2022 10:00;92A;;12x;G H\n\
        5;551234.5;188765.4;05/05/2022 10:00;05/05/2022 09:59;92A;;;I J\n";
    let taken = bytes("a.csv", csv.as_bytes(), &mapped(FORCE)).unwrap();
    assert_eq!(taken.report.source.format, "mapping:force");
    assert_eq!(
        taken.reasons().into_iter().collect::<Vec<_>>(),
        [("bad_date", 1)]
    );
    assert_eq!(
        taken.report.rejected["bad_date"].examples[0].column,
        "From, To"
    );
    let [a, b, c, d] = taken.rows[..] else {
        panic!()
    };
    let at = a.location.unwrap();
    assert_eq!(
        (at.x_mm, at.y_mm, at.exact),
        (551_234_567, 188_765_432, true)
    );
    assert_eq!(
        (a.span.precision, a.span.to - a.span.from),
        (TimePrecision::Interval, 570)
    );
    assert_eq!(b.span.precision, TimePrecision::Day);
    assert_eq!(c.span.precision, TimePrecision::Instant);
    let bases = [
        LocationBasis::Address,
        LocationBasis::Street,
        LocationBasis::Station,
        LocationBasis::Unknown,
    ];
    assert_eq!([a.basis, b.basis, c.basis, d.basis], bases);
    assert_eq!(taken.texts.kinds[a.kind as usize].term, "28E");
    assert_eq!(
        taken.texts.kinds[a.kind as usize].record_source,
        "crime report"
    );
    assert_eq!(
        taken.texts.places[a.place as usize].uprn,
        Some(100_012_345_678)
    );
    assert_eq!(taken.report.columns_left_behind, ["Victim name"]);
    assert!(
        taken.report.notes[0].contains("1 property numbers"),
        "{:?}",
        taken.report.notes
    );
}

#[test]
fn a_mapping_is_checked() {
    let message = |toml: &str| Mapping::from_toml(toml).unwrap_err().to_string();
    let columns =
        |more: &str| format!("name='m'\n[columns]\nlon='x'\nlat='y'\nterm='t'\nmonth='m'\n{more}");
    assert!(Mapping::from_toml(&columns("")).is_ok());
    assert!(message(&columns("colour='c'\n")).contains("colour"));
    let error = Mapping::from_toml(&columns("place='Victim name'\n")).unwrap_err();
    assert!(
        matches!(&error, MappingError::PersonColumn { column, .. } if column == "Victim name"),
        "{error}"
    );
    assert!(error.to_string().contains("columns.place"));
    for (toml, part) in [
        (
            columns("[identity]\ncolumns=['Suspect ethnicity']\n"),
            "Suspect ethnicity",
        ),
        (columns("date='d'\n"), "`month` and `date`"),
        (columns("easting='e'\n"), "`lon` and `easting`"),
        (
            columns("[area]\nwest=1\nsouth=50\neast=0\nnorth=52\n"),
            "west < east",
        ),
        (columns("[basis]\na='station'\n"), "columns.basis"),
        (columns("[basis]\na='moon'\n"), "moon"),
        (format!("crs='EPSG:3857'\n{}", columns("")), "EPSG:3857"),
        (format!("crs='EPSG:27700'\n{}", columns("")), "easting"),
        (
            format!("timezone='Mars/Base'\n{}", columns("")),
            "Mars/Base",
        ),
        (format!("dates=['%H:%M']\n{}", columns("")), "%H:%M"),
        (format!("encoding='klingon'\n{}", columns("")), "klingon"),
        (
            format!("delimiter='\u{20ac}'\n{}", columns("")),
            "delimiter",
        ),
        (
            "name='m'\n[columns]\nlon='x'\nlat='y'\nmonth='m'\n".into(),
            "offence",
        ),
        (
            "name='m'\n[columns]\nlon='x'\nlat='y'\nterm='t'\n".into(),
            "the time",
        ),
        (
            "name='m'\n[columns]\nlon='x'\nterm='t'\nmonth='m'\n".into(),
            "both columns",
        ),
        (
            "name='A B'\n[columns]\nlon='x'\nlat='y'\nterm='t'\nmonth='m'\n".into(),
            "a-z",
        ),
    ] {
        let message = message(&toml);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_mapping_that_misses_a_column_says_which() {
    let mapping =
        mapped("name='m'\n[columns]\nlon='x'\nlat='y'\nterm='t'\nmonth='m'\noutcome='o'\n");
    let error = bytes("a.csv", b"x,y,t,m\n", &mapping).unwrap_err();
    assert_eq!(error.code(), "missing_column");
    assert!(error.to_string().contains("`o`"), "{error}");
    // A street file that the mapping does not fit is still a street file.
    let taken = bytes(
        "a.csv",
        format!("{STREET}{}", street("a", "Drugs")).as_bytes(),
        &mapping,
    )
    .unwrap();
    assert_eq!(taken.report.source.format, "police_uk_street");
}

fn collection(features: &[&str]) -> String {
    format!(
        "{{\"type\":\"FeatureCollection\",\"bbox\":[0,1,2,3],\"features\":[{}],\"x\":1}}",
        features.join(",")
    )
}

fn feature(geometry: &str, properties: &str) -> String {
    format!("{{\"type\":\"Feature\",\"geometry\":{geometry},\"properties\":{properties}}}")
}

const POINT: &str = "{\"type\":\"Point\",\"coordinates\":[0.183214,51.576543]}";

#[test]
fn geojson_points_are_read_by_usual_names() {
    let good = feature(
        POINT,
        "{\"offence\":\"Burglary\",\"date\":\"2022-03-04\",\"colour\":7,\"basis\":\"address\"}",
    );
    let nowhere = feature(
        "null",
        "{\"offence\":\"Burglary\",\"date\":\"2022-03-04T10:00\"}",
    );
    let line = feature(
        "{\"type\":\"LineString\",\"coordinates\":[[0,1],[2,3]]}",
        "{}",
    );
    let bad = feature(POINT, "{\"offence\":\"Burglary\",\"date\":\"2022-02-30\"}");
    let swapped = feature(
        "{\"type\":\"Point\",\"coordinates\":[51.5,0.1]}",
        "{\"offence\":\"a\",\"date\":\"2022-03-04\"}",
    );
    let json = collection(&[&good, &nowhere, &line, &bad, &swapped]);
    let taken = bytes("a.geojson", json.as_bytes(), &Options::default()).unwrap();
    assert_eq!((taken.report.read, taken.rows.len()), (5, 2));
    assert_eq!(taken.rows[0].span.precision, TimePrecision::Day);
    assert_eq!(taken.rows[0].basis, LocationBasis::Address);
    assert_eq!(taken.rows[1].location, None);
    let reasons: Vec<_> = taken.reasons().into_keys().collect();
    assert_eq!(reasons, ["bad_date", "not_a_point", "swapped_coordinates"]);
    assert_eq!(taken.report.rejected["bad_date"].examples[0].row, 4);
    assert_eq!(taken.report.columns_left_behind, ["colour"]);
}

#[test]
fn geojson_follows_a_mapping() {
    let mapping = mapped("name='g'\n[columns]\nid='ref'\nterm='what'\nyear='y'\nmonth='m'\n");
    let json = collection(&[&feature(
        POINT,
        "{\"ref\":12,\"what\":\"Drugs\",\"y\":2022,\"m\":3,\"Surname\":\"X\"}",
    )]);
    let taken = bytes("a.json", json.as_bytes(), &mapping).unwrap();
    assert_eq!(taken.report.source.format, "mapping:g");
    assert_eq!(format_day(taken.rows[0].span.from), "2022-03-01");
    assert_eq!(taken.report.columns_left_behind, ["Surname"]);
}

#[test]
fn geojson_that_is_not_says_why() {
    let error = |json: &str| bytes("a.json", json.as_bytes(), &Options::default()).unwrap_err();
    let bare = error(&collection(&[&feature(POINT, "{\"a\":1,\"b\":2}")]));
    assert_eq!(bare.code(), "no_property");
    assert!(bare.to_string().contains("(properties: a, b)"), "{bare}");
    let good = feature(POINT, "{\"offence\":\"Burglary\",\"date\":\"2022-03-04\"}");
    let cut = collection(&[&good, &good]);
    for json in [
        "{\"type\":\"Feature\"}",
        "{}",
        "[1]",
        "{\"type\":\"FeatureCollection\"}",
        &cut[..cut.len() - 20],
        "{\"type\":\"FeatureCollection\",\"features\":7}",
        &cut.replace(
            "\"x\":1",
            "\"crs\":{\"properties\":{\"name\":\"urn:ogc:def:crs:EPSG::3857\"}}",
        ),
    ] {
        assert_eq!(error(json).code(), "not_geojson", "{json}");
    }
    let empty = bytes("a.json", collection(&[]).as_bytes(), &Options::default()).unwrap();
    assert_eq!(empty.report.read, 0);
}

#[test]
fn the_example_mappings_are_good() {
    let mut found = 0;
    let examples = std::fs::read_dir(common::root().join("examples/mappings")).unwrap();
    for path in examples
        .map(|e| e.unwrap().path())
        .chain([common::root().join("fixtures/force/mapping.toml")])
    {
        let mapping = Mapping::from_toml(&std::fs::read_to_string(&path).unwrap());
        assert!(
            mapping.is_ok(),
            "{}: {}",
            path.display(),
            mapping.unwrap_err()
        );
        found += 1;
    }
    assert!(found >= 3);
}

#[test]
fn the_synthetic_force_extract_is_read() {
    let folder = common::root().join("fixtures/force");
    let mapping = std::fs::read_to_string(folder.join("mapping.toml")).unwrap();
    let csv = std::fs::read(folder.join("crimes.csv")).unwrap();
    let taken = bytes("crimes.csv", &csv, &mapped(&mapping)).unwrap();
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("../truth.json")).unwrap()).unwrap();
    let force = &truth["force"];
    assert!(
        taken.report.rejected.is_empty(),
        "{:?}",
        taken.report.rejected
    );
    assert_eq!(force["rows"], taken.rows.len());
    assert_eq!(force["without_location"], taken.report.without_location);
    let policy = isopleth_io::default_policy();
    let kinds: Vec<_> = taken
        .texts
        .kinds
        .iter()
        .map(|k| policy.resolve(&k.term, &k.sub_type, &k.record_source))
        .collect();
    assert!(
        kinds.iter().all(|k| k.group.is_some()),
        "the policy knows every code"
    );
    let drugs = |sub: &str| {
        let of = |r: &&isopleth_io::ingest::Row| {
            let kind = &kinds[r.kind as usize];
            kind.group.as_deref() == Some("drugs") && kind.sub_type.as_deref() == Some(sub)
        };
        taken.rows.iter().filter(of).count()
    };
    assert_eq!(force["drug_possession"], drugs("possession"));
    assert_eq!(force["drug_supply"], drugs("supply"));
    let by = |basis| taken.rows.iter().filter(|r| r.basis == basis).count();
    assert_eq!(force["located_without_uprn"], by(LocationBasis::Street));
    assert_eq!(by(LocationBasis::Station), 110);
}

#[test]
fn each_month_file_owns_its_ids() {
    let first = format!("{STREET}{}", street("a", "Burglary"));
    let second = first.replace("2022-03", "2022-04");
    let street_key = |name: &str, csv: &str| {
        let taken = bytes(name, csv.as_bytes(), &Options::default()).unwrap();
        assert_eq!(taken.rows.len(), 1);
        taken.rows[0].key
    };
    let both = || {
        [
            street_key("2022-03-x-street.csv", &first),
            street_key("2022-04-x-street.csv", &second),
        ]
    };
    let keys = both();
    assert_ne!(keys[0], keys[1], "one id in two months is two records");
    assert_eq!(both(), keys, "a second ingest finds them again");
    let zipped = zip(&[("2022-03/2022-03-x-street.csv", first.as_bytes())]);
    let moved = bytes("a.zip", &zipped, &Options::default()).unwrap();
    assert_eq!(moved.rows[0].key, keys[0], "a file may move");
    let outcome = first.replace("Under investigation", "Offender charged");
    assert_eq!(street_key("2022-03-x-street.csv", &outcome), keys[0]);
    let nameless = street_key("export.csv", &first);
    assert_eq!(nameless, street_key("other.csv", &second));

    let mapping = mapped("name='m'\n[columns]\nid='i'\nlon='x'\nlat='y'\nterm='t'\nmonth='m'\n");
    let csv = "i,t,m,x,y\n1,Burglary,2022-01,0.2,51.5\n";
    let mapped_key = |name| bytes(name, csv.as_bytes(), &mapping).unwrap().rows[0].key;
    assert_eq!(mapped_key("2022-03-a.csv"), mapped_key("2022-04-a.csv"));
}
