//! Scan statistics: the most likely clusters in space and time, and whether chance alone makes as much.
//!
//! **What it answers.** Nobody knows beforehand where a cluster would be, how wide, or when. Looked at
//! through every circle and every spell of time, where and when was there most more than usual? And,
//! since the most of so many windows is always much: would chance alone show as much somewhere?
//!
//! **Model.** A window is a circle times a spell of whole steps (days, weeks, months). Circles are
//! centred on every place and grow from place to place up to `max_radius_m` and `max_share`; spells
//! have up to `max_duration_steps`, half of the period without it. Of c incidents in a window where μ
//! are expected, of C in all, the log likelihood ratio is
//! c ln(c/μ) + (C−c) ln((C−c)/(C−μ)) where c > μ, else 0: only more than usual is looked for. What is
//! expected is the model's:
//!
//! - `space_time_permutation` (Kulldorff et al. 2005) needs the incidents alone: μ = (incidents of the
//!   circle at all times) × (incidents of the spell at all places) / C. A place that is always busy is no
//!   cluster, and neither is a busy month: only what is busy there and then. `max_share` is of the
//!   incidents.
//! - `poisson`: μ = C × the circle's share of a baseline × the spell's share of time, by days (`even`) or
//!   by when incidents fell in the whole study area (`observed`). The baseline stands for a population,
//!   and is named for what it is: records of an earlier period, of other groups, or both. A place with
//!   less than `floor` (0.5) of it counts as if it had that: an incident where none was before is rare,
//!   not impossible; the number of places so raised is stated. The function [`scan`] takes any
//!   population. `max_share` is of the baseline.
//! - `bernoulli`: each incident of either group is of the first with one probability; the ratio is the
//!   usual one of two binomials, μ = C × (incidents of both in the window) / (of both in all). Where is
//!   there more of this among that? A record of both groups counts in the first. `max_share` is of both.
//!
//! **Analyses.** `retrospective`: spells of any time. `prospective`: only those that reach the last step,
//! clusters that are alive. `spatial`: the whole period at once (Poisson and Bernoulli).
//!
//! **Secondary clusters.** The best window of each centre is a candidate; in the order of their ratios
//! each is a cluster that shares no place with a better one (SaTScan's "no geographical overlap").
//!
//! **Inference.** Replicates are drawn as the model says: the times of the incidents in another order;
//! incidents thrown by baseline and time; labels dealt out anew among both groups. In each the
//! highest ratio of all windows is found. p is the headline: (1 + replicates whose highest ratio is at
//! least the cluster's) / (1 + replicates). It is corrected for all the windows by its making. For
//! secondary clusters it errs on the side of caution. When `stop_after` (50) replicates have reached the
//! most likely cluster they end, and p is those over all drawn so far (Besag & Clifford 1991), at least
//! 50/998: stopping touches no p below a twentieth. `p_gumbel` beside it is the tail of the Gumbel
//! distribution with the maxima's mean and (population) standard deviation: it tells p apart that are
//! below what replicates can, and is an approximation (Abrams, Kleinman & Kulldorff 2010).
//! `recurrence_interval_days` of a prospective analysis is the length of a step over p (a month has
//! 30.436875 days): done once a step, chance alone shows as strong a cluster once in so many days. Who
//! looks every week has many looks: with `first_look`, p compares with the maximum over every window
//! that has ended since then.
//!
//! **Places.** Distinct locations, or H3 cells at their centres. **Equal distances:** places at one
//! distance from a centre enter its circles together, so that no order of records decides what is in
//! a circle; distances are compared in whole millimetres. SaTScan adds them one by one, in an order of
//! its own: where distances tie its circles are more, and its maximum can be higher.
//!
//! **Time.** Steps as in [`crate::steps`]; an incident counts in the step of its first minute. Days and
//! weeks of records known to the month are refused. Steps in which the study area has no record of any
//! kind are counted, and refused where an even fall in time would expect some of them.
//!
//! **Counts.** `count` and `observed` are the cluster's own incidents: those at its places on its days.
//! `count_inside_outline` counts by plain geometry. A circle is drawn around its farthest place, with
//! 25 m at least, since one place has no extent; `radius_m` is the true one.
//!
//! **Edge cases.** A place that alone has more than `max_share` is in no circle. No incidents, one, or
//! all at one place or (permutation) in one step make no cluster. `relative_risk` is null where no
//! incident is outside. Without replicates there is no p.
//!
//! **How it can mislead.** The most likely cluster is always there: without a small p it is nothing, and
//! its ratio is inflated because it was picked for it. A cluster's edge is rough: windows a place or a
//! step larger or smaller are nearly as likely. The permutation model sees nothing that lasted the whole
//! period, and takes for clusters where people moved in or out: keep the period below a few years.
//! Records are not a population: where the baseline is reported less, everything else is a cluster.
//! Several records of one incident are one cluster of one place. On map points circles are those of a
//! list of points. What lies beyond the boundary is in no circle: `edge_effect`.
//!
//! **Complexity.** Pairs of centre and place in a circle are kept ([`MAX_PAIRS`] at most). Each replicate
//! looks at all windows of all circles, most of them in blocks that cannot win: see
//! `windows.rs`. 3.4 · 10⁹ windows (4,528 places, 365 days, spells up to 30) take some hundredths of a
//! second on one thread, exactly.
//!
//! **Calibration.** Real map points, and nothing but chance: of 1,000 maps the share with any cluster of
//! p ≤ 0.05, which may be a twentieth at most, and its 95 % interval (Clopper & Pearson). Burglary of
//! Havering, 2022: 1,077 records on 791 points, months, circles up to 1 km, spells up to half a year,
//! 199 replicates for each map.
//!
//! | made by chance | share of maps | 95 % interval |
//! |---|---|---|
//! | months permuted, retrospective | 0.048 | 0.036 to 0.063 |
//! | months permuted, prospective | 0.050 | 0.037 to 0.065 |
//!
//! `cargo run --release -p isopleth-benches --bin figures -- scan.calibration` prints it, and the same of
//! the Bernoulli model (labels of burglary and vehicle crime dealt out anew) and the Poisson model.
//!
//! **References.** Kulldorff 1997, *Communications in Statistics* 26, doi 10.1080/03610929708831995;
//! Kulldorff, Heffernan, Hartman, Assunção & Mostashari 2005, *PLoS Medicine* 2, doi
//! 10.1371/journal.pmed.0020059; Kulldorff 2001, *JRSS A* 164, doi 10.1111/1467-985X.00186 (prospective,
//! earlier looks); Besag & Clifford 1991, *Biometrika* 78, doi 10.1093/biomet/78.2.301; Abrams, Kleinman &
//! Kulldorff 2010, *International Journal of Health Geographics* 9, doi 10.1186/1476-072X-9-61; Neill &
//! Moore 2003, CMU-CS-03-154 (bounds over blocks of windows).
//!
//! **Checked against.** SaTScan 9.6's printed clusters of New York leukaemia (places, radius, population,
//! cases, expected, relative risk, ratio: every printed digit of all seven); SaTScan 10.3.2's of two
//! space-time permutation scans of 1,140 and 4,528 places; a brute force of New York fever,
//! prospectively; every window of small studies of each model by brute force, by property tests.
//!
//! ```
//! use isopleth_core::methods::space_time_scan::{Ends, MonteCarlo, Null, Study, Windows, scan};
//! // Three places; the second has four of its five cases in step 3.
//! let study = Study {
//!     points: vec![(0.0, 0.0), (500.0, 0.0), (2000.0, 0.0)],
//!     cases: vec![(0, 0), (0, 1), (0, 4), (1, 0), (1, 3), (1, 3), (1, 3), (1, 3), (2, 1), (2, 2), (2, 4), (2, 0)],
//!     steps: 5,
//!     null: Null::Permutation,
//! };
//! let windows = Windows { max_radius: Some(1000.0), max_share: 0.5, steps: (1, 2), min_count: 2, ends: Ends::Any };
//! let found = scan(&study, &windows, MonteCarlo { replicates: 99, stop_after: 0, seed: 1 })?;
//! let first = &found.clusters[0];
//! assert_eq!((first.places.as_slice(), first.steps, first.observed), ([1].as_slice(), (3, 4), 4));
//! assert!((first.expected - 5.0 * 4.0 / 12.0).abs() < 1e-12);
//! # Ok::<(), isopleth_core::methods::space_time_scan::StudyError>(())
//! ```

