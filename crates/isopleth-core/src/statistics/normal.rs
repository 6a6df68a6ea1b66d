//! The normal distribution.

/// P(Z ≥ z) for a standard normal Z, with full relative precision in the upper tail. NaN for NaN.
#[must_use]
pub fn normal_upper(z: f64) -> f64 {
    0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// P(|Z| ≥ |z|) for a standard normal Z. NaN for NaN.
#[must_use]
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_r_has_it() {
        // R 4.2.2: pnorm(z, lower.tail = FALSE).
        for (z, expected) in [
            (0.0, 0.5),
            (0.546_173_55, 0.292_473_322_918_385_3),
            (1.959_963_984_540_054, 0.025),
            (-1.644_853_626_951_473, 0.95),
            (8.931_432_176, 2.102_644_182_617_429e-19),
            (30.0, 4.906_713_927_148_187e-198),
        ] {
            let found = normal_upper(z);
            assert!((found - expected).abs() <= 1e-12 * expected, "{z}: {found}");
        }
    }

    #[test]
    fn ends() {
        assert_eq!(normal_two_sided(0.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(normal_two_sided(f64::INFINITY).to_bits(), 0.0_f64.to_bits());
        assert!(normal_two_sided(f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn both_tails_are_twice_one(z in -30.0_f64..30.0) {
            let two = normal_two_sided(z);
            prop_assert!((two - 2.0 * normal_upper(z.abs())).abs() <= 1e-15 * two);
            prop_assert!((normal_upper(z) + normal_upper(-z) - 1.0).abs() < 1e-15);
        }
    }
}
