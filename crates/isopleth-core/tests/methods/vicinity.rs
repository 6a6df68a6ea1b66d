//! Vicinity: exact distances, one count an incident, ground by closed forms, yardsticks.

use crate::support::{
    self, BURGLARY, DRUGS, Event, findings, on_threads, rectangle, site, try_findings, world,
};
use geo::{LineString, Polygon};
use isopleth_core::Findings;
use isopleth_core::Snapshot;
use isopleth_core::domain::{Lens, Site};
use isopleth_core::methods::vicinity::{Outcome, Row, area_within};
use isopleth_core::plane::Planar;
use proptest::prelude::*;
use std::f64::consts::PI;

fn at(x: f64, y: f64, kind: u16) -> Event {
    Event {
        x,
        y,
        month: 1,
        kind,
    }
}

/// Four kilometres by three.
fn town(events: &[Event], sites: Vec<Site>) -> Snapshot {
    let area = rectangle("X", 550_000.0, 187_000.0, 554_000.0, 190_000.0);
    let mut snapshot = world(events, vec![area]);
    snapshot.sites = sites;
    snapshot
}

fn request(params: &str) -> String {
    format!(
        r#"{{"select": {{"area": "X", "groups": ["burglary"]}}, "method": {{"name": "vicinity", "site_class": "school" {params}}}}}"#
    )
}

fn run(snapshot: &Snapshot, params: &str) -> Outcome {
    match findings(snapshot, &request(params)) {
        Findings::Vicinity(found) => found,
        other => panic!("{other:?}"),
    }
}

fn numbers(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|r| r.incidents).collect()
}

#[test]
fn exactly_250_metres_counts() {
    for (x, y) in [
        (551_000.0, 188_000.0),
        (551_000.1, 188_000.7),
        (552_345.678, 187_654.321),
    ] {
        let east = |d: f64| at(((x + d) * 1000.0).round() / 1000.0, y, BURGLARY);
        let events = [
            east(250.0),
            east(250.001),
            east(250.1),
            east(-250.0),
            east(50.0),
        ];
        let found = run(&town(&events, vec![site("school", "a", x, y)]), "");
        assert_eq!(numbers(&found.bands), [1, 0, 2, 2], "{x} {y}");
        assert_eq!(numbers(&found.within), [1, 1, 3]);
        assert_eq!(found.sites[0].within, [1, 1, 3]);
        // 3-4-5: not along an axis.
        let skew = [
            at(x + 150.0, y + 200.0, BURGLARY),
            at(x + 150.0, y + 200.001, BURGLARY),
        ];
        let found = run(&town(&skew, vec![site("school", "a", x, y)]), "");
        assert_eq!(numbers(&found.within), [0, 0, 1]);
    }
}

#[test]
fn an_incident_in_two_discs_counts_once() {
    let sites = vec![
        site("school", "b", 551_000.0, 188_000.0),
        site("school", "a", 551_100.0, 188_000.0),
    ];
    let events = [
        at(551_050.0, 188_000.0, BURGLARY),
        at(551_040.0, 188_000.0, BURGLARY),
        at(551_300.0, 188_000.0, BURGLARY),
    ];
    let found = run(&town(&events, sites), "");
    assert_eq!(numbers(&found.within), [2, 2, 3]);
    let per: Vec<(&str, &[u32])> = found
        .sites
        .iter()
        .map(|s| (s.id.as_str(), &s.within[..]))
        .collect();
    // Half-way goes to the least id.
    assert_eq!(per, [("a", &[1, 1, 2][..]), ("b", &[1, 1, 1])]);
}

