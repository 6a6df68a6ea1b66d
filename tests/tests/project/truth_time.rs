//! The planted Friday-night peak of the synthetic borough, through the ingest and the temporal profile.

use std::path::{Path, PathBuf};

use isopleth_core::domain::{
    GroupDefinition, IncidentRow, IncidentSetBuilder, Kind, Lens, Location, NO_PLACE, Weekday,
};
use isopleth_core::methods::temporal_profile::Outcome;
use isopleth_core::plane::{Planar, unproject};
use isopleth_core::{Findings, Request, RunError, Snapshot, run};
use isopleth_io::ingest::{self, Mapping};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// The records of some offence terms around the town centre.
fn town(path: &str, options: &ingest::Options, terms: &[&str], within_m: f64) -> Snapshot {
    let centre = (553_600.0, 188_300.0);
    let mut builder = IncidentSetBuilder::default();
    for input in ingest::find_inputs(&[fixtures().join(path)]).unwrap() {
        if input.skipped().is_some() {
            continue;
        }
        ingest::read(&input, options, &mut |rows, texts| {
            for row in rows {
                let Some(at) = row.location else { continue };
                let (x, y) = (f64::from(at.x_mm) / 1000.0, f64::from(at.y_mm) / 1000.0);
                let near = (x - centre.0).hypot(y - centre.1) <= within_m;
                if near && terms.contains(&texts.kinds[row.kind as usize].term.as_str()) {
                    builder.push(&IncidentRow {
                        location: Some(Location {
                            x_mm: at.x_mm,
                            y_mm: at.y_mm,
                            position: unproject(Planar { x, y }).unwrap(),
                        }),
                        span: row.span,
                        kind: 0,
                        basis: row.basis,
                        place: NO_PLACE,
                    });
                }
            }
            Ok(())
        })
        .unwrap();
    }
    let kind = Kind {
        term: "violence".into(),
        sub_type_term: String::new(),
        record_source: String::new(),
        group: Some("violence".into()),
        sub_type: None,
        lens: Lens::Reported,
    };
    Snapshot {
        revision: "test".into(),
        incidents: builder.finish(vec![kind], Vec::new()),
        policy: "test 1".into(),
        groups: vec![GroupDefinition {
            id: "violence".into(),
            title: "violence".into(),
            lens: Lens::Reported,
            activity: false,
        }],
        ..Snapshot::default()
    }
}

fn profile(snapshot: &Snapshot) -> Result<Outcome, RunError> {
    let request = Request::from_json(r#"{"method": {"name": "temporal_profile"}}"#).unwrap();
    match run(snapshot, &request)?.findings {
        Findings::TemporalProfile(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

#[test]
fn friday_night_is_one_window_over_midnight() {
    let mapping = std::fs::read_to_string(fixtures().join("force/mapping.toml")).unwrap();
    let options = ingest::Options {
        mapping: Some(Mapping::from_toml(&mapping).unwrap()),
        ..ingest::Options::default()
    };
    let snapshot = town("force/crimes.csv", &options, &["8N", "5D", "105A"], 200.0);
    let found = profile(&snapshot).unwrap();
    assert_eq!(found.records, 180);
    let first = &found.windows[0];
    assert_eq!(
        (&first.days[..], first.hours.to_string()),
        (&[Weekday::Friday][..], "22:00/02:00".to_owned())
    );
    assert!((first.weight - 120.0).abs() < 1e-9, "{}", first.weight);
    assert!((first.share.unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert!((first.p - 0.001).abs() < 1e-12);
    let saturday = 5 * 24;
    let after: f64 = found.week[saturday..saturday + 2]
        .iter()
        .map(|p| p.weight)
        .sum();
    assert!((after - 40.0).abs() < 1e-9, "40 after midnight: {after}");
}

#[test]
fn months_have_no_hours() {
    let terms = ["Violence and sexual offences"];
    let snapshot = town("police_uk", &ingest::Options::default(), &terms, 1000.0);
    let error = profile(&snapshot).unwrap_err();
    assert_eq!(error.code(), "finer_than_data");
}
