//! The named rules, on plain points of the plane.
//!
//! Each gives a length in the terms stated here from points as they come, duplicates and all; what
//! the product does with it (distinct locations, the floor, the kernel's terms) stands in
//! [`crate::bandwidth`].
//!
//! - [`nrd`]: Venables & Ripley 2002, *Modern Applied Statistics with S*, §5.6: 4·1.06·min(s,
//!   IQR/1.34)·n^(−1/5) along each axis, s with n − 1, quantiles of type 7 (Hyndman & Fan 1996).
//! - [`scott`]: s·n^(−1/6) along each axis (Scott 1992).
//! - [`diggle`]: the σ = r/2 that minimises M(r) = (1/λ − 2K(r))/(πr²) + (πr²)⁻² ∫ A(s, r) dK(s), A being
//!   the area that two discs of radius r share at distance s (Diggle 1985, doi 10.2307/2347366;
//!   Berman & Diggle 1989, doi 10.1111/j.2517-6161.1989.tb01750.x). K has Ripley's isotropic
//!   correction (1977, doi 10.1111/j.2517-6161.1977.tb01615.x) with weights held below 100; r runs over
//!   512 values up to a quarter of the window's shorter side, at most √(1000/πλ), and the optimum is
//!   sought in its lower half: all as in spatstat's `bw.diggle`.
//! - [`CrossValidation::likelihood_score`]: Σ log λ₋ᵢ(xᵢ) − ∫_W λ, Gaussian, uniform edge correction (spatstat's
//!   `bw.ppl`); without a window neither correction nor integral.
//! - [`CrossValidation::least_squares_score`]: ∫f² − 2/n Σ f₋ᵢ(xᵢ), Gaussian, over the whole plane, where the integral
//!   has a closed form (Bowman 1984, doi 10.1093/biomet/71.2.353). No edge correction.

use rayon::prelude::*;

use crate::edge::Window;
use crate::index::PointGrid;
use crate::kernel::Kernel;
use crate::plane::Planar;
use crate::watch;

/// Radii that K is estimated at.
const RADII: usize = 512;

/// Points that one task looks at.
const CHUNK: usize = 64;

/// Venables and Ripley's normal reference along each axis; it stands for four standard deviations of a
/// Gaussian.
#[must_use]
pub fn nrd(points: &[Planar]) -> (f64, f64) {
    let along = |of: fn(&Planar) -> f64| {
        let mut v: Vec<f64> = points.iter().map(of).collect();
        v.sort_unstable_by(f64::total_cmp);
        let s = deviation(&v);
        let iqr = (quantile(&v, 0.75) - quantile(&v, 0.25)) / 1.34;
        4.0 * 1.06 * s.min(iqr) * (v.len() as f64).powf(-0.2)
    };
    (along(|p| p.x), along(|p| p.y))
}

/// Scott's rule along each axis, as standard deviations of a Gaussian.
#[must_use]
pub fn scott(points: &[Planar]) -> (f64, f64) {
    let along = |of: fn(&Planar) -> f64| {
        let v: Vec<f64> = points.iter().map(of).collect();
        deviation(&v) * (v.len() as f64).powf(-1.0 / 6.0)
    };
    (along(|p| p.x), along(|p| p.y))
}

/// Standard deviation with n − 1.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / (n - 1.0)).sqrt()
}

/// Quantile of type 7 of sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = share * last as f64;
    let below = at.floor();
    let (a, b) = (
        sorted[below as usize],
        sorted[(below as usize + 1).min(last)],
    );
    a + (at - below) * (b - a)
}

/// What a criterion chose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimum {
    /// Standard deviation of a Gaussian, metres.
    pub sigma_m: f64,
    /// The criterion was best at an end of the range that was searched: it has no optimum there.
    pub at_limit: bool,
    /// Points that it was evaluated at.
    pub evaluated: usize,
}

