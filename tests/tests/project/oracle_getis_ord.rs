//! Gi\*, Gi and local Moran's I against numbers of other programs.
//!
//! Memphis: 206 robberies of January, sfhotspot's printed first rows; the numbers of significant cells
//! under each correction are of an independent program. Its grid: squares of 500 m from half a cell beyond
//! the bounding box in UTM 15N, those no farther than half a cell from the hull of the points. Remote
//! sensing: the 256 values of Getis and Ord (spData 'getisord', CC0), by spdep 1.2-7 in R 4.2.2. H3 cells:
//! numpy's z of the peers' points, to which esda 2.9.0 agrees to 7e-15, and esda's 999 permutations.

use std::collections::BTreeMap;

use geo::{ConvexHull, Distance, Euclidean};
use h3o::CellIndex;
use isopleth_core::lattice::Neighbours;
use isopleth_core::local_association::{
    Inference, PValue, Statistic, Weights, exact, getis_ord, getis_ord_of_counts, local_moran,
    local_moran_z, total,
};
use isopleth_core::statistics::{Correction, normal_two_sided};
use isopleth_tests::npy::read_npz;
use isopleth_tests::oracle::{GiOracle, shared};

/// Transverse Mercator of UTM zone 15 on WGS 84 (Krüger's series to the fourth order: micrometres).
fn utm15(lon: f64, lat: f64) -> (f64, f64) {
    let (a, f) = (6_378_137.0, 1.0 / 298.257_223_563);
    let n: f64 = f / (2.0 - f);
    let radius = a / (1.0 + n) * (1.0 + n.powi(2) / 4.0 + n.powi(4) / 64.0);
    let alpha = [
        n / 2.0 - 2.0 / 3.0 * n.powi(2) + 5.0 / 16.0 * n.powi(3) + 41.0 / 180.0 * n.powi(4),
        13.0 / 48.0 * n.powi(2) - 3.0 / 5.0 * n.powi(3) + 557.0 / 1440.0 * n.powi(4),
        61.0 / 240.0 * n.powi(3) - 103.0 / 140.0 * n.powi(4),
        49561.0 / 161_280.0 * n.powi(4),
    ];
    let (lat, lon) = (lat.to_radians(), (lon + 93.0).to_radians());
    let e = 2.0 * n.sqrt() / (1.0 + n);
    let t = (lat.sin().atanh() - e * (e * lat.sin()).atanh()).sinh();
    let (xi, eta) = (
        t.atan2(lon.cos()),
        (lon.sin() / (1.0 + t * t).sqrt()).atanh(),
    );
    let (mut north, mut east) = (xi, eta);
    for (j, alpha) in (1..).zip(alpha) {
        let j = 2.0 * f64::from(j);
        north += alpha * (j * xi).sin() * (j * eta).cosh();
        east += alpha * (j * xi).cos() * (j * eta).sinh();
    }
    let k = 0.9996 * radius;
    (500_000.0 + k * east, k * north)
}

