//! Contours: nesting and tiling on the coordinates that leave, thresholds, counts.

use crate::support::{BURGLARY, Event, location, moved, rectangle, turned, twice, world};
use geo::{Area as _, Covers, Intersects, MultiPolygon, Point, Relate, Validation};
use isopleth_core::contours::{Contour, Error, Outcome};
use isopleth_core::{ContouredSurface, Findings, Request, RunError, Snapshot, run};
use proptest::prelude::*;

fn found(snapshot: &Snapshot, text: &str) -> ContouredSurface {
    match run(snapshot, &Request::from_json(text).unwrap())
        .unwrap()
        .findings
    {
        Findings::Contours(found) => found,
        other => panic!("{other:?}"),
    }
}

fn refused(snapshot: &Snapshot, text: &str) -> RunError {
    run(snapshot, &Request::from_json(text).unwrap()).unwrap_err()
}

fn grounds(outcome: &Outcome) -> Vec<&Contour> {
    outcome
        .asked
        .iter()
        .filter_map(|a| a.contour.as_ref())
        .collect()
}

fn scattered() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_i32..90, 0_i32..70, 1_i32..25).prop_map(|(x, y, month)| Event {
        x: 549_800.0 + f64::from(x * x) * 0.3,
        y: 187_800.0 + f64::from(y * y) * 0.45,
        month,
        kind: BURGLARY,
    });
    prop::collection::vec(event, 1..150)
}

fn cells() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(r#""h3_resolution": 10"#),
        Just(r#""cell_m": 80"#),
        Just(r#""cell_m": 120"#),
    ]
}

/// An area whose sides run askew to the cells, with a hole.
fn askew() -> isopleth_core::domain::Area {
    let mut area = rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0);
    let at = |x: f64, y: f64| location(x, y).position.coord();
    let exterior = [
        (550_013.7, 188_021.1),
        (552_131.9, 188_333.3),
        (551_777.2, 189_611.4),
        (549_931.3, 189_402.8),
    ];
    let hole = [
        (550_700.3, 188_500.9),
        (550_911.1, 188_811.7),
        (551_203.5, 188_404.2),
    ];
    area.geometry = MultiPolygon(vec![geo::Polygon::new(
        exterior.iter().map(|&(x, y)| at(x, y)).collect(),
        vec![hole.iter().map(|&(x, y)| at(x, y)).collect()],
    )]);
    area
}

