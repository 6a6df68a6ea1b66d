//! Near repeats against tables of other programs.
//!
//! The Chicago burglaries of one month: the first table is printed by the Near Repeat Calculator 1.3;
//! the others are recorded beside it in the shared reference. All are half open, `[a, b)`. The tables
//! of the peers' points are by numpy, SciPy's k-d tree and numba. Counts must be equal; the expected
//! numbers are rounded to four decimals there.

use isopleth_core::methods::knox::{HalfOpen, Metric, simulate, table};
use isopleth_core::statistics::poisson_upper;
use isopleth_tests::npy::Array;
use isopleth_tests::oracle::{peer_data, peer_points, shared};
use serde_json::Value;

/// Positions in metres, and days since 1970.
type Events = (Vec<(f64, f64)>, Vec<i32>);

fn chicago() -> Option<Events> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(shared("oracles/chicago_be_month1.csv")?)
        .unwrap();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let date: jiff::civil::Date = row[2].trim().parse().unwrap();
        let hours = date
            .duration_since(jiff::civil::date(1970, 1, 1))
            .as_hours();
        let metres = |i: usize| row[i].trim().parse::<f64>().unwrap();
        ((metres(0), metres(1)), i32::try_from(hours / 24).unwrap())
    });
    Some(rows.unzip())
}

fn compare(distance: &[f64], days: &[u32], metric: Metric, expected: [[u64; 4]; 5]) {
    let Some((points, when)) = chicago() else {
        println!("skipped: no shared data");
        return;
    };
    assert_eq!(points.len(), 970);
    let distance = HalfOpen::new("metres", distance, true).unwrap();
    let days = HalfOpen::new("days", days, true).unwrap();
    let found = table(&points, &when, &distance, &days, metric).unwrap();
    assert_eq!(found.observed, expected.concat());
}

#[test]
fn the_near_repeat_calculators_table() {
    compare(
        &[0.0, 1.0, 100.0, 200.0, 300.0],
        &[0, 7, 14, 21],
        Metric::Manhattan,
        [
            [28, 5, 5, 2],
            [44, 13, 8, 4],
            [97, 56, 19, 16],
            [77, 67, 45, 20],
            [182_194, 146_149, 95_237, 45_879],
        ],
    );
}

#[test]
fn shifted_edges_manhattan() {
    compare(
        &[0.0, 1.0, 101.0, 201.0, 301.0],
        &[0, 8, 15, 22],
        Metric::Manhattan,
        [
            [29, 4, 5, 2],
            [45, 15, 7, 2],
            [106, 48, 21, 13],
            [88, 64, 46, 15],
            [206_611, 138_108, 88_321, 36_415],
        ],
    );
}

#[test]
fn shifted_edges_euclidean() {
    compare(
        &[0.0, 1.0, 101.0, 201.0, 301.0],
        &[0, 8, 15, 22],
        Metric::Euclidean,
        [
            [29, 4, 5, 2],
            [59, 22, 10, 6],
            [119, 56, 33, 12],
            [143, 116, 69, 19],
            [206_529, 138_041, 88_283, 36_408],
        ],
    );
}

