//! Ready-made counts of the Metropolitan Police, through file, store and request: what was published of
//! Havering's drug offences in 2018–19 comes out by itself.

use isopleth_core::Snapshot;
use isopleth_core::area_series::Row;
use isopleth_core::domain::Month;
use isopleth_core::statistics::poisson_upper;
use isopleth_core::{Findings, Request, run};
use isopleth_io::{CountsMapping, analyse, default_policy, read_areas, read_counts};
use isopleth_store::Store;
use isopleth_tests::oracle::shared;

const WARDS: &str = "data/counts/derived_recorded-crime-ward-historical_east_area.csv";

/// A snapshot with the ward counts, as a store gives it back.
fn snapshot() -> Option<Snapshot> {
    let file = std::fs::read(shared(WARDS)?).unwrap();
    let found = read_counts(&file, None).unwrap();
    assert_eq!(
        (found.table.areas.len(), found.table.months.len()),
        (61, 167)
    );
    let folder = tempfile::tempdir().unwrap();
    let mut store =
        Store::open_or_create(&folder.path().join("s.gpkg"), &default_policy()).unwrap();
    store.add_counts(&found.table).unwrap();
    if let Some(shapes) = shared("data/areas/london_wards_2024_bestfit_from_lsoa21.geojson") {
        let shapes = std::fs::read(shapes).unwrap();
        let areas = read_areas(&shapes, "ward", "2024", "WD24CD", "WD24NM").unwrap();
        store.add_areas(&areas.areas).unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.counts[0].table, found.table);
    Some(snapshot)
}

fn skipped() {
    eprintln!("skipped: no shared data ({WARDS})");
}

fn request(select: &str, method: &str) -> Request {
    let text = format!(
        r#"{{"select": {{"area": "Havering", "period": "2018-06/2019-05", "groups": ["drugs"] {select}}},
            "method": {{"name": {method}, "counts": "mps-wards"}}}}"#
    );
    Request::from_json(&text).unwrap()
}

/// The counts of a ward by month from the file, added up by this test.
fn by_hand(ward: &str, minor: &str) -> Vec<u64> {
    let mut reader = csv::Reader::from_path(shared(WARDS).unwrap()).unwrap();
    let header = reader.headers().unwrap().clone();
    let months: Vec<usize> = (0..header.len())
        .filter(|i| header[*i].starts_with("20"))
        .collect();
    let mut sum = vec![0; months.len()];
    for row in reader.records().map(Result::unwrap) {
        if &row[4] == "Havering"
            && &row[2] == "DRUG OFFENCES"
            && (ward.is_empty() || &row[0] == ward)
            && row[3].contains(minor)
        {
            for (sum, m) in sum.iter_mut().zip(&months) {
                *sum += row[*m].parse::<u64>().unwrap();
            }
        }
    }
    sum
}

/// The place of May 2019 among the months from April 2010.
const MAY_2019: usize = 9 * 12 + 1;