fn inside(events: &[Event], outline: &MultiPolygon) -> u32 {
    events
        .iter()
        .filter(|e| outline.intersects(&Point(location(e.x, e.y).position.coord())))
        .count() as u32
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn contours_nest_and_count_as_plain_geometry_does(
        events in scattered(), cells in cells(), has_area: bool, smooth: bool, by_level: bool,
    ) {
        let smooth = smooth && !cells.contains("h3");
        let snapshot = world(&events, vec![askew()]);
        let text = format!(r#"{{
            "select": {{"groups": ["burglary"]{area}}},
            "method": {{"name": "kernel_density", "bandwidth_m": 280, {cells}}},
            "contours": {{{asked}, "outline": "{outline}"}} }}"#,
            area = if has_area { r#", "area": "A""# } else { "" },
            asked = if by_level { r#""levels_per_km2": [1, 10, 20, 40, 40.001, 80]"# } else { r#""volume": [0.1, 0.25, 0.5, 0.9, 1]"# },
            outline = if smooth { "smooth" } else { "cells" });
        let found = found(&snapshot, &text);
        let density = &found.surface.density_per_m2;
        let areas: Vec<f64> = (0..density.len()).map(|c| found.surface.lattice.area_m2(c).unwrap()).collect();
        let volume = |least: f64, above: bool| -> f64 {
            (0..density.len()).filter(|&c| density[c] > 0.0 && (density[c] > least || (!above && density[c] == least)))
                .map(|c| density[c] * areas[c]).sum()
        };
        let total = volume(0.0, true);
        let mut wider: Option<&Contour> = None;
        for asked in &found.contours.asked {
            let Some(contour) = &asked.contour else { continue };
            prop_assert!(contour.outline.is_valid(), "{:?}", contour.outline);
            prop_assert_eq!(contour.count, inside(&events, &contour.outline));
            if let Some(wider) = wider {
                prop_assert!(wider.outline.relate(&contour.outline).is_covers(), "{}", asked.id);
                prop_assert!(wider.area_m2 + 1e-6 >= contour.area_m2 && wider.count >= contour.count);
            }
            let least = asked.threshold_per_km2.unwrap() / 1e6;
            let holds = volume(least * (1.0 - 1e-12), false);
            prop_assert!((contour.volume_share - holds / total).abs() < 1e-9);
            if !by_level {
                // It holds the share, and without its weakest cells it would not.
                prop_assert!(holds >= asked.value * total * (1.0 - 1e-9));
                prop_assert!(volume(least * (1.0 + 1e-12), true) < asked.value * total * (1.0 + 1e-9));
            }
            if let Some(share) = contour.share_of_area {
                // Corners stand on the seventh decimal, and so does the boundary: a centimetre of its length.
                prop_assert!((0.0..=1.0 + 1e-4).contains(&share), "{}", share);
            }
            wider = Some(contour);
        }
        if !by_level && !has_area {
            // Between centres the ground at the very peak is a point, which has no area.
            let peak = density.iter().copied().fold(0.0, f64::max) * 1e6;
            let at_peak = |t: f64| smooth && t >= peak * (1.0 - 1e-9);
            prop_assert!(found.contours.asked.iter()
                .all(|a| a.contour.is_some() || a.threshold_per_km2.is_some_and(at_peak)));
            prop_assert_eq!(found.contours.asked[0].contour.as_ref().unwrap().count as usize, events.len());
        }
        if !has_area && !smooth {
            let first = grounds(&found.contours)[0];
            let least = found.contours.asked[0].threshold_per_km2.unwrap() / 1e6;
            let whole: f64 = (0..density.len()).filter(|&c| density[c] >= least * (1.0 - 1e-12)).map(|c| areas[c]).sum();
            prop_assert!((first.area_m2 / whole - 1.0).abs() < 1e-5, "{} {whole}", first.area_m2);
        }
    }

    #[test]
    fn bands_tile_the_ground_above_the_lowest_break(
        events in scattered(), cells in cells(), has_area: bool, smooth: bool,
    ) {
        let smooth = smooth && !cells.contains("h3");
        let snapshot = world(&events, vec![askew()]);
        let text = |what: &str| format!(r#"{{
            "select": {{"groups": ["burglary"]{area}}},
            "method": {{"name": "kernel_density", "bandwidth_m": 280, {cells}}},
            "contours": {{"{what}": [5, 15, 30, 60], "outline": "{outline}"}} }}"#,
            area = if has_area { r#", "area": "A""# } else { "" },
            outline = if smooth { "smooth" } else { "cells" });
        let bands = found(&snapshot, &text("breaks_per_km2")).contours;
        let levels = found(&snapshot, &text("levels_per_km2")).contours;
        let bands = grounds(&bands);
        let Some(all) = levels.asked[0].contour.as_ref() else {
            prop_assert!(bands.is_empty());
            return Ok(());
        };
        let square_degrees: f64 = bands.iter().map(|b| b.outline.unsigned_area()).sum();
        prop_assert!((square_degrees / all.outline.unsigned_area() - 1.0).abs() < 1e-9);
        prop_assert_eq!(bands.iter().map(|b| b.count).sum::<u32>(), all.count);
        // A band may have cells and no ground: beyond the boundary, or at a peak between centres.
        let cells = bands.iter().map(|b| b.cells).sum::<usize>();
        prop_assert!(cells <= all.cells);
        if !has_area && !smooth {
            prop_assert_eq!(cells, all.cells);
        }
        for (i, band) in bands.iter().enumerate() {
            prop_assert!(band.outline.is_valid());
            prop_assert!(band.count <= inside(&events, &band.outline));
            prop_assert!(all.outline.relate(&band.outline).is_covers());
            for other in &bands[i + 1..] {
                // They may touch, and share no ground.
                let shared = band.outline.relate(&other.outline);
                prop_assert!(shared.is_touches() || shared.is_disjoint());
            }
        }
    }
}

fn grid(columns: usize, rows: usize, per_cell: impl Fn(usize, usize) -> usize) -> Vec<Event> {
    let mut events = Vec::new();
    for c in 0..columns {
        for r in 0..rows {
            for _ in 0..per_cell(c, r) {
                events.push(Event {
                    x: 550_050.0 + c as f64 * 100.0,
                    y: 188_050.0 + r as f64 * 100.0,
                    month: 1,
                    kind: BURGLARY,
                });
            }
        }
    }
    events
}

/// One cell a place: a bandwidth of one cell leaves the neighbours at zero.
fn apart(contours: &str) -> String {
    format!(
        r#"{{"select": {{"groups": ["burglary"]}},
        "method": {{"name": "kernel_density", "kernel": "uniform", "bandwidth_m": 100, "cell_m": 100}},
        "contours": {contours} }}"#
    )
}

