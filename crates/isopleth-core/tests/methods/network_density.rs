//! Density along streets: the network, the kernels on it, and the method.

use crate::support::{BURGLARY, Event, rectangle, world};
use isopleth_core::domain::Street;
use isopleth_core::kernel::Kernel;
use isopleth_core::methods::network_density::{Error, Outcome};
use isopleth_core::network::{DeadEnds, Lixel, Network, NetworkError, Rule, Source, Spread};
use isopleth_core::plane::{self, Planar};
use isopleth_core::{Findings, Request, RunError, Snapshot};
use proptest::prelude::*;

type Segment = [(f64, f64); 2];

const RULES: [Rule; 3] = [
    Rule::Continuous,
    Rule::Discontinuous(DeadEnds::Reflect),
    Rule::Discontinuous(DeadEnds::Absorb),
];

fn p((x, y): (f64, f64)) -> Planar {
    Planar { x, y }
}

fn lines(segments: &[Segment]) -> Vec<(u32, Vec<Planar>)> {
    segments.iter().map(|s| (0, s.map(p).to_vec())).collect()
}

fn network(segments: &[Segment]) -> Network {
    Network::new(&lines(segments), 0.001).unwrap()
}

fn spread(rule: Rule, bandwidth: f64) -> Spread {
    Spread {
        kernel: Kernel::Quartic,
        bandwidth,
        rule,
    }
}

/// The density at a position on segment `to` for one source on segment `from`, by plain recursion:
/// every segment is an edge, every vertex a node, nothing is joined or left out.
struct Plain<'a> {
    segments: &'a [Segment],
    spread: Spread,
}

impl Plain<'_> {
    fn length(&self, s: usize) -> f64 {
        let [a, b] = self.segments[s];
        p(a).distance_2(p(b)).sqrt()
    }

    fn k(&self, d: f64) -> f64 {
        let u = d / self.spread.bandwidth;
        if u < 1.0 {
            15.0 / 16.0 * (1.0 - u * u).powi(2) / self.spread.bandwidth
        } else {
            0.0
        }
    }

    fn density(&self, (from, s): (usize, f64), to: (usize, f64)) -> f64 {
        let mut sum = if from == to.0 {
            self.k((s - to.1).abs())
        } else {
            0.0
        };
        sum += self.arrived(from, 0, s, 1.0, to);
        sum + self.arrived(from, 1, self.length(from) - s, 1.0, to)
    }

    /// What arrives at an end of a segment, and all that becomes of it.
    fn arrived(&self, by: usize, end: usize, d: f64, weight: f64, to: (usize, f64)) -> f64 {
        if d >= self.spread.bandwidth {
            return 0.0;
        }
        let node = self.segments[by][end];
        let ends: Vec<(usize, usize)> = (0..self.segments.len())
            .flat_map(|s| [(s, 0), (s, 1)])
            .filter(|&(s, e)| self.segments[s][e] == node)
            .collect();
        let m = ends.len() as f64;
        let mut sum = 0.0;
        for (next, side) in ends {
            let back = (next, side) == (by, end);
            let share = match self.spread.rule {
                Rule::Continuous => 2.0 / m - f64::from(u8::from(back)),
                Rule::Discontinuous(DeadEnds::Reflect) if m == 1.0 => 1.0,
                Rule::Discontinuous(_) if back => 0.0,
                Rule::Discontinuous(_) => 1.0 / (m - 1.0),
            };
            if share == 0.0 {
                continue;
            }
            let length = self.length(next);
            if next == to.0 {
                let x = if side == 0 { to.1 } else { length - to.1 };
                sum += weight * share * self.k(d + x);
            }
            sum += self.arrived(next, 1 - side, d + length, weight * share, to);
        }
        sum
    }
}

