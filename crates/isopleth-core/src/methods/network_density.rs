//! Density along streets.
//!
//! **What it answers.** Which stretches of which streets incidents lie close together on, when
//! closeness goes along the streets: houses back to back across a railway are near on the map and far
//! on foot.
//!
//! **Model.** Streets are a network ([`crate::network`]): vertices that agree to `node_tolerance_m`
//! are one node, an edge runs from junction to junction. Each distinct location goes to the nearest
//! street within `snap_m`. From there each incident is spread along the network by a kernel in one
//! dimension, c/h·k(d/h) with h the bandwidth, over all paths of a length d that the kernel reaches,
//! each weighted at the junctions that it passes. With m the number of ends of edges that meet there:
//! *continuous* equal split hands 2/m on into each of the others and 2/m − 1 back; *discontinuous*
//! equal split hands on 1/(m − 1) and nothing back. Both turn back at a dead end. The density is in
//! incidents per km of street. Of either rule the whole network holds as many incidents as were
//! snapped; an unweighted kernel (each branch a full copy) would count them twice behind every
//! crossing, and is not offered. The continuous rule with a Gaussian is the heat equation's solution.
//!
//! **Lixels.** Edges are cut into equal parts no longer than `lixel_m`, or, with `"lixel":
//! "segment"`, left whole: the street segments between junctions that the study of micro places
//! counts on. The density is exactly that of the lixel's middle; for a long segment, read count and
//! length instead. `count` is plain: the incidents of the study area that were snapped to the lixel.
//! With a study area all lixels whose middle lies inside are there, also where nothing happened, and
//! those that took an incident from inside; without one, those with a density or a count.
//!
//! **Edge cases.** Lines that cross without a common vertex do not meet (a bridge); two that share
//! one do, also if one passes over the other. A line drawn twice is there once. A node where two
//! pieces meet is none: cutting a street in two changes nothing. A ring without a junction, a loop and
//! a piece on its own are edges like any other. Lines without a length are passed over. A location at
//! a junction counts to the first of the streets that meet there, and its density, in the
//! discontinuous rule too, goes into all of them alike. No incidents: zero everywhere.
//!
//! **Cycles.** Paths are enumerated, not only the shortest: a block that a kernel reaches round is
//! reached by two ways, and both count. A path is not followed where what is left of it falls below
//! 1e-7 of an incident; the largest sum so left out of any incident is reported (`left_out_mass`).
//! Fainter paths of nearly equal length are joined, at some 1e-8 of the kernel's height each. A place
//! that more than two million paths lead away from is refused, with the remedy.
//!
//! **How it can mislead.** The picture depends on the bandwidth. A map of streets that ends at the
//! boundary turns the density back there: load streets a bandwidth beyond. The map points of open data
//! lie on the middle of a street or on a junction: which street they fall on is the point's, not the
//! address's, and the share of streets that hold all incidents is an artefact of the points. With
//! fewer incidents than streets most streets have none whatever happens. No significance is implied.
//!
//! **Complexity.** Paths from each distinct location × lixels on each edge passed; the number of
//! paths grows with the bandwidth over the length of edges.
//!
//! **References.** Okabe, Satoh & Sugihara 2009, doi 10.1080/13658810802475491; McSwiggan, Baddeley &
//! Nair 2017, doi 10.1111/sjos.12255; Xie & Yan 2008 (lixels), doi
//! 10.1016/j.compenvurbsys.2008.07.001; Weisburd 2015 (street segments), doi
//! 10.1111/1745-9125.12070. **Checked against** spatstat's `densityEqualSplit`, both rules, on a
//! network of our own and on its Chicago streets, and `densityHeat`; enumeration without any
//! joining or truncation; the mass over the whole network.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{LocationId, LonLat, Street};
use crate::ground::StudyArea;
use crate::hotspots::EdgeEffect;
use crate::kernel::Kernel;
use crate::network::{
    Between, DeadEnds, Lixel, Network, NetworkError, Position, Rule, Source, Spread, StreetLine,
    TooManyPaths,
};
use crate::places::{Comparable, PlaceFacts};
use crate::plane::{self, OutsidePlane, Planar};
use crate::select::Selection;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Kernel; quartic by default.
    #[serde(default)]
    pub kernel: Kernel,
    /// Bandwidth along the streets, metres: the radius of the support, or the standard deviation of a
    /// Gaussian.
    #[serde(default = "bandwidth")]
    pub bandwidth_m: f64,
    /// How the kernel goes on at junctions; continuous by default.
    #[serde(default)]
    pub split: Split,
    /// Greatest length of a lixel, metres; 50 when neither this nor `lixel` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lixel_m: Option<f64>,
    /// `"segment"`: whole street segments, from junction to junction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lixel: Option<Whole>,
    /// Farthest that an incident may lie from a street, metres.
    #[serde(default = "snap")]
    pub snap_m: f64,
    /// The grid that vertices are compared on, metres: those that round to the same are one node.
    #[serde(default = "tolerance")]
    pub node_tolerance_m: f64,
    /// Vintage of the streets; needed where several are loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vintage: Option<String>,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