#[test]
fn equal_cells_stand_or_fall_together() {
    // Ten cells of one incident and one of ten: the densest holds half.
    let mut events = grid(10, 1, |_, _| 1);
    events.extend(grid(1, 1, |_, _| 10).iter().map(|e| Event {
        y: e.y + 1000.0,
        ..*e
    }));
    let found = found(
        &world(&events, vec![]),
        &apart(r#"{"volume": [0.25, 0.5, 0.51, 1]}"#),
    );
    let areas: Vec<(String, f64, u32)> = found
        .contours
        .asked
        .iter()
        .map(|a| {
            let c = a.contour.as_ref().unwrap();
            (a.id.clone(), (c.area_m2 / 100.0).round() * 100.0, c.count)
        })
        .collect();
    assert_eq!(
        areas,
        [
            ("volume-1".into(), 110_000.0, 20),
            ("volume-0.51".into(), 110_000.0, 20),
            ("volume-0.5".into(), 10_000.0, 10),
            ("volume-0.25".into(), 10_000.0, 10),
        ]
    );
    let half = found.contours.asked[2].contour.as_ref().unwrap();
    assert!((half.volume_share - 0.5).abs() < 1e-12);
    assert_eq!(half.share_of_incidents, Some(0.5));
    assert_eq!(half.share_of_area, None);
}

#[test]
fn holes_survive() {
    let events = grid(7, 7, |c, r| match (c, r) {
        (2..=4, 2..=4) if (c, r) != (3, 3) => 0,
        _ => 1,
    });
    for outline in ["cells", "smooth"] {
        let found = found(
            &world(&events, vec![]),
            &apart(&format!(
                r#"{{"levels_per_km2": [10], "outline": "{outline}"}}"#
            )),
        );
        let contour = found.contours.asked[0].contour.as_ref().unwrap();
        assert_eq!(
            contour.outline.0.len(),
            2,
            "the ring and the island: {outline}"
        );
        assert_eq!(contour.outline.0[0].interiors().len(), 1);
        assert_eq!(contour.count, 41);
        assert!(
            contour
                .outline
                .covers(&Point(location(550_350.0, 188_350.0).position.coord()))
        );
        assert!(
            !contour
                .outline
                .covers(&Point(location(550_250.0, 188_350.0).position.coord()))
        );
    }
}

#[test]
fn smooth_lines_run_where_the_density_is_the_level() {
    // A cone: the line at half the height of a triangular kernel is a circle of half the radius.
    let events = grid(1, 1, |_, _| 7);
    let text = r#"{"select": {"groups": ["burglary"]},
        "method": {"name": "kernel_density", "kernel": "triangular", "bandwidth_m": 1000, "cell_m": 20},
        "contours": {"levels_per_km2": [3.342253804929802], "outline": "smooth"} }"#;
    let found = found(&world(&events, vec![]), text);
    let contour = found.contours.asked[0].contour.as_ref().unwrap();
    let circle = std::f64::consts::PI * 500.0 * 500.0;
    assert!(
        (contour.area_m2 / circle - 1.0).abs() < 2e-3,
        "{}",
        contour.area_m2
    );
    let (centre, mut worst) = (location(550_050.0, 188_050.0), 0.0_f64);
    for p in contour.outline.0[0].exterior().points() {
        let at = isopleth_core::domain::LonLat::new(p.x(), p.y()).unwrap();
        let at = isopleth_core::plane::project(at).unwrap().planar;
        worst = worst.max((at.distance_2(centre.planar()).sqrt() - 500.0).abs());
    }
    assert!(worst < 0.5, "{worst}");
}

