//! Change, displacement and control charts through the whole path.

use crate::support::{
    BURGLARY, DRUGS, Event, location, on_threads, rectangle, try_findings, with_sets, world,
};
use isopleth_core::control_chart::Signal;
use isopleth_core::domain::{
    Area, IncidentRow, IncidentSetBuilder, LocationBasis, NO_PLACE, Period, Span, TimePrecision,
};
use isopleth_core::methods::{change, displacement};
use isopleth_core::{Findings, RunError, Snapshot};
use proptest::prelude::*;

/// Four wards of 1 km in a row, in a borough.
fn areas() -> Vec<Area> {
    let mut all = vec![rectangle("X", 550_000.0, 187_000.0, 554_000.0, 190_000.0)];
    for (i, code) in ["W1", "W2", "W3", "W4"].into_iter().enumerate() {
        let x = 550_000.0 + i as f64 * 1000.0;
        let mut ward = rectangle(code, x, 187_500.0, x + 1000.0, 189_500.0);
        ward.kind = "ward".into();
        all.push(ward);
    }
    all
}

/// So many burglaries of a ward in a month.
fn some(ward: usize, month: i32, n: u32) -> impl Iterator<Item = Event> {
    (0..n).map(move |k| Event {
        x: 550_100.0 + ward as f64 * 1000.0 + f64::from(k % 8) * 100.0,
        y: 188_000.0 + f64::from(k / 8) * 20.0,
        month,
        kind: BURGLARY,
    })
}

/// A record of another kind in every month, so that the data covers it.
fn every_month() -> impl Iterator<Item = Event> {
    (-11..=24).map(|month| Event {
        x: 552_000.0,
        y: 187_200.0,
        month,
        kind: DRUGS,
    })
}

