//! Cells of a study area with their counts, by steps, and their neighbourhoods.

use crate::support::{Event, rectangle, world};
use h3o::Resolution;
use isopleth_core::lattice::{Neighbours, Tiling};
use isopleth_core::select::Selection;
use isopleth_core::steps::{Step, Steps, StepsError};
use isopleth_core::study_cells::{StudyCells, StudyCellsError};
use isopleth_core::{Request, Snapshot};
use proptest::prelude::*;

const REQUEST: &str = r#"{ "select": { "area": "T", "period": "2022", "groups": ["burglary"] },
    "method": { "name": "kernel_density" } }"#;

fn select(snapshot: &Snapshot) -> Selection<'_> {
    Selection::new(snapshot, &Request::from_json(REQUEST).unwrap().select).unwrap()
}

fn tilings() -> impl Strategy<Value = Tiling> {
    prop_oneof![
        (100.0_f64..400.0).prop_map(Tiling::Square),
        (8_u8..10).prop_map(|r| Tiling::H3(Resolution::try_from(r).unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_incident_is_lost(
        at in prop::collection::vec((549_800.0_f64..552_200.0, 187_800.0_f64..190_200.0, 1_i32..=12), 0..60),
        tiling in tilings(),
    ) {
        let events: Vec<Event> = at.iter().map(|&(x, y, month)| Event { x, y, month, kind: 0 }).collect();
        let snapshot = world(&events, vec![rectangle("T", 550_000.0, 188_000.0, 552_000.0, 190_000.0)]);
        let selection = select(&snapshot);
        let cells = StudyCells::new(&selection, tiling, "the test").unwrap();
        let counts = cells.counts(&selection);
        prop_assert_eq!(counts.iter().map(|&n| u64::from(n)).sum::<u64>(), selection.selected);
        let steps = Steps::of_selection(&selection, Step::Month).unwrap();
        let by_step = cells.counts_by_step(&selection, &steps);
        prop_assert_eq!(by_step.len(), 12);
        for cell in 0..cells.len() {
            prop_assert_eq!(by_step.iter().map(|s| s[cell]).sum::<u32>(), counts[cell]);
        }
        let mut months = [false; 12];
        for e in &events {
            let inside = (550_000.0..552_000.0).contains(&e.x) && (188_000.0..190_000.0).contains(&e.y);
            months[(e.month - 1) as usize] |= inside;
        }
        prop_assert_eq!(steps.supplied(&selection), months);
    }

    #[test]
    fn neighbourhoods_are_those_of_plain_search(tiling in tilings(), rings in 1_u32..4, reach in 0.5_f64..3.0) {
        let snapshot = world(&[], vec![rectangle("T", 550_000.0, 188_000.0, 551_500.0, 189_300.0)]);
        let selection = select(&snapshot);
        let lattice = StudyCells::new(&selection, tiling, "the test").unwrap().lattice;
        let distance = reach * tiling.spacing_m();
        let by_rings = Neighbours::rings(&lattice, rings).unwrap();
        let by_distance = Neighbours::within(&lattice, distance).unwrap();
        let centres = lattice.centres();
        for (c, &at) in centres.iter().enumerate() {
            let others = |near: &dyn Fn(usize) -> bool| -> Vec<u32> {
                (0..lattice.len()).filter(|&n| n != c && near(n)).map(|n| n as u32).collect()
            };
            let near = |n: usize| centres[n].distance_2(at) <= distance * distance;
            prop_assert_eq!(by_distance.of(c), others(&near));
            let near = |n: usize| match tiling {
                Tiling::Square(side) => {
                    let apart = ((centres[n].x - at.x).abs()).max((centres[n].y - at.y).abs());
                    apart < (f64::from(rings) + 0.5) * side
                }
                Tiling::H3(_) => {
                    let cell = |i: usize| lattice.name(i).parse::<h3o::CellIndex>().unwrap();
                    cell(c).grid_distance(cell(n)).is_ok_and(|d| d <= rings as i32)
                }
            };
            prop_assert_eq!(by_rings.of(c), others(&near));
        }
    }
}

#[test]
fn what_cannot_be_told_is_refused() {
    let events = [Event {
        x: 550_500.0,
        y: 188_500.0,
        month: 5,
        kind: 0,
    }];
    let snapshot = world(
        &events,
        vec![rectangle("T", 550_000.0, 188_000.0, 551_000.0, 189_000.0)],
    );
    let selection = select(&snapshot);
    let error = Steps::of_selection(&selection, Step::Week).unwrap_err();
    assert_eq!(
        error,
        StepsError::FinerThanData {
            count: 1,
            what: "weeks"
        }
    );
    let everywhere = Request::from_json(&REQUEST.replace(r#""area": "T", "#, "")).unwrap();
    let everywhere = Selection::new(&snapshot, &everywhere.select).unwrap();
    let error = StudyCells::new(&everywhere, Tiling::Square(100.0), "the test").unwrap_err();
    assert!(matches!(error, StudyCellsError::NoArea("the test")));
    let lattice = StudyCells::new(&selection, Tiling::Square(10.0), "the test")
        .unwrap()
        .lattice;
    let error = Neighbours::within(&lattice, 5000.0).unwrap_err();
    assert_eq!(error.cells, lattice.len());
}
