//! Harm schedules and hours: what incidents weigh, from the request to surfaces, hotspots and places.

use std::collections::BTreeMap;

use crate::support::{key, location, quarter, rectangle};
use isopleth_core::domain::{
    GroupDefinition, HarmSchedule, HarmWeight, IncidentRow, IncidentSetBuilder, Kind, Lens,
    LocationBasis, NO_PLACE, Span, TimePrecision, UnknownCode, month_span,
};
use isopleth_core::select::Selection;
use isopleth_core::{
    CutSurface, Findings, HarmFacts, Outcome, Request, RunError, Snapshot, SurfaceCells, run,
};
use proptest::prelude::*;

/// 2022-06-03T00:00, a Friday.
const FRIDAY: i32 = 19_146 * 1440;

const BURGLARY: u16 = 0;
const ROBBERY: u16 = 1;
const VIOLENCE: u16 = 2;
const SUPPLY: u16 = 3;
const ODDITY: u16 = 4;
const WEAPON: u16 = 5;

#[derive(Debug, Clone, Copy)]
struct Event {
    x: f64,
    y: f64,
    kind: u16,
    span: Span,
}

fn between(from: i32, minutes: i32) -> Span {
    Span {
        from: FRIDAY + from,
        to: FRIDAY + from + minutes,
        precision: if minutes == 1 {
            TimePrecision::Instant
        } else {
            TimePrecision::Interval
        },
    }
}

/// At 250 m steps from a corner of the area.
fn event(place: i32, kind: u16, span: Span) -> Event {
    Event {
        x: 550_300.0 + f64::from(place % 6) * 250.0,
        y: 188_300.0 + f64::from(place / 6) * 250.0,
        kind,
        span,
    }
}

fn noon(place: i32, kind: u16) -> Event {
    event(place, kind, between(720, 1))
}

fn weight(groups: &[&str], value: f64) -> HarmWeight {
    HarmWeight {
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        value: Some(value),
        ..HarmWeight::default()
    }
}

fn schedule(id: &str, unknown_code: UnknownCode, weights: Vec<HarmWeight>) -> HarmSchedule {
    let schedule = HarmSchedule {
        id: id.into(),
        version: "1".into(),
        source: "made up".into(),
        unit: "days".into(),
        unknown_code,
        weights,
    };
    schedule.check().unwrap();
    schedule
}

fn usual() -> Vec<HarmSchedule> {
    let range = HarmWeight {
        value: None,
        low: Some(1.0),
        high: Some(500.0),
        ..weight(&["violence"], 0.0)
    };
    vec![
        schedule(
            "days",
            UnknownCode::Refuse,
            vec![
                weight(&["burglary"], 20.0),
                weight(&["robbery"], 365.0),
                range,
                weight(&["drugs"], 100.0),
            ],
        ),
        schedule(
            "half",
            UnknownCode::LeaveOut,
            vec![weight(&["burglary"], 10.0), weight(&["robbery"], 182.5)],
        ),
        schedule(
            "none",
            UnknownCode::LeaveOut,
            vec![weight(&["no_such"], 1.0)],
        ),
    ]
}

fn world(events: &[Event]) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for e in events {
        builder.push(&IncidentRow {
            location: Some(location(e.x, e.y)),
            span: e.span,
            kind: e.kind,
            basis: LocationBasis::Address,
            place: NO_PLACE,
        });
    }
    let kinds = [
        ("Burglary", "burglary", Lens::Reported),
        ("Robbery", "robbery", Lens::Reported),
        ("Violence", "violence", Lens::Reported),
        ("Supply", "drugs", Lens::PoliceGenerated),
        ("Oddity", "oddity", Lens::Reported),
        ("Weapon", "weapons", Lens::PoliceGenerated),
    ];
    let kind = |&(term, group, lens): &(&str, &str, Lens)| Kind {
        term: term.into(),
        sub_type_term: String::new(),
        record_source: String::new(),
        group: Some(group.into()),
        sub_type: None,
        lens,
    };
    let group = |&(title, id, lens): &(&str, &str, Lens)| GroupDefinition {
        id: id.into(),
        title: title.into(),
        lens,
        activity: false,
    };
    Snapshot {
        revision: "test".into(),
        incidents: builder.finish(kinds.iter().map(kind).collect(), Vec::new()),
        areas: vec![rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0)],
        policy: "test 1".into(),
        groups: kinds.iter().map(group).collect(),
        harm_schedules: usual(),
        ..Snapshot::default()
    }
}