/// The optimum of Berman and Diggle's criterion; pairs are counted from at most `most` points, an even
/// sample of those given. `None` where no pair of points is close enough to tell.
#[must_use]
pub fn diggle(points: &[Planar], window: &Window, most: usize) -> Option<Optimum> {
    let n = points.len();
    if n < 2 {
        return None;
    }
    let intensity = n as f64 / window.area_m2;
    let (lo, hi) = window.bounds();
    let quarter = (hi.x - lo.x).min(hi.y - lo.y) / 4.0;
    let longest = quarter.min((1000.0 / (std::f64::consts::PI * intensity)).sqrt());
    let step = longest / (RADII - 1) as f64;
    let weighted: Vec<(Planar, f64, u32)> = (0..).zip(points).map(|(i, &p)| (p, 1.0, i)).collect();
    let grid = PointGrid::new(&weighted, longest);
    let stride = n.div_ceil(most.max(2));
    let origins: Vec<usize> = (0..n).step_by(stride).collect();
    let parts: Vec<Vec<f64>> = origins
        .par_chunks(CHUNK)
        .map(|chunk| {
            // Weight of the pairs whose distance is in (r of k − 1, r of k].
            let mut rise = vec![0.0; RADII];
            for &i in chunk {
                let shares = window.circles(points[i], step, RADII - 1);
                grid.each_within(points[i], longest, |j, p, _| {
                    if j as usize == i {
                        return;
                    }
                    let at = p.distance_2(points[i]).sqrt() / step;
                    // Pairs at one place belong to the first radius: K is 0 at 0.
                    let bin = (at.ceil() as usize).clamp(1, RADII - 1);
                    // Between the radii on either side; a circle of radius 0 is all inside.
                    let share = |k: usize| if k == 0 { 1.0 } else { shares[k - 1] };
                    let low = bin - 1;
                    let f = at - low as f64;
                    let inside = share(low) * (1.0 - f) + share(bin) * f;
                    rise[bin] += 1.0 / inside.max(0.01);
                });
            }
            rise
        })
        .collect();
    let mut rise = vec![0.0; RADII];
    for part in &parts {
        for (sum, v) in rise.iter_mut().zip(part) {
            *sum += v;
        }
    }
    let scale = window.area_m2 / (origins.len() as f64 * (n as f64 - 1.0));
    let mut k = 0.0;
    let mut best: Option<(f64, usize)> = None;
    let last = (RADII - 1) / 2;
    for (i, own) in rise.iter().enumerate().take(last + 1) {
        k += own * scale;
        if i == 0 {
            continue;
        }
        let r = i as f64 * step;
        // ∫ A dK with what K rises between two radii taken at the lower one, as spatstat takes it.
        let overlap = |s: f64| {
            let y = (s / (2.0 * r)).min(1.0);
            2.0 * r * r * (y.acos() - y * (1.0 - y * y).sqrt())
        };
        let shared: f64 = (1..=(2 * i).min(RADII - 1))
            .map(|b| overlap((b - 1) as f64 * step) * rise[b] * scale)
            .sum();
        let disc = std::f64::consts::PI * r * r;
        let m = (1.0 / intensity - 2.0 * k) / disc + shared / (disc * disc);
        if best.is_none_or(|b| m < b.0) {
            best = Some((m, i));
        }
    }
    best.filter(|_| rise[1..].iter().any(|v| *v > 0.0))
        .map(|(_, i)| Optimum {
            sigma_m: i as f64 * step / 2.0,
            at_limit: i == 1 || i == last,
            evaluated: origins.len(),
        })
}

/// What the cross-validation criteria go through: points with their index, made once.
#[derive(Debug)]
pub struct CrossValidation<'a> {
    points: &'a [Planar],
    sample: Vec<usize>,
    grid: PointGrid,
}

impl<'a> CrossValidation<'a> {
    /// For these points, evaluated at no more than `most` of them (an even sample), with bandwidths
    /// of about `sigma_m`.
    #[must_use]
    pub fn new(points: &'a [Planar], most: usize, sigma_m: f64) -> Self {
        let weighted: Vec<(Planar, f64, u32)> =
            (0..).zip(points).map(|(i, &p)| (p, 1.0, i)).collect();
        Self {
            points,
            sample: (0..points.len())
                .step_by(points.len().div_ceil(most.max(1)).max(1))
                .collect(),
            grid: PointGrid::new(&weighted, sigma_m),
        }
    }

    /// Points that the criteria are evaluated at.
    #[must_use]
    pub fn evaluated(&self) -> usize {
        self.sample.len()
    }

    /// Σ of a standard Gaussian's exp(−d²/2s²) over all points around each of the sample, the point
    /// itself left out.
    fn sums(&self, s: f64, reach: f64) -> Vec<f64> {
        let half = -0.5 * (reach / s).powi(2);
        self.sample
            .par_iter()
            .map(|&i| {
                watch::pass();
                let all = self.grid.sum(self.points[i], reach, |u2| (half * u2).exp());
                // Less the point itself. What is below is rounding: a point that no other reaches
                // counts as if one lay at 8.6 standard deviations, and does not decide alone.
                (all - 1.0).max(1e-16)
            })
            .collect()
    }

