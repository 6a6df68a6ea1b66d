//! From an outcome to a layer: columns, features, provenance and caveats.

mod columns;
mod provenance;

use geo::{Geometry, Point};
use isopleth_core::domain::{LocationBasis, format_day, format_minute};
use isopleth_core::hotspots::Hotspot;
use isopleth_core::methods::repeat_locations::{self, RepeatLocation};
use isopleth_core::methods::{dbscan, knox};
use isopleth_core::places::PlaceFacts;
use isopleth_core::stations::StationStack;
use isopleth_core::{Facts, Findings, Outcome, Request, Snapshot, SurfaceCells, hotspots};

use self::columns::{
    cell_columns, cluster_columns, event_columns, hotspot_columns, repeat_columns,
};
use crate::layer::{Feature, GeometryKind, Layer, Value};

/// Puts an outcome into a layer.
pub(crate) fn to_layer(snapshot: &Snapshot, request: &Request, outcome: &Outcome) -> Layer {
    let run = request.run_id(&snapshot.revision);
    let facts = &outcome.facts;
    let caveats = provenance::caveats(facts, &outcome.findings);
    let common = Common {
        run: &run,
        facts,
        request,
        caveats: caveats.join("; "),
    };
    let (geometry, columns, features) = match &outcome.findings {
        Findings::Hotspots { cut, .. } => {
            let several = cut.hotspots.iter().any(|h| h.outline.0.len() > 1);
            let kind = if several {
                GeometryKind::MultiPolygon
            } else {
                GeometryKind::Polygon
            };
            (kind, hotspot_columns(), common.hotspots(cut, several))
        }
        Findings::Surface(cells) => (GeometryKind::Polygon, cell_columns(), common.cells(cells)),
        Findings::Knox(found) => (GeometryKind::Point, event_columns(), common.events(found)),
        Findings::RepeatLocations(found) => {
            (GeometryKind::Point, repeat_columns(), common.repeats(found))
        }
        Findings::Clusters(found) => (
            GeometryKind::MultiPolygon,
            cluster_columns(),
            common.clusters(found),
        ),
    };
    let what = what(&outcome.findings);
    Layer {
        title: request.title.clone().unwrap_or_else(|| common.title(what)),
        description: common.description(what),
        geometry,
        columns,
        features,
        days: common.days(),
        provenance: common.provenance(snapshot, &outcome.findings, &caveats),
    }
}

fn what(findings: &Findings) -> &'static str {
    match findings {
        Findings::Surface(_) => "density surface",
        Findings::Hotspots { .. } => "hotspots",
        Findings::Knox(_) => "near repeats",
        Findings::RepeatLocations(_) => "repeat locations",
        Findings::Clusters(_) => "clusters",
    }
}

/// What every feature of a layer shares.
struct Common<'a> {
    run: &'a str,
    facts: &'a Facts,
    request: &'a Request,
    caveats: String,
}

