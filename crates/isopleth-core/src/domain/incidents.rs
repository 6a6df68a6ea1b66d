//! Incidents as columns, collapsed to distinct locations.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use super::{CivilMinute, Lens, LocationBasis, LonLat, Span, TimePrecision};
use crate::plane::Planar;

/// Index of a distinct location in an [`IncidentSet`].
pub type LocationId = u32;

/// The text index of a row without a place text.
pub const NO_PLACE: u32 = u32::MAX;

/// The record source of data.police.uk's street files, and of what is made from them.
pub const OPEN_DATA_SOURCE: &str = "data.police.uk";

/// What a record is of: the terms of its source, and what the policy makes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Offence term or code in the source.
    pub term: String,
    /// Sub-type term of the source, or empty.
    pub sub_type_term: String,
    /// Record source (crime report, 101 call, search), or empty.
    pub record_source: String,
    /// Offence group, if the policy knows the term.
    pub group: Option<String>,
    /// Sub-type: `possession`, `supply`.
    pub sub_type: Option<String>,
    /// Lens.
    pub lens: Lens,
}

/// The text of a place: the street of a map point, or an address with its UPRN.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// As the source writes it: `On or near Bures Road`.
    pub text: String,
    /// Unique property reference number.
    pub uprn: Option<u64>,
}

/// A distinct location. Two records are at the same location when their planar positions agree to
/// the millimetre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// Easting in the plane, millimetres.
    pub x_mm: i32,
    /// Northing in the plane, millimetres.
    pub y_mm: i32,
    /// Position as the source gave it.
    pub position: LonLat,
}

impl Location {
    /// Position in the plane, metres.
    #[must_use]
    pub fn planar(&self) -> Planar {
        Planar {
            x: f64::from(self.x_mm) / 1000.0,
            y: f64::from(self.y_mm) / 1000.0,
        }
    }
}

/// One record on its way into an [`IncidentSet`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IncidentRow {
    /// Where, if the source says.
    pub location: Option<Location>,
    /// When.
    pub span: Span,
    /// Index into the set's kinds.
    pub kind: u16,
    /// What the position stands for.
    pub basis: LocationBasis,
    /// Index into the set's places, or [`NO_PLACE`].
    pub place: u32,
}

/// Columns of incidents, grouped by distinct location.
///
/// Real incident data repeats places: Havering's 19,035 crimes of 2022 lie on 3,277 points. The set
/// therefore keeps the distinct locations once, along a space-filling curve, and the incidents of a
/// location side by side (compressed sparse rows). The order depends on the content alone, so two
/// stores with the same rows give the same set whatever order they were filled in.
#[derive(Debug, Clone, Default)]
pub struct IncidentSet {
    locations: Vec<Location>,
    /// `starts[l]..starts[l + 1]` are the incidents of location `l`; what follows the last start
    /// has no location.
    starts: Vec<u32>,
    from: Vec<CivilMinute>,
    to: Vec<CivilMinute>,
    kind: Vec<u16>,
    place: Vec<u32>,
    /// Precision in the high four bits, basis in the low four.
    quality: Vec<u8>,
    kinds: Vec<Kind>,
    places: Vec<Place>,
}