    /// Σ log λ₋ᵢ(xᵢ) − ∫_W λ with uniform edge correction; without a window the plain sum. The integral
    /// is a midpoint sum over `pixels` by `pixels` of the window's bounding box; none leave it
    /// out (spatstat's `shortcut`).
    #[must_use]
    pub fn likelihood_score(&self, sigma_m: f64, window: Option<(&Window, usize)>) -> f64 {
        let scale = 1.0 / (std::f64::consts::TAU * sigma_m * sigma_m);
        // Beyond nine the Gaussian is 3e-18 of its height.
        let reach = 9.0 * sigma_m;
        let sums = self.sums(sigma_m, reach);
        let mass = |p: Planar| window.map_or(1.0, |w| w.0.mass(Kernel::Gaussian, sigma_m, p));
        let logs: Vec<f64> = self
            .sample
            .par_iter()
            .zip(&sums)
            .map(|(&i, sum)| (sum * scale / mass(self.points[i])).ln())
            .collect();
        let of_all = self.points.len() as f64 / self.sample.len() as f64;
        let total = logs.iter().sum::<f64>() * of_all;
        let Some((window, pixels)) = window.filter(|w| w.1 > 0) else {
            return total;
        };
        let (lo, hi) = window.bounds();
        let side = ((hi.x - lo.x) / pixels as f64, (hi.y - lo.y) / pixels as f64);
        let reach = Kernel::Gaussian.support() * sigma_m;
        let half = -0.5 * (reach / sigma_m).powi(2);
        let rows: Vec<f64> = (0..pixels)
            .into_par_iter()
            .map(|row| {
                (0..pixels)
                    .map(|column| Planar {
                        x: lo.x + (column as f64 + 0.5) * side.0,
                        y: lo.y + (row as f64 + 0.5) * side.1,
                    })
                    .filter(|p| window.covers(*p))
                    .map(|p| {
                        let sum = self.grid.sum(p, reach, |u2| (half * u2).exp());
                        if sum > 0.0 { sum / mass(p) } else { 0.0 }
                    })
                    .sum::<f64>()
            })
            .collect();
        total - rows.iter().sum::<f64>() * scale * side.0 * side.1
    }

    /// ∫f² − 2/n Σ f₋ᵢ(xᵢ) for a density of mass 1 over the whole plane; the less the better.
    #[must_use]
    pub fn least_squares_score(&self, sigma_m: f64) -> f64 {
        let (n, m) = (self.points.len() as f64, self.sample.len() as f64);
        let square = sigma_m * sigma_m;
        let s = sigma_m * 2.0_f64.sqrt();
        let wide: f64 = self.sums(s, 7.0 * s).iter().sum();
        let narrow: f64 = self.sums(sigma_m, 9.0 * sigma_m).iter().sum();
        let squared = (wide + m) / (m * n) / (2.0 * std::f64::consts::TAU * square);
        squared - 2.0 * narrow / (m * (n - 1.0)) / (std::f64::consts::TAU * square)
    }
}

/// The length between two bounds where a criterion is greatest: a scan over a geometric ladder, then
/// golden sections around its best rung, down to a relative tolerance. The second value says that it
/// was best at an end.
#[must_use]
pub fn greatest(
    low: f64,
    high: f64,
    rungs: usize,
    tolerance: f64,
    score: impl Fn(f64) -> f64,
) -> (f64, bool) {
    let rung = |k: usize| low * (high / low).powf(k as f64 / (rungs - 1) as f64);
    let scores: Vec<f64> = (0..rungs).map(|k| score(rung(k))).collect();
    // The first of equal ones; a score that is not a number is never best.
    let best = (0..rungs).fold(0, |best, k| {
        if scores[k] > scores[best] || scores[best].is_nan() {
            k
        } else {
            best
        }
    });
    let (mut a, mut b) = (
        rung(best.saturating_sub(1)).ln(),
        rung((best + 1).min(rungs - 1)).ln(),
    );
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut c, mut d) = (b - ratio * (b - a), a + ratio * (b - a));
    let (mut fc, mut fd) = (score(c.exp()), score(d.exp()));
    while b - a > tolerance {
        if fc >= fd {
            (b, d, fd) = (d, c, fc);
            c = b - ratio * (b - a);
            fc = score(c.exp());
        } else {
            (a, c, fc) = (c, d, fd);
            d = a + ratio * (b - a);
            fd = score(d.exp());
        }
    }
    let found = f64::midpoint(a, b).exp();
    let edge = 1.0 + 1e-3;
    (found, found < low * edge || found > high / edge)
}
