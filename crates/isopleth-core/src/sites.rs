//! Sites of a class as incidents are related to them: in whole millimetres, so that "exactly 250 m"
//! is decided exactly.

use crate::domain::{LocationId, LonLat};
use crate::index::PointGrid;
use crate::plane::{self, Planar};
use crate::select::Selection;

/// Greatest distance to a site, metres.
pub const MAX_SITE_DISTANCE_M: f64 = 10_000.0;

/// Why sites cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// No site of that class.
    #[error(
        "no site of class `{class}` is loaded; {known}; load some with `isopleth sites add FILE --class {class}`"
    )]
    UnknownClass {
        /// The class asked for.
        class: String,
        /// What is there, for the message.
        known: String,
    },
    /// A distance out of range or finer than a millimetre.
    #[error(
        "{name} must be whole millimetres over 0 and up to {MAX_SITE_DISTANCE_M} metres, which {value} is not: positions are kept to the millimetre"
    )]
    Distance {
        /// The field.
        name: &'static str,
        /// What was given.
        value: f64,
    },
}

/// A distance as whole millimetres, which is what positions are.
pub(crate) fn millimetres(name: &'static str, metres: f64) -> Result<f64, SiteError> {
    let mm = (metres * 1000.0).round();
    let whole = (mm / 1000.0 - metres).abs() < 1e-9;
    if mm >= 1.0 && metres <= MAX_SITE_DISTANCE_M && whole {
        Ok(mm)
    } else {
        Err(SiteError::Distance {
            name,
            value: metres,
        })
    }
}

/// A site of the class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassSite {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) position: LonLat,
    /// Metres, a whole number of millimetres.
    pub(crate) planar: Planar,
    pub(crate) in_study_area: bool,
    /// The study area's boundary is no farther than the reach.
    pub(crate) edge_effect: bool,
}

/// The sites of a class that matter to a selection: those of the study area, and those no farther
/// from its boundary than the reach, which draw incidents too.
pub(crate) struct ClassSites {
    /// In the order of id and position.
    pub(crate) sites: Vec<ClassSite>,
    grid: PointGrid,
    reach_mm: f64,
}

impl ClassSites {
    pub(crate) fn of(selection: &Selection, class: &str, reach_mm: f64) -> Result<Self, SiteError> {
        let all = &selection.snapshot.sites;
        if !all.iter().any(|s| s.class == class) {
            let mut known: Vec<&str> = all.iter().map(|s| s.class.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            return Err(SiteError::UnknownClass {
                class: class.to_owned(),
                known: if known.is_empty() {
                    "there are no sites at all".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                },
            });
        }
        let area = selection.area.as_ref();
        let mut sites: Vec<ClassSite> = all
            .iter()
            .filter(|s| s.class == class)
            .filter_map(|s| {
                // A site off the plane is near no incident, all of which are on it.
                let at = plane::project(s.position).ok()?.planar;
                let whole = |v: f64| (v * 1000.0).round() / 1000.0;
                let planar = Planar {
                    x: whole(at.x),
                    y: whole(at.y),
                };
                let in_study_area = area.is_none_or(|a| a.covers(s.position));
                let edge_effect =
                    area.is_some_and(|a| a.boundary_within(planar, reach_mm / 1000.0));
                (in_study_area || edge_effect).then(|| ClassSite {
                    id: s.id.clone(),
                    name: s.name.clone(),
                    position: s.position,
                    planar,
                    in_study_area,
                    edge_effect,
                })
            })
            .collect();
        sites.sort_by(|a, b| {
            a.id.cmp(&b.id)
                .then(a.planar.x.total_cmp(&b.planar.x))
                .then(a.planar.y.total_cmp(&b.planar.y))
        });
        let points: Vec<(Planar, f64, u32)> = sites
            .iter()
            .zip(0..)
            .map(|(s, i)| (in_mm(s.planar), 1.0, i))
            .collect();
        Ok(Self {
            grid: PointGrid::new(&points, reach_mm),
            sites,
            reach_mm,
        })
    }

    /// The nearest site to a location that is no farther than the reach, and its squared distance in
    /// mm². Equals: the site of the least id.
    pub(crate) fn nearest(
        &self,
        selection: &Selection,
        location: LocationId,
    ) -> Option<(usize, f64)> {
        let at = &selection.incidents().locations()[location as usize];
        let at = Planar {
            x: f64::from(at.x_mm),
            y: f64::from(at.y_mm),
        };
        let mut best: Option<(f64, u32)> = None;
        self.grid.each_within(at, self.reach_mm, |site, p, _| {
            let found = (p.distance_2(at), site);
            if best.is_none_or(|b| found < b) {
                best = Some(found);
            }
        });
        best.map(|(d2, site)| (site as usize, d2))
    }

    /// Sites that lie at the very place of another.
    pub(crate) fn sharing_a_position(&self) -> u64 {
        let mut at: Vec<(i64, i64)> = self
            .sites
            .iter()
            .map(|s| in_mm(s.planar))
            .map(|p| (p.x as i64, p.y as i64))
            .collect();
        at.sort_unstable();
        at.chunk_by(|a, b| a == b)
            .filter(|same| same.len() > 1)
            .map(|same| same.len() as u64)
            .sum()
    }
}

fn in_mm(p: Planar) -> Planar {
    Planar {
        x: (p.x * 1000.0).round(),
        y: (p.y * 1000.0).round(),
    }
}
