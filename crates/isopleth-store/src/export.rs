//! Copies for people: GeoPackages that desktop programs open as they are.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufWriter, ErrorKind, IntoInnerError};
use std::path::{Path, PathBuf};

use isopleth_core::domain::{MINUTES_PER_DAY, format_day, format_minute};
use isopleth_io::crs::Crs;
use isopleth_io::layer::Layer;
use isopleth_io::symbology::Colour;
use isopleth_io::write::{self, Format, Part};
use rusqlite::{Connection, OpenFlags};

use crate::geopackage::{self, Shape};
use crate::schema::{self, Found};
use crate::store::{BUSY_TIMEOUT, begin};
use crate::style::{self, Style};
use crate::{Store, StoreError, feature_table, layers, rtree};

/// A feature table of an exported copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedTable {
    /// Name of the table.
    pub name: String,
    /// Number of features.
    pub features: u64,
    /// For a saved layer, the id of the run that it holds.
    pub run: Option<String>,
    /// For a saved layer, whether the run is of older data or of another request than the layer
    /// has now.
    pub outdated: bool,
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its feature tables.
    pub tables: Vec<ExportedTable>,
    /// Saved layers that are not in it, because they were never run.
    pub layers_without_run: Vec<String>,
}

impl Store {
    /// Writes a copy that is a store itself, to try things on.
    ///
    /// # Errors
    /// [`StoreError::FileExists`]; [`StoreError::Io`]; errors of the database.
    pub fn copy_to(&self, out: &Path) -> Result<(), StoreError> {
        let draft = Draft::beside(out)?;
        self.connection.execute("VACUUM INTO ?1", [draft.text()?])?;
        let copy = draft.open()?;
        draft.publish(copy, out)?;
        Ok(())
    }

    /// Writes a copy for other programs: no log files, with R-trees, extents and styles, every
    /// saved layer's latest run as a table of its own, and the incidents a second time with texts
    /// in place of codes (`incidents_readable`). Never overwrites a file.
    ///
    /// # Errors
    /// [`StoreError::FileExists`]; [`StoreError::Io`]; errors of the database.
    pub fn export(&self, out: &Path) -> Result<ExportReport, StoreError> {
        let draft = Draft::beside(out)?;
        self.connection.execute("VACUUM INTO ?1", [draft.text()?])?;
        let mut copy = draft.open()?;
        let tx = begin(&mut copy)?;
        let (mut tables, layers_without_run) = layer_tables(&tx)?;
        // What is dropped first makes room for what is built next.
        tx.execute_batch(
            "DROP TABLE layer_runs; DROP TABLE runs;
             DROP INDEX incidents_key; DROP INDEX incidents_cell;",
        )?;
        schema::mark_as_copy(&tx)?;
        for (table, style) in [
            ("incidents", Style::points(Colour::new(31, 120, 180))),
            ("areas", Style::outlines()),
            ("sites", Style::points(Colour::new(51, 160, 44))),
            ("streets", Style::lines(Colour::new(110, 110, 110))),
        ] {
            let (extent, features) = rtree::build(&tx, table)?;
            geopackage::set_extent(&tx, table, extent)?;
            style::put(&tx, table, &style)?;
            tables.push(ExportedTable {
                name: table.to_owned(),
                features,
                run: None,
                outdated: false,
            });
        }
        readable(&tx)?;
        tx.commit()?;
        let (pages, free): (i64, i64) = copy.query_row(
            "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if free * 20 > pages {
            copy.execute_batch("VACUUM")?;
        }
        let bytes = draft.publish(copy, out)?;
        Ok(ExportReport {
            path: out.to_owned(),
            bytes,
            tables,
            layers_without_run,
        })
    }

    /// Writes a layer into a GeoPackage as one feature table, named after `name`: into a new file,
    /// or as a new table of a GeoPackage that is there.
    ///
    /// # Errors
    /// [`StoreError::TableExists`]; [`StoreError::NotAGeoPackage`], also for a store: results do
    /// not belong into the system of record; [`StoreError::Io`]; errors of the database.
    pub fn write_layer_gpkg(path: &Path, name: &str, layer: &Layer) -> Result<(), StoreError> {
        let table = feature_table::table_name(name);
        // An empty file is what programs that hand out temporary names leave.
        if fs::metadata(path).is_ok_and(|found| found.len() > 0 || !found.is_file()) {
            return add_layer(path, &table, layer);
        }
        new_geopackage(path, &table, Part::whole(layer), false)
    }
}