impl IncidentSet {
    /// Number of incidents, with and without a location.
    #[must_use]
    pub fn len(&self) -> usize {
        self.from.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    /// The distinct locations, along a Morton curve.
    #[must_use]
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The incidents at a location.
    #[must_use]
    pub fn at(&self, location: LocationId) -> Range<usize> {
        let l = location as usize;
        self.starts[l] as usize..self.starts[l + 1] as usize
    }

    /// The incidents that have a location.
    #[must_use]
    pub fn located(&self) -> Range<usize> {
        0..self.starts.last().map_or(0, |&n| n as usize)
    }

    /// The incidents that have none.
    #[must_use]
    pub fn unlocated(&self) -> Range<usize> {
        self.located().end..self.len()
    }

    /// First minute of each incident.
    #[must_use]
    pub fn from(&self) -> &[CivilMinute] {
        &self.from
    }

    /// First minute after each incident.
    #[must_use]
    pub fn to(&self) -> &[CivilMinute] {
        &self.to
    }

    /// Kind of each incident, an index into [`kinds`](Self::kinds).
    #[must_use]
    pub fn kind(&self) -> &[u16] {
        &self.kind
    }

    /// Place text of each incident, an index into [`places`](Self::places) or [`NO_PLACE`].
    #[must_use]
    pub fn place(&self) -> &[u32] {
        &self.place
    }

    /// Time precision of an incident.
    #[must_use]
    pub fn precision(&self, incident: usize) -> TimePrecision {
        TimePrecision::from_code(self.quality[incident] >> 4).unwrap_or(TimePrecision::Month)
    }

    /// Location basis of an incident.
    #[must_use]
    pub fn basis(&self, incident: usize) -> LocationBasis {
        LocationBasis::from_code(self.quality[incident] & 0x0f).unwrap_or(LocationBasis::Unknown)
    }

    /// The kinds that incidents refer to.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The place texts that incidents refer to.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// First minute of the earliest incident and first minute after the latest.
    #[must_use]
    pub fn extent(&self) -> Option<(CivilMinute, CivilMinute)> {
        Some((*self.from.iter().min()?, *self.to.iter().max()?))
    }

    /// The incidents that were over by a minute, and nothing of the others, not even where they were.
    #[must_use]
    pub fn over_by(&self, end: CivilMinute) -> Self {
        let mut kept = Self {
            starts: vec![0],
            kinds: self.kinds.clone(),
            places: self.places.clone(),
            ..Self::default()
        };
        let take = |kept: &mut Self, incidents: Range<usize>| {
            for i in incidents.filter(|&i| self.to[i] <= end) {
                kept.from.push(self.from[i]);
                kept.to.push(self.to[i]);
                kept.kind.push(self.kind[i]);
                kept.place.push(self.place[i]);
                kept.quality.push(self.quality[i]);
            }
        };
        for (l, location) in self.locations.iter().enumerate() {
            let before = kept.from.len();
            take(&mut kept, self.at(l as LocationId));
            if kept.from.len() > before {
                kept.locations.push(*location);
                kept.starts.push(kept.from.len() as u32);
            }
        }
        take(&mut kept, self.unlocated());
        kept
    }

    /// Bytes of memory that the columns take, without the kind and place texts.
    #[must_use]
    pub fn column_bytes(&self) -> usize {
        self.locations.capacity() * size_of::<Location>()
            + (self.starts.capacity() + self.from.capacity() + self.to.capacity()) * 4
            + self.kind.capacity() * 2
            + self.place.capacity() * 4
            + self.quality.capacity()
    }
}

/// Builds an [`IncidentSet`] from rows in any order.
#[derive(Debug, Default)]
pub struct IncidentSetBuilder {
    index: HashMap<u64, u32, BuildHasherDefault<MortonHasher>>,
    locations: Vec<(u64, Location)>,
    counts: Vec<u32>,
    rows: Vec<Raw>,
}

/// A row with its location replaced by an index; `u32::MAX` for none.
#[derive(Debug, Clone, Copy)]
struct Raw {
    location: u32,
    from: CivilMinute,
    to: CivilMinute,
    place: u32,
    kind: u16,
    quality: u8,
}

impl IncidentSetBuilder {
    /// A builder with room for this many rows.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Takes a row.
    pub fn push(&mut self, row: &IncidentRow) {
        let location = match row.location {
            None => u32::MAX,
            Some(location) => {
                let key = morton(location.x_mm, location.y_mm);
                let next = u32::try_from(self.locations.len()).unwrap_or(u32::MAX);
                let index = *self.index.entry(key).or_insert(next);
                if index == next {
                    self.locations.push((key, location));
                    self.counts.push(0);
                } else {
                    // The same millimetre written in different degrees: keep the least, so that
                    // the order of rows does not show.
                    let kept = &mut self.locations[index as usize].1;
                    let (a, b) = (location.position, kept.position);
                    if a.lon()
                        .total_cmp(&b.lon())
                        .then(a.lat().total_cmp(&b.lat()))
                        .is_lt()
                    {
                        kept.position = a;
                    }
                }
                self.counts[index as usize] += 1;
                index
            }
        };
        self.rows.push(Raw {
            location,
            from: row.span.from,
            to: row.span.to,
            place: row.place,
            kind: row.kind,
            quality: (row.span.precision.code() << 4) | row.basis.code(),
        });
    }