/// Counts of the grid by sfhotspot, row by row from the south, and queen neighbours.
fn memphis() -> Option<(Vec<u32>, Neighbours)> {
    let path = shared("oracles/memphis_robberies_jan.csv")?;
    let mut reader = csv::Reader::from_path(path).unwrap();
    let points: Vec<(f64, f64)> = reader
        .records()
        .map(|row| {
            let row = row.unwrap();
            utm15(row[3].parse().unwrap(), row[4].parse().unwrap())
        })
        .collect();
    let (cell, half) = (500.0, 250.0);
    let least = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::INFINITY, f64::min);
    let (west, south) = (least(|p| p.0) - half, least(|p| p.1) - half);
    // Printed: 762236.180435, 3876685.501318.
    assert!(
        (west + half - 762_236.180_435).abs() < 1e-5
            && (south + half - 3_876_685.501_318).abs() < 1e-5
    );
    let hull = geo::MultiPoint::from(points.clone()).convex_hull();
    let mut cells = BTreeMap::new();
    for row in 0..59_i32 {
        for column in 0..65_i32 {
            let (x, y) = (
                west + f64::from(column) * cell,
                south + f64::from(row) * cell,
            );
            let square = geo::Rect::new((x, y), (x + cell, y + cell)).to_polygon();
            if Euclidean.distance(&square, &hull) <= half {
                let next = cells.len();
                cells.insert((row, column), next);
            }
        }
    }
    let mut counts = vec![0; cells.len()];
    for (x, y) in points {
        let at = (((y - south) / cell) as i32, ((x - west) / cell) as i32);
        counts[cells[&at]] += 1;
    }
    let around = |&(row, column): &(i32, i32)| {
        let all = (row - 1..=row + 1).flat_map(|r| (column - 1..=column + 1).map(move |c| (r, c)));
        all.filter_map(|at| cells.get(&at))
            .map(|&c| c as u32)
            .collect()
    };
    Some((
        counts,
        Neighbours::from_lists(cells.keys().map(around).collect()),
    ))
}

#[test]
fn memphis_as_sfhotspot_prints_it() {
    let Some((counts, neighbours)) = memphis() else {
        println!("skipped: no shared data");
        return;
    };
    assert_eq!((counts.len(), counts.iter().sum::<u32>()), (2715, 206));
    let mut sizes = BTreeMap::new();
    for c in 0..counts.len() {
        *sizes.entry(neighbours.of(c).len()).or_insert(0) += 1;
    }
    assert_eq!(
        sizes.into_iter().collect::<Vec<_>>(),
        [(4, 58), (5, 67), (6, 50), (7, 69), (8, 2471)]
    );
    let z = getis_ord_of_counts(&counts, &neighbours, Statistic::GiStar);
    // Eight decimals are recorded.
    for (z, expected) in z
        .iter()
        .zip([-0.546_173_55, -0.598_413_56, -0.598_413_56, 0.716_062_83])
    {
        assert!((z - expected).abs() < 5.1e-9, "{z} {expected}");
    }
    let most = z.iter().copied().fold(f64::MIN, f64::max);
    assert!((most - 8.931_432_176).abs() < 5.1e-10, "{most}");
    // sfhotspot prints p 0.585, 0.550, 0.550, 0.474.
    for (z, p) in z.iter().zip([0.585, 0.550, 0.550, 0.474]) {
        assert!((normal_two_sided(*z) - p).abs() < 5.1e-4);
    }
    for (correction, expected) in [
        (Correction::None, 211),
        (Correction::BenjaminiHochberg, 112),
        (Correction::BenjaminiYekutieli, 44),
        (Correction::Bonferroni, 43),
    ] {
        let found = Inference::of_counts(
            &counts,
            &neighbours,
            Statistic::GiStar,
            &z,
            PValue::Analytic,
            correction,
            0.05,
        )
        .unwrap();
        let significant = found.p_adjusted.iter().filter(|p| **p <= 0.05).count();
        assert_eq!(significant, expected, "{correction:?}");
    }
    // Two incidents in nine cells are not so rare: what p by the normal distribution adds.
    let found = Inference::of_counts(
        &counts,
        &neighbours,
        Statistic::GiStar,
        &z,
        PValue::Exact,
        Correction::BenjaminiHochberg,
        0.05,
    )
    .unwrap();
    let significant = found.p_adjusted.iter().filter(|p| **p <= 0.05).count();
    assert!(significant > 0 && significant < 112, "{significant}");
}