mod circles;
mod clusters;
mod likelihood;
mod places;
mod replicates;
mod scan;
mod study;
mod windows;

use serde::{Deserialize, Serialize};

pub use circles::MAX_PAIRS;
pub use clusters::Cluster;
pub use replicates::Chance;
pub use scan::{Found, Scan, scan};
pub use study::{Ends, MonteCarlo, Null, Study, StudyError, Time, Windows};

use crate::against::{Against, Other};
use crate::domain::{CivilMinute, Lens, Period};
use crate::lattice::LatticeError;
use crate::plane::OutsidePlane;
use crate::request::Select;
use crate::select::{SelectError, Selection};
use crate::steps::{Step, Steps, StepsError};
use crate::tally::{CountedBy, Unit, UnitError};

/// Most replicates.
pub const MAX_REPLICATES: u32 = 99_999;

/// Greatest radius, metres.
pub const MAX_RADIUS_M: f64 = 100_000.0;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What would be usual.
    #[serde(default)]
    pub model: Model,
    /// Whether clusters of any time are looked for, those that are alive, or clusters without time.
    #[serde(default)]
    pub analysis: Analysis,
    /// Steps of time.
    #[serde(default)]
    pub step: Step,
    /// What the places are.
    #[serde(default)]
    pub unit: Unit,
    /// Resolution of the H3 cells, 6 to 12; 10 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Greatest radius of a circle, metres.
    #[serde(default = "a_kilometre")]
    pub max_radius_m: f64,
    /// Greatest share of the incidents (permutation), of the baseline (Poisson) or of both groups
    /// (Bernoulli) in a circle.
    #[serde(default = "half")]
    pub max_share: f64,
    /// Fewest steps of a cluster.
    #[serde(default = "one")]
    pub min_duration_steps: u32,
    /// Most steps of a cluster; without it half of the period's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_steps: Option<u32>,
    /// Fewest incidents of a cluster.
    #[serde(default = "two")]
    pub min_count: u32,
    /// Replicates for p at most; 0 for none.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// They end when so many have reached the most likely cluster, which then is no rare one; 0 for
    /// never.
    #[serde(default = "usual_stop")]
    pub stop_after: u32,
    /// What the replicates are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Of a prospective analysis the last day of the first look, where the same is asked again and
    /// again: p is then that of all looks since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_look: Option<Period>,
    /// Only clusters with a p of at most this; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_p: Option<f64>,
    /// Only the first so many; the number left out is stated.
    #[serde(default = "ten")]
    pub max: u32,
}