#[test]
fn ground_is_the_union_of_the_discs_within_the_area() {
    let square = |lo: f64, hi: f64| {
        Polygon::new(
            LineString::from(vec![(lo, lo), (hi, lo), (hi, hi), (lo, hi), (lo, lo)]),
            vec![],
        )
    };
    let ground = [square(0.0, 10_000.0)];
    let p = |x, y| Planar { x, y };
    let near = |found: f64, expected: f64, tolerance: f64| {
        assert!((found - expected).abs() <= tolerance, "{found} {expected}");
    };
    let r = 250.0_f64;
    let disc = PI * r * r;
    // One disc has no error but the overlay's grid.
    near(area_within(&[p(5000.0, 5000.0)], r, &ground), disc, 0.02);
    // The same disc thrice.
    near(area_within(&[p(5000.0, 5000.0); 3], r, &ground), disc, 0.02);
    // Two, overlapping by a lens.
    for d in [1.0, 100.0, 250.0, 499.0] {
        let lens = 2.0 * r * r * (d / (2.0 * r)).acos() - d / 2.0 * (4.0 * r * r - d * d).sqrt();
        let two = area_within(&[p(5000.0, 5000.0), p(5000.0 + d, 5000.0)], r, &ground);
        near(two, 2.0 * disc - lens, 0.000_22 * 2.0 * disc);
    }
    // A half, a quarter, none; a disc that holds all the ground; ground with a hole.
    near(
        area_within(&[p(0.0, 5000.0)], r, &ground),
        disc / 2.0,
        0.000_22 * disc,
    );
    near(
        area_within(&[p(0.0, 0.0)], r, &ground),
        disc / 4.0,
        0.000_22 * disc,
    );
    near(area_within(&[p(-251.0, 5000.0)], r, &ground), 0.0, 0.0);
    near(
        area_within(&[p(50.0, 50.0)], r, &[square(0.0, 100.0)]),
        10_000.0,
        0.01,
    );
    near(area_within(&[], r, &ground), 0.0, 0.0);
    let hole = square(4950.0, 5050.0);
    let holed = Polygon::new(ground[0].exterior().clone(), vec![hole.exterior().clone()]);
    near(
        area_within(&[p(5000.0, 5000.0)], r, &[holed]),
        disc - 10_000.0,
        0.02,
    );
    // Far from the origin as near it.
    let far = Polygon::new(
        ground[0]
            .exterior()
            .coords()
            .map(|c| (c.x + 550_000.0, c.y + 180_000.0))
            .collect(),
        vec![],
    );
    near(
        area_within(&[p(555_000.0, 185_000.0)], r, &[far]),
        disc,
        0.02,
    );
}

#[test]
fn the_planted_ratio_is_three() {
    // A disc of 250 m is 1.6362 % of twelve km²; three times its share of 1,100 incidents is 54.
    let mut events: Vec<Event> = (0..54)
        .map(|i| at(551_000.0 + f64::from(i), 188_000.0, BURGLARY))
        .collect();
    events.extend((0..1046).map(|i| at(552_000.0 + f64::from(i), 189_000.0, BURGLARY)));
    let found = run(
        &town(&events, vec![site("school", "a", 551_000.0, 188_000.0)]),
        r#", "distances_m": [250]"#,
    );
    let by = found.within[0].by_area.unwrap();
    assert!((by.area_m2 - PI * 62_500.0).abs() < 0.1, "{by:?}");
    assert!((by.share - PI * 62_500.0 / 12e6).abs() < 1e-6);
    assert!((by.ratio.unwrap() - 3.0).abs() < 0.001, "{by:?}");
    // R 4.2.2: binom.test(54, 1100, pi * 62500 / 12e6): p 3.26851939656e-12,
    // interval 0.0370905447737 to 0.0635704565925; the share here is 4 in a million off.
    assert!(
        (by.low.unwrap() * by.share - 0.037_090_544_8).abs() < 1e-9,
        "{by:?}"
    );
    assert!(
        (by.high.unwrap() * by.share - 0.063_570_456_6).abs() < 1e-9,
        "{by:?}"
    );
    assert!(
        (by.p.unwrap() / 3.268_519_396_56e-12 - 1.0).abs() < 1e-3,
        "{by:?}"
    );
    // The rest of the ground has the rest of the incidents.
    let rest = found.bands[1].by_area.unwrap();
    assert!((rest.area_m2 + by.area_m2 - 12e6).abs() < 5.0, "{rest:?}");
    assert!((rest.expected + by.expected - 1100.0).abs() < 1e-6);
    assert_eq!(
        (found.bands[1].incidents, found.bands[1].to_m),
        (1046, None)
    );
}

