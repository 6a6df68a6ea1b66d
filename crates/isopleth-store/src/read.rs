//! The snapshot: everything that a run may look at, in memory, at one revision.

use isopleth_core::Snapshot;
use isopleth_core::domain::{
    IncidentRow, IncidentSet, IncidentSetBuilder, Kind, Lens, Location, LocationBasis, NO_PLACE,
    Place, Span, TimePrecision,
};
use rusqlite::Connection;

use crate::geometry;
use crate::store::load_policy;
use crate::{Store, StoreError, areas, documents, revision, sites, streets};

/// Kinds that an index of 16 bits can tell apart.
const KIND_LIMIT: usize = u16::MAX as usize;

/// A text that no incident refers to.
const UNUSED: u32 = u32::MAX;

impl Store {
    /// Reads everything at the present revision, in one read transaction.
    ///
    /// # Errors
    /// [`StoreError::TooManyKinds`]; errors of the database.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let tx = self.connection.unchecked_transaction()?;
        let policy = load_policy(&tx)?;
        Ok(Snapshot {
            revision: revision::current(&tx)?,
            incidents: incidents(&tx)?,
            areas: areas::read(&tx)?,
            sites: sites::read(&tx)?,
            streets: streets::read(&tx)?,
            counts: documents::counts(&tx, &policy)?,
            policy: format!("{} {}", policy.id, policy.version),
            groups: policy.groups,
            harm_schedules: documents::harm_schedules(&tx)?,
        })
    }
}

/// Dictionary ids given new numbers in the order in which they are met, so that texts that no
/// incident refers to any more stay out.
struct Renumbered {
    number: Vec<u32>,
    used: u32,
}

impl Renumbered {
    fn new(connection: &Connection, table: &str) -> Result<Self, StoreError> {
        let sql = format!("SELECT ifnull(max(id), 0) FROM {table}");
        let last: usize = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(Self {
            number: vec![UNUSED; last + 1],
            used: 0,
        })
    }

    fn number(&mut self, id: usize) -> Option<u32> {
        let number = self.number.get_mut(id)?;
        if *number == UNUSED {
            *number = self.used;
            self.used += 1;
        }
        Some(*number)
    }

    /// The texts in their new order.
    fn gather<T>(
        &self,
        texts: impl Iterator<Item = rusqlite::Result<(usize, T)>>,
    ) -> Result<Vec<T>, StoreError> {
        let mut tagged = Vec::with_capacity(self.used as usize);
        for item in texts {
            let (id, text) = item?;
            match self.number.get(id) {
                Some(&number) if number != UNUSED => tagged.push((number, text)),
                _ => {}
            }
        }
        if tagged.len() != self.used as usize {
            return Err(damaged("an incident refers to a text that is not there"));
        }
        tagged.sort_unstable_by_key(|(number, _)| *number);
        Ok(tagged.into_iter().map(|(_, text)| text).collect())
    }
}

fn incidents(connection: &Connection) -> Result<IncidentSet, StoreError> {
    let mut kinds = Renumbered::new(connection, "kinds")?;
    let mut places = Renumbered::new(connection, "places")?;
    // Incidents are never taken out, so that the last id is their number or little more.
    let last: usize =
        connection.query_row("SELECT ifnull(max(fid), 0) FROM incidents", [], |row| {
            row.get(0)
        })?;
    let mut set = IncidentSetBuilder::with_capacity(last);

    let mut statement = connection.prepare_cached(
        "SELECT from_minute, to_minute, precision, basis, kind, place, x_mm, y_mm, geom
         FROM incidents NOT INDEXED",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let location = match row
            .get_ref(8)?
            .as_blob_or_null()
            .map_err(rusqlite::Error::from)?
        {
            None => None,
            Some(blob) => Some(Location {
                position: geometry::lon_lat_of(blob).ok_or_else(|| damaged("a geometry"))?,
                x_mm: row.get(6)?,
                y_mm: row.get(7)?,
            }),
        };
        let kind = kinds.number(row.get(4)?).ok_or_else(|| damaged("a kind"))?;
        let place = match row.get::<_, Option<u32>>(5)? {
            None => NO_PLACE,
            Some(id) => places
                .number(id as usize)
                .ok_or_else(|| damaged("a place"))?,
        };
        set.push(&IncidentRow {
            location,
            span: Span {
                from: row.get(0)?,
                to: row.get(1)?,
                precision: TimePrecision::from_code(row.get(2)?)
                    .ok_or_else(|| damaged("a precision"))?,
            },
            kind: u16::try_from(kind).map_err(|_| StoreError::TooManyKinds {
                count: kinds.number.len() - 1,
                limit: KIND_LIMIT,
            })?,
            basis: LocationBasis::from_code(row.get(3)?)
                .ok_or_else(|| damaged("a location basis"))?,
            place,
        });
    }

    let mut statement = connection.prepare_cached(
        "SELECT id, term, sub_type_term, record_source, offence_group, sub_type, lens FROM kinds",
    )?;
    let kinds = kinds.gather(statement.query_map([], |r| {
        let lens: String = r.get(6)?;
        Ok((
            r.get(0)?,
            Kind {
                term: r.get(1)?,
                sub_type_term: r.get(2)?,
                record_source: r.get(3)?,
                group: r.get(4)?,
                sub_type: r.get(5)?,
                // Anything but `reported` stays out of rankings of what was reported.
                lens: if lens == Lens::Reported.name() {
                    Lens::Reported
                } else {
                    Lens::PoliceGenerated
                },
            },
        ))
    })?)?;
    let mut statement = connection.prepare_cached("SELECT id, text, uprn FROM places")?;
    let places = places.gather(statement.query_map([], |r| {
        let uprn = r.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned);
        Ok((
            r.get(0)?,
            Place {
                text: r.get(1)?,
                uprn,
            },
        ))
    })?)?;
    Ok(set.finish(kinds, places))
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt {
        detail: format!("{what} in the table of incidents is not one that the store writes"),
    }
}
