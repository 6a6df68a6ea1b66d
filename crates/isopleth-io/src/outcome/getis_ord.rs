//! Gi*, cell by cell.

use geo::Geometry;
use isopleth_core::local_association::{
    Floor, Ground, PValue, Permutation, Scheme, Sides, Statistic,
};
use isopleth_core::methods::getis_ord::{self, Cell};
use isopleth_core::statistics::Correction;
use isopleth_core::study_cells::Shape;
use serde_json::{Map, Value as Json, json};

use super::place::{at_a_station, place_columns};
use super::values::{column, count, metres, optional, optional_real, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for getis_ord::Outcome {
    fn what(&self) -> &'static str {
        match (self.params.cells_shown, self.against.is_some()) {
            (isopleth_core::local_association::CellsShown::All, _) => "cells tested for hotspots",
            (_, false) => "significant cells",
            (_, true) => "cells with more than their share of another period",
        }
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Polygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real};
        let star = self.params.statistic == Statistic::GiStar;
        let mut columns = vec![
            column("rank", Integer, None, "Place in the ranking by z, from 1."),
            column(
                "class",
                ColumnType::Text,
                None,
                "hot_99, hot_95, hot_90: unusually much in the neighbourhood, adjusted p at most 0.01, 0.05, 0.10; cold likewise; not_significant; null where there is no p.",
            ),
            column(
                "significant",
                ColumnType::Boolean,
                None,
                "Whether adjusted p is at most the level, on a side asked for.",
            ),
            column(
                "hotspot",
                Integer,
                None,
                "Number of the connected group of significant hot cells that it belongs to, by count; null elsewhere.",
            ),
            column(
                "z",
                Real,
                None,
                if star {
                    "Gi*: the neighbourhood's count, the cell's own in it, standardised; null where it is not defined."
                } else {
                    "Gi: the count of the cell's neighbours, standardised; null where it is not defined."
                },
            ),
            column("p", Real, None, "Two-sided p of the cell alone."),
            column(
                "p_adjusted",
                Real,
                None,
                "p adjusted over all cells of the map.",
            ),
        ];
        if let Some(shuffle) = shuffles(self.params.p_value) {
            columns.push(match shuffle.scheme.unwrap_or(Scheme::of(self.params.statistic)) {
                Scheme::Total => column(
                    "p_family",
                    Real,
                    None,
                    "Share of shuffles in which any cell of the map has so great a |z|: p adjusted over the map.",
                ),
                Scheme::Conditional => {
                    column("draws", Integer, None, "Draws until p was settled.")
                }
            });
        }
        columns.extend([
            column(
                "neighbourhood_count",
                Integer,
                None,
                "Selected incidents in the neighbourhood.",
            ),
            column(
                "neighbourhood_expected",
                Real,
                None,
                "So many would be the neighbourhood's share.",
            ),
            column(
                "neighbours",
                Integer,
                None,
                "Neighbouring cells in the study area, itself not counted.",
            ),
        ]);
        if self.against.is_some() {
            columns.extend([
                column(
                    "against_count",
                    Integer,
                    None,
                    "Incidents of the other period in the cell.",
                ),
                column(
                    "neighbourhood_against_count",
                    Integer,
                    None,
                    "Incidents of the other period in the neighbourhood.",
                ),
            ]);
        }
        columns.push(column(
            "area_m2",
            Real,
            Some("m²"),
            "The cell's own area in the National Grid.",
        ));
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.cells
            .iter()
            .filter_map(|c| {
                // A cell whose outline cannot be drawn lies off the plane, where none is made.
                let outline = self.ground.study.lattice.outline(&[c.cell]).ok()?;
                Some(Feature {
                    id: self.ground.study.lattice.name(c.cell),
                    geometry: Geometry::Polygon(outline),
                    values: self.values(c, common),
                })
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let p = &self.params;
        let hotspots: Vec<Json> = self
            .hotspots
            .iter()
            .take(MOST_TOLD)
            .map(|h| json!({ "hotspot": h.number, "cells": h.cells.len(), "count": h.count }))
            .collect();
        let mut r = ground_resolved(&self.ground);
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("statistic", json!(p.statistic.name()));
        put(
            "weights",
            json!("binary; row-standardised ones give the same z"),
        );
        put("cells_with_incidents", json!(self.occupied));
        put("incidents_in_cells", json!(self.incidents));
        put(
            "p_value",
            p_resolved(p.p_value, p.statistic, self.against.is_some()),
        );
        put("p_is", json!("two-sided: twice the smaller tail"));
        put("correction", json!(p.correction.name()));
        put("tests", json!(self.tests));
        put("level", json!(p.level));
        put("significant_hot_cells", json!(self.significant.0));
        put("significant_cold_cells", json!(self.significant.1));
        put("cold_cells_are", json!(sides_words(p.sides)));
        put("hotspots", json!(self.hotspots.len()));
        put("hotspots_by_count", json!(hotspots));
        if let Some(floor) = self.floor {
            put("floor_of_p", floor_resolved(floor));
        }
        if let Some(a) = &self.against {
            put(
                "against",
                json!({
                    "period": a.period.to_string(),
                    "incidents": a.incidents,
                    "records_of_both_periods_that_count_as_selected": a.in_both,
                    "months": a.months.0,
                    "months_without_any_record": a.months.1,
                }),
            );
        }
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = ground_caveats(&self.ground);
        list.extend(p_caveats(
            self.params.p_value,
            self.params.correction,
            self.floor,
        ));
        if let PValue::Permutation(shuffle) = self.params.p_value
            && shuffle.scheme == Some(Scheme::Conditional)
            && self.params.statistic == Statistic::GiStar
        {
            list.push("conditional permutation does not see the cell's own count: a busy cell alone among quiet ones is not unusual to it".to_owned());
        }
        match &self.against {
            None => list.push(
                "a significant cell is one with more than cells at random would have, which is first of all where people are; it is no rate and says nothing of change".to_owned(),
            ),
            Some(a) => {
                list.push(
                    "significant cells have more than their share of what was recorded in both periods together; where everything grew alike none has".to_owned(),
                );
                if a.months.1 > 0 {
                    list.push(format!(
                        "in {} of {} months of the period held against, the data has no record of any kind in the study area",
                        a.months.1, a.months.0
                    ));
                }
            }
        }
        if self.tests == 0 {
            list.push("all cells have the same count: nothing can be tested".to_owned());
        }
        list
    }
}

/// Hotspots told in provenance.
const MOST_TOLD: usize = 50;

trait Values {
    fn values(&self, cell: &Cell, common: &Common) -> Vec<Value>;
}

impl Values for getis_ord::Outcome {
    fn values(&self, c: &Cell, common: &Common) -> Vec<Value> {
        let mut values = vec![
            count(c.rank),
            c.class
                .map_or(Value::Null, |k| Value::Text(k.name().to_owned())),
            Value::Boolean(c.significant),
            optional(c.hotspot),
            optional_real(c.z),
            optional_real(c.p),
            optional_real(c.p_adjusted),
        ];
        if let Some(shuffle) = shuffles(self.params.p_value) {
            values.push(
                match shuffle.scheme.unwrap_or(Scheme::of(self.params.statistic)) {
                    Scheme::Total => optional_real(c.p_family),
                    Scheme::Conditional => optional(c.draws),
                },
            );
        }
        values.extend([
            Value::Integer(c.neighbourhood_count as i64),
            optional_real(c.neighbourhood_expected),
            count(c.neighbours),
        ]);
        if let Some((own, around)) = c.against {
            values.extend([count(own), Value::Integer(around as i64)]);
        }
        values.push(metres(c.area_m2));
        let own: Vec<String> = c.facts.iter().filter_map(at_a_station).collect();
        values.extend(common.place_values_if_any(c.facts.as_ref(), &own));
        values
    }
}

pub(super) fn shuffles(p: PValue) -> Option<Permutation> {
    match p {
        PValue::Permutation(shuffle) => Some(shuffle),
        _ => None,
    }
}

/// Cells and neighbourhoods as resolved.
pub(super) fn ground_resolved(ground: &Ground) -> Map<String, Json> {
    use isopleth_core::lattice::Tiling;
    let tiling = ground.tiling();
    let cells = match tiling {
        Tiling::H3(r) => format!("H3 cells of resolution {}", u8::from(r)),
        Tiling::Square(side) => format!("squares of {side} m"),
    };
    let shape = match tiling {
        Tiling::H3(_) => Shape::H3,
        Tiling::Square(_) => Shape::Square,
    };
    let entries = [
        ("cells", json!(ground.study.len())),
        ("cells_are", json!(cells)),
        ("cells_shape", json!(shape)),
        (
            "cell_spacing_m",
            json!((tiling.spacing_m() * 10.0).round() / 10.0),
        ),
        ("neighbours", json!(ground.reach)),
        ("pairs_of_neighbours", json!(ground.neighbours.pairs())),
        ("incidents_at_map_points", json!(ground.snap_points)),
        (
            "median_spacing_of_map_points_m",
            json!(ground.snap_spacing_m.map(|m| (m * 10.0).round() / 10.0)),
        ),
    ];
    entries
        .map(|(k, v)| (k.to_owned(), v))
        .into_iter()
        .collect()
}

pub(super) fn ground_caveats(ground: &Ground) -> Vec<String> {
    let Some(spacing) = ground
        .snap_spacing_m
        .filter(|_| ground.finer_than_snap_points())
    else {
        return Vec::new();
    };
    vec![format!(
        "cells are {:.0} m apart and the anonymous map points that records lie on {spacing:.0} m: counts of cells say how the points were chosen; take larger cells",
        ground.tiling().spacing_m()
    )]
}

pub(super) fn p_resolved(p: PValue, statistic: Statistic, against: bool) -> Json {
    match p {
        PValue::Exact if against => {
            json!({ "from": "exact", "null": "the times of all records permuted over their places: hypergeometric" })
        }
        PValue::Exact => json!({
            "from": "exact",
            "null": match statistic {
                Statistic::GiStar => "all permutations of the counts over the cells",
                Statistic::Gi => "all permutations of the counts that leave the cell's own where it is",
            },
        }),
        PValue::Analytic => json!({ "from": "analytic", "null": "z is normal" }),
        PValue::Permutation(s) => {
            let scheme = s.scheme.unwrap_or(Scheme::of(statistic));
            let mut of = json!({
                "from": "permutation",
                "scheme": scheme.name(),
                "permutations": s.permutations,
                "seed": s.seed,
            });
            if scheme == Scheme::Conditional {
                of["exceedances"] = json!(s.exceedances.unwrap_or(20));
                of["shared_by"] = json!("cells of the same own count and number of neighbours");
            }
            of
        }
    }
}

pub(super) fn floor_resolved(floor: Floor) -> Json {
    json!({ "least_two_sided_p": short(floor.p), "cells_at_it_before_any_is_significant": floor.cells })
}

pub(super) fn p_caveats(p: PValue, correction: Correction, floor: Option<Floor>) -> Vec<String> {
    let mut list = Vec::new();
    if p == PValue::Analytic {
        list.push("p takes z for normal, which sums of skewed counts are not: it finds too much on the hot side; \"p_value\": \"exact\" does not".to_owned());
    }
    if correction == Correction::None {
        list.push("p is not adjusted for the number of cells: one in twenty is significant at 0.05 where there is nothing".to_owned());
    }
    if let Some(floor) = floor.filter(|f| f.cells > 1) {
        list.push(format!(
            "no p of so many permutations is below {}: fewer than {} unusual cells would not be found",
            short(floor.p),
            floor.cells
        ));
    }
    list
}

pub(super) fn sides_words(sides: Sides) -> &'static str {
    match sides {
        Sides::Hot => "counted, not shown unless all cells are",
        Sides::Both => "shown",
    }
}
