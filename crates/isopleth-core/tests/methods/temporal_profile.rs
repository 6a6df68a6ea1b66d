//! Temporal profile: aoristic weights, windows over midnight, clock changes, school terms, refusals.

use crate::support::{day_span, location, on_threads, rectangle, span, try_findings, with_sets};
use isopleth_core::domain::{
    IncidentRow, IncidentSetBuilder, LocationBasis, NO_PLACE, Span, TimePrecision, Weekday,
};
use isopleth_core::methods::temporal_profile::{Outcome, Scope};
use isopleth_core::{Findings, RunError, Snapshot};
use proptest::prelude::*;

/// 2022-06-06T00:00, a Monday.
const MONDAY: i32 = 19_149 * 1440;

const HOUR: i32 = 60;

fn instant(at: i32) -> Span {
    Span {
        from: at,
        to: at + 1,
        precision: TimePrecision::Instant,
    }
}

fn interval(from: i32, to: i32) -> Span {
    Span {
        from,
        to,
        precision: TimePrecision::Interval,
    }
}

fn world(spans: &[Span]) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for (i, span) in spans.iter().enumerate() {
        builder.push(&IncidentRow {
            location: Some(location(551_000.0 + (i % 7) as f64 * 50.0, 188_000.0)),
            span: *span,
            kind: 0,
            basis: LocationBasis::Address,
            place: NO_PLACE,
        });
    }
    with_sets(
        builder,
        vec![rectangle("X", 550_000.0, 187_000.0, 554_000.0, 190_000.0)],
    )
}

