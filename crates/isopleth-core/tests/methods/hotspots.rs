//! Hotspots and repeat locations: counts by plain geometry, ranks, edges, stacks.

use crate::support::{self, BURGLARY, DRUGS, Event, day_span, location, rectangle, world};
use geo::{Contains, Intersects, Point, Validation};
use isopleth_core::domain::{
    IncidentRow, IncidentSetBuilder, LocationBasis, LonLat, NO_PLACE, Site,
};
use isopleth_core::hotspots::Hotspot;
use isopleth_core::methods::repeat_locations;
use isopleth_core::stations::StationStack;
use isopleth_core::{Findings, Request, Snapshot, run};
use proptest::prelude::*;

fn hotspots(snapshot: &Snapshot, text: &str) -> Vec<Hotspot> {
    match run(snapshot, &Request::from_json(text).unwrap())
        .unwrap()
        .findings
    {
        Findings::Hotspots(found) => found.cut.hotspots,
        other => panic!("{other:?}"),
    }
}

fn repeats(snapshot: &Snapshot, text: &str) -> repeat_locations::Outcome {
    match run(snapshot, &Request::from_json(text).unwrap())
        .unwrap()
        .findings
    {
        Findings::RepeatLocations(found) => found,
        other => panic!("{other:?}"),
    }
}

fn scattered() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_i32..90, 0_i32..70, 1_i32..25, 0_u16..2).prop_map(|(x, y, month, kind)| Event {
        x: 549_800.0 + f64::from(x * x) * 0.3,
        y: 187_800.0 + f64::from(y * y) * 0.45,
        month,
        kind,
    });
    prop::collection::vec(event, 5..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn counts_are_those_of_plain_geometry(events in scattered(), share in 0.05_f64..0.95, h3: bool) {
        let area = rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0);
        let snapshot = world(&events, vec![area.clone()]);
        let cells = if h3 { "\"h3_resolution\": 10" } else { "\"cell_m\": 80" };
        let found = hotspots(&snapshot, &format!(r#"{{
            "select": {{"area": "A", "period": "2022"}},
            "method": {{"name": "kernel_density", "bandwidth_m": 280, {cells}}},
            "hotspots": {{"share_of_incidents": {share}}} }}"#));
        let of_2022 = |e: &Event| e.month <= 12;
        let at = |e: &Event| Point(location(e.x, e.y).position.coord());
        let n = events.iter()
            .filter(|e| e.kind == BURGLARY && of_2022(e) && area.geometry.intersects(&at(e))).count();
        let (mut total, mut share_of_area) = (0, 0.0);
        for (i, h) in found.iter().enumerate() {
            prop_assert!(h.outline.is_valid(), "{:?}", h.outline);
            prop_assert_eq!(h.rank as usize, i + 1);
            let inside = |kind: u16| events.iter().filter(|e| {
                e.kind == kind && of_2022(e) && h.outline.intersects(&at(e))
            }).count();
            prop_assert_eq!(h.facts.count as usize, inside(BURGLARY));
            prop_assert_eq!(h.facts.count_police_generated as usize, inside(DRUGS));
            prop_assert!((h.share_of_incidents - inside(BURGLARY) as f64 / n as f64).abs() < 1e-12);
            total += h.facts.count as usize;
            share_of_area += h.share_of_area.unwrap();
        }
        prop_assert!(share_of_area <= 1.0 + 1e-6, "{share_of_area}");
        // The outlines hold at least the share asked for, but for groups without any incident, and
        // for incidents on the edge of a square of 80 m, which an outline rounds by up to a centimetre.
        let on_edge = |v: f64| (v / 80.0 - (v / 80.0).round()).abs() * 80.0 < 0.02;
        let edge = events.iter().filter(|e| {
            e.kind == BURGLARY && of_2022(e) && !h3 && (on_edge(e.x) || on_edge(e.y))
        }).count();
        prop_assert!((total + edge) as f64 + 1e-9 >= share * n as f64, "{total} of {n} for {share}");
        prop_assert!(found.windows(2).all(|w| w[0].facts.count >= w[1].facts.count));
    }

    #[test]
    fn any_set_of_squares_dissolves_to_valid_polygons(cells in prop::collection::btree_set((0_i32..7, 0_i32..7), 1..49)) {
        // One event in the middle of each chosen square, and a disc that stays inside it.
        let events: Vec<Event> = cells.iter().map(|&(c, r)| Event {
            x: 550_050.0 + f64::from(c) * 100.0, y: 188_050.0 + f64::from(r) * 100.0, month: 1, kind: BURGLARY,
        }).collect();
        let found = hotspots(&world(&events, vec![]), r#"{
            "select": {"groups": ["burglary"]},
            "method": {"name": "kernel_density", "bandwidth_m": 100, "cell_m": 100},
            "hotspots": {"min_density_per_km2": 1} }"#);
        let mut area = 0.0;
        for h in &found {
            prop_assert!(h.outline.is_valid(), "{:?}", h.outline);
            area += h.area_m2;
        }
        prop_assert!((area - 10_000.0 * cells.len() as f64).abs() < 1e-6);
        prop_assert_eq!(found.iter().map(|h| h.facts.count as usize).sum::<usize>(), cells.len());
    }

    #[test]
    fn repeat_locations_do_not_depend_on_order(events in scattered(), tolerance in 0_u32..120) {
        let text = format!(r#"{{"select": {{"lens": "reported"}},
            "method": {{"name": "repeat_locations", "tolerance_m": {tolerance}}} }}"#);
        let forward = repeats(&world(&events, vec![]), &text);
        let mut reversed = events.clone();
        reversed.reverse();
        prop_assert_eq!(&forward, &repeats(&world(&reversed, vec![]), &text));
        for l in &forward.locations {
            prop_assert!(l.radius_m <= f64::from(tolerance) + 1e-9);
            prop_assert!(l.facts.count >= 2);
        }
        let reported = events.iter().filter(|e| e.kind == BURGLARY).count() as u64;
        prop_assert!(forward.incidents <= reported);
    }
}

