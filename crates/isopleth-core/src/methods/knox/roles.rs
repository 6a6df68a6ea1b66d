//! What part an event plays: who came before it near by, and who followed.

use super::pairs::Ordered;
use super::{Metric, Reach};

/// The part of an event that has others near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Somebody follows, nobody came before.
    Originator,
    /// It follows an event within the near distance, and none within the repeat distance.
    NearRepeat,
    /// It follows an event within the repeat distance.
    Repeat,
    /// All that is near it happened on its own day: who was first is not known.
    SameDay,
}

impl Role {
    /// The name used in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Originator => "originator",
            Self::NearRepeat => "near_repeat",
            Self::Repeat => "repeat",
            Self::SameDay => "same_day",
        }
    }
}

/// How many events lie near one, by order in time. Near ones are farther than the repeat distance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Earlier events within the repeat distance.
    pub repeats_before: u32,
    /// Earlier events within the near distance.
    pub near_before: u32,
    /// Later events within the repeat distance.
    pub repeats_after: u32,
    /// Later events within the near distance.
    pub near_after: u32,
    /// Events of the same day within the near distance, the repeat distance included.
    pub same_day: u32,
    /// Days since the latest of the earlier ones.
    pub days_since: Option<u32>,
}

impl Neighbours {
    /// The role that follows from them; `None` for an event with nothing near it.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        if self.repeats_before > 0 {
            Some(Role::Repeat)
        } else if self.near_before > 0 {
            Some(Role::NearRepeat)
        } else if self.repeats_after + self.near_after > 0 {
            Some(Role::Originator)
        } else if self.same_day > 0 {
            Some(Role::SameDay)
        } else {
            None
        }
    }

    fn before(&mut self, repeat: bool, apart: u32) {
        *(if repeat {
            &mut self.repeats_before
        } else {
            &mut self.near_before
        }) += 1;
        self.days_since = Some(self.days_since.map_or(apart, |d| d.min(apart)));
    }

    fn after(&mut self, repeat: bool) {
        *(if repeat {
            &mut self.repeats_after
        } else {
            &mut self.near_after
        }) += 1;
    }
}

/// The neighbours of each event: those nearer than the reach in distance and in days, both half
/// open. Points and reach are in one unit.
#[must_use]
pub fn neighbours(
    points: &[(f64, f64)],
    days: &[i32],
    metric: Metric,
    reach: Reach,
) -> Vec<Neighbours> {
    let events = Ordered::new(points, days, metric, reach.near);
    let repeat = Ordered::measure(metric, reach.repeat);
    let mut found = vec![Neighbours::default(); points.len()];
    for i in 0..events.len() {
        let (at, day) = (events.source[i] as usize, events.days[i]);
        events.each_partner(i, |j, d| {
            let (other, other_day) = (events.source[j as usize] as usize, events.days[j as usize]);
            let apart = day.abs_diff(other_day);
            if apart >= reach.days {
                return;
            }
            if apart == 0 {
                found[at].same_day += 1;
                found[other].same_day += 1;
                return;
            }
            let (first, second) = if day < other_day {
                (at, other)
            } else {
                (other, at)
            };
            found[first].after(d < repeat);
            found[second].before(d < repeat, apart);
        });
    }
    found
}
