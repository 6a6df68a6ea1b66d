//! Streets, by vintage and id.

use isopleth_core::domain::Street;
use rusqlite::{Connection, OptionalExtension};

use crate::revision::{Sums, hash_parts};
use crate::store::begin;
use crate::{Store, StoreError, Tally, geometry};

/// A vintage of streets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreetVintage {
    /// Vintage: `2024-04`.
    pub vintage: String,
    /// How many there are.
    pub count: u64,
    /// How many of them have a name.
    pub named: u64,
}

impl Store {
    /// Adds streets, and corrects those that are there under the same vintage and id. All or nothing.
    ///
    /// # Errors
    /// [`StoreError::Geometry`] for a street without a line; errors of the database.
    pub fn add_streets(&mut self, streets: &[Street]) -> Result<Tally, StoreError> {
        let tx = begin(&mut self.connection)?;
        let mut sums = Sums::load(&tx)?;
        let mut tally = Tally::default();
        let mut select = tx
            .prepare_cached("SELECT fid, name, geom FROM streets WHERE vintage = ?1 AND id = ?2")?;
        for street in streets {
            let blob = geometry::multi_line(&street.geometry.0).map_err(|reason| {
                let what = format!("street {} of vintage {}", street.id, street.vintage);
                StoreError::Geometry { what, reason }
            })?;
            let old: Option<(i64, String, Vec<u8>)> = select
                .query_row([&street.vintage, &street.id], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?))
                })
                .optional()?;
            match old {
                Some((_, name, geom)) if name == street.name && geom == blob => {
                    tally.unchanged += 1;
                    continue;
                }
                Some((fid, name, geom)) => {
                    tx.prepare_cached("UPDATE streets SET name = ?2, geom = ?3 WHERE fid = ?1")?
                        .execute((fid, &street.name, &blob))?;
                    sums.streets = sums.streets.wrapping_sub(hash(street, &name, &geom));
                    tally.updated += 1;
                }
                None => {
                    tx.prepare_cached(
                        "INSERT INTO streets (vintage, id, name, geom) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute((
                        &street.vintage,
                        &street.id,
                        &street.name,
                        &blob,
                    ))?;
                    tally.stored += 1;
                }
            }
            sums.streets = sums.streets.wrapping_add(hash(street, &street.name, &blob));
        }
        drop(select);
        if tally.is_change() {
            sums.save(&tx)?;
            tx.commit()?;
        }
        Ok(tally)
    }

    /// The streets, in the order of vintage and id.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn streets(&self) -> Result<Vec<Street>, StoreError> {
        read(&self.connection)
    }

    /// The vintages of streets.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn street_vintages(&self) -> Result<Vec<StreetVintage>, StoreError> {
        let sql = "SELECT vintage, count(*), sum(name <> '') FROM streets GROUP BY vintage ORDER BY vintage";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |r| {
            Ok(StreetVintage {
                vintage: r.get(0)?,
                count: r.get(1)?,
                named: r.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn hash(street: &Street, name: &str, geom: &[u8]) -> u128 {
    hash_parts(&[
        street.vintage.as_bytes(),
        street.id.as_bytes(),
        name.as_bytes(),
        geom,
    ])
}

/// All streets, in the order of vintage and id.
pub(crate) fn read(connection: &Connection) -> Result<Vec<Street>, StoreError> {
    let sql = "SELECT vintage, id, name, geom FROM streets ORDER BY vintage, id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut streets = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(1)?;
        let blob = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        let geometry = geometry::multi_line_of(blob).ok_or_else(|| StoreError::Corrupt {
            detail: format!("the geometry of street {id}"),
        })?;
        streets.push(Street {
            vintage: row.get(0)?,
            id,
            name: row.get(2)?,
            geometry,
        });
    }
    Ok(streets)
}
