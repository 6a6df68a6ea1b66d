//! Local association: definitions spelled out, all orders of small maps, degenerate maps.

use crate::support::on_threads;
use isopleth_core::lattice::Neighbours;
use isopleth_core::local_association::{
    Inference, InferenceError, PValue, Permutation, Population, Scheme, Statistic, Weights,
    conditional, exact, getis_ord, getis_ord_of_counts, local_moran, local_moran_z, sums, total,
};
use isopleth_core::statistics::Correction;
use proptest::prelude::*;

/// A line of cells, each next to those beside it.
fn line(n: u32) -> Neighbours {
    Neighbours::from_lists(
        (0..n)
            .map(|c| (c.saturating_sub(1)..(c + 2).min(n)).collect())
            .collect(),
    )
}

/// Neighbours by a mask of pairs.
fn network(n: usize, pairs: &[bool]) -> Neighbours {
    let mut lists = vec![Vec::new(); n];
    for a in 0..n {
        for b in 0..n {
            if a != b && pairs[a * n + b] {
                lists[a].push(b as u32);
            }
        }
    }
    Neighbours::from_lists(lists)
}

/// esda's six points within 15.
fn six() -> ([f64; 6], Neighbours) {
    let at: [(f64, f64); 6] = [
        (10., 10.),
        (20., 10.),
        (40., 10.),
        (15., 20.),
        (30., 20.),
        (30., 30.),
    ];
    let near = |a: usize| {
        let to = move |&b: &u32| {
            let (p, q) = (at[a], at[b as usize]);
            (p.0 - q.0).hypot(p.1 - q.1) <= 15.0
        };
        (0..6).filter(to).collect()
    };
    (
        [2.0, 3.0, 3.2, 5.0, 8.0, 7.0],
        Neighbours::from_lists((0..6).map(near).collect()),
    )
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance, "{found:?} {expected:?}");
    }
}

#[test]
fn the_six_points_of_esda() {
    // Printed in esda's documentation: G_Local, binary; 1e-8, as printed.
    let (values, neighbours) = six();
    let gi = [
        -1.0136729,
        -0.04361589,
        1.31558703,
        -0.31412676,
        1.15373986,
        1.77833941,
    ];
    let star = [
        -1.39727626,
        -0.28917762,
        0.65064964,
        -0.28917762,
        1.23452088,
        2.02424331,
    ];
    close(
        &getis_ord(&values, &neighbours, Weights::Binary, Statistic::Gi),
        &gi,
        1e-7,
    );
    close(
        &getis_ord(&values, &neighbours, Weights::Binary, Statistic::GiStar),
        &star,
        1e-8,
    );
    // Not what esda prints for these (-0.62488094 ...), whose variance is that of binary weights.
    close(
        &getis_ord(
            &values,
            &neighbours,
            Weights::RowStandardised,
            Statistic::GiStar,
        ),
        &star,
        1e-8,
    );
    close(
        &getis_ord(
            &values,
            &neighbours,
            Weights::RowStandardised,
            Statistic::Gi,
        ),
        &gi,
        1e-7,
    );
}

#[test]
fn local_moran_of_six_points() {
    // R 4.2.2, spdep 1.2-7: localmoran(x, nb2listw(nb)), columns Ii and Z.Ii (conditional = TRUE).
    let (values, neighbours) = six();
    let found = local_moran(&values, &neighbours, Weights::RowStandardised);
    let expected = [
        0.395_121_951_219_512_3,
        -0.106_620_209_059_233_4,
        -1.034_843_205_574_913,
        -0.022_996_515_679_442_5,
        -0.103_484_320_557_491_4,
        1.586_759_581_881_533,
    ];
    close(&found, &expected, 1e-12);
    let expected = [
        1.013_672_898_550_257_2,
        0.043_615_894_201_693_73,
        -1.315_587_028_960_543_8,
        -0.314_126_758_204_563_65,
        1.153_739_858_106_773_3,
        1.778_339_408_621_096_4,
    ];
    let tenths: Vec<u32> = values.iter().map(|v| (v * 10.0).round() as u32).collect();
    close(&local_moran_z(&tenths, &neighbours), &expected, 1e-12);
}

