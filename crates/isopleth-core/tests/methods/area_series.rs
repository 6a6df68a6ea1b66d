//! Counts by area and month: audits, spikes, mixes and the split of a change.

use crate::support::{day_span, findings, location, on_threads, rectangle, span, try_findings};
use isopleth_core::area_series::Row;
use isopleth_core::domain::{
    Area, CountArea, CountCategory, CountTableBuilder, Counts, GroupDefinition, IncidentRow,
    IncidentSetBuilder, Kind, Lens, LocationBasis, MINUTES_PER_DAY, Month, NO_PLACE, Place, Policy,
    PolicyRule, Span, TimePrecision, day_of,
};
use isopleth_core::methods::search_effects::Split;
use isopleth_core::methods::spikes::{self, Test, least_count};
use isopleth_core::methods::{area_audit, offence_mix, search_effects};
use isopleth_core::random::Random;
use isopleth_core::statistics::binomial_lower;
use isopleth_core::{Findings, Request, Snapshot};
use proptest::prelude::*;

const BURGLARY: u16 = 0;
const POSSESSION: u16 = 1;
const SUPPLY: u16 = 2;
const CALL: u16 = 3;
const SEARCH: u16 = 4;
const DRUGS_OF_ONE_CATEGORY: u16 = 5;

/// A record: ward 0 to 3 from west to east, 4 elsewhere in the borough, 5 beyond it, 6 nowhere.
#[derive(Debug, Clone, Copy)]
struct Record {
    ward: u32,
    span: Span,
    kind: u16,
    /// A place of the ward, and its text.
    place: u32,
}

fn in_month(ward: u32, month: i32, kind: u16) -> Record {
    Record {
        ward,
        span: span(month),
        kind,
        place: 0,
    }
}

fn kinds() -> Vec<Kind> {
    let kind = |term: &str, sub: &str, source: &str, group: &str, lens| Kind {
        term: term.into(),
        sub_type_term: sub.into(),
        record_source: source.into(),
        group: Some(group.into()),
        sub_type: (!sub.is_empty()).then(|| sub.into()),
        lens,
    };
    let police = Lens::PoliceGenerated;
    vec![
        kind("Burglary", "", "", "burglary", Lens::Reported),
        kind("Drugs", "possession", "search", "drugs", police),
        kind("Drugs", "supply", "crime report", "drugs", police),
        kind("Drugs", "report", "101", "drugs", Lens::Reported),
        kind("Search", "", "search", "stop_and_search", police),
        kind("Drugs", "", "", "drugs", police),
    ]
}

fn groups() -> Vec<GroupDefinition> {
    let group = |id: &str, lens, activity| GroupDefinition {
        id: id.into(),
        title: id.into(),
        lens,
        activity,
    };
    vec![
        group("burglary", Lens::Reported, false),
        group("drugs", Lens::PoliceGenerated, false),
        group("stop_and_search", Lens::PoliceGenerated, true),
    ]
}

fn areas() -> Vec<Area> {
    let (x, y) = (550_000.0, 187_000.0);
    let mut all = vec![rectangle("X", x, y, x + 5_000.0, y + 2_000.0)];
    // Four wards of a kilometre; the fifth kilometre belongs to none.
    for w in 0..4 {
        let west = x + f64::from(w) * 1_000.0;
        all.push(Area {
            kind: "ward".into(),
            name: format!("Ward {w}"),
            ..rectangle(&format!("W{w}"), west, y, west + 1_000.0, y + 2_000.0)
        });
    }
    // Another borough's ward, and one that reaches over with less than half of itself.
    all.push(Area {
        kind: "ward".into(),
        ..rectangle("W9", x + 4_800.0, y, x + 6_000.0, y + 2_000.0)
    });
    all.sort_by(|a, b| (&a.kind, &a.code).cmp(&(&b.kind, &b.code)));
    all
}

fn town(records: &[Record]) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for r in records {
        let place = f64::from(r.place) * 50.0;
        let at = |km: f64| location(550_000.0 + km * 1_000.0 + 100.0 + place, 188_000.0);
        builder.push(&IncidentRow {
            location: match r.ward {
                0..=3 => Some(at(f64::from(r.ward))),
                4 => Some(at(4.3)),
                5 => Some(at(6.5)),
                _ => None,
            },
            span: r.span,
            kind: r.kind,
            basis: LocationBasis::SnapPoint,
            place: r.place,
        });
    }
    let places = (0..8)
        .map(|i| Place {
            text: format!("On or near Street {i}"),
            uprn: None,
        })
        .collect();
    Snapshot {
        revision: "test".into(),
        incidents: builder.finish(kinds(), places),
        areas: areas(),
        policy: "test 1".into(),
        groups: groups(),
        ..Snapshot::default()
    }
}

