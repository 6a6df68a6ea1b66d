//! The fixtures are what the generator makes, and what they say about themselves holds.
//!
//! The truths are counted here from the files alone, by plain code that shares nothing with the
//! generator or the product: a truth that the data do not bear out would fail every test built on
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use geo::{Contains, MultiPolygon, Point};
use geojson::{FeatureCollection, GeoJson};
use isopleth_tests::fixtures;
use jiff::civil::{DateTime, Weekday};
use serde_json::Value;

/// Distances here are flat-earth approximations, good to this over some hundred metres.
const TOLERANCE_M: f64 = 1.0;

#[test]
fn regenerating_gives_the_committed_bytes() {
    for (path, made) in fixtures::generate() {
        let committed = fs::read(fixtures::folder().join(&path))
            .unwrap_or_else(|e| panic!("fixtures/{path}: {e}; run `{}`", fixtures::COMMAND));
        assert!(
            committed == made,
            "fixtures/{path} differs from what the generator makes; run `{}`",
            fixtures::COMMAND
        );
    }
}

#[test]
fn generated_folders_hold_nothing_else() {
    let made: BTreeSet<String> = fixtures::generate()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let mut found = Vec::new();
    for folder in fixtures::GENERATED_FOLDERS {
        list_files(&fixtures::folder().join(folder), folder, &mut found);
    }
    for path in found {
        let hand_written = Path::new(&path)
            .extension()
            .is_some_and(|ending| ending == "toml");
        assert!(
            hand_written || made.contains(&path),
            "fixtures/{path} is not a generated file"
        );
    }
}

#[test]
fn fixtures_are_small() {
    let files = fixtures::generate();
    let largest = files.iter().map(|(_, bytes)| bytes.len()).max().unwrap();
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(
        largest < 2_000_000 && total < 6_000_000,
        "largest {largest}, total {total} bytes"
    );
}

#[test]
fn wards_tile_their_boroughs_exactly() {
    let wards = rings("areas/wards.geojson", "BOROUGH_CODE");
    let boroughs = rings("areas/boroughs.geojson", "GSS_CODE");
    assert_eq!((wards.len(), boroughs.len()), (18, 3));
    for (code, outline) in &boroughs {
        let mine: Vec<_> = wards
            .iter()
            .filter(|(of, _)| of == code)
            .map(|(_, r)| r)
            .collect();
        let area: i64 = mine.iter().map(|ring| twice_area(ring)).sum();
        assert_eq!(
            area,
            twice_area(outline),
            "{code}: wards overlap or leave gaps"
        );

        // Inner edges come once in each direction; those that are left make the outline.
        let edges: BTreeSet<_> = mine.iter().flat_map(|ring| directed_edges(ring)).collect();
        let outer: BTreeSet<_> = edges
            .iter()
            .filter(|(a, b)| !edges.contains(&(*b, *a)))
            .copied()
            .collect();
        assert_eq!(
            outer,
            directed_edges(outline).into_iter().collect(),
            "{code}"
        );
    }
    for (_, ring) in wards.iter().chain(&boroughs) {
        assert!(twice_area(ring) > 0, "exterior rings run anticlockwise");
        assert_eq!(ring.first(), ring.last());
    }
}

#[test]
fn street_totals_hold() {
    let (truth, rows) = (truth(), street_rows());
    let total = &truth["street"];
    assert_eq!(count(total, "rows"), rows.len());
    let located: Vec<_> = rows.iter().filter(|row| row.at.is_some()).collect();
    assert_eq!(count(total, "without_location"), rows.len() - located.len());
    assert_eq!(
        count(total, "blank_crime_ids"),
        rows.iter().filter(|row| row.id.is_empty()).count()
    );
    let points: BTreeSet<String> = located.iter().map(|row| row.point_text()).collect();
    assert_eq!(count(total, "distinct_points"), points.len());
    assert_eq!(
        total["by_category"],
        tally(rows.iter().map(|row| row.category.as_str()))
    );

    let boroughs = areas("areas/boroughs.geojson");
    let codes: Vec<_> = located
        .iter()
        .map(|row| holder(&boroughs, row.at.unwrap()).unwrap())
        .collect();
    assert_eq!(
        total["located_by_borough"],
        tally(codes.iter().map(String::as_str))
    );
}

