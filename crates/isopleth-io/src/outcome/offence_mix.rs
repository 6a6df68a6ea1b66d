//! Offence mixes.

use isopleth_core::methods::offence_mix;
use isopleth_core::statistics::LEAST_BASE;
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{column, list, nowhere, number, optional_real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::{some, thousands};

impl Table for offence_mix::Outcome {
    fn what(&self) -> &'static str {
        "offence mix"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column(
                "part",
                Text,
                None,
                "The sub-type, term or group; null for records whose source says none.",
            ),
            column("numerator", Integer, None, "Incidents of the part."),
            column(
                "denominator",
                Integer,
                None,
                "Incidents of all known parts; null for those that are not known.",
            ),
            column(
                "share",
                Real,
                None,
                "Numerator over denominator, 0 to 1; null on a denominator below 20.",
            ),
            column(
                "share_low",
                Real,
                None,
                "Low end of the 95 % interval of the share (Wilson).",
            ),
            column("share_high", Real, None, "High end of it."),
            column(
                "definition",
                Text,
                None,
                "What the part and the denominator are made of, in the source's own terms.",
            ),
            column("reason", Text, None, "Why no share is told."),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let denominator = list(self.terms.iter().cloned());
        self.parts
            .iter()
            .enumerate()
            .map(|(i, part)| {
                let known = part.name.is_some();
                let of = if known {
                    format!("({}) of ({denominator})", list(part.terms.iter().cloned()))
                } else {
                    list(part.terms.iter().cloned())
                };
                let reason = match (known, part.share) {
                    (false, _) => {
                        Some("the source does not say which part these belong to".to_owned())
                    }
                    (true, None) => Some(format!("no share on a base below {LEAST_BASE}")),
                    (true, Some(_)) => None,
                };
                let mut values = vec![
                    part.name.clone().map_or(Value::Null, Value::Text),
                    number(part.numerator),
                    if known {
                        number(part.denominator)
                    } else {
                        Value::Null
                    },
                    optional_real(part.share),
                    optional_real(part.interval.map(|i| i.0)),
                    optional_real(part.interval.map(|i| i.1)),
                    Value::Text(of),
                    reason.map_or(Value::Null, Value::Text),
                ];
                values.extend(common.closing_values(common.caveats.clone()));
                Feature {
                    id: format!("part-{}", i + 1),
                    geometry: nowhere(),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        r.insert("known".into(), json!(self.known));
        r.insert("not_known".into(), json!(self.unknown));
        r.insert("denominator_terms".into(), json!(self.terms));
        r.insert(
            "interval".into(),
            json!("Wilson 95 %, without continuity correction"),
        );
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        if self.unknown > 0 {
            list.push(format!(
                "{} no sub-type, for want of one in the source: shares are of the other {}",
                some(self.unknown, "record says", "records say"),
                thousands(self.known)
            ));
        }
        list
    }
}