/// Writes a layer, or some of its features, as a file of its own in any format, in place of what
/// may be at the path. The file is complete when it gets its name; the same part gives the same
/// bytes. A GeoPackage has one feature table, named after `name`, and the dates in it are those of
/// the data (their cut-off, or else 1970-01-01), not those of the writing.
///
/// # Errors
/// [`StoreError::Io`]; [`StoreError::Full`]; errors of the database.
pub fn write_layer_file<'a>(
    path: &Path,
    format: Format,
    name: &str,
    part: impl Into<Part<'a>>,
) -> Result<(), StoreError> {
    let part = part.into();
    if format == Format::GeoPackage {
        return new_geopackage(path, &feature_table::table_name(name), part, true);
    }
    let draft = Draft::beside_any(path)?;
    let file = fs::File::create(&draft.path).map_err(|e| failed(&draft.path, e))?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    write::write(format, part, &mut out)
        .and_then(|()| out.into_inner().map_err(IntoInnerError::into_error))
        .map_err(|e| failed(path, e))?;
    fs::rename(&draft.path, path).map_err(|e| failed(path, e))
}

/// Makes a GeoPackage of one layer in place of what may be at the path.
fn new_geopackage(
    path: &Path,
    table: &str,
    part: Part,
    fixed_dates: bool,
) -> Result<(), StoreError> {
    let draft = Draft::beside_any(path)?;
    let mut file = draft.open()?;
    let tx = begin(&mut file)?;
    geopackage::create_base(&tx)?;
    if part.crs() == Crs::WebMercator {
        geopackage::add_web_mercator(&tx)?;
    }
    feature_table::write(&tx, table, part)?;
    if fixed_dates {
        let cut_off = part.layer().provenance.get("data_cut_off");
        let day = cut_off.and_then(|day| day.as_str()).unwrap_or("1970-01-01");
        geopackage::fix_dates(&tx, &format!("{day}T00:00:00.000Z"))?;
    }
    tx.commit()?;
    if path.exists() {
        fs::remove_file(path).map_err(|e| failed(path, e))?;
    }
    draft.publish(file, path).map(|_| ())
}

