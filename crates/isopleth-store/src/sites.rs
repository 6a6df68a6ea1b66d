//! Sites, by class and id.

use isopleth_core::domain::Site;
use rusqlite::{Connection, OptionalExtension};

use crate::revision::{Sums, hash_parts};
use crate::store::begin;
use crate::{Store, StoreError, Tally, geometry};

/// A class of sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteClassCount {
    /// Class: `pub`.
    pub class: String,
    /// How many there are.
    pub count: u64,
}

impl Store {
    /// Adds sites, and corrects those that are there under the same class and id. All or nothing.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn add_sites(&mut self, sites: &[Site]) -> Result<Tally, StoreError> {
        let tx = begin(&mut self.connection)?;
        let mut sums = Sums::load(&tx)?;
        let mut tally = Tally::default();
        let mut select = tx.prepare_cached(
            "SELECT fid, name, geom, number FROM sites WHERE class = ?1 AND id = ?2",
        )?;
        for site in sites {
            let blob = geometry::point(site.position.lon(), site.position.lat());
            let new = (site.name.clone(), blob.to_vec(), site.number);
            let old: Option<(i64, Content)> = select
                .query_row([&site.class, &site.id], |r| {
                    Ok((r.get(0)?, (r.get(1)?, r.get(2)?, r.get(3)?)))
                })
                .optional()?;
            match old {
                Some((_, old)) if old == new => {
                    tally.unchanged += 1;
                    continue;
                }
                Some((fid, old)) => {
                    tx.prepare_cached(
                        "UPDATE sites SET name = ?2, geom = ?3, number = ?4 WHERE fid = ?1",
                    )?
                    .execute((fid, &new.0, &new.1, new.2))?;
                    sums.sites = sums.sites.wrapping_sub(hash(site, &old));
                    tally.updated += 1;
                }
                None => {
                    tx.prepare_cached(
                        "INSERT INTO sites (class, id, name, geom, number) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute((&site.class, &site.id, &new.0, &new.1, new.2))?;
                    tally.stored += 1;
                }
            }
            sums.sites = sums.sites.wrapping_add(hash(site, &new));
        }
        drop(select);
        if tally.is_change() {
            sums.save(&tx)?;
            tx.commit()?;
        }
        Ok(tally)
    }

    /// The sites, in the order of class and id.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn sites(&self) -> Result<Vec<Site>, StoreError> {
        read(&self.connection)
    }

    /// The classes of sites.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn site_classes(&self) -> Result<Vec<SiteClassCount>, StoreError> {
        let sql = "SELECT class, count(*) FROM sites GROUP BY class ORDER BY class";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |r| {
            Ok(SiteClassCount {
                class: r.get(0)?,
                count: r.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Name, position and number of a site.
type Content = (String, Vec<u8>, Option<u32>);

/// A site without a number hashes as it did when there were none.
fn hash(site: &Site, (name, geom, number): &Content) -> u128 {
    let number = number.map(u32::to_le_bytes);
    let mut parts = vec![
        site.class.as_bytes(),
        site.id.as_bytes(),
        name.as_bytes(),
        geom.as_slice(),
    ];
    parts.extend(number.as_ref().map(<[u8; 4]>::as_slice));
    hash_parts(&parts)
}

/// All sites, in the order of class and id.
pub(crate) fn read(connection: &Connection) -> Result<Vec<Site>, StoreError> {
    let sql = "SELECT class, id, name, geom, number FROM sites ORDER BY class, id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut sites = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(1)?;
        let blob = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        let position = geometry::lon_lat_of(blob).ok_or_else(|| StoreError::Corrupt {
            detail: format!("the position of site {id}"),
        })?;
        sites.push(Site {
            class: row.get(0)?,
            id,
            name: row.get(2)?,
            position,
            number: row.get(4)?,
        });
    }
    Ok(sites)
}
