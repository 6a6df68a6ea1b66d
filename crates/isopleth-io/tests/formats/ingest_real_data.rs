//! The real files, where they are at hand: every row is accounted for, and every key is its own.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use crate::common::{mapped, root, shared};
use isopleth_core::domain::LocationBasis;
use isopleth_io::ingest::{Options, find_inputs, read};

#[derive(Debug, Default)]
struct Sum {
    files: usize,
    read: u64,
    rows: u64,
    without_location: u64,
    approximate: u64,
    at_stations: u64,
    rejected: BTreeMap<&'static str, u64>,
    keys: HashSet<u128>,
    left_behind: HashSet<String>,
    formats: BTreeMap<String, u64>,
}

fn sum(path: PathBuf, options: &Options) -> Sum {
    let mut sum = Sum::default();
    for input in find_inputs(&[path]).unwrap() {
        let (rows, keys, stations) = (&mut sum.rows, &mut sum.keys, &mut sum.at_stations);
        let report = read(&input, options, &mut |chunk, _| {
            *rows += chunk.len() as u64;
            keys.extend(chunk.iter().map(|r| r.key));
            *stations += chunk
                .iter()
                .filter(|r| r.basis == LocationBasis::Station)
                .count() as u64;
            Ok(())
        })
        .unwrap();
        assert!(report.notes.is_empty(), "{:?}", report.notes);
        sum.files += 1;
        sum.read += report.read;
        sum.without_location += report.without_location;
        sum.approximate += report.approximate_locations;
        sum.left_behind.extend(report.columns_left_behind);
        *sum.formats.entry(report.source.format).or_default() += report.read;
        for (reason, rejected) in report.rejected {
            *sum.rejected.entry(reason).or_default() += rejected.count;
        }
    }
    assert_eq!(sum.read, sum.rows + sum.rejected.values().sum::<u64>());
    assert_eq!(sum.keys.len() as u64, sum.rows, "every key is its own");
    sum
}

#[test]
fn essex() {
    let Some(path) = shared("police_uk_essex_2025.zip") else {
        return;
    };
    let sum = sum(path, &Options::default());
    assert_eq!((sum.files, sum.read, sum.rows), (12, 158_217, 158_217));
    assert_eq!((sum.without_location, sum.at_stations), (2140, 1710));
    assert!(sum.rejected.is_empty(), "{:?}", sum.rejected);
    assert_eq!(sum.approximate, 0);
}

#[test]
fn metropolitan_burglary() {
    let Some(path) = shared("police_uk_metropolitan_burglary_2018-2019.zip") else {
        return;
    };
    let sum = sum(path, &Options::default());
    assert_eq!(
        (sum.files, sum.rows, sum.without_location),
        (24, 159_867, 519)
    );
}

#[test]
fn city_of_london() {
    let Some(path) = shared("police_uk_city_of_london_2018-2020.zip") else {
        return;
    };
    let sum = sum(path, &Options::default());
    assert_eq!(
        (sum.files, sum.rows, sum.without_location),
        (64, 28_560, 3636)
    );
    assert_eq!(sum.formats["police_uk_street"], 22_111);
    assert_eq!(sum.formats["police_uk_stop_and_search"], 6449);
}

#[test]
fn metropolitan_stop_and_search() {
    let name = "police_uk_metropolitan_stop_and_search_2022-02_2023-01.zip";
    let Some(path) = shared(name) else { return };
    let sum = sum(path, &Options::default());
    assert_eq!(
        (sum.files, sum.rows, sum.without_location),
        (12, 177_257, 18_410)
    );
    for column in [
        "Gender",
        "Age range",
        "Self-defined ethnicity",
        "Officer-defined ethnicity",
    ] {
        assert!(sum.left_behind.contains(column), "{column}");
    }
}

#[test]
fn london_by_mapping() {
    let Some(path) = shared("london_crimes_2022.csv.gz") else {
        return;
    };
    let mapping =
        std::fs::read_to_string(root().join("examples/mappings/london-2022.toml")).unwrap();
    let sum = sum(path, &mapped(&mapping));
    assert_eq!((sum.rows, sum.at_stations), (849_409, 2550));
    assert!(sum.rejected.is_empty() && sum.left_behind.is_empty());
}

#[test]
fn havering_by_mapping() {
    let Some(path) = shared("havering_2022.csv") else {
        return;
    };
    let mapping =
        std::fs::read_to_string(root().join("examples/mappings/havering-2022.toml")).unwrap();
    let sum = sum(path, &mapped(&mapping));
    assert_eq!(sum.rows, 19_035);
}
