//! From a study to its clusters.

use super::replicates::{self, Chance};
use super::study::{MAX_LOOKS, MonteCarlo, Null, Study, StudyError, Windows};
use super::windows::{Best, Cases, Scanner};

/// A window with more cases than usual.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The place that its circle is drawn around.
    pub centre: usize,
    /// Its places, by distance from the centre.
    pub places: Vec<u32>,
    /// Distance of the farthest of them.
    pub radius: f64,
    /// First step, and the first after the last.
    pub steps: (usize, usize),
    /// Cases.
    pub observed: u64,
    /// Cases that would be usual.
    pub expected: f64,
    /// Cases (permutation), population (Poisson), or cases and controls (Bernoulli) of its places at
    /// all times.
    pub weight: f64,
    /// Cases and controls within its steps, of the Bernoulli model.
    pub points: Option<f64>,
    /// Log likelihood ratio.
    pub llr: f64,
    /// Cases over expected inside, over the same outside; `None` where all cases are inside.
    pub relative_risk: Option<f64>,
}

/// The clusters of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Most likely first; no two share a place.
    pub clusters: Vec<Found>,
    /// What chance made.
    pub chance: Chance,
    /// Places, each the centre of circles.
    pub places: usize,
    /// Circles.
    pub circles: usize,
    /// Windows: circles times spells of time.
    pub windows: u64,
}

/// Scans a study: the most likely cluster, those that share no place with it or with another before
/// them, and what chance makes.
///
/// # Errors
/// [`StudyError`] for what cannot be scanned.
pub fn scan(study: &Study, windows: &Windows, how: MonteCarlo) -> Result<Scan, StudyError> {
    let scanner = Scanner::new(study, windows)?;
    let (each, replicates) = (scanner.windows(), how.replicates);
    if each.saturating_mul(u64::from(replicates) + 1) > MAX_LOOKS {
        return Err(StudyError::TooManyWindows {
            windows: each,
            replicates,
        });
    }
    let mut sorted = study.cases.clone();
    sorted.sort_unstable();
    let observed = Cases::new(study.points.len(), &sorted);
    let each = scanner.best_of_each(&observed);
    let clusters = clusters(study, &scanner, &each);
    let chance = match clusters.first() {
        Some(first) => replicates::draw(study, &scanner, &observed, first.llr, how),
        None => Chance {
            maxima: Vec::new(),
            stopped: false,
        },
    };
    Ok(Scan {
        clusters,
        chance,
        places: study.points.len(),
        circles: scanner.circles.len(),
        windows: scanner.windows(),
    })
}

/// The best windows of all centres, less those that share a place with a better one.
fn clusters(study: &Study, scanner: &Scanner, each: &[Best]) -> Vec<Found> {
    let weights = study.weights();
    let points = |i: u32| study.points[i as usize];
    let cases = study.cases.len() as f64;
    let mut found: Vec<Found> = each
        .iter()
        .enumerate()
        .filter(|(_, best)| best.ratio > 0.0)
        .map(|(centre, best)| {
            let size = scanner.circles.sizes(centre)[best.circle] as usize;
            let places = scanner.circles.places(centre)[..size].to_vec();
            let (x, y) = study.points[centre];
            let farthest = places.last().map_or((x, y), |&p| points(p));
            let (dx, dy) = (farthest.0 - x, farthest.1 - y);
            let is_bernoulli = matches!(study.null, Null::Bernoulli { .. });
            let expected = match &study.null {
                Null::Bernoulli { controls } => {
                    best.measure * cases / (cases + controls.len() as f64)
                }
                _ => best.measure,
            };
            let observed = best.count as f64;
            let outside = (cases - observed) / (cases - expected);
            Found {
                centre,
                radius: (dx * dx + dy * dy).sqrt(),
                places,
                steps: (best.start, best.end),
                observed: best.count as u64,
                expected,
                weight: scanner.weight(centre, best.circle, &weights),
                points: is_bernoulli.then_some(best.measure),
                llr: best.ratio,
                relative_risk: (outside > 0.0).then(|| observed / expected / outside),
            }
        })
        .collect();
    // Of equal ones that with the fewest places, then the first centre.
    found.sort_by(|a, b| {
        b.llr
            .total_cmp(&a.llr)
            .then(a.places.len().cmp(&b.places.len()))
            .then(a.centre.cmp(&b.centre))
    });
    let mut taken = vec![false; study.points.len()];
    found.retain(|f| {
        let free = f.places.iter().all(|&p| !taken[p as usize]);
        if free {
            for &p in &f.places {
                taken[p as usize] = true;
            }
        }
        free
    });
    found
}

impl Scan {
    /// Of a study in which nothing could be found.
    pub(super) fn of_nothing(study: &Study) -> Self {
        Self {
            clusters: Vec::new(),
            chance: Chance {
                maxima: Vec::new(),
                stopped: false,
            },
            places: study.points.len(),
            circles: 0,
            windows: 0,
        }
    }
}
