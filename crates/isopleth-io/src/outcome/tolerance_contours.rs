//! Where one density is raised or lowered against another.

use geo::Geometry;
use isopleth_core::methods::dual_density::ToleranceContours;
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{column, count, metres, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for ToleranceContours {
    fn what(&self) -> &'static str {
        self.of.what()
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real, Text};
        let mut columns = vec![
            column(
                "direction",
                Text,
                None,
                "raised: the selection is denser against the other side than labels at random make it; lowered: less dense.",
            ),
            column(
                "level",
                Real,
                None,
                "Level of the contour: labels at random make a cell as extreme, either way, in at most this share of draws. Each cell by itself.",
            ),
            column(
                "count",
                Integer,
                None,
                "Selected incidents inside the outline, by plain geometry.",
            ),
            column(
                "count_against",
                Integer,
                None,
                "Incidents or sites of the other side in its cells.",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Area of the outline in the National Grid.",
            ),
            column("cells", Integer, None, "Cells within the contour."),
            column(
                "cut_at_boundary",
                Boolean,
                None,
                "The boundary of the study area cuts through it.",
            ),
            column(
                "edge_effect",
                Boolean,
                None,
                "Some of it near the study area's boundary with no data beyond it: both densities are too low there.",
            ),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.contours
            .iter()
            .map(|c| {
                let mut values = vec![
                    Value::Text(c.direction.name().to_owned()),
                    real(c.level),
                    count(c.count),
                    count(c.count_against),
                    metres(c.area_m2),
                    count(c.cells),
                    Value::Boolean(c.cut_at_boundary),
                    Value::Boolean(c.edge_effect),
                ];
                values.extend(common.closing_values(common.caveats.clone()));
                Feature {
                    id: c.id.clone(),
                    geometry: Geometry::MultiPolygon(c.outline.clone()),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = self.of.resolved();
        let drawn: Vec<&str> = self.contours.iter().map(|c| c.id.as_str()).collect();
        r.insert("tolerance_levels".into(), json!(self.levels));
        r.insert("tolerance_contours_with_ground".into(), json!(drawn));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = self.of.caveats();
        list.push("tolerance contours test each cell by itself: about the level's share of all ground lies within one by chance; the cells' p_adjusted is corrected for that".to_owned());
        list
    }
}