fn bandwidth() -> f64 {
    300.0
}

fn snap() -> f64 {
    50.0
}

fn tolerance() -> f64 {
    0.001
}

/// Greatest length of lixels by default, metres.
const LIXEL_M: f64 = 50.0;

/// How a kernel goes on at junctions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Equal split, continuous.
    #[default]
    Continuous,
    /// Equal split, discontinuous.
    Discontinuous,
}

impl Split {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Discontinuous => "discontinuous",
        }
    }
}

/// Lixels that are not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whole {
    /// Street segments, from junction to junction.
    Segment,
}

/// What a ranking of lixels goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Density at the middle.
    #[default]
    Density,
    /// Number of incidents.
    Count,
}

impl RankBy {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Density => "density",
            Self::Count => "count",
        }
    }
}

/// Largest bandwidth, metres.
pub const MAX_BANDWIDTH_M: f64 = 5_000.0;
/// Largest distance to a street, metres.
pub const MAX_SNAP_M: f64 = 1_000.0;
/// Largest tolerance of nodes, metres.
pub const MAX_TOLERANCE_M: f64 = 10.0;
/// Most lixels.
pub const MAX_LIXELS: usize = 5_000_000;
/// Fewest incidents that shares are given of.
const LEAST_BASE: u64 = 20;

/// A lixel with what is on it.
#[derive(Debug, Clone, PartialEq)]
pub struct StreetLixel {
    /// Easting and northing of its middle in millimetres: the same stretch keeps its id from run to
    /// run.
    pub id: String,
    /// Place in the ranking, from 1.
    pub rank: u32,
    /// Id of the street that most of it belongs to.
    pub street: String,
    /// That street's name; empty where it has none.
    pub name: String,
    /// Ids of the other streets along it, longest first.
    pub other_streets: Vec<String>,
    /// Its line.
    pub line: Vec<LonLat>,
    /// Its length in the plane, metres.
    pub length_m: f64,
    /// Density at its middle, incidents per metre.
    pub density_per_m: f64,
    /// Selected incidents of the study area that were snapped to it.
    pub count: u32,
    /// Facts of these; none where there are none.
    pub facts: Option<PlaceFacts>,
    /// Share of the incidents, where there are enough for shares.
    pub share: Option<f64>,
    /// Share of the incidents on the lixels down to this rank; likewise.
    pub cumulative_share: Option<f64>,
    /// Share of the length of all lixels that those down to this rank have.
    pub cumulative_length: f64,
    /// Near the boundary with no data beyond it: the density is too low there.
    pub edge_effect: bool,
}

/// Density along streets.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The lixels, by rank.
    pub lixels: Vec<StreetLixel>,
    /// The parameters, as asked for.
    pub params: Params,
    /// Vintage of the streets.
    pub vintage: String,
    /// What the network is made of.
    pub network: NetworkFacts,
    /// Greatest length of lixels, metres; none for whole segments.
    pub lixel_m: Option<f64>,
    /// Lixels that belong to the result, also those beyond `max`.
    pub found: u32,
    /// Their length, metres.
    pub length_m: f64,
    /// Lixels with an incident.
    pub with_incidents: u32,
    /// Incidents of the study area on a lixel.
    pub snapped: u64,
    /// Incidents of the study area that lie too far from any street, and their locations.
    pub too_far: (u64, u32),
    /// Incidents of the study area at a junction.
    pub at_junctions: u64,
    /// Farthest that an incident was moved, metres.
    pub farthest_m: f64,
    /// Lixels left out because there were more than asked for.
    pub beyond_max: u32,
    /// Largest share of an incident that was left out with paths too faint to follow.
    pub left_out_mass: f64,
}