fn try_run(snapshot: &Snapshot, params: &str, beside: &str) -> Result<Outcome, RunError> {
    let text = format!(
        r#"{{"select": {{"area": "X", "groups": ["burglary"]}}, "method": {{"name": "temporal_profile" {params}}} {beside}}}"#
    );
    match try_findings(snapshot, &text)? {
        Findings::TemporalProfile(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

fn run(spans: &[Span], params: &str) -> Outcome {
    try_run(&world(spans), params, "").unwrap()
}

/// Weight of an hour of a day, Monday 0.
fn at(found: &Outcome, day: usize, hour: usize) -> f64 {
    found.week[day * 24 + hour].weight
}

#[test]
fn hand_computed_weights() {
    // 08–16 unknown, 15–17, and exactly 15:00–16:00.
    let found = run(
        &[
            interval(MONDAY + 8 * HOUR, MONDAY + 16 * HOUR),
            interval(MONDAY + 15 * HOUR, MONDAY + 17 * HOUR),
            interval(MONDAY + 15 * HOUR, MONDAY + 16 * HOUR),
        ],
        "",
    );
    let hours: Vec<f64> = (8..17).map(|h| at(&found, 0, h)).collect();
    let mut expected = vec![0.125; 7];
    expected.extend([1.625, 0.5]);
    assert_eq!(hours, expected);
    assert_eq!((found.exact, found.records), (0, 3));
    assert_eq!(found.days[0].weight.to_bits(), 3.0_f64.to_bits());
    assert_eq!(found.hours[15].weight.to_bits(), 1.625_f64.to_bits());
}

#[test]
fn spans_of_a_week_say_nothing_and_short_ones_their_first_minute() {
    let week = 7 * 24 * HOUR;
    let found = run(&[interval(MONDAY + 30, MONDAY + 30 + week)], "");
    assert!(
        found
            .week
            .iter()
            .all(|p| (p.weight - 1.0 / 168.0).abs() < 1e-10)
    );
    assert_eq!(found.week_or_more, 1);
    let almost = run(&[interval(MONDAY, MONDAY + week - 1)], "");
    assert!((at(&almost, 6, 23) - 59.0 / 10_079.0).abs() < 1e-10);
    // One minute before midnight on Sunday.
    let last = run(&[instant(MONDAY + week - 1)], "");
    assert_eq!((at(&last, 6, 23), last.week[167].exact), (1.0, 1));
}

#[test]
fn clocks_go_back_and_forward() {
    // Sundays 30 October and 27 March 2022.
    let (back, forward) = (19_295 * 1440, 19_078 * 1440);
    let found = run(&[instant(back + 90), interval(back, back + 4 * HOUR)], "");
    assert_eq!((at(&found, 6, 1), found.week[6 * 24 + 1].exact), (1.25, 1));
    assert_eq!(found.days[6].weight.to_bits(), 2.0_f64.to_bits());
    let found = run(&[interval(forward, forward + 4 * HOUR)], "");
    let third = 1.0 / 3.0;
    for (hour, expected) in [third, 0.0, third, third].into_iter().enumerate() {
        assert!((at(&found, 6, hour) - expected).abs() < 1e-10, "{hour}");
    }
    assert_eq!(found.total.weight.to_bits(), 1.0_f64.to_bits());
}

/// Twenty-one Friday nights and a scatter over all hours.
fn friday_nights() -> Vec<Span> {
    let mut spans: Vec<Span> = (0..42)
        .map(|i| instant(MONDAY + (4 * 24 + 22) * HOUR + i * 6 % 240))
        .collect();
    spans.extend((0..84).map(|i| instant(MONDAY + i * 2 * HOUR + 5)));
    spans
}

#[test]
fn a_peak_over_midnight_is_one_window() {
    let found = run(&friday_nights(), "");
    let first = &found.windows[0];
    assert_eq!((first.scope, first.rank), (Scope::OneDay, 1));
    assert_eq!(
        (&first.days[..], first.hours.to_string()),
        (&[Weekday::Friday][..], "22:00/02:00".to_owned())
    );
    assert_eq!((first.weight, first.exact), (44.0, 44));
    assert_eq!(first.share, Some(44.0 / 126.0));
    assert_eq!(first.expected, 126.0 * 4.0 / 168.0);
    assert!((first.p - 0.001).abs() < 1e-12, "{}", first.p);
    assert!(first.expected_from_totals.unwrap() < 20.0);
    // The others are elsewhere, and no busier than chance.
    assert_eq!(
        found
            .windows
            .iter()
            .filter(|w| w.scope == Scope::OneDay)
            .count(),
        3
    );
    assert!(found.windows[1].p > 0.5, "{}", found.windows[1].p);
    for scope in [Scope::EveryDay, Scope::MondayToFriday] {
        let daily = found.windows.iter().find(|w| w.scope == scope).unwrap();
        assert_eq!(daily.hours.to_string(), "22:00/02:00", "{scope:?}");
    }
    let weekend = found
        .windows
        .iter()
        .find(|w| w.scope == Scope::Weekend)
        .unwrap();
    assert_eq!(weekend.days, [Weekday::Saturday, Weekday::Sunday]);
    // Saturday's first two hours are Friday's night.
    assert_eq!(weekend.hours.to_string(), "00:00/04:00");
    // As a request has it, the window holds the same.
    let text = r#"{"select": {"area": "X", "groups": ["burglary"], "hours": "22:00/02:00", "days_of_week": ["friday"]},
        "method": {"name": "repeat_locations"}}"#;
    let request = isopleth_core::Request::from_json(text).unwrap();
    let facts = isopleth_core::run(&world(&friday_nights()), &request)
        .unwrap()
        .facts;
    assert_eq!(facts.selected, 44);
}

#[test]
fn sunday_night_runs_into_monday() {
    let spans: Vec<Span> = (0..30)
        .map(|i| instant(MONDAY + ((6 * 24 + 23) * HOUR + i * 4) % 10_080))
        .collect();
    let found = run(&spans, r#", "window_hours": [2, 5]"#);
    let first = &found.windows[0];
    assert_eq!((first.days[0], first.weight), (Weekday::Sunday, 30.0));
    assert_eq!(
        (first.hours.to_string(), first.length_hours),
        ("23:00/01:00".into(), 2)
    );
    // Among equals the earliest from Monday 00:00: of five hours, those that begin on Sunday at 20:00.
    let five = found.windows.iter().find(|w| w.length_hours == 5).unwrap();
    assert_eq!(
        (five.days[0], five.hours.to_string()),
        (Weekday::Sunday, "20:00/01:00".into())
    );
}

const TERMS: &str = r#", "terms": [{"first": "2022-01-05", "last": "2022-02-11"}, {"first": "2022-02-21", "last": "2022-04-01"},
    {"first": "2022-04-20", "last": "2022-05-27"}, {"first": "2022-06-06", "last": "2022-07-21"}, {"first": "2022-09-01", "last": "2022-10-21"}]"#;

#[test]
fn term_and_holidays_stand_in_columns_of_their_own() {
    // Wednesdays: 15 June in term, 10 August in the holidays, 14 December outside the calendar.
    let at_school = |day: i32| instant(day * 1440 + 15 * HOUR + 30);
    let (june, august, december) = (19_158, 19_214, 19_340);
    let mut spans = vec![at_school(june); 40];
    spans.extend([at_school(august); 3]);
    spans.extend([at_school(december); 2]);
    let snapshot = world(&spans);
    let text = format!(
        r#"{{"select": {{"area": "X", "groups": ["burglary"], "period": "2022-06/2022-08"}},
            "method": {{"name": "temporal_profile", "windows": ["school_day", {{"name": "late", "hours": "22:00/02:00"}}]}} {TERMS}}}"#
    );
    let Findings::TemporalProfile(found) = try_findings(&snapshot, &text).unwrap() else {
        panic!()
    };
    let school = &found.told[0];
    let [term, holidays] = school.part.split.unwrap();
    assert_eq!((term.weight, term.exact, holidays.weight), (40.0, 40, 3.0));
    // From 6 June to 21 July there are 34 days from Monday to Friday; 66 in all from June to August.
    assert_eq!((term.days, holidays.days), (34, 32));
    assert!(school.p_term_against_holidays.unwrap() < 1e-6);
    assert_eq!(found.told[1].part.weight.to_bits(), 0.0_f64.to_bits());
    assert_eq!(found.outside_calendar, Some(0.0));
    let cell = found.week[2 * 24 + 15].split.unwrap();
    assert_eq!((cell[0].weight, cell[1].weight), (40.0, 3.0));
    assert_eq!((cell[0].days, cell[1].days), (7, 7));
    // Without a period the two in December are of neither.
    let all = try_run(&snapshot, "", TERMS).unwrap();
    assert_eq!((all.outside_calendar, all.records), (Some(2.0), 45));
    // A night over the last day of term is shared between the two.
    let last_day = 19_194 * 1440;
    let night = try_run(
        &world(&[interval(last_day + 23 * HOUR, last_day + 25 * HOUR)]),
        "",
        TERMS,
    )
    .unwrap();
    let [term, holidays] = night.total.split.unwrap();
    assert_eq!((term.weight, holidays.weight), (0.5, 0.5));
}

