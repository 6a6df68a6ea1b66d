//! Small worlds to make layers of.

use isopleth_core::Snapshot;
use isopleth_core::domain::{
    Area, GroupDefinition, IncidentRow, IncidentSetBuilder, Kind, Lens, Location, LocationBasis,
    LonLat, MINUTES_PER_DAY, NO_PLACE, Span, TimePrecision, month_span,
};
use isopleth_core::plane::{Planar, unproject};

pub const BURGLARY: u16 = 0;
pub const DRUGS: u16 = 1;

/// An incident: metres east and north, time, kind, basis.
pub type Incident = (i32, i32, Span, u16, LocationBasis);

/// A position by metres east and north.
pub fn at(x: i32, y: i32) -> LonLat {
    unproject(Planar {
        x: f64::from(x),
        y: f64::from(y),
    })
    .unwrap()
}

/// A number of days from a day of 2022, of which 1 January is the first.
pub fn days(day: i32, days: i32) -> Span {
    let from = (18_993 + day) * MINUTES_PER_DAY;
    Span {
        from,
        to: from + days * MINUTES_PER_DAY,
        precision: match days {
            1 => TimePrecision::Day,
            _ => TimePrecision::Interval,
        },
    }
}

/// A burglary at an address.
pub fn burglary(x: i32, y: i32, span: Span) -> Incident {
    (x, y, span, BURGLARY, LocationBasis::Address)
}

/// A record at a map point in a month of 2022.
pub fn snapped(x: i32, y: i32, month: i8, kind: u16) -> Incident {
    let span = month_span(2022, month).unwrap();
    (x, y, span, kind, LocationBasis::SnapPoint)
}

/// Burglaries, which are reported, and drug records, which are police-generated, of either kind only
/// where there are any.
pub fn snapshot(incidents: impl IntoIterator<Item = Incident>) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    let mut kinds = 1;
    for (x, y, span, kind, basis) in incidents {
        kinds = kinds.max(usize::from(kind) + 1);
        builder.push(&IncidentRow {
            location: Some(Location {
                x_mm: x * 1000,
                y_mm: y * 1000,
                position: at(x, y),
            }),
            span,
            kind,
            basis,
            place: NO_PLACE,
        });
    }
    let named = [
        ("burglary", Lens::Reported),
        ("drugs", Lens::PoliceGenerated),
    ];
    let kind = |&(name, lens): &(&str, Lens)| Kind {
        term: name.into(),
        sub_type_term: String::new(),
        record_source: String::new(),
        group: Some(name.into()),
        sub_type: None,
        lens,
    };
    let group = |&(name, lens): &(&str, Lens)| GroupDefinition {
        id: name.into(),
        title: name.into(),
        lens,
        activity: false,
    };
    Snapshot {
        revision: "test".into(),
        incidents: builder.finish(named[..kinds].iter().map(kind).collect(), Vec::new()),
        policy: "test 1".into(),
        groups: named[..kinds].iter().map(group).collect(),
        ..Snapshot::default()
    }
}

/// A borough between two corners, metres.
pub fn borough(code: &str, (x0, y0): (i32, i32), (x1, y1): (i32, i32)) -> Area {
    let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)];
    let ring: geo::LineString = corners.iter().map(|&(x, y)| at(x, y).coord()).collect();
    Area {
        code: code.into(),
        name: format!("{code}ton"),
        kind: "borough".into(),
        vintage: "2022".into(),
        geometry: geo::MultiPolygon(vec![geo::Polygon::new(ring, vec![])]),
    }
}
