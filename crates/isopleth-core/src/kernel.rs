//! Kernels in two dimensions.
//!
//! With u = d/h and c as below, an event of weight w adds w·c/h²·k(u) to the density at distance d,
//! so that it integrates to w over the plane. The constants follow from ∫₀¹ 2πu·k(u) du = 1/c; see
//! Silverman, *Density Estimation for Statistics and Data Analysis* (1986), §4.2, for the family.
//! One-dimensional constants (15/16, 3/4), which several tools use here by mistake, do not
//! integrate to one in the plane.

use std::f64::consts::{FRAC_PI_2, PI};

use serde::{Deserialize, Serialize};

/// A kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// k(u) = 1.
    Uniform,
    /// k(u) = 1 − u.
    Triangular,
    /// k(u) = 1 − u².
    Epanechnikov,
    /// k(u) = (1 − u²)², the field's usual choice.
    #[default]
    Quartic,
    /// k(u) = (1 − u²)³.
    Triweight,
    /// k(u) = (1 − u³)³.
    Tricube,
    /// k(u) = cos(πu/2).
    Cosine,
    /// k(u) = exp(−u²/2), cut off at [`GAUSSIAN_CUT`] bandwidths.
    Gaussian,
}

/// Where the Gaussian is cut off, in bandwidths. What lies beyond is exp(−18) = 1.5e-8 of the
/// mass, which is the bound on how far a surface can fall short of its events.
pub const GAUSSIAN_CUT: f64 = 6.0;

impl Kernel {
    /// The value of k at a squared relative distance u², for u² inside the support.
    #[inline]
    #[must_use]
    pub fn at(self, u2: f64) -> f64 {
        let v = 1.0 - u2;
        match self {
            Self::Uniform => 1.0,
            Self::Triangular => 1.0 - u2.sqrt(),
            Self::Epanechnikov => v,
            Self::Quartic => v * v,
            Self::Triweight => v * v * v,
            Self::Tricube => {
                let w = 1.0 - u2 * u2.sqrt();
                w * w * w
            }
            Self::Cosine => (FRAC_PI_2 * u2.sqrt()).cos(),
            Self::Gaussian => (-0.5 * u2).exp(),
        }
    }

    /// The constant c.
    #[must_use]
    pub fn constant(self) -> f64 {
        match self {
            Self::Uniform => 1.0 / PI,
            Self::Triangular => 3.0 / PI,
            Self::Epanechnikov => 2.0 / PI,
            Self::Quartic => 3.0 / PI,
            Self::Triweight => 4.0 / PI,
            Self::Tricube => 220.0 / (81.0 * PI),
            Self::Cosine => PI / (4.0 * PI - 8.0),
            Self::Gaussian => 0.5 / PI,
        }
    }

    /// The constant along a line: with it an event adds w·c/h·k(d/h) at distance d, and integrates to
    /// w over a line. Here, and only here, the 15/16 and 3/4 of textbooks belong.
    #[must_use]
    pub fn line_constant(self) -> f64 {
        match self {
            Self::Uniform => 0.5,
            Self::Triangular => 1.0,
            Self::Epanechnikov => 0.75,
            Self::Quartic => 15.0 / 16.0,
            Self::Triweight => 35.0 / 32.0,
            Self::Tricube => 70.0 / 81.0,
            Self::Cosine => FRAC_PI_2 / 2.0,
            Self::Gaussian => (2.0 * PI).sqrt().recip(),
        }
    }

    /// Radius of the support in bandwidths.
    #[must_use]
    pub fn support(self) -> f64 {
        match self {
            Self::Gaussian => GAUSSIAN_CUT,
            _ => 1.0,
        }
    }

    /// The bandwidth that spreads an event as widely as a Gaussian of standard deviation 1: the
    /// same variance along each axis.
    #[must_use]
    pub fn radius_per_sigma(self) -> f64 {
        match self {
            Self::Uniform => 2.0,
            Self::Triangular => (20.0_f64 / 3.0).sqrt(),
            Self::Epanechnikov => 6.0_f64.sqrt(),
            Self::Quartic => 8.0_f64.sqrt(),
            Self::Triweight => 10.0_f64.sqrt(),
            Self::Tricube => (91.0_f64 / 11.0).sqrt(),
            Self::Cosine => {
                // Variance π·c·∫₀¹ u³·cos(au) du with a = π/2.
                let a = FRAC_PI_2;
                let third = 1.0 / a - 6.0 / a.powi(3) + 6.0 / a.powi(4);
                (PI * self.constant() * third).sqrt().recip()
            }
            Self::Gaussian => 1.0,
        }
    }