/// All orders of some values.
fn orders(values: &mut Vec<u32>, from: usize, each: &mut impl FnMut(&[u32])) {
    if from == values.len() {
        return each(values);
    }
    for i in from..values.len() {
        values.swap(from, i);
        orders(values, from + 1, each);
        values.swap(from, i);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn exact_tails_are_those_of_all_orders(
        counts in prop::collection::vec(prop_oneof![3 => Just(0_u32), 2 => 0_u32..4, 1 => 0_u32..30], 7),
        pairs in prop::collection::vec(prop::bool::weighted(0.4), 49),
    ) {
        let neighbours = network(7, &pairs);
        let observed = sums(&counts, &neighbours, Statistic::GiStar);
        let mut tails = [[0_u32; 2]; 7];
        let mut all = 0_u32;
        orders(&mut counts.clone(), 0, &mut |order| {
            all += 1;
            for (c, sum) in sums(order, &neighbours, Statistic::GiStar).into_iter().enumerate() {
                tails[c][0] += u32::from(sum >= observed[c]);
                tails[c][1] += u32::from(sum <= observed[c]);
            }
        });
        let found = exact::tails(&counts, &neighbours, Statistic::GiStar).unwrap();
        for (f, t) in found.iter().zip(tails) {
            prop_assert!((f.upper - f64::from(t[0]) / f64::from(all)).abs() < 1e-13);
            prop_assert!((f.lower - f64::from(t[1]) / f64::from(all)).abs() < 1e-13);
        }
        // The own value held fixed.
        let observed = sums(&counts, &neighbours, Statistic::Gi);
        let found = exact::tails(&counts, &neighbours, Statistic::Gi).unwrap();
        for c in 0..7 {
            let mut others: Vec<u32> = counts.iter().enumerate().filter(|o| o.0 != c).map(|o| *o.1).collect();
            let (mut upper, mut lower, mut all) = (0_u32, 0_u32, 0_u32);
            let around = neighbours.of(c).to_vec();
            orders(&mut others, 0, &mut |order| {
                all += 1;
                let at = |n: u32| u64::from(order[n as usize - usize::from(n as usize > c)]);
                let sum: u64 = around.iter().map(|&n| at(n)).sum();
                upper += u32::from(sum >= observed[c]);
                lower += u32::from(sum <= observed[c]);
            });
            prop_assert!((found[c].upper - f64::from(upper) / f64::from(all)).abs() < 1e-13);
            prop_assert!((found[c].lower - f64::from(lower) / f64::from(all)).abs() < 1e-13);
        }
    }

    #[test]
    fn counts_and_values_agree(
        counts in prop::collection::vec(0_u32..50, 2..30),
        pairs in prop::collection::vec(prop::bool::weighted(0.2), 900),
        factor in 0.01_f64..50.0,
    ) {
        let neighbours = network(counts.len(), &pairs);
        let values: Vec<f64> = counts.iter().map(|&c| c.into()).collect();
        for statistic in [Statistic::GiStar, Statistic::Gi] {
            let of_counts = getis_ord_of_counts(&counts, &neighbours, statistic);
            let all = |_: usize, _: usize| factor;
            let scaled: Vec<f64> = values.iter().map(|v| v * factor - 7.0).collect();
            for (other, weights) in [
                (&values, Weights::Binary),
                (&values, Weights::RowStandardised),
                (&values, Weights::Each(&all)),
                // Another unit and origin.
                (&scaled, Weights::Binary),
            ] {
                let found = getis_ord(other, &neighbours, weights, statistic);
                for (a, b) in of_counts.iter().zip(&found) {
                    prop_assert!(a.is_nan() == b.is_nan() && (a.is_nan() || (a - b).abs() < 1e-7), "{a} {b} {weights:?}");
                }
            }
            // Every event twice.
            let twice: Vec<u32> = counts.iter().map(|c| c * 2).collect();
            for (a, b) in of_counts.iter().zip(getis_ord_of_counts(&twice, &neighbours, statistic)) {
                prop_assert!(a.is_nan() == b.is_nan() && (a.is_nan() || (a - b).abs() < 1e-12));
            }
        }
    }

    #[test]
    fn the_formula_of_ord_and_getis(
        values in prop::collection::vec(0.0_f64..10.0, 3..12),
        weights in prop::collection::vec(0.0_f64..3.0, 144),
    ) {
        let n = values.len();
        let neighbours = network(n, &vec![true; n * n]);
        let weight = |a: usize, b: usize| weights[a * 12 + b];
        let found = getis_ord(&values, &neighbours, Weights::Each(&weight), Statistic::GiStar);
        let nf = n as f64;
        let mean = values.iter().sum::<f64>() / nf;
        let s = (values.iter().map(|v| v * v).sum::<f64>() / nf - mean * mean).sqrt();
        for (i, &found) in found.iter().enumerate() {
            let sum: f64 = (0..n).map(|j| weight(i, j) * values[j]).sum();
            let w: f64 = (0..n).map(|j| weight(i, j)).sum();
            let s1: f64 = (0..n).map(|j| weight(i, j).powi(2)).sum();
            let expected = (sum - w * mean) / (s * ((nf * s1 - w * w) / (nf - 1.0)).sqrt());
            prop_assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }
}

#[test]
fn shuffles_approach_the_exact_tails() {
    let counts: Vec<u32> = (0..200_u32)
        .map(|c| [0, 0, 0, 1, 2, 0, 9, 1][(c * c % 8) as usize] + c / 190 * 12)
        .collect();
    let neighbours = line(200);
    let shuffles = total::shuffles(&counts, &neighbours, Statistic::GiStar, 9_999, 5).unwrap();
    let tails = exact::tails(&counts, &neighbours, Statistic::GiStar).unwrap();
    for (c, t) in tails.iter().enumerate() {
        let upper = f64::from(shuffles.at_least[c]) / 9_999.0;
        let lower = f64::from(shuffles.at_most[c]) / 9_999.0;
        // Five standard errors.
        let off = |p: f64| 5.0 * (p * (1.0 - p) / 9_999.0).sqrt() + 1e-3;
        assert!((upper - t.upper).abs() < off(t.upper), "{c} {upper} {t:?}");
        assert!((lower - t.lower).abs() < off(t.lower), "{c} {lower} {t:?}");
    }
    // Never less than p of a single cell, since the greatest |z| of a shuffle is at least that cell's.
    let z = getis_ord_of_counts(&counts, &neighbours, Statistic::GiStar);
    for (c, z) in z.iter().enumerate() {
        let one_sided = f64::from(shuffles.at_least[c].min(shuffles.at_most[c]) + 1) / 10_000.0;
        assert!(shuffles.p_family(*z) >= one_sided, "{c}");
    }
    let drawn = conditional::sequential(&counts, &neighbours, 99_999, 400, 5);
    let tails = exact::tails(&counts, &neighbours, Statistic::Gi).unwrap();
    for (c, (d, t)) in drawn.iter().zip(&tails).enumerate() {
        let p = (2.0 * t.upper.min(t.lower)).min(1.0);
        // 400 exceedances: a standard error of a twentieth; after all draws that of so many.
        assert!((d.p - p).abs() < 0.3 * p + 1e-4, "{c} {d:?} {p}");
        assert!(d.draws <= 99_999);
        assert!(d.p < 0.001 || d.draws < 99_999 || d.p < 0.01, "{c} {d:?}");
    }
    assert!(drawn.iter().any(|d| d.draws < 2_000));
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let counts: Vec<u32> = (0..500_u32).map(|c| c * 7919 % 23 / 9).collect();
    let neighbours = line(500);
    let all = |threads| {
        on_threads(threads, || {
            let z = getis_ord_of_counts(&counts, &neighbours, Statistic::Gi);
            let t = exact::tails(&counts, &neighbours, Statistic::Gi).unwrap();
            let t: Vec<[u64; 2]> = t
                .iter()
                .map(|t| [t.upper.to_bits(), t.lower.to_bits()])
                .collect();
            let z: Vec<u64> = z.iter().map(|z| z.to_bits()).collect();
            (
                z,
                t,
                total::shuffles(&counts, &neighbours, Statistic::GiStar, 333, 9).unwrap(),
                conditional::sequential(&counts, &neighbours, 333, 5, 9),
            )
        })
    };
    let one = all(1);
    assert_eq!(one, all(2));
    assert_eq!(one, all(7));
}

#[test]
fn nothing_is_made_of_what_does_not_vary() {
    for counts in [vec![], vec![4], vec![3; 6], vec![0; 6]] {
        let neighbours = line(counts.len() as u32);
        for statistic in [Statistic::GiStar, Statistic::Gi] {
            let z = getis_ord_of_counts(&counts, &neighbours, statistic);
            assert!(z.iter().all(|z| z.is_nan()), "{counts:?} {z:?}");
            let values: Vec<f64> = counts.iter().map(|&c| f64::from(c) + 0.1).collect();
            let z = getis_ord(&values, &neighbours, Weights::Binary, statistic);
            assert!(z.iter().all(|z| z.is_nan()), "{counts:?} {z:?}");
            let found = Inference::of_counts(
                &counts,
                &neighbours,
                statistic,
                &z,
                PValue::Exact,
                Correction::default(),
                0.05,
            )
            .unwrap();
            assert!(found.p.iter().all(|p| p.is_nan()) && found.tests == 0);
        }
        assert!(
            local_moran_z(&counts, &neighbours)
                .iter()
                .all(|z| z.is_nan())
        );
    }
    // All but one equal: Gi of that one has nothing that varies, Gi* has.
    let counts = [0, 0, 5, 0, 0];
    let z = getis_ord_of_counts(&counts, &line(5), Statistic::Gi);
    assert!(z[2].is_nan() && !z[1].is_nan());
    let z = getis_ord(
        &counts.map(f64::from),
        &line(5),
        Weights::Binary,
        Statistic::Gi,
    );
    assert!(z[2].is_nan() && !z[1].is_nan());
    assert!(getis_ord_of_counts(&counts, &line(5), Statistic::GiStar)[2] > 0.0);
    // Without neighbours: its own count for Gi*, nothing for Gi.
    let alone = Neighbours::from_lists(vec![vec![], vec![2], vec![1]]);
    let z = getis_ord_of_counts(&[5, 1, 0], &alone, Statistic::GiStar);
    assert!((z[0] - 3.0 / (14.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    assert!(getis_ord_of_counts(&[5, 1, 0], &alone, Statistic::Gi)[0].is_nan());
    // The neighbourhood is the map.
    let all = Neighbours::from_lists(vec![vec![1, 2], vec![0, 2], vec![0, 1]]);
    assert!(
        getis_ord_of_counts(&[5, 1, 0], &all, Statistic::GiStar)
            .iter()
            .all(|z| z.is_nan())
    );
    assert!(
        getis_ord(&[5.1, 1.3, 0.7], &all, Weights::Binary, Statistic::GiStar)
            .iter()
            .all(|z| z.is_nan())
    );
    // What is not finite makes nothing.
    let z = getis_ord(
        &[f64::NAN, 1.0, 2.0, 0.0],
        &line(4),
        Weights::Binary,
        Statistic::GiStar,
    );
    assert!(z.iter().all(|z| z.is_nan()));
    let z = getis_ord(
        &[f64::INFINITY, 1.0, 2.0, 0.0],
        &line(4),
        Weights::Binary,
        Statistic::GiStar,
    );
    assert!(z.iter().all(|z| z.is_nan()));
}

#[test]
fn marked_records_are_hypergeometric() {
    // 30 of 200 records are marked; 9 of the 20 in the neighbourhood are. Mean 3, variance
    // 20 · 0.15 · 0.85 · 180 / 199.
    let z = Population::marked(30, 200).standardise(9, 20).unwrap();
    assert!((z - 6.0 / (20.0 * 0.15 * 0.85 * 180.0 / 199.0_f64).sqrt()).abs() < 1e-14);
}

#[test]
fn shuffles_that_can_find_nothing_are_refused() {
    let counts: Vec<u32> = (0..1000).map(|c| u32::from(c % 9 == 0)).collect();
    let neighbours = line(1000);
    let z = getis_ord_of_counts(&counts, &neighbours, Statistic::GiStar);
    let run = |permutations, correction, scheme| {
        let p = PValue::Permutation(Permutation {
            permutations,
            scheme: Some(scheme),
            ..Permutation::default()
        });
        Inference::of_counts(
            &counts,
            &neighbours,
            Statistic::GiStar,
            &z,
            p,
            correction,
            0.05,
        )
    };
    let error = run(999, Correction::Bonferroni, Scheme::Total).unwrap_err();
    assert!(
        matches!(error, InferenceError::Floor { needed: 40_000, .. }),
        "{error}"
    );
    assert!(run(40_000, Correction::Bonferroni, Scheme::Conditional).is_ok());
    assert!(run(30, Correction::BenjaminiHochberg, Scheme::Total).is_err());
    let floor = run(999, Correction::BenjaminiHochberg, Scheme::Total)
        .unwrap()
        .floor
        .unwrap();
    assert!((floor.p - 0.002).abs() < 1e-15);
    // 0.002 · 1000 / 0.05: with fewer at the floor none is significant.
    assert_eq!(floor.cells, 40);
}

#[test]
fn exact_that_takes_too_long_is_refused() {
    let counts: Vec<u32> = (0..4000).map(|c| c * 37).collect();
    let all = Neighbours::from_lists(
        (0..4000_u32)
            .map(|c| (c.saturating_sub(40)..(c + 40).min(4000)).collect())
            .collect(),
    );
    let error = exact::tails(&counts, &all, Statistic::GiStar).unwrap_err();
    assert!(error.to_string().contains("fewer rings"), "{error}");
}