#[test]
fn burkitts_lymphoma() {
    let text = include_str!("../../../fixtures/oracles/knox/burkitt/cases.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let (points, days): Events = reader
        .records()
        .map(|row| {
            let row = row.unwrap();
            let number = |i: usize| row[i].parse::<f64>().unwrap();
            ((number(0), number(1)), number(2) as i32)
        })
        .unzip();
    assert_eq!(points.len(), 188);
    let distance = HalfOpen::new("units", &[0.0, 20.0_f64.next_up()], true).unwrap();
    let days_apart = HalfOpen::new("days", &[0, 6], true).unwrap();
    let found = table(&points, &days, &distance, &days_apart, Metric::Euclidean).unwrap();
    assert_eq!(found.observed, [13, 3416, 39, 14_110]);
    let printed = [10.143_816_1, 3_418.856_18, 41.856_183_9, 14_107.143_8];
    for (expected, printed) in found.expected.iter().zip(printed) {
        assert!(
            (expected / printed - 1.0).abs() < 5e-8,
            "{expected} {printed}"
        );
    }
    // R 4.2.2: ppois(12, 10.1438161, lower.tail = FALSE); pointpats prints P(X > 13), 0.1462455820.
    let p = found.p_poisson(0).unwrap();
    assert!((p - 0.222_266_670_6).abs() < 1e-8, "{p}");
    let above = poisson_upper(14, found.expected[0]);
    assert!((above - 0.146_245_582_0).abs() < 1e-8, "{above}");
}

fn numbers(oracle: &Value, key: &str) -> Vec<f64> {
    let rows = oracle[key].as_array().unwrap();
    rows.iter()
        .flat_map(|row| row.as_array().cloned().unwrap_or_else(|| vec![row.clone()]))
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn peers(n: usize) {
    let Some(path) = shared(&format!("peers/oracle/knox_{n}.json")) else {
        println!("skipped: no shared data");
        return;
    };
    let times = std::fs::read(peer_data().join(format!("t_{n}.npy")));
    let (Some(points), Ok(times)) = (peer_points(n), times) else {
        println!(
            "skipped: no peer points (make them with: PYTHONPATH=../shared/peers python3 -c \
             \"import gen, numpy; xy, t, _ = gen.make({n}); \
             numpy.save('target/peers/xy_{n}.npy', xy); numpy.save('target/peers/t_{n}.npy', t)\")"
        );
        return;
    };
    let oracle: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let points: Vec<(f64, f64)> = points.iter().map(|p| (p[0], p[1])).collect();
    let days: Vec<i32> = Array::read(&times)
        .unwrap()
        .integers()
        .unwrap()
        .iter()
        .map(|t| i32::try_from(t.div_euclid(86_400)).unwrap())
        .collect();
    let distance = HalfOpen::new("metres", &numbers(&oracle, "s_edges"), false).unwrap();
    let edges: Vec<u32> = numbers(&oracle, "t_edges_days")
        .iter()
        .map(|&t| t as u32)
        .collect();
    let time = HalfOpen::new("days", &edges, false).unwrap();
    let metric = Metric::Euclidean;
    let replicates = 199;
    let found = simulate(&points, &days, &distance, &time, metric, replicates, 1).unwrap();
    let as_counts = |v: &[u64]| v.iter().map(|&n| n as f64).collect::<Vec<f64>>();
    assert_eq!(as_counts(&found.observed), numbers(&oracle, "observed"));
    assert_eq!(
        as_counts(&found.pairs_by_distance),
        numbers(&oracle, "pairs_per_s_band")
    );
    let expected = numbers(&oracle, "expected_exact_permutation_mean");
    let (sd, p) = (numbers(&oracle, "sd_999"), numbers(&oracle, "p_upper_999"));
    let shuffles = found.shuffles.as_ref().unwrap();
    for cell in 0..expected.len() {
        assert!(
            (found.expected[cell] - expected[cell]).abs() <= 5.1e-5,
            "{cell}"
        );
        // Five standard errors of a mean of 199, and of the difference of two shares.
        let mean = shuffles.sum[cell] as f64 / f64::from(replicates);
        let error = sd[cell] / f64::from(replicates).sqrt();
        assert!(
            (mean - expected[cell]).abs() < 5.0 * error,
            "{cell}: {mean}"
        );
        let share = p[cell].clamp(0.01, 0.99);
        let error = (share * (1.0 - share) * (1.0 / 199.0 + 1.0 / 999.0)).sqrt();
        let own = found.p(cell).unwrap();
        assert!(
            (own - p[cell]).abs() < 5.0 * error,
            "{cell}: {own} {}",
            p[cell]
        );
    }
}

#[test]
fn ten_thousand_events_of_the_peers() {
    peers(10_000);
}

#[test]
fn a_hundred_thousand_events_of_the_peers() {
    peers(100_000);
}