    /// Largest share of an event's mass that the cut-off loses.
    #[must_use]
    pub fn mass_bound(self) -> f64 {
        match self {
            Self::Gaussian => (-0.5 * GAUSSIAN_CUT * GAUSSIAN_CUT).exp(),
            _ => 0.0,
        }
    }

    /// The share of an event's mass farther than u bandwidths away: ∫ 2πv·c·k(v) dv from u to the end
    /// of the support.
    #[must_use]
    pub fn mass_beyond(self, u: f64) -> f64 {
        if u >= self.support() {
            return 0.0;
        }
        let v = 1.0 - u * u;
        match self {
            Self::Uniform => v,
            Self::Triangular => (1.0 - u) * (1.0 - u) * (1.0 + 2.0 * u),
            Self::Epanechnikov => v * v,
            Self::Quartic => v * v * v,
            Self::Triweight => v * v * v * v,
            Self::Tricube => {
                let (u2, u3) = (u * u, u * u * u);
                let held = 0.5 - u3 * (0.6 - u3 * (0.375 - u3 / 11.0));
                1.0 - 440.0 / 81.0 * u2 * held
            }
            Self::Cosine => {
                let a = FRAC_PI_2;
                let held = u * (a * u).sin() / a + ((a * u).cos() - 1.0) / (a * a);
                1.0 - 2.0 * PI * self.constant() * held
            }
            Self::Gaussian => (-0.5 * u * u).exp() - self.mass_bound(),
        }
    }

    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Triangular => "triangular",
            Self::Epanechnikov => "epanechnikov",
            Self::Quartic => "quartic",
            Self::Triweight => "triweight",
            Self::Tricube => "tricube",
            Self::Cosine => "cosine",
            Self::Gaussian => "gaussian",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kernel; 8] = [
        Kernel::Uniform,
        Kernel::Triangular,
        Kernel::Epanechnikov,
        Kernel::Quartic,
        Kernel::Triweight,
        Kernel::Tricube,
        Kernel::Cosine,
        Kernel::Gaussian,
    ];

    /// ∫ 2πu·k(u)·u^p du over the support, by the midpoint rule.
    fn moment(kernel: Kernel, p: i32) -> f64 {
        let n = 2_000_000;
        let du = kernel.support() / f64::from(n);
        (0..n)
            .map(|i| (f64::from(i) + 0.5) * du)
            .map(|u| 2.0 * PI * u * kernel.constant() * kernel.at(u * u) * u.powi(p) * du)
            .sum()
    }

    #[test]
    fn every_kernel_integrates_to_one_within_its_bound() {
        for k in ALL {
            let mass = moment(k, 0);
            assert!((mass - 1.0).abs() <= k.mass_bound() + 1e-9, "{k:?}: {mass}");
        }
    }

    #[test]
    fn mass_beyond_matches_the_integral() {
        for k in ALL {
            for share in [0.0, 0.1, 0.35, 0.5, 0.8, 0.99, 1.0] {
                let from = share * k.support();
                let n = 200_000;
                let du = (k.support() - from) / f64::from(n);
                let sum: f64 = (0..n)
                    .map(|i| from + (f64::from(i) + 0.5) * du)
                    .map(|u| 2.0 * PI * u * k.constant() * k.at(u * u) * du)
                    .sum();
                assert!((k.mass_beyond(from) - sum).abs() < 1e-9, "{k:?} {from}");
            }
        }
    }

    #[test]
    fn along_a_line_too() {
        for k in ALL {
            let n = 2_000_000;
            let du = k.support() / f64::from(n);
            let half: f64 = (0..n)
                .map(|i| (f64::from(i) + 0.5) * du)
                .map(|u| k.line_constant() * k.at(u * u) * du)
                .sum();
            assert!((2.0 * half - 1.0).abs() < 1e-8, "{k:?}: {half}");
        }
    }

    #[test]
    fn radius_per_sigma_matches_the_second_moment() {
        for k in ALL {
            // Variance along one axis is half of the mean squared distance.
            let sigma = (moment(k, 2) / 2.0).sqrt();
            assert!((k.radius_per_sigma() * sigma - 1.0).abs() < 1e-6, "{k:?}");
        }
    }

    #[test]
    fn quartic_closed_forms() {
        // Centre 3/(πh²); at h/2 27/(16πh²); at h 0. h = 200 m: 23.8732 per km² at the centre.
        let (h, q) = (200.0_f64, Kernel::Quartic);
        let f = |d: f64| q.constant() / (h * h) * q.at((d / h).powi(2));
        assert!((f(0.0) * 1e6 - 23.8732).abs() < 1e-4);
        assert!((f(100.0) - 27.0 / (16.0 * PI * h * h)).abs() < 1e-18);
        assert_eq!(f(200.0), 0.0);
    }
}