/// Adds a table to a GeoPackage that is there.
fn add_layer(path: &Path, table: &str, layer: &Layer) -> Result<(), StoreError> {
    let refused = |reason| StoreError::NotAGeoPackage {
        path: path.to_owned(),
        reason,
    };
    if !path.is_file() {
        return Err(refused("it is not a file"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut file = Connection::open_with_flags(path, flags)?;
    file.busy_timeout(BUSY_TIMEOUT)?;
    match schema::recognise(&file, path) {
        Ok(Found::Store(_)) => {
            return Err(refused(
                "it is an Isopleth store; save the layer with `isopleth layer add` instead",
            ));
        }
        Ok(Found::Nothing) => return Err(refused("it is an SQLite file without tables")),
        Err(StoreError::NotAStore { .. }) => {}
        Err(StoreError::Corrupt { .. }) => return Err(refused("it is not an SQLite file")),
        Err(other) => return Err(other),
    }
    let tx = begin(&mut file)?;
    let base = ["gpkg_contents", "gpkg_spatial_ref_sys"];
    if !base.iter().try_fold(true, |all, table| {
        Ok::<_, StoreError>(all && geopackage::has_table(&tx, table)?)
    })? {
        return Err(refused("it is an SQLite database of another kind"));
    }
    if geopackage::has_table(&tx, table)? {
        return Err(StoreError::TableExists {
            path: path.to_owned(),
            table: table.to_owned(),
        });
    }
    geopackage::complete_base(&tx)?;
    feature_table::write(&tx, table, layer)?;
    Ok(tx.commit()?)
}

/// Writes every saved layer's latest run as a table; also the names of layers without one.
fn layer_tables(copy: &Connection) -> Result<(Vec<ExportedTable>, Vec<String>), StoreError> {
    let revision = crate::revision::current(copy)?;
    let (mut tables, mut without) = (Vec::new(), Vec::new());
    for saved in layers::layers(copy)? {
        let Some(run) = layers::latest_run(copy, &saved.name)? else {
            without.push(saved.name);
            continue;
        };
        tables.push(ExportedTable {
            features: feature_table::write(copy, &saved.name, &run.result)?,
            outdated: run.data_revision != revision || run.request != saved.request,
            run: Some(run.id),
            name: saved.name,
        });
    }
    Ok((tables, without))
}

/// Makes the view of the incidents with texts in place of codes, and the calendar that it needs.
fn readable(copy: &Connection) -> Result<(), StoreError> {
    copy.execute_batch(
        "CREATE TABLE days (minute INTEGER PRIMARY KEY, date DATE NOT NULL);
         CREATE TABLE clock (minute INTEGER PRIMARY KEY, time TEXT NOT NULL);",
    )?;
    let mut minute = copy.prepare("INSERT INTO clock VALUES (?1, ?2)")?;
    for at in 0..MINUTES_PER_DAY {
        minute.execute((at, &format_minute(at)[11..]))?;
    }
    let mut days: Vec<i32> = copy
        .prepare(
            "SELECT from_minute - (from_minute % 1440 + 1440) % 1440 FROM incidents
             UNION SELECT to_minute - 1 - ((to_minute - 1) % 1440 + 1440) % 1440 FROM incidents",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    days.sort_unstable();
    let mut day = copy.prepare("INSERT INTO days VALUES (?1, ?2)")?;
    for at in days {
        day.execute((at, format_day(at)))?;
    }
    copy.execute_batch(include_str!("sql/readable.sql"))?;
    let view = "incidents_readable";
    let description = "Incidents with texts in place of codes; days and times are the first and the last that a record may speak of, in local civil time";
    geopackage::register_features(copy, view, Shape::Point, "Incidents", description)?;
    copy.execute(
        "UPDATE gpkg_contents SET (min_x, min_y, max_x, max_y) =
           (SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = 'incidents')
         WHERE table_name = ?1",
        [view],
    )?;
    style::put(copy, view, &Style::points(Colour::new(31, 120, 180)))
}

/// A file that is being written under a name of its own, and goes away unless it is published.
struct Draft {
    path: PathBuf,
}

impl Draft {
    /// A draft beside a file that must not be there yet.
    fn beside(out: &Path) -> Result<Self, StoreError> {
        if fs::symlink_metadata(out).is_ok() {
            return Err(StoreError::FileExists {
                path: out.to_owned(),
            });
        }
        Self::beside_any(out)
    }

    fn beside_any(out: &Path) -> Result<Self, StoreError> {
        let name = out.file_name().ok_or_else(|| {
            failed(
                out,
                io::Error::new(ErrorKind::InvalidInput, "it names no file"),
            )
        })?;
        let folder = match out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::metadata(folder).map_err(|e| failed(folder, e))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        let path = out.with_file_name(hidden);
        // Left by a process of the same number that was killed.
        if path.exists() {
            fs::remove_file(&path).map_err(|e| failed(&path, e))?;
        }
        Ok(Self { path })
    }

    fn text(&self) -> Result<&str, StoreError> {
        self.path.to_str().ok_or_else(|| {
            failed(
                &self.path,
                io::Error::new(ErrorKind::InvalidInput, "the name is not valid UTF-8"),
            )
        })
    }

    /// Opens it, made if it is not there, without the care that a file of record needs: if anything
    /// fails it is thrown away.
    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let file = Connection::open_with_flags(&self.path, flags)?;
        // The first is a property of the file and puts WAL off, the second only of this connection.
        file.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
        file.pragma_update_and_check(None, "journal_mode", "memory", |_| Ok(()))?;
        file.pragma_update(None, "synchronous", "off")?;
        file.pragma_update(None, "temp_store", "memory")?;
        file.pragma_update(None, "cache_size", -131_072)?;
        Ok(file)
    }

    /// Closes it, forces it to disk and gives it its name, which must not be taken; returns its
    /// size.
    fn publish(self, file: Connection, out: &Path) -> Result<u64, StoreError> {
        file.close().map_err(|(_, error)| error)?;
        let closed = fs::File::open(&self.path).map_err(|e| failed(&self.path, e))?;
        closed.sync_all().map_err(|e| failed(&self.path, e))?;
        let bytes = closed.metadata().map_err(|e| failed(&self.path, e))?.len();
        let taken = || StoreError::FileExists {
            path: out.to_owned(),
        };
        // A link fails where a rename would overwrite. Some file systems know no links.
        match fs::hard_link(&self.path, out) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken()),
            Err(_) if fs::symlink_metadata(out).is_ok() => return Err(taken()),
            Err(_) => fs::rename(&self.path, out).map_err(|e| failed(out, e))?,
        }
        Ok(bytes)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

fn failed(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