#[test]
fn street_rows_have_the_habits_of_the_published_data() {
    let rows = street_rows();
    let mut ids: BTreeMap<&str, Vec<&StreetRow>> = BTreeMap::new();
    let mut anonymous: BTreeMap<(&str, String, &str), usize> = BTreeMap::new();
    for row in &rows {
        assert_eq!(row.id.is_empty(), row.category == "Anti-social behaviour");
        assert_eq!(row.at.is_none(), row.location == "No Location");
        if row.id.is_empty() {
            assert_eq!(row.outcome, "");
            *anonymous
                .entry((&row.month, row.point_text(), &row.location))
                .or_default() += 1;
        } else {
            ids.entry(&row.id).or_default().push(row);
        }
    }
    assert!(
        anonymous.values().any(|&n| n > 1),
        "some rows are identical in every column"
    );
    let repeated: Vec<_> = ids.values().filter(|rows| rows.len() > 1).collect();
    assert_eq!(
        repeated.len(),
        count(&truth()["street"], "repeated_crime_ids")
    );
    for pair in &repeated {
        assert_eq!(pair.len(), 2);
        assert_eq!(pair[0].month, pair[1].month);
        assert_ne!(pair[0].outcome, pair[1].outcome);
    }
    assert_eq!(
        tally(rows.iter().map(|row| row.category.as_str()))
            .as_object()
            .unwrap()
            .len(),
        14
    );
}

#[test]
fn burglary_clusters_hold_their_counts() {
    let truth = truth();
    let burglaries = located(&street_rows(), |row| row.category == "Burglary");
    let clusters = truth["burglary_clusters"].as_array().unwrap();
    let boroughs = areas("areas/boroughs.geojson");
    for (i, cluster) in clusters.iter().enumerate() {
        assert_eq!(count(cluster, "rank"), i + 1);
        assert_eq!(
            within(&burglaries, cluster, "radius_m"),
            count(cluster, "count")
        );
        assert_eq!(
            within(&burglaries, cluster, "clear_to_m"),
            count(cluster, "count")
        );
        assert_eq!(
            holder(&boroughs, centre(cluster)).unwrap(),
            truth["borough_code"]
        );
        for other in &clusters[i + 1..] {
            assert!(count(other, "count") < count(cluster, "count"));
            assert!(metres(centre(cluster), centre(other)) > 1_200.0);
        }
    }
    let in_borough = burglaries
        .iter()
        .filter(|&&at| holder(&boroughs, at).unwrap() == truth["borough_code"]);
    assert_eq!(
        count(&truth["street"], "burglary_in_borough"),
        in_borough.count()
    );
}

/// The peak of a quartic density over each cluster falls from rank to rank, and nothing elsewhere
/// comes near the fifth.
#[test]
fn burglary_density_ranks_as_planted() {
    let truth = truth();
    let burglaries = located(&street_rows(), |row| row.category == "Burglary");
    let clusters = truth["burglary_clusters"].as_array().unwrap();
    for bandwidth in [200.0, 300.0, 400.0] {
        let mut peaks = vec![0.0_f64; clusters.len()];
        let mut elsewhere = 0.0_f64;
        for &at in &burglaries {
            let density: f64 = burglaries
                .iter()
                .map(|&other| quartic(metres(at, other) / bandwidth))
                .sum();
            let near = |cluster: &Value| metres(at, centre(cluster)) <= 200.0;
            match clusters.iter().position(near) {
                Some(i) => peaks[i] = peaks[i].max(density),
                None => elsewhere = elsewhere.max(density),
            }
        }
        assert!(peaks.is_sorted_by(|a, b| a > b), "{bandwidth} m: {peaks:?}");
        assert!(
            elsewhere < 0.5 * peaks[4],
            "{bandwidth} m: {elsewhere} against {peaks:?}"
        );
    }
}

