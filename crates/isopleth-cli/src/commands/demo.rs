//! `isopleth demo`: the main job from end to end on a synthetic borough that the binary carries.

use std::path::{Path, PathBuf};

use clap::Args;
use isopleth_core::Request;
use isopleth_io::ingest::{Mapping, Options, find_inputs};
use isopleth_io::layer::{GeometryKind, Layer, Value};
use isopleth_io::words::thousands;
use isopleth_io::{SiteFields, analyse, read_areas, read_sites};
use isopleth_store::{Run, Store};

use super::{ingest, serve};
use crate::table::Table;
use crate::{BindArg, Failure};

/// Takes a synthetic borough through the whole job: ingest, hotspots, layers, service.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Stop before serving.
    #[arg(long)]
    once: bool,
    /// Keep the store in this file, which must not exist; without it it is gone afterwards.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    #[command(flatten)]
    bind: BindArg,
}

macro_rules! fixture {
    ($path:literal) => {
        include_bytes!(concat!("../../../../fixtures/", $path))
    };
}

macro_rules! street {
    ($($month:literal)*) => {
        [$((
            concat!($month, "-wexbourne-street.csv"),
            include_bytes!(concat!(
                "../../../../fixtures/police_uk/", $month, "/", $month, "-wexbourne-street.csv"
            )),
        )),*]
    };
}

/// The street files of the synthetic borough: name and content.
#[rustfmt::skip]
const STREET: [(&str, &[u8]); 24] = street!(
    "2023-01" "2023-02" "2023-03" "2023-04" "2023-05" "2023-06"
    "2023-07" "2023-08" "2023-09" "2023-10" "2023-11" "2023-12"
    "2024-01" "2024-02" "2024-03" "2024-04" "2024-05" "2024-06"
    "2024-07" "2024-08" "2024-09" "2024-10" "2024-11" "2024-12"
);

const FORCE: &[u8] = fixture!("force/crimes.csv");
const FORCE_MAPPING: &str = include_str!("../../../../fixtures/force/mapping.toml");
const BOROUGHS: &[u8] = fixture!("areas/boroughs.geojson");
const WARDS: &[u8] = fixture!("areas/wards.geojson");
const POLICE: &[u8] = fixture!("sites/police.geojson");
const SCHOOLS: &[u8] = fixture!("sites/schools.geojson");
const PUBS: &[u8] = fixture!("sites/pubs.csv");

/// The default layers.
const LAYERS: [(&str, &str); 5] = [
    (
        "burglary-hotspots",
        include_str!("../../../../fixtures/requests/burglary-hotspots.json"),
    ),
    (
        "robbery-hotspots",
        include_str!("../../../../fixtures/requests/robbery-hotspots.json"),
    ),
    (
        "drugs-enforcement",
        include_str!("../../../../fixtures/requests/drugs-enforcement.json"),
    ),
    (
        "repeat-locations",
        include_str!("../../../../fixtures/requests/repeat-locations.json"),
    ),
    (
        "burglary-density",
        include_str!("../../../../fixtures/requests/burglary-density.json"),
    ),
];

/// Most rows of a printed table.
const SHOWN: usize = 10;

impl Demo {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let folder = tempfile::tempdir()?;
        let path = match self.store {
            Some(path) if path.exists() => {
                return Err(format!("{} exists already; name another file", path.display()).into());
            }
            Some(path) => path,
            None => folder.path().join("demo.gpkg"),
        };
        say!("A synthetic borough with known truths; see fixtures/README.md.\n");
        let mut store = Store::open_or_create(&path, &isopleth_io::default_policy())?;
        fill(&mut store, folder.path())?;
        let snapshot = store.snapshot()?;
        for (name, text) in LAYERS {
            let request = Request::from_json(text)
                .map_err(|e| format!("layer {name}: {e}"))?
                .with_pinned_areas(&snapshot);
            let result = analyse(&snapshot, &request)?;
            show(&result);
            store.put_layer(name, &request)?;
            store.put_run(&Run {
                id: request.run_id(&snapshot.revision),
                layer: name.to_owned(),
                request,
                data_revision: snapshot.revision.clone(),
                engine: isopleth_core::ENGINE.to_owned(),
                result,
            })?;
        }
        drop(store);
        if self.once {
            return Ok(());
        }
        serve::serve_plainly(path, &self.bind)
    }
}

/// Ingests the incidents and loads areas and sites.
fn fill(store: &mut Store, folder: &Path) -> Result<(), Failure> {
    let street = folder.join("police_uk");
    std::fs::create_dir(&street)?;
    for (name, content) in STREET {
        std::fs::write(street.join(name), content)?;
    }
    let force = folder.join("crimes.csv");
    std::fs::write(&force, FORCE)?;
    let mapping = Mapping::from_toml(FORCE_MAPPING).map_err(|e| format!("mapping: {e}"))?;
    for (what, path, options) in [
        ("open data, 24 months", street, Options::default()),
        (
            "force extract",
            force,
            Options {
                mapping: Some(mapping),
                ..Options::default()
            },
        ),
    ] {
        let done = ingest::ingest_quietly(store, &find_inputs(&[path])?, &options)?;
        say!(
            "Ingested {what}: {} rows read, {} stored",
            thousands(done.read),
            thousands(done.tally.stored)
        );
    }
    for (kind, bytes) in [("borough", BOROUGHS), ("ward", WARDS)] {
        store.add_areas(&read_areas(bytes, kind, "2024", "GSS_CODE", "NAME")?.areas)?;
    }
    for (class, bytes) in [
        ("police_station", POLICE),
        ("school", SCHOOLS),
        ("pub", PUBS),
    ] {
        let fields = SiteFields {
            id: None,
            name: "name".into(),
            number: None,
            lon: "longitude".into(),
            lat: "latitude".into(),
        };
        store.add_sites(&read_sites(bytes, class, &fields)?)?;
    }
    say!("");
    Ok(())
}

/// Prints a ranked layer as a table, or what a surface amounts to.
fn show(layer: &Layer) {
    say!("{}", layer.title);
    if layer.column("rank").is_none() {
        say!(
            "  a surface of {} cells\n",
            thousands(layer.features.len() as u64)
        );
        return;
    }
    let columns: &[&str] = match layer.geometry {
        GeometryKind::Point => &[
            "rank",
            "name",
            "count",
            "distinct_months",
            "distinct_days",
            "latest",
            "station_stack",
        ],
        _ => &[
            "rank",
            "name",
            "count",
            "count_police_generated",
            "area_m2",
            "density_per_km2",
            "pai",
            "edge_effect",
        ],
    };
    let mut table = Table::new(columns);
    for feature in layer.features.iter().take(SHOWN) {
        table.row(columns.iter().map(|c| match layer.value(feature, c) {
            Some(Value::Integer(n)) => n.to_string(),
            Some(Value::Real(v)) => format!("{v:.1}"),
            Some(Value::Text(t)) => t.clone(),
            Some(Value::Boolean(b)) => (if *b { "yes" } else { "no" }).to_owned(),
            Some(Value::Null) | None => String::new(),
        }));
    }
    table.print();
    let more = layer.features.len().saturating_sub(SHOWN);
    if more > 0 {
        say!("… and {more} more");
    }
    say!("");
}