fn cluster(x: f64, y: f64, n: usize, kind: u16) -> Vec<Event> {
    (0..n)
        .map(|i| Event {
            x: x + (i % 5) as f64 * 40.0,
            y: y + (i / 5 % 4) as f64 * 40.0,
            month: 1 + (i % 12) as i32,
            kind,
        })
        .collect()
}

#[test]
fn planted_clusters_come_back_in_order_whatever_police_find() {
    let area = rectangle("A", 545_000.0, 185_000.0, 553_000.0, 191_000.0);
    let planted = [
        (546_000.0, 186_000.0, 90),
        (548_000.0, 189_000.0, 70),
        (551_000.0, 187_000.0, 50),
    ];
    let mut events: Vec<Event> = planted
        .iter()
        .flat_map(|&(x, y, n)| cluster(x, y, n, BURGLARY))
        .collect();
    let text = r#"{"select": {"area": "A"},
        "method": {"name": "kernel_density", "bandwidth_m": 300},
        "hotspots": {"share_of_area": 0.02}}"#;
    let check = |events: &[Event]| {
        let found = hotspots(&world(events, vec![area.clone()]), text);
        let counts: Vec<u32> = found.iter().map(|h| h.facts.count).collect();
        assert_eq!(counts, [90, 70, 50]);
        for (h, (x, y, _)) in found.iter().zip(planted) {
            assert!(
                h.outline
                    .contains(&Point(location(x + 80.0, y + 60.0).position.coord()))
            );
            assert!(h.pai.unwrap() > 10.0);
        }
        found
            .iter()
            .map(|h| (h.id.clone(), h.rank))
            .collect::<Vec<_>>()
    };
    let before = check(&events);
    events.extend(cluster(549_500.0, 186_000.0, 500, DRUGS));
    assert_eq!(before, check(&events));
}