#[test]
fn ward_spike_stands_alone() {
    let truth = truth();
    let spike = &truth["ward_spike"];
    let by_ward = drugs_by_ward_and_month();
    let code = text(spike, "ward_code");
    assert_eq!(spike["months"], Value::from(by_ward[code].to_vec()));

    let home = truth["borough_code"].as_str().unwrap();
    let wards = rings_by_code("areas/wards.geojson");
    for (ward, months) in &by_ward {
        for month in 12..24 {
            let mean = months[month - 12..month].iter().sum::<usize>() as f64 / 12.0;
            let p = poisson_tail(months[month], mean);
            if ward == code && month == 16 {
                assert_eq!(months[month], count(spike, "count"));
                let stated = spike["poisson_tail"].as_f64().unwrap();
                assert!((p / stated - 1.0).abs() < 0.01, "{p}");
            } else if wards[ward] == home {
                assert!(
                    p > 0.01 / 12.0,
                    "{ward}, month {month}: {} at {mean}: {p}",
                    months[month]
                );
            }
        }
    }
}

#[test]
fn ward_spike_is_one_operation_in_the_force_extract() {
    let truth = truth();
    let spike = &truth["ward_spike"];
    let wards = areas("areas/wards.geojson");
    let records = force_records();
    let mine: Vec<_> = records
        .iter()
        .filter(|record| record.code.starts_with("92"))
        .filter(|record| {
            record
                .at()
                .is_some_and(|at| holder(&wards, at).unwrap() == spike["ward_code"])
        })
        .collect();
    let month = text(spike, "month");
    let in_month: Vec<_> = mine
        .iter()
        .filter(|record| record.from.starts_with(month))
        .collect();
    assert_eq!(in_month.len(), count(spike, "count"));
    let on_the_day: Vec<_> = in_month
        .iter()
        .filter(|record| record.from.starts_with(text(spike, "operation_date")))
        .collect();
    assert_eq!(on_the_day.len(), count(spike, "operation_count"));
    assert!(
        on_the_day
            .iter()
            .all(|record| record.source == "Stop and search")
    );
    let months: Vec<usize> = (0..24)
        .map(|i| format!("{}-{:02}", 2023 + i / 12, i % 12 + 1))
        .map(|month| {
            mine.iter()
                .filter(|record| record.from.starts_with(&month))
                .count()
        })
        .collect();
    assert_eq!(spike["months"], Value::from(months));
}

#[test]
fn repeat_premises_hold_their_counts() {
    let (truth, records) = (truth(), force_records());
    let premises = truth["repeat_premises"].as_array().unwrap();
    let expected = [(40, 7), (24, 24), (10, 10)];
    for (one, (records_expected, days_expected)) in premises.iter().zip(expected) {
        let mine: Vec<_> = records
            .iter()
            .filter(|record| record.uprn == text(one, "uprn"))
            .collect();
        let days: BTreeSet<_> = mine.iter().map(|record| &record.from[..10]).collect();
        let months: BTreeSet<_> = mine.iter().map(|record| &record.from[..7]).collect();
        assert_eq!((mine.len(), days.len()), (records_expected, days_expected));
        assert_eq!(
            (mine.len(), days.len()),
            (count(one, "records"), count(one, "distinct_days"))
        );
        assert_eq!(months.len(), count(one, "distinct_months"));
        assert_eq!(days.first().copied(), Some(text(one, "first")));
        assert_eq!(days.last().copied(), Some(text(one, "last")));
        for record in mine {
            assert_eq!(record.address, text(one, "address"));
            assert_eq!(
                record.grid,
                Some((number(one, "easting"), number(one, "northing")))
            );
        }
    }
    let by_uprn = tally(
        records
            .iter()
            .map(|r| r.uprn.as_str())
            .filter(|uprn| !uprn.is_empty()),
    );
    let mut counts: Vec<u64> = by_uprn
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let station = count(&truth["custody_suite"], "force_records") as u64;
    assert_eq!(counts[..4], [station, 40, 24, 10]);
    assert!(counts[4] < 10);
}

