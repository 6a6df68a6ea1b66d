//! Scan statistics against SaTScan's printed results.
//!
//! - New York leukaemia (smerc's `nydf`, whole cases): SaTScan 9.6, `satscan_ny_out.txt`, printed:
//!   circles of at most 10 % of the population, Poisson, Cartesian coordinates. The values of at most
//!   half of the population are SaTScan's, recorded in the reference (`methods.md`, O4).
//! - `stp_*`: SaTScan 10.3.2, retrospective space-time permutation, printed; places jittered, so that
//!   no distances are equal.
//! - New York fever (SaTScan's sample data) and a prospective permutation: a brute force of the
//!   reference, not SaTScan (O5). Places are given in degrees; distances are taken on a plane here,
//!   which moves no place over the radius of 3 km.
//!
//! Everything printed must be equal to all printed digits.

use isopleth_core::methods::space_time_scan::{
    Ends, Found, MonteCarlo, Null, Scan, Study, Time, Windows, scan,
};
use isopleth_tests::satscan::{self, Files};

const NO_CHANCE: MonteCarlo = MonteCarlo {
    replicates: 0,
    stop_after: 0,
    seed: 0,
};

/// The leukaemia cases and their population.
fn new_york(max_share: f64, how: MonteCarlo) -> Option<Scan> {
    let files = Files::read(
        "oracles/satscan_ny_coords.txt",
        "oracles/satscan_ny_cases.txt",
    )?;
    let path = isopleth_tests::oracle::shared("oracles/satscan_ny_pop.txt")?;
    let population: Vec<f64> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|l| l.split_whitespace().nth(2).unwrap().parse().unwrap())
        .collect();
    assert_eq!(population.iter().sum::<f64>().round() as u64, 1_057_673);
    assert_eq!((files.cases.len(), files.points.len()), (552, 281));
    let study = Study {
        points: files.points,
        cases: files.cases.iter().map(|c| (c.0, 0)).collect(),
        steps: 1,
        null: Null::Poisson {
            population,
            time: Time::Even(vec![1.0]),
        },
    };
    let windows = Windows {
        max_radius: None,
        max_share,
        steps: (1, 1),
        min_count: 2,
        ends: Ends::Any,
    };
    Some(scan(&study, &windows, how).unwrap())
}

/// A cluster as SaTScan prints it: tracts, centre, radius, population, cases, expected, rate per
/// 100,000, ratio, relative risk, log likelihood ratio.
fn printed(found: &Found, points: &[(f64, f64)]) -> String {
    let mut ids: Vec<u32> = found.places.iter().map(|p| p + 1).collect();
    ids.sort_unstable();
    let observed = found.observed as f64;
    let six = |v: f64| {
        // Six significant digits, as C's %g prints a coordinate.
        let digits = 5 - v.abs().log10().floor() as i32;
        format!("{v:.*}", digits.max(0) as usize)
            .trim_end_matches('0')
            .to_owned()
    };
    let (x, y) = points[found.centre];
    format!(
        "{ids:?} ({},{}) {} {:.0} {} {:.2} {:.1} {:.2} {:.2} {:.6}",
        six(x),
        six(y),
        // SaTScan prints small radii with two significant digits.
        format!("{:.1e}", found.radius).parse::<f64>().unwrap(),
        found.weight,
        found.observed,
        found.expected,
        // A year of SaTScan has 365.2425 days, and 2000 had 366.
        observed / found.expected * 552.0 / 1_057_673.0 * 1e5 * 365.2425 / 366.0,
        observed / found.expected,
        found.relative_risk.unwrap(),
        found.llr,
    )
}

