//! From an outcome to a layer: columns, features, provenance and caveats.
//!
//! Each kind of finding is a [`Table`] in a module of its own; what all of them share is here.

mod area_audit;
mod caveats;
mod change;
mod clusters;
mod concentration;
mod contours;
mod dual_density;
mod emerging_hot_spots;
mod evaluation;
mod facilities;
mod getis_ord;
mod hdbscan;
mod hotspots;
mod local_moran;
mod near_repeat_risk;
mod near_repeats;
mod offence_mix;
mod overlap;
mod place;
mod provenance;
mod repeats;
mod scan_clusters;
mod search_effects;
mod spikes;
mod st_clusters;
mod street_density;
mod surface;
mod surprise;
mod temporal_profile;
mod tolerance_contours;
mod values;
mod vicinity;
mod weights;

use isopleth_core::domain::{Lens, format_day};
use isopleth_core::{Facts, Findings, Outcome, Request, Snapshot};
use serde_json::{Map, Value as Json};

use crate::layer::{Column, Feature, GeometryKind, Layer};
use crate::words::{period, records};

/// A kind of finding as a table.
trait Table {
    /// What its features are, for titles.
    fn what(&self) -> &'static str;
    /// The geometry of every feature.
    fn geometry(&self) -> GeometryKind;
    /// The columns.
    fn columns(&self) -> Vec<Column>;
    /// The features, in their order.
    fn features(&self, common: &Common) -> Vec<Feature>;
    /// The parameters as resolved, and figures of the whole.
    fn resolved(&self) -> Map<String, Json>;
    /// Which of the selected records it is about, where it is not about all.
    fn about(&self) -> Option<String> {
        None
    }
    /// What is to be known before it is believed, beyond what the selection says.
    fn caveats(&self) -> Vec<String> {
        Vec::new()
    }
}

fn table(findings: &Findings) -> &dyn Table {
    match findings {
        Findings::AreaAudit(found) => found,
        Findings::Change(found) => found,
        Findings::Clusters(found) => found,
        Findings::Concentration(found) => found,
        Findings::Contours(found) => found,
        Findings::Displacement(found) => found,
        Findings::DualDensity(found) => found,
        Findings::EmergingHotSpots(found) => found,
        Findings::Evaluation(found) => found,
        Findings::GetisOrd(found) => found,
        Findings::Hdbscan(found) => found,
        Findings::Hotspots(found) => found,
        Findings::Knox(found) => found,
        Findings::LocalMoran(found) => found,
        Findings::NearRepeatRisk(found) => found,
        Findings::NetworkDensity(found) => found,
        Findings::OffenceMix(found) => found,
        Findings::Overlap(found) => found,
        Findings::RepeatLocations(found) => found,
        Findings::RiskyFacilities(found) => found,
        Findings::SearchEffects(found) => found,
        Findings::Spikes(found) => found,
        Findings::SpaceTimeScan(found) => found,
        Findings::StClusters(found) => found,
        Findings::Surface(found) => found,
        Findings::Surprise(found) => found,
        Findings::TemporalProfile(found) => found,
        Findings::ToleranceContours(found) => found,
        Findings::Vicinity(found) => found,
    }
}

/// Puts an outcome into a layer.
pub(crate) fn to_layer(snapshot: &Snapshot, request: &Request, outcome: &Outcome) -> Layer {
    let run = request.run_id(&snapshot.revision);
    let facts = &outcome.facts;
    let table = table(&outcome.findings);
    let mut caveats = provenance::caveats(facts);
    caveats.extend(provenance::left_out_by_lens(request, facts));
    caveats.extend(provenance::ends_early(request, facts));
    caveats.extend(weights::caveats(facts));
    caveats.extend(table.caveats());
    let common = Common {
        run: &run,
        facts,
        request,
        caveats: caveats.join("; "),
    };
    let words = weights::words(request, facts);
    let what = &format!("{}{words}", table.what());
    let mut columns = table.columns();
    weights::insert_columns(&mut columns, &outcome.findings, facts);
    Layer {
        title: match &request.title {
            Some(title) => format!("{title}{}", weights::harm_words(request, facts)),
            None => common.title(what),
        },
        description: common.description(what, table.about()),
        geometry: table.geometry(),
        columns,
        features: table.features(&common),
        days: common.days(),
        provenance: common.provenance(snapshot, table.resolved(), &caveats),
    }
}

/// What every feature of a layer shares.
struct Common<'a> {
    run: &'a str,
    facts: &'a Facts,
    request: &'a Request,
    caveats: String,
}

impl Common<'_> {
    fn days(&self) -> Option<(String, String)> {
        self.facts.period.clone().or_else(|| {
            let (from, to) = self.facts.extent?;
            Some((format_day(from), format_day(to - 1)))
        })
    }

    fn period_words(&self) -> String {
        match self.days() {
            Some((from, to)) => period(&from, &to),
            None => "no dates".to_owned(),
        }
    }

    fn area_words(&self) -> String {
        if self.facts.areas.is_empty() {
            "all areas".to_owned()
        } else {
            self.facts
                .areas
                .iter()
                .map(|a| a.1.as_str())
                .collect::<Vec<_>>()
                .join(" and ")
        }
    }

    fn title(&self, what: &str) -> String {
        let mut groups = match &self.request.select.groups {
            Some(groups) => groups.join(", ").replace('_', " "),
            None => "all offences".to_owned(),
        };
        if let Some(first) = groups.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        let lens = match self.facts.lens {
            Lens::PoliceGenerated => " (police-generated)",
            Lens::Reported => "",
        };
        format!(
            "{groups}{lens}: {what}, {}, {}",
            self.area_words(),
            self.period_words()
        )
    }

    fn description(&self, what: &str, about: Option<String>) -> String {
        let f = self.facts;
        let groups = match &self.request.select.groups {
            Some(_) => format!("Groups: {}", f.groups.join(", ").replace('_', " ")),
            None => "All offence groups".to_owned(),
        };
        format!(
            "{lens}: {what} among {n} in {area}, {period}.{about} {groups}. {unlocated}",
            lens = f.lens_title(),
            n = records(f.selected),
            area = self.area_words(),
            period = self.period_words(),
            about = about.map_or_else(String::new, |a| format!(" {a}.")),
            unlocated = match f.unlocated {
                0 => "Every record has a location.".to_owned(),
                1 =>
                    "1 record without a location, whatever its area, is not on the map.".to_owned(),
                n => format!(
                    "{} without a location, whatever their area, are not on the map.",
                    records(n)
                ),
            },
        )
    }
}
