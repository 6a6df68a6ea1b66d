//! Seeded incidents over Greater London that repeat places as real data does.
//!
//! There are 100,000 map points on a grid of a metre, three in five of them around 400 centres, the
//! others anywhere in an ellipse of 1,634 km². Their weights are lognormal, so that a tenth of them
//! holds half of the incidents. Of the incidents 90 % lie on a map point, 5 % anywhere in the
//! ellipse, and 5 % near an earlier one. That is the shape of the input that the peers were measured
//! on; the draws are other ones.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::io;

use geo::{LineString, MultiPolygon, Polygon};
use isopleth_core::Snapshot;
use isopleth_core::domain::{
    Area, IncidentRow, IncidentSetBuilder, Kind, Location, LocationBasis, LonLat, Place, month_span,
};
use isopleth_core::plane::{Planar, unproject};
use isopleth_io::default_policy;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// Months that the incidents are spread over, from January 2023.
pub const MONTHS: usize = 36;
/// Code of the [study area](study_area).
pub const AREA: &str = "BENCH";

const WEST: f64 = 503_000.0;
const SOUTH: f64 = 155_000.0;
const EAST: f64 = 563_000.0;
const NORTH: f64 = 203_000.0;
const CENTRE: Planar = Planar {
    x: 533_000.0,
    y: 179_000.0,
};
const RADII: (f64, f64) = (26_000.0, 20_000.0);

const MAP_POINTS: usize = 100_000;
const STREETS: usize = 20_000;

/// Categories of data.police.uk and how many of a thousand incidents are of each.
const TYPES: [(&str, usize); 14] = [
    ("Anti-social behaviour", 220),
    ("Bicycle theft", 15),
    ("Burglary", 50),
    ("Criminal damage and arson", 50),
    ("Drugs", 45),
    ("Other crime", 10),
    ("Other theft", 95),
    ("Possession of weapons", 6),
    ("Public order", 50),
    ("Robbery", 30),
    ("Shoplifting", 55),
    ("Theft from the person", 70),
    ("Vehicle crime", 104),
    ("Violence and sexual offences", 200),
];

const OUTCOMES: [&str; 5] = [
    "",
    "Investigation complete; no suspect identified",
    "Status update unavailable",
    "Under investigation",
    "Unable to prosecute suspect",
];

/// An incident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// Easting, millimetres.
    pub x_mm: i32,
    /// Northing, millimetres.
    pub y_mm: i32,
    /// Month, from 0.
    pub month: usize,
    /// Index into the categories.
    pub kind: usize,
}

struct Dice(Pcg64Mcg);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos()
    }

    fn lognormal(&mut self, sigma: f64) -> f64 {
        (sigma * self.normal()).exp()
    }

    fn in_ellipse(&mut self) -> Planar {
        let (r, a) = (self.unit().sqrt(), TAU * self.unit());
        Planar {
            x: CENTRE.x + RADII.0 * r * a.cos(),
            y: CENTRE.y + RADII.1 * r * a.sin(),
        }
    }

    fn near(&mut self, at: Planar, sd: f64) -> Planar {
        clip(Planar {
            x: at.x + sd * self.normal(),
            y: at.y + sd * self.normal(),
        })
    }
}

fn clip(p: Planar) -> Planar {
    Planar {
        x: p.x.clamp(WEST + 1.0, EAST - 1.0),
        y: p.y.clamp(SOUTH + 1.0, NORTH - 1.0),
    }
}

/// Draws indices by weight.
struct Weighted(Vec<f64>);

impl Weighted {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        Self(
            weights
                .map(|w| {
                    sum += w;
                    sum
                })
                .collect(),
        )
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let at = dice.unit() * self.0.last().copied().unwrap_or(0.0);
        self.0
            .partition_point(|&sum| sum <= at)
            .min(self.0.len().saturating_sub(1))
    }
}

fn map_points() -> (Vec<Planar>, Weighted) {
    let mut dice = Dice::new(20_240_601);
    let centres: Vec<(Planar, f64)> = (0..400)
        .map(|_| (dice.in_ellipse(), 200.0 + 1300.0 * dice.unit()))
        .collect();
    let pull = Weighted::new((0..400).map(|_| dice.lognormal(1.0)));
    let points = (0..MAP_POINTS)
        .map(|i| {
            let p = if i < MAP_POINTS * 6 / 10 {
                let (centre, sd) = centres[pull.draw(&mut dice)];
                dice.near(centre, sd)
            } else {
                clip(dice.in_ellipse())
            };
            Planar {
                x: p.x.round(),
                y: p.y.round(),
            }
        })
        .collect();
    // The upper tenth of a lognormal distribution holds half of its mass where sigma is the upper
    // decile of the normal one.
    let weights = Weighted::new((0..MAP_POINTS).map(|_| dice.lognormal(1.2816)));
    (points, weights)
}

/// So many incidents; always the same ones.
#[must_use]
pub fn events(n: usize) -> Vec<Event> {
    let (points, weights) = map_points();
    let kinds = Weighted::new(TYPES.iter().map(|t| t.1 as f64));
    let mut dice = Dice::new(7);
    let mut events: Vec<Event> = Vec::with_capacity(n);
    for i in 0..n {
        // Interleaved, so that the first so many incidents have the shape of all.
        let (at, month) = match i % 20 {
            18 => (clip(dice.in_ellipse()), dice.below(MONTHS)),
            19 => {
                let parent = events[dice.below(i)];
                let at = Planar {
                    x: f64::from(parent.x_mm) / 1000.0,
                    y: f64::from(parent.y_mm) / 1000.0,
                };
                let later = usize::from(dice.below(5) == 0);
                (dice.near(at, 100.0), (parent.month + later).min(MONTHS - 1))
            }
            _ => (points[weights.draw(&mut dice)], dice.below(MONTHS)),
        };
        events.push(Event {
            x_mm: (at.x * 1000.0).round() as i32,
            y_mm: (at.y * 1000.0).round() as i32,
            month,
            kind: kinds.draw(&mut dice),
        });
    }
    events
}