fn a_kilometre() -> f64 {
    1000.0
}

fn half() -> f64 {
    0.5
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

fn ten() -> u32 {
    10
}

fn usual_replicates() -> u32 {
    999
}

fn usual_stop() -> u32 {
    50
}

impl Default for Params {
    fn default() -> Self {
        Self {
            model: Model::default(),
            analysis: Analysis::default(),
            step: Step::default(),
            unit: Unit::default(),
            h3_resolution: None,
            max_radius_m: a_kilometre(),
            max_share: half(),
            min_duration_steps: one(),
            max_duration_steps: None,
            min_count: two(),
            replicates: usual_replicates(),
            stop_after: usual_stop(),
            seed: 0,
            first_look: None,
            max_p: None,
            max: ten(),
        }
    }
}

/// What would be usual.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Each place has its incidents whenever the study area has.
    #[default]
    SpaceTimePermutation,
    /// Incidents fall in proportion to a baseline.
    Poisson(Poisson),
    /// Incidents are any of those of two groups.
    Bernoulli(Bernoulli),
}

impl Model {
    /// The name in documents.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SpaceTimePermutation => "space_time_permutation",
            Self::Poisson(_) => "poisson",
            Self::Bernoulli(_) => "bernoulli",
        }
    }
}

/// The Poisson model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poisson {
    /// What stands for a population.
    pub baseline: Baseline,
    /// How many fall in each step.
    #[serde(default)]
    pub time: Trend,
    /// A place with less of the baseline counts as if it had this much.
    #[serde(default = "half")]
    pub floor: f64,
}

