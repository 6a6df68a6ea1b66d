//! Station and custody stacks: records placed where they were recorded, not where it happened. They
//! are recognised by a declared site, by the basis of the records, or by suspicion; flagged, and
//! never deleted.

use crate::domain::{LocationBasis, LocationId, is_station_class};
use crate::ground::SiteIndex;
use crate::plane::{self, Planar};
use crate::select::Selection;

/// How far from a declared police site a location still belongs to it, metres.
pub const STATION_REACH_M: f64 = 50.0;

/// Fewest records, of any kind, for a location to be suspected as a station stack.
pub const SUSPECT_COUNT: u32 = 20;

/// A suspected stack has at least this share of police-generated records, and at least
/// [`SUSPECT_TIMES`] the share of the whole selection's ground.
pub const SUSPECT_SHARE: f64 = 0.5;

/// See [`SUSPECT_SHARE`].
pub const SUSPECT_TIMES: f64 = 2.0;

/// Why a location looks like a place where offences are recorded rather than committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StationStack {
    /// A declared site of a police class is at most [`STATION_REACH_M`] away.
    Declared {
        /// Name of the site.
        site: String,
    },
    /// Its records say so.
    Recorded,
    /// Many records, of which an unusual share is police-generated.
    Suspected {
        /// Records of any kind in the period.
        records: u32,
        /// Police-generated ones among them.
        police_generated: u32,
    },
}

/// Recognises station stacks.
pub(crate) struct Stations<'a> {
    sites: Vec<&'a str>,
    index: SiteIndex,
    /// Police-generated share of all records in the period and study area.
    usual_share: f64,
}

impl<'a> Stations<'a> {
    pub(crate) fn of(selection: &Selection<'a>) -> Self {
        let declared: Vec<(&str, Planar)> = selection
            .snapshot
            .sites
            .iter()
            .filter(|s| is_station_class(&s.class))
            .filter_map(|s| Some((s.name.as_str(), plane::project(s.position).ok()?.planar)))
            .collect();
        let index = SiteIndex::new(declared.iter().enumerate().map(|(i, d)| (i, d.1)));
        let (mut records, mut generated) = (0_u64, 0_u64);
        for l in 0..selection.incidents().locations().len() as LocationId {
            if selection.is_inside(l) {
                let (r, g) = selection.records_at(l);
                records += u64::from(r);
                generated += u64::from(g);
            }
        }
        Self {
            sites: declared.into_iter().map(|d| d.0).collect(),
            index,
            usual_share: if records > 0 {
                generated as f64 / records as f64
            } else {
                0.0
            },
        }
    }

    /// Why a group of locations looks like a station, if it does.
    pub(crate) fn at(&self, selection: &Selection, group: &[LocationId]) -> Option<StationStack> {
        let incidents = selection.incidents();
        let near = group.iter().find_map(|&l| {
            self.index
                .nearest_within(incidents.locations()[l as usize].planar(), STATION_REACH_M)
        });
        if let Some(site) = near {
            return Some(StationStack::Declared {
                site: self.sites[site].to_owned(),
            });
        }
        let recorded = group
            .iter()
            .flat_map(|&l| incidents.at(l))
            .any(|i| selection.holds(i) && incidents.basis(i) == LocationBasis::Station);
        if recorded {
            return Some(StationStack::Recorded);
        }
        let (records, police_generated) = group
            .iter()
            .map(|&l| selection.records_at(l))
            .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        let share = f64::from(police_generated) / f64::from(records.max(1));
        (records >= SUSPECT_COUNT
            && share >= SUSPECT_SHARE
            && share >= SUSPECT_TIMES * self.usual_share)
            .then_some(StationStack::Suspected {
                records,
                police_generated,
            })
    }

    /// The declared station among some locations that most selected incidents are placed at, with
    /// their number.
    pub(crate) fn within(
        &self,
        selection: &Selection,
        members: &[LocationId],
    ) -> Option<(String, u32)> {
        let locations = selection.incidents().locations();
        let mut placed = vec![0_u32; self.sites.len()];
        for &l in members.iter().filter(|l| selection.count_at(**l) > 0) {
            if let Some(site) = self
                .index
                .nearest_within(locations[l as usize].planar(), STATION_REACH_M)
            {
                placed[site] += selection.count_at(l);
            }
        }
        // The first of equals, in the order of the sites.
        let (site, n) = placed.into_iter().enumerate().rev().max_by_key(|p| p.1)?;
        (n > 0).then(|| (self.sites[site].to_owned(), n))
    }
}