/// Some of the edges of a crooked three by three lattice.
fn crooked() -> impl Strategy<Value = Vec<Segment>> {
    let jitter = prop::collection::vec((-30_i32..30, -30_i32..30), 9);
    let chosen = prop::collection::vec(prop::bool::weighted(0.8), 14);
    (jitter, chosen).prop_filter_map("an edge", |(jitter, chosen)| {
        let at = |n: usize| {
            let (x, y) = jitter[n];
            (
                (n % 3) as f64 * 100.0 + f64::from(x),
                (n / 3) as f64 * 100.0 + f64::from(y),
            )
        };
        let right = [(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8)];
        let up = [(0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8)];
        let all = right.into_iter().chain(up).chain([(0, 4), (4, 8)]);
        let segments: Vec<Segment> = all
            .zip(chosen)
            .filter(|e| e.1)
            .map(|((a, b), _)| [at(a), at(b)])
            .collect();
        (!segments.is_empty()).then_some(segments)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn as_by_plain_recursion(
        segments in crooked(), rule in 0..3_usize, h in 60.0..260.0_f64,
        from in any::<prop::sample::Index>(), s in 0.05..0.95_f64,
        to in any::<prop::sample::Index>(), t in 0.05..0.95_f64,
    ) {
        let net = network(&segments);
        let snapper = net.snapper();
        let (from, to) = (from.index(segments.len()), to.index(segments.len()));
        let plain = Plain { segments: &segments, spread: spread(RULES[rule], h) };
        let on = |segment: usize, share: f64| {
            let [a, b] = segments[segment];
            p((a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1)))
        };
        // Where streets cross without meeting the nearest may be the other one.
        let (source, source_off) = snapper.nearest(on(from, s), 1e-6).unwrap();
        let (target, target_off) = snapper.nearest(on(to, t), 1e-6).unwrap();
        prop_assert!(source_off < 1e-6 && target_off < 1e-6);
        let found = net.density(&[target], &[Source { at: source, weight: 1.0 }], plain.spread).unwrap();
        let expected = plain.density((from, s * plain.length(from)), (to, t * plain.length(to)));
        prop_assert!((found.values[0] - expected).abs() < 1e-6 / h, "{} against {expected}", found.values[0]);
    }

    /// Nothing is lost and nothing made, round cycles, at dead ends and from a junction.
    #[test]
    fn the_network_holds_the_incidents(segments in crooked(), h in 40.0..250.0_f64, rule in 0..2_usize, from in any::<prop::sample::Index>(), s in 0_u8..=4) {
        let net = network(&segments);
        let lixels = net.lixels(Some(0.5));
        let centres: Vec<_> = lixels.iter().map(Lixel::centre).collect();
        let [a, b] = segments[from.index(segments.len())];
        let share = f64::from(s) / 4.0;
        let at = p((a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1)));
        let source = Source { at: net.snapper().nearest(at, 1e-6).unwrap().0, weight: 3.0 };
        let found = net.density(&centres, &[source], spread(RULES[rule], h)).unwrap();
        let mass: f64 = lixels.iter().zip(&found.values).map(|(l, v)| l.length() * v).sum();
        prop_assert!((mass - 3.0).abs() < 2e-4, "{mass}");
        prop_assert!(found.left_out < 1e-4);
    }

    /// The order and direction of lines do not show, to the last bit; cutting one in two does not
    /// either.
    #[test]
    fn order_direction_and_cuts_do_not_show(segments in crooked(), turn in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
        let net = network(&segments);
        let mut other = segments.clone();
        other.rotate_left(turn.index(segments.len()));
        for s in other.iter_mut().step_by(2) {
            s.reverse();
        }
        let lixels = net.lixels(Some(20.0));
        prop_assert_eq!(&network(&other).lixels(Some(20.0)), &lixels);
        let [a, b] = other[cut.index(other.len())];
        let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let mut two = other.clone();
        two.retain(|s| *s != [a, b]);
        two.extend([[a, middle], [middle, b]]);
        let halves = network(&two);
        prop_assert_eq!(halves.len(), net.len());
        prop_assert_eq!(halves.junctions(), net.junctions());
        prop_assert!((halves.total_length() - net.total_length()).abs() < 1e-9);
    }
}

