//! Half-open bands.

use super::Error;

/// Most edges of a list.
const MAX_EDGES: usize = 41;

/// Bands `[a, b)` between neighbouring edges: a value on an edge belongs to the band that begins
/// there, never to the one that ends there. With `open_ended` a last band `[z, ∞)` follows.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfOpen<T> {
    edges: Vec<T>,
    open_ended: bool,
}

impl<T: Copy + PartialOrd + Default + std::fmt::Display> HalfOpen<T> {
    /// Bands between edges.
    ///
    /// # Errors
    /// [`Error::Bands`] unless the edges rise from 0 or more and make at least one band.
    pub fn new(name: &'static str, edges: &[T], open_ended: bool) -> Result<Self, Error> {
        let refuse = |reason: String| Err(Error::Bands { name, reason });
        let fewest = if open_ended { 1 } else { 2 };
        if !(fewest..=MAX_EDGES).contains(&edges.len()) {
            return refuse(format!(
                "a list of {fewest} to {MAX_EDGES} edges is needed, not {}",
                edges.len()
            ));
        }
        // Written so that what is no number is refused too.
        let first_is_fine = edges[0] >= T::default();
        if !first_is_fine {
            return refuse(format!(
                "the first edge must be 0 or more, not {}",
                edges[0]
            ));
        }
        if let Some(pair) = edges
            .windows(2)
            .find(|p| !matches!(p[0].partial_cmp(&p[1]), Some(std::cmp::Ordering::Less)))
        {
            return refuse(format!(
                "each edge must be greater than the one before it: {} then {}",
                pair[0], pair[1]
            ));
        }
        if edges.len() == 1 && edges[0] <= T::default() {
            return refuse("one band from 0 without end holds every pair".to_owned());
        }
        Ok(Self {
            edges: edges.to_vec(),
            open_ended,
        })
    }

    /// The edges.
    #[must_use]
    pub fn edges(&self) -> &[T] {
        &self.edges
    }

    /// Whether a band without end follows the last edge.
    #[must_use]
    pub fn open_ended(&self) -> bool {
        self.open_ended
    }

    /// Number of bands.
    #[must_use]
    pub fn count(&self) -> usize {
        self.edges.len() - 1 + usize::from(self.open_ended)
    }

    /// The band that a value lies in.
    #[must_use]
    pub fn band(&self, value: T) -> Option<usize> {
        let after = self.edges.partition_point(|e| *e <= value);
        (1..=self.count()).contains(&after).then(|| after - 1)
    }

    /// What a band is called: `[100, 200)`.
    #[must_use]
    pub fn label(&self, band: usize) -> String {
        match self.edges.get(band + 1) {
            Some(end) => format!("[{}, {end})", self.edges[band]),
            None => format!("[{}, ∞)", self.edges[band]),
        }
    }

    /// The edges that part all values from 0 on into classes, of which
    /// [`first_class`](Self::first_class) is the first band.
    pub(super) fn cuts(&self) -> &[T] {
        &self.edges[1 - self.first_class()..]
    }

    /// Values below the first edge, if there can be any, are class 0.
    pub(super) fn first_class(&self) -> usize {
        usize::from(self.edges[0] > T::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_and_their_names() {
        let bands = HalfOpen::new("days", &[0_u32, 7, 14], false).unwrap();
        assert_eq!((bands.count(), bands.cuts()), (2, &[7, 14][..]));
        assert_eq!(bands.label(1), "[7, 14)");
        let of = |v| bands.band(v);
        assert_eq!(
            [of(0), of(6), of(7), of(13), of(14)],
            [Some(0), Some(0), Some(1), Some(1), None]
        );
        let open = HalfOpen::new("m", &[1.5, 200.0], true).unwrap();
        assert_eq!((open.count(), open.cuts()), (2, &[1.5, 200.0][..]));
        assert_eq!(
            [open.band(1.0), open.band(1.5), open.band(1e9)],
            [None, Some(0), Some(1)]
        );
        assert_eq!(
            (open.label(0), open.label(1)),
            ("[1.5, 200)".into(), "[200, ∞)".into())
        );
    }

    #[test]
    fn what_makes_no_bands_is_refused() {
        for edges in [
            &[][..],
            &[5.0],
            &[-1.0, 5.0],
            &[0.0, 5.0, 5.0],
            &[5.0, 1.0],
            &[f64::NAN, 1.0],
            &[0.0, f64::NAN],
        ] {
            assert!(HalfOpen::new("m", edges, false).is_err(), "{edges:?}");
        }
        assert!(HalfOpen::new("m", &[0.0], true).is_err());
    }
}