fn go(snapshot: &Snapshot, request: &str) -> Result<Outcome, RunError> {
    run(snapshot, &Request::from_json(request).unwrap())
}

fn surface(snapshot: &Snapshot, select: &str, weight: &str) -> SurfaceCells {
    let request = format!(
        r#"{{"select": {{"area": "A"{select}}},
            "method": {{"name": "kernel_density", "bandwidth_m": 300, "cell_m": 50{weight}}}}}"#
    );
    match go(snapshot, &request).unwrap().findings {
        Findings::Surface(cells) => cells,
        other => panic!("{other:?}"),
    }
}

fn hotspots(snapshot: &Snapshot, rest: &str) -> Result<CutSurface, RunError> {
    match go(snapshot, rest)?.findings {
        Findings::Hotspots(cut) => Ok(cut),
        other => panic!("{other:?}"),
    }
}

fn code(snapshot: &Snapshot, request: &str) -> (&'static str, String) {
    let error = go(snapshot, request).unwrap_err();
    (error.code(), error.to_string())
}

const BY_DAYS: &str = r#", "weight": {"harm": "days"}"#;

// ---------------------------------------------------------------------------------------- harm

#[test]
fn a_surface_weighted_by_harm_integrates_to_harm() {
    let snapshot = world(&[noon(8, BURGLARY), noon(8, ROBBERY), noon(9, BURGLARY)]);
    let cells = surface(&snapshot, "", BY_DAYS);
    let sum: f64 = cells.surface.density_per_m2.iter().sum::<f64>() * 50.0 * 50.0;
    assert!((sum - 405.0).abs() < 0.02 * 405.0, "{sum}");
    assert_eq!(cells.surface.total_weight, 405.0);
    assert_eq!(cells.counts.iter().sum::<u32>(), 3, "counts stay counts");
    let harm: f64 = cells.harm[0].iter().map(|h| h.total.low).sum();
    assert_eq!(harm, 405.0);
}

