//! Lattices: which cells belong to a surface.

use std::collections::BTreeSet;

use crate::support::{location, rectangle};
use h3o::geom::{ContainmentMode, TilerBuilder};
use h3o::{CellIndex, LatLng, Resolution};
use isopleth_core::AreaSelect;
use isopleth_core::ground::StudyArea;
use isopleth_core::lattice::{Lattice, Tiling};
use isopleth_core::plane;
use proptest::prelude::*;

fn names(lattice: &Lattice) -> BTreeSet<String> {
    (0..lattice.len()).map(|c| lattice.name(c)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_area_has_the_cells_that_the_h3_tiler_gives_it(
        x in 0_i32..400_000, y in 0_i32..600_000, w in 3_i32..6000, h in 3_i32..6000, r in 8_u8..11,
    ) {
        // Somewhere on the grid of central Britain.
        let (x, y) = (200_000.0 + f64::from(x) * 0.9, 60_000.0 + f64::from(y) * 0.9);
        let area = rectangle("A", x, y, x + f64::from(w), y + f64::from(h));
        let resolution = Resolution::try_from(r).unwrap();
        let study = StudyArea::find(&AreaSelect::Code("A".into()), std::slice::from_ref(&area)).unwrap();
        let ours = names(&Lattice::of_area(Tiling::H3(resolution), &study).unwrap());
        let mut tiler = TilerBuilder::new(resolution).containment_mode(ContainmentMode::Covers).build();
        tiler.add(area.geometry.0[0].clone()).unwrap();
        let theirs: BTreeSet<String> = tiler.into_coverage().map(|c| c.to_string()).collect();
        // An edge is straight in the plane for us and in degrees for the tiler: cells that it merely
        // grazes may differ, but no others, and none that holds a point of the area.
        for name in ours.symmetric_difference(&theirs) {
            let cell: CellIndex = name.parse().unwrap();
            let inside = cell.boundary().iter().chain([&LatLng::from(cell)]).any(|v| {
                let at = isopleth_core::domain::LonLat::new(v.lng(), v.lat()).unwrap();
                let p = plane::project(at).unwrap().planar;
                p.x > x + 0.5 && p.x < x + f64::from(w) - 0.5 && p.y > y + 0.5 && p.y < y + f64::from(h) - 0.5
            });
            prop_assert!(!inside, "{name}: ours {} theirs {}", ours.contains(name), theirs.contains(name));
        }
        prop_assert!(ours.symmetric_difference(&theirs).count() <= 2);
    }

    #[test]
    fn around_points_no_cell_within_reach_is_missing(
        points in prop::collection::vec((0_i32..90_000, 0_i32..90_000), 1..12), reach in 60_u32..2500, r in 9_u8..12,
    ) {
        let resolution = Resolution::try_from(r).unwrap();
        let reach = f64::from(reach).min(400_000.0 / f64::from(r).exp());
        let points: Vec<_> = points.iter().enumerate()
            .map(|(i, &(x, y))| (location(480_000.0 + f64::from(x), 150_000.0 + f64::from(y)), i as u32)).collect();
        let planar: Vec<_> = points.iter().map(|(l, i)| (l.planar(), 1.0, *i)).collect();
        let lattice = Lattice::around(Tiling::H3(resolution), &planar, reach).unwrap();
        let found = names(&lattice);
        for (l, _) in &points {
            let at = LatLng::new(l.position.lat(), l.position.lon()).unwrap().to_cell(resolution);
            let rings = (reach / Tiling::H3(resolution).spacing_m() * 1.3) as u32 + 2;
            for cell in at.grid_disk::<Vec<_>>(rings) {
                let c = LatLng::from(cell);
                let p = plane::project(isopleth_core::domain::LonLat::new(c.lng(), c.lat()).unwrap()).unwrap().planar;
                if p.distance_2(l.planar()).sqrt() < reach - 0.01 {
                    prop_assert!(found.contains(&cell.to_string()), "{cell} of {l:?}");
                }
            }
        }
        let all: Vec<_> = (0..lattice.len()).map(|c| lattice.name(c)).collect();
        prop_assert!(all.is_sorted() && all.windows(2).all(|w| w[0] != w[1]));
    }
}

#[test]
fn an_area_smaller_than_a_cell_has_the_cells_it_touches() {
    let area = rectangle("A", 550_000.0, 188_000.0, 550_001.0, 188_001.0);
    let study = StudyArea::find(&AreaSelect::Code("A".into()), &[area]).unwrap();
    for r in 8..=12 {
        let tiling = Tiling::H3(Resolution::try_from(r).unwrap());
        assert!((1..=3).contains(&Lattice::of_area(tiling, &study).unwrap().len()));
    }
    assert!(
        (1..=4).contains(
            &Lattice::of_area(Tiling::Square(50.0), &study)
                .unwrap()
                .len()
        )
    );
}