#[test]
fn nothing_selected_has_no_contours_and_says_what_was_asked() {
    let snapshot = world(
        &[],
        vec![rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0)],
    );
    for asked in [
        r#""volume": [0.5]"#,
        r#""levels_per_km2": [1, 2]"#,
        r#""breaks_per_km2": [1, 2]"#,
    ] {
        for cells in [r#""h3_resolution": 9"#, r#""cell_m": 200"#] {
            let text = format!(
                r#"{{"select": {{"area": "A", "groups": ["burglary"]}},
                "method": {{"name": "kernel_density", "bandwidth_m": 500, {cells}}}, "contours": {{{asked}}} }}"#
            );
            let found = found(&snapshot, &text);
            assert!(grounds(&found.contours).is_empty());
            assert!(!found.contours.asked.is_empty());
            assert_eq!(found.contours.volume, 0.0);
        }
    }
    let few = found(
        &world(&grid(1, 1, |_, _| 1), vec![]),
        &apart(r#"{"levels_per_km2": [10, 1e6]}"#),
    );
    assert_eq!(grounds(&few.contours).len(), 1);
    assert_eq!(
        grounds(&few.contours)[0].share_of_incidents,
        None,
        "no share of one"
    );
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let snapshot = world(&grid(3, 3, |_, _| 2), vec![]);
    for (contours, part) in [
        ("{}", "there are 0"),
        (r#"{"volume": [0.5], "levels_per_km2": [1]}"#, "there are 2"),
        (r#"{"volume": []}"#, "0 values"),
        (r#"{"volume": [0.5, 0.25]}"#, "0.25 after 0.5"),
        (r#"{"volume": [0.5, 0.5]}"#, "ascending"),
        (r#"{"volume": [0]}"#, "above 0"),
        (r#"{"volume": [1.01]}"#, "at most 1"),
        (r#"{"breaks_per_km2": [-1, 5]}"#, "holds -1"),
    ] {
        let error = refused(&snapshot, &apart(contours));
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.code(), "invalid_contours");
    }
    let text = r#"{"method": {"name": "kernel_density", "bandwidth_m": 300}, "contours": {"volume": [0.5], "outline": "smooth"}}"#;
    assert_eq!(
        refused(&snapshot, text),
        RunError::Contours(Error::NotSquare)
    );
    let both = r#"{"method": {"name": "kernel_density", "bandwidth_m": 300}, "contours": {"volume": [0.5]}, "hotspots": {"share_of_incidents": 0.5}}"#;
    assert_eq!(refused(&snapshot, both), RunError::TwoCuts);
    let none = r#"{"method": {"name": "repeat_locations"}, "contours": {"volume": [0.5]}}"#;
    assert_eq!(refused(&snapshot, none).code(), "nothing_to_cut");
    assert!(
        Request::from_json(
            r#"{"method": {"name": "kernel_density"}, "contours": {"volumes": [0.5]}}"#
        )
        .is_err()
    );
}

#[test]
fn neither_order_nor_threads_move_a_corner() {
    let mut events = grid(9, 8, |c, r| (c * 7 + r * 5) % 4);
    let text = r#"{"select": {"area": "A", "groups": ["burglary"]},
        "method": {"name": "kernel_density", "bandwidth_m": 250, "cell_m": 50},
        "contours": {"volume": [0.1, 0.3, 0.5, 0.7], "outline": "smooth"} }"#;
    let one = found(&world(&events, vec![askew()]), text).contours;
    assert_eq!(grounds(&one).len(), 4);
    events.reverse();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let again = pool.install(|| found(&world(&events, vec![askew()]), text).contours);
        assert_eq!(one, again, "{threads}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn contours_move_and_turn_with_the_events(events in scattered(), smooth: bool, by_level: bool) {
        // Off all lines that squares could have in common with the events' own grid.
        let events = moved(&events, 0.137, 0.271);
        let text = format!(r#"{{"select": {{"groups": ["burglary"]}},
            "method": {{"name": "kernel_density", "bandwidth_m": 280, "cell_m": 120}},
            "contours": {{{}, "outline": "{}"}} }}"#,
            if by_level { r#""levels_per_km2": [7, 23, 61]"# } else { r#""volume": [0.31, 0.57, 0.93]"# },
            if smooth { "smooth" } else { "cells" });
        let of = |events: &[Event]| found(&world(events, vec![]), &text).contours;
        let plain = of(&events);
        prop_assert!(by_level || grounds(&plain).len() == 3);
        for other in [of(&moved(&events, 1200.0, -2400.0)), of(&turned(&events))] {
            prop_assert_eq!(plain.asked.len(), other.asked.len());
            for (a, b) in plain.asked.iter().zip(&other.asked) {
                prop_assert_eq!(&a.id, &b.id);
                prop_assert_eq!(a.contour.is_some(), b.contour.is_some());
                if let (Some(a), Some(b)) = (a.threshold_per_km2, b.threshold_per_km2) {
                    prop_assert!((a / b - 1.0).abs() < 1e-6, "{} {}", a, b);
                }
                if let (Some(a), Some(b)) = (&a.contour, &b.contour) {
                    prop_assert_eq!((a.cells, a.outline.0.len()), (b.cells, b.outline.0.len()));
                    // A corner is good to half a centimetre: an incident on a line may change sides.
                    prop_assert!(a.count.abs_diff(b.count) <= u32::from(smooth));
                    prop_assert!((a.area_m2 / b.area_m2 - 1.0).abs() < 2e-3, "{} {}", a.area_m2, b.area_m2);
                    prop_assert!((a.volume_share - b.volume_share).abs() < 1e-9);
                }
            }
        }
        // Twice the incidents: the same ground holds the same share, and twice as many.
        if !by_level {
            let double = of(&twice(&events));
            for (a, b) in grounds(&plain).iter().zip(grounds(&double)) {
                prop_assert_eq!(&a.outline, &b.outline);
                prop_assert_eq!(2 * a.count, b.count);
            }
        }
    }
}