#[test]
fn equal_weights_scale_the_surface_and_nothing_else() {
    let events: Vec<Event> = (0..20).map(|p| noon(p * 7 % 18, BURGLARY)).collect();
    let snapshot = world(&events);
    let plain = surface(&snapshot, "", "");
    let harm = surface(&snapshot, "", BY_DAYS);
    for (a, b) in plain
        .surface
        .density_per_m2
        .iter()
        .zip(&harm.surface.density_per_m2)
    {
        assert!((a * 20.0 - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
    }
}

#[test]
fn every_event_twice_is_twice_the_harm_and_the_expected_count() {
    let night = |p: i32| event(p, [BURGLARY, ROBBERY][p as usize % 2], between(p * 97, 400));
    let once: Vec<Event> = (0..18).map(night).collect();
    let twice = [&once[..], &once[..]].concat();
    let of = |events: &[Event]| surface(&world(events), r#", "hours": "22:00/04:00""#, BY_DAYS);
    let (once, twice) = (of(&once), of(&twice));
    assert!(once.surface.total_weight > 0.0);
    let pairs = [
        (once.surface.density_per_m2, twice.surface.density_per_m2),
        (once.expected, twice.expected),
    ];
    for (a, b) in pairs.iter().flat_map(|(a, b)| a.iter().zip(b)) {
        assert!((2.0 * a - b).abs() <= 1e-12 * b, "{a} {b}");
    }
}

#[test]
fn a_record_of_weight_n_is_n_records_of_weight_one() {
    // 365 = 36.5 × 10 and 20 = 2 × 10: by `half` a robbery is 18.25 burglaries.
    let one = world(&[noon(7, ROBBERY), noon(9, BURGLARY)]);
    let mut many: Vec<Event> = (0..73).map(|_| noon(7, BURGLARY)).collect();
    many.extend((0..4).map(|_| noon(9, BURGLARY)));
    let by_harm = surface(&one, "", r#", "weight": {"harm": "half"}"#);
    let by_count = surface(&world(&many), "", "");
    for (a, b) in by_harm
        .surface
        .density_per_m2
        .iter()
        .zip(&by_count.surface.density_per_m2)
    {
        assert!((a - b * 2.5).abs() <= 1e-12 * a.abs(), "{a} {b}");
    }
}

#[test]
fn weights_of_nothing_make_a_surface_of_nothing() {
    let snapshot = world(&[noon(8, BURGLARY), noon(9, BURGLARY)]);
    let none = r#", "weight": {"harm": "none"}"#;
    let cells = surface(&snapshot, "", none);
    assert!(!cells.surface.density_per_m2.is_empty());
    assert!(cells.surface.density_per_m2.iter().all(|d| *d == 0.0));
    assert_eq!(cells.counts.iter().sum::<u32>(), 2);
    let everywhere = go(
        &snapshot,
        r#"{"method": {"name": "kernel_density", "bandwidth_m": 300, "weight": {"harm": "none"}}}"#,
    );
    let Findings::Surface(cells) = everywhere.unwrap().findings else {
        panic!()
    };
    assert!(cells.surface.density_per_m2.is_empty());
    for cut in [
        r#""times_mean_density": 2"#,
        r#""share_of_incidents": 0.5"#,
        r#""share_of_area": 0.1"#,
        r#""min_density_per_km2": 1"#,
    ] {
        let found = hotspots(
            &snapshot,
            &format!(
                r#"{{"select": {{"area": "A"}}, "hotspots": {{{cut}}}, "method": {{"name": "kernel_density", "bandwidth_m": 300{none}}}}}"#
            ),
        );
        assert!(found.unwrap().cut.hotspots.is_empty(), "{cut}");
    }
}

#[test]
fn police_generated_records_weigh_nothing_and_stand_in_their_own_figures() {
    let mut events = vec![noon(8, BURGLARY), noon(8, ROBBERY)];
    events.extend((0..30).map(|_| noon(8, SUPPLY)));
    let place = |events: &[Event], select: &str, harm: &str| {
        let request = format!(
            r#"{{"select": {{"area": "A"{select}}}, "harm": {harm}, "method": {{"name": "repeat_locations"}}}}"#
        );
        match go(&world(events), &request).unwrap().findings {
            Findings::RepeatLocations(mut found) => found.locations.remove(0).facts,
            other => panic!("{other:?}"),
        }
    };
    let facts = place(&events, "", r#"["days", "half"]"#);
    assert_eq!((facts.count, facts.count_police_generated), (2, 30));
    let [days, half] = &facts.harm[..] else {
        panic!()
    };
    assert_eq!(days.total.value(), Some(385.0));
    assert_eq!(days.police_generated.unwrap().value(), Some(3000.0));
    assert_eq!(days.share_of_one_event, Some(365.0 / 385.0));
    // `half` knows no drugs: what police found has no number there, and refuses nothing.
    assert_eq!(half.total.value(), Some(192.5));
    assert_eq!(half.police_generated, None);
    // Through the other lens the total is 0, and the share of one in it undefined.
    let facts = place(&events, r#", "lens": "police_generated""#, r#"["days"]"#);
    assert_eq!(facts.count, 30);
    assert_eq!(facts.harm[0].total.value(), Some(0.0));
    assert_eq!(facts.harm[0].share_of_one_event, None);
    assert_eq!(
        facts.harm[0].police_generated.unwrap().value(),
        Some(3000.0)
    );
    let (found, words) = code(
        &world(&events),
        r#"{"select": {"lens": "police_generated"}, "method": {"name": "kernel_density", "bandwidth_m": 300, "weight": {"harm": "days"}}}"#,
    );
    assert_eq!(found, "invalid_kernel_density", "{words}");
    assert!(
        words.contains("weigh 0") && words.contains("days"),
        "{words}"
    );
}

#[test]
fn a_range_stays_a_range() {
    let snapshot = world(&[noon(8, BURGLARY), noon(8, VIOLENCE), noon(8, VIOLENCE)]);
    let outcome = go(
        &snapshot,
        r#"{"harm": ["days"], "method": {"name": "repeat_locations"}}"#,
    )
    .unwrap();
    assert_eq!(outcome.facts.harm[0].ranged, 2);
    let Findings::RepeatLocations(found) = outcome.findings else {
        panic!()
    };
    let harm = found.locations[0].facts.harm[0];
    assert_eq!((harm.total.low, harm.total.high), (22.0, 1020.0));
    assert_eq!((harm.total.value(), harm.share_of_one_event), (None, None));

    let (found, words) = code(
        &snapshot,
        r#"{"method": {"name": "kernel_density", "bandwidth_m": 300, "weight": {"harm": "days"}}}"#,
    );
    assert_eq!(found, "invalid_kernel_density");
    assert!(
        words.contains("2 of the selected") && words.contains("bound"),
        "{words}"
    );
    for (bound, total) in [("low", 22.0), ("high", 1020.0)] {
        let weight = format!(r#", "weight": {{"harm": "days", "bound": "{bound}"}}"#);
        assert_eq!(surface(&snapshot, "", &weight).surface.total_weight, total);
    }
}

#[test]
fn records_beyond_the_boundary_do_not_count_among_those_of_the_study_area() {
    let beyond = |kind| Event {
        x: 552_900.0,
        ..noon(8, kind)
    };
    let snapshot = world(&[
        noon(8, BURGLARY),
        noon(8, ODDITY),
        beyond(ODDITY),
        beyond(VIOLENCE),
        beyond(WEAPON),
    ]);
    let facts = |select: &str, id: &str| {
        let request = format!(
            r#"{{"select": {{{select}}}, "harm": ["{id}"], "method": {{"name": "repeat_locations"}}}}"#
        );
        go(&snapshot, &request).unwrap().facts.harm.remove(0)
    };
    let told = |f: &HarmFacts| (f.left_out, f.ranged, f.unknown_police_generated);
    assert_eq!(told(&facts("", "half")), (3, 0, 1));
    assert_eq!(told(&facts(r#""area": "A""#, "half")), (1, 0, 0));
    let known = r#""groups": ["burglary", "violence"]"#;
    assert_eq!(told(&facts(known, "days")), (0, 1, 0));
    let inside = format!(r#""area": "A", {known}"#);
    assert_eq!(told(&facts(&inside, "days")), (0, 0, 0));
    // Ranking by harm goes by what lies inside; a density is reached by what lies beyond.
    let surface = |cut: &str| {
        format!(
            r#"{{"select": {{{inside}}}, "method": {{"name": "kernel_density", "bandwidth_m": 300, "weight": {{"harm": "days"}}}}{cut}}}"#
        )
    };
    let (found, words) = code(&snapshot, &surface(""));
    assert_eq!(found, "invalid_kernel_density", "{words}");
    assert!(words.contains("1 of the selected"), "{words}");
}

#[test]
fn what_a_schedule_does_not_know_is_refused_with_number_and_names_or_left_out_and_counted() {
    let snapshot = world(&[
        noon(8, BURGLARY),
        noon(8, ODDITY),
        noon(8, ODDITY),
        noon(8, WEAPON),
    ]);
    let request =
        |id: &str| format!(r#"{{"harm": ["{id}"], "method": {{"name": "repeat_locations"}}}}"#);
    let (found, words) = code(&snapshot, &request("days"));
    assert_eq!(found, "unknown_harm_code");
    assert!(
        words.contains("no weight for 2 of") && words.contains("Oddity 2"),
        "{words}"
    );
    assert!(!words.contains("Weapon"), "police-generated: {words}");
    let outcome = go(&snapshot, &request("half")).unwrap();
    assert_eq!(outcome.facts.harm[0].left_out, 2);
    assert_eq!(outcome.facts.harm[0].unknown_police_generated, 1);
    let Findings::RepeatLocations(found) = outcome.findings else {
        panic!()
    };
    let facts = &found.locations[0].facts;
    assert_eq!(facts.harm[0].left_out, 2);
    assert_eq!(facts.harm[0].total.value(), Some(10.0));
    assert_eq!(facts.count, 3);
}

#[test]
fn schedules_that_are_not_there_are_named_with_those_that_are() {
    let snapshot = world(&[noon(8, BURGLARY)]);
    let (found, words) = code(
        &snapshot,
        r#"{"harm": ["dyas"], "method": {"name": "dbscan", "radius_m": 100, "min_count": 1}}"#,
    );
    assert_eq!(found, "unknown_harm_schedule");
    assert!(
        words.contains("`dyas`") && words.contains("days, half, none"),
        "{words}"
    );
    let weighted = r#"{"method": {"name": "kernel_density", "weight": {"harm": "x"}}}"#;
    assert_eq!(code(&snapshot, weighted).0, "unknown_harm_schedule");
    let bare = Snapshot {
        harm_schedules: Vec::new(),
        ..snapshot.clone()
    };
    assert!(code(&bare, weighted).1.contains("isopleth harm add"));
    for list in [r#"["days", "days"]"#, r#"["days", "half", "none"]"#] {
        let request = format!(r#"{{"harm": {list}, "method": {{"name": "repeat_locations"}}}}"#);
        assert_eq!(code(&snapshot, &request).0, "invalid_harm");
    }
    let (found, words) = code(
        &snapshot,
        r#"{"harm": ["days"], "method": {"name": "knox"}}"#,
    );
    assert_eq!(found, "no_harm");
    assert!(words.contains("knox"), "{words}");
}

#[test]
fn hotspots_can_be_ranked_by_harm() {
    // Three burglaries at one place, a robbery at another.
    let snapshot = world(&[
        noon(0, BURGLARY),
        noon(0, BURGLARY),
        noon(0, BURGLARY),
        noon(17, ROBBERY),
    ]);
    let ranked = |rank: &str, rest: &str| {
        let cut = hotspots(
            &snapshot,
            &format!(
                r#"{{"select": {{"area": "A"}}, "method": {{"name": "kernel_density", "bandwidth_m": 150{rest}}},
                "hotspots": {{"min_density_per_km2": 1, "rank_by": "{rank}"}}, "harm": ["half"]}}"#
            ),
        )?;
        Ok::<_, RunError>(
            cut.cut
                .hotspots
                .iter()
                .map(|h| h.facts.count)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(ranked("count", "").unwrap(), [3, 1]);
    assert_eq!(ranked("harm", "").unwrap(), [1, 3]);
    assert_eq!(ranked("harm", BY_DAYS).unwrap(), [1, 3]);
    let no_harm = r#"{"select": {"area": "A"}, "method": {"name": "kernel_density", "bandwidth_m": 150},
        "hotspots": {"min_density_per_km2": 1, "rank_by": "harm"}}"#;
    assert!(code(&snapshot, no_harm).1.contains("needs a harm schedule"));
    let ranges = world(&[noon(0, VIOLENCE)]);
    let request = no_harm.replace(r#""select""#, r#""harm": ["days"], "select""#);
    let (found, words) = code(&ranges, &request);
    assert_eq!(found, "invalid_hotspots");
    assert!(words.contains("range for 1"), "{words}");
}

#[test]
fn the_schedule_of_a_weighted_density_is_told_beside_others() {
    let snapshot = world(&[noon(0, BURGLARY), noon(0, BURGLARY)]);
    let cut = hotspots(
        &snapshot,
        r#"{"select": {"area": "A"}, "harm": ["half"],
        "method": {"name": "kernel_density", "bandwidth_m": 150, "weight": {"harm": "days"}},
        "hotspots": {"times_mean_density": 2}}"#,
    )
    .unwrap();
    let harm: Vec<_> = cut.cut.hotspots[0]
        .facts
        .harm
        .iter()
        .map(|h| h.total.low)
        .collect();
    assert_eq!(harm, [40.0, 20.0]);
    // Twice the mean of harm: 40 days on 3 km².
    let mean = 40.0 / 3.0;
    let least = cut.cut.threshold_per_km2.unwrap();
    assert!((least - 2.0 * mean).abs() < 0.01 * mean, "{least}");
}

// --------------------------------------------------------------------------------------- hours

fn spans() -> impl Strategy<Value = Vec<Event>> {
    let one = (0_i32..18, -3_000_i32..30_000, 1_i32..15_000, 0_i32..3).prop_map(
        |(place, from, minutes, exact)| {
            event(
                place,
                BURGLARY,
                between(from, if exact == 0 { 1 } else { minutes }),
            )
        },
    );
    prop::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each record is shared out among the hours whole: 24 windows of an hour, and 168 with days.
    #[test]
    fn hours_that_part_the_day_share_every_record_out(events in spans(), by_day: bool) {
        let snapshot = world(&events);
        let days = if by_day {
            ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
                .map(|d| format!(r#", "days_of_week": ["{d}"]"#)).to_vec()
        } else {
            vec![String::new()]
        };
        let (mut expected, mut at) = (0.0, vec![0.0; snapshot.incidents.locations().len()]);
        for day in &days {
            for hour in 0..24 {
                let select = format!(r#"{{"hours": "{hour:02}:00/{:02}:00"{day}}}"#, hour + 1);
                let select = serde_json::from_str(&select).unwrap();
                let selection = Selection::new(&snapshot, &select).unwrap();
                expected += selection.expected;
                prop_assert!(selection.expected <= selection.selected as f64 + 1e-9);
                for (l, sum) in at.iter_mut().enumerate() {
                    *sum += selection.expected_at(l as u32);
                }
            }
        }
        prop_assert!((expected - events.len() as f64).abs() < 1e-9, "{expected}");
        for (l, sum) in at.iter().enumerate() {
            let n = snapshot.incidents.at(l as u32).len() as f64;
            prop_assert!((sum - n).abs() < 1e-9, "{sum} of {n}");
        }
    }

    #[test]
    fn surfaces_of_hours_that_part_the_day_add_up(events in spans()) {
        let snapshot = world(&events);
        let of = |hours: &str| surface(&snapshot, &format!(r#", "hours": "{hours}""#), "");
        let parts = ["06:00/14:00", "14:00/22:30", "22:30/06:00"].map(of);
        let whole = surface(&snapshot, "", "");
        let most = whole.surface.density_per_m2.iter().copied().fold(0.0, f64::max);
        for (c, d) in whole.surface.density_per_m2.iter().enumerate() {
            let sum: f64 = parts.iter().map(|p| p.surface.density_per_m2[c]).sum();
            prop_assert!((sum - d).abs() <= 1e-12 * most, "{sum} {d}");
        }
    }

    #[test]
    fn order_and_threads_do_not_show(events in spans(), seed: u64) {
        let mut events = events;
        for (i, e) in events.iter_mut().enumerate() {
            e.kind = [BURGLARY, ROBBERY, SUPPLY][i % 3];
        }
        let mut shuffled = events.clone();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let request = r#"{"select": {"area": "A", "hours": "20:00/04:30"}, "harm": ["half"],
            "method": {"name": "kernel_density", "bandwidth_m": 300, "weight": {"harm": "days"}},
            "hotspots": {"share_of_incidents": 0.6, "rank_by": "harm"}}"#;
        let found = |events: &[Event], threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let cut = pool.install(|| hotspots(&world(events), request).unwrap());
            let bits: Vec<u64> = cut.surface.density_per_m2.iter().map(|d| d.to_bits()).collect();
            (bits, format!("{:?}", cut.cut))
        };
        let one = found(&events, 1);
        prop_assert_eq!(&one, &found(&shuffled, 2));
        prop_assert_eq!(&one, &found(&shuffled, 7));
    }
}

#[test]
fn counts_are_of_whole_records_and_expected_counts_of_shares() {
    // Friday's night: one at 23:00 sharp, one somewhere in the twelve hours to 08:00, one at noon.
    let snapshot = world(&[
        event(8, BURGLARY, between(23 * 60, 1)),
        event(8, BURGLARY, between(20 * 60, 12 * 60)),
        event(8, BURGLARY, between(12 * 60, 1)),
    ]);
    let outcome = go(
        &snapshot,
        r#"{"select": {"area": "A", "hours": "22:00/02:00", "days_of_week": ["friday"]},
        "method": {"name": "kernel_density", "bandwidth_m": 150},
        "hotspots": {"min_density_per_km2": 0.1}}"#,
    )
    .unwrap();
    let hours = outcome.facts.hours.unwrap();
    assert_eq!(hours.words, "22:00/02:00 on friday");
    assert_eq!((hours.exact, hours.fractional, hours.left_out), (1, 1, 0));
    let expected = 1.0 + 4.0 / 12.0;
    assert_eq!(hours.expected, expected);
    assert_eq!(outcome.facts.selected, 2);
    let Findings::Hotspots(found) = outcome.findings else {
        panic!()
    };
    let h = &found.cut.hotspots[0];
    assert_eq!((h.facts.count, h.facts.expected_count), (2, Some(expected)));
    assert_eq!(h.share_of_incidents, 1.0);
    assert_eq!(found.surface.total_weight, expected);

    // Harm and hours multiply.
    let cells = surface(&snapshot, r#", "hours": "22:00/02:00""#, BY_DAYS);
    assert_eq!(cells.surface.total_weight, 20.0 + 20.0 * (4.0 / 12.0));
    let gravest: Vec<f64> = cells.harm[0]
        .iter()
        .filter_map(|h| h.share_of_one_event)
        .collect();
    assert!((gravest[0] - 0.75).abs() < 1e-12 && gravest.len() == 1);
    assert_eq!(cells.expected.iter().sum::<f64>(), expected);
}

#[test]
fn records_not_known_to_the_hour_are_refused_or_left_out_and_counted() {
    let day = Span {
        precision: TimePrecision::Day,
        ..between(0, 1440)
    };
    let month = month_span(2022, 6).unwrap();
    let snapshot = world(&[
        noon(8, BURGLARY),
        event(8, BURGLARY, day),
        event(8, BURGLARY, day),
        event(8, BURGLARY, month),
    ]);
    let request = |select: &str| {
        format!(
            r#"{{"select": {{"area": "A", {select}}}, "method": {{"name": "repeat_locations", "min_count": 2}}}}"#
        )
    };
    let (found, words) = code(&snapshot, &request(r#""hours": "10:00/14:00""#));
    assert_eq!(found, "finer_than_data");
    for part in [
        "1 records",
        "month only and 2",
        "10:00/14:00 every day",
        "leave_out",
    ] {
        assert!(words.contains(part), "{words}");
    }
    let left = go(
        &snapshot,
        &request(r#""hours": "10:00/14:00", "unknown_hours": "leave_out""#),
    )
    .unwrap();
    assert_eq!(
        (left.facts.selected, left.facts.hours.unwrap().left_out),
        (1, 3)
    );
    // A day is fine enough for days of the week; a month is not.
    let (_, words) = code(&snapshot, &request(r#""days_of_week": ["friday"]"#));
    assert!(
        words.contains("1 records") && words.contains("and 0 to the day"),
        "{words}"
    );
    let friday = request(r#""days_of_week": ["friday"], "unknown_hours": "leave_out""#);
    let friday = go(&snapshot, &friday).unwrap();
    assert_eq!(
        (friday.facts.selected, friday.facts.hours.unwrap().left_out),
        (3, 1)
    );
    for (select, found) in [
        (r#""unknown_hours": "leave_out""#, "no_hours"),
        (r#""days_of_week": []"#, "empty_list"),
    ] {
        assert_eq!(code(&snapshot, &request(select)).0, found);
    }
}

#[test]
fn methods_that_count_whole_records_take_whole_records_only() {
    let mut events = vec![noon(8, BURGLARY); 5];
    events.push(event(8, BURGLARY, between(720, 600)));
    let methods = [
        r#"{"name": "repeat_locations"}"#,
        r#"{"name": "dbscan", "radius_m": 100, "min_count": 2}"#,
        r#"{"name": "knox"}"#,
    ];
    for method in methods {
        let request = format!(r#"{{"select": {{"hours": "11:00/13:00"}}, "method": {method}}}"#);
        let (found, words) = code(&world(&events), &request);
        assert_eq!(found, "fractional_weights", "{method}");
        assert!(
            words.contains(" 1 of the selected") && words.contains("11:00/13:00"),
            "{words}"
        );
        // Without the one that lies partly in the hours they run, on those at noon.
        let outcome = go(&world(&events[..5]), &request).unwrap();
        assert_eq!(outcome.facts.selected, 5);
    }
    let wide = r#"{"select": {"hours": "11:00/23:00"}, "method": {"name": "repeat_locations"}}"#;
    let Findings::RepeatLocations(found) = go(&world(&events), wide).unwrap().findings else {
        panic!()
    };
    assert_eq!(found.locations[0].facts.count, 6);
    let narrow = r#"{"select": {"hours": "13:30/23:00"}, "method": {"name": "repeat_locations"}}"#;
    assert_eq!(code(&world(&events), narrow).0, "fractional_weights");
}

#[test]
fn earlier_periods_are_counted_in_the_same_hours_or_not_at_all() {
    let june = |n: i32| event(8, BURGLARY, between(n * 1440 + 23 * 60, 1));
    let mut events: Vec<Event> = (0..4).map(june).collect();
    // In May two at night, one at noon.
    events.extend([-10, -11].map(june));
    events.push(event(8, BURGLARY, between(-12 * 1440 + 720, 1)));
    let request = r#"{"select": {"area": "A", "period": "2022-06", "hours": "22:00/02:00", "unknown_hours": "leave_out"},
        "method": {"name": "kernel_density", "bandwidth_m": 150}, "hotspots": {"min_density_per_km2": 0.1}}"#;
    let previous = |events: &[Event]| {
        let cut = hotspots(&world(events), request).unwrap();
        (
            cut.cut.hotspots[0].facts.count,
            cut.cut.hotspots[0].facts.previous_count,
        )
    };
    assert_eq!(previous(&events), (4, Some(2)));
    events.push(event(0, BURGLARY, month_span(2022, 5).unwrap()));
    assert_eq!(previous(&events), (4, None), "May is not known to the hour");
}

#[test]
fn weights_are_read_strictly_and_written_back() {
    let request = r#"{"select": {"hours": "22:00/02:00", "days_of_week": ["friday", "saturday"]}, "harm": ["a", "b"],
        "method": {"name": "kernel_density", "weight": {"harm": "a", "bound": "high"}}}"#;
    let read = Request::from_json(request).unwrap();
    assert_eq!(
        Request::from_json(&read.canonical().to_string()).unwrap(),
        read
    );
    assert_eq!(read.canonical()["method"]["weight"]["bound"], "high");
    let plain = Request::from_json(r#"{"method": {"name": "kernel_density"}}"#).unwrap();
    assert_eq!(plain.canonical()["method"]["weight"], "count");
    for (bad, says) in [
        (
            r#"{"method": {"name": "kernel_density", "weight": "harm"}}"#,
            "\\\"count\\\"",
        ),
        (
            r#"{"method": {"name": "kernel_density", "weight": {"harm": "a", "end": "low"}}}"#,
            "bound",
        ),
        (
            r#"{"method": {"name": "kernel_density", "weight": 2}}"#,
            "count",
        ),
        (
            r#"{"select": {"hours": "22-02"}, "method": {"name": "kernel_density"}}"#,
            "22:00/02:00",
        ),
        (
            r#"{"select": {"days_of_week": ["fri"]}, "method": {"name": "kernel_density"}}"#,
            "friday",
        ),
    ] {
        let error = Request::from_json(bad).unwrap_err().to_string();
        assert!(error.contains(&says.replace('\\', "")), "{error}");
    }
}

#[test]
fn a_weighted_surface_moves_and_turns_with_its_events() {
    let events: Vec<Event> = (0..18)
        .map(|p| Event {
            x: 550_300.137 + f64::from(p % 6) * 251.3,
            y: 188_300.271 + f64::from(p / 6) * 247.9,
            ..event(p, [BURGLARY, ROBBERY][p as usize % 2], between(p * 97, 400))
        })
        .collect();
    let of = |events: &[Event], back: &dyn Fn((f64, f64)) -> (f64, f64)| -> BTreeMap<_, _> {
        let request = r#"{"select": {"groups": ["burglary", "robbery"], "hours": "22:00/04:00"},
            "method": {"name": "kernel_density", "bandwidth_m": 300, "cell_m": 50, "weight": {"harm": "days"}}}"#;
        let Findings::Surface(cells) = go(&world(events), request).unwrap().findings else {
            panic!("a surface");
        };
        let at = cells.surface.lattice.centres().iter();
        let values = cells.surface.density_per_m2.iter().zip(&cells.expected);
        at.zip(values)
            .map(|(at, (d, e))| (key(back((at.x, at.y))), (*d, *e)))
            .filter(|c| c.1.0 > 1e-12)
            .collect()
    };
    let go = |f: &dyn Fn((f64, f64)) -> (f64, f64)| -> Vec<Event> {
        let place = |e: &Event| {
            let (x, y) = f((e.x, e.y));
            Event { x, y, ..*e }
        };
        events.iter().map(place).collect()
    };
    let plain = of(&events, &|at| at);
    assert!(plain.len() > 500 && plain.values().any(|v| v.1 > 0.0));
    let there = go(&|at| (at.0 + 2150.0, at.1 - 1050.0));
    let round = go(&quarter);
    for other in [
        of(&there, &|at| (at.0 - 2150.0, at.1 + 1050.0)),
        of(&round, &|at| quarter(quarter(quarter(at)))),
    ] {
        assert!(plain.keys().eq(other.keys()));
        for (a, b) in plain.values().zip(other.values()) {
            assert!((a.0 - b.0).abs() <= 1e-6 * a.0, "{a:?} {b:?}");
            assert!((a.1 - b.1).abs() <= 1e-12, "{a:?} {b:?}");
        }
    }
}