#[test]
fn custody_suite_stack_holds_its_counts() {
    let truth = truth();
    let suite = &truth["custody_suite"];
    let snap = (
        number(suite, "snap_longitude"),
        number(suite, "snap_latitude"),
    );
    let rows = street_rows();
    let here: Vec<_> = rows.iter().filter(|row| row.at == Some(snap)).collect();
    let of = |category: &str| here.iter().filter(|row| row.category == category).count();
    assert_eq!(of("Drugs"), count(suite, "street_drugs"));
    assert_eq!(of("Possession of weapons"), count(suite, "street_weapons"));
    assert_eq!(here.len(), count(suite, "street_rows"));
    assert!(
        here.iter()
            .all(|row| row.location == text(suite, "snap_location"))
    );
    assert!((10.0..20.0).contains(&metres(centre(suite), snap)));

    let records = force_records();
    let mine: Vec<_> = records
        .iter()
        .filter(|r| r.uprn == text(suite, "uprn"))
        .collect();
    assert_eq!(mine.len(), count(suite, "force_records"));
    assert!(
        mine.iter()
            .all(|r| r.source == "Stop and search" && r.is_police_generated())
    );
    let site = parse("sites/police.geojson");
    assert_eq!(
        site["features"][0]["geometry"]["coordinates"],
        serde_json::json!([suite["longitude"], suite["latitude"]])
    );
}

#[test]
fn police_generated_cluster_has_few_reports() {
    let truth = truth();
    let cluster = &truth["police_generated_cluster"];
    let rows = street_rows();
    let drugs = located(&rows, |row| row.category == "Drugs");
    let reported = located(&rows, |row| row.category != "Drugs");
    let records = force_records();
    let found = places(&records, ForceRecord::is_police_generated);
    let told = places(&records, |record| !record.is_police_generated());
    for distance in ["radius_m", "clear_to_m"] {
        assert_eq!(
            within(&drugs, cluster, distance),
            count(cluster, "street_drugs")
        );
        assert_eq!(
            within(&reported, cluster, distance),
            count(cluster, "street_reported")
        );
        assert_eq!(
            within(&found, cluster, distance),
            count(cluster, "force_police_generated")
        );
        assert_eq!(
            within(&told, cluster, distance),
            count(cluster, "force_reported")
        );
    }
}

#[test]
fn border_cluster_lies_on_both_sides() {
    let truth = truth();
    let cluster = &truth["border_cluster"];
    let robberies = located(&street_rows(), |row| row.category == "Robbery");
    let near = |limit: &str| -> Vec<(f64, f64)> {
        let limit = number(cluster, limit) + TOLERANCE_M;
        robberies
            .iter()
            .copied()
            .filter(|&at| metres(at, centre(cluster)) <= limit)
            .collect()
    };
    let boroughs = areas("areas/boroughs.geojson");
    let sides = tally(
        near("radius_m")
            .iter()
            .map(|&at| match holder(&boroughs, at).unwrap() {
                code if code == truth["borough_code"] => "inside",
                code if code == cluster["neighbour_code"] => "outside",
                code => panic!("a robbery in {code}"),
            }),
    );
    assert_eq!(sides["inside"], cluster["inside"]);
    assert_eq!(sides["outside"], cluster["outside"]);
    let both = count(cluster, "inside") + count(cluster, "outside");
    assert_eq!(near("clear_to_m").len(), both);
}

#[test]
fn friday_night_crosses_midnight() {
    let truth = truth();
    let peak = &truth["friday_night"];
    let records = force_records();
    let violence: Vec<_> = records
        .iter()
        .filter(|record| matches!(record.code.as_str(), "8N" | "5D" | "105A"))
        .filter(|record| {
            let limit = number(peak, "clear_to_m") - TOLERANCE_M;
            record
                .at()
                .is_some_and(|at| metres(at, centre(peak)) <= limit)
        })
        .collect();
    assert_eq!(violence.len(), count(peak, "count"));
    let sides: Vec<Option<bool>> = violence.iter().map(|r| friday_night(r)).collect();
    let before = sides.iter().filter(|side| **side == Some(true)).count();
    let after = sides.iter().filter(|side| **side == Some(false)).count();
    assert_eq!(before, count(peak, "before_midnight"));
    assert_eq!(after, count(peak, "after_midnight"));
    assert_eq!(before + after, count(peak, "in_window"));
    let share = (before + after) as f64 / violence.len() as f64;
    assert!((share - number(peak, "share")).abs() < 1e-12);
}