#[test]
fn new_york_leukaemia_as_printed() {
    let Some(found) = new_york(0.1, NO_CHANCE) else {
        println!("skipped: no shared data");
        return;
    };
    let points = Files::read(
        "oracles/satscan_ny_coords.txt",
        "oracles/satscan_ny_cases.txt",
    )
    .unwrap()
    .points;
    let lines: Vec<String> = found
        .clusters
        .iter()
        .take(7)
        .map(|c| printed(c, &points))
        .collect();
    // satscan_ny_out.txt.
    let expected = [
        "[1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 35, 36, 37, 38, 47, 48, 49, 50, 51, 52] (42.1102,-75.9574) 0.07 95249 85 49.71 89.1 1.71 1.84 11.577255",
        "[84, 85, 86, 87, 88, 89, 90, 92] (42.628,-76.1041) 0.13 34083 38 17.79 111.3 2.14 2.22 9.019716",
        "[110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 131, 132, 133, 134, 138, 139, 140, 141, 142, 215, 216, 217, 218, 219, 220] (43.0814,-76.1481) 0.04 78280 64 40.85 81.6 1.57 1.64 6.114140",
        "[62, 64, 65, 67] (42.9637,-76.528) 0.061 24571 25 12.82 101.5 1.95 1.99 4.651839",
        "[41, 43, 44, 45, 46, 53, 54] (42.0883,-76.0764) 0.043 29782 28 15.54 93.8 1.80 1.84 4.169203",
        "[265, 266, 267, 281] (42.4722,-76.4635) 0.026 9840 12 5.14 121.7 2.34 2.37 3.363518",
        "[159, 166, 167] (43.0152,-76.1629) 0.012 8839 11 4.61 124.2 2.38 2.41 3.209485",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn new_york_leukaemia_of_half_the_population() {
    let chance = MonteCarlo {
        replicates: 999,
        stop_after: 0,
        seed: 1,
    };
    let Some(found) = new_york(0.5, chance) else {
        println!("skipped: no shared data");
        return;
    };
    let told: Vec<(u64, u64, String, String)> = found
        .clusters
        .iter()
        .take(4)
        .map(|c| {
            let (expected, llr) = (format!("{:.2}", c.expected), format!("{:.6}", c.llr));
            (c.observed, c.weight as u64, expected, llr)
        })
        .collect();
    let expected = [
        (100, 111_674, "58.28", "14.083511"),
        (38, 34_083, "17.79", "9.019716"),
        (64, 78_280, "40.85", "6.114140"),
        (25, 24_571, "12.82", "4.651839"),
    ];
    let expected = expected.map(|(n, p, e, l)| (n, p, e.to_owned(), l.to_owned()));
    assert_eq!(told, expected);
    // SaTScan's p: 0.00015 by Gumbel, 0.016 and 0.248 by 999 replicates. Three standard errors of two
    // sets of 999 are 0.017 and 0.058; a Gumbel's at 0.00015 is a matter of a factor.
    let first = found.chance.p_gumbel(found.clusters[0].llr).unwrap();
    assert!((5e-5..5e-4).contains(&first), "{first}");
    let second = found.chance.p(found.clusters[1].llr).unwrap();
    assert!((second - 0.016).abs() < 0.017, "{second}");
    let third = found.chance.p(found.clusters[2].llr).unwrap();
    assert!((third - 0.248).abs() < 0.058, "{third}");
}

fn jittered(files: &Files) -> Study {
    Study {
        points: files.points.clone(),
        cases: files.by_day("2023/1/1"),
        steps: 365,
        null: Null::Permutation,
    }
}

fn a_month(max_radius: f64) -> Windows {
    Windows {
        max_radius: Some(max_radius),
        max_share: 0.5,
        steps: (1, 30),
        min_count: 2,
        ends: Ends::Any,
    }
}

#[test]
fn satscans_permutation_scan() {
    // As printed: number of places, radius, first and last day from 1, cases, expected, ratio.
    let printed: [&[&str]; 2] = [
        &[
            "2 1183.17 20-24 5 0.13 37.48 13.255465",
            "5 1241.20 277-282 6 0.33 18.19 11.738701",
            "10 2344.16 126-129 7 0.58 12.13 11.049675",
        ],
        &[
            "26 1765.72 283-309 27 6.58 4.11 17.719964",
            "8 877.55 119-120 7 0.26 27.32 16.410451",
            "6 798.29 304-305 7 0.26 26.48 16.199204",
            "25 1741.40 309-311 11 1.18 9.30 14.714033",
            "11 1201.32 265-265 5 0.13 39.86 13.552597",
        ],
    ];
    for ((name, max_radius, _), printed) in satscan::PERMUTATION.into_iter().zip(printed) {
        let Some(files) = satscan::permutation(name) else {
            println!("skipped: no shared data");
            return;
        };
        let found = scan(&jittered(&files), &a_month(max_radius), NO_CHANCE).unwrap();
        let told: Vec<String> = found
            .clusters
            .iter()
            .take(printed.len())
            .map(|c| {
                format!(
                    "{} {:.2} {}-{} {} {:.2} {:.2} {:.6}",
                    c.places.len(),
                    c.radius,
                    c.steps.0 + 1,
                    c.steps.1,
                    c.observed,
                    c.expected,
                    c.observed as f64 / c.expected,
                    c.llr
                )
            })
            .collect();
        assert_eq!(told, printed, "{name}");
    }
}

#[test]
fn chance_is_as_satscan_makes_it() {
    let (name, max_radius, _) = satscan::PERMUTATION[0];
    let Some(files) = satscan::permutation(name) else {
        println!("skipped: no shared data");
        return;
    };
    let how = MonteCarlo {
        replicates: 199,
        stop_after: 0,
        seed: 1,
    };
    let found = scan(&jittered(&files), &a_month(max_radius), how).unwrap();
    let p = found.chance.p(found.clusters[0].llr).unwrap();
    // SaTScan's p of 199 replicates is 0.390; three standard errors of two such are 0.147.
    assert!((p - 0.39).abs() < 0.147, "{p}");
    let mut maxima = found.chance.maxima.clone();
    maxima.sort_by(f64::total_cmp);
    // The median of its 199 recorded maxima is 12.87; of all that both draw, quartiles are 1.5 apart.
    assert!((maxima[99] - 12.87).abs() < 0.4, "{}", maxima[99]);
}

#[test]
fn new_york_fever_prospectively() {
    let files = Files::read(
        "oracles/satscan_nycfever/NYCfever.geo",
        "oracles/satscan_nycfever/NYCfever.cas",
    );
    let Some(files) = files else {
        println!("skipped: no shared data");
        return;
    };
    assert_eq!((files.cases.len(), files.points.len()), (194, 192));
    // Kilometres on a plane that touches the city.
    let degree = 6371.009_f64.to_radians();
    let across = degree * 40.7_f64.to_radians().cos();
    let study = Study {
        points: files
            .points
            .iter()
            .map(|&(lat, lon)| (lon * across, lat * degree))
            .collect(),
        cases: files.by_day("2001/11/1"),
        steps: 24,
        null: Null::Permutation,
    };
    let windows = Windows {
        max_radius: Some(3.0),
        max_share: 0.5,
        steps: (1, 7),
        min_count: 2,
        ends: Ends::Last { first_look: None },
    };
    let found = scan(&study, &windows, NO_CHANCE).unwrap();
    let told: Vec<(u64, String, usize, String)> = found
        .clusters
        .iter()
        .take(3)
        .map(|c| {
            assert_eq!(c.steps.1, 24);
            let (expected, llr) = (format!("{:.4}", c.expected), format!("{:.6}", c.llr));
            (c.observed, expected, c.steps.1 - c.steps.0, llr)
        })
        .collect();
    assert_eq!(told[0], (4, "0.6701".to_owned(), 3, "3.845418".to_owned()));
    assert_eq!(told[1], (2, "0.1649".to_owned(), 1, "3.164201".to_owned()));
    assert_eq!(told[2].3, "2.137259");
    assert!((found.clusters[0].radius - 2.903).abs() < 0.01);
    let ids: Vec<&str> = found.clusters[1]
        .places
        .iter()
        .map(|&p| files.ids[p as usize].as_str())
        .collect();
    // The brute force adds 11370, which has no cases: as likely, with a place more.
    assert_eq!(ids, ["11372"]);
}