/// Row by row, 30 m apart.
const REMOTE: [u32; 256] = [
    40, 41, 42, 43, 49, 54, 47, 44, 42, 44, 43, 46, 52, 56, 56, 61, 40, 42, 41, 40, 43, 49, 46, 42,
    42, 43, 43, 49, 59, 62, 53, 62, 43, 42, 40, 42, 42, 42, 41, 42, 42, 43, 42, 53, 66, 61, 51, 62,
    44, 41, 39, 42, 44, 43, 42, 42, 42, 43, 43, 49, 56, 53, 53, 61, 42, 43, 44, 43, 42, 41, 42, 44,
    43, 43, 44, 47, 58, 59, 55, 61, 52, 59, 61, 56, 41, 40, 43, 44, 46, 48, 50, 52, 68, 69, 60, 61,
    62, 62, 86, 85, 55, 59, 64, 72, 75, 70, 70, 62, 66, 61, 55, 57, 65, 62, 68, 72, 102, 94, 90,
    83, 74, 81, 96, 69, 52, 50, 51, 54, 62, 59, 55, 61, 99, 97, 93, 80, 65, 87, 107, 80, 59, 60,
    67, 66, 62, 55, 56, 56, 80, 90, 99, 88, 64, 91, 112, 94, 76, 91, 100, 85, 63, 57, 58, 58, 77,
    92, 82, 71, 59, 90, 105, 92, 79, 98, 110, 83, 59, 58, 60, 64, 88, 99, 82, 81, 71, 80, 89, 89,
    89, 102, 104, 75, 55, 54, 53, 61, 82, 102, 88, 93, 96, 94, 110, 114, 109, 103, 92, 68, 55, 55,
    56, 60, 91, 95, 86, 98, 115, 105, 110, 107, 101, 89, 85, 68, 62, 63, 64, 59, 85, 88, 95, 106,
    110, 99, 89, 82, 79, 84, 97, 79, 55, 56, 54, 58, 65, 75, 82, 77, 74, 74, 69, 61, 62, 71, 73,
    63,
];

fn remote(band: f64) -> Neighbours {
    let at = |c: u32| (f64::from(c % 16) * 30.0, f64::from(c / 16) * 30.0);
    let near = |a: u32| {
        let within = move |&b: &u32| (at(a).0 - at(b).0).hypot(at(a).1 - at(b).1) <= band + 1e-9;
        (0..256).filter(within).collect()
    };
    Neighbours::from_lists((0..256).map(near).collect())
}

#[test]
fn remote_sensing_as_spdep_has_it() {
    // Element 120 from 1, value 83: Gi and Gi*; nine decimals are recorded.
    for (band, gi, star) in [
        (30.0, 1.221_979_163, 1.450_779_807),
        (60.0, 1.748_097_543, 1.900_558_883),
        (90.0, 1.986_135_427, 2.096_938_746),
        (120.0, 1.893_373_824, 1.981_906_852),
        (150.0, 1.237_454_253, 1.306_698_444),
    ] {
        let neighbours = remote(band);
        assert_eq!(REMOTE[119], 83);
        for (statistic, expected) in [(Statistic::Gi, gi), (Statistic::GiStar, star)] {
            let of_counts = getis_ord_of_counts(&REMOTE, &neighbours, statistic)[119];
            assert!(
                (of_counts - expected).abs() < 1e-9,
                "{of_counts} {expected}"
            );
            let values = REMOTE.map(f64::from);
            for weights in [Weights::Binary, Weights::RowStandardised] {
                let found = getis_ord(&values, &neighbours, weights, statistic)[119];
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{found} {expected} {weights:?}"
                );
            }
        }
    }
}

#[test]
fn local_moran_as_spdep_has_it() {
    // localmoran(x, nb2listw(dnearneigh(xy, 0, 30))), style W then B: Ii and Z.Ii of elements 120 and 1.
    let neighbours = remote(30.0);
    let values = REMOTE.map(f64::from);
    let i = local_moran(&values, &neighbours, Weights::RowStandardised);
    assert!((i[119] - 0.483_642_570_885_875).abs() < 1e-12, "{}", i[119]);
    assert!((i[0] - 1.654_500_654_948_334).abs() < 1e-12, "{}", i[0]);
    let binary = local_moran(&values, &neighbours, Weights::Binary);
    assert!(
        (binary[119] - 1.934_570_283_543_5).abs() < 1e-12,
        "{}",
        binary[119]
    );
    let z = local_moran_z(&REMOTE, &neighbours);
    assert!(
        (z[119] - 1.221_979_162_585_499_4).abs() < 1e-12,
        "{}",
        z[119]
    );
    assert!((z[0] - 1.815_135_284_854_729_5).abs() < 1e-12, "{}", z[0]);
}

