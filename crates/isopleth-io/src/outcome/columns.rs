//! The columns of layers: names, units, meanings.

use crate::layer::{Column, ColumnType};

pub(super) fn hotspot_columns() -> Vec<Column> {
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
            "cut_at_boundary",
            Boolean,
            None,
            "The boundary of the study area cuts through it: outline, count and area are those of the ground inside.",
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

pub(super) fn repeat_columns() -> Vec<Column> {
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

pub(super) fn event_columns() -> Vec<Column> {
    use ColumnType::{Date, Integer, Text};
    let counted = |name, meaning| column(name, Integer, None, meaning);
    let mut columns = vec![
        column(
            "role",
            Text,
            None,
            "originator (others follow, none came before), near_repeat or repeat (follows one within the near or the repeat distance), same_day (all near it are of its day: order unknown).",
        ),
        column("offence", Text, None, "Offence of the record."),
        column("place", Text, None, "Place text of the record."),
        column(
            "place_kind",
            Text,
            None,
            "What the position stands for, in words.",
        ),
        column(
            "first_day",
            Date,
            None,
            "First day that the incident may have happened on, which counts.",
        ),
        column(
            "last_day",
            Date,
            None,
            "Last day that the incident may have happened on.",
        ),
        counted(
            "repeats_before",
            "Earlier incidents within the repeat distance and the days.",
        ),
        counted(
            "near_before",
            "Earlier incidents within the near distance and the days, beyond the repeat distance.",
        ),
        counted(
            "repeats_after",
            "Later incidents within the repeat distance and the days.",
        ),
        counted(
            "near_after",
            "Later incidents within the near distance and the days, beyond the repeat distance.",
        ),
        counted(
            "same_day",
            "Incidents of the same day within the near distance; their order is not known.",
        ),
        column(
            "days_since",
            Integer,
            Some("d"),
            "Days since the latest of the earlier ones; null where there is none.",
        ),
    ];
    columns.extend(closing_columns());
    columns
}

pub(super) fn cluster_columns() -> Vec<Column> {
    use ColumnType::{Boolean, Integer, Real, Text};
    let mut columns = vec![
        column("rank", Integer, None, "Place in the ranking, from 1."),
        column(
            "name",
            Text,
            None,
            "Commonest place text, and the ward of the most frequent location. A label, not an address.",
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
            "Incidents of the cluster per km² of its outline: count divided by area.",
        ),
        column(
            "count_inside_outline",
            Integer,
            None,
            "Selected incidents inside the outline by plain geometry, the cluster's own, noise and other clusters' together.",
        ),
        column(
            "share_of_incidents",
            Real,
            None,
            "Share of the selected incidents of the study area, 0 to 1.",
        ),
        column(
            "core_locations",
            Integer,
            None,
            "Locations with the least count within the radius; the others are at the cluster's border.",
        ),
        column(
            "repeat_locations",
            Integer,
            None,
            "Locations of the cluster with two or more of the incidents.",
        ),
        column(
            "outline",
            Text,
            None,
            "How the outline was drawn: convex_hull, concave_hull, buffer (discs of the radius) or h3_cells.",
        ),
        column(
            "ellipse_semi_major_m",
            Real,
            Some("m"),
            "Standard deviational ellipse: half its long axis; null for fewer than three locations.",
        ),
        column(
            "ellipse_semi_minor_m",
            Real,
            Some("m"),
            "Standard deviational ellipse: half its short axis; null for fewer than three locations.",
        ),
        column(
            "ellipse_rotation_deg",
            Real,
            Some("°"),
            "Direction of the long axis, clockwise from grid north, 0 to 180; null where there is none.",
        ),
        column(
            "edge_effect",
            Boolean,
            None,
            "No farther from the study area's boundary than the radius: the cluster may go on beyond it.",
        ),
    ];
    columns.extend(place_columns());
    for c in &mut columns {
        let meaning = match c.name.as_str() {
            "count" => {
                "Selected incidents at the cluster's own locations, not all that lie inside the outline."
            }
            "count_reported" => {
                "Incidents of the same groups and period at its locations that somebody reported."
            }
            "count_police_generated" => {
                "Incidents of the same groups and period at its locations that exist because police looked."
            }
            "previous_count" => {
                "The same selection inside the outline in the period of equal length just before, to be held against count_inside_outline; null where the data does not cover it."
            }
            "same_period_last_year_count" => {
                "The same selection inside the outline in the same dates a year earlier, to be held against count_inside_outline; null where the data does not cover it."
            }
            _ => continue,
        };
        c.meaning = meaning.into();
    }
    columns
}

fn place_columns() -> Vec<Column> {
    use ColumnType::{Date, Integer, Text};
    let mut columns = vec![
        column(
            "count",
            Integer,
            None,
            "Selected incidents of the place; for a hotspot those inside its outline, by plain geometry.",
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
    ];
    columns.extend(closing_columns());
    columns
}

pub(super) fn cell_columns() -> Vec<Column> {
    use ColumnType::{Boolean, Integer, Real};
    let mut columns = vec![
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
    ];
    columns.extend(closing_columns());
    columns
}

/// What every feature of every layer closes with.
fn closing_columns() -> [Column; 3] {
    use ColumnType::Text;
    [
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