#[test]
fn comparison_counts_are_null_where_the_data_does_not_reach() {
    let text = |period: &str| {
        format!(
            r#"{{"select": {{"period": "{period}", "groups": ["burglary"]}},
        "method": {{"name": "kernel_density", "bandwidth_m": 300}}, "hotspots": {{"min_density_per_km2": 20}} }}"#
        )
    };
    let mut events = cluster(546_000.0, 186_000.0, 60, BURGLARY);
    events.extend(events.clone().iter().map(|e| Event {
        month: e.month + 12,
        ..*e
    }));
    let snapshot = world(&events, vec![]);
    let later = &hotspots(&snapshot, &text("2023"))[0].facts;
    assert_eq!(
        (later.previous_count, later.same_period_last_year_count),
        (Some(60), Some(60))
    );
    let earlier = &hotspots(&snapshot, &text("2022"))[0].facts;
    assert_eq!(
        (earlier.previous_count, earlier.same_period_last_year_count),
        (None, None)
    );
    assert_eq!(earlier.distinct_days, None, "months hide days");
    assert_eq!(earlier.distinct_months, 12);
}

#[test]
fn an_edge_without_neighbours_is_flagged_and_one_with_is_not() {
    let area = rectangle("A", 545_000.0, 185_000.0, 548_000.0, 188_000.0);
    let text = r#"{"select": {"area": "A", "groups": ["burglary"]},
        "method": {"name": "kernel_density", "bandwidth_m": 300}, "hotspots": {"min_density_per_km2": 30}}"#;
    let east = cluster(547_850.0, 186_500.0, 60, BURGLARY);
    let alone = hotspots(
        &world(
            &cluster(547_700.0, 186_500.0, 60, BURGLARY)
                .into_iter()
                .filter(|e| e.x < 547_990.0)
                .collect::<Vec<_>>(),
            vec![area.clone()],
        ),
        text,
    );
    assert!(alone[0].edge_effect);
    // The same cluster with what lies beyond the boundary: counted once, inside only.
    let mut both = east.clone();
    both.extend(cluster(548_050.0, 186_500.0, 60, BURGLARY));
    // Records of any kind show that the data goes on.
    both.extend((0..12).map(|i| Event {
        x: 548_100.0,
        y: 186_000.0 + f64::from(i) * 100.0,
        month: 1,
        kind: DRUGS,
    }));
    let whole = hotspots(&world(&both, vec![area.clone()]), text);
    assert!(!whole[0].edge_effect);
    assert!(
        whole[0].peak_density_per_km2
            > hotspots(&world(&east, vec![area]), text)[0].peak_density_per_km2
    );
}

#[test]
fn a_hotspot_on_the_border_is_cut_there_on_one_base() {
    let area = rectangle("A", 545_000.0, 185_000.0, 548_000.0, 188_000.0);
    let mut events = cluster(547_820.0, 186_500.0, 60, BURGLARY);
    events.extend(cluster(548_020.0, 186_500.0, 80, BURGLARY));
    let found = hotspots(
        &world(&events, vec![area.clone()]),
        r#"{
        "select": {"area": "A", "groups": ["burglary"]},
        "method": {"name": "kernel_density", "bandwidth_m": 400, "h3_resolution": 9},
        "hotspots": {"share_of_area": 1}}"#,
    );
    let [h] = &found[..] else { panic!("{found:?}") };
    assert!(h.cut_at_boundary);
    assert_eq!(
        h.facts.count, 60,
        "the 80 beyond the border are not inside the outline"
    );
    assert_eq!(
        events
            .iter()
            .filter(|e| h
                .outline
                .intersects(&Point(location(e.x, e.y).position.coord())))
            .count(),
        60
    );
    assert!(
        h.share_of_area.unwrap() <= 1.0 && h.pai.unwrap() >= 1.0,
        "{h:?}"
    );
}