/// The cells of an oracle around each of them.
fn around(oracle: &GiOracle, rings: u32) -> Neighbours {
    let cells: Vec<CellIndex> = oracle
        .cells
        .iter()
        .filter_map(|&c| CellIndex::try_from(c).ok())
        .collect();
    let list = |cell: &CellIndex| {
        let disk: Vec<CellIndex> = cell.grid_disk(rings);
        disk.iter()
            .filter_map(|c| cells.binary_search(c).ok())
            .map(|c| c as u32)
            .collect()
    };
    Neighbours::from_lists(cells.iter().map(list).collect())
}

#[test]
fn z_of_h3_cells_as_numpy_has_it() {
    let mut seen = 0;
    for (resolution, rings) in [(9, 1), (9, 2), (9, 3), (10, 1), (10, 2), (10, 3)] {
        let Some(oracle) = GiOracle::load(resolution, rings) else {
            println!("skipped: no shared data");
            return;
        };
        let neighbours = around(&oracle, rings);
        let z = getis_ord_of_counts(&oracle.counts, &neighbours, Statistic::GiStar);
        for (a, b) in z.iter().zip(&oracle.z) {
            assert!((a - b).abs() <= 1e-12, "{a} {b}");
        }
        let values: Vec<f64> = oracle.counts.iter().map(|&c| c.into()).collect();
        let general = getis_ord(
            &values,
            &neighbours,
            Weights::RowStandardised,
            Statistic::GiStar,
        );
        for (a, b) in general.iter().zip(&oracle.z) {
            assert!((a - b).abs() <= 1e-11, "{a} {b}");
        }
        seen += z.len();
    }
    assert_eq!(seen, 3 * (17_294 + 121_033));
}

#[test]
fn p_of_h3_cells_as_esda_draws_it() {
    let (Some(oracle), Some(path)) = (
        GiOracle::load(9, 1),
        shared("peers/oracle/gistar_res9_k1_esda_psim.npz"),
    ) else {
        println!("skipped: no shared data");
        return;
    };
    let drawn = read_npz(&std::fs::read(path).unwrap()).unwrap();
    let drawn = drawn["p_sim"].floats().unwrap();
    let neighbours = around(&oracle, 1);
    // esda leaves the own value where it is and gives the smaller tail: (M + 1) / (R + 1).
    let exact = exact::tails(&oracle.counts, &neighbours, Statistic::Gi).unwrap();
    let mut off: Vec<f64> = Vec::new();
    for (t, p) in exact.iter().zip(drawn) {
        let ours = (t.upper.min(t.lower) * 999.0 + 1.0) / 1000.0;
        // Five standard errors, and what rounding to single precision adds.
        let allowed = 5.0 * (ours * (1.0 - ours) / 999.0).sqrt() + 2e-3;
        assert!((ours - p).abs() < allowed, "{ours} {p}");
        off.push((ours - p).abs());
    }
    off.sort_unstable_by(f64::total_cmp);
    assert!(off[off.len() / 2] < 0.01, "{}", off[off.len() / 2]);
    // Shuffles of the whole map, cell by cell within their own error of the exact tails.
    let shuffles = total::shuffles(&oracle.counts, &neighbours, Statistic::GiStar, 199, 1).unwrap();
    let exact = exact::tails(&oracle.counts, &neighbours, Statistic::GiStar).unwrap();
    for (c, t) in exact.iter().enumerate() {
        let upper = f64::from(shuffles.at_least[c]) / 199.0;
        assert!((upper - t.upper).abs() < 6.0 * (t.upper * (1.0 - t.upper) / 199.0).sqrt() + 0.01);
    }
}