#[test]
fn lines_meet_at_vertices_only() {
    let cross = |middle: bool| {
        let across = |a, b| {
            if middle {
                vec![p(a), p((0.0, 0.0)), p(b)]
            } else {
                vec![p(a), p(b)]
            }
        };
        let lines = [
            (0, across((-100.0, 0.0), (100.0, 0.0))),
            (1, across((0.0, -100.0), (0.0, 100.0))),
        ];
        Network::new(&lines, 0.001).unwrap()
    };
    let (bridge, crossroads) = (cross(false), cross(true));
    assert_eq!((bridge.len(), bridge.junctions()), (2, 4));
    assert_eq!((crossroads.len(), crossroads.junctions()), (4, 5));
    let density = |net: &Network| {
        let at = |x, y| net.snapper().nearest(p((x, y)), 0.01).unwrap().0;
        let source = Source {
            at: at(-20.0, 0.0),
            weight: 1.0,
        };
        let spread = spread(Rule::Discontinuous(DeadEnds::Reflect), 100.0);
        let values = net.density(&[at(0.0, 20.0), at(20.0, 0.0)], &[source], spread);
        values.unwrap().values
    };
    let k = 15.0 / 16.0 / 100.0 * (1.0_f64 - 0.16).powi(2);
    let over = density(&bridge);
    assert!(over[0] == 0.0 && (over[1] - k).abs() < 1e-12);
    let split = density(&crossroads);
    assert!(
        split.iter().all(|v| (v - k / 3.0).abs() < 1e-12),
        "{split:?}"
    );
}

#[test]
fn odd_lines_make_sense() {
    let net = |list: &[&[(f64, f64)]]| {
        let lines: Vec<_> = list
            .iter()
            .enumerate()
            .map(|(s, line)| (s as u32, line.iter().copied().map(p).collect()))
            .collect();
        Network::new(&lines, 0.001)
    };
    let no_length = net(&[&[(1.0, 1.0), (1.0, 1.0)], &[]]).unwrap_err();
    assert_eq!(no_length, NetworkError::NoLength);
    let broken = net(&[&[(0.0, 0.0), (1.0, 0.0)], &[(0.0, f64::NAN), (1.0, 1.0)]]).unwrap_err();
    assert_eq!(broken, NetworkError::NotFinite(2));

    // Drawn twice, once with a vertex that goes nowhere.
    let twice = net(&[
        &[(0.0, 0.0), (50.0, 0.0)],
        &[(50.0, 0.0), (50.0, 0.0), (0.0, 0.0)],
    ])
    .unwrap();
    assert_eq!((twice.len(), twice.repeated()), (1, 1));

    // A ring on its own: what goes round comes in on both sides and is not lost.
    let ring: &[(f64, f64)] = &[
        (0.0, 0.0),
        (40.0, 0.0),
        (40.0, 40.0),
        (0.0, 40.0),
        (0.0, 0.0),
    ];
    let alone = net(&[ring]).unwrap();
    assert_eq!((alone.len(), alone.junctions()), (1, 1));
    // The same as a loop at the end of a street, and two streets that meet in names only.
    let loops = net(&[
        ring,
        &[(-60.0, 0.0), (0.0, 0.0)],
        &[(-90.0, 5.0), (-60.0, 0.0)],
    ])
    .unwrap();
    assert_eq!((loops.len(), loops.junctions()), (2, 2));
    let whole = loops.lixels(None);
    assert_eq!(loops.streets(&whole[0]).len(), 2);
    assert_eq!(loops.streets(&whole[0])[0].0, 1, "the longer comes first");
    for (net, rule) in [
        (&alone, RULES[0]),
        (&alone, RULES[1]),
        (&loops, RULES[0]),
        (&loops, RULES[1]),
    ] {
        let lixels = net.lixels(Some(0.25));
        let centres: Vec<_> = lixels.iter().map(Lixel::centre).collect();
        let at = net.snapper().nearest(p((30.0, -3.0)), 5.0).unwrap();
        assert!((at.1 - 3.0).abs() < 1e-12);
        let source = Source {
            at: at.0,
            weight: 1.0,
        };
        let found = net
            .density(&centres, &[source], spread(rule, 120.0))
            .unwrap();
        let mass: f64 = lixels
            .iter()
            .zip(&found.values)
            .map(|(l, v)| l.length() * v)
            .sum();
        assert!((mass - 1.0).abs() < 1e-4, "{rule:?} {mass}");
    }
}

#[test]
fn vertices_within_the_tolerance_are_one() {
    let gap = [
        (0, vec![p((0.0, 0.0)), p((50.0, 0.0))]),
        (1, vec![p((50.2, 0.1)), p((90.0, 0.0))]),
    ];
    assert_eq!(Network::new(&gap, 0.001).unwrap().len(), 2);
    assert_eq!(Network::new(&gap, 1.0).unwrap().len(), 1);
}