/// How incidents of the Poisson model would fall in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// By the days of each step.
    #[default]
    Even,
    /// As all of the study area's did: what is more everywhere at once makes no cluster.
    Observed,
}

impl Trend {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Even => "even",
            Self::Observed => "observed",
        }
    }
}

/// Records that stand for a population: the same selection with what is named here in its place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Another period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Other offence groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Their sub-types; without them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_types: Option<Vec<String>>,
    /// Another lens; without it the selection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lens: Option<Lens>,
}

/// The Bernoulli model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bernoulli {
    /// The group that the selected incidents are held against.
    pub against: Against,
}

/// When clusters may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analysis {
    /// At any time of the period.
    #[default]
    Retrospective,
    /// Up to its last step: clusters that are alive.
    Prospective,
    /// The whole period at once: clusters in space alone.
    Spatial,
}

impl Analysis {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Retrospective => "retrospective",
            Self::Prospective => "prospective",
            Self::Spatial => "spatial",
        }
    }
}

/// What stood for a population.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineFacts {
    /// Lens.
    pub lens: Lens,
    /// Offence groups.
    pub groups: Vec<String>,
    /// First and last day, where it has a period.
    pub period: Option<(String, String)>,
    /// Its records in the study area.
    pub records: u64,
    /// Places that have less than the floor and count as if they had it.
    pub raised: u64,
    /// What the floor adds to the baseline, as a share of it.
    pub added_share: f64,
}

/// Clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// What the places are.
    pub unit: CountedBy,
    /// The clusters, most likely first.
    pub clusters: Vec<Cluster>,
    /// Clusters left out because their p is too high.
    pub above_max_p: u32,
    /// Clusters left out because there were more than asked for.
    pub beyond_max: u32,
    /// The steps; none for an analysis in space alone.
    pub steps: Option<Steps>,
    /// Steps without a record of any kind in the study area.
    pub steps_without_records: u32,
    /// Most steps of a cluster, as resolved.
    pub max_duration_steps: Option<u32>,
    /// Selected incidents that were scanned.
    pub incidents: u64,
    /// Selected incidents in days that make no whole step.
    pub left_out: u64,
    /// Places, each the centre of circles.
    pub places: usize,
    /// Circles.
    pub circles: usize,
    /// Windows.
    pub windows: u64,
    /// What chance made.
    pub chance: Chance,
    /// The baseline of the Poisson model.
    pub baseline: Option<BaselineFacts>,
    /// The second group of the Bernoulli model.
    pub other: Option<Other>,
    /// Incidents at anonymous map points.
    pub snap_points: u64,
    /// Incidents placed at a police station or the centre of an area.
    pub misplaced: u64,
}

