//! What is scanned, on any plane and in any steps of time.

use super::circles::MAX_PAIRS;

/// Most steps of time: those of a period.
pub(super) const MAX_STEPS: usize = crate::steps::MAX_STEPS;

/// Most windows that are looked at, of the data and of all replicates together.
pub const MAX_LOOKS: u64 = 20_000_000_000_000;

/// Cases by place and step, and what they are held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// Where the places are, in any one unit of length.
    pub points: Vec<(f64, f64)>,
    /// Place and step of every case.
    pub cases: Vec<(u32, u32)>,
    /// Number of steps; 1 for circles without time.
    pub steps: usize,
    /// What would be usual.
    pub null: Null,
}

/// What would be usual.
#[derive(Debug, Clone, PartialEq)]
pub enum Null {
    /// Times have nothing to do with places: each place keeps its number of cases, and each step.
    Permutation,
    /// Cases fall by the places' populations.
    Poisson {
        /// Population of each place, more than 0.
        population: Vec<f64>,
        /// How they fall in time.
        time: Time,
    },
    /// Cases are any of the cases and controls.
    Bernoulli {
        /// Place and step of every control.
        controls: Vec<(u32, u32)>,
    },
}

/// How cases of a population would fall in time.
#[derive(Debug, Clone, PartialEq)]
pub enum Time {
    /// By the lengths of the steps, each more than 0.
    Even(Vec<f64>),
    /// As they did fall over all places together.
    Observed,
}

/// Which windows are looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// Greatest radius, itself allowed.
    pub max_radius: Option<f64>,
    /// Greatest share of the cases (permutation), the population (Poisson) or the cases and controls
    /// (Bernoulli) in a circle, itself allowed, up to 1.
    pub max_share: f64,
    /// Fewest and most steps.
    pub steps: (usize, usize),
    /// Fewest cases of a window.
    pub min_count: u32,
    /// When they end.
    pub ends: Ends,
}

/// When windows end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// At any step.
    Any,
    /// At the last one: clusters that are alive.
    Last {
        /// The step that the first of all looks ended with; what chance does is then taken over every
        /// look since.
        first_look: Option<usize>,
    },
}

/// How chance is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonteCarlo {
    /// Replicates at most; 0 for no p.
    pub replicates: u32,
    /// The replicates end when so many have reached the most likely cluster; 0 for never.
    pub stop_after: u32,
    /// What they are drawn from.
    pub seed: u64,
}

/// Why nothing can be scanned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// A coordinate, population or length that is none.
    #[error("{what} of number {index} is {value}, which must be {must}")]
    Value {
        /// What it is.
        what: &'static str,
        /// Which of them, from 0.
        index: usize,
        /// The value.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
    /// A list of another length.
    #[error("{what}: {found} of them for {expected} {of}")]
    Length {
        /// The list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The right one.
        expected: usize,
        /// What it has to match.
        of: &'static str,
    },
    /// A case or control outside places or steps.
    #[error(
        "a case or control at place {place} in step {step}, but there are {places} places and {steps} steps"
    )]
    Outside {
        /// Its place.
        place: u32,
        /// Its step.
        step: u32,
        /// Number of places.
        places: usize,
        /// Number of steps.
        steps: usize,
    },
    /// A limit out of range.
    #[error("{field} must be {range}, not {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: &'static str,
        /// The value.
        value: f64,
    },
    /// More pairs than are kept.
    #[error(
        "the circles hold more than {MAX_PAIRS} pairs of a centre and a place; take a smaller max_radius_m or max_share, larger cells, or a smaller area"
    )]
    TooManyPairs,
    /// More windows than are looked at.
    #[error(
        "{windows} windows in {replicates} replicates are more than the {MAX_LOOKS} that are looked at; take fewer replicates, a smaller max_duration_steps or max_radius_m, longer steps, or larger cells"
    )]
    TooManyWindows {
        /// Windows of each.
        windows: u64,
        /// Replicates.
        replicates: u32,
    },
    /// A permutation without time.
    #[error(
        "with one step of time there is nothing to permute; take more steps, or the Poisson or Bernoulli model"
    )]
    NoTime,
}

