//! Kernel density with named bandwidths, corrections at the edge and bandwidths that vary.

use crate::support::{BURGLARY, Event, rectangle, world};
use isopleth_core::bandwidth::rules::diggle;
use isopleth_core::bandwidth::{self, Rule};
use isopleth_core::edge::{Correction, Window};
use isopleth_core::estimate::{Estimate, corrected};
use isopleth_core::kernel::Kernel;
use isopleth_core::plane::Planar;
use isopleth_core::{Findings, Request, SurfaceCells, run};
use proptest::prelude::*;

const KERNELS: [Kernel; 8] = [
    Kernel::Uniform,
    Kernel::Triangular,
    Kernel::Epanechnikov,
    Kernel::Quartic,
    Kernel::Triweight,
    Kernel::Tricube,
    Kernel::Cosine,
    Kernel::Gaussian,
];

const SHAPES: [&str; 6] = [
    r#""bandwidth_m": 300, "edge_correction": "uniform""#,
    r#""bandwidth_m": 300, "edge_correction": "diggle""#,
    r#""bandwidth_m": 300, "adaptive": "abramson""#,
    r#""bandwidth_m": 300, "adaptive": {"abramson": {"pilot_m": 450}}, "edge_correction": "uniform""#,
    r#""adaptive": {"nearest": 3}"#,
    r#""adaptive": {"nearest": 3}, "edge_correction": "diggle""#,
];

fn at(x: f64, y: f64) -> Planar {
    Planar { x, y }
}

fn try_run(events: &[Event], areas: bool, method: &str) -> Result<SurfaceCells, (String, String)> {
    let area = if areas { r#""area": "A", "# } else { "" };
    let text = format!(
        r#"{{"select": {{{area}"groups": ["burglary"]}}, "method": {{"name": "kernel_density", {method}}}}}"#
    );
    let request = Request::from_json(&text).map_err(|e| ("json".to_owned(), e.to_string()))?;
    match run(&world(events, area_of()), &request) {
        Ok(outcome) => match outcome.findings {
            Findings::Surface(cells) => Ok(cells),
            other => panic!("{other:?}"),
        },
        Err(e) => Err((e.code().to_owned(), e.to_string())),
    }
}

fn surface(events: &[Event], method: &str) -> SurfaceCells {
    try_run(events, true, method).unwrap_or_else(|e| panic!("{method}: {e:?}"))
}

fn area_of() -> Vec<isopleth_core::domain::Area> {
    vec![rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0)]
}

fn event(x: f64, y: f64) -> Event {
    Event {
        x,
        y,
        month: 1,
        kind: BURGLARY,
    }
}

/// In the area of 2 by 1.5 km and around it; at least eight in it.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let anywhere = (0_i32..60, 0_i32..45).prop_map(|(x, y)| {
        event(
            549_500.0 + f64::from(x) * 51.7,
            187_500.0 + f64::from(y) * 52.3,
        )
    });
    let inside = (1_i32..38, 1_i32..27).prop_map(|(x, y)| {
        event(
            550_000.0 + f64::from(x) * 51.7,
            188_000.0 + f64::from(y) * 52.3,
        )
    });
    (
        prop::collection::vec(anywhere, 0..60),
        prop::collection::vec(inside, 8..40),
    )
        .prop_map(|(a, b)| [a, b].concat())
}

fn bits(made: &SurfaceCells) -> Vec<u64> {
    let edge = made.surface.edge.iter().flat_map(|e| &e.mass);
    let densities = made.surface.density_per_m2.iter();
    densities.chain(edge).map(|d| d.to_bits()).collect()
}