#[test]
fn force_totals_hold() {
    let (truth, records) = (truth(), force_records());
    let total = &truth["force"];
    let number_of =
        |holds: &dyn Fn(&ForceRecord) -> bool| records.iter().filter(|r| holds(r)).count();
    assert_eq!(count(total, "rows"), records.len());
    assert_eq!(
        count(total, "without_location"),
        number_of(&|r| r.grid.is_none())
    );
    assert_eq!(
        count(total, "located_without_uprn"),
        number_of(&|r| r.grid.is_some() && r.uprn.is_empty())
    );
    assert_eq!(
        count(total, "drug_possession"),
        number_of(&|r| r.sub_type == "Possession" && r.code.starts_with("92"))
    );
    assert_eq!(
        count(total, "drug_supply"),
        number_of(&|r| r.sub_type == "Supply")
    );
    assert_eq!(count(total, "day_only"), number_of(&|r| r.from.len() == 10));
    assert_eq!(
        count(total, "interval"),
        number_of(&|r| !r.to.is_empty() && r.to != r.from)
    );
    assert_eq!(
        total["by_code"],
        tally(records.iter().map(|r| r.code.as_str()))
    );
    assert_eq!(
        total["by_source"],
        tally(records.iter().map(|r| r.source.as_str()))
    );
}

#[test]
fn force_times_are_possible() {
    for record in force_records() {
        assert!(
            ("2023-01-01".."2025-01-01").contains(&record.from.as_str()),
            "{}",
            record.from
        );
        assert!(
            record.to.is_empty() || record.to >= record.from,
            "{} {}",
            record.from,
            record.to
        );
        assert!(record.to.as_str() < "2025-01-01");
        for time in [&record.from, &record.to] {
            let left_out = time.starts_with("2023-03-26 01:") || time.starts_with("2024-03-31 01:");
            assert!(!left_out, "{time} does not exist: clocks went forward");
        }
    }
}

#[test]
fn pubs_agree_in_both_reference_systems() {
    let mut pubs = csv::Reader::from_path(fixtures::folder().join("sites/pubs.csv")).unwrap();
    let mut seen = 0;
    for row in pubs.records() {
        let row = row.unwrap();
        let value = |i: usize| row[i].parse::<f64>().unwrap();
        let (e, n) = lonlat_bng::convert_osgb36(value(2), value(3)).unwrap();
        assert!((e - value(4)).hypot(n - value(5)) < 0.2, "{}", &row[0]);
        seen += 1;
    }
    assert_eq!(seen, 30);
    assert_eq!(
        parse("sites/schools.geojson")["features"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
}

/// A test that looks for person values in a store must not find them for another reason.
#[test]
fn person_values_occur_in_their_own_columns_only() {
    let mut reader = csv::Reader::from_path(fixtures::folder().join("force/crimes.csv")).unwrap();
    let header: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        header[12..],
        ["Victim name", "Victim DOB", "Suspect ethnicity"]
    );
    assert_eq!(
        truth()["force"]["person_columns"],
        serde_json::json!(header[12..])
    );
    let (mut persons, mut others) = (BTreeSet::new(), BTreeSet::new());
    for row in reader.records() {
        let row = row.unwrap();
        others.extend((0..12).map(|i| row[i].to_owned()));
        persons.extend(
            (12..15)
                .map(|i| row[i].to_owned())
                .filter(|value| !value.is_empty()),
        );
    }
    assert!(persons.len() > 1_000);
    for person in &persons {
        assert!(
            !others.iter().any(|other| other.contains(person.as_str())),
            "{person}"
        );
    }
}

// Reading ----------------------------------------------------------------------------------------

/// A row of the street files.
struct StreetRow {
    id: String,
    month: String,
    at: Option<(f64, f64)>,
    location: String,
    category: String,
    outcome: String,
}

impl StreetRow {
    fn point_text(&self) -> String {
        format!("{:?}", self.at)
    }
}

fn street_rows() -> Vec<StreetRow> {
    let mut paths = Vec::new();
    list_files(
        &fixtures::folder().join("police_uk"),
        "police_uk",
        &mut paths,
    );
    paths.sort();
    assert_eq!(paths.len(), 24);
    let header = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,\
                  LSOA name,Crime type,Last outcome category,Context";
    let mut rows = Vec::new();
    for path in paths {
        let mut reader = csv::Reader::from_path(fixtures::folder().join(&path)).unwrap();
        assert_eq!(
            reader
                .headers()
                .unwrap()
                .iter()
                .collect::<Vec<_>>()
                .join(","),
            header
        );
        for row in reader.records() {
            let row = row.unwrap();
            assert!(path.contains(&row[1]), "{path} holds {}", &row[1]);
            rows.push(StreetRow {
                id: row[0].to_owned(),
                month: row[1].to_owned(),
                at: pair(&row[4], &row[5]),
                location: row[6].to_owned(),
                category: row[9].to_owned(),
                outcome: row[10].to_owned(),
            });
        }
    }
    rows
}

/// A record of the force extract.
struct ForceRecord {
    code: String,
    sub_type: String,
    from: String,
    to: String,
    grid: Option<(f64, f64)>,
    address: String,
    uprn: String,
    source: String,
}

impl ForceRecord {
    fn at(&self) -> Option<(f64, f64)> {
        self.grid
            .map(|(e, n)| lonlat_bng::convert_osgb36_to_ll(e, n).unwrap())
    }

    fn is_police_generated(&self) -> bool {
        self.code.starts_with("92") || self.code == "10D"
    }
}

fn force_records() -> Vec<ForceRecord> {
    let mut reader = csv::Reader::from_path(fixtures::folder().join("force/crimes.csv")).unwrap();
    reader
        .records()
        .map(|row| {
            let row = row.unwrap();
            ForceRecord {
                code: row[1].to_owned(),
                sub_type: row[3].to_owned(),
                from: row[4].to_owned(),
                to: row[5].to_owned(),
                grid: pair(&row[6], &row[7]),
                address: row[8].to_owned(),
                uprn: row[9].to_owned(),
                source: row[10].to_owned(),
            }
        })
        .collect()
}

fn pair(first: &str, second: &str) -> Option<(f64, f64)> {
    (!first.is_empty()).then(|| (first.parse().unwrap(), second.parse().unwrap()))
}

fn list_files(folder: &Path, name: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{name}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            list_files(&entry.path(), &name, found);
        } else {
            found.push(name);
        }
    }
}