#[test]
fn what_is_coarser_is_refused_or_left_out_and_counted() {
    let monthly = world(&[span(6), span(7)]);
    let error = try_run(&monthly, "", "").unwrap_err();
    assert_eq!(error.code(), "finer_than_data");
    assert!(
        error.to_string().contains("2 are known to the month"),
        "{error}"
    );
    let error = try_run(&monthly, r#", "unknown_hours": "leave_out""#, "").unwrap_err();
    assert_eq!(error.code(), "finer_than_data");
    let mixed = world(&[
        span(6),
        day_span(MONDAY),
        day_span(MONDAY),
        instant(MONDAY + 5),
    ]);
    let error = try_run(&mixed, "", "").unwrap_err().to_string();
    assert!(
        error.contains("1 are known to the month") && error.contains("2 to the day"),
        "{error}"
    );
    let found = try_run(&mixed, r#", "unknown_hours": "leave_out""#, "").unwrap();
    assert_eq!(
        (found.records, found.left_out_month, found.left_out_day),
        (1, 1, 2)
    );
    assert_eq!(found.total.weight.to_bits(), 1.0_f64.to_bits());
}

#[test]
fn parameters_out_of_range_are_refused() {
    let snapshot = world(&[instant(MONDAY)]);
    for (params, words) in [
        (r#", "window_hours": []"#, "a list of 0"),
        (r#", "window_hours": [0]"#, "0 is not"),
        (r#", "window_hours": [24]"#, "24 is not"),
        (r#", "window_hours": [4, 4]"#, "4 is not"),
        (r#", "replicates": 100000"#, "100000"),
        (r#", "windows": ["school_day"]"#, "terms"),
        (
            r#", "windows": [{"name": "late", "hours": "22:30/02:00"}]"#,
            "on the hour",
        ),
    ] {
        let error = try_run(&snapshot, params, "").unwrap_err();
        assert_eq!(error.code(), "invalid_temporal_profile");
        assert!(error.to_string().contains(words), "{error}");
    }
    let text = r#"{"select": {"area": "X", "hours": "22:00/02:00"}, "method": {"name": "temporal_profile"}}"#;
    let error = try_findings(&snapshot, text).unwrap_err();
    assert!(error.to_string().contains("22:00/02:00"), "{error}");
    // Terms are not passed over in silence.
    let text = format!(r#"{{"method": {{"name": "repeat_locations"}} {TERMS}}}"#);
    assert_eq!(
        try_findings(&snapshot, &text).unwrap_err().code(),
        "no_terms"
    );
}

#[test]
fn few_and_none() {
    let none = run(&[], "");
    assert!(none.windows.is_empty());
    assert_eq!((none.records, none.total.exact), (0, 0));
    let one = run(&[instant(MONDAY + 600)], "");
    // Wherever one record falls, some window holds it.
    assert!(one.windows.iter().all(|w| w.share.is_none()));
    assert!((one.windows[0].p - 1.0).abs() < 1e-12);
    let same = run(&vec![instant(MONDAY + 600); 25], "");
    assert_eq!(same.windows[0].share, Some(1.0));
    assert_eq!(
        same.windows
            .iter()
            .filter(|w| w.scope == Scope::OneDay)
            .count(),
        1,
        "an empty window is no peak"
    );
}

#[test]
fn an_even_spread_has_no_peak_too_often() {
    // 400 worlds of 40 records at random minutes: p at or below 5 % in about 5 % of them.
    let mut low = 0;
    for world_of in 0..400_u64 {
        let mut random = isopleth_core::random::Random::of_replicate(3, world_of);
        let spans: Vec<Span> = (0..40)
            .map(|i| {
                let from = MONDAY + random.below(10_080) as i32;
                if i % 4 == 0 {
                    interval(from, from + 3 * HOUR)
                } else {
                    instant(from)
                }
            })
            .collect();
        let found = run(&spans, r#", "replicates": 99"#);
        low += u32::from(found.windows[0].p <= 0.05);
    }
    // Binomial(400, 0.05) lies from 6 to 35 but for one time in a thousand; ties make it fewer.
    assert!((4..=35).contains(&low), "{low}");
}

#[test]
fn threads_and_order_change_nothing() {
    let mut spans = friday_nights();
    spans.extend((0..60).map(|i| interval(MONDAY + i * 151, MONDAY + i * 151 + 40 + i * 37)));
    let found = run(&spans, "");
    spans.reverse();
    // Reversed rows fall on other locations; the week is the same.
    let reversed = world(&spans);
    for threads in [1, 2, 7] {
        let again = on_threads(threads, || try_run(&reversed, "", "").unwrap());
        assert_eq!((&again.week, &again.windows), (&found.week, &found.windows));
    }
    // Every record twice: every weight twice.
    let twice = run(&[&spans[..], &spans[..]].concat(), "");
    for (a, b) in twice.week.iter().zip(&found.week) {
        assert_eq!(a.weight.to_bits(), (2.0 * b.weight).to_bits());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_week_adds_up_to_the_records(
        spans in proptest::collection::vec((-400_000_i32..400_000, 1_i32..20_000), 1..60),
        weeks in 1_i32..30,
    ) {
        let spans: Vec<Span> = spans
            .into_iter()
            .map(|(from, length)| if length % 3 == 0 { instant(MONDAY + from) } else { interval(MONDAY + from, MONDAY + from + length) })
            .collect();
        let n = spans.len() as f64;
        let found = run(&spans, r#", "replicates": 0"#);
        // Exactly, in any order of adding.
        let sum = |parts: &mut dyn Iterator<Item = f64>| parts.fold(0.0, |a, b| a + b);
        prop_assert_eq!(sum(&mut found.week.iter().map(|p| p.weight)).to_bits(), n.to_bits());
        prop_assert_eq!(sum(&mut found.week.iter().rev().map(|p| p.weight)).to_bits(), n.to_bits());
        prop_assert_eq!(sum(&mut found.days.iter().map(|p| p.weight)).to_bits(), n.to_bits());
        prop_assert_eq!(sum(&mut found.hours.iter().map(|p| p.weight)).to_bits(), n.to_bits());
        prop_assert_eq!(found.week.iter().map(|p| u64::from(p.exact)).sum::<u64>(), found.exact);
        // Weeks later it is the same week, but where a clock is changed: from June to December.
        let shift = |s: &Span, by: i32| Span { from: s.from + by, to: s.to + by, ..*s };
        let june = |s: &Span| shift(s, -(s.from - MONDAY).div_euclid(10_080) * 10_080);
        let here: Vec<Span> = spans.iter().map(june).collect();
        let later: Vec<Span> = here.iter().map(|s| shift(s, weeks * 10_080)).collect();
        let (a, b) = (run(&here, r#", "replicates": 19"#), run(&later, r#", "replicates": 19"#));
        prop_assert_eq!((&a.week, &a.windows), (&b.week, &b.windows));
    }
}