/// A window with a hole, 2 by 2 with 0.6 by 0.5 out of it, and a part beside it.
fn holed(turn: bool, dx: f64, dy: f64) -> Window {
    let ring = |c: &[(f64, f64)]| -> geo::LineString {
        c.iter()
            .map(|&(x, y)| {
                if turn {
                    (-y + dx, x + dy)
                } else {
                    (x + dx, y + dy)
                }
            })
            .collect()
    };
    Window::new(&[
        geo::Polygon::new(
            ring(&[(0., 0.), (2., 0.), (2., 2.), (0., 2.), (0., 0.)]),
            vec![ring(&[
                (0.5, 0.5),
                (1.1, 0.5),
                (1.1, 1.0),
                (0.5, 1.0),
                (0.5, 0.5),
            ])],
        ),
        geo::Polygon::new(ring(&[(2.2, 0.), (3., 0.), (2.2, 1.5), (2.2, 0.)]), vec![]),
    ])
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn order_and_threads_do_not_show(events in events(), seed: u64, s in 0_usize..6, h3: bool) {
        let mut shuffled = events.clone();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let cells = if h3 { "\"h3_resolution\": 10" } else { "\"cell_m\": 90" };
        let method = format!("{}, {cells}", SHAPES[s]);
        let of = |events: &[Event], threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bits(&surface(events, &method)))
        };
        let one = of(&events, 1);
        prop_assert_eq!(&one, &of(&shuffled, 2));
        prop_assert_eq!(&one, &of(&shuffled, 7));
    }

    #[test]
    fn twice_the_incidents_are_twice_the_density(events in events(), s in 0_usize..4) {
        // Nearest neighbours are incidents, and twice as many lie within a distance: not these.
        let once = surface(&events, SHAPES[s]);
        let twice = surface(&[events.clone(), events].concat(), SHAPES[s]);
        for (a, b) in once.surface.density_per_m2.iter().zip(&twice.surface.density_per_m2) {
            prop_assert!((2.0 * a - b).abs() <= 1e-9 * b.max(1e-9), "{} {}", a, b);
        }
        let (a, b) = (once.surface.spread, twice.surface.spread);
        if let (Some(a), Some(b)) = (a, b) {
            prop_assert!((a.median_m - b.median_m).abs() < 1e-6);
        }
    }

    #[test]
    fn the_edge_correction_that_keeps_mass_does(k in 0_usize..8, xs in prop::collection::vec((0.0..2.0, 0.0..2.0), 1..6)) {
        // Over the window the surface integrates to the number of incidents, by a sum of fine squares.
        let (window, kernel) = (holed(false, 0.0, 0.0), KERNELS[k]);
        let h = 1.0 / kernel.support().min(3.0);
        let points: Vec<(Planar, f64)> = xs.iter().map(|&(x, y)| at(x, y))
            .filter(|p| window.covers(*p)).map(|p| (p, 1.0)).collect();
        let n = 300;
        let places: Vec<Planar> = (0..n * n)
            .map(|i| at((f64::from(i % n) + 0.5) / 100.0, (f64::from(i / n) + 0.5) / 100.0))
            .filter(|p| window.covers(*p)).collect();
        let sum = |c| corrected(kernel, h, &points, &window, c, &places).iter().sum::<f64>() * 1e-4;
        let expected = points.len() as f64;
        let made: f64 = sum(Correction::Diggle);
        let tolerance = if kernel == Kernel::Uniform { 0.03 } else { 0.006 };
        prop_assert!((made - expected).abs() <= tolerance * expected, "{} of {}", made, expected);
        prop_assert!(sum(Correction::None) <= expected * (1.0 + tolerance));
    }

    #[test]
    fn the_mass_inside_moves_and_turns_with_the_window(k in 0_usize..8, x in -0.5..3.5, y in -0.5..2.5, h in 0.05..2.0) {
        let kernel = KERNELS[k];
        let mass = holed(false, 0.0, 0.0).mass(kernel, h, at(x, y));
        prop_assert!((0.0..=1.0).contains(&mass));
        let moved = holed(false, 1000.0, -500.0).mass(kernel, h, at(x + 1000.0, y - 500.0));
        let turned = holed(true, 0.0, 0.0).mass(kernel, h, at(-y, x));
        prop_assert!((mass - moved).abs() < 1e-9, "{} {}", mass, moved);
        prop_assert!((mass - turned).abs() < 1e-9, "{} {}", mass, turned);
    }

    #[test]
    fn rules_move_turn_and_scale_with_the_points(xs in prop::collection::hash_set((1_i32..99, 1_i32..99), 12..60)) {
        let points: Vec<Planar> = xs.iter().map(|&(x, y)| at(x.into(), y.into())).collect();
        let window = Window::rectangle(at(0.0, 0.0), at(100.0, 100.0)).unwrap();
        let turned: Vec<Planar> = points.iter().map(|p| at(-p.y * 3.0 + 700.0, p.x * 3.0 - 50.0)).collect();
        let there = Window::rectangle(at(400.0, -50.0), at(700.0, 250.0)).unwrap();
        for rule in Rule::ALL {
            let a = bandwidth::choose_by(rule, Kernel::Gaussian, &points, Some(&window));
            let b = bandwidth::choose_by(rule, Kernel::Gaussian, &turned, Some(&there));
            match (a, b) {
                (Ok(a), Ok(b)) => {
                    prop_assert!(a.sigma_m >= a.floor_m);
                    prop_assert_eq!(a.floored, a.rule_sigma_m < a.floor_m);
                    // Diggle's radii are a grid, and distances of whole numbers lie on its lines: which
                    // side rounding puts them on may change the optimum. Its tests are below.
                    let near = (b.rule_sigma_m / a.rule_sigma_m / 3.0 - 1.0).abs() < 1e-3;
                    prop_assert!(near || rule == Rule::Diggle, "{:?} {:?}", a, b);
                }
                (Err(_), Err(_)) => {}
                (a, b) => prop_assert!(false, "{:?} {:?}", a, b),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn diggle_s_rule_scales_exactly_by_a_power_of_two(
        xs in prop::collection::hash_set((1_i32..99, 1_i32..99), 12..60), power in -2_i32..4,
    ) {
        // Such a factor changes no digit, so that ties on Diggle's grid fall the same way.
        let factor = 2.0_f64.powi(power);
        let scaled = |f: f64| -> Vec<Planar> {
            let mut all: Vec<_> = xs.iter().copied().collect();
            all.sort_unstable();
            all.iter().map(|&(x, y)| at(f64::from(x) * f, f64::from(y) * f)).collect()
        };
        let window = |f: f64| Window::rectangle(at(0.0, 0.0), at(100.0 * f, 100.0 * f)).unwrap();
        let sigma = |f: f64| diggle(&scaled(f), &window(f), usize::MAX).map(|o| (o.sigma_m / f, o.at_limit));
        prop_assert!(sigma(1.0).is_some());
        prop_assert_eq!(sigma(factor), sigma(1.0));
    }

    #[test]
    fn diggle_s_rule_moves_turns_and_scales_with_points_off_its_grid(
        xs in prop::collection::vec((1.0_f64..99.0, 1.0_f64..99.0), 12..60), factor in 0.1_f64..9.0,
    ) {
        let points: Vec<Planar> = xs.iter().map(|&(x, y)| at(x, y)).collect();
        let window = Window::rectangle(at(0.0, 0.0), at(100.0, 100.0)).unwrap();
        let turned: Vec<Planar> = points.iter().map(|p| at(-p.y * factor + 700.0, p.x * factor - 50.0)).collect();
        let there = Window::rectangle(at(700.0 - 100.0 * factor, -50.0), at(700.0, 100.0 * factor - 50.0)).unwrap();
        let (a, b) = (diggle(&points, &window, usize::MAX), diggle(&turned, &there, usize::MAX));
        let (a, b) = (a.unwrap(), b.unwrap());
        prop_assert!((b.sigma_m / a.sigma_m / factor - 1.0).abs() < 1e-9, "{:?} {:?}", a, b);
        prop_assert_eq!(a.at_limit, b.at_limit);
    }
}

#[test]
fn a_constant_intensity_comes_out_constant_by_the_uniform_correction() {
    // A fine lattice of points in the window: its corrected density is the same everywhere in it.
    let window = holed(false, 0.0, 0.0);
    let step = 0.02;
    let points: Vec<(Planar, f64)> = (0..150 * 100)
        .map(|i| {
            at(
                (f64::from(i % 150) + 0.5) * step,
                (f64::from(i / 150) + 0.5) * step,
            )
        })
        .filter(|p| window.covers(*p))
        .map(|p| (p, 1.0))
        .collect();
    let places = [
        at(0.01, 0.01),
        at(1.0, 1.9),
        at(0.49, 0.75),
        at(1.99, 1.0),
        at(2.3, 0.2),
    ];
    for kernel in [Kernel::Quartic, Kernel::Epanechnikov, Kernel::Gaussian] {
        let h = 0.4 / kernel.support().min(2.0);
        for made in corrected(kernel, h, &points, &window, Correction::Uniform, &places) {
            let expected = 1.0 / (step * step);
            assert!(
                (made / expected - 1.0).abs() < 0.02,
                "{kernel:?} {made} {expected}"
            );
        }
        let plain = corrected(kernel, h, &points, &window, Correction::None, &places);
        assert!(plain[0] * step * step < 0.35, "{}", plain[0]);
    }
}

#[test]
fn corrected_cells_know_their_mass_and_use_what_is_inside() {
    let inside: Vec<Event> = (0..40)
        .map(|i| {
            event(
                550_030.0 + f64::from(i % 8) * 60.0,
                188_030.0 + f64::from(i / 8) * 55.0,
            )
        })
        .collect();
    let beyond = [event(549_900.0, 188_100.0), event(550_100.0, 187_900.0)];
    let all = [&inside[..], &beyond[..]].concat();
    for shape in SHAPES.iter().filter(|s| s.contains("edge_correction")) {
        let (a, b) = (surface(&inside, shape), surface(&all, shape));
        assert_eq!(bits(&a), bits(&b), "{shape}");
        let edge = a.surface.edge.as_ref().unwrap();
        assert_eq!(edge.mass.len(), a.surface.lattice.len());
        for (mass, flag) in edge.mass.iter().zip(&a.edge_effect) {
            assert!((0.0..=1.0).contains(mass));
            assert_eq!(*mass < 0.8, *flag);
        }
        assert!(a.edge_effect.iter().any(|f| *f) && a.edge_effect.iter().any(|f| !*f));
        assert!(a.surface.density_per_m2.iter().all(|d| d.is_finite()));
    }
    // Far from the boundary, in a window that holds every disc, no correction does anything.
    let middle: Vec<Event> = (0..9)
        .map(|i| {
            event(
                551_000.0 + f64::from(i % 3) * 20.0,
                188_700.0 + f64::from(i / 3) * 20.0,
            )
        })
        .collect();
    let plain = surface(&middle, "\"bandwidth_m\": 300");
    let diggle = surface(&middle, SHAPES[1]);
    assert_eq!(plain.surface.density_per_m2, diggle.surface.density_per_m2);
    assert!(plain.surface.edge.is_none());
}

#[test]
fn one_bandwidth_for_all_is_the_plain_surface() {
    // Abramson's rule over one place has the stated bandwidth, and so has the pilot's constant.
    let one = [event(551_000.0, 188_700.0); 5];
    let plain = surface(&one, "\"bandwidth_m\": 300, \"cell_m\": 100");
    let shaped = surface(
        &one,
        "\"bandwidth_m\": 300, \"adaptive\": \"abramson\", \"cell_m\": 100",
    );
    for (a, b) in plain
        .surface
        .density_per_m2
        .iter()
        .zip(&shaped.surface.density_per_m2)
    {
        assert!((a - b).abs() <= 1e-12 * a.max(1e-9), "{a} {b}");
    }
    let spread = shaped.surface.spread.unwrap();
    assert!((spread.least_m - 300.0).abs() < 1e-9 && (spread.greatest_m - 300.0).abs() < 1e-9);
}

#[test]
fn dense_places_get_narrow_bandwidths_and_the_floor_holds() {
    // A tight cluster of 36 and ten strays.
    let mut events: Vec<Event> = (0..36)
        .map(|i| {
            event(
                550_500.0 + f64::from(i % 6) * 12.0,
                188_500.0 + f64::from(i / 6) * 12.0,
            )
        })
        .collect();
    events.extend((0..10).map(|i| event(550_900.0 + f64::from(i) * 100.0, 189_200.0)));
    let made = surface(&events, "\"bandwidth_m\": 400, \"adaptive\": \"abramson\"");
    let s = made.surface.spread.as_ref().unwrap();
    assert!(
        s.least_m < s.median_m + 1e-9 && s.median_m < 400.0 && s.greatest_m > 400.0,
        "{s:?}"
    );
    assert!(s.greatest_m <= 2000.0);
    let made = surface(&events, "\"adaptive\": {\"nearest\": 4}, \"cell_m\": 20");
    let s = made.surface.spread.as_ref().unwrap();
    // Twice the median spacing of 12 m as a quartic's radius: 67.9 m. The fourth nearest is at 12 to 17 m.
    assert!((s.floor_m - 24.0 * 8.0_f64.sqrt()).abs() < 1e-2, "{s:?}");
    assert_eq!((s.least_m, s.floored), (s.floor_m, 36));
    assert!((s.greatest_m - 400.0).abs() < 0.01, "{s:?}");
    assert_eq!(made.surface.bandwidth_m, None);
    assert!((made.surface.reach_m() - s.reach_by_m).abs() < 1e-12);
    // Each incident still integrates to one.
    let near = surface(
        &events[..36],
        "\"adaptive\": {\"nearest\": 4}, \"cell_m\": 10",
    );
    let sum: f64 = near
        .surface
        .density_per_m2
        .iter()
        .zip(&near.areas_m2)
        .map(|(d, a)| d * a)
        .sum();
    assert!((sum / 36.0 - 1.0).abs() < 0.02, "{sum}");
}

#[test]
fn rules_are_compared_when_asked() {
    let events: Vec<Event> = (0..400)
        .map(|i| {
            event(
                550_010.0 + f64::from(i % 20) * 80.0 + f64::from(i * i % 37),
                188_010.0 + f64::from(i / 20) * 70.0 + f64::from(i * i % 31),
            )
        })
        .collect();
    let made = surface(
        &events,
        "\"bandwidth_m\": 300, \"compare_bandwidths\": true",
    );
    let table = made.surface.comparison.unwrap();
    assert_eq!(table.rules.len(), 5);
    for (rule, row) in &table.rules {
        let row = row.as_ref().unwrap_or_else(|e| panic!("{e}"));
        assert!(row.sigma_m >= row.floor_m, "{row:?}");
        assert!((row.bandwidth_m - row.sigma_m * 8.0_f64.sqrt()).abs() < 0.006);
        let word = format!("\"bandwidth_m\": \"{}\"", rule.name());
        let by_name = surface(&events, &word);
        assert_eq!(by_name.surface.rule.as_ref(), Some(row));
        assert_eq!(by_name.surface.bandwidth_m, Some(row.bandwidth_m));
    }
    let auto = surface(&events, "\"bandwidth_m\": \"auto\"");
    assert_eq!(auto.surface.choice.as_ref(), table.auto.as_ref().ok());
    assert!(auto.surface.comparison.is_none());
    // Repeats at the same places change no rule: it goes by distinct locations.
    let twice = [events.clone(), events].concat();
    let again = surface(&twice, "\"bandwidth_m\": 300, \"compare_bandwidths\": true");
    assert_eq!(again.surface.comparison, Some(table.clone()));
    // Without a study area the rule that needs one says so, and the others stand.
    let open = try_run(
        &twice,
        false,
        "\"bandwidth_m\": 300, \"compare_bandwidths\": true",
    )
    .unwrap();
    let rows = open.surface.comparison.unwrap().rules;
    for (rule, row) in rows {
        assert_eq!(row.is_err(), rule == Rule::Diggle, "{row:?}");
    }
}

#[test]
fn nothing_one_and_two_places() {
    for shape in &SHAPES[..4] {
        let none = surface(&[], shape);
        assert!(none.surface.density_per_m2.iter().all(|d| *d == 0.0));
        let one = surface(&[event(550_500.0, 188_500.0); 3], shape);
        assert!(one.surface.density_per_m2.iter().any(|d| *d > 0.0));
        assert!(one.surface.density_per_m2.iter().all(|d| d.is_finite()));
    }
    assert!(surface(&[], SHAPES[4]).surface.spread.is_none());
    for rule in Rule::ALL {
        let word = format!("\"bandwidth_m\": \"{}\"", rule.name());
        let none = surface(&[], &word);
        assert_eq!(none.surface.bandwidth_m, None);
        for few in [
            vec![event(550_500.0, 188_500.0); 9],
            vec![event(550_500.0, 188_500.0), event(550_900.0, 188_500.0)],
        ] {
            let (code, text) = try_run(&few, true, &word).unwrap_err();
            assert_eq!(code, "too_few_locations", "{text}");
            assert!(text.contains("give bandwidth_m in metres"), "{text}");
        }
    }
    // n − 1 duplicates with a k below their number: the floor is what the cells can show.
    let mut stack = vec![event(550_500.0, 188_500.0); 20];
    stack.push(event(551_500.0, 188_500.0));
    let made = surface(&stack, "\"adaptive\": {\"nearest\": 5}, \"cell_m\": 100");
    assert!(made.surface.density_per_m2.iter().all(|d| d.is_finite()));
}

#[test]
fn what_is_not_defined_is_refused() {
    let events: Vec<Event> = (0..6)
        .map(|i| event(550_500.0 + f64::from(i) * 90.0, 188_500.0))
        .collect();
    for (areas, method, code, word) in [
        (
            false,
            "\"bandwidth_m\": 300, \"edge_correction\": \"diggle\"",
            "invalid_kernel_density",
            "select.area",
        ),
        (
            false,
            "\"bandwidth_m\": \"diggle\"",
            "invalid_kernel_density",
            "select.area",
        ),
        (
            true,
            "\"bandwidth_m\": 300, \"adaptive\": {\"nearest\": 3}",
            "invalid_kernel_density",
            "leave bandwidth_m out",
        ),
        (
            true,
            "\"adaptive\": {\"nearest\": 0}",
            "invalid_kernel_density",
            "1 to 10000",
        ),
        (
            true,
            "\"adaptive\": {\"nearest\": 6}",
            "too_few_locations",
            "ask for fewer",
        ),
        (
            true,
            "\"bandwidth_m\": 300, \"adaptive\": {\"abramson\": {\"pilot_m\": 0}}",
            "invalid_kernel_density",
            "more than 0",
        ),
        (
            true,
            "\"bandwidth_m\": 300, \"adaptive\": \"abramsen\"",
            "json",
            "adaptive is",
        ),
        (
            true,
            "\"bandwidth_m\": 300, \"adaptive\": {\"nearest\": 3, \"k\": 2}",
            "json",
            "adaptive is",
        ),
        (
            true,
            "\"bandwidth_m\": \"silverman\"",
            "json",
            "least_squares",
        ),
        (
            true,
            "\"bandwidth_m\": 300, \"edge_correction\": \"torus\"",
            "json",
            "diggle",
        ),
    ] {
        let (found, text) = try_run(&events, areas, method).unwrap_err();
        assert_eq!(found, code, "{method}: {text}");
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn documents_keep_what_was_said() {
    for adaptive in [
        "\"none\"",
        "\"abramson\"",
        "{\"abramson\":{\"pilot_m\":250.0}}",
        "{\"nearest\":7}",
    ] {
        let text = format!(r#"{{"method": {{"name": "kernel_density", "adaptive": {adaptive}}}}}"#);
        let request = Request::from_json(&text).unwrap();
        assert_eq!(
            request.canonical()["method"]["adaptive"].to_string(),
            adaptive
        );
        assert_eq!(request.canonical()["method"]["edge_correction"], "none");
    }
}

#[test]
fn closed_forms_of_one_event() {
    // Quartic: 3/(πh²) in the middle, 27/(16πh²) half way, 0 at the rim; 23.8732 per km² for 200 m.
    let h = 200.0;
    let one = Estimate::fixed(Kernel::Quartic, h, &[(at(5.0, 7.0), 1.0)]);
    let disc = std::f64::consts::PI * h * h;
    assert!((one.at(at(5.0, 7.0)) - 3.0 / disc).abs() < 1e-18);
    assert!((one.at(at(105.0, 7.0)) - 27.0 / 16.0 / disc).abs() < 1e-18);
    assert_eq!(one.at(at(5.0, 207.0)), 0.0);
    assert!((one.at(at(5.0, 7.0)) * 1e6 - 23.8732).abs() < 5e-5);
    assert_eq!(one.without(0, at(5.0, 7.0)), 0.0);
}