/// A street of the plane, in degrees.
fn street(id: &str, vintage: &str, line: &[(f64, f64)]) -> Street {
    let degrees = |&at: &(f64, f64)| plane::unproject(p(at)).unwrap().coord();
    Street {
        id: id.into(),
        name: format!("{id} Street"),
        vintage: vintage.into(),
        geometry: geo::MultiLineString(vec![geo::LineString(line.iter().map(degrees).collect())]),
    }
}

const ORIGIN: (f64, f64) = (551_000.0, 188_000.0);

/// A town of two blocks in a frame: turned by a right angle so many times, and moved.
fn town(turns: u32, shift: (f64, f64), events: &[(f64, f64)]) -> Snapshot {
    let place = |mut at: (f64, f64)| {
        for _ in 0..turns {
            at = (-at.1, at.0);
        }
        (ORIGIN.0 + shift.0 + at.0, ORIGIN.1 + shift.1 + at.1)
    };
    let line = |points: &[(f64, f64)]| points.iter().copied().map(place).collect::<Vec<_>>();
    let events: Vec<Event> = events
        .iter()
        .map(|&at| {
            let (x, y) = place(at);
            Event {
                x,
                y,
                month: 1,
                kind: BURGLARY,
            }
        })
        .collect();
    let mut snapshot = world(&events, Vec::new());
    snapshot.streets = vec![
        street("A", "1", &line(&[(0.0, 0.0), (120.0, 0.0), (260.0, 10.0)])),
        street(
            "B",
            "1",
            &line(&[(0.0, 0.0), (0.0, 130.0), (120.0, 140.0), (260.0, 150.0)]),
        ),
        street("C", "1", &line(&[(120.0, 0.0), (120.0, 140.0)])),
        street("D", "1", &line(&[(260.0, 10.0), (260.0, 150.0)])),
        street("E", "1", &line(&[(260.0, 150.0), (330.0, 180.0)])),
    ];
    snapshot
}

fn events() -> Vec<(f64, f64)> {
    let mut list: Vec<(f64, f64)> = (0..40)
        .map(|i| {
            let t = f64::from(i * 37 % 101);
            ((t * 13.0) % 320.0, (t * 29.0) % 160.0 - 10.0)
        })
        .collect();
    list.extend([(30.0, 4.0); 5]);
    list.push((2000.0, 2000.0));
    list
}

fn request(method: &str) -> Request {
    Request::from_json(&format!(
        r#"{{ "method": {{ "name": "network_density", "snap_m": 40{method} }} }}"#
    ))
    .unwrap()
}

fn outcome(snapshot: &Snapshot, request: &Request) -> Outcome {
    match isopleth_core::run(snapshot, request).unwrap().findings {
        Findings::NetworkDensity(found) => found,
        other => panic!("{other:?}"),
    }
}

fn fails(snapshot: &Snapshot, method: &str) -> (String, &'static str) {
    let error = isopleth_core::run(snapshot, &request(method)).unwrap_err();
    assert!(matches!(error, RunError::NetworkDensity(_)));
    (error.to_string(), error.code())
}

#[test]
fn every_incident_is_counted_once_or_said_to_be_left_out() {
    let snapshot = town(0, (0.0, 0.0), &events());
    for method in [
        "",
        r#", "lixel": "segment""#,
        r#", "split": "discontinuous""#,
    ] {
        let found = outcome(&snapshot, &request(method));
        let counted: u64 = found.lixels.iter().map(|l| u64::from(l.count)).sum();
        assert_eq!(counted, found.snapped);
        assert_eq!(found.snapped + found.too_far.0, 46);
        assert!(found.too_far.0 >= 1 && found.snapped >= 30, "{found:?}");
        let length: f64 = found.lixels.iter().map(|l| l.length_m).sum();
        assert!((length - found.length_m).abs() < 1e-9);
        let last = found.lixels.last().unwrap();
        assert!((last.cumulative_length - 1.0).abs() < 1e-12);
        assert!((last.cumulative_share.unwrap() - 1.0).abs() < 1e-12);
        assert!(
            found
                .lixels
                .is_sorted_by(|a, b| a.density_per_m >= b.density_per_m)
        );
        assert_eq!(found.network.segments, 5);
    }
}

