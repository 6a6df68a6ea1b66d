//! Kernel density: against direct summation, and what must hold for all inputs.

use crate::support::{BURGLARY, Event, rectangle, world};
use isopleth_core::kernel::Kernel;
use isopleth_core::methods::kernel_density;
use isopleth_core::{Findings, Request, SurfaceCells, run};
use proptest::prelude::*;

const KERNELS: [&str; 8] = [
    "uniform",
    "triangular",
    "epanechnikov",
    "quartic",
    "triweight",
    "tricube",
    "cosine",
    "gaussian",
];

fn surface(snapshot: &isopleth_core::Snapshot, request: &str) -> SurfaceCells {
    match run(snapshot, &Request::from_json(request).unwrap())
        .unwrap()
        .findings
    {
        Findings::Surface(cells) => cells,
        other => panic!("{other:?}"),
    }
}

fn request(area: bool, method: &str) -> String {
    let area = if area { r#""area": "A", "# } else { "" };
    format!(
        r#"{{"select": {{{area}"groups": ["burglary"]}}, "method": {{"name": "kernel_density", {method}}}}}"#
    )
}

/// Σ c/h²·k(d/h) written out for each kernel, independent of the crate's own.
fn direct(kernel: &str, h: f64, events: &[Event], x: f64, y: f64) -> f64 {
    use std::f64::consts::PI;
    events
        .iter()
        .map(|e| {
            let u = (e.x - x).hypot(e.y - y) / h;
            let inside = |v: f64| if u < 1.0 { v } else { 0.0 };
            let v = match kernel {
                "uniform" => inside(1.0 / PI),
                "triangular" => inside(3.0 / PI * (1.0 - u)),
                "epanechnikov" => inside(2.0 / PI * (1.0 - u * u)),
                "quartic" => inside(3.0 / PI * (1.0 - u * u).powi(2)),
                "triweight" => inside(4.0 / PI * (1.0 - u * u).powi(3)),
                "tricube" => inside(220.0 / (81.0 * PI) * (1.0 - u.powi(3)).powi(3)),
                "cosine" => inside(PI / (4.0 * PI - 8.0) * (PI * u / 2.0).cos()),
                "gaussian" if u < 6.0 => (-u * u / 2.0).exp() / (2.0 * PI),
                _ => 0.0,
            };
            v / (h * h)
        })
        .sum()
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    // Few distinct places, many repeats, as in real data; some beyond the area of 2 by 1.5 km.
    let event = (0_i32..60, 0_i32..45, 1_i32..13).prop_map(|(x, y, month)| Event {
        x: 549_500.0 + f64::from(x) * 51.7,
        y: 187_500.0 + f64::from(y) * 52.3,
        month,
        kind: BURGLARY,
    });
    prop::collection::vec(event, 1..120)
}

fn area() -> Vec<isopleth_core::domain::Area> {
    vec![rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn equals_direct_summation(events in events(), k in 0_usize..8, h3: bool, near: bool) {
        let kernel = KERNELS[k];
        let h = if kernel == "gaussian" { 120.0 } else { 310.0 };
        let cells = if h3 { "\"h3_resolution\": 10" } else { "\"cell_m\": 75" };
        let method = format!("\"kernel\": \"{kernel}\", \"bandwidth_m\": {h}, {cells}");
        let snapshot = world(&events, area());
        let made = surface(&snapshot, &request(near, &method));
        let highest = made.surface.density_per_m2.iter().copied().fold(0.0, f64::max);
        // Positions are kept to the millimetre.
        let kept: Vec<Event> = events.iter().map(|e| Event {
            x: (e.x * 1000.0).round() / 1000.0, y: (e.y * 1000.0).round() / 1000.0, ..*e
        }).collect();
        for (at, &density) in made.surface.lattice.centres().iter().zip(&made.surface.density_per_m2) {
            let expected = direct(kernel, h, &kept, at.x, at.y);
            // A uniform disc's rim is a matter of the last bit.
            let rim = kernel == "uniform"
                && kept.iter().any(|e| ((e.x - at.x).hypot(e.y - at.y) - h).abs() < 1e-6);
            prop_assert!(rim || (density - expected).abs() <= 1e-9 * highest.max(expected),
                "{kernel} at {at:?}: {density} against {expected}");
        }
    }

    #[test]
    fn order_and_threads_do_not_show(events in events(), seed: u64, h3: bool) {
        let mut shuffled = events.clone();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let cells = if h3 { "\"h3_resolution\": 10" } else { "\"cell_m\": 60" };
        let request = request(true, &format!("\"bandwidth_m\": 300, {cells}"));
        let bits = |events: &[Event], threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let snapshot = world(events, area());
            pool.install(|| surface(&snapshot, &request)).surface.density_per_m2
                .iter().map(|d| d.to_bits()).collect::<Vec<_>>()
        };
        let one = bits(&events, 1);
        prop_assert_eq!(&one, &bits(&shuffled, 2));
        prop_assert_eq!(&one, &bits(&shuffled, 7));
    }

    #[test]
    fn the_surface_integrates_to_the_number_of_incidents(events in events(), k in 1_usize..8, h3: bool) {
        let kernel = KERNELS[k];
        let h = if kernel == "gaussian" { 110.0 } else { 300.0 };
        let cells = if h3 { "\"h3_resolution\": 10" } else { "\"cell_m\": 100" };
        let made = surface(
            &world(&events, vec![]),
            &request(false, &format!("\"kernel\": \"{kernel}\", \"bandwidth_m\": {h}, {cells}")),
        );
        let mass: f64 = made.surface.density_per_m2.iter().zip(&made.areas_m2).map(|(d, a)| d * a).sum();
        let n = events.len() as f64;
        prop_assert!((mass / n - 1.0).abs() < 0.02, "{kernel}: {mass} of {n}");
        prop_assert_eq!(made.counts.iter().sum::<u32>() as usize, events.len());
    }

    #[test]
    fn doubling_the_incidents_doubles_the_density(events in events()) {
        let request = request(true, "\"bandwidth_m\": 300");
        let once = surface(&world(&events, area()), &request);
        let twice = surface(&world(&[events.clone(), events].concat(), area()), &request);
        for (a, b) in once.surface.density_per_m2.iter().zip(&twice.surface.density_per_m2) {
            prop_assert_eq!(2.0 * a, *b);
        }
    }
}

#[test]
fn worst_error_of_the_sum_over_cells_for_one_place() {
    // The bound stated in the module: one place, every kernel, two cell spacings.
    for (kernel, bound) in [
        ("triangular", 0.03),
        ("epanechnikov", 0.06),
        ("quartic", 0.02),
        ("triweight", 0.02),
        ("tricube", 0.02),
        ("cosine", 0.06),
        ("gaussian", 0.02),
    ] {
        let k: Kernel = serde_json::from_str(&format!("\"{kernel}\"")).unwrap();
        let mut worst = 0.0_f64;
        for i in 0..60 {
            let e = Event {
                x: 550_000.0 + f64::from(i) * 7.3,
                y: 188_000.0 + f64::from(i) * 3.1,
                month: 1,
                kind: BURGLARY,
            };
            let h = 250.0 * k.radius_per_sigma() / Kernel::Quartic.radius_per_sigma();
            let made = surface(
                &world(&[e], vec![]),
                &request(
                    false,
                    &format!("\"kernel\": \"{kernel}\", \"bandwidth_m\": {h}"),
                ),
            );
            let mass: f64 = made
                .surface
                .density_per_m2
                .iter()
                .zip(&made.areas_m2)
                .map(|(d, a)| d * a)
                .sum();
            worst = worst.max((mass - 1.0).abs());
        }
        println!("{kernel}: worst {worst:.4}");
        assert!(worst <= bound, "{kernel}: {worst}");
    }
}

#[test]
fn closed_form_at_the_centre_of_one_event() {
    let e = Event {
        x: 550_050.0,
        y: 188_050.0,
        month: 1,
        kind: BURGLARY,
    };
    let made = surface(
        &world(&[e], vec![]),
        &request(false, "\"bandwidth_m\": 200, \"cell_m\": 100"),
    );
    let highest = made
        .surface
        .density_per_m2
        .iter()
        .copied()
        .fold(0.0, f64::max);
    assert!((highest * 1e6 - 23.8732).abs() < 1e-4, "{highest}");
}

#[test]
fn zeros_belong_to_the_surface_of_an_area() {
    let e = Event {
        x: 550_100.0,
        y: 188_100.0,
        month: 1,
        kind: BURGLARY,
    };
    let made = surface(&world(&[e], area()), &request(true, "\"bandwidth_m\": 300"));
    let zeros = made
        .surface
        .density_per_m2
        .iter()
        .filter(|d| **d == 0.0)
        .count();
    assert!(zeros > 150, "{zeros}");
    let nothing = surface(
        &world(&[], area()),
        &request(true, "\"bandwidth_m\": \"auto\""),
    );
    assert!(nothing.surface.density_per_m2.iter().all(|d| *d == 0.0));
    assert_eq!(nothing.surface.bandwidth_m, None);
}

#[test]
fn bad_parameters_name_the_remedy() {
    let one = Event {
        x: 550_100.0,
        y: 188_100.0,
        month: 1,
        kind: BURGLARY,
    };
    let snapshot = world(&[one; 5], area());
    for (method, code, word) in [
        (
            "\"bandwidth_m\": 0",
            "invalid_kernel_density",
            "more than 0",
        ),
        (
            "\"bandwidth_m\": -3",
            "invalid_kernel_density",
            "more than 0",
        ),
        (
            "\"bandwidth_m\": 60",
            "invalid_kernel_density",
            "finer than the cells",
        ),
        (
            "\"bandwidth_m\": 300, \"h3_resolution\": 7",
            "invalid_kernel_density",
            "8 to 12",
        ),
        (
            "\"bandwidth_m\": 300, \"h3_resolution\": 10, \"cell_m\": 100",
            "invalid_kernel_density",
            "exclude",
        ),
        (
            "\"bandwidth_m\": 300, \"cell_m\": 0.5",
            "invalid_kernel_density",
            "cell_m",
        ),
        (
            "\"bandwidth_m\": \"auto\"",
            "too_few_locations",
            "give bandwidth_m in metres",
        ),
    ] {
        let error = run(
            &snapshot,
            &Request::from_json(&request(true, method)).unwrap(),
        )
        .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let stray = Event {
        x: 150_000.0,
        y: 20_000.0,
        ..one
    };
    let error = run(
        &world(&[one, stray], vec![]),
        &Request::from_json(&request(false, "\"bandwidth_m\": 20, \"cell_m\": 5")).unwrap(),
    )
    .unwrap_err();
    assert_eq!(error.code(), "too_many_cells", "{error}");
    for text in [
        "\"bandwith_m\": 300",
        "\"bandwidth_m\": \"wide\"",
        "\"kernel\": \"square\"",
    ] {
        assert!(Request::from_json(&request(true, text)).is_err(), "{text}");
    }
}

#[test]
fn auto_lies_between_its_bounds_and_says_what_decided() {
    let events: Vec<Event> = (0..400)
        .map(|i| Event {
            x: 550_000.0 + f64::from(i % 20) * 80.0 + f64::from(i * i % 37),
            y: 188_000.0 + f64::from(i / 20) * 80.0 + f64::from(i * i % 31),
            month: 1,
            kind: BURGLARY,
        })
        .collect();
    let made = surface(
        &world(&events, area()),
        &request(true, "\"bandwidth_m\": \"auto\""),
    );
    let kernel_density::Outcome {
        choice,
        bandwidth_m,
        ..
    } = made.surface;
    let c = choice.unwrap();
    assert!(
        c.floor_m <= c.sigma_m + 1e-9 && c.sigma_m <= c.cap_m + 1e-9,
        "{c:?}"
    );
    assert_eq!(bandwidth_m, Some(c.bandwidth_m));
    assert!((c.bandwidth_m - c.sigma_m * 8.0_f64.sqrt()).abs() < 0.01);
}