fn parse(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(fixtures::folder().join(path)).unwrap()).unwrap()
}

fn truth() -> Value {
    parse("truth.json")
}

fn count(of: &Value, name: &str) -> usize {
    of[name]
        .as_u64()
        .unwrap_or_else(|| panic!("truth.json has no count {name}")) as usize
}

fn number(of: &Value, name: &str) -> f64 {
    of[name]
        .as_f64()
        .unwrap_or_else(|| panic!("truth.json has no number {name}"))
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name]
        .as_str()
        .unwrap_or_else(|| panic!("truth.json has no text {name}"))
}

// Counting ---------------------------------------------------------------------------------------

fn tally<'a>(values: impl Iterator<Item = &'a str>) -> Value {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    serde_json::json!(counts)
}

fn located(rows: &[StreetRow], holds: impl Fn(&StreetRow) -> bool) -> Vec<(f64, f64)> {
    rows.iter()
        .filter(|row| holds(row))
        .filter_map(|row| row.at)
        .collect()
}

fn places(records: &[ForceRecord], holds: impl Fn(&ForceRecord) -> bool) -> Vec<(f64, f64)> {
    records
        .iter()
        .filter(|record| holds(record))
        .filter_map(ForceRecord::at)
        .collect()
}

fn centre(of: &Value) -> (f64, f64) {
    (number(of, "longitude"), number(of, "latitude"))
}

/// How many positions lie within a truth's named distance of its centre.
fn within(positions: &[(f64, f64)], of: &Value, distance: &str) -> usize {
    // A clearing is kept to the metre; a radius is reached to the metre.
    let slack = if distance == "radius_m" {
        TOLERANCE_M
    } else {
        -TOLERANCE_M
    };
    let limit = number(of, distance) + slack;
    positions
        .iter()
        .filter(|&&at| metres(at, centre(of)) <= limit)
        .count()
}

/// Ground distance between near positions by the length of a degree on the WGS 84 ellipsoid.
fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let latitude = f64::midpoint(a.1, b.1).to_radians();
    let north = 111_132.954 - 559.822 * (2.0 * latitude).cos();
    let east = 111_412.84 * latitude.cos() - 93.5 * (3.0 * latitude).cos();
    ((a.0 - b.0) * east).hypot((a.1 - b.1) * north)
}