impl Common<'_> {
    fn days(&self) -> Option<(String, String)> {
        self.facts.period.clone().or_else(|| {
            let (from, to) = self.facts.extent?;
            Some((format_day(from), format_day(to - 1)))
        })
    }

    fn period_words(&self) -> String {
        match self.days() {
            Some((a, b)) if a == b => a,
            Some((a, b)) => format!("{a} to {b}"),
            None => "no dates".to_owned(),
        }
    }

    fn area_words(&self) -> String {
        if self.facts.areas.is_empty() {
            "all areas".to_owned()
        } else {
            self.facts
                .areas
                .iter()
                .map(|a| a.1.as_str())
                .collect::<Vec<_>>()
                .join(" and ")
        }
    }

    fn title(&self, what: &str) -> String {
        let mut groups = match &self.request.select.groups {
            Some(groups) => groups.join(", ").replace('_', " "),
            None => "all offences".to_owned(),
        };
        if let Some(first) = groups.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        format!(
            "{groups}: {what}, {}, {}",
            self.area_words(),
            self.period_words()
        )
    }

    fn description(&self, what: &str) -> String {
        let f = self.facts;
        format!(
            "{lens}: {what} among {n} records in {area}, {period}. Groups: {groups}. {unlocated} records without a location are not on the map.",
            lens = f.lens.title(),
            n = f.selected,
            area = self.area_words(),
            period = self.period_words(),
            groups = f.groups.join(", "),
            unlocated = f.unlocated,
        )
    }

    /// The values that every place has, in the order of [`place_columns`].
    fn place_values(&self, facts: &PlaceFacts, own_caveats: &[String]) -> Vec<Value> {
        let period = self.facts.period.clone();
        let from = period
            .as_ref()
            .map_or_else(|| format_day(facts.first), |p| p.0.clone());
        let to = period.map_or_else(|| format_day(facts.last - 1), |p| p.1);
        let mut caveats = own_caveats.to_vec();
        if !self.caveats.is_empty() {
            caveats.push(self.caveats.clone());
        }
        let mut values = vec![
            count(facts.count),
            count(facts.count_reported),
            count(facts.count_police_generated),
            optional(facts.distinct_days),
            count(facts.distinct_months),
            count(facts.distinct_locations),
            Value::Text(from),
            Value::Text(to),
            Value::Text(format_day(facts.first)),
            Value::Text(format_day(facts.last - 1)),
            optional(facts.previous_count),
            optional(facts.same_period_last_year_count),
            Value::Text(list(
                facts.top_offences.iter().map(|(o, n)| format!("{o} {n}")),
            )),
            Value::Text(list(
                facts.location_basis.iter().map(|(b, n)| format!("{b} {n}")),
            )),
        ];
        values.extend(self.closing_values(caveats.join("; ")));
        values
    }

    /// Caveats, marking and run, which every feature of every layer closes with.
    fn closing_values(&self, caveats: String) -> [Value; 3] {
        let marking = self.request.marking.clone();
        [
            text(caveats),
            marking.map_or(Value::Null, Value::Text),
            Value::Text(self.run.to_owned()),
        ]
    }

    fn hotspots(&self, cut: &hotspots::Outcome, several: bool) -> Vec<Feature> {
        cut.hotspots
            .iter()
            .map(|h| {
                let mut caveats = Vec::new();
                if h.cut_at_boundary {
                    caveats.push("cut at the boundary of the study area, and may go on beyond it".to_owned());
                }
                if h.edge_effect {
                    caveats.push(
                        "no data beyond the study area's boundary: density near it is too low"
                            .to_owned(),
                    );
                }
                if let Some((site, n)) = &h.station {
                    caveats.push(format!(
                        "{n} of {} records are placed at {site}, where they are likely to have been recorded",
                        h.facts.count
                    ));
                }
                caveats.extend(at_a_station(&h.facts));
                let mut values = vec![
                    count(h.rank),
                    Value::Text(h.name.clone()),
                    metres(h.area_m2),
                    real(f64::from(h.facts.count) / h.area_m2 * 1e6),
                    real(h.peak_density_per_km2),
                    real(h.share_of_incidents),
                    h.share_of_area.map_or(Value::Null, real),
                    h.pai.map_or(Value::Null, real),
                    count(h.facts.repeat_locations),
                    Value::Boolean(h.cut_at_boundary),
                    Value::Boolean(h.edge_effect),
                ];
                values.extend(self.place_values(&h.facts, &caveats));
                Feature {
                    id: h.id.clone(),
                    geometry: outline(h, several),
                    values,
                }
            })
            .collect()
    }

    fn clusters(&self, found: &dbscan::Outcome) -> Vec<Feature> {
        found
            .clusters
            .iter()
            .map(|c| {
                let mut caveats = Vec::new();
                if c.edge_effect {
                    caveats.push(
                        "near the study area's boundary: the cluster may go on beyond it"
                            .to_owned(),
                    );
                }
                caveats.extend(at_a_station(&c.facts));
                let ellipse = c.ellipse.as_ref();
                let mut values = vec![
                    count(c.rank),
                    Value::Text(c.name.clone()),
                    metres(c.area_m2),
                    real(c.density_per_km2()),
                    count(c.count_inside_outline),
                    real(c.share_of_incidents),
                    count(c.core_locations),
                    count(c.facts.repeat_locations),
                    Value::Text(c.drawn_as.name().to_owned()),
                    ellipse.map_or(Value::Null, |e| metres(e.semi_major_m)),
                    ellipse.map_or(Value::Null, |e| metres(e.semi_minor_m)),
                    // A tenth of a degree; what rounds up to half a turn is none.
                    ellipse
                        .and_then(|e| e.rotation_deg)
                        .map_or(Value::Null, |r| {
                            Value::Real((r * 10.0).round() / 10.0 % 180.0)
                        }),
                    Value::Boolean(c.edge_effect),
                ];
                values.extend(self.place_values(&c.facts, &caveats));
                Feature {
                    id: c.id.clone(),
                    geometry: Geometry::MultiPolygon(c.outline.clone()),
                    values,
                }
            })
            .collect()
    }

    fn repeats(&self, found: &repeat_locations::Outcome) -> Vec<Feature> {
        found
            .locations
            .iter()
            .map(|l| {
                let (stack, caveat) = station_words(l);
                let mut values = vec![
                    count(l.rank),
                    Value::Text(l.name.clone()),
                    Value::Text(l.facts.main_basis().noun().to_owned()),
                    Value::Text(format_minute(l.facts.latest_start)),
                    Value::Real(l.radius_m),
                    count(l.facts.distinct_uprns),
                    stack,
                ];
                let own: Vec<String> = caveat.into_iter().collect();
                values.extend(self.place_values(&l.facts, &own));
                let at = Point::new(round7(l.position.lon()), round7(l.position.lat()));
                Feature {
                    id: l.id.clone(),
                    geometry: Geometry::Point(at),
                    values,
                }
            })
            .collect()
    }

    fn events(&self, found: &knox::Outcome) -> Vec<Feature> {
        found
            .events
            .iter()
            .map(|e| {
                let n = &e.neighbours;
                let at = Point::new(round7(e.position.lon()), round7(e.position.lat()));
                Feature {
                    id: e.id.clone(),
                    geometry: Geometry::Point(at),
                    values: vec![
                        Value::Text(e.role.name().to_owned()),
                        Value::Text(e.offence.clone()),
                        e.place.clone().map_or(Value::Null, Value::Text),
                        Value::Text(e.basis.noun().to_owned()),
                        Value::Text(format_day(e.from)),
                        Value::Text(format_day(e.to - 1)),
                        count(n.repeats_before),
                        count(n.near_before),
                        count(n.repeats_after),
                        count(n.near_after),
                        count(n.same_day),
                        optional(n.days_since),
                        text(self.caveats.clone()),
                        self.request
                            .marking
                            .clone()
                            .map_or(Value::Null, Value::Text),
                        Value::Text(self.run.to_owned()),
                    ],
                }
            })
            .collect()
    }

    fn cells(&self, cells: &SurfaceCells) -> Vec<Feature> {
        let surface = &cells.surface;
        (0..surface.lattice.len())
            .filter_map(|c| {
                // A cell whose outline cannot be drawn lies off the plane, where none is made.
                let outline = surface.lattice.outline(&[c]).ok()?;
                let mut values = vec![
                    real(surface.density_per_m2[c] * 1e6),
                    count(cells.counts[c]),
                    metres(cells.areas_m2[c]),
                    Value::Boolean(cells.edge_effect[c]),
                ];
                values.extend(self.closing_values(self.caveats.clone()));
                Some(Feature {
                    id: surface.lattice.name(c),
                    geometry: Geometry::Polygon(outline),
                    values,
                })
            })
            .collect()
    }
}