#[test]
fn areas_that_overlap_count_their_ground_once() {
    let whole = rectangle("A", 545_000.0, 185_000.0, 548_000.0, 188_000.0);
    let part = rectangle("B", 546_000.0, 185_000.0, 548_000.0, 187_000.0);
    let beside = rectangle("C", 548_000.0, 185_000.0, 549_000.0, 188_000.0);
    let snapshot = world(
        &cluster(546_000.0, 186_000.0, 60, BURGLARY),
        vec![whole, part, beside],
    );
    let m2 = |codes: &str| {
        let text = format!(
            r#"{{"select": {{"area": {codes}}}, "method": {{"name": "repeat_locations"}}}}"#
        );
        run(&snapshot, &Request::from_json(&text).unwrap())
            .unwrap()
            .facts
            .study_area_m2
            .unwrap()
    };
    let alone = m2(r#""A""#);
    assert!((alone - 9e6).abs() < 50.0, "{alone}");
    assert!((m2(r#"["A", "B"]"#) - alone).abs() < 50.0);
    assert!((m2(r#"["A", "C"]"#) - 12e6).abs() < 100.0);
}

#[test]
fn ground_or_months_without_any_record_are_told_from_zero() {
    let here = rectangle("A", 545_000.0, 185_000.0, 548_000.0, 188_000.0);
    let elsewhere = rectangle("B", 445_000.0, 285_000.0, 448_000.0, 288_000.0);
    let snapshot = world(
        &cluster(546_000.0, 186_000.0, 60, BURGLARY),
        vec![here, elsewhere],
    );
    let facts = |select: &str| {
        let text = format!(r#"{{"select": {select}, "method": {{"name": "repeat_locations"}}}}"#);
        run(&snapshot, &Request::from_json(&text).unwrap())
            .unwrap()
            .facts
    };
    assert!(!facts(r#"{"area": "B"}"#).has_records);
    assert!(facts(r#"{"area": "A"}"#).has_records);
    assert_eq!(
        facts(r#"{"period": "2021-07/2022-06"}"#).months,
        Some((12, 6))
    );
    assert_eq!(facts(r#"{"period": "2022"}"#).months, Some((12, 0)));
}

#[test]
fn cutting_needs_exactly_one_threshold_in_range() {
    let snapshot = world(&cluster(546_000.0, 186_000.0, 60, BURGLARY), vec![]);
    for (cut, word) in [
        ("{}", "exactly one"),
        (
            r#"{"share_of_incidents": 0.2, "min_density_per_km2": 3}"#,
            "there are 2",
        ),
        (r#"{"share_of_incidents": 0}"#, "above 0"),
        (r#"{"share_of_incidents": 1.5}"#, "above 0"),
        (r#"{"min_density_per_km2": -1}"#, "more than 0"),
        (r#"{"share_of_area": 0.1}"#, "names none"),
        (r#"{"times_mean_density": 3}"#, "names none"),
    ] {
        let text = format!(
            r#"{{"method": {{"name": "kernel_density", "bandwidth_m": 300}}, "hotspots": {cut}}}"#
        );
        let error = run(&snapshot, &Request::from_json(&text).unwrap()).unwrap_err();
        assert!(error.to_string().contains(word), "{cut}: {error}");
    }
}

#[test]
fn selections_that_mean_nothing_are_refused() {
    let twice = vec![rectangle("A", 5e5, 1e5, 5.01e5, 1.01e5), {
        let mut other = rectangle("A", 5e5, 1e5, 5.01e5, 1.01e5);
        other.vintage = "2018".into();
        other
    }];
    let snapshot = world(&cluster(546_000.0, 186_000.0, 60, BURGLARY), twice);
    for (select, code) in [
        (r#"{"groups": ["piracy"]}"#, "unknown_group"),
        (r#"{"groups": []}"#, "empty_list"),
        (r#"{"area": "B"}"#, "unknown_area"),
        (r#"{"area": "A"}"#, "ambiguous_area"),
        (
            r#"{"area": {"codes": ["A"], "vintage": "1999"}}"#,
            "unknown_area",
        ),
        (r#"{"period": "2022-01-05/2022-01-20"}"#, "finer_than_data"),
    ] {
        let text = format!(r#"{{"select": {select}, "method": {{"name": "repeat_locations"}}}}"#);
        let error = run(&snapshot, &Request::from_json(&text).unwrap()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    for bad in [
        r#"{"perid": "2022"}"#,
        r#"{"period": "2022-13"}"#,
        r#"{"lens": "both"}"#,
    ] {
        let text = format!(r#"{{"select": {bad}, "method": {{"name": "repeat_locations"}}}}"#);
        assert!(Request::from_json(&text).is_err(), "{bad}");
    }
}

#[test]
fn the_lens_follows_the_groups_only_when_all_are_police_generated() {
    let mut events = cluster(546_000.0, 186_000.0, 40, BURGLARY);
    events.extend(cluster(546_000.0, 186_000.0, 60, DRUGS));
    let snapshot = world(&events, vec![]);
    let selected = |select: &str| {
        let text = format!(r#"{{"select": {select}, "method": {{"name": "repeat_locations"}}}}"#);
        let facts = run(&snapshot, &Request::from_json(&text).unwrap())
            .unwrap()
            .facts;
        (facts.lens.name(), facts.selected)
    };
    assert_eq!(selected("{}"), ("reported", 40));
    assert_eq!(
        selected(r#"{"groups": ["drugs"]}"#),
        ("police_generated", 60)
    );
    assert_eq!(
        selected(r#"{"groups": ["drugs", "burglary"]}"#),
        ("reported", 40)
    );
    assert_eq!(
        selected(r#"{"lens": "police_generated"}"#),
        ("police_generated", 60)
    );
}

/// Records with days at one place each: 40 within 7 days, 10 over ten months.
fn premises() -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    let mut push = |x: f64, day: i32, kind: u16| {
        builder.push(&IncidentRow {
            location: Some(location(x, 186_000.0)),
            span: day_span((19_000 + day) * 1440),
            kind,
            basis: LocationBasis::Address,
            place: NO_PLACE,
        });
    };
    for i in 0..40 {
        push(546_000.0, i % 7, BURGLARY);
    }
    for i in 0..10 {
        push(546_500.0, i * 31, BURGLARY);
    }
    for i in 0..30 {
        push(547_000.0, i, DRUGS);
    }
    push(547_000.0, 3, BURGLARY);
    push(547_000.0, 4, BURGLARY);
    support::with_sets(builder, vec![])
}

#[test]
fn repeats_rank_by_what_is_asked() {
    let snapshot = premises();
    let order = |rank_by: &str| -> Vec<u32> {
        let text = format!(
            r#"{{"method": {{"name": "repeat_locations", "rank_by": "{rank_by}", "min_count": 3}}}}"#
        );
        repeats(&snapshot, &text)
            .locations
            .iter()
            .map(|l| l.facts.count)
            .collect()
    };
    assert_eq!(order("count"), [40, 10]);
    assert_eq!(order("distinct_days"), [10, 40]);
    assert_eq!(order("distinct_months"), [10, 40]);
    assert_eq!(order("recency"), [10, 40]);
}

#[test]
fn stacks_are_flagged_and_kept() {
    let mut snapshot = premises();
    let text = r#"{"method": {"name": "repeat_locations"}}"#;
    let stack = |s: &Snapshot| {
        let found = repeats(s, text);
        assert_eq!(found.locations.len(), 3, "nothing is deleted");
        found
            .locations
            .into_iter()
            .find(|l| l.facts.count == 2)
            .unwrap()
            .station_stack
    };
    assert_eq!(
        stack(&snapshot),
        Some(StationStack::Suspected {
            records: 32,
            police_generated: 30
        })
    );
    let at = location(547_030.0, 186_000.0).position;
    snapshot.sites.push(Site {
        id: "1".into(),
        name: "Custody suite".into(),
        class: "custody".into(),
        position: LonLat::new(at.lon(), at.lat()).unwrap(),
        number: None,
    });
    assert_eq!(
        stack(&snapshot),
        Some(StationStack::Declared {
            site: "Custody suite".into()
        })
    );
}

#[test]
fn tolerance_merges_without_chaining() {
    // Ten metres apart in a line: with 10 m each centre takes its neighbours and no more.
    let events: Vec<Event> = (0..5)
        .flat_map(|i| {
            let n = if i == 2 { 5 } else { 2 };
            std::iter::repeat_n(
                Event {
                    x: 546_000.0 + f64::from(i) * 10.0,
                    y: 186_000.0,
                    month: 1,
                    kind: BURGLARY,
                },
                n,
            )
        })
        .collect();
    let text = r#"{"method": {"name": "repeat_locations", "tolerance_m": 10}}"#;
    let found = repeats(&world(&events, vec![]), text);
    let counts: Vec<u32> = found.locations.iter().map(|l| l.facts.count).collect();
    assert_eq!(counts, [9, 2, 2]);
    assert_eq!(found.locations[0].radius_m, 10.0);
}