fn quartic(u: f64) -> f64 {
    if u < 1.0 { (1.0 - u * u).powi(2) } else { 0.0 }
}

/// P(X >= n) for a Poisson distribution of a mean.
fn poisson_tail(n: usize, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut tail = 0.0;
    for k in 0..n + 100 {
        if k >= n {
            tail += term;
        }
        term *= mean / (k + 1) as f64;
    }
    tail
}

/// Before (true) or after midnight of a Friday night from 22:00 to 02:00, with the whole of its
/// interval.
fn friday_night(record: &ForceRecord) -> Option<bool> {
    let end = if record.to.is_empty() {
        &record.from
    } else {
        &record.to
    };
    let side = |time: &str| {
        let time: DateTime = time.replace(' ', "T").parse().unwrap();
        match (time.weekday(), time.hour()) {
            (Weekday::Friday, 22..) => Some(true),
            (Weekday::Saturday, ..2) => Some(false),
            _ => None,
        }
    };
    assert_eq!(
        side(&record.from),
        side(end),
        "no interval leaves its side of midnight"
    );
    side(&record.from)
}

// Areas ------------------------------------------------------------------------------------------

fn areas(path: &str) -> Vec<(String, MultiPolygon)> {
    let GeoJson::FeatureCollection(FeatureCollection { features, .. }) =
        parse(path).to_string().parse().unwrap()
    else {
        panic!("{path} is no feature collection")
    };
    features
        .into_iter()
        .map(|feature| {
            let code = feature
                .property("GSS_CODE")
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned();
            let polygon: geo::Polygon = feature.geometry.unwrap().try_into().unwrap();
            (code, MultiPolygon::new(vec![polygon]))
        })
        .collect()
}

/// Code of the one area that holds a position.
fn holder(areas: &[(String, MultiPolygon)], (lon, lat): (f64, f64)) -> Option<String> {
    let point = Point::new(lon, lat);
    let holders: Vec<_> = areas
        .iter()
        .filter(|(_, shape)| shape.contains(&point))
        .collect();
    assert!(holders.len() < 2, "two areas hold {lon}, {lat}");
    holders.first().map(|(code, _)| code.clone())
}

/// Drug offences of the street files by ward code and month.
fn drugs_by_ward_and_month() -> BTreeMap<String, [usize; 24]> {
    let wards = areas("areas/wards.geojson");
    let mut counts = BTreeMap::new();
    for row in street_rows().iter().filter(|row| row.category == "Drugs") {
        let year: usize = row.month[..4].parse().unwrap();
        let month: usize = row.month[5..].parse().unwrap();
        let ward = holder(&wards, row.at.unwrap()).unwrap();
        counts.entry(ward).or_insert([0; 24])[(year - 2023) * 12 + month - 1] += 1;
    }
    counts
}

/// A vertex in millionths of a degree.
type Vertex = (i64, i64);

/// Exterior rings with the value of a property, in exact whole numbers.
fn rings(path: &str, property: &str) -> Vec<(String, Vec<Vertex>)> {
    let whole = |degrees: &Value| (degrees.as_f64().unwrap() * 1e6).round() as i64;
    parse(path)["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| {
            let ring = feature["geometry"]["coordinates"][0].as_array().unwrap();
            let ring = ring
                .iter()
                .map(|at| (whole(&at[0]), whole(&at[1])))
                .collect();
            (text(&feature["properties"], property).to_owned(), ring)
        })
        .collect()
}

/// Borough code by ward code.
fn rings_by_code(path: &str) -> BTreeMap<String, String> {
    let codes = rings(path, "GSS_CODE").into_iter().map(|(code, _)| code);
    codes
        .zip(
            rings(path, "BOROUGH_CODE")
                .into_iter()
                .map(|(code, _)| code),
        )
        .collect()
}

fn directed_edges(ring: &[Vertex]) -> Vec<(Vertex, Vertex)> {
    ring.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Twice the signed area, positive for anticlockwise rings.
fn twice_area(ring: &[Vertex]) -> i64 {
    ring.windows(2)
        .map(|pair| pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1)
        .sum()
}