/// A hotspot's outline; as a set of polygons where any of the layer is one, since a layer has one kind
/// of geometry.
fn outline(h: &Hotspot, several: bool) -> Geometry {
    match h.outline.0.first() {
        Some(one) if !several => Geometry::Polygon(one.clone()),
        _ => Geometry::MultiPolygon(h.outline.clone()),
    }
}

fn at_a_station(facts: &PlaceFacts) -> Option<String> {
    let stations = facts
        .location_basis
        .iter()
        .find(|b| b.0 == LocationBasis::Station);
    let (_, n) = stations?;
    Some(format!(
        "{n} of {} records are placed at a police station",
        facts.count
    ))
}

fn station_words(l: &RepeatLocation) -> (Value, Option<String>) {
    match &l.station_stack {
        None => (Value::Null, None),
        Some(StationStack::Declared { site }) => (
            Value::Text("declared".into()),
            Some(format!(
                "at {site}: records are likely to be placed where they were recorded, not where they happened"
            )),
        ),
        Some(StationStack::Recorded) => (
            Value::Text("recorded".into()),
            Some("placed at a police station: not where it happened".into()),
        ),
        Some(StationStack::Suspected {
            records,
            police_generated,
        }) => (
            Value::Text("suspected".into()),
            Some(format!(
                "{police_generated} of {records} records of any kind here are police-generated: it may be a station, or an operation"
            )),
        ),
    }
}

fn count(n: u32) -> Value {
    Value::Integer(i64::from(n))
}

fn optional(n: Option<u32>) -> Value {
    n.map_or(Value::Null, count)
}

/// Ten significant digits: what a reader can use, and no last bit that looks like knowledge.
fn real(v: f64) -> Value {
    if !v.is_finite() {
        return Value::Null;
    }
    Value::Real(format!("{v:.9e}").parse().unwrap_or(v))
}

fn metres(v: f64) -> Value {
    Value::Real((v * 10.0).round() / 10.0)
}

fn text(v: String) -> Value {
    if v.is_empty() {
        Value::Null
    } else {
        Value::Text(v)
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join("; ")
}

fn round7(v: f64) -> f64 {
    (v * 1e7).round() / 1e7
}