/// What a network is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkFacts {
    /// Streets.
    pub streets: usize,
    /// Segments from junction to junction.
    pub segments: usize,
    /// Junctions and dead ends.
    pub junctions: usize,
    /// Length, metres.
    pub length_m: f64,
    /// Pieces that are drawn more than once.
    pub repeated: usize,
}

/// Why there is no density along streets.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No streets.
    #[error(
        "no streets are loaded; load their centre lines with `isopleth streets add --store STORE STREETS.geojson --vintage VINTAGE`"
    )]
    NoStreets,
    /// No streets of this vintage.
    #[error(
        "no streets of vintage `{vintage}` are loaded; there are: {known}; name one of these in method.vintage, or load the others with `isopleth streets add`"
    )]
    UnknownVintage {
        /// The vintage asked for.
        vintage: String,
        /// Those that there are.
        known: String,
    },
    /// Several vintages, and none named.
    #[error("streets of several vintages are loaded ({known}); name one in method.vintage")]
    SeveralVintages {
        /// Those that there are.
        known: String,
    },
    /// The bandwidth is not a length.
    #[error("bandwidth_m must be more than 0 and at most {MAX_BANDWIDTH_M} metres, not {0}")]
    Bandwidth(f64),
    /// The length of lixels is out of range.
    #[error("lixel_m must be 1 to 10000 metres, not {0}")]
    LixelLength(f64),
    /// Two lengths at once.
    #[error("method.lixel_m and method.lixel exclude each other; give one of them")]
    TwoLixels,
    /// The bandwidth does not reach from one lixel to the next.
    #[error(
        "a bandwidth of {bandwidth_m} m is finer than lixels of {lixel_m} m: most incidents would fall between their middles; choose shorter lixels or at least {lixel_m} m"
    )]
    FinerThanLixels {
        /// The bandwidth.
        bandwidth_m: f64,
        /// The length.
        lixel_m: f64,
    },
    /// The distance is out of range.
    #[error("snap_m must be more than 0 and at most {MAX_SNAP_M} metres, not {0}")]
    Snap(f64),
    /// The tolerance is out of range.
    #[error("node_tolerance_m must be 0.001 to {MAX_TOLERANCE_M} metres, not {0}")]
    Tolerance(f64),
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
    /// More lixels than can be shown.
    #[error(
        "the streets would make {count} lixels, more than {MAX_LIXELS}; choose a larger lixel_m, or load fewer streets"
    )]
    TooManyLixels {
        /// How many.
        count: u64,
    },
    /// A street off the plane.
    #[error("street `{id}`: {source}")]
    Outside {
        /// The street.
        id: String,
        /// Where.
        source: OutsidePlane,
    },
    /// The lines make no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Too many paths.
    #[error(transparent)]
    TooManyPaths(#[from] TooManyPaths),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoStreets => "no_streets",
            Self::UnknownVintage { .. } => "unknown_streets",
            Self::SeveralVintages { .. } => "ambiguous_streets",
            Self::Outside { .. } | Self::Network(_) => "unusable_streets",
            Self::TooManyLixels { .. } => "too_many_lixels",
            Self::TooManyPaths(_) => "too_many_paths",
            _ => "invalid_network_density",
        }
    }
}

impl Params {
    pub(crate) fn check(&self) -> Result<Option<f64>, Error> {
        let (h, snap) = (self.bandwidth_m, self.snap_m);
        if !(h > 0.0 && h <= MAX_BANDWIDTH_M) {
            return Err(Error::Bandwidth(h));
        }
        if !(snap > 0.0 && snap <= MAX_SNAP_M) {
            return Err(Error::Snap(snap));
        }
        if !(0.001..=MAX_TOLERANCE_M).contains(&self.node_tolerance_m) {
            return Err(Error::Tolerance(self.node_tolerance_m));
        }
        if self.max == Some(0) {
            return Err(Error::Max);
        }
        let lixel_m = match (self.lixel_m, self.lixel) {
            (Some(_), Some(_)) => return Err(Error::TwoLixels),
            (None, Some(Whole::Segment)) => return Ok(None),
            (Some(m), None) if (1.0..=10_000.0).contains(&m) => m,
            (Some(m), None) => return Err(Error::LixelLength(m)),
            (None, None) => LIXEL_M,
        };
        if h * self.kernel.support() < lixel_m {
            return Err(Error::FinerThanLixels {
                bandwidth_m: h,
                lixel_m,
            });
        }
        Ok(Some(lixel_m))
    }

