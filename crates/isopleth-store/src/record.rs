//! A record as the table holds it: dictionary ids and codes.

use isopleth_core::domain::{LocationBasis, Span, TimePrecision};
use isopleth_io::ingest::{Row, RowLocation};
use rusqlite::Statement;
use rusqlite::types::Null;
use xxhash_rust::xxh3::xxh3_128;

use crate::StoreError;
use crate::dictionary::Dictionaries;
use crate::geometry;

/// A record, ready to be written or just read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) key: u128,
    pub(crate) location: Option<RowLocation>,
    span: Span,
    basis: LocationBasis,
    kind: u32,
    place: u32,
    small_area: u32,
    outcome: u32,
}

/// The columns of a record in the order of [`Record::bind`]; the source of it follows as the last.
pub(crate) const INSERT: &str =
    "INSERT INTO incidents (key, from_minute, to_minute, precision, basis, kind, place,
     small_area, outcome, x_mm, y_mm, geom, grid_exact, cell, source)
   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
   ON CONFLICT (key) DO NOTHING";

/// Overwrites the record with the same key; parameters as [`INSERT`].
pub(crate) const UPDATE: &str =
    "UPDATE incidents SET from_minute = ?2, to_minute = ?3, precision = ?4, basis = ?5,
     kind = ?6, place = ?7, small_area = ?8, outcome = ?9, x_mm = ?10, y_mm = ?11, geom = ?12,
     grid_exact = ?13, cell = ?14, source = ?15
   WHERE key = ?1";

/// Reads the record with a key, for [`Record::read`].
pub(crate) const SELECT: &str =
    "SELECT from_minute, to_minute, precision, basis, kind, place, small_area, outcome,
     x_mm, y_mm, geom, grid_exact, cell
   FROM incidents WHERE key = ?1";

impl Record {
    pub(crate) fn new(row: &Row, [kind, place, small_area, outcome]: [u32; 4]) -> Self {
        Self {
            key: row.key,
            location: row.location,
            span: row.span,
            basis: row.basis,
            kind,
            place,
            small_area,
            outcome,
        }
    }

    /// The cell that it lies in, 0 for none.
    pub(crate) fn cell(&self) -> u64 {
        self.location.map_or(0, |at| at.cell)
    }

    /// The hash of the content, texts by value. Two records have the same hash when no reader of
    /// the store can tell them apart.
    pub(crate) fn hash(&self, known: &Dictionaries) -> u128 {
        let mut bytes = [0_u8; 128];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&self.key.to_le_bytes());
        put(&known.kinds.hash(self.kind).to_le_bytes());
        put(&known.places.hash(self.place).to_le_bytes());
        put(&known.small_areas.hash(self.small_area).to_le_bytes());
        put(&known.outcomes.hash(self.outcome).to_le_bytes());
        put(&self.span.from.to_le_bytes());
        put(&self.span.to.to_le_bytes());
        put(&[self.span.precision.code(), self.basis.code()]);
        if let Some(at) = &self.location {
            put(&[1 + u8::from(at.exact)]);
            put(&at.lon.to_bits().to_le_bytes());
            put(&at.lat.to_bits().to_le_bytes());
            put(&at.x_mm.to_le_bytes());
            put(&at.y_mm.to_le_bytes());
            put(&at.cell.to_le_bytes());
        }
        xxh3_128(&bytes)
    }

    /// Binds the record to the parameters of [`INSERT`] or [`UPDATE`].
    pub(crate) fn bind(&self, statement: &mut Statement<'_>, source: i64) -> rusqlite::Result<()> {
        let text = |id: u32| (id != 0).then_some(id);
        statement.raw_bind_parameter(1, self.key.to_be_bytes().as_slice())?;
        statement.raw_bind_parameter(2, self.span.from)?;
        statement.raw_bind_parameter(3, self.span.to)?;
        statement.raw_bind_parameter(4, self.span.precision.code())?;
        statement.raw_bind_parameter(5, self.basis.code())?;
        statement.raw_bind_parameter(6, self.kind)?;
        statement.raw_bind_parameter(7, text(self.place))?;
        statement.raw_bind_parameter(8, text(self.small_area))?;
        statement.raw_bind_parameter(9, text(self.outcome))?;
        match &self.location {
            Some(at) => {
                statement.raw_bind_parameter(10, at.x_mm)?;
                statement.raw_bind_parameter(11, at.y_mm)?;
                statement.raw_bind_parameter(12, geometry::point(at.lon, at.lat).as_slice())?;
                statement.raw_bind_parameter(13, at.exact)?;
                // H3 indexes leave the sign bit free.
                statement.raw_bind_parameter(14, at.cell.cast_signed())?;
            }
            None => (10..=14).try_for_each(|at| statement.raw_bind_parameter(at, Null))?,
        }
        statement.raw_bind_parameter(15, source)
    }

    /// Reads a row of [`SELECT`].
    pub(crate) fn read(key: u128, row: &rusqlite::Row<'_>) -> Result<Self, StoreError> {
        let id = |at: usize| -> rusqlite::Result<u32> {
            Ok(row.get::<_, Option<u32>>(at)?.unwrap_or(0))
        };
        let location = match row
            .get_ref(10)?
            .as_blob_or_null()
            .map_err(rusqlite::Error::from)?
        {
            None => None,
            Some(blob) => {
                let (lon, lat) = geometry::point_of(blob).ok_or_else(|| damaged("geometry"))?;
                Some(RowLocation {
                    lon,
                    lat,
                    x_mm: row.get(8)?,
                    y_mm: row.get(9)?,
                    exact: row.get(11)?,
                    cell: row.get::<_, i64>(12)?.cast_unsigned(),
                })
            }
        };
        Ok(Self {
            key,
            location,
            span: Span {
                from: row.get(0)?,
                to: row.get(1)?,
                precision: TimePrecision::from_code(row.get(2)?)
                    .ok_or_else(|| damaged("precision"))?,
            },
            basis: LocationBasis::from_code(row.get(3)?).ok_or_else(|| damaged("basis"))?,
            kind: id(4)?,
            place: id(5)?,
            small_area: id(6)?,
            outcome: id(7)?,
        })
    }

    /// Whether two records with the same key say the same, to the last bit.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let place = |r: &Self| {
            r.location.map(|at| {
                (
                    at.lon.to_bits(),
                    at.lat.to_bits(),
                    at.x_mm,
                    at.y_mm,
                    at.cell,
                    at.exact,
                )
            })
        };
        let rest = |r: &Self| (r.span, r.basis, r.kind, r.place, r.small_area, r.outcome);
        place(self) == place(other) && rest(self) == rest(other)
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt {
        detail: format!("an incident's {what} is not one that the store writes"),
    }
}

/// Binds a key to the only parameter of a statement.
pub(crate) fn bind_key(statement: &mut Statement<'_>, key: u128) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, key.to_be_bytes().as_slice())
}
