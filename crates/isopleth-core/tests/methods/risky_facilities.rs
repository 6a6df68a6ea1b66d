//! Risky facilities: nearest sites, the curve, and chance.

use crate::support::{
    self, BURGLARY, Event, findings, on_threads, rectangle, site, try_findings, world,
};
use isopleth_core::Findings;
use isopleth_core::Snapshot;
use isopleth_core::domain::Site;
use isopleth_core::methods::risky_facilities::{Outcome, chance};
use isopleth_core::statistics::Concentration;
use proptest::prelude::*;

fn at(x: f64, y: f64) -> Event {
    Event {
        x,
        y,
        month: 1,
        kind: BURGLARY,
    }
}

fn town(events: &[Event], sites: Vec<Site>) -> Snapshot {
    let area = rectangle("X", 550_000.0, 187_000.0, 554_000.0, 190_000.0);
    let mut snapshot = world(events, vec![area]);
    snapshot.sites = sites;
    snapshot
}

fn request(params: &str) -> String {
    format!(
        r#"{{"select": {{"area": "X", "groups": ["burglary"]}}, "method": {{"name": "risky_facilities", "site_class": "shop" {params}}}}}"#
    )
}

fn run(snapshot: &Snapshot, params: &str) -> Outcome {
    match findings(snapshot, &request(params)) {
        Findings::RiskyFacilities(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn three_of_seventy_eight_shops_hold_more_than_half() {
    let mut sites = Vec::new();
    let mut events = Vec::new();
    for i in 0..78_u32 {
        let (x, y) = (
            550_200.0 + f64::from(i % 10) * 300.0,
            187_200.0 + f64::from(i / 10) * 300.0,
        );
        sites.push(site("shop", &format!("s{i:02}"), x, y));
        // 110 of 200 at three of them, one each at 60, two each at 15.
        let n = match i {
            7 => 50,
            33 => 40,
            71 => 20,
            i if i % 5 == 0 => 2,
            _ => 1,
        };
        events.extend((0..n).map(|k| at(x + f64::from(k % 3), y)));
    }
    let n = events.len() as u64;
    let found = run(&town(&events, sites), r#", "top_share": 0.0384"#);
    assert_eq!(found.spread.incidents(), n);
    assert_eq!((found.spread.places(), found.top_sites), (78, 3));
    assert_eq!(found.spread.held_by(3), 110);
    let first: Vec<(&str, u32, u64)> = found.facilities[..3]
        .iter()
        .map(|f| (f.id.as_str(), f.count, f.cumulative))
        .collect();
    assert_eq!(first, [("s07", 50, 50), ("s33", 40, 90), ("s71", 20, 110)]);
    let chance = found.chance.unwrap();
    assert_eq!(chance.top_p.to_bits(), 0.001_f64.to_bits());
    assert!(chance.top_middle.1 < 30);
    assert!(chance.gini_mean < found.spread.generalised_gini().unwrap() - 0.2);
}

#[test]
fn exactly_the_distance_counts_and_equals_go_to_the_least_id() {
    // The projection is to the millimetre, there and back.
    let sites = vec![
        site("shop", "b", 551_000.1, 188_000.3),
        site("shop", "a", 551_080.1, 188_000.3),
        site("pub", "p", 551_040.1, 188_000.3),
    ];
    let events = [
        at(550_950.1, 188_000.3),
        at(550_950.099, 188_000.3),
        at(551_040.1, 188_000.3),
        at(551_040.099, 188_000.3),
    ];
    let found = run(&town(&events, sites), r#", "within_m": 50"#);
    let counts: Vec<(&str, u32)> = found
        .facilities
        .iter()
        .map(|f| (f.id.as_str(), f.count))
        .collect();
    assert_eq!(counts, [("b", 2), ("a", 1)]);
    assert_eq!(found.at_none, 1);
}

#[test]
fn a_site_beyond_the_boundary_keeps_its_incidents() {
    let sites = vec![
        site("shop", "in", 550_030.0, 188_000.0),
        site("shop", "out", 549_990.0, 188_000.0),
        site("shop", "far", 549_900.0, 188_000.0),
    ];
    let events = [
        at(550_005.0, 188_000.0),
        at(550_020.0, 188_000.0),
        at(549_995.0, 188_000.0),
    ];
    let found = run(&town(&events, sites), r#", "within_m": 40"#);
    assert_eq!(found.facilities.len(), 1);
    let f = &found.facilities[0];
    assert_eq!((f.id.as_str(), f.count, f.edge_effect), ("in", 1, true));
    assert_eq!((found.at_sites_beyond, found.at_none), (1, 0));
}

#[test]
fn sites_at_one_place_are_told() {
    let sites = vec![
        site("shop", "a", 551_000.0, 188_000.0),
        site("shop", "b", 551_000.0, 188_000.0),
        site("shop", "c", 552_000.0, 188_000.0),
    ];
    let found = run(&town(&[at(551_000.0, 188_000.0)], sites), "");
    assert_eq!(found.sharing_a_position, 2);
    assert_eq!(found.facilities[0].id, "a");
    assert_eq!(found.facilities[2].facts, None);
}

#[test]
fn chance_is_what_it_is_exactly() {
    // Three incidents at four sites: the busiest holds 3 with 1/16, 2 with 9/16, 1 with 6/16.
    let observed = Concentration::new(&[2, 1], 2);
    let found = chance(&observed, 1, 9_999, 5).unwrap();
    let mean = (3.0 + 18.0 + 6.0) / 16.0;
    // Five standard errors: the deviation is 0.583.
    assert!(
        (found.top_mean - mean).abs() < 5.0 * 0.583 / 100.0,
        "{found:?}"
    );
    assert!(
        (found.top_p - 10.0 / 16.0).abs() < 5.0 * 0.4841 / 100.0,
        "{found:?}"
    );
    assert_eq!(found.top_middle, (1, 3));
    // The generalised coefficient is 0 for all apart, so it orders as the busiest does.
    assert_eq!(found.gini_p.to_bits(), found.top_p.to_bits());
    assert_eq!(chance(&observed, 1, 0, 5), None);
    assert_eq!(chance(&Concentration::new(&[], 4), 1, 99, 5), None);
    assert_eq!(chance(&Concentration::new(&[], 0), 1, 99, 5), None);
    assert_ne!(chance(&observed, 1, 999, 6), chance(&observed, 1, 999, 7));
}

#[test]
fn nothing_at_all() {
    let found = run(
        &town(&[], vec![site("shop", "a", 551_000.0, 188_000.0)]),
        "",
    );
    assert_eq!((found.spread.places(), found.spread.incidents()), (1, 0));
    assert_eq!((found.chance, found.facilities[0].count), (None, 0));
    // The only site is elsewhere.
    let found = run(
        &town(
            &[at(551_000.0, 188_000.0)],
            vec![site("shop", "a", 400_000.0, 300_000.0)],
        ),
        "",
    );
    assert_eq!(
        (found.facilities.len(), found.at_none, found.top_sites),
        (0, 1, 0)
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    let snapshot = town(&[], vec![site("pub", "a", 551_000.0, 188_000.0)]);
    let error = try_findings(&snapshot, &request("")).unwrap_err();
    assert_eq!(error.code(), "unknown_site_class");
    assert!(error.to_string().contains("there are pub"), "{error}");
    for (params, expected) in [
        (r#", "within_m": 0"#, "within_m must be whole millimetres"),
        (r#", "within_m": 10000.5"#, "10000.5 is not"),
        (r#", "within_m": 50.0005"#, "50.0005 is not"),
        (r#", "top_share": 0"#, "top_share must be"),
        (r#", "replicates": 10000"#, "not 10000"),
        (r#", "max": 0"#, "max must be"),
    ] {
        let error = try_findings(&snapshot, &request(params)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.code(), "invalid_risky_facilities");
    }
    let text = r#"{"method": {"name": "risky_facilities", "site_class": "pub"}}"#;
    assert_eq!(
        try_findings(&snapshot, text).unwrap_err().code(),
        "area_needed"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn as_all_pairs_have_it(
        events in prop::collection::vec((0_i32..40, 0_i32..40), 0..60),
        shops in prop::collection::vec((0_i32..40, 0_i32..40), 1..12),
        within in 1_i32..12,
    ) {
        // On a small grid, so that many distances are equal to the limit and to each other.
        let metres = |(x, y): (i32, i32)| (551_000.0 + f64::from(x) * 5.0, 188_000.0 + f64::from(y) * 5.0);
        let rows: Vec<Event> = events.iter().map(|&e| at(metres(e).0, metres(e).1)).collect();
        let sites: Vec<Site> = shops.iter().zip(0..).map(|(&s, i)| site("shop", &format!("{i:02}"), metres(s).0, metres(s).1)).collect();
        let params = format!(r#", "within_m": {}, "replicates": 19"#, within * 5);
        let found = on_threads(1, || run(&town(&rows, sites.clone()), &params));
        let mut counts = vec![0_u32; shops.len()];
        let mut none = 0;
        for e in &events {
            let d2 = |s: &(i32, i32)| (s.0 - e.0).pow(2) + (s.1 - e.1).pow(2);
            match shops.iter().enumerate().min_by_key(|(i, s)| (d2(s), *i)).filter(|(_, s)| d2(s) <= within * within) {
                Some((i, _)) => counts[i] += 1,
                None => none += 1,
            }
        }
        prop_assert_eq!(found.at_none, none);
        for f in &found.facilities {
            prop_assert_eq!(f.count, counts[f.id.parse::<usize>().unwrap()]);
            prop_assert_eq!(f.facts.as_ref().map_or(0, |f| f.count), f.count);
        }
        // Moved with the sites and the study area; every incident twice.
        let sites_there: Vec<Site> = shops.iter().zip(0..)
            .map(|(&s, i)| site("shop", &format!("{i:02}"), metres(s).0 + 1200.0, metres(s).1 - 700.0)).collect();
        let area = rectangle("X", 551_200.0, 186_300.0, 555_200.0, 189_300.0);
        let mut there = world(&support::moved(&rows, 1200.0, -700.0), vec![area]);
        there.sites = sites_there;
        let there = run(&there, &params);
        let ranking = |o: &Outcome| o.facilities.iter().map(|f| (f.id.clone(), f.rank, f.count, f.cumulative)).collect::<Vec<_>>();
        prop_assert_eq!(ranking(&there), ranking(&found));
        prop_assert_eq!((&there.spread, there.at_none, there.chance), (&found.spread, found.at_none, found.chance));
        let twice = run(&town(&support::twice(&rows), sites.clone()), &params);
        prop_assert_eq!(twice.spread.gini(), found.spread.gini());
        prop_assert_eq!((twice.spread.incidents(), twice.at_none), (2 * found.spread.incidents(), 2 * found.at_none));
        let mut backwards = rows;
        backwards.reverse();
        let mut sites = sites;
        sites.reverse();
        for threads in [2, 7] {
            prop_assert_eq!(&on_threads(threads, || run(&town(&backwards, sites.clone()), &params)), &found);
        }
    }
}