fn request(select: &str, method: &str) -> String {
    format!(r#"{{"select": {{"area": "X", {select}}}, "method": {{"name": {method}}}}}"#)
}

fn audit(snapshot: &Snapshot, select: &str, params: &str) -> area_audit::Outcome {
    match findings(
        snapshot,
        &request(select, &format!(r#""area_audit" {params}"#)),
    ) {
        Findings::AreaAudit(found) => found,
        other => panic!("{other:?}"),
    }
}

fn spiked(snapshot: &Snapshot, select: &str, params: &str) -> spikes::Outcome {
    match findings(snapshot, &request(select, &format!(r#""spikes" {params}"#))) {
        Findings::Spikes(found) => found,
        other => panic!("{other:?}"),
    }
}

/// A burglary in every month of two years, so that every month is supplied.
fn calendar() -> Vec<Record> {
    (1..=24).map(|m| in_month(4, m, BURGLARY)).collect()
}

fn refused(snapshot: &Snapshot, select: &str, method: &str) -> (&'static str, String) {
    let error = try_findings(snapshot, &request(select, method)).unwrap_err();
    (error.code(), error.to_string())
}

// ---------------------------------------------------------------------------------------- audits

#[test]
fn the_town_centre_leads_consistently() {
    // Ward 1 leads in 11 of 12 months, ward 2 in one.
    let mut records = calendar();
    for month in 13..=24 {
        let n = if month == 17 { 2 } else { 5 };
        records.extend((0..n).map(|_| in_month(1, month, POSSESSION)));
        records.extend((0..3).map(|_| in_month(2, month, POSSESSION)));
    }
    let found = audit(
        &town(&records),
        r#""period": "2023", "groups": ["drugs"]"#,
        "",
    );
    let first = &found.rows[0];
    assert_eq!(first.row, Some(Row::Area(1)));
    assert_eq!(
        (first.count, first.months_at_rank_1, first.median_rank),
        (57, Some(11), Some(1.0))
    );
    assert_eq!(first.share, Some(57.0 / 93.0));
    assert_eq!(found.rows[1].months_at_rank_1, Some(1));
    // Wards without any are never first, and stand by code.
    assert_eq!(found.rows[2].row, Some(Row::Area(0)));
    assert_eq!(found.rows[2].months_at_rank_1, Some(0));
}

#[test]
fn a_small_base_gives_no_percentage_and_an_exact_p() {
    // 3 to 6: p 0.508; 30 to 42: p 0.194 and 40 %.
    let mut records = calendar();
    for (ward, before, now) in [(0, 3, 6), (1, 30, 42)] {
        records.extend((0..before).map(|i| in_month(ward, 1 + i % 12, POSSESSION)));
        records.extend((0..now).map(|i| in_month(ward, 13 + i % 12, POSSESSION)));
    }
    let select = r#""period": "2023", "groups": ["drugs"]"#;
    let found = audit(&town(&records), select, r#", "correction": "none""#);
    let change = |ward: usize| {
        let row = found.rows.iter().find(|r| r.row == Some(Row::Area(ward)));
        row.unwrap().change.clone().unwrap()
    };
    assert_eq!((change(0).before, change(0).share), (3, None));
    assert!((change(0).p - 0.5078125).abs() < 1e-12);
    assert_eq!(change(1).share, Some(0.4));
    assert!((change(1).p - 0.194_5).abs() < 1e-4, "{}", change(1).p);
    // Adjusted for four wards.
    let found = audit(&town(&records), select, "");
    let row = found.rows.iter().find(|r| r.row == Some(Row::Area(1)));
    let adjusted = row.unwrap().change.clone().unwrap().p_adjusted;
    assert!((adjusted - 4.0 * change(1).p).abs() < 1e-12);
}

#[test]
fn months_without_data_are_not_zeros() {
    // Nothing of any kind in March 2023, nor before 2022-06.
    let records: Vec<Record> = (6..=24)
        .filter(|m| *m != 15)
        .flat_map(|m| [in_month(0, m, BURGLARY), in_month(1, m, POSSESSION)])
        .collect();
    let select = r#""period": "2023", "groups": ["burglary"]"#;
    let found = audit(&town(&records), select, "");
    let row = &found.rows[0];
    assert_eq!(
        (row.count, row.months_whole, row.months_not_supplied),
        (11, 11, 1)
    );
    assert!(row.change.as_ref().unwrap_err().contains("not all months"));
    assert_eq!(row.months_at_rank_1, Some(11));
    // A month that is said to be partial is counted, but not as a month.
    let found = audit(
        &town(&records),
        select,
        r#", "partial_months": ["2023-12"]"#,
    );
    let row = &found.rows[0];
    assert_eq!(
        (row.count, row.months_whole, row.months_partial),
        (11, 10, 1)
    );
    assert_eq!(row.months_at_rank_1, Some(10));
}

#[test]
fn a_comparison_across_a_break_says_so() {
    let breaks = r#", "series_breaks": [{"month": "2023-01", "note": "another system"}, {"month": "2022-01", "note": "before"}]"#;
    let found = audit(&town(&calendar()), r#""period": "2023""#, breaks);
    assert_eq!(found.breaks.len(), 1);
    assert_eq!(found.breaks[0].note, "another system");
}

fn any_record() -> impl Strategy<Value = Record> {
    (0_u32..7, 1_i32..=24, 0_u16..6).prop_map(|(ward, month, kind)| in_month(ward, month, kind))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn areas_elsewhere_and_unlocated_are_the_whole(records in prop::collection::vec(any_record(), 1..120), lens in 0..2) {
        let lens = ["reported", "police_generated"][lens as usize];
        // Every month is supplied.
        let records = [calendar(), records].concat();
        let snapshot = town(&records);
        let select = format!(r#""groups": ["drugs", "burglary"], "lens": "{lens}", "period": "2022-03/2023-07""#);
        if !records.iter().any(|r| r.ward < 5) {
            return Ok(());
        }
        let found = audit(&snapshot, &select, "");
        let (parts, total) = found.rows.split_at(found.rows.len() - 1);
        for count in [|r: &area_audit::AuditRow| r.count, |r: &area_audit::AuditRow| r.count_reported, |r: &area_audit::AuditRow| r.count_police_generated] {
            prop_assert_eq!(parts.iter().map(count).sum::<u64>(), count(&total[0]));
        }
        // By hand.
        let holds = |r: &Record| {
            let m = isopleth_core::domain::month_number(r.span.from) - 2022 * 12;
            let police = kinds()[usize::from(r.kind)].lens == Lens::PoliceGenerated;
            (2..=18).contains(&m) && r.kind != SEARCH && r.ward != 5 && police == (lens == "police_generated")
        };
        let expected = records.iter().filter(|r| holds(r)).count() as u64;
        prop_assert_eq!(total[0].count, expected);
        for row in parts {
            let ward = match row.row {
                Some(Row::Area(a)) => a as u32,
                Some(Row::Elsewhere) => 4,
                _ => 6,
            };
            let n = records.iter().filter(|r| holds(r) && r.ward == ward).count() as u64;
            prop_assert_eq!(row.count, n);
        }
    }

    #[test]
    fn order_and_threads_do_not_show(records in prop::collection::vec(any_record(), 30..80), seed in any::<u64>()) {
        let mut records = [calendar(), records].concat();
        let run = |records: &[Record], threads| {
            let snapshot = town(records);
            on_threads(threads, || {
                let drugs = r#""groups": ["drugs"], "period": "2023""#;
                format!("{:?} {:?}", audit(&snapshot, drugs, ""), spiked(&snapshot, drugs, ""))
            })
        };
        let first = run(&records, 1);
        Random::new(seed).shuffle(&mut records);
        prop_assert_eq!(&first, &run(&records, 2));
        prop_assert_eq!(&first, &run(&records, 7));
    }
}

#[test]
fn twice_the_records_are_twice_the_counts() {
    let mut records = calendar();
    records.extend((0..40).map(|i| in_month(i % 4, 1 + (i as i32 * 7) % 24, POSSESSION)));
    let select = r#""groups": ["drugs"], "period": "2023""#;
    let once = audit(&town(&records), select, "");
    let twice = audit(&town(&[records.clone(), records].concat()), select, "");
    for (a, b) in once.rows.iter().zip(&twice.rows) {
        assert_eq!((a.row, 2 * a.count, a.rank), (b.row, b.count, b.rank));
        assert_eq!(a.median_rank, b.median_rank);
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let snapshot = town(&calendar());
    let (code, error) = refused(
        &snapshot,
        r#""period": "2023-01-01/2023-01-14""#,
        r#""area_audit""#,
    );
    // Month-only records are refused a period of days before anything is counted.
    assert_eq!(code, "finer_than_data", "{error}");
    let kind = r#""area_audit", "areas": {"kind": "parish"}"#;
    let (code, error) = refused(&snapshot, r#""period": "2023""#, kind);
    assert_eq!(code, "no_areas");
    assert!(
        error.contains("parish") && error.contains("ward 2022"),
        "{error}"
    );
    let vintage = r#""area_audit", "areas": {"vintage": "1998"}"#;
    assert_eq!(
        refused(&snapshot, r#""period": "2023""#, vintage).0,
        "no_areas"
    );
    let counts = r#""area_audit", "counts": "none""#;
    assert_eq!(
        refused(&snapshot, r#""period": "2023""#, counts).0,
        "unknown_counts"
    );
    for unknown in [r#""area_audit", "who": 1"#, r#""spikes", "sigma": 2"#] {
        assert!(Request::from_json(&request("", unknown).replace(", }", "}")).is_err());
    }
    let empty = town(&[]);
    assert_eq!(
        refused(&empty, r#""period": "2023""#, r#""area_audit""#).0,
        "no_months"
    );
}

// ---------------------------------------------------------------------------------------- spikes

#[test]
fn the_detection_table() {
    // Least counts at 0.01 and at 0.05 over 18 wards, with a known mean.
    for (mean, at_1_percent, over_18) in [
        (1.0, 5, 6),
        (2.0, 7, 8),
        (3.0, 9, 10),
        (5.0, 12, 13),
        (6.0, 13, 15),
        (10.0, 19, 21),
        (20.0, 32, 34),
        (40.0, 56, 60),
    ] {
        assert_eq!(least_count(mean, 0.01), Some(at_1_percent), "{mean}");
        assert_eq!(least_count(mean, 0.05 / 18.0), Some(over_18), "{mean}");
    }
    assert_eq!(least_count(f64::NAN, 0.01), None);
    assert_eq!(least_count(1.0, 0.0), None);
}

#[test]
fn a_published_spike() {
    // 71 in the twelve months before. R 4.2.2: ppois(k - 1, 71/12, lower = F),
    // pbinom(k - 1, k + 71, 1/13, lower = F).
    for (count, poisson, exact) in [
        (19, 1.458_055_030_14e-5, 4.701_518_705_08e-5),
        (12, 0.018_278_889_531_8, 0.024_831_980_426),
        (9, 0.144_278_289_432, 0.160_877_705_256),
    ] {
        let test = Test::of(count, 71, 12);
        assert!((test.p_poisson / poisson - 1.0).abs() < 1e-10, "{test:?}");
        assert!((test.p_exact / exact - 1.0).abs() < 1e-10, "{test:?}");
        assert_eq!(test.p() <= 0.05 / 18.0, count == 19);
    }
    let mut records = calendar();
    for i in 0..71 {
        records.push(in_month(2, 5 + i % 12, POSSESSION));
    }
    for n in [9, 12, 19] {
        let mut all = records.clone();
        all.extend((0..n).map(|_| in_month(2, 17, POSSESSION)));
        let found = spiked(
            &town(&all),
            r#""groups": ["drugs"]"#,
            r#", "month": "2023-05""#,
        );
        assert_eq!(found.tested, 4);
        let spike = found.spikes.iter().find(|s| s.area == 2).unwrap();
        assert_eq!(spike.flagged, n == 19);
        assert_eq!(spike.test.clone().unwrap().baseline_count, 71);
        assert_eq!(
            spike.count_needed,
            Test::of(0, 71, 12).count_needed(0.05 / 4.0)
        );
        // The least count is one that is flagged, and one less is not.
        let needed = spike.count_needed.unwrap();
        let p = |n| Test::of(n, 71, 12).p() * 4.0;
        assert!(p(needed) <= 0.05 && p(needed - 1) > 0.05);
    }
}

#[test]
fn the_card_names_the_drivers() {
    let mut records = calendar();
    for month in 5..=16 {
        records.extend((0..2).map(|i| in_month(2, month, [POSSESSION, SUPPLY][i])));
    }
    // 14 on one day by searches at two places; 5 on other days from crime reports.
    let day = |d: i32| day_span(span(17).from + d * MINUTES_PER_DAY);
    for i in 0..14 {
        records.push(Record {
            ward: 2,
            span: day(17),
            kind: POSSESSION,
            place: u32::from(i >= 9),
        });
    }
    for i in 0..5 {
        records.push(Record {
            ward: 2,
            span: day(i),
            kind: SUPPLY,
            place: 2 + i as u32,
        });
    }
    records.extend((0..3).map(|i| Record {
        ward: 2,
        span: day(3 + i),
        kind: CALL,
        place: 0,
    }));
    let found = spiked(
        &town(&records),
        r#""groups": ["drugs"], "lens": "police_generated""#,
        r#", "month": "2023-05""#,
    );
    let spike = &found.spikes[0];
    assert!(spike.flagged && spike.area == 2);
    assert_eq!(
        (
            spike.count,
            spike.count_reported,
            spike.count_police_generated
        ),
        (19, 3, 19)
    );
    let day = spike.card.day.as_ref().unwrap();
    assert_eq!((day.day.as_str(), day.count), ("2023-05-18", 14));
    assert_eq!(day.source, Some(("search".to_owned(), 14)));
    assert_eq!(spike.card.drivers[0].offence, "Drugs (possession)");
    assert_eq!(
        (spike.card.drivers[0].count, spike.card.drivers[0].mean),
        (14, 1.0)
    );
    let places = spike.card.places.as_ref().unwrap();
    assert_eq!(places.len(), 3);
    assert_eq!(
        (places[0].0.as_str(), places[0].1, places[0].2),
        ("On or near Street 0", LocationBasis::SnapPoint, 9)
    );
    // Of month-only records there is no day.
    let months: Vec<Record> = records
        .iter()
        .map(|r| Record {
            span: span(isopleth_core::domain::month_number(r.span.from) - 2022 * 12 + 1),
            ..*r
        })
        .collect();
    let found = spiked(
        &town(&months),
        r#""groups": ["drugs"]"#,
        r#", "month": "2023-05""#,
    );
    assert!(found.spikes[0].card.day.is_err());
    assert_eq!(day_of(0), 0);
    assert_eq!(span(1).precision, TimePrecision::Month);
}

#[test]
fn a_rise_of_the_whole_is_told_apart() {
    let mut records = calendar();
    for ward in 0..4 {
        for month in 5..=16 {
            records.extend((0..3).map(|_| in_month(ward, month, POSSESSION)));
        }
        records.extend((0..12).map(|_| in_month(ward, 17, POSSESSION)));
    }
    let select = r#""groups": ["drugs"]"#;
    let month = r#", "month": "2023-05""#;
    let found = spiked(&town(&records), select, month);
    assert_eq!(found.flagged, 4);
    assert!(found.spikes.iter().all(|s| s.beyond_whole == Some(false)));
    assert!(found.whole.unwrap().1.p() < 1e-9);
    let strict = format!(r#"{month}, "flag": "beyond_whole""#);
    assert_eq!(spiked(&town(&records), select, &strict).flagged, 0);
    // One ward alone does.
    records.extend((0..20).map(|_| in_month(3, 17, POSSESSION)));
    let found = spiked(&town(&records), select, &strict);
    assert_eq!(found.flagged, 1);
    assert_eq!((found.spikes[0].area, found.spikes[0].rank), (3, 1));
}

#[test]
fn a_season_is_no_spike() {
    // Ten each November, two in other months, over two years.
    let mut records = calendar();
    for month in 1..=24 {
        let n = if month % 12 == 11 { 10 } else { 2 };
        records.extend((0..n).map(|_| in_month(0, month, POSSESSION)));
    }
    let snapshot = town(&records);
    let month = r#", "month": "2023-11", "alpha": 0.2"#;
    assert!(spiked(&snapshot, r#""groups": ["drugs"]"#, month).flagged == 1);
    let season = format!(r#"{month}, "baseline": {{"same_month_years": 2}}"#);
    let found = spiked(&snapshot, r#""groups": ["drugs"]"#, &season);
    let test = found.spikes.iter().find(|s| s.area == 0).unwrap();
    assert_eq!(found.flagged, 0);
    // Of the two years one is supplied: half of them.
    assert_eq!(test.test.clone().unwrap().baseline_months, 1);
    assert_eq!(test.baseline[0].1, None);
}

#[test]
fn nothing_before_and_nothing_at_all() {
    let mut records = calendar();
    records.extend((0..2).map(|_| in_month(1, 24, POSSESSION)));
    let found = spiked(&town(&records), r#""groups": ["drugs"]"#, "");
    // The Poisson tail of a mean of 0 is 0; the exact one is not, and two are fewer than three.
    let spike = found.spikes.iter().find(|s| s.area == 1).unwrap();
    let test = spike.test.clone().unwrap();
    assert_eq!((test.p_poisson, spike.flagged), (0.0, false));
    assert!((test.p_exact - 1.0 / 169.0).abs() < 1e-15);
    let none = found.spikes.iter().find(|s| s.area == 0).unwrap();
    assert_eq!(none.test.clone().unwrap().p(), 1.0);
    assert_eq!((none.count, none.p_beyond), (0, Some(1.0)));
}

#[test]
fn months_that_are_not_there_are_refused() {
    let snapshot = town(&calendar());
    for (params, code) in [
        (r#", "month": "2025-01""#, "no_month"),
        (
            r#", "month": "2023-12", "partial_months": ["2023-12"]"#,
            "no_month",
        ),
        (r#", "alpha": 0.7"#, "invalid_spikes"),
        (r#", "baseline": {"previous_months": 3}"#, "invalid_spikes"),
        (
            r#", "baseline": {"previous_months": 500}"#,
            "invalid_spikes",
        ),
    ] {
        let found = refused(
            &snapshot,
            r#""groups": ["drugs"]"#,
            &format!(r#""spikes" {params}"#),
        );
        assert_eq!(found.0, code, "{params}: {}", found.1);
    }
    let outside = refused(
        &snapshot,
        r#""groups": ["drugs"], "period": "2023-01/2023-06""#,
        r#""spikes", "month": "2023-12""#,
    );
    assert_eq!(outside.0, "no_month");
    // Too little before: an area is not tested, and says why.
    let found = spiked(
        &snapshot,
        r#""groups": ["drugs"]"#,
        r#", "month": "2022-04""#,
    );
    assert_eq!(found.tested, 0);
    assert!(
        found.spikes[0]
            .test
            .as_ref()
            .unwrap_err()
            .contains("only 3 of 12")
    );
}

/// Months of the baseline: few, so that it matters that their mean is an estimate.
const FEW: u32 = 6;

/// Counts of a month and its baseline over wards of unequal size, each incident's month drawn afresh.
fn null_map(replicate: u64, sizes: &[u64]) -> Vec<(u64, u64)> {
    let mut random = Random::of_replicate(1, replicate);
    sizes
        .iter()
        .map(|&n| {
            let now = (0..n).filter(|_| random.below(FEW + 1) == FEW).count() as u64;
            (now, n - now)
        })
        .collect()
}

#[test]
fn chance_is_flagged_no_more_often_than_it_may() {
    // Wards of some 10 to 30 a month: large enough that whole numbers do not hide a wrong level.
    let sizes: Vec<u64> = (0..30).map(|i| 130 + 9 * i).collect();
    let params: spikes::Params = serde_json::from_str(r#"{"min_count": 1}"#).unwrap();
    let maps = 2_000_u64;
    let found = (0..maps)
        .filter(|&r| spikes::flags(&null_map(r, &sizes), FEW, &params) > 0)
        .count() as u64;
    let too_many = |n: u64| 1.0 - binomial_lower(n.saturating_sub(1), maps, 0.05) < 0.025;
    assert!(!too_many(found), "{found} of {maps}");
    // The test can fail: the Poisson tail alone, with the mean taken as known, flags too many.
    let poisson = (0..maps)
        .filter(|&r| {
            null_map(r, &sizes).iter().any(|&(now, before)| {
                now > 0 && Test::of(now, before, FEW).p_poisson * sizes.len() as f64 <= 0.05
            })
        })
        .count() as u64;
    assert!(too_many(poisson), "{poisson} of {maps}");
    assert!(found < poisson);
}

// ------------------------------------------------------------------------------------------ mixes

fn mix(snapshot: &Snapshot, select: &str, params: &str) -> offence_mix::Outcome {
    match findings(
        snapshot,
        &request(select, &format!(r#""offence_mix" {params}"#)),
    ) {
        Findings::OffenceMix(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_says_of_what() {
    let mut records = Vec::new();
    records.extend((0..930).map(|i| in_month(i % 4, 5, POSSESSION)));
    records.extend((0..70).map(|i| in_month(i % 4, 6, SUPPLY)));
    records.push(in_month(0, 6, CALL));
    let found = mix(&town(&records), r#""groups": ["drugs"]"#, "");
    let part = &found.parts[0];
    assert_eq!(part.name.as_deref(), Some("possession"));
    assert_eq!((part.numerator, part.denominator), (930, 1000));
    let (low, high) = part.interval.unwrap();
    assert_eq!(
        format!("{:.4} {low:.4} {high:.4}", part.share.unwrap()),
        "0.9300 0.9125 0.9442"
    );
    assert_eq!(part.terms, ["Drugs: possession"]);
    assert_eq!(found.terms, ["Drugs: possession", "Drugs: supply"]);
    let by_term = mix(
        &town(&records),
        r#""groups": ["drugs"]"#,
        r#", "by": "term""#,
    );
    assert_eq!(by_term.parts.len(), 2);
    // On fewer than 20 there are numbers and no share.
    let few = mix(&town(&records[925..935]), r#""groups": ["drugs"]"#, "");
    assert_eq!((few.parts[0].share, few.parts[0].interval), (None, None));
}

#[test]
fn a_source_with_one_category_cannot_be_split() {
    let records: Vec<Record> = (0..30)
        .map(|i| in_month(i % 4, 5, DRUGS_OF_ONE_CATEGORY))
        .collect();
    let (code, error) = refused(
        &town(&records),
        r#""groups": ["drugs"]"#,
        r#""offence_mix""#,
    );
    assert_eq!(code, "not_derivable");
    assert!(
        error.contains("not derivable") && error.contains("Drugs"),
        "{error}"
    );
    // With another source beside it the unknown are told and not guessed.
    let mixed = [
        records,
        (0..20).map(|i| in_month(i % 4, 5, POSSESSION)).collect(),
    ]
    .concat();
    let found = mix(&town(&mixed), r#""groups": ["drugs"]"#, "");
    assert_eq!((found.known, found.unknown), (20, 30));
    assert_eq!(found.parts[0].share, Some(1.0));
    assert_eq!(
        (found.parts[1].name.as_ref(), found.parts[1].share),
        (None, None)
    );
    // None at all is no error.
    let none = mix(&town(&calendar()), r#""groups": ["drugs"]"#, "");
    assert!(none.parts.is_empty());
}

// ------------------------------------------------------------------------------- searches and finds

fn effects(snapshot: &Snapshot, select: &str, params: &str) -> search_effects::Outcome {
    let method =
        format!(r#""search_effects", "searches": {{"groups": ["stop_and_search"]}} {params}"#);
    match findings(snapshot, &request(select, &method)) {
        Findings::SearchEffects(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_searches_or_more_found() {
    // Searches 9 to 60, finds 3 to 18.
    let mut records = calendar();
    for (month, searches, finds) in [(1, 9, 3), (13, 60, 18)] {
        records.extend((0..searches).map(|i| in_month(i % 4, month + i as i32 % 12, SEARCH)));
        records.extend((0..finds).map(|i| in_month(i % 4, month + i as i32 % 12, POSSESSION)));
    }
    let select = r#""groups": ["drugs"], "period": "2023""#;
    let found = effects(&town(&records), select, "");
    let whole = &found.rows[0];
    assert_eq!((whole.before, whole.now), ((9, 3), (60, 18)));
    assert_eq!(
        whole.split.clone().unwrap().ten_thousandths(),
        (161_500, -11_500)
    );
    assert_eq!(whole.change, None, "no percentage on a base of 3");
    assert_eq!(found.rows.len(), 1);
    assert!(found.months_without_searches > 0);
    let each = effects(&town(&records), select, r#", "areas": {"kind": "ward"}"#);
    assert_eq!(each.rows.len(), 5);
    let finds: u64 = each.rows[1..].iter().map(|r| r.now.1).sum();
    assert_eq!(finds, 18);
    // Without searches before there was no rate, and no split.
    let january = r#""groups": ["drugs"], "period": "2023-01""#;
    let none = effects(&town(&records), january, r#", "before": "2022-12""#);
    assert!(
        none.rows[0]
            .split
            .as_ref()
            .unwrap_err()
            .contains("no search")
    );
    assert!(none.rows[0].now.0 > 0);
    let reported = refused(
        &town(&records),
        r#""groups": ["burglary"], "period": "2023""#,
        r#""search_effects", "searches": {"groups": ["stop_and_search"]}"#,
    );
    assert_eq!(reported.0, "reported_lens");
    let burglaries = refused(
        &town(&records),
        select,
        r#""search_effects", "searches": {"groups": ["burglary"]}"#,
    );
    assert_eq!(burglaries.0, "reported_lens");
    assert!(burglaries.1.contains("`searches`"), "{}", burglaries.1);
    for (groups, searches) in [("drugs", "drugs"), ("stop_and_search", "stop_and_search")] {
        let same = refused(
            &town(&records),
            &format!(r#""groups": ["{groups}"], "period": "2023""#),
            &format!(r#""search_effects", "searches": {{"groups": ["{searches}"]}}"#),
        );
        assert_eq!(same.0, "same_groups", "{}", same.1);
    }
    // What was not supplied is no 0, and no change from it is told.
    let later = effects(
        &town(&records),
        r#""groups": ["drugs"], "period": "2030""#,
        "",
    );
    let whole = &later.rows[0];
    assert_eq!((whole.supplied, whole.whole), ((false, false), false));
    assert!(whole.split.as_ref().unwrap_err().contains("is supplied"));
    assert_eq!(whole.change, None);
    for (before, code) in [("2022-01", "invalid_before"), ("2023", "invalid_before")] {
        let method = format!(
            r#""search_effects", "searches": {{"groups": ["stop_and_search"]}}, "before": "{before}""#
        );
        assert_eq!(refused(&town(&records), select, &method).0, code);
    }
}

proptest! {
    #[test]
    fn the_effects_sum_to_the_change(
        s0 in 0_u64..1_000_000, s1 in 0_u64..1_000_000, v0 in 0_u64..1_000_000, v1 in 0_u64..1_000_000,
    ) {
        let split = Split::of((s0, v0), (s1, v1));
        prop_assert_eq!(split.is_none(), s0 == 0 || s1 == 0);
        if let Some(split) = split {
            let change = i128::from(v1) - i128::from(v0);
            prop_assert_eq!(split.volume + split.rate, change * split.denominator);
            let (volume, rate) = split.ten_thousandths();
            prop_assert_eq!(volume + rate, change * 10_000);
            let (r0, r1) = (v0 as f64 / s0 as f64, v1 as f64 / s1 as f64);
            let expected = (s1 as f64 - s0 as f64) * (r0 + r1) / 2.0;
            prop_assert!((volume as f64 / 1e4 - expected).abs() <= 1e-4 + 1e-9 * expected.abs());
            // Before and now exchanged, the effects are their own opposites.
            let back = Split::of((s1, v1), (s0, v0)).unwrap();
            prop_assert_eq!((back.volume, back.rate), (-split.volume, -split.rate));
        }
    }
}

// ------------------------------------------------------------------------------ ready-made counts

#[test]
fn what_the_lens_leaves_out_is_told_by_group() {
    let mut records = calendar();
    records.extend((0..7).map(|i| in_month(i % 4, 3, POSSESSION)));
    let told = |snapshot: &Snapshot, select: &str, method: &str| {
        let text = request(select, method);
        isopleth_core::run(snapshot, &serde_json::from_str(&text).unwrap())
            .unwrap()
            .facts
            .other_lens
    };
    let both = r#""groups": ["drugs", "burglary"], "period": "2022""#;
    for method in [r#""area_audit""#, r#""offence_mix", "by": "group""#] {
        assert_eq!(
            told(&town(&records), both, method),
            [("drugs".to_owned(), 7)]
        );
    }
    let drugs = r#""groups": ["drugs"], "period": "2022""#;
    assert!(told(&town(&records), drugs, r#""area_audit""#).is_empty());
}

#[test]
fn a_period_that_is_not_supplied_has_no_ranks() {
    let (code, error) = refused(
        &town(&calendar()),
        r#""groups": ["burglary"], "period": "2030""#,
        r#""area_audit""#,
    );
    assert_eq!(code, "not_supplied");
    assert!(error.contains("2030-01 to 2030-12"), "{error}");
}

#[test]
fn categories_that_the_policy_does_not_know_are_told() {
    let mut snapshot = town(&calendar());
    let area = CountArea {
        code: "W1".into(),
        name: "Ward 1".into(),
        part_of: "Xborough".into(),
    };
    let mut builder = CountTableBuilder::default();
    for month in 1..=24 {
        for (term, n) in [("Drugs", 1), ("Witchcraft", 2)] {
            let category = CountCategory {
                term: term.into(),
                sub_type: String::new(),
            };
            let month = Month::from_number(2022 * 12 + month - 1);
            builder.push(&area, &category, month, Some(n), 1).unwrap();
        }
    }
    let policy = Policy {
        id: "test".into(),
        version: "1".into(),
        source: String::new(),
        groups: groups(),
        rules: vec![PolicyRule {
            terms: vec!["Drugs".into()],
            sub_types: vec![],
            sources: vec![],
            group: "drugs".into(),
            sub_type: None,
            lens: None,
        }],
    };
    let table = builder.finish("t".into(), "made up".into(), "ward".into());
    snapshot.counts = vec![Counts::new(table, &policy)];
    for (period, selected, unknown) in [(r#""period": "2023""#, 12, 24), ("", 24, 48)] {
        let comma = if period.is_empty() { "" } else { ", " };
        let text = format!(
            r#"{{"select": {{"groups": ["drugs"]{comma}{period}}}, "method": {{"name": "area_audit", "counts": "t"}}}}"#
        );
        let facts = isopleth_core::run(&snapshot, &serde_json::from_str(&text).unwrap())
            .unwrap()
            .facts;
        assert_eq!((facts.selected, facts.unknown_kind), (selected, unknown));
    }
}

/// The drug records of a town as a table of counts.
fn as_table(records: &[Record]) -> Counts {
    let mut counted = std::collections::BTreeMap::new();
    for month in 1..=24 {
        for ward in [0, 1, 2, 3, 6] {
            for kind in [POSSESSION, SUPPLY] {
                counted.insert((ward, kind, month), 0);
            }
        }
    }
    for r in records
        .iter()
        .filter(|r| [POSSESSION, SUPPLY].contains(&r.kind))
    {
        let month = isopleth_core::domain::month_number(r.span.from) - 2022 * 12 + 1;
        *counted.entry((r.ward, r.kind, month)).or_insert(0) += 1;
    }
    let mut builder = CountTableBuilder::default();
    for ((ward, kind, month), n) in counted {
        let area = CountArea {
            code: if ward == 6 {
                String::new()
            } else {
                format!("W{ward}")
            },
            name: format!("Ward {ward}"),
            part_of: if ward == 6 {
                String::new()
            } else {
                "Xborough".into()
            },
        };
        let category = CountCategory {
            term: "Drugs".into(),
            sub_type: if kind == POSSESSION {
                "possession"
            } else {
                "supply"
            }
            .into(),
        };
        let month = Month::from_number(2022 * 12 + month - 1);
        builder.push(&area, &category, month, Some(n), 1).unwrap();
    }
    let table = builder.finish("t".into(), "made up".into(), "ward".into());
    table.check().unwrap();
    let rule = |sub: &str| PolicyRule {
        terms: vec!["Drugs".into()],
        sub_types: vec![sub.into()],
        sources: vec![],
        group: "drugs".into(),
        sub_type: Some(sub.into()),
        lens: None,
    };
    let policy = Policy {
        id: "test".into(),
        version: "1".into(),
        source: String::new(),
        groups: groups(),
        rules: vec![rule("possession"), rule("supply")],
    };
    Counts::new(table, &policy)
}

fn on_table(snapshot: &Snapshot, select: &str, method: &str) -> Findings {
    findings(
        snapshot,
        &format!(r#"{{"select": {{{select}}}, "method": {{"name": {method}, "counts": "t"}}}}"#),
    )
}

#[test]
fn a_table_gives_what_its_records_give() {
    let mut records = calendar();
    let mut random = Random::new(3);
    for _ in 0..300 {
        let ward = [0, 1, 2, 3, 6][random.below(5) as usize];
        let kind = [POSSESSION, SUPPLY][random.below(2) as usize];
        records.push(in_month(ward, 1 + random.below(24) as i32, kind));
    }
    let mut snapshot = town(&records);
    snapshot.counts = vec![as_table(&records)];
    let select = r#""groups": ["drugs"], "period": "2023""#;
    let Findings::AreaAudit(table) = on_table(&snapshot, select, r#""area_audit""#) else {
        panic!()
    };
    let of_records = audit(&snapshot, select, "");
    assert_eq!(table.rows, of_records.rows);
    // The shapes are those of the boundaries with the same codes.
    assert_eq!(table.areas, of_records.areas);
    let Findings::Spikes(table) = on_table(&snapshot, select, r#""spikes""#) else {
        panic!()
    };
    let of_records = spiked(&snapshot, select, "");
    for (a, b) in table.spikes.iter().zip(&of_records.spikes) {
        assert_eq!((a.area, &a.test, a.p_beyond), (b.area, &b.test, b.p_beyond));
        assert!(a.card.day.is_err());
    }
    let Findings::OffenceMix(table) = on_table(&snapshot, select, r#""offence_mix""#) else {
        panic!()
    };
    let of_records: u64 = records
        .iter()
        .filter(|r| [POSSESSION, SUPPLY].contains(&r.kind) && r.span.from >= span(13).from)
        .count() as u64;
    assert_eq!(table.known, of_records);
    // A larger area by name, an area by code, and one that is not there.
    for (area, n) in [("Xborough", 4), ("W1", 1)] {
        let select = format!(r#"{select}, "area": "{area}""#);
        let Findings::AreaAudit(found) = on_table(&snapshot, &select, r#""area_audit""#) else {
            panic!()
        };
        assert_eq!(found.areas.len(), n);
    }
    for (select, code) in [
        (r#""area": "Nowhere""#, "unknown_area"),
        (r#""hours": "22:00/02:00""#, "not_derivable"),
        (r#""record_sources": ["search"]"#, "not_derivable"),
        (r#""groups": ["piracy"]"#, "unknown_group"),
        (r#""period": "2023-01-01/2023-01-14""#, "not_months"),
    ] {
        let request = format!(
            r#"{{"select": {{{select}}}, "method": {{"name": "area_audit", "counts": "t"}}}}"#
        );
        assert_eq!(try_findings(&snapshot, &request).unwrap_err().code(), code);
    }
    assert_eq!(NO_PLACE, u32::MAX);
}

#[test]
fn a_blank_cell_is_not_supplied() {
    let mut counts = as_table(&[]);
    // Ward 1 has no count of possession in December 2023.
    let row = counts.table.rows.iter_mut().find(|r| r.area == 2).unwrap();
    *row.counts.last_mut().unwrap() = None;
    let mut snapshot = town(&calendar());
    snapshot.counts = vec![counts];
    let select = r#""groups": ["drugs"], "period": "2023""#;
    let Findings::AreaAudit(found) = on_table(&snapshot, select, r#""area_audit""#) else {
        panic!()
    };
    let of = |ward| found.rows.iter().find(|r| r.row == Some(Row::Area(ward)));
    assert_eq!(of(1).unwrap().months_not_supplied, 1);
    assert_eq!(of(0).unwrap().months_not_supplied, 0);
    let Findings::Spikes(found) = on_table(&snapshot, select, r#""spikes""#) else {
        panic!()
    };
    let ward = found.spikes.iter().find(|s| s.area == 1).unwrap();
    assert!(!ward.supplied && ward.test.is_err() && !ward.flagged);
    assert_eq!(found.tested, 3);
}