impl Study {
    /// Checks everything that a scan relies on.
    pub(super) fn check(&self, windows: &Windows) -> Result<(), StudyError> {
        let number =
            |what, must, values: &mut dyn Iterator<Item = f64>, ok: fn(f64) -> bool| match values
                .enumerate()
                .find(|v| !ok(v.1))
            {
                None => Ok(()),
                Some((index, value)) => Err(StudyError::Value {
                    what,
                    index,
                    value,
                    must,
                }),
            };
        let coordinates = &mut self.points.iter().flat_map(|p| [p.0, p.1]);
        number("the coordinate", "finite", coordinates, f64::is_finite)?;
        let length = |what, found, expected, of| {
            if found == expected {
                Ok(())
            } else {
                Err(StudyError::Length {
                    what,
                    found,
                    expected,
                    of,
                })
            }
        };
        let (places, steps) = (self.points.len(), self.steps);
        let positive: fn(f64) -> bool = |v| v.is_finite() && v > 0.0;
        let controls = match &self.null {
            Null::Permutation if steps < 2 => return Err(StudyError::NoTime),
            Null::Permutation => &[][..],
            Null::Poisson { population, time } => {
                length("populations", population.len(), places, "places")?;
                let must = "finite and more than 0";
                let values = &mut population.iter().copied();
                number("the population", must, values, positive)?;
                if let Time::Even(lengths) = time {
                    length("lengths", lengths.len(), steps, "steps")?;
                    let values = &mut lengths.iter().copied();
                    number("the length of the step", must, values, positive)?;
                }
                &[][..]
            }
            Null::Bernoulli { controls } => controls.as_slice(),
        };
        for &(place, step) in self.cases.iter().chain(controls) {
            if place as usize >= places || step as usize >= steps {
                return Err(StudyError::Outside {
                    place,
                    step,
                    places,
                    steps,
                });
            }
        }
        let range = |field, range, value: f64, ok: bool| {
            if ok {
                Ok(())
            } else {
                Err(StudyError::Range {
                    field,
                    range,
                    value,
                })
            }
        };
        let radius = windows.max_radius.unwrap_or(0.0);
        let ok = radius.is_finite() && radius >= 0.0;
        range("the greatest radius", "finite and 0 or more", radius, ok)?;
        let share = windows.max_share;
        let ok = share > 0.0 && share <= 1.0;
        range("max_share", "more than 0 and at most 1", share, ok)?;
        let most = MAX_STEPS as f64;
        let ok = (1..=MAX_STEPS).contains(&steps);
        range(
            "the number of steps",
            "1 to 4000",
            steps as f64,
            ok && most > 0.0,
        )?;
        let (least, most) = windows.steps;
        range(
            "the fewest steps of a window",
            "1 up to the most",
            least as f64,
            least >= 1 && least <= most,
        )?;
        range(
            "the most steps of a window",
            "no more than there are",
            most as f64,
            most <= steps,
        )?;
        let count = windows.min_count;
        range("min_count", "1 or more", f64::from(count), count >= 1)?;
        if let Ends::Last {
            first_look: Some(step),
        } = windows.ends
        {
            range(
                "the step of the first look",
                "one of the steps",
                step as f64,
                step < steps,
            )?;
        }
        Ok(())
    }

    /// The weights that the share of a circle goes by.
    pub(super) fn weights(&self) -> Vec<f64> {
        let mut weights = vec![0.0; self.points.len()];
        let controls = match &self.null {
            Null::Poisson { population, .. } => return population.clone(),
            Null::Permutation => &[][..],
            Null::Bernoulli { controls } => controls.as_slice(),
        };
        for &(place, _) in self.cases.iter().chain(controls) {
            weights[place as usize] += 1.0;
        }
        weights
    }
}
