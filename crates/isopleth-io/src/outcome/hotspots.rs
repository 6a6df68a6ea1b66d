//! Hotspots cut out of a surface.

use geo::Geometry;
use isopleth_core::CutSurface;
use isopleth_core::hotspots::Hotspot;
use isopleth_core::methods::temporal_profile::Peak;
use serde_json::{Map, Value as Json, json};

use super::change::{chart_columns, chart_rule, chart_values, pair_columns, pair_values};
use super::place::{at_a_station, place_columns};
use super::surface::{
    density_column, edge_caveat, edge_meaning, surface_caveats, surface_resolved,
};
use super::temporal_profile::window_words;
use super::values::{column, count, metres, optional_real, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for CutSurface {
    fn what(&self) -> &'static str {
        "hotspots"
    }

    fn geometry(&self) -> GeometryKind {
        if several(self) {
            GeometryKind::MultiPolygon
        } else {
            GeometryKind::Polygon
        }
    }

    fn columns(&self) -> Vec<Column> {
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
                "Incidents per km² of the hotspot: count, with hours expected_count, divided by area.",
            ),
            density_column(
                &self.surface,
                "peak_density_per_km2",
                "Highest density of the kernel surface inside",
            ),
            column(
                "share_of_incidents",
                Real,
                None,
                "Share of the selected incidents of the study area, with hours of the expected ones, 0 to 1.",
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
                "cut_at_boundary",
                Boolean,
                None,
                "The boundary of the study area cuts through it: outline, count and area are those of the ground inside.",
            ),
            column("edge_effect", Boolean, None, edge_meaning(&self.surface)),
            column(
                "stability",
                Real,
                None,
                "Share of perturbed reruns in which the hotspot stays among the first, 0 to 1; null where not asked for.",
            ),
        ];
        columns.extend(pair_columns(
            "previous_",
            "the period of equal length just before",
        ));
        columns.extend(pair_columns("last_year_", "the same dates a year earlier"));
        if self.cut.by_terms.is_some() {
            columns.push(column(
                "term_aligned_count",
                Integer,
                None,
                "Incidents on the days that have a counterpart a school year earlier; null where years cannot be aligned.",
            ));
            columns.push(column(
                "term_aligned_last_year_count",
                Integer,
                None,
                "Incidents on these counterparts: the same weekday of the same week of the same term or holidays.",
            ));
            columns.extend(pair_columns(
                "term_aligned_",
                "the same days of the school year before",
            ));
        }
        if self.cut.months.is_some() {
            columns.extend(chart_columns());
        }
        if self.cut.peak.is_some() {
            columns.extend(peak_columns());
        }
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let several = several(self);
        self.cut.hotspots
            .iter()
            .map(|h| {
                let mut caveats = Vec::new();
                if h.cut_at_boundary {
                    caveats.push("cut at the boundary of the study area, and may go on beyond it".to_owned());
                }
                if h.edge_effect {
                    caveats.push(edge_caveat(&self.surface).to_owned());
                }
                if let Some((share, tested)) = h.stability.zip(self.cut.tested.as_ref()).filter(|s| s.0 < 0.5) {
                    caveats.push(format!(
                        "unstable: among the first {} in only {:.0} % of {} reruns with everything a little different",
                        tested.top,
                        100.0 * share,
                        tested.params.runs,
                    ));
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
                    real(h.facts.expected() / h.area_m2 * 1e6),
                    real(h.peak_density_per_km2),
                    real(h.share_of_incidents),
                    h.share_of_area.map_or(Value::Null, real),
                    h.pai.map_or(Value::Null, real),
                    count(h.facts.repeat_locations),
                    Value::Boolean(h.cut_at_boundary),
                    Value::Boolean(h.edge_effect),
                    h.stability.map_or(Value::Null, real),
                ];
                let missing = "the data does not cover it";
                values.extend(pair_values(h.previous.as_ref(), missing));
                values.extend(pair_values(h.last_year.as_ref(), missing));
                if let Some(by_terms) = &self.cut.by_terms {
                    let whole = |n: u64| Value::Integer(n as i64);
                    let pair = h.by_terms.as_ref();
                    values.push(pair.map_or(Value::Null, |p| whole(p.now)));
                    values.push(pair.map_or(Value::Null, |p| whole(p.before)));
                    let reason = by_terms.as_ref().err().map(ToString::to_string);
                    values.extend(pair_values(pair, reason.as_deref().unwrap_or(missing)));
                }
                if let Some(chart) = &h.chart {
                    values.extend(chart_values(chart));
                }
                if let Some(peak) = &h.peak {
                    values.extend(peak_values(peak));
                }
                values.extend(common.place_values(&h.facts, &caveats));
                Feature {
                    id: h.id.clone(),
                    geometry: outline(h, several),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = surface_resolved(&self.surface);
        r.insert(
            "threshold_per_km2".into(),
            json!(self.cut.threshold_per_km2),
        );
        r.insert(
            "left_out_below_min_count".into(),
            json!(self.cut.below_min_count),
        );
        r.insert("left_out_beyond_max".into(), json!(self.cut.beyond_max));
        r.insert(
            "comparison_rule".into(),
            json!("p of the E-test on counts over days; a hotspot is where it is because the period was busy there, so fewer before are to be expected and p does not allow for it"),
        );
        if let Some(Ok(terms)) = &self.cut.by_terms {
            let ((days, of), (first, last)) = (terms.days(), terms.earlier());
            r.insert(
                "aligned_by_terms".into(),
                json!({ "days_compared": days, "days_of_the_period": of, "counterparts": format!("{first}/{last}") }),
            );
        }
        if let Some(months) = &self.cut.months {
            r.insert("control_chart".into(), chart_rule(months.baseline()));
        }
        if let Some(t) = &self.cut.tested {
            r.insert(
                "stability".into(),
                json!({
                    "rule": "share of reruns in which some group among the first `top` shares with the hotspot at least half of the cells of the smaller of both",
                    "top": t.top,
                    "records": t.records,
                    "months_of_which_one_is_left_out": t.months,
                    "parameters": t.params,
                }),
            );
        }
        r
    }

    fn caveats(&self) -> Vec<String> {
        surface_caveats(&self.surface)
    }
}

fn peak_columns() -> [Column; 7] {
    use ColumnType::{Real, Text};
    [
        column(
            "peak",
            Text,
            None,
            "Busiest window of the week, by the shares of the records' times that lie in it; null where none is told.",
        ),
        column(
            "peak_reason",
            Text,
            None,
            "Why no window is told; null where one is.",
        ),
        column(
            "peak_weight",
            Real,
            None,
            "Expected number of its incidents in the window.",
        ),
        column(
            "peak_share",
            Real,
            None,
            "The same as a share, 0 to 1; null for fewer than 20 incidents.",
        ),
        column(
            "peak_expected",
            Real,
            None,
            "What an even spread over the week would put into the window.",
        ),
        column(
            "peak_p",
            Real,
            None,
            "Monte Carlo p of a window as busy, anywhere in the week, under an even spread.",
        ),
        column(
            "exact_time_share",
            Real,
            None,
            "Share of its incidents whose time is known to the minute, 0 to 1; null for fewer than 20.",
        ),
    ]
}

fn peak_values(peak: &Result<Peak, String>) -> [Value; 7] {
    match peak {
        Err(reason) => [
            Value::Null,
            Value::Text(reason.clone()),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ],
        Ok(peak) => {
            let w = &peak.window;
            [
                Value::Text(window_words(w)),
                Value::Null,
                real(w.weight),
                optional_real(w.share),
                real(w.expected),
                real(w.p),
                optional_real(peak.exact_share),
            ]
        }
    }
}

/// Whether any hotspot is of several polygons.
fn several(cut: &CutSurface) -> bool {
    cut.cut.hotspots.iter().any(|h| h.outline.0.len() > 1)
}

/// A hotspot's outline; as a set of polygons where any of the layer is one, since a layer has one kind
/// of geometry.
fn outline(h: &Hotspot, several: bool) -> Geometry {
    match h.outline.0.first() {
        Some(one) if !several => Geometry::Polygon(one.clone()),
        _ => Geometry::MultiPolygon(h.outline.clone()),
    }
}
