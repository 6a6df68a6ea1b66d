//! `isopleth areas`, `isopleth sites` and `isopleth streets`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use isopleth_io::{SiteFields, read_areas, read_sites, read_streets};
use isopleth_store::{Store, Tally};

use super::read;
use crate::table::Table;
use crate::{Failure, StoreArg};

/// Area boundaries.
#[derive(Debug, Subcommand)]
pub(crate) enum Areas {
    /// Load boundaries from GeoJSON.
    Add(AddAreas),
    /// List what is loaded.
    List(StoreArg),
}

/// Loads boundaries.
#[derive(Debug, Args)]
pub(crate) struct AddAreas {
    #[command(flatten)]
    store: StoreArg,
    /// GeoJSON, plain or gzip, in longitude and latitude.
    file: PathBuf,
    /// What the areas are: ward, borough, lsoa.
    #[arg(long, value_parser = plain_word)]
    kind: String,
    /// Vintage of the boundaries: 2018. The same code of another vintage is another area.
    #[arg(long, value_parser = plain_word)]
    vintage: String,
    /// Property with the code.
    #[arg(long, default_value = "GSS_CODE", value_name = "NAME")]
    id_field: String,
    /// Property with the name.
    #[arg(long, default_value = "NAME", value_name = "NAME")]
    name_field: String,
}

impl Areas {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(a) => {
                let found = read_areas(
                    &read(&a.file)?,
                    &a.kind,
                    &a.vintage,
                    &a.id_field,
                    &a.name_field,
                )
                .map_err(|e| format!("{}: {e}", a.file.display()))?;
                let mut store =
                    Store::open_or_create(&a.store.store, &isopleth_io::default_policy())?;
                say(
                    &format!("{} {} areas", a.kind, a.vintage),
                    store.add_areas(&found.areas)?,
                );
                for note in found.notes {
                    say!("Note: {note}");
                }
                Ok(())
            }
            Self::List(s) => {
                let mut table = Table::new(&["kind", "vintage", "areas"]);
                for k in Store::open_read_only(&s.store)?.area_kinds()? {
                    table.row([k.kind, k.vintage, k.count.to_string()]);
                }
                table.print();
                Ok(())
            }
        }
    }
}

/// Sites.
#[derive(Debug, Subcommand)]
pub(crate) enum Sites {
    /// Load sites from GeoJSON points or CSV.
    Add(AddSites),
    /// List what is loaded.
    List(StoreArg),
}

/// Loads sites.
#[derive(Debug, Args)]
pub(crate) struct AddSites {
    #[command(flatten)]
    store: StoreArg,
    /// GeoJSON points or CSV, plain or gzip, in longitude and latitude.
    file: PathBuf,
    /// What the sites are: pub, school, `police_station`, custody.
    #[arg(long, value_parser = plain_word)]
    class: String,
    /// Property or column with the site's own id; without it one is made from name and position.
    #[arg(long, value_name = "NAME")]
    id_field: Option<String>,
    /// Property or column with the name.
    #[arg(long, default_value = "name", value_name = "NAME")]
    name_field: String,
    /// Property or column with the number that a site stands for: the residents of a population
    /// point.
    #[arg(long, value_name = "NAME")]
    number_field: Option<String>,
    /// Column with the longitude (CSV).
    #[arg(long, default_value = "longitude", value_name = "NAME")]
    lon_field: String,
    /// Column with the latitude (CSV).
    #[arg(long, default_value = "latitude", value_name = "NAME")]
    lat_field: String,
}

impl Sites {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(a) => {
                let fields = SiteFields {
                    id: a.id_field,
                    name: a.name_field,
                    number: a.number_field,
                    lon: a.lon_field,
                    lat: a.lat_field,
                };
                let found = read_sites(&read(&a.file)?, &a.class, &fields)
                    .map_err(|e| format!("{}: {e}", a.file.display()))?;
                let mut store =
                    Store::open_or_create(&a.store.store, &isopleth_io::default_policy())?;
                say(&format!("{} sites", a.class), store.add_sites(&found)?);
                Ok(())
            }
            Self::List(s) => {
                let mut table = Table::new(&["class", "sites"]);
                for c in Store::open_read_only(&s.store)?.site_classes()? {
                    table.row([c.class, c.count.to_string()]);
                }
                table.print();
                Ok(())
            }
        }
    }
}

/// Streets.
#[derive(Debug, Subcommand)]
pub(crate) enum Streets {
    /// Load the centre lines of streets from GeoJSON.
    Add(AddStreets),
    /// List what is loaded.
    List(StoreArg),
}

/// Loads streets.
#[derive(Debug, Args)]
pub(crate) struct AddStreets {
    #[command(flatten)]
    store: StoreArg,
    /// GeoJSON lines, plain or gzip, in longitude and latitude. Streets meet where they share a
    /// vertex.
    file: PathBuf,
    /// Vintage of the street network: 2024-04. The same id of another vintage is another street.
    #[arg(long, value_parser = plain_word)]
    vintage: String,
    /// Property with the street's own id; `id` is also the feature's own.
    #[arg(long, default_value = "id", value_name = "NAME")]
    id_field: String,
    /// Property with the name, which may be null.
    #[arg(long, default_value = "name", value_name = "NAME")]
    name_field: String,
}

impl Streets {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(a) => {
                let found = read_streets(&read(&a.file)?, &a.vintage, &a.id_field, &a.name_field)
                    .map_err(|e| format!("{}: {e}", a.file.display()))?;
                let mut store =
                    Store::open_or_create(&a.store.store, &isopleth_io::default_policy())?;
                say(
                    &format!("{} streets", a.vintage),
                    store.add_streets(&found)?,
                );
                Ok(())
            }
            Self::List(s) => {
                let mut table = Table::new(&["vintage", "streets", "named"]);
                for v in Store::open_read_only(&s.store)?.street_vintages()? {
                    table.row([v.vintage, v.count.to_string(), v.named.to_string()]);
                }
                table.print();
                Ok(())
            }
        }
    }
}

fn say(what: &str, tally: Tally) {
    say!(
        "{what}: {} stored, {} updated, {} unchanged",
        tally.stored,
        tally.updated,
        tally.unchanged
    );
}

/// Kinds, vintages and classes stand in addresses and requests.
fn plain_word(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
    if !text.is_empty() && text.len() <= 40 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits, `_`, `.` and `-`, at most 40".to_owned())
    }
}
