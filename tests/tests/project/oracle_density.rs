//! The density against unbinned sums that numpy made of the same points.

use isopleth_core::kernel::Kernel;
use isopleth_core::lattice::{Lattice, Tiling};
use isopleth_core::plane::Planar;
use isopleth_core::surface;
use isopleth_tests::oracle::{
    BANDWIDTH_M, CORNER, DensityOracle, SIZE, collapse, how_to_make_points, peer_points, shared,
};

/// What two orders of summation in double precision may differ by, relative to the largest value.
const TOLERANCE: f64 = 1e-12;

/// The oracles' rectangle of squares: those of its corner squares' centres and what lies between.
fn lattice(side: f64) -> Lattice {
    let corner = |x: f64, y: f64| (Planar { x, y }, 1.0, 0);
    let half = side / 2.0;
    let corners = [
        corner(CORNER.0 + half, CORNER.1 + half),
        corner(CORNER.0 + SIZE.0 - half, CORNER.1 + SIZE.1 - half),
    ];
    let lattice = Lattice::around(Tiling::Square(side), &corners, 0.0).unwrap();
    assert_eq!(lattice.len(), (SIZE.0 / side * SIZE.1 / side) as usize);
    assert_eq!(lattice.centres().first(), Some(&corners[0].0));
    assert_eq!(lattice.centres().last(), Some(&corners[1].0));
    lattice
}

fn compare(kernel: Kernel, side_m: u32) {
    if shared("peers/oracle").is_none() {
        println!("skipped: no shared data");
        return;
    }
    let Some(points) = peer_points(100_000) else {
        println!("skipped: no peer points ({})", how_to_make_points(100_000));
        return;
    };
    let oracle =
        DensityOracle::load(kernel.name(), side_m).expect("the oracle is in the shared data");
    let points: Vec<(Planar, f64, u32)> = collapse(&points)
        .into_iter()
        .zip(0..)
        .map(|(([x, y], weight), id)| (Planar { x, y }, weight, id))
        .collect();
    let grid = surface::density(&lattice(side_m.into()), kernel, BANDWIDTH_M, &points);
    let difference = oracle.largest_difference(&grid);
    println!(
        "{} {side_m} m: largest difference over largest value {difference:.1e}",
        kernel.name()
    );
    assert!(difference <= TOLERANCE, "{difference:e}");
}

#[test]
fn quartic_on_squares_of_100_m() {
    compare(Kernel::Quartic, 100);
}

#[test]
fn epanechnikov_on_squares_of_100_m() {
    compare(Kernel::Epanechnikov, 100);
}

#[test]
fn quartic_on_squares_of_25_m() {
    compare(Kernel::Quartic, 25);
}