/// Turns positions into degrees, each distinct one once.
#[derive(Default)]
struct Degrees(HashMap<(i32, i32), LonLat>);

impl Degrees {
    fn of(&mut self, e: &Event) -> LonLat {
        *self.0.entry((e.x_mm, e.y_mm)).or_insert_with(|| {
            let at = Planar {
                x: f64::from(e.x_mm) / 1000.0,
                y: f64::from(e.y_mm) / 1000.0,
            };
            unproject(at).expect("London lies in the National Grid")
        })
    }
}

fn street(e: &Event) -> usize {
    (e.x_mm as usize / 1000 * 7 + e.y_mm as usize / 1000) % STREETS
}

/// The snapshot that a store with so many incidents and the [study area](study_area) would load.
///
/// # Panics
/// Never: the months are months.
#[must_use]
pub fn snapshot(n: usize) -> Snapshot {
    let policy = default_policy();
    let kinds = TYPES
        .iter()
        .map(|(term, _)| {
            let resolved = policy.resolve(term, "", "");
            Kind {
                term: (*term).to_owned(),
                sub_type_term: String::new(),
                record_source: String::new(),
                group: resolved.group,
                sub_type: resolved.sub_type,
                lens: resolved.lens,
            }
        })
        .collect();
    let places = (0..STREETS)
        .map(|i| Place {
            text: format!("On or near Example Street {i}"),
            uprn: None,
        })
        .collect();
    let mut degrees = Degrees::default();
    let mut set = IncidentSetBuilder::with_capacity(n);
    for e in events(n) {
        let (year, month) = (2023 + e.month / 12, e.month % 12 + 1);
        set.push(&IncidentRow {
            location: Some(Location {
                x_mm: e.x_mm,
                y_mm: e.y_mm,
                position: degrees.of(&e),
            }),
            span: month_span(year as i16, month as i8).expect("a month"),
            kind: e.kind as u16,
            basis: LocationBasis::SnapPoint,
            place: street(&e) as u32,
        });
    }
    Snapshot {
        revision: format!("generated-{n}"),
        incidents: set.finish(kinds, places),
        areas: vec![study_area()],
        sites: Vec::new(),
        streets: Vec::new(),
        policy: format!("{} {}", policy.id, policy.version),
        groups: policy.groups,
        ..Snapshot::default()
    }
}

/// The ellipse that the incidents lie in, as an area with the code [`AREA`].
///
/// # Panics
/// Never: it lies in the National Grid.
#[must_use]
pub fn study_area() -> Area {
    let ring: LineString = (0..=256)
        .map(|i| {
            let a = TAU * f64::from(i % 256) / 256.0;
            let at = Planar {
                x: CENTRE.x + RADII.0 * a.cos(),
                y: CENTRE.y + RADII.1 * a.sin(),
            };
            unproject(at)
                .expect("London lies in the National Grid")
                .coord()
        })
        .collect();
    Area {
        code: AREA.to_owned(),
        name: "Ellipse".to_owned(),
        kind: "study".to_owned(),
        vintage: "1".to_owned(),
        geometry: MultiPolygon(vec![Polygon::new(ring, Vec::new())]),
    }
}

/// Writes incidents as a street file of data.police.uk. One in a hundred has no location.
///
/// # Errors
/// Those of the writer.
pub fn write_street_csv(n: usize, out: impl io::Write) -> io::Result<()> {
    let mut degrees = Degrees::default();
    let mut dice = Dice::new(3);
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([
        "Crime ID",
        "Month",
        "Reported by",
        "Falls within",
        "Longitude",
        "Latitude",
        "Location",
        "LSOA code",
        "LSOA name",
        "Crime type",
        "Last outcome category",
        "Context",
    ])?;
    for e in events(n) {
        let at = degrees.of(&e);
        let half = format!("{:016x}{:016x}", dice.0.next_u64(), dice.0.next_u64());
        let (lon, lat) = match dice.below(100) {
            0 => (String::new(), String::new()),
            _ => (format!("{:.6}", at.lon()), format!("{:.6}", at.lat())),
        };
        let block = |mm: i32, from: f64| (f64::from(mm) / 1000.0 - from) as usize / 1500;
        let small_area = block(e.x_mm, WEST) * 32 + block(e.y_mm, SOUTH);
        csv.write_record([
            &format!("{half}{half}"),
            &format!("{}-{:02}", 2023 + e.month / 12, e.month % 12 + 1),
            "Metropolitan Police Service",
            "Metropolitan Police Service",
            &lon,
            &lat,
            &format!("On or near Example Street {}", street(&e)),
            &format!("E0100{:04}", 1000 + small_area),
            &format!("Borough {} {:03}A", small_area / 40, small_area % 40),
            TYPES[e.kind].0,
            OUTCOMES[dice.below(OUTCOMES.len())],
            "",
        ])?;
    }
    csv.flush()
}