#[test]
fn another_group_as_the_yardstick() {
    let mut events: Vec<Event> = (0..60)
        .map(|i| at(551_000.0 + f64::from(i), 188_000.0, BURGLARY))
        .collect();
    events.extend((0..850).map(|i| at(552_000.0 + f64::from(i), 189_000.0, BURGLARY)));
    events.extend((0..120).map(|i| at(551_000.0 + f64::from(i) / 2.0, 188_010.0, DRUGS)));
    events.extend((0..6355).map(|i| at(552_000.0 + f64::from(i % 1000), 189_100.0, DRUGS)));
    let found = run(
        &town(&events, vec![site("school", "a", 551_000.0, 188_000.0)]),
        r#", "distances_m": [100], "against": {"groups": ["drugs"]}"#,
    );
    let by = found.within[0].by_group.unwrap();
    assert_eq!(by.incidents, 120);
    // R 4.2.2: poisson.test(c(60, 120), c(910, 6475)).
    let r = by.compared.unwrap();
    assert!((r.ratio.unwrap() - 3.557_692_307_692_31).abs() < 1e-12);
    assert!((r.low - 2.564_900_103_594_96).abs() < 1e-9);
    assert!((r.high.unwrap() - 4.889_642_188_908_46).abs() < 1e-9);
    assert!((r.p / 1.925_876_340_264_57e-13 - 1.0).abs() < 1e-9);
    let other = found.other.unwrap();
    assert_eq!(
        (other.lens, other.first_lens),
        (Lens::PoliceGenerated, Lens::Reported)
    );
    assert_eq!((other.incidents, other.in_both), (6475, 0));
    // A group against itself: all records are of both, none is left.
    let same = run(
        &town(&events, vec![site("school", "a", 551_000.0, 188_000.0)]),
        r#", "against": {"groups": ["burglary"]}"#,
    );
    let other = same.other.unwrap();
    assert_eq!((other.incidents, other.in_both), (0, 910));
    assert_eq!(same.within[0].by_group.unwrap().compared, None);
}

#[test]
fn sites_beyond_the_boundary_count_within_reach() {
    let sites = vec![
        site("school", "out", 549_900.0, 188_000.0),
        site("school", "far", 549_700.0, 188_000.0),
    ];
    let events = [
        at(550_100.0, 188_000.0, BURGLARY),
        at(549_950.0, 188_000.0, BURGLARY),
    ];
    let found = run(&town(&events, sites), "");
    assert_eq!(numbers(&found.within), [0, 0, 1]);
    assert_eq!(found.site_count, (1, 0));
    assert!(!found.sites[0].in_study_area && found.sites[0].edge_effect);
    // A circular segment of the disc lies within.
    let (r, d) = (250.0_f64, 100.0_f64);
    let segment = r * r * (d / r).acos() - d * (r * r - d * d).sqrt();
    let by = found.within[2].by_area.unwrap();
    assert!(
        (by.area_m2 - segment).abs() < 0.000_22 * PI * r * r,
        "{by:?} {segment}"
    );
    assert_eq!(
        found.within[0].by_area.unwrap().ratio,
        None,
        "no ground there"
    );
}