    /// The set, with the kinds and places that its rows refer to.
    ///
    /// Kinds and places are put into an order of their own, so that it does not matter in which
    /// order a store met them.
    #[must_use]
    pub fn finish(self, kinds: Vec<Kind>, places: Vec<Place>) -> IncidentSet {
        let (kinds, kind_at) = sorted(kinds, |k| {
            (
                k.term.clone(),
                k.sub_type_term.clone(),
                k.record_source.clone(),
            )
        });
        let (places, place_at) = sorted(places, Clone::clone);
        let n = self.rows.len();

        // Locations along the curve, then rows dropped into their location's slot.
        let mut order: Vec<u32> = (0..self.locations.len()).map(|i| i as u32).collect();
        order.sort_unstable_by_key(|&i| self.locations[i as usize].0);
        let mut cursor = vec![0_u32; self.locations.len()];
        let mut starts = Vec::with_capacity(order.len() + 1);
        let mut at = 0_u32;
        starts.push(0);
        for &old in &order {
            cursor[old as usize] = at;
            at += self.counts[old as usize];
            starts.push(at);
        }
        let locations: Vec<Location> = order
            .iter()
            .map(|&i| self.locations[i as usize].1)
            .collect();
        drop((order, self.locations, self.index));

        let mut slots = vec![0_u32; n];
        for (row, raw) in self.rows.iter().enumerate() {
            let slot = match raw.location {
                u32::MAX => &mut at,
                l => &mut cursor[l as usize],
            };
            slots[*slot as usize] = row as u32;
            *slot += 1;
        }
        let key = |row: u32| {
            let r = &self.rows[row as usize];
            (
                r.from,
                r.to,
                kind_at[r.kind as usize],
                place_of(&place_at, r.place),
                r.quality,
            )
        };
        let mut groups: &mut [u32] = &mut slots;
        for pair in starts.windows(2) {
            let (group, rest) = groups.split_at_mut((pair[1] - pair[0]) as usize);
            group.sort_unstable_by_key(|&row| key(row));
            groups = rest;
        }
        groups.sort_unstable_by_key(|&row| key(row));

        let pick = |row: &u32| self.rows[*row as usize];
        IncidentSet {
            locations,
            starts,
            from: slots.iter().map(|r| pick(r).from).collect(),
            to: slots.iter().map(|r| pick(r).to).collect(),
            kind: slots
                .iter()
                .map(|r| kind_at[pick(r).kind as usize] as u16)
                .collect(),
            place: slots
                .iter()
                .map(|r| place_of(&place_at, pick(r).place))
                .collect(),
            quality: slots.iter().map(|r| pick(r).quality).collect(),
            kinds,
            places,
        }
    }
}

fn place_of(place_at: &[u32], place: u32) -> u32 {
    place_at.get(place as usize).copied().unwrap_or(NO_PLACE)
}

/// Items in the order of a key, and where each old index went.
fn sorted<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> K) -> (Vec<T>, Vec<u32>) {
    let mut tagged: Vec<(usize, T)> = items.into_iter().enumerate().collect();
    tagged.sort_by_cached_key(|(_, item)| key(item));
    let mut went = vec![0_u32; tagged.len()];
    for (new, (old, _)) in tagged.iter().enumerate() {
        went[*old] = new as u32;
    }
    (tagged.into_iter().map(|(_, item)| item).collect(), went)
}

/// The Morton code of a position in millimetres: a bijection, so that equal codes are equal places.
fn morton(x_mm: i32, y_mm: i32) -> u64 {
    fn spread(v: i32) -> u64 {
        let mut b = u64::from((v as u32) ^ 0x8000_0000);
        b = (b | (b << 16)) & 0x0000_ffff_0000_ffff;
        b = (b | (b << 8)) & 0x00ff_00ff_00ff_00ff;
        b = (b | (b << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
        b = (b | (b << 2)) & 0x3333_3333_3333_3333;
        (b | (b << 1)) & 0x5555_5555_5555_5555
    }
    spread(x_mm) | (spread(y_mm) << 1)
}

/// Hashes Morton codes by one multiplication; they are not chosen by an adversary that a slower
/// hash would stop, and the map is dropped after loading.
#[derive(Debug, Default)]
struct MortonHasher(u64);

impl Hasher for MortonHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(u64::from(b));
        }
    }

    fn write_u64(&mut self, code: u64) {
        let mixed = (self.0 ^ code).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
