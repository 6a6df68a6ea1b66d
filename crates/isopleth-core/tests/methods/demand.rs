//! What a request asks for is told before it is run, and a run that is watched can be stopped.

use std::sync::Arc;

use crate::support::{BURGLARY, DRUGS, Event, rectangle, world};
use isopleth_core::methods::overlap::similarity;
use isopleth_core::watch::{Halted, Watch, watched};
use isopleth_core::{Demand, Findings, Request, Snapshot, demand, run};

/// 400 burglaries and 40 drugs records on two square kilometres, and one burglary outside.
fn snapshot() -> Snapshot {
    let mut events: Vec<Event> = (0..440)
        .map(|n| Event {
            x: 550_050.0 + f64::from(n * 37 % 190) * 10.0,
            y: 188_050.0 + f64::from(n * 53 % 90) * 10.0,
            month: 1 + n % 24,
            kind: if n < 400 { BURGLARY } else { DRUGS },
        })
        .collect();
    events.push(Event {
        x: 553_000.0,
        ..events[0]
    });
    world(
        &events,
        vec![rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_000.0)],
    )
}

fn asked(select: &str, rest: &str) -> Demand {
    let text = format!(r#"{{"select": {{"groups": ["burglary"]{select}}}, "method": {rest}}}"#);
    demand(&snapshot(), &Request::from_json(&text).unwrap()).unwrap()
}

#[test]
fn ground_and_incidents_are_those_of_the_selection() {
    let named = asked(r#", "area": "A""#, r#"{"name": "repeat_locations"}"#);
    assert!((named.area_m2 - 2e6).abs() < 2e3, "{named:?}");
    assert_eq!(
        (named.incidents, named.cells, named.replicates),
        (401, 0, 0)
    );
    let around = asked("", r#"{"name": "repeat_locations"}"#);
    // From 550,050 to 553,000, and the whole of the rows.
    assert!((around.area_m2 - 2950.0 * 890.0).abs() < 1.0, "{around:?}");
    let both = asked("", r#"{"name": "overlap", "with": {"groups": ["drugs"]}}"#);
    assert_eq!((both.incidents, both.replicates), (441, 999));
}

#[test]
fn shuffles_of_all_tests_are_added_up() {
    let hotspots = r#"{"name": "kernel_density"},
        "hotspots": {"share_of_area": 0.1, "stability": {"runs": 40}, "peak": {"replicates": 99}}"#;
    for (request, expected) in [
        (r#"{"name": "knox", "replicates": 99}"#, 99),
        (r#"{"name": "getis_ord"}"#, 0),
        (
            r#"{"name": "getis_ord", "p_value": {"permutation": {"permutations": 499}}}"#,
            499,
        ),
        (
            r#"{"name": "dbscan", "radius_m": 50, "min_count": 5, "ensemble": {"replicates": 19}}"#,
            19,
        ),
        (hotspots, 139),
    ] {
        assert_eq!(
            asked(r#", "area": "A""#, request).replicates,
            expected,
            "{request}"
        );
    }
}

#[test]
fn cells_are_estimated_closely_and_not_too_low() {
    let snapshot = snapshot();
    for rest in [
        r#""area": "A"}, "method": {"name": "kernel_density", "bandwidth_m": 300}"#,
        r#""area": "A"}, "method": {"name": "kernel_density", "bandwidth_m": 300, "cell_m": 20}"#,
        r#""groups": ["burglary"]}, "method": {"name": "kernel_density", "bandwidth_m": 300, "cell_m": 50}"#,
        r#""area": "A"}, "method": {"name": "kernel_density", "bandwidth_m": 300, "h3_resolution": 11}"#,
    ] {
        let request = Request::from_json(&format!(r#"{{"select": {{{rest}}}"#)).unwrap();
        let asked = demand(&snapshot, &request).unwrap().cells as f64;
        let Findings::Surface(found) = run(&snapshot, &request).unwrap().findings else {
            panic!("a surface");
        };
        let cells = found.surface.lattice.len() as f64;
        assert!(
            (cells..=cells * 1.6 + 10.0).contains(&asked),
            "{rest}: {asked} estimated, {cells} made"
        );
    }
}

#[test]
fn time_counts_where_it_is_cut() {
    let months = r#", "area": "A", "period": "2022""#;
    let cube = asked(months, r#"{"name": "emerging_hot_spots"}"#).cells;
    let flat = asked(months, r#"{"name": "getis_ord"}"#).cells;
    assert_eq!(cube / 12, flat);
}

#[test]
fn what_cannot_be_selected_has_no_demand() {
    let request = r#"{"select": {"area": "nowhere"}, "method": {"name": "knox"}}"#;
    let refused = demand(&snapshot(), &Request::from_json(request).unwrap()).unwrap_err();
    assert_eq!(refused.code(), "unknown_area");
}

#[test]
fn a_watched_run_is_the_same_and_can_be_stopped() {
    let snapshot = snapshot();
    let request = |replicates: u32| {
        let text = format!(
            r#"{{"select": {{"groups": ["burglary"]}},
                "method": {{"name": "overlap", "with": {{"groups": ["drugs"]}}, "unit": "h3", "replicates": {replicates}}}}}"#
        );
        Request::from_json(&text).unwrap()
    };
    let words = |o: isopleth_core::Outcome| format!("{:?}", o.findings);
    let alone = words(run(&snapshot, &request(99)).unwrap());
    let watch = Arc::new(Watch::default());
    let of_watched = watched(&watch, 3, || run(&snapshot, &request(99)).unwrap()).unwrap();
    assert_eq!(words(of_watched), alone);
    assert_eq!(watch.progress(), Some(1.0));

    // Some hours of shuffles, stopped after the first.
    let watch = Arc::new(Watch::default());
    let counts = vec![1; 100_000];
    let run = || similarity(&counts, &counts, 1_000_000, 0);
    let stopped = std::thread::scope(|scope| {
        let running = scope.spawn(|| watched(&watch, 2, run));
        while watch.progress().is_none_or(|p| p == 0.0) {
            std::thread::yield_now();
        }
        watch.stop();
        running.join().unwrap()
    });
    assert_eq!(stopped, Err(Halted::Stopped));
    assert!(watch.progress().unwrap() < 1.0);
}