/// Why nothing can be scanned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number out of range.
    #[error("{field} must be {range}, not {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: &'static str,
        /// The value.
        value: f64,
    },
    /// A field that another makes meaningless.
    #[error("{field} is for {of}; leave it out")]
    NotFor {
        /// The field.
        field: &'static str,
        /// What it is for.
        of: &'static str,
    },
    /// A first look outside the period.
    #[error(
        "first_look ends on {day}, which lies in no step of the period; name the last day of the first look, no later than the period's"
    )]
    FirstLook {
        /// Its last day.
        day: String,
    },
    /// A p that no scan can reach.
    #[error(
        "max_p is {max_p}, and {replicates} replicates cannot make a p below {least}: nothing could be found; use more replicates or a greater max_p"
    )]
    Unreachable {
        /// The greatest p.
        max_p: f64,
        /// Replicates.
        replicates: u32,
        /// Their least p.
        least: f64,
    },
    /// A spell longer than the period, or of no step.
    #[error("max_duration_steps must be 1 to {steps}, the steps of the period, not {value}")]
    MaxDuration {
        /// Steps of the period.
        steps: usize,
        /// The value.
        value: u32,
    },
    /// A least spell out of range.
    #[error(
        "min_duration_steps must be 1 to {most}, which is max_duration_steps (half of the period where it is not named), not {value}"
    )]
    MinDuration {
        /// Greatest spell.
        most: usize,
        /// The value.
        value: u32,
    },
    /// A permutation in space alone.
    #[error(
        "the space-time permutation model looks at times, and an analysis in space alone has none; use the poisson or bernoulli model"
    )]
    NoTime,
    /// A baseline of the selection itself.
    #[error(
        "the baseline names nothing of its own; name an earlier period, other groups, sub-types or another lens"
    )]
    NothingNamed,
    /// A baseline that shares records with the selection.
    #[error(
        "{0} records belong to both the selection and its baseline, and would be expected because they happened; name a period or groups apart"
    )]
    SharedRecords(u64),
    /// A baseline without records.
    #[error("the baseline has no records in the study area; name a longer period or other groups")]
    NoBaseline,
    /// A second group without records.
    #[error(
        "`against` has no records in the study area and period that the selection does not have: there is nothing to hold it against; name other groups, sub-types or another lens"
    )]
    NoSecond,
    /// A baseline that was not supplied.
    #[error(
        "{missing} of {months} months of the baseline's period have no records of any kind in the study area: what was not supplied cannot be expected; name a period that the data covers"
    )]
    BaselineNotCovered {
        /// Months of the period.
        months: u32,
        /// Months without records.
        missing: u32,
    },
    /// Steps that were not supplied.
    #[error(
        "{0} steps of the period have no records of any kind in the study area, where an even fall in time would expect some; name a period that the data covers, or \"time\": \"observed\""
    )]
    StepsNotCovered(u32),
    /// Records that lie only partly in the hours.
    #[error(
        "{0} records of the second group or baseline lie only partly in the hours asked for; choose hours that no record's interval crosses"
    )]
    Fractional(u64),
    /// The second group or baseline.
    #[error("the second group or baseline: {0}")]
    Second(SelectError),
    /// The steps.
    #[error(transparent)]
    Steps(#[from] StepsError),
    /// The places.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The scan.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// What leaves the plane.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl From<OutsidePlane> for Error {
    fn from(source: OutsidePlane) -> Self {
        Self::Lattice(LatticeError::Outside(source))
    }
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fractional(_) => "fractional_weights",
            Self::Steps(e) => e.code(),
            Self::Study(StudyError::TooManyPairs) => "too_many_pairs",
            Self::Study(StudyError::TooManyWindows { .. }) => "too_many_windows",
            Self::BaselineNotCovered { .. } | Self::StepsNotCovered(_) => "not_covered",
            _ => "invalid_space_time_scan",
        }
    }
}

impl Params {
    fn check(&self) -> Result<(), Error> {
        let range = |field, range, value: f64, ok: bool| {
            if ok {
                Ok(())
            } else {
                Err(Error::Range {
                    field,
                    range,
                    value,
                })
            }
        };
        let radius = self.max_radius_m;
        let ok = radius > 0.0 && radius <= MAX_RADIUS_M;
        range(
            "max_radius_m",
            "more than 0 and at most 100000 metres",
            radius,
            ok,
        )?;
        let share = self.max_share;
        let ok = share > 0.0 && share <= 1.0;
        range("max_share", "more than 0 and at most 1", share, ok)?;
        let count = f64::from(self.min_count);
        range("min_count", "1 or more", count, self.min_count >= 1)?;
        let replicates = f64::from(self.replicates);
        let ok = self.replicates <= MAX_REPLICATES;
        range("replicates", "0 to 99999", replicates, ok)?;
        if let Some(p) = self.max_p {
            let ok = p > 0.0 && p <= 1.0;
            range("max_p", "more than 0 and at most 1", p, ok)?;
            if self.replicates == 0 {
                return Err(Error::NotFor {
                    field: "max_p",
                    of: "scans with replicates",
                });
            }
            let least = 1.0 / (replicates + 1.0);
            if p < least {
                return Err(Error::Unreachable {
                    max_p: p,
                    replicates: self.replicates,
                    least,
                });
            }
        }
        if let Model::Poisson(poisson) = &self.model {
            let floor = poisson.floor;
            let ok = floor.is_finite() && floor > 0.0;
            range("floor", "more than 0", floor, ok)?;
        }
        let not_for = |field, of, given: bool| {
            if given {
                Err(Error::NotFor { field, of })
            } else {
                Ok(())
            }
        };
        let spatial = self.analysis == Analysis::Spatial;
        let in_time = "an analysis in time";
        not_for(
            "max_duration_steps",
            in_time,
            spatial && self.max_duration_steps.is_some(),
        )?;
        not_for(
            "min_duration_steps",
            in_time,
            spatial && self.min_duration_steps != 1,
        )?;
        not_for(
            "first_look",
            "a prospective analysis",
            self.analysis != Analysis::Prospective && self.first_look.is_some(),
        )?;
        if spatial && self.model == Model::SpaceTimePermutation {
            return Err(Error::NoTime);
        }
        Ok(())
    }

