//! Areas, by kind, vintage and code.

use isopleth_core::domain::Area;
use rusqlite::{Connection, OptionalExtension};

use crate::revision::{Sums, hash_parts};
use crate::store::begin;
use crate::{Store, StoreError, Tally, geometry};

/// A kind of area in one vintage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaKind {
    /// Kind: `ward`.
    pub kind: String,
    /// Vintage: `2018`.
    pub vintage: String,
    /// How many there are.
    pub count: u64,
}

impl Store {
    /// Adds areas, and corrects those that are there under the same kind, vintage and code. All or
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::Geometry`] for an area without ground; errors of the database.
    pub fn add_areas(&mut self, areas: &[Area]) -> Result<Tally, StoreError> {
        let tx = begin(&mut self.connection)?;
        let mut sums = Sums::load(&tx)?;
        let mut tally = Tally::default();
        let mut select = tx.prepare_cached(
            "SELECT fid, name, geom FROM areas WHERE kind = ?1 AND vintage = ?2 AND code = ?3",
        )?;
        for area in areas {
            let blob = geometry::multi_polygon(&area.geometry.0).map_err(|reason| {
                let what = format!("{} {} of vintage {}", area.kind, area.code, area.vintage);
                StoreError::Geometry { what, reason }
            })?;
            let old: Option<(i64, String, Vec<u8>)> = select
                .query_row([&area.kind, &area.vintage, &area.code], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?))
                })
                .optional()?;
            match old {
                Some((_, name, geom)) if name == area.name && geom == blob => {
                    tally.unchanged += 1;
                    continue;
                }
                Some((fid, name, geom)) => {
                    tx.prepare_cached("UPDATE areas SET name = ?2, geom = ?3 WHERE fid = ?1")?
                        .execute((fid, &area.name, &blob))?;
                    sums.areas = sums.areas.wrapping_sub(hash(area, &name, &geom));
                    tally.updated += 1;
                }
                None => {
                    tx.prepare_cached(
                        "INSERT INTO areas (kind, vintage, code, name, geom) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute((&area.kind, &area.vintage, &area.code, &area.name, &blob))?;
                    tally.stored += 1;
                }
            }
            sums.areas = sums.areas.wrapping_add(hash(area, &area.name, &blob));
        }
        drop(select);
        if tally.is_change() {
            sums.save(&tx)?;
            tx.commit()?;
        }
        Ok(tally)
    }

    /// The areas, in the order of kind, vintage and code.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn areas(&self) -> Result<Vec<Area>, StoreError> {
        read(&self.connection)
    }

    /// The kinds of areas with their vintages.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn area_kinds(&self) -> Result<Vec<AreaKind>, StoreError> {
        let sql = "SELECT kind, vintage, count(*) FROM areas GROUP BY kind, vintage ORDER BY kind, vintage";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |r| {
            Ok(AreaKind {
                kind: r.get(0)?,
                vintage: r.get(1)?,
                count: r.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn hash(area: &Area, name: &str, geom: &[u8]) -> u128 {
    let texts = [&area.kind, &area.vintage, &area.code].map(String::as_bytes);
    hash_parts(&[texts[0], texts[1], texts[2], name.as_bytes(), geom])
}

/// All areas, in the order of kind, vintage and code.
pub(crate) fn read(connection: &Connection) -> Result<Vec<Area>, StoreError> {
    let sql = "SELECT kind, vintage, code, name, geom FROM areas ORDER BY kind, vintage, code";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut areas = Vec::new();
    while let Some(row) = rows.next()? {
        let code: String = row.get(2)?;
        let blob = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
        let geometry = geometry::multi_polygon_of(blob).ok_or_else(|| StoreError::Corrupt {
            detail: format!("the geometry of area {code}"),
        })?;
        areas.push(Area {
            kind: row.get(0)?,
            vintage: row.get(1)?,
            code,
            name: row.get(3)?,
            geometry,
        });
    }
    Ok(areas)
}