#[test]
fn small_bases_have_no_ratio() {
    let school = || vec![site("school", "a", 551_000.0, 188_000.0)];
    let some = |n| vec![at(551_000.0, 188_000.0, BURGLARY); n];
    let few = run(&town(&some(19), school()), "");
    let by = few.within[0].by_area.unwrap();
    assert_eq!((few.within[0].incidents, by.ratio), (19, None));
    assert!(by.p.is_some() && by.low.is_some());
    assert!(
        run(&town(&some(20), school()), "").within[0]
            .by_area
            .unwrap()
            .ratio
            .is_some()
    );
    let none = run(
        &town(&[], school()),
        r#", "against": {"groups": ["drugs"]}"#,
    );
    assert_eq!(numbers(&none.bands), [0, 0, 0, 0]);
    let by = none.within[2].by_area.unwrap();
    assert_eq!((by.ratio, by.p, by.low), (None, None, None));
    assert_eq!(none.within[2].by_group.unwrap().compared, None);
    // Without a study area there is no ground to expect by.
    let text = request("").replace(r#""area": "X", "#, "");
    let Findings::Vicinity(found) = findings(&town(&some(20), school()), &text) else {
        panic!()
    };
    assert_eq!(
        (found.within[0].incidents, found.within[0].by_area),
        (20, None)
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    let snapshot = town(&[], vec![site("school", "a", 551_000.0, 188_000.0)]);
    for (params, expected, code) in [
        (
            r#", "distances_m": []"#,
            "distances_m must be 1 to 20",
            "invalid_vicinity",
        ),
        (
            r#", "distances_m": [100, 100]"#,
            "ascending order",
            "invalid_vicinity",
        ),
        (
            r#", "distances_m": [100, 50]"#,
            "ascending order",
            "invalid_vicinity",
        ),
        (r#", "distances_m": [0]"#, "0 is not", "invalid_vicinity"),
        (
            r#", "distances_m": [10.0001]"#,
            "10.0001 is not",
            "invalid_vicinity",
        ),
        (r#", "max": 0"#, "max must be", "invalid_vicinity"),
        (
            r#", "against": {"groups": []}"#,
            "the second group: select.groups is an empty list",
            "empty_list",
        ),
        (
            r#", "against": {"groups": ["arson"]}"#,
            "no offence group `arson`",
            "unknown_group",
        ),
    ] {
        let error = try_findings(&snapshot, &request(params)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.code(), code);
    }
    let empty = town(&[], vec![]);
    let error = try_findings(&empty, &request("")).unwrap_err();
    assert_eq!(error.code(), "unknown_site_class");
    assert!(error.to_string().contains("no sites at all"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn as_all_pairs_have_it(
        events in prop::collection::vec((0_i32..40, 0_i32..40, 0_u16..2), 0..60),
        schools in prop::collection::vec((0_i32..40, 0_i32..40), 1..9),
        turn in 0_u8..4,
    ) {
        // Turned by quarters and moved; on a grid, so that many distances are equal to a limit.
        let metres = |(x, y): (i32, i32)| {
            let (x, y) = match turn { 0 => (x, y), 1 => (-y, x), 2 => (-x, -y), _ => (y, -x) };
            (552_000.0 + f64::from(x) * 25.0, 188_500.0 + f64::from(y) * 25.0)
        };
        let rows: Vec<Event> = events.iter().map(|&(x, y, kind)| at(metres((x, y)).0, metres((x, y)).1, kind)).collect();
        let sites: Vec<Site> = schools.iter().zip(0..).map(|(&s, i)| site("school", &format!("{i}"), metres(s).0, metres(s).1)).collect();
        let params = r#", "against": {"groups": ["drugs"]}"#;
        let found = on_threads(1, || run(&town(&rows, sites.clone()), params));
        let mut expected = [[0_u64; 4]; 2];
        for &(x, y, kind) in &events {
            let d2 = schools.iter().map(|s| (s.0 - x).pow(2) + (s.1 - y).pow(2)).min().unwrap() * 625;
            let band = [2500, 10_000, 62_500].iter().filter(|&&limit| d2 > limit).count();
            expected[usize::from(kind)][band] += 1;
        }
        prop_assert_eq!(numbers(&found.bands), expected[0].to_vec());
        let others: Vec<u64> = found.bands.iter().map(|b| b.by_group.unwrap().incidents).collect();
        prop_assert_eq!(others, expected[1].to_vec());
        for (d, row) in found.within.iter().enumerate() {
            prop_assert_eq!(row.incidents, found.sites.iter().map(|s| u64::from(s.within[d])).sum::<u64>());
        }
        // Moved with the sites and the study area; every incident twice.
        let go = |v: f64, d: f64| ((v + d) * 1000.0).round() / 1000.0;
        let moved: Vec<Event> = support::moved(&rows, 1200.3, -700.1);
        let sites_there: Vec<Site> = schools.iter().zip(0..)
            .map(|(&s, i)| site("school", &format!("{i}"), go(metres(s).0, 1200.3), go(metres(s).1, -700.1))).collect();
        let mut there = world(&moved, vec![rectangle("X", 551_200.3, 186_299.9, 555_200.3, 189_299.9)]);
        there.sites = sites_there;
        let there = run(&there, params);
        let twice = run(&town(&support::twice(&rows), sites.clone()), params);
        for (i, band) in found.bands.iter().enumerate() {
            prop_assert_eq!(there.bands[i].incidents, band.incidents);
            prop_assert_eq!(twice.bands[i].incidents, 2 * band.incidents);
            let share = |o: &Outcome| o.bands[i].by_area.unwrap().share;
            prop_assert!((share(&there) - share(&found)).abs() < 1e-6, "{} {}", share(&there), share(&found));
            prop_assert_eq!(share(&twice).to_bits(), share(&found).to_bits());
        }
        let ground: f64 = found.bands.iter().map(|b| b.by_area.unwrap().share).sum();
        prop_assert!((ground - 1.0).abs() < 1e-9);
        let mut backwards = rows;
        backwards.reverse();
        let mut sites = sites;
        sites.reverse();
        for threads in [2, 7] {
            prop_assert_eq!(&on_threads(threads, || run(&town(&backwards, sites.clone()), params)), &found);
        }
    }
}