    /// Fewest and most steps of a window.
    fn lengths(&self, steps: Option<&Steps>) -> Result<(usize, usize), Error> {
        let Some(steps) = steps else {
            return Ok((1, 1));
        };
        let least = self.min_duration_steps as usize;
        let most = match self.max_duration_steps {
            Some(most) if most == 0 || most as usize > steps.len() => {
                return Err(Error::MaxDuration {
                    steps: steps.len(),
                    value: most,
                });
            }
            Some(most) => most as usize,
            None => (steps.len() / 2).max(1),
        };
        if least == 0 || least > most {
            return Err(Error::MinDuration {
                most,
                value: self.min_duration_steps,
            });
        }
        Ok((least, most))
    }

    /// When windows end.
    fn ends(&self, steps: Option<&Steps>) -> Result<Ends, Error> {
        if self.analysis != Analysis::Prospective {
            return Ok(Ends::Any);
        }
        let first_look = self
            .first_look
            .map(|look| {
                let last: CivilMinute = look.minutes().1 - 1;
                steps
                    .and_then(|s| s.holding(last))
                    .ok_or_else(|| Error::FirstLook {
                        day: look.last_day(),
                    })
            })
            .transpose()?;
        Ok(Ends::Last { first_look })
    }
}

/// Scans a selection, made by a request's `select`.
///
/// # Errors
/// [`Error`] for parameters out of range, steps finer than the data, and second groups or baselines
/// that cannot be held against.
pub fn run(selection: &Selection, select: &Select, params: &Params) -> Result<Outcome, Error> {
    params.check()?;
    let unit = CountedBy::of(params.unit, params.h3_resolution)?;
    let steps = match params.analysis {
        Analysis::Spatial => None,
        _ => Some(Steps::of_selection(selection, params.step)?),
    };
    let lengths = params.lengths(steps.as_ref())?;
    let ends = params.ends(steps.as_ref())?;
    let gathered = places::gather(selection, select, params, unit, steps.as_ref())?;
    let windows = Windows {
        // Places are in millimetres.
        max_radius: Some(params.max_radius_m * 1000.0),
        max_share: params.max_share,
        steps: lengths,
        min_count: params.min_count,
        ends,
    };
    let how = MonteCarlo {
        replicates: params.replicates,
        stop_after: params.stop_after,
        seed: params.seed,
    };
    let study = &gathered.study;
    let permutes_nothing =
        study.cases.is_empty() || study.null == Null::Permutation && study.steps < 2;
    let scanned = if permutes_nothing {
        Scan::of_nothing(study)
    } else {
        scan(study, &windows, how)?
    };
    let found = scanned.clusters.len();
    let fits = |f: &&Found| match params.max_p {
        Some(most) => scanned.chance.p(f.llr).is_some_and(|p| p <= most),
        None => true,
    };
    let kept: Vec<&Found> = scanned.clusters.iter().filter(fits).collect();
    let above_max_p = (found - kept.len()) as u32;
    let shown = kept.len().min(params.max as usize);
    let clusters = clusters::describe(
        selection,
        params,
        &gathered,
        unit,
        steps.as_ref(),
        &kept[..shown],
        &scanned.chance,
    )?;
    Ok(Outcome {
        params: params.clone(),
        unit,
        clusters,
        above_max_p,
        beyond_max: (kept.len() - shown) as u32,
        steps_without_records: gathered.steps_without_records,
        max_duration_steps: steps.is_some().then_some(lengths.1 as u32),
        steps,
        incidents: study.cases.len() as u64,
        left_out: gathered.left_out,
        places: scanned.places,
        circles: scanned.circles,
        windows: scanned.windows,
        chance: scanned.chance,
        baseline: gathered.baseline,
        other: gathered.other,
        snap_points: gathered.snap_points,
        misplaced: gathered.misplaced,
    })
}
