//! Small worlds to run requests on.

use isopleth_core::Snapshot;
use isopleth_core::domain::{
    Area, GroupDefinition, IncidentRow, IncidentSetBuilder, Kind, Lens, Location, LocationBasis,
    NO_PLACE, Span, TimePrecision, month_span,
};
use isopleth_core::plane::{self, Planar};

/// An incident of a world: metres east and north, month 1 to 24 from January 2022, kind.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub x: f64,
    pub y: f64,
    pub month: i32,
    pub kind: u16,
}

pub const BURGLARY: u16 = 0;
pub const DRUGS: u16 = 1;

pub fn location(x: f64, y: f64) -> Location {
    let mm = |v: f64| (v * 1000.0).round() as i32;
    let at = Planar {
        x: f64::from(mm(x)) / 1000.0,
        y: f64::from(mm(y)) / 1000.0,
    };
    Location {
        x_mm: mm(x),
        y_mm: mm(y),
        position: plane::unproject(at).unwrap(),
    }
}

pub fn span(month: i32) -> Span {
    month_span(
        (2022 + (month - 1).div_euclid(12)) as i16,
        ((month - 1).rem_euclid(12) + 1) as i8,
    )
    .unwrap()
}

pub fn world(events: &[Event], areas: Vec<Area>) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for e in events {
        builder.push(&IncidentRow {
            location: Some(location(e.x, e.y)),
            span: span(e.month),
            kind: e.kind,
            basis: LocationBasis::SnapPoint,
            place: NO_PLACE,
        });
    }
    with_sets(builder, areas)
}

pub fn with_sets(builder: IncidentSetBuilder, areas: Vec<Area>) -> Snapshot {
    let kind = |term: &str, group: &str, lens| Kind {
        term: term.into(),
        sub_type_term: String::new(),
        record_source: String::new(),
        group: Some(group.into()),
        sub_type: None,
        lens,
    };
    let group = |id: &str, lens| GroupDefinition {
        id: id.into(),
        title: id.into(),
        lens,
        activity: false,
    };
    Snapshot {
        revision: "test".into(),
        incidents: builder.finish(
            vec![
                kind("Burglary", "burglary", Lens::Reported),
                kind("Drugs", "drugs", Lens::PoliceGenerated),
            ],
            Vec::new(),
        ),
        areas,
        sites: Vec::new(),
        streets: Vec::new(),
        policy: "test 1".into(),
        groups: vec![
            group("burglary", Lens::Reported),
            group("drugs", Lens::PoliceGenerated),
        ],
        ..Snapshot::default()
    }
}

/// A rectangle of the plane as an area, its sides cut into short pieces so that they are straight
/// in the plane.
pub fn rectangle(code: &str, x0: f64, y0: f64, x1: f64, y1: f64) -> Area {
    let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
    let mut ring = Vec::new();
    for pair in corners.windows(2) {
        for s in 0..20 {
            let t = f64::from(s) / 20.0;
            let (x, y) = (
                pair[0].0 + t * (pair[1].0 - pair[0].0),
                pair[0].1 + t * (pair[1].1 - pair[0].1),
            );
            ring.push(plane::unproject(Planar { x, y }).unwrap().coord());
        }
    }
    ring.push(ring[0]);
    Area {
        code: code.into(),
        name: code.into(),
        kind: "borough".into(),
        vintage: "2022".into(),
        geometry: geo::MultiPolygon(vec![geo::Polygon::new(geo::LineString(ring), vec![])]),
    }
}

pub fn day_span(from: i32) -> Span {
    Span {
        from,
        to: from + 1440,
        precision: TimePrecision::Day,
    }
}

/// A site on the plane.
pub fn site(class: &str, id: &str, x: f64, y: f64) -> isopleth_core::domain::Site {
    isopleth_core::domain::Site {
        id: id.into(),
        name: format!("{class} {id}"),
        class: class.into(),
        position: location(x, y).position,
        number: None,
    }
}

/// Runs a request.
pub fn findings(snapshot: &Snapshot, request: &str) -> isopleth_core::Findings {
    try_findings(snapshot, request).unwrap()
}

/// Runs a request that may be refused.
pub fn try_findings(
    snapshot: &Snapshot,
    request: &str,
) -> Result<isopleth_core::Findings, isopleth_core::RunError> {
    let request = isopleth_core::Request::from_json(request).unwrap();
    isopleth_core::run(snapshot, &request).map(|o| o.findings)
}

/// On so many threads.
pub fn on_threads<T: Send>(threads: usize, f: impl Fn() -> T + Send + Sync) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(f)
}

/// Events moved, metres.
pub fn moved(events: &[Event], dx: f64, dy: f64) -> Vec<Event> {
    let go = |e: &Event| Event {
        x: e.x + dx,
        y: e.y + dy,
        ..*e
    };
    events.iter().map(go).collect()
}

/// Events turned by a quarter, anticlockwise, about a corner of all squares whose sides divide 600 m.
pub fn turned(events: &[Event]) -> Vec<Event> {
    let go = |e: &Event| {
        let (x, y) = quarter((e.x, e.y));
        Event { x, y, ..*e }
    };
    events.iter().map(go).collect()
}

/// Where a quarter turn about that corner puts a position.
pub fn quarter((x, y): (f64, f64)) -> (f64, f64) {
    let (x0, y0) = (550_800.0, 188_400.0);
    (x0 - (y - y0), y0 + (x - x0))
}

/// Every event twice.
pub fn twice(events: &[Event]) -> Vec<Event> {
    [events, events].concat()
}

/// Positions that a cell's centre is told by.
pub fn key(at: (f64, f64)) -> (i64, i64) {
    ((at.0 * 10.0).round() as i64, (at.1 * 10.0).round() as i64)
}
