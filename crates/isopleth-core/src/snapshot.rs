//! Everything a run may look at, frozen at one data revision.

use crate::domain::{Area, Counts, GroupDefinition, HarmSchedule, IncidentSet, Site, Street};

/// The data of one revision, in memory.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The data revision: it changes whenever anything below does, and is the same for the same
    /// content.
    pub revision: String,
    /// The incidents.
    pub incidents: IncidentSet,
    /// The areas, in the order of kind, vintage and code.
    pub areas: Vec<Area>,
    /// The sites, in the order of class and id.
    pub sites: Vec<Site>,
    /// The streets, in the order of vintage and id.
    pub streets: Vec<Street>,
    /// Id and version of the policy table that the kinds were resolved by.
    pub policy: String,
    /// The offence groups of that table.
    pub groups: Vec<GroupDefinition>,
    /// The harm schedules, in the order of their ids.
    pub harm_schedules: Vec<HarmSchedule>,
    /// The ready-made counts, in the order of their ids.
    pub counts: Vec<Counts>,
}
