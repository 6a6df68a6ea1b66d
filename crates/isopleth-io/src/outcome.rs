//! From an outcome to a layer: columns, features, provenance and caveats.

use geo::{Geometry, Point};
use isopleth_core::domain::{Lens, LocationBasis, OPEN_DATA_SOURCE, format_day, format_minute};
use isopleth_core::methods::repeat_locations::{self, RepeatLocation, StationStack};
use isopleth_core::places::PlaceFacts;
use isopleth_core::{Facts, Findings, Outcome, Request, Snapshot, SurfaceCells, hotspots};
use serde_json::{Map, Value as Json, json};

use crate::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};

/// A layer's name for a base below which no percentage is meant.
const SMALL_BASE: u64 = 20;

/// Share of located records below which a map is known to mislead (Ratcliffe 2004).
const GEOCODING_FLOOR: f64 = 0.85;

/// Puts an outcome into a layer.
pub(crate) fn to_layer(snapshot: &Snapshot, request: &Request, outcome: &Outcome) -> Layer {
    let run = request.run_id(&snapshot.revision);
    let facts = &outcome.facts;
    let caveats = caveats(facts, &outcome.findings);
    let common = Common {
        run: &run,
        facts,
        request,
        caveats: caveats.join("; "),
    };
    let (geometry, columns, features) = match &outcome.findings {
        Findings::Hotspots { cut, .. } => (
            GeometryKind::Polygon,
            hotspot_columns(),
            common.hotspots(cut),
        ),
        Findings::Surface(cells) => (GeometryKind::Polygon, cell_columns(), common.cells(cells)),
        Findings::RepeatLocations(found) => {
            (GeometryKind::Point, repeat_columns(), common.repeats(found))
        }
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
        Findings::RepeatLocations(_) => "repeat locations",
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

    fn provenance(
        &self,
        snapshot: &Snapshot,
        findings: &Findings,
        caveats: &[String],
    ) -> Map<String, Json> {
        let f = self.facts;
        let mut p = Map::new();
        let mut put = |key: &str, value: Json| {
            p.insert(key.to_owned(), value);
        };
        put("run", json!(self.run));
        put("request", self.request.canonical());
        put("data_revision", json!(snapshot.revision));
        put(
            "data_cut_off",
            json!(f.cut_off.map(|at| format_day(at - 1))),
        );
        put("engine", json!(isopleth_core::ENGINE));
        put("policy", json!(snapshot.policy));
        put("lens", json!(f.lens.name()));
        put("lens_title", json!(f.lens.title()));
        put("groups", json!(f.groups));
        put(
            "record_sources",
            f.record_sources
                .iter()
                .map(|(source, n)| {
                    let name = if source.is_empty() {
                        "not stated"
                    } else {
                        source
                    };
                    (name.to_owned(), json!(n))
                })
                .collect::<Map<_, _>>()
                .into(),
        );
        put(
            "period",
            json!(self.days().map(|(a, b)| format!("{a}/{b}"))),
        );
        put(
            "study_area",
            match f.study_area_m2 {
                None => json!("none named: the ground that the records reach"),
                Some(m2) => json!({
                    "areas": f.areas.iter().map(|(code, name, vintage)| {
                        json!({ "code": code, "name": name, "boundary": vintage })
                    }).collect::<Vec<_>>(),
                    "area_m2": m2.round(),
                }),
            },
        );
        put(
            "records",
            json!({
                "selected": f.selected,
                "outside_study_area": f.beyond,
                "without_location": f.unlocated,
                "of_unknown_offence": f.unknown_kind,
            }),
        );
        put("resolved", resolved(findings));
        put(
            "plane",
            json!("EPSG:27700 (OSTN15); areas and distances in grid metres"),
        );
        put("caveats", json!(caveats));
        put("marking", json!(self.request.marking));
        p
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
        vec![
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
            text(caveats.join("; ")),
            self.request
                .marking
                .clone()
                .map_or(Value::Null, Value::Text),
            Value::Text(self.run.to_owned()),
        ]
    }

    fn hotspots(&self, cut: &hotspots::Outcome) -> Vec<Feature> {
        cut.hotspots
            .iter()
            .map(|h| {
                let mut caveats = Vec::new();
                if h.edge_effect {
                    caveats.push(
                        "no data beyond the study area's boundary: density near it is too low"
                            .to_owned(),
                    );
                }
                let stations = h
                    .facts
                    .location_basis
                    .iter()
                    .find(|b| b.0 == LocationBasis::Station);
                if let Some((_, n)) = stations {
                    caveats.push(format!(
                        "{n} of {} records are placed at a police station",
                        h.facts.count
                    ));
                }
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
                    Value::Boolean(h.edge_effect),
                ];
                values.extend(self.place_values(&h.facts, &caveats));
                Feature {
                    id: h.id.clone(),
                    geometry: Geometry::Polygon(h.outline.clone()),
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

    fn cells(&self, cells: &SurfaceCells) -> Vec<Feature> {
        let surface = &cells.surface;
        (0..surface.lattice.len())
            .filter_map(|c| {
                // A cell whose outline cannot be drawn lies off the plane, where none is made.
                let outline = surface.lattice.outline(&[c]).ok()?;
                Some(Feature {
                    id: surface.lattice.name(c),
                    geometry: Geometry::Polygon(outline),
                    values: vec![
                        real(surface.density_per_m2[c] * 1e6),
                        count(cells.counts[c]),
                        metres(cells.areas_m2[c]),
                        Value::Boolean(cells.edge_effect[c]),
                        text(self.caveats.clone()),
                        self.request
                            .marking
                            .clone()
                            .map_or(Value::Null, Value::Text),
                        Value::Text(self.run.to_owned()),
                    ],
                })
            })
            .collect()
    }
}

/// What is to be known before a layer is believed.
fn caveats(facts: &Facts, findings: &Findings) -> Vec<String> {
    let mut list = Vec::new();
    let share = |basis: LocationBasis| {
        let n = facts
            .location_basis
            .iter()
            .find(|b| b.0 == basis)
            .map_or(0, |b| b.1);
        n as f64 / facts.selected.max(1) as f64
    };
    if facts.lens == Lens::PoliceGenerated {
        list.push(
            "police-generated records show where police looked, not where demand is".to_owned(),
        );
    }
    if share(LocationBasis::SnapPoint) > 0.0 {
        list.push("positions are anonymous map points that stand for eight or more addresses or none: no place here is an address".to_owned());
    }
    let open_data = facts.record_sources.iter().any(|s| s.0 == OPEN_DATA_SOURCE);
    if open_data && facts.record_sources.len() > 1 {
        list.push("open data and other records are counted together: the same incident may be counted twice; select record_sources".to_owned());
    }
    if facts.month_only > 0 {
        list.push(
            "records are dated to the month: no day or hour can be read from them".to_owned(),
        );
    }
    let located = (facts.selected + facts.beyond) as f64;
    if facts.unlocated > 0 && located / (located + facts.unlocated as f64) < GEOCODING_FLOOR {
        list.push(format!(
            "{} records have no location, more than 15 % of the selection: the map may mislead",
            facts.unlocated
        ));
    }
    if facts.unknown_kind > 0 {
        list.push(format!("{} records of the period have an offence that the policy table does not know; they are not in any group", facts.unknown_kind));
    }
    if facts.selected < SMALL_BASE {
        list.push(format!(
            "only {} records: read counts, not shares",
            facts.selected
        ));
    }
    let surface = match findings {
        Findings::Hotspots { surface, .. } => Some(surface),
        Findings::Surface(cells) => Some(&cells.surface),
        Findings::RepeatLocations(_) => None,
    };
    if let Some((surface, h)) = surface.and_then(|s| Some((s, s.bandwidth_m?))) {
        let sigma = h / surface.kernel.radius_per_sigma();
        let spacing = surface.lattice.tiling.spacing_m();
        if sigma * isopleth_core::kernel::Kernel::Quartic.radius_per_sigma() < 2.0 * spacing {
            list.push("the bandwidth is below two cell spacings: the surface is coarse".to_owned());
        }
    }
    list
}

/// The parameters as resolved.
fn resolved(findings: &Findings) -> Json {
    let surface = |s: &isopleth_core::methods::kernel_density::Outcome| {
        let mut r = Map::new();
        r.insert("kernel".into(), json!(s.kernel.name()));
        r.insert("bandwidth_m".into(), json!(s.bandwidth_m));
        r.insert("cells".into(), json!(s.lattice.len()));
        r.insert(
            "cell_spacing_m".into(),
            json!((s.lattice.tiling.spacing_m() * 10.0).round() / 10.0),
        );
        if let Some(c) = &s.choice {
            let cm = |v: f64| (v * 100.0).round() / 100.0;
            r.insert(
                "bandwidth_rule".into(),
                json!({
                    "decided_by": c.decided_by.words(),
                    "sigma_m": cm(c.sigma_m),
                    "likelihood_sigma_m": cm(c.likelihood_m),
                    "floor_sigma_m": cm(c.floor_m),
                    "cap_sigma_m": cm(c.cap_m),
                    "distinct_locations": c.locations,
                    "likelihood_evaluated_at": c.evaluated,
                }),
            );
        }
        r
    };
    let made = match findings {
        Findings::Surface(cells) => surface(&cells.surface),
        Findings::Hotspots { surface: s, cut } => {
            let mut r = surface(s);
            r.insert("threshold_per_km2".into(), json!(cut.threshold_per_km2));
            r.insert(
                "left_out_below_min_count".into(),
                json!(cut.below_min_count),
            );
            r.insert("left_out_beyond_max".into(), json!(cut.beyond_max));
            r
        }
        Findings::RepeatLocations(found) => {
            let mut r = Map::new();
            r.insert(
                "incidents_at_repeat_locations".into(),
                json!(found.incidents),
            );
            r.insert("left_out_beyond_max".into(), json!(found.beyond_max));
            r
        }
    };
    Json::Object(made)
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

fn hotspot_columns() -> Vec<Column> {
    use ColumnType::{Boolean, Integer, Real, Text};
    let mut columns = vec![
        column("rank", Integer, None, "Place in the ranking, from 1."),
        column(
            "name",
            Text,
            None,
            "Commonest place text, and the ward of the densest cell. A label, not an address.",
        ),
        column(
            "area_m2",
            Real,
            Some("m²"),
            "Area of the outline in the National Grid.",
        ),
        column(
            "density_per_km2",
            Real,
            Some("1/km²"),
            "Incidents per km² of the hotspot: count divided by area.",
        ),
        column(
            "peak_density_per_km2",
            Real,
            Some("1/km²"),
            "Highest density of the kernel surface inside.",
        ),
        column(
            "share_of_incidents",
            Real,
            None,
            "Share of the selected incidents of the study area, 0 to 1.",
        ),
        column(
            "share_of_area",
            Real,
            None,
            "Share of the study area, 0 to 1; null where none is named.",
        ),
        column(
            "pai",
            Real,
            None,
            "Share of incidents over share of area, in sample; null where no study area is named.",
        ),
        column(
            "repeat_locations",
            Integer,
            None,
            "Locations inside with two or more of the incidents.",
        ),
        column(
            "edge_effect",
            Boolean,
            None,
            "Near the study area's boundary with no data beyond it: the density is too low there.",
        ),
    ];
    columns.extend(place_columns());
    columns
}

fn repeat_columns() -> Vec<Column> {
    use ColumnType::{Integer, Real, Text};
    let mut columns = vec![
        column("rank", Integer, None, "Place in the ranking, from 1."),
        column(
            "name",
            Text,
            None,
            "Commonest place text and ward; says what the position stands for unless it is an address.",
        ),
        column(
            "place_kind",
            Text,
            None,
            "What the position stands for, in words.",
        ),
        column(
            "latest",
            Text,
            None,
            "Start of the latest incident, local civil time; midnight for records without an hour.",
        ),
        column(
            "radius_m",
            Real,
            Some("m"),
            "Distance from the point to the farthest location merged into it; 0 where none is.",
        ),
        column(
            "distinct_addresses",
            Integer,
            None,
            "Distinct property reference numbers among the incidents; 0 where the source has none.",
        ),
        column(
            "station_stack",
            Text,
            None,
            "declared, recorded or suspected where records look placed at a police station; null elsewhere.",
        ),
    ];
    columns.extend(place_columns());
    columns
}

fn place_columns() -> Vec<Column> {
    use ColumnType::{Date, Integer, Text};
    vec![
        column(
            "count",
            Integer,
            None,
            "Selected incidents inside, by plain geometry.",
        ),
        column(
            "count_reported",
            Integer,
            None,
            "Incidents of the same groups and period that somebody reported.",
        ),
        column(
            "count_police_generated",
            Integer,
            None,
            "Incidents of the same groups and period that exist because police looked.",
        ),
        column(
            "distinct_days",
            Integer,
            None,
            "Calendar days on which the incidents began; null where any is known to the month only.",
        ),
        column(
            "distinct_months",
            Integer,
            None,
            "Calendar months in which the incidents began.",
        ),
        column(
            "distinct_locations",
            Integer,
            None,
            "Distinct locations of the incidents.",
        ),
        column(
            "period_from",
            Date,
            None,
            "First day of the period asked for, or of the earliest incident.",
        ),
        column(
            "period_to",
            Date,
            None,
            "Last day of the period asked for, or of the latest incident.",
        ),
        column(
            "first_day",
            Date,
            None,
            "First day that the earliest incident may have happened on.",
        ),
        column(
            "last_day",
            Date,
            None,
            "Last day that the latest incident may have happened on.",
        ),
        column(
            "previous_count",
            Integer,
            None,
            "The same selection in the period of equal length just before; null where the data does not cover it.",
        ),
        column(
            "same_period_last_year_count",
            Integer,
            None,
            "The same selection in the same dates a year earlier; null where the data does not cover it.",
        ),
        column(
            "top_offences",
            Text,
            None,
            "The three most frequent offences with their numbers.",
        ),
        column(
            "location_basis",
            Text,
            None,
            "What the positions stand for, with numbers.",
        ),
        column(
            "caveats",
            Text,
            None,
            "What is to be known before this is believed.",
        ),
        column(
            "marking",
            Text,
            None,
            "Protective marking asked for; null where none is.",
        ),
        column(
            "run",
            Text,
            None,
            "Id of the run: the same request on the same data by the same engine.",
        ),
    ]
}

fn cell_columns() -> Vec<Column> {
    use ColumnType::{Boolean, Integer, Real, Text};
    vec![
        column(
            "density_per_km2",
            Real,
            Some("1/km²"),
            "Kernel density at the cell's centre.",
        ),
        column("count", Integer, None, "Selected incidents in the cell."),
        column(
            "area_m2",
            Real,
            Some("m²"),
            "The cell's own area in the National Grid.",
        ),
        column(
            "edge_effect",
            Boolean,
            None,
            "Near the study area's boundary with no data beyond it: the density is too low there.",
        ),
        column(
            "caveats",
            Text,
            None,
            "What is to be known before this is believed.",
        ),
        column(
            "marking",
            Text,
            None,
            "Protective marking asked for; null where none is.",
        ),
        column(
            "run",
            Text,
            None,
            "Id of the run: the same request on the same data by the same engine.",
        ),
    ]
}

fn column(name: &str, kind: ColumnType, unit: Option<&str>, meaning: &str) -> Column {
    Column {
        name: name.into(),
        kind,
        unit: unit.map(Into::into),
        meaning: meaning.into(),
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