#[test]
fn rainham_and_wennington_is_flagged_in_may_2019() {
    let Some(snapshot) = snapshot() else {
        return skipped();
    };
    let found = run(&snapshot, &request("", r#""spikes""#)).unwrap();
    let Findings::Spikes(found) = found.findings else {
        panic!()
    };
    assert_eq!(found.month, Month::parse("2019-05").unwrap());
    assert_eq!((found.tested, found.spikes.len()), (20, 20));
    for spike in &found.spikes {
        let name = &found.areas[spike.area].name;
        let all = by_hand(name, "");
        let before: u64 = all[MAY_2019 - 12..MAY_2019].iter().sum();
        let test = spike.test.clone().unwrap();
        assert_eq!(
            (spike.count, test.baseline_count),
            (all[MAY_2019], before),
            "{name}"
        );
        let p = poisson_upper(all[MAY_2019], before as f64 / 12.0);
        // Nothing is flagged that the exact Poisson tail over 20 wards does not flag.
        assert!(!spike.flagged || p <= 0.05 / 20.0, "{name}: {p}");
    }
    let flagged: Vec<&str> = found
        .spikes
        .iter()
        .filter(|s| s.flagged)
        .map(|s| found.areas[s.area].name.as_str())
        .collect();
    assert_eq!(flagged, ["Upminster", "Rainham & Wennington", "Elm Park"]);
    let rainham = &found.spikes[1];
    assert_eq!(
        (rainham.count, rainham.test.clone().unwrap().baseline_count),
        (13, 36)
    );
    assert_eq!(rainham.card.drivers[0].count, 12, "possession");
    // The whole borough rose in that month, and it is said.
    assert_eq!(rainham.beyond_whole, Some(false));
    let layer = analyse(&snapshot, &request("", r#""spikes""#)).unwrap();
    let caveats = layer.provenance["caveats"].to_string();
    assert!(
        caveats.contains("the whole rose") && caveats.contains("series_break"),
        "{caveats}"
    );
}

#[test]
fn the_town_centre_is_first_and_the_wards_are_the_borough() {
    let Some(snapshot) = snapshot() else {
        return skipped();
    };
    let found = run(&snapshot, &request("", r#""area_audit""#)).unwrap();
    assert_eq!(found.facts.selected, 622);
    let Findings::AreaAudit(found) = found.findings else {
        panic!()
    };
    let first = &found.rows[0];
    let Some(Row::Area(area)) = first.row else {
        panic!()
    };
    assert_eq!(found.areas[area].name, "St Edward's");
    assert_eq!((first.count, found.rows[1].count), (136, 48));
    assert_eq!(
        (first.months_at_rank_1, first.median_rank),
        (Some(10), Some(1.0))
    );
    let total = &found.rows[22];
    assert_eq!((total.row, total.count), (None, 622));
    let year: u64 = by_hand("", "")[MAY_2019 - 11..=MAY_2019].iter().sum();
    assert_eq!(year, 622);
    for row in &found.rows {
        if let Some(Row::Area(a)) = row.row {
            let all = by_hand(&found.areas[a].name, "");
            let sum: u64 = all[MAY_2019 - 11..=MAY_2019].iter().sum();
            assert_eq!(row.count, sum);
            let before: u64 = all[MAY_2019 - 23..=MAY_2019 - 12].iter().sum();
            assert_eq!(row.change.clone().unwrap().before, before);
        }
    }
}

#[test]
fn possession_is_562_of_622() {
    let Some(snapshot) = snapshot() else {
        return skipped();
    };
    let found = run(&snapshot, &request("", r#""offence_mix""#)).unwrap();
    let Findings::OffenceMix(found) = found.findings else {
        panic!()
    };
    let part = &found.parts[0];
    assert_eq!(part.name.as_deref(), Some("possession"));
    assert_eq!((part.numerator, part.denominator), (562, 622));
    // R 4.2.2: prop.test(562, 622, correct = FALSE)$conf.int.
    let (low, high) = part.interval.unwrap();
    assert_eq!(
        format!("{:.3} {low:.5} {high:.5}", part.share.unwrap()),
        "0.904 0.87780 0.92432"
    );
    let sum = |minor| {
        by_hand("", minor)[MAY_2019 - 11..=MAY_2019]
            .iter()
            .sum::<u64>()
    };
    assert_eq!((sum("POSSESSION"), sum("TRAFFICKING")), (562, 60));
}

#[test]
fn a_long_table_of_small_areas() {
    let Some(file) = shared("data/counts/havering_lsoa_month_type_2023-2026.csv.gz") else {
        return skipped();
    };
    let mapping = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/counts/havering-lsoa.toml"
    );
    let mapping = CountsMapping::from_toml(&std::fs::read_to_string(mapping).unwrap()).unwrap();
    let found = read_counts(&std::fs::read(file).unwrap(), Some(&mapping)).unwrap();
    assert_eq!(found.table.areas.len(), 153);
    assert!(found.notes.iter().any(|n| n.contains("2023-05, 2023-06")));
    let snapshot = Snapshot {
        groups: default_policy().groups,
        counts: vec![isopleth_core::domain::Counts::new(
            found.table,
            &default_policy(),
        )],
        ..Snapshot::default()
    };
    // The source has one category of drugs.
    let refused = Request::from_json(
        r#"{"select": {"groups": ["drugs"]}, "method": {"name": "offence_mix", "counts": "havering-lsoa"}}"#,
    );
    let error = run(&snapshot, &refused.unwrap()).unwrap_err();
    assert_eq!(error.code(), "not_derivable", "{error}");
}