fn run(snapshot: &Snapshot, text: &str) -> Result<change::Outcome, RunError> {
    match try_findings(snapshot, text)? {
        Findings::Change(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

fn request(period: &str, params: &str) -> String {
    format!(
        r#"{{"select": {{"area": "X", "period": "{period}", "groups": ["burglary"]}}, "method": {{"name": "change" {params}}}}}"#
    )
}

#[test]
fn wards_and_the_rest_add_up_to_the_whole() {
    let mut events: Vec<Event> = every_month().collect();
    events.extend(some(0, 13, 30).chain(some(0, 14, 42)));
    events.extend(some(1, 13, 3).chain(some(1, 14, 6)));
    events.extend(some(2, 13, 25).chain(some(2, 14, 2)));
    // South of the wards, in the borough.
    events.extend((0..5).map(|_| Event {
        x: 551_000.0,
        y: 187_100.0,
        month: 14,
        kind: BURGLARY,
    }));
    let snapshot = world(&events, areas());
    let found = run(&snapshot, &request("2023-02", r#", "by": "ward""#)).unwrap();
    assert_eq!(found.before, ("2023-01-01".into(), "2023-01-31".into()));
    let of = |code: &str| found.areas.iter().find(|a| a.code == code).unwrap();
    let counts = |a: &change::AreaChange| (a.pair.before, a.pair.now, a.pair.difference());
    assert_eq!(counts(&found.total), (58, 55, -3));
    assert_eq!(counts(of("W1")), (30, 42, 12));
    assert_eq!(counts(of("W2")), (3, 6, 3));
    assert_eq!(counts(of("W4")), (0, 0, 0));
    let none = found.in_no_area.unwrap();
    assert_eq!((none.before, none.now), (0, 5));
    // February has 28 days, January 31: R's definition of the E-test gives 0.067773560589.
    assert!((of("W1").p.unwrap() - 0.067_773_560_589).abs() < 1e-11);
    assert!(of("W1").pair.percent().unwrap() > 40.0);
    assert_eq!(of("W2").pair.percent(), None);
    assert_eq!((of("W4").p, of("W4").p_adjusted), (None, None));
    // The greatest change first; four wards, three tests.
    assert_eq!(
        (found.areas[0].code.as_str(), found.areas[0].rank),
        ("W3", 1)
    );
    assert_eq!((found.areas.len(), found.tests), (4, 3));
    let p = |code| (of(code).p.unwrap(), of(code).p_adjusted.unwrap());
    assert!((p("W3").1 - 3.0 * p("W3").0).abs() < 1e-15);
    assert!(found.areas.iter().all(|a| a.p_adjusted >= a.p));
    let two = run(
        &snapshot,
        &request("2023-02", r#", "by": "ward", "max": 2, "rank_by": "count""#),
    )
    .unwrap();
    assert_eq!((two.areas[0].code.as_str(), two.beyond_max), ("W1", 2));
    // A stated period, and a year earlier.
    let stated = request("2023-02", r#", "against": {"period": "2022-02/2022-03"}"#);
    assert_eq!(run(&snapshot, &stated).unwrap().total.pair.days_before, 59);
    let year = request("2023-02", r#", "against": "last_year""#);
    assert_eq!(run(&snapshot, &year).unwrap().before.0, "2022-02-01");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let mut events: Vec<Event> = every_month().collect();
    events.extend(some(0, 2, 5).chain(some(0, 3, 9)));
    let snapshot = world(&events, areas());
    for (period, params, code, words) in [
        ("2021-01", "", "not_covered", "1 of the 1 months"),
        (
            "2022-03",
            r#", "against": {"period": "2022-02/2022-03"}"#,
            "invalid_change",
            "share days",
        ),
        (
            "2022-03",
            r#", "against": {"period": "2022-02-01/2022-02-05"}"#,
            "finer_than_data",
            "month only",
        ),
        ("2022-03", r#", "by": "parish""#, "invalid_change", "parish"),
        (
            "2022-03",
            r#", "vintage": "2022""#,
            "invalid_change",
            "`by`",
        ),
        ("2022-03", r#", "max": 0"#, "invalid_change", "max"),
        (
            "2022-03",
            r#", "control_chart": {"months": 1}"#,
            "invalid_change",
            "2 to 240",
        ),
    ] {
        let error = run(&snapshot, &request(period, params)).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let none = r#"{"method": {"name": "change"}}"#;
    assert!(
        run(&snapshot, none)
            .unwrap_err()
            .to_string()
            .contains("select.period")
    );
}

fn daily(days: &[(i32, u32)]) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for &(day, n) in days {
        for k in 0..n {
            builder.push(&IncidentRow {
                location: Some(location(550_500.0 + f64::from(k), 188_000.0)),
                span: Span {
                    from: day * 1440 + 600,
                    to: day * 1440 + 601,
                    precision: TimePrecision::Instant,
                },
                kind: 0,
                basis: LocationBasis::Address,
                place: NO_PLACE,
            });
        }
    }
    with_sets(builder, areas())
}

fn day(text: &str) -> i32 {
    Period::parse(text).unwrap().minutes().0 / 1440
}

const TERMS: &str = r#""terms": [
    {"first": "2018-01-03", "last": "2018-02-09"}, {"first": "2018-02-19", "last": "2018-03-29"},
    {"first": "2018-04-16", "last": "2018-05-25"}, {"first": "2018-06-04", "last": "2018-07-24"},
    {"first": "2018-09-04", "last": "2018-10-19"}, {"first": "2018-10-29", "last": "2018-12-21"},
    {"first": "2019-01-07", "last": "2019-02-15"}, {"first": "2019-02-25", "last": "2019-04-05"},
    {"first": "2019-04-23", "last": "2019-05-24"}, {"first": "2019-06-03", "last": "2019-07-23"}]"#;

#[test]
fn an_easter_that_moves_makes_no_change() {
    // Four a day on school days (Monday to Friday in term), one on any other.
    let holidays = [
        ("2018-02-10", "2018-02-18"),
        ("2018-03-30", "2018-04-15"),
        ("2018-05-26", "2018-06-03"),
        ("2019-02-16", "2019-02-24"),
        ("2019-04-06", "2019-04-22"),
    ];
    let free = |d: i32| {
        (d + 3).rem_euclid(7) > 4 || holidays.iter().any(|h| (day(h.0)..=day(h.1)).contains(&d))
    };
    let days: Vec<(i32, u32)> = (day("2018-01-08")..day("2019-05-01"))
        .map(|d| (d, if free(d) { 1 } else { 4 }))
        .collect();
    let snapshot = daily(&days);
    // From Monday 25 March to Sunday 21 April 2019: the same dates a year earlier held Easter's first week.
    let plain = request("2019-03-18/2019-03-31", r#", "against": "last_year""#);
    let by_date = run(&snapshot, &plain).unwrap().total;
    assert!(by_date.pair.difference() > 0, "{:?}", by_date.pair);
    let text = plain.replacen('{', &format!("{{{TERMS}, "), 1);
    let found = run(&snapshot, &text).unwrap();
    let pair = found.total.pair;
    assert_eq!(pair.difference(), 0, "{pair:?}");
    assert_eq!((pair.days, pair.days_before), (14, 14));
    assert_eq!(found.by_terms, Some((14, 14)));
    assert_eq!(found.total.p, Some(1.0));
    // A period over the joint: the Friday that was off in 2018 is left out on both sides.
    let joint = text.replace("2019-03-18/2019-03-31", "2019-04-01/2019-04-14");
    let found = run(&snapshot, &joint).unwrap();
    assert_eq!(
        (found.total.pair.difference(), found.by_terms),
        (0, Some((13, 14)))
    );
    // Terms without a year to align, without counterparts, and on months.
    let previous = text.replace("last_year", "previous");
    let error = run(&snapshot, &previous).unwrap_err().to_string();
    assert!(error.contains("last_year"), "{error}");
    let early = text.replace("2019-03-18/2019-03-31", "2018-03-01/2018-03-14");
    let error = run(&snapshot, &early).unwrap_err().to_string();
    assert!(error.contains("counterpart"), "{error}");
    let mut months: Vec<Event> = every_month().collect();
    months.extend(some(0, 3, 9));
    let text = request("2022-03", r#", "against": "last_year""#);
    let terms = r#""terms": [{"first": "2021-01-04", "last": "2021-02-12"}, {"first": "2021-02-22", "last": "2021-04-01"}, {"first": "2021-04-19", "last": "2021-05-28"},
        {"first": "2021-06-07", "last": "2021-07-21"}, {"first": "2021-09-02", "last": "2021-10-22"}, {"first": "2021-11-01", "last": "2021-12-17"},
        {"first": "2022-01-04", "last": "2022-02-11"}, {"first": "2022-02-21", "last": "2022-04-01"}]"#;
    let text = text.replacen('{', &format!("{{{terms}, "), 1);
    let error = run(&world(&months, areas()), &text).unwrap_err();
    assert_eq!(error.code(), "finer_than_data", "{error}");
}

fn displaced(snapshot: &Snapshot, params: &str) -> Result<displacement::Outcome, RunError> {
    let text = format!(
        r#"{{"select": {{"period": "2023-02", "groups": ["burglary"]}}, "method": {{"name": "displacement", "before": "2022-02" {params}}}}}"#
    );
    match try_findings(snapshot, &text)? {
        Findings::Displacement(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

fn four_wards() -> Snapshot {
    let mut events: Vec<Event> = every_month().collect();
    for (ward, before, after) in [(0, 207, 110), (1, 178, 157), (2, 308, 318), (3, 150, 140)] {
        events.extend(some(ward, 2, before).chain(some(ward, 14, after)));
    }
    world(&events, areas())
}

#[test]
fn the_printed_difference_through_the_whole_path() {
    let snapshot = four_wards();
    let areas = r#", "treated": "W1", "treated_buffer": "W2", "control": ["W3"], "control_buffer": {"codes": ["W4"], "kind": "ward"}"#;
    // The record of drugs lies south of the wards: nothing tells that they are covered but burglary.
    let found = displaced(&snapshot, areas).unwrap();
    assert!((found.wdd.estimate + 118.0).abs() < 1e-12);
    assert!((found.wdd.standard_error - 1568.0_f64.sqrt()).abs() < 1e-12);
    let alone = found.without_buffers.unwrap();
    assert!((alone.estimate + 107.0).abs() < 1e-12);
    let roles: Vec<&str> = found.zones.iter().map(|z| z.role.name()).collect();
    assert_eq!(
        roles,
        ["treated", "treated_buffer", "control", "control_buffer"]
    );
    assert!((found.zones[0].area_m2 - 2e6).abs() < 100.0);
    assert_eq!(found.elsewhere, 0);
    let weighted = format!(
        r#"{areas}, "area_weights": {{"control": 0.9, "treated": 1.2, "control_buffer": 1.6, "treated_buffer": 1.5}}"#
    );
    let found = displaced(&snapshot, &weighted).unwrap();
    assert!((found.wdd.z + 2.813_995_483).abs() < 1e-9);
    assert!(found.quotient.unwrap_err().contains("weighted"));
    // Without buffers, and with weights of time.
    let two = r#", "treated": "W1", "control": "W3", "time_weights": {"before": 2, "after": 1}"#;
    let found = displaced(&snapshot, two).unwrap();
    assert!((found.wdd.estimate - (110.0 - 103.5 - 318.0 + 154.0)).abs() < 1e-12);
    assert_eq!(found.without_buffers, None);
}

#[test]
fn a_ring_takes_the_ground_around_and_nothing_else() {
    let snapshot = four_wards();
    let params = r#", "treated": "W1", "treated_buffer": {"within_m": 450}, "control": "W3", "control_buffer": {"within_m": 450}"#;
    let found = displaced(&snapshot, params).unwrap();
    let ring = &found.zones[1];
    // Columns of 100 m: of the eight of W2 four lie within 450 m of W1 and three within 450 m of W3, as
    // do four of W4.
    assert_eq!((ring.pair.before, ring.pair.now), (90, 80));
    let other = &found.zones[3];
    assert_eq!((other.pair.before, other.pair.now), (66 + 76, 57 + 72));
    // A rectangle of 1 by 2 km and its rounded rim, less what is W1: within one part in a thousand of
    // 2 (1 + 2) 0.45 + π 0.45² km².
    let rim = 6000.0 * 450.0 + std::f64::consts::PI * 450.0 * 450.0;
    assert!(
        (ring.area_m2 / rim - 1.0).abs() < 2e-3,
        "{} {rim}",
        ring.area_m2
    );
    for (params, words) in [
        (r#", "treated": "W1", "control": "W1""#, "share"),
        (r#", "treated": "W1", "control": "X""#, "share"),
        (r#", "treated": "W1", "control": "W9""#, "W9"),
        (
            r#", "treated": "W1", "control": "W3", "treated_buffer": {"within_m": 0}"#,
            "within_m",
        ),
        (
            r#", "treated": "W1", "control": "W3", "area_weights": {"treated": 0}"#,
            "area_weights.treated",
        ),
        (
            r#", "treated": "W1", "control": "W3", "time_weights": {"before": -1, "after": 1}"#,
            "time_weights.before",
        ),
        (
            r#", "treated": "W1", "control": "W3", "time_weights": {"before": 1e-300, "after": 1}"#,
            "time_weights.before must be a number over 0, from 1e-9 to 1e9, not 1e-300",
        ),
    ] {
        let error = displaced(&snapshot, params).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let text = r#"{"select": {"period": "2023-02/2023-03"}, "method": {"name": "displacement", "before": "2023-01", "treated": "W1", "control": "W3"}}"#;
    let error = try_findings(&snapshot, text).unwrap_err().to_string();
    assert!(error.contains("equally long"), "{error}");
    let error = try_findings(&snapshot, &text.replace("2023-01", "2023-02")).unwrap_err();
    assert!(error.to_string().contains("must end before"), "{error}");
    let error = try_findings(&snapshot, &text.replace("2023-01", "2021-01/2021-02")).unwrap_err();
    assert_eq!(error.code(), "not_covered", "{error}");
}

const CUT: &str = r#""method": {"name": "kernel_density", "bandwidth_m": 300, "h3_resolution": 10},
    "hotspots": {"share_of_incidents": 0.9, "max": 3"#;

#[test]
fn hotspots_say_how_they_changed_and_chart_their_months() {
    let mut events: Vec<Event> = every_month().filter(|e| e.month != -3).collect();
    for month in 1..=24 {
        events.extend(some(0, month, if month == 24 { 40 } else { 10 }));
    }
    let snapshot = world(&events, areas());
    let text = format!(
        r#"{{"select": {{"area": "X", "period": "2023-12", "groups": ["burglary"]}}, {CUT}, "control_chart": {{"months": 30}}, "peak": {{}}}}}}"#
    );
    let cut = |text: &str| match try_findings(&snapshot, text).unwrap() {
        Findings::Hotspots(found) => found.cut,
        other => panic!("{other:?}"),
    };
    let found = cut(&text);
    let h = &found.hotspots[0];
    let now = u64::from(h.facts.count);
    let previous = h.previous.unwrap();
    assert_eq!(
        (previous.now, previous.days, previous.days_before),
        (now, 31, 30)
    );
    assert_eq!(Some(previous.before as u32), h.facts.previous_count);
    assert!(previous.p().unwrap() < 0.01 && previous.percent().is_none());
    let chart = h.chart.as_ref().unwrap();
    assert_eq!(chart.months.len(), 30);
    // The month that the data has nothing of is not supplied, the others before 2022 are empty.
    let empty: Vec<Option<u64>> = chart.months[..6].iter().map(|m| m.count).collect();
    assert_eq!(empty, [Some(0), Some(0), None, Some(0), Some(0), Some(0)]);
    assert_eq!(chart.months[29].count, Some(now));
    assert_eq!(chart.months[29].signal, Some(Signal::Above));
    assert_eq!(found.months.as_ref().unwrap().baseline(), (30, 29));
    let reason = h.peak.as_ref().unwrap().as_ref().unwrap_err();
    assert!(reason.contains("month only"), "{reason}");
    assert!(h.by_terms.is_none() && found.by_terms.is_none());
    // With terms: months cannot be aligned, and the reason is told.
    let with = text.replacen('{', &format!("{{{TERMS}, "), 1);
    let found = cut(&with);
    assert!(found.by_terms.unwrap().is_err());
    for (params, words) in [
        (r#""control_chart": {"months": 1}"#, "months"),
        (
            r#""control_chart": {"baseline_months": 1}"#,
            "baseline_months",
        ),
        (r#""peak": {"window_hours": 24}"#, "24"),
    ] {
        let text =
            format!(r#"{{"select": {{"area": "X", "period": "2023-12"}}, {CUT}, {params}}}}}"#);
        let error = try_findings(&snapshot, &text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = try_findings(&snapshot, &format!(r#"{{{CUT}, "control_chart": {{}}}}}}"#));
    assert!(error.unwrap_err().to_string().contains("select.period"));
    // Times that are known have a peak; the same on any number of threads.
    let exact = daily(
        &(0..40)
            .map(|i| (day("2019-03-04") + i, 3))
            .collect::<Vec<_>>(),
    );
    let text = format!(
        r#"{{{TERMS}, "select": {{"area": "X", "groups": ["burglary"]}}, {CUT}, "peak": {{"window_hours": 2}}}}}}"#
    );
    let one = match try_findings(&exact, &text).unwrap() {
        Findings::Hotspots(found) => found.cut,
        other => panic!("{other:?}"),
    };
    let peak = one.hotspots[0].peak.clone().unwrap().unwrap();
    assert_eq!(peak.exact_share, Some(1.0));
    assert_eq!(peak.window.hours.to_string(), "09:00/11:00");
    for threads in [1, 2, 7] {
        let again = on_threads(threads, || match try_findings(&exact, &text).unwrap() {
            Findings::Hotspots(found) => found.cut,
            other => panic!("{other:?}"),
        });
        assert_eq!(again.hotspots, one.hotspots);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn areas_and_the_rest_always_add_up(
        events in proptest::collection::vec((550_000_i32..554_000, 187_000_i32..190_000, 1_i32..24), 1..120),
        seed in 0_usize..97,
    ) {
        let mut all: Vec<Event> = every_month().collect();
        all.extend(events.iter().map(|&(x, y, month)| Event { x: x.into(), y: y.into(), month, kind: BURGLARY }));
        let text = request("2023-01/2023-06", r#", "against": "last_year", "by": "ward", "control_chart": {}"#);
        let found = run(&world(&all, areas()), &text).unwrap();
        let none = found.in_no_area.unwrap();
        let now: u64 = found.areas.iter().map(|a| a.pair.now).sum();
        let before: u64 = found.areas.iter().map(|a| a.pair.before).sum();
        prop_assert_eq!((now + none.now, before + none.before), (found.total.pair.now, found.total.pair.before));
        let charted: u64 = found.total.chart.as_ref().unwrap().months.iter().filter_map(|m| m.count).sum();
        let held = events.iter().filter(|e| (-5..=18).contains(&e.2));
        // Locations on the borough's very edge may be out by rounding.
        prop_assert!(charted <= held.clone().count() as u64 && charted + 3 >= held.count() as u64);
        let turn = seed % all.len();
        all.rotate_left(turn);
        prop_assert_eq!(run(&world(&all, areas()), &text).unwrap(), found);
    }
}