    /// Names the vintage of the streets, where only one is loaded.
    pub(crate) fn pin(&mut self, snapshot: &crate::Snapshot) {
        if let (None, Ok([first, ..])) = (&self.vintage, self.streets(&snapshot.streets)) {
            self.vintage = Some(first.vintage.clone());
        }
    }

    pub(crate) fn streets<'a>(&self, streets: &'a [Street]) -> Result<&'a [Street], Error> {
        streets_of(self.vintage.as_deref(), streets)
    }
}

/// The streets of the vintage asked for, or of the only one.
pub(crate) fn streets_of<'a>(
    vintage: Option<&str>,
    streets: &'a [Street],
) -> Result<&'a [Street], Error> {
    let vintages: Vec<&[Street]> = streets.chunk_by(|a, b| a.vintage == b.vintage).collect();
    let known = || {
        let names: Vec<&str> = vintages.iter().map(|v| v[0].vintage.as_str()).collect();
        names.join(", ")
    };
    match (vintage, &vintages[..]) {
        (_, []) => Err(Error::NoStreets),
        (None, [only]) => Ok(only),
        (None, _) => Err(Error::SeveralVintages { known: known() }),
        (Some(v), all) => all
            .iter()
            .find(|s| s[0].vintage == *v)
            .copied()
            .ok_or_else(|| Error::UnknownVintage {
                vintage: v.to_owned(),
                known: known(),
            }),
    }
}

/// Length of street at positions: the network in pieces of at most so many metres, each with its
/// middle. What is drawn twice is there once.
pub(crate) fn pieces(
    streets: &[Street],
    longest_m: f64,
) -> Result<Vec<(Planar, LonLat, f64)>, Error> {
    let streets = Streets::new(streets, tolerance())?;
    let network = &streets.network;
    let count = network.total_length() / longest_m + network.len() as f64;
    if count > MAX_LIXELS as f64 {
        return Err(Error::TooManyLixels {
            count: count as u64,
        });
    }
    Ok(network
        .lixels(Some(longest_m))
        .par_iter()
        .filter_map(|lixel| {
            let at = streets.lon_lat(network.middle(lixel))?;
            Some((network.planar(lixel.centre()), at, lixel.length()))
        })
        .collect())
}

/// The streets as a network, with what each of its nodes is in degrees.
struct Streets<'a> {
    streets: &'a [Street],
    network: Network,
    lines: Vec<&'a geo::LineString>,
}