#[test]
fn segments_carry_count_and_length() {
    let snapshot = town(0, (0.0, 0.0), &events());
    let found = outcome(
        &snapshot,
        &request(r#", "lixel": "segment", "rank_by": "count", "max": 3"#),
    );
    assert_eq!(
        (found.lixels.len(), found.found, found.beyond_max),
        (3, 5, 2)
    );
    assert!(found.lixels.is_sorted_by(|a, b| a.count >= b.count));
    // A and B meet where nothing else does: one segment with two streets.
    let all = outcome(&snapshot, &request(r#", "lixel": "segment""#));
    let corner = all
        .lixels
        .iter()
        .find(|l| l.other_streets == ["A"])
        .unwrap();
    assert_eq!(
        (corner.street.as_str(), &corner.other_streets[..]),
        ("B", &["A".to_owned()][..])
    );
    assert!((corner.length_m - (120.0 + 130.0 + 120_f64.hypot(10.0))).abs() < 0.002);
    assert_eq!(corner.line.len(), 4);
    assert_eq!(corner.name, "B Street");
}

fn bits(found: &Outcome) -> Vec<(String, u64, u32, u64)> {
    found
        .lixels
        .iter()
        .map(|l| {
            (
                l.id.clone(),
                l.density_per_m.to_bits(),
                l.count,
                l.length_m.to_bits(),
            )
        })
        .collect()
}

#[test]
fn threads_and_order_do_not_show() {
    let request = request(r#", "lixel_m": 10"#);
    let mut list = events();
    let expected = bits(&outcome(&town(0, (0.0, 0.0), &list), &request));
    list.reverse();
    list.swap(3, 17);
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| outcome(&town(0, (0.0, 0.0), &list), &request));
        assert_eq!(bits(&found), expected, "{threads} threads");
    }
}

#[test]
fn twice_the_incidents_are_twice_the_density() {
    let request = request(r#", "lixel_m": 10"#);
    let once = outcome(&town(0, (0.0, 0.0), &events()), &request);
    let twice = outcome(
        &town(0, (0.0, 0.0), &[events(), events()].concat()),
        &request,
    );
    for (a, b) in once.lixels.iter().zip(&twice.lixels) {
        assert_eq!((a.id.as_str(), 2 * a.count), (b.id.as_str(), b.count));
        assert_eq!(2.0 * a.density_per_m, b.density_per_m);
    }
}

#[test]
fn moving_and_turning_the_town_moves_and_turns_the_result() {
    for rule in ["continuous", "discontinuous"] {
        let request = request(&format!(r#", "lixel_m": 10, "split": "{rule}""#));
        let sorted = |turns, shift| {
            let found = outcome(&town(turns, shift, &events()), &request);
            let mut list: Vec<(f64, u32)> = found
                .lixels
                .iter()
                .map(|l| (l.density_per_m, l.count))
                .collect();
            list.sort_by(|a, b| a.0.total_cmp(&b.0));
            (list.iter().map(|l| l.0).collect::<Vec<_>>(), found.snapped)
        };
        let (expected, snapped) = sorted(0, (0.0, 0.0));
        for (turns, shift) in [
            (0, (3210.0, -1234.0)),
            (1, (0.0, 0.0)),
            (2, (50.0, 50.0)),
            (3, (0.0, 0.0)),
        ] {
            let (found, n) = sorted(turns, shift);
            assert_eq!((found.len(), n), (expected.len(), snapped));
            for (a, b) in expected.iter().zip(&found) {
                assert!((a - b).abs() < 1e-8, "{turns} {shift:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_study_area_keeps_its_own_streets_and_feels_its_surroundings() {
    let mut snapshot = town(0, (0.0, 0.0), &events());
    let (x, y) = ORIGIN;
    snapshot.areas = vec![rectangle("W", x - 50.0, y - 50.0, x + 115.0, y + 200.0)];
    let mut asked = request(r#", "lixel_m": 10"#);
    let whole = outcome(&snapshot, &asked);
    asked.select.area = Some(isopleth_core::AreaSelect::Code("W".into()));
    let part = outcome(&snapshot, &asked);
    assert!(part.lixels.len() < whole.lixels.len());
    for l in &part.lixels {
        let same = whole.lixels.iter().find(|w| w.id == l.id).unwrap();
        assert!((same.density_per_m - l.density_per_m).abs() < 1e-12);
        assert!(l.count <= same.count);
    }
    let counted: u64 = part.lixels.iter().map(|l| u64::from(l.count)).sum();
    assert_eq!(counted, part.snapped);

    // Nothing selected: the streets are there, and empty.
    asked.select.groups = Some(vec!["drugs".into()]);
    let empty = outcome(&snapshot, &asked);
    assert!(!empty.lixels.is_empty());
    assert!(
        empty
            .lixels
            .iter()
            .all(|l| l.density_per_m == 0.0 && l.count == 0 && l.share.is_none())
    );
}

#[test]
fn one_incident_in_the_middle_of_a_street_is_the_kernel() {
    let mut snapshot = town(0, (0.0, 0.0), &[(500.0, 1020.0)]);
    let (x, y) = ORIGIN;
    let long = street("L", "1", &[(x, y + 1000.0), (x + 1000.0, y + 1000.0)]);
    snapshot.streets.push(long);
    for (kernel, constant) in [
        ("quartic", 15.0 / 16.0),
        ("epanechnikov", 0.75),
        ("triangular", 1.0),
    ] {
        let found = outcome(
            &snapshot,
            &request(&format!(
                r#", "kernel": "{kernel}", "bandwidth_m": 100, "lixel_m": 40"#
            )),
        );
        // 1000 m are 25 lixels of 40 m; the incident is at the middle of the thirteenth.
        let most = &found.lixels[0];
        assert!(
            (most.density_per_m - constant / 100.0).abs() < 1e-9,
            "{}",
            most.density_per_m
        );
        assert_eq!((most.count, most.rank, most.share), (1, 1, None));
        assert_eq!(found.lixels.len(), 5);
        assert!((found.farthest_m - 20.0).abs() < 1e-3);
    }
}

#[test]
fn what_cannot_be_answered_is_refused_with_the_remedy() {
    let snapshot = town(0, (0.0, 0.0), &events());
    let mut none = snapshot.clone();
    none.streets.clear();
    let (message, code) = fails(&none, "");
    assert!(
        message.contains("isopleth streets add") && code == "no_streets",
        "{message}"
    );
    let mut two = snapshot.clone();
    two.streets
        .push(street("A", "2", &[ORIGIN, (ORIGIN.0 + 9.0, ORIGIN.1)]));
    let (message, code) = fails(&two, "");
    assert!(
        message.contains("1, 2") && code == "ambiguous_streets",
        "{message}"
    );
    let (message, code) = fails(&two, r#", "vintage": "3""#);
    assert!(
        message.contains("`3`") && code == "unknown_streets",
        "{message}"
    );
    assert_eq!(outcome(&two, &request(r#", "vintage": "2""#)).vintage, "2");
    for (method, says) in [
        (r#", "bandwidth_m": 0"#, "bandwidth_m must be more than 0"),
        (r#", "bandwidth_m": 6000"#, "at most 5000"),
        (r#", "bandwidth_m": 40"#, "finer than lixels of 50 m"),
        (r#", "lixel_m": 0.5"#, "lixel_m must be 1 to 10000"),
        (
            r#", "lixel_m": 5, "lixel": "segment""#,
            "exclude each other",
        ),
        (r#", "node_tolerance_m": 0"#, "0.001 to 10"),
        (r#", "max": 0"#, "max must be at least 1"),
    ] {
        let (message, code) = fails(&snapshot, method);
        assert!(message.contains(says), "{message}");
        assert_eq!(code, "invalid_network_density");
    }
    assert!(matches!(Error::Snap(0.0).code(), "invalid_network_density"));
    for unknown in [
        r#", "lixel": "block""#,
        r#", "split": "equal""#,
        r#", "bandwith_m": 100"#,
    ] {
        let text = format!(r#"{{ "method": {{ "name": "network_density"{unknown} }} }}"#);
        Request::from_json(&text).unwrap_err();
    }
}

#[test]
fn a_saved_layer_names_its_streets() {
    let snapshot = town(0, (0.0, 0.0), &events());
    let pinned = request("").with_pinned_areas(&snapshot);
    assert_eq!(pinned.canonical()["method"]["vintage"], "1");
}
