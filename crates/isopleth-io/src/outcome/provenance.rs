//! What travels with a layer: how it was made, and what is to be known before it is believed.

use isopleth_core::domain::{Lens, LocationBasis, OPEN_DATA_SOURCE, format_day};
use isopleth_core::methods::knox;
use isopleth_core::{Facts, Findings, Snapshot};
use serde_json::{Map, Value as Json, json};

use super::Common;

/// A layer's name for a base below which no percentage is meant.
const SMALL_BASE: u64 = 20;

/// Share of located records below which a map is known to mislead (Ratcliffe 2004).
const GEOCODING_FLOOR: f64 = 0.85;

impl Common<'_> {
    pub(super) fn provenance(
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
        put(
            "period_rule",
            json!("a record counts in the period that it may have begun in first"),
        );
        put("caveats", json!(caveats));
        put("marking", json!(self.request.marking));
        p
    }
}

/// What is to be known before a layer is believed.
pub(super) fn caveats(facts: &Facts, findings: &Findings) -> Vec<String> {
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
    if !facts.has_records {
        list.push(
            "the data has no record of any kind in the study area: zero means not supplied"
                .to_owned(),
        );
    } else if let Some((months, missing @ 1..)) = facts.months {
        list.push(format!("the data has no record of any kind in the study area in {missing} of the {months} months of the period: zero there means not supplied"));
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
    if let Findings::Knox(found) = findings {
        list.extend(knox_caveats(found));
    }
    let surface = match findings {
        Findings::Hotspots { surface, .. } => Some(surface),
        Findings::Surface(cells) => Some(&cells.surface),
        Findings::RepeatLocations(_) | Findings::Knox(_) | Findings::Clusters(_) => None,
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
        Findings::Knox(found) => knox_table(found),
        Findings::RepeatLocations(found) => {
            let mut r = Map::new();
            r.insert(
                "incidents_at_repeat_locations".into(),
                json!(found.incidents),
            );
            r.insert("left_out_beyond_max".into(), json!(found.beyond_max));
            r
        }
        Findings::Clusters(found) => {
            let mut r = Map::new();
            r.insert("radius_m".into(), json!(found.params.radius_m));
            r.insert("min_count".into(), json!(found.params.min_count));
            r.insert("metric".into(), json!(found.params.metric.name()));
            r.insert(
                "clusters".into(),
                json!(found.clusters.len() as u64 + u64::from(found.beyond_max)),
            );
            r.insert("incidents_in_clusters".into(), json!(found.incidents));
            r.insert("noise_incidents".into(), json!(found.noise_incidents));
            r.insert("noise_locations".into(), json!(found.noise_locations));
            r.insert("left_out_beyond_max".into(), json!(found.beyond_max));
            r
        }
    };
    Json::Object(made)
}

fn knox_caveats(found: &knox::Outcome) -> Vec<String> {
    let mut list = Vec::new();
    if found.snap_points > 0 {
        list.push("near repeats between map points, which the request allowed: distances are those of a list of points, and repeats are artefacts of it".to_owned());
    }
    if found.table.same_place_same_day > 0 {
        list.push(format!(
            "{} pairs are of one place and one day: they may be one incident recorded twice",
            found.table.same_place_same_day
        ));
    }
    if found.several_days > 0 {
        list.push(format!(
            "{} records may have happened on any of several days and count on the first",
            found.several_days
        ));
    }
    if found.misplaced > 0 {
        list.push(format!(
            "{} records are placed at a police station or the centre of an area, where distances mean nothing",
            found.misplaced
        ));
    }
    list
}

/// The Knox table, cell by cell, with what is needed to read it.
fn knox_table(found: &knox::Outcome) -> Map<String, Json> {
    let table = &found.table;
    // Ten significant digits, as in the layer's columns.
    let short = |v: f64| format!("{v:.9e}").parse::<f64>().unwrap_or(v);
    let columns = table.columns();
    let cells: Vec<Json> = (0..table.observed.len())
        .map(|cell| {
            json!({
                "distance_m": found.distance.label(cell / columns),
                "days": found.time.label(cell % columns),
                "observed": table.observed[cell],
                "expected": short(table.expected[cell]),
                "ratio": table.ratio(cell).map(short),
                "p": table.p(cell).map(short),
            })
        })
        .collect();
    let mut r = Map::new();
    let mut put = |key: &str, value: Json| {
        r.insert(key.to_owned(), value);
    };
    put(
        "intervals",
        json!("[a, b): from a up to, but not including, b"),
    );
    put("metric", json!(found.metric.name()));
    put("incidents", json!(table.events));
    put("pairs", json!(table.pairs));
    put("pairs_by_distance", json!(table.pairs_by_distance));
    put("pairs_by_days", json!(table.pairs_by_days));
    put(
        "pairs_of_same_place_and_day",
        json!(table.same_place_same_day),
    );
    put(
        "expected_rule",
        json!(
            "exact mean over all orders of the days: pairs by distance times pairs by days over all pairs"
        ),
    );
    put(
        "p_rule",
        json!(table.shuffles.as_ref().map(|s| format!(
            "(1 + shuffles of the days with at least as many pairs) / ({} + 1), seed {}; null where no pair can lie",
            s.replicates, found.seed
        ))),
    );
    put("table", json!(cells));
    put(
        "roles",
        json!({
            "repeat_nearer_than_m": found.reach.repeat,
            "near_repeat_nearer_than_m": found.reach.near,
            "fewer_days_apart_than": found.reach.days,
            "incidents_with_others_near": found.events.len(),
            "incidents_with_none_near": found.alone,
        }),
    );
    r
}