impl<'a> Streets<'a> {
    fn new(streets: &'a [Street], tolerance: f64) -> Result<Self, Error> {
        let parts: Vec<(u32, &geo::LineString)> = streets
            .iter()
            .enumerate()
            .flat_map(|(s, street)| street.geometry.iter().map(move |line| (s as u32, line)))
            .collect();
        let lines: Vec<StreetLine> = parts
            .par_iter()
            .map(|&(s, line)| Ok((s, projected(&streets[s as usize].id, line)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            streets,
            network: Network::new(&lines, tolerance)?,
            lines: parts.into_iter().map(|p| p.1).collect(),
        })
    }

    /// A vertex in degrees: as it was loaded, or between two such.
    fn lon_lat(&self, at: Between) -> Option<LonLat> {
        let degrees = |node| {
            let (line, vertex) = self.network.origin(node);
            self.lines[line as usize].0[vertex as usize]
        };
        let (a, b) = (degrees(at.a), degrees(at.b));
        LonLat::new(a.x + at.share * (b.x - a.x), a.y + at.share * (b.y - a.y)).ok()
    }
}

/// A line in the plane, to the millimetre.
fn projected(id: &str, line: &geo::LineString) -> Result<Vec<Planar>, Error> {
    let outside = |source| Error::Outside {
        id: id.to_owned(),
        source,
    };
    let positions = line
        .coords()
        .map(|c| {
            LonLat::new(c.x, c.y).map_err(|e| {
                outside(OutsidePlane {
                    what: plane::Position::Degrees(e.lon, e.lat),
                })
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mm = |v: f64| (v * 1000.0).round() / 1000.0;
    Ok(plane::project_all(&positions)
        .map_err(outside)?
        .into_iter()
        .map(|p| Planar {
            x: mm(p.x),
            y: mm(p.y),
        })
        .collect())
}

/// The incidents on the network.
struct Snapped {
    sources: Vec<Source>,
    /// Lixel and location, of the study area only, by lixel.
    members: Vec<(u32, LocationId)>,
    snapped: u64,
    too_far: (u64, u32),
    at_junctions: u64,
    farthest_m: f64,
}

/// Finds the density along streets.
///
/// # Errors
/// [`Error`] for parameters out of range, for streets that are not there or cannot be used, and for
/// too many lixels or paths.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    let lixel_m = params.check()?;
    let streets = params.streets(&selection.snapshot.streets)?;
    let streets = Streets::new(streets, params.node_tolerance_m)?;
    let network = &streets.network;
    if let Some(m) = lixel_m {
        let count = network.total_length() / m + network.len() as f64;
        if count > MAX_LIXELS as f64 {
            return Err(Error::TooManyLixels {
                count: count as u64,
            });
        }
    }
    let lixels = network.lixels(lixel_m);
    let reach_m = params.bandwidth_m * params.kernel.support();
    let longest_m = lixels.iter().map(Lixel::length).fold(0.0, f64::max);
    let found = snap_all(selection, params, network, &lixels, reach_m + longest_m);
    let centres: Vec<Position> = lixels.iter().map(Lixel::centre).collect();
    let density = network.density(
        &centres,
        &found.sources,
        Spread {
            kernel: params.kernel,
            bandwidth: params.bandwidth_m,
            rule: match params.split {
                Split::Continuous => Rule::Continuous,
                Split::Discontinuous => Rule::Discontinuous(DeadEnds::Reflect),
            },
        },
    )?;

    let edges = EdgeEffect::new(selection, reach_m);
    let members = &found.members;
    let mut results: Vec<(Planar, StreetLixel)> = lixels
        .par_iter()
        .enumerate()
        .filter_map(|(l, lixel)| {
            let first = members.partition_point(|m| m.0 < l as u32);
            let last = members.partition_point(|m| m.0 <= l as u32);
            let here: Vec<LocationId> = members[first..last].iter().map(|m| m.1).collect();
            let middle = streets.lon_lat(network.middle(lixel))?;
            let belongs = match &selection.area {
                Some(area) => area.covers(middle),
                None => density.values[l] > 0.0,
            };
            if !belongs && here.is_empty() {
                return None;
            }
            let at = network.planar(centres[l]);
            let facts = if here.is_empty() {
                None
            } else {
                PlaceFacts::of(selection, &here, comparable)
            };
            let along = network.streets(lixel);
            let main = &streets.streets[along.first().map_or(0, |s| s.0 as usize)];
            let id = |s: &(u32, f64)| streets.streets[s.0 as usize].id.clone();
            Some((
                at,
                StreetLixel {
                    id: String::new(),
                    rank: 0,
                    street: main.id.clone(),
                    name: main.name.clone(),
                    other_streets: along.iter().skip(1).map(id).collect(),
                    line: network
                        .vertices(lixel)
                        .into_iter()
                        .filter_map(|v| streets.lon_lat(v))
                        .collect(),
                    length_m: lixel.length(),
                    density_per_m: density.values[l],
                    count: facts.as_ref().map_or(0, |f| f.count),
                    facts,
                    share: None,
                    cumulative_share: None,
                    cumulative_length: 0.0,
                    edge_effect: edges.at(at),
                },
            ))
        })
        .collect();
    let key = |l: &StreetLixel| match params.rank_by {
        RankBy::Density => (l.density_per_m, f64::from(l.count)),
        RankBy::Count => (f64::from(l.count), l.density_per_m),
    };
    // Equals: from the west, then from the south.
    results.sort_by(|(p, a), (q, b)| {
        let (a, b) = (key(a), key(b));
        b.0.total_cmp(&a.0)
            .then(b.1.total_cmp(&a.1))
            .then(p.x.total_cmp(&q.x))
            .then(p.y.total_cmp(&q.y))
    });
    let length_m: f64 = results.iter().map(|r| r.1.length_m).sum();
    name_and_rank(&mut results, found.snapped, length_m);
    let mut shown: Vec<StreetLixel> = results.into_iter().map(|r| r.1).collect();
    let total = shown.len();
    let with_incidents = shown.iter().filter(|l| l.count > 0).count() as u32;
    shown.truncate(params.max.map_or(total, |m| m as usize));
    Ok(Outcome {
        beyond_max: (total - shown.len()) as u32,
        lixels: shown,
        params: params.clone(),
        vintage: streets.streets[0].vintage.clone(),
        network: NetworkFacts {
            streets: streets.streets.len(),
            segments: network.len(),
            junctions: network.junctions(),
            length_m: network.total_length(),
            repeated: network.repeated(),
        },
        lixel_m,
        found: total as u32,
        length_m,
        with_incidents,
        snapped: found.snapped,
        too_far: found.too_far,
        at_junctions: found.at_junctions,
        farthest_m: found.farthest_m,
        left_out_mass: density.left_out,
    })
}

/// Puts the selected incidents that can reach the study area onto the network.
fn snap_all(
    selection: &Selection,
    params: &Params,
    network: &Network,
    lixels: &[Lixel],
    reach_m: f64,
) -> Snapped {
    let at = |l: LocationId| selection.incidents().locations()[l as usize].planar();
    let bounds = selection.area.as_ref().map(StudyArea::planar_bounds);
    let far = reach_m + params.snap_m;
    let near = |p: Planar| {
        bounds.is_none_or(|(lo, hi)| {
            p.x >= lo.x - far && p.x <= hi.x + far && p.y >= lo.y - far && p.y <= hi.y + far
        })
    };
    let locations: Vec<(LocationId, u32)> = selection
        .locations()
        .filter(|(l, _)| near(at(*l)))
        .collect();
    let snapper = network.snapper();
    let nearest: Vec<Option<(Position, f64)>> = locations
        .par_iter()
        .map(|&(l, _)| snapper.nearest(at(l), params.snap_m))
        .collect();
    let mut found = Snapped {
        sources: Vec::with_capacity(locations.len()),
        members: Vec::new(),
        snapped: 0,
        too_far: (0, 0),
        at_junctions: 0,
        farthest_m: 0.0,
    };
    for ((location, count), nearest) in locations.into_iter().zip(nearest) {
        let inside = selection.is_inside(location);
        let Some((position, distance)) = nearest else {
            if inside {
                found.too_far.0 += u64::from(count);
                found.too_far.1 += 1;
            }
            continue;
        };
        found.sources.push(Source {
            at: position,
            weight: f64::from(count),
        });
        if inside {
            found.snapped += u64::from(count);
            found.farthest_m = found.farthest_m.max(distance);
            if network.is_junction(position) {
                found.at_junctions += u64::from(count);
            }
            let after =
                lixels.partition_point(|l| (l.edge, l.from) <= (position.edge, position.offset));
            found
                .members
                .push((after.saturating_sub(1) as u32, location));
        }
    }
    found.members.sort_unstable();
    found
}

/// Gives the ranked lixels their ids, ranks and shares.
fn name_and_rank(ranked: &mut [(Planar, StreetLixel)], snapped: u64, length_m: f64) {
    let mut taken = std::collections::HashMap::new();
    let (mut count, mut length) = (0_u64, 0.0);
    for (i, (at, lixel)) in ranked.iter_mut().enumerate() {
        let mm = |v: f64| (v * 1000.0).round() as i64;
        let id = format!("e{}n{}", mm(at.x), mm(at.y));
        // Streets that cross at their middles, one over the other.
        let n = taken.entry(id.clone()).or_insert(0_u32);
        *n += 1;
        lixel.id = if *n == 1 { id } else { format!("{id}-{n}") };
        lixel.rank = i as u32 + 1;
        count += u64::from(lixel.count);
        length += lixel.length_m;
        let share = |n: u64| (snapped >= LEAST_BASE).then(|| n as f64 / snapped as f64);
        lixel.share = share(u64::from(lixel.count));
        lixel.cumulative_share = share(count);
        lixel.cumulative_length = length / length_m;
    }
}
