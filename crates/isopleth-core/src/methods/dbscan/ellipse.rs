//! The standard deviational ellipse.

/// Which way and how far the incidents of a cluster are spread.
///
/// The axes are those of the weighted covariance about the mean centre, with the lengths of Levine's
/// *CrimeStat*: √(2 Σ d²/(n − 2)), which for two dimensions makes up for the estimated centre and
/// direction. `n` counts incidents, not locations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ellipse {
    /// Half the long axis, metres.
    pub semi_major_m: f64,
    /// Half the short axis, metres.
    pub semi_minor_m: f64,
    /// Direction of the long axis, degrees clockwise from grid north, 0 to below 180; `None` where
    /// the spread is the same in all directions.
    pub rotation_deg: Option<f64>,
}

impl Ellipse {
    /// The ellipse of positions in metres with their numbers of incidents; `None` for fewer than
    /// three positions, which have a line and no ellipse.
    #[must_use]
    pub fn of(positions: &[([f64; 2], u32)]) -> Option<Self> {
        let &(origin, _) = positions.first().filter(|_| positions.len() >= 3)?;
        let n: f64 = positions.iter().map(|p| f64::from(p.1)).sum();
        if n <= 2.0 {
            return None;
        }
        // Relative to one of them: national coordinates would cost digits.
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            let term =
                |p: &([f64; 2], u32)| f64::from(p.1) * f(p.0[0] - origin[0], p.0[1] - origin[1]);
            positions.iter().map(term).sum()
        };
        let (mx, my) = (sum(&|x, _| x) / n, sum(&|_, y| y) / n);
        let xx = sum(&|x, _| (x - mx) * (x - mx));
        let yy = sum(&|_, y| (y - my) * (y - my));
        let xy = sum(&|x, y| (x - mx) * (y - my));
        let (half, bent) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
        let axis = |v: f64| (2.0 * v.max(0.0) / (n - 2.0)).sqrt();
        let round = bent <= 1e-9 * half;
        Some(Self {
            semi_major_m: axis(half + bent),
            semi_minor_m: axis(half - bent),
            rotation_deg: (!round).then(|| {
                // Anticlockwise from east to clockwise from north.
                let from_east = (2.0 * xy).atan2(xx - yy).to_degrees() / 2.0;
                let turned = (90.0 - from_east).rem_euclid(180.0);
                if turned < 180.0 { turned } else { 0.0 }
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_and_direction_of_a_cross() {
        // Four metres along north-east, one across: Σ d² is 32 and 2, n − 2 is 2.
        let s = std::f64::consts::FRAC_1_SQRT_2;
        let at = |along: f64, across: f64| {
            (
                [
                    500_000.0 + s * (along + across),
                    200_000.0 + s * (along - across),
                ],
                1,
            )
        };
        let e = Ellipse::of(&[at(4.0, 0.0), at(-4.0, 0.0), at(0.0, 1.0), at(0.0, -1.0)]).unwrap();
        assert!((e.semi_major_m - 32_f64.sqrt()).abs() < 1e-6);
        assert!((e.semi_minor_m - 2_f64.sqrt()).abs() < 1e-6);
        assert!((e.rotation_deg.unwrap() - 45.0).abs() < 1e-6);
    }

    #[test]
    fn north_is_zero_and_a_weight_is_so_many_incidents() {
        let e = Ellipse::of(&[([0.0, 0.0], 2), ([0.0, 3.0], 1), ([0.0, 7.0], 1)]).unwrap();
        assert_eq!((e.rotation_deg, e.semi_minor_m), (Some(0.0), 0.0));
        let single = [
            ([0.0, 0.0], 1),
            ([0.0, 0.0], 1),
            ([0.0, 3.0], 1),
            ([0.0, 7.0], 1),
        ];
        assert_eq!(Ellipse::of(&single), Some(e));
    }

    #[test]
    fn what_has_no_ellipse_or_no_direction() {
        assert_eq!(Ellipse::of(&[([0.0, 0.0], 9), ([1.0, 0.0], 9)]), None);
        let square = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]].map(|p| (p, 3));
        assert_eq!(Ellipse::of(&square).unwrap().rotation_deg, None);
    }
}
