//! Points put in order, and points that coincide put together.
//!
//! Incidents repeat places, and every sum is shorter for taking a place once with its weight. Points
//! go into buckets by their northing first, each of which is then sorted in the cache: several times
//! quicker than sorting them all, and what comes out has one order whatever the order of the input.

use rayon::prelude::*;

use crate::plane::Planar;

/// Points that a bucket holds on average.
const BUCKET: usize = 256;

/// Buckets that one task sorts.
const TASK: usize = 32;

/// Most buckets.
const BUCKETS: usize = 8192;

/// Distinct positions from south to north, and from west to east where northings agree, each with
/// the number of times that it occurs and its rank. Positions are the same only if every bit of
/// them is.
#[must_use]
pub fn distinct(positions: &[Planar]) -> Vec<(Planar, f64, u32)> {
    let (mut keys, starts) = bucketed(positions, |p| p.y, |p| key(*p));
    let groups: Vec<Vec<(Planar, f64, u32)>> = tasks(&mut keys, &starts)
        .into_par_iter()
        .map(|buckets| {
            let mut found = Vec::new();
            for bucket in buckets {
                bucket.sort_unstable();
                let groups = bucket.chunk_by(|a, b| a == b);
                found.extend(groups.map(|same| (position(same[0]), same.len() as f64, 0)));
            }
            found
        })
        .collect();
    let mut all = groups.concat();
    for (rank, (_, _, id)) in (0..).zip(&mut all) {
        *id = rank;
    }
    all
}

/// Points (position, weight, id) from south to north; then by easting, id and weight.
pub(crate) fn from_south(points: &[(Planar, f64, u32)]) -> Vec<(Planar, f64, u32)> {
    let order = |a: &(Planar, f64, u32), b: &(Planar, f64, u32)| {
        a.0.y
            .total_cmp(&b.0.y)
            .then(a.0.x.total_cmp(&b.0.x))
            .then(a.2.cmp(&b.2))
            .then(a.1.total_cmp(&b.1))
    };
    if points.is_sorted_by(|a, b| order(a, b).is_le()) {
        return points.to_vec();
    }
    let (mut sorted, starts) = bucketed(points, |p| p.0.y, |p| *p);
    tasks(&mut sorted, &starts)
        .into_par_iter()
        .flatten_iter()
        .for_each(|bucket| bucket.sort_unstable_by(order));
    sorted
}

/// Items by the northing of what they are made of: every item of a bucket is south of every item of
/// the next, or level with it. With the first item of each bucket, and the number of items.
fn bucketed<P, T: Copy>(
    points: &[P],
    northing: impl Fn(&P) -> f64,
    make: impl Fn(&P) -> T,
) -> (Vec<T>, Vec<usize>) {
    let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
    for p in points {
        let y = northing(p);
        (south, north) = (south.min(y), north.max(y));
    }
    let n = points.len().div_ceil(BUCKET).clamp(1, BUCKETS);
    let per_metre = n as f64 / (north - south);
    let bucket = |p: &P| (((northing(p) - south) * per_metre) as usize).min(n - 1);
    let mut starts = vec![0_usize; n + 1];
    for p in points {
        starts[bucket(p) + 1] += 1;
    }
    for b in 0..n {
        starts[b + 1] += starts[b];
    }
    let mut cursor = starts.clone();
    // Every one of them is written over.
    let mut items: Vec<T> = points
        .first()
        .map_or_else(Vec::new, |p| vec![make(p); points.len()]);
    for p in points {
        let slot = &mut cursor[bucket(p)];
        items[*slot] = make(p);
        *slot += 1;
    }
    (items, starts)
}

/// The buckets, in groups for one task each.
fn tasks<'a, T>(mut items: &'a mut [T], starts: &[usize]) -> Vec<Vec<&'a mut [T]>> {
    let mut buckets = Vec::with_capacity(starts.len());
    for pair in starts.windows(2) {
        let (bucket, rest) = items.split_at_mut(pair[1] - pair[0]);
        buckets.push(bucket);
        items = rest;
    }
    let mut tasks = Vec::with_capacity(buckets.len() / TASK + 1);
    let mut buckets = buckets.into_iter().peekable();
    while buckets.peek().is_some() {
        tasks.push(buckets.by_ref().take(TASK).collect());
    }
    tasks
}

/// A number that is ordered as [`f64::total_cmp`] orders northings, then eastings.
fn key(p: Planar) -> u128 {
    (u128::from(ordered(p.y)) << 64) | u128::from(ordered(p.x))
}

fn position(key: u128) -> Planar {
    Planar {
        x: unordered(key as u64),
        y: unordered((key >> 64) as u64),
    }
}

/// Negative numbers descend as their bits ascend: those are turned over, the others put above them.
fn ordered(v: f64) -> u64 {
    let bits = v.to_bits();
    bits ^ (((bits as i64 >> 63) as u64) | (1 << 63))
}

fn unordered(key: u64) -> f64 {
    f64::from_bits(key ^ ((((!key) as i64 >> 63) as u64) | (1 << 63)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_ordered_as_numbers_and_lead_back(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(unordered(ordered(a)).to_bits(), a.to_bits());
            prop_assert_eq!(ordered(a).cmp(&ordered(b)), a.total_cmp(&b));
        }

        #[test]
        fn counts_what_a_map_counts(
            places in prop::collection::vec((-9_i32..9, -9_i32..9), 0..3000), step in 0.1_f64..1e5,
        ) {
            let at = |(x, y): (i32, i32)| Planar { x: f64::from(x) * step, y: f64::from(y) * step };
            let mut counted = std::collections::BTreeMap::new();
            for &(x, y) in &places {
                *counted.entry((y, x)).or_insert(0.0) += 1.0;
            }
            let positions: Vec<Planar> = places.iter().copied().map(at).collect();
            let expected: Vec<(Planar, f64, u32)> = (0..).zip(&counted)
                .map(|(id, (&(y, x), &n))| (at((x, y)), n, id)).collect();
            prop_assert_eq!(&distinct(&positions), &expected);
            let mut points = expected.clone();
            points.reverse();
            prop_assert_eq!(from_south(&points), expected);
        }
    }
}
