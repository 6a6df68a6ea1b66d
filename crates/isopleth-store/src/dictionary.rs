//! Dictionaries of texts, known in memory while a file is written.
//!
//! A text is told from others by a hash of 128 bits, the same hash that enters the content hash of
//! a row. Ids count from 1 without gaps, so that an id leads to its hash by an array.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use isopleth_core::domain::Policy;
use isopleth_io::ingest::{KindTerms, NO_TEXT, PlaceText, Texts};
use rusqlite::Connection;

use crate::StoreError;
use crate::revision::hash_parts;
use crate::store::load_policy;

/// The texts of one dictionary table.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    ids: HashMap<u128, u32, BuildHasherDefault<FirstBits>>,
    hashes: Vec<u128>,
}

impl Dictionary {
    /// The id of a text that is known by its hash.
    fn get(&self, hash: u128) -> Option<u32> {
        self.ids.get(&hash).copied()
    }

    /// Takes a text in and gives its id.
    fn add(&mut self, hash: u128) -> u32 {
        self.hashes.push(hash);
        let id = self.hashes.len() as u32;
        self.ids.insert(hash, id);
        id
    }

    /// The hash of the text with this id; 0 for no text.
    pub(crate) fn hash(&self, id: u32) -> u128 {
        (id as usize)
            .checked_sub(1)
            .and_then(|at| self.hashes.get(at))
            .copied()
            .unwrap_or(0)
    }

    fn truncate(&mut self, len: usize) {
        for hash in self.hashes.drain(len.min(self.hashes.len())..) {
            self.ids.remove(&hash);
        }
    }
}

/// The four dictionaries of incidents.
#[derive(Debug, Default)]
pub(crate) struct Dictionaries {
    pub(crate) kinds: Dictionary,
    pub(crate) places: Dictionary,
    pub(crate) small_areas: Dictionary,
    pub(crate) outcomes: Dictionary,
    /// What SQLite says of changes by others at the time of loading.
    version: Option<i64>,
}

impl Dictionaries {
    /// Makes sure that memory is what the file holds, which it is not after another process wrote.
    /// Runs inside a writing transaction.
    pub(crate) fn refresh(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version == Some(version) {
            return Ok(());
        }
        *self = Self::default();
        load(
            connection,
            &mut self.kinds,
            "SELECT id, term, sub_type_term, record_source FROM kinds ORDER BY id",
            |r| Ok(hash_parts(&[text(r, 1)?, text(r, 2)?, text(r, 3)?])),
        )?;
        load(
            connection,
            &mut self.places,
            "SELECT id, text, uprn FROM places ORDER BY id",
            |r| Ok(place_hash(text(r, 1)?, r.get(2)?)),
        )?;
        load(
            connection,
            &mut self.small_areas,
            "SELECT id, code FROM small_areas ORDER BY id",
            |r| Ok(hash_parts(&[text(r, 1)?])),
        )?;
        load(
            connection,
            &mut self.outcomes,
            "SELECT id, text FROM outcomes ORDER BY id",
            |r| Ok(hash_parts(&[text(r, 1)?])),
        )?;
        self.version = Some(version);
        Ok(())
    }

    /// How many texts each dictionary holds.
    pub(crate) fn lengths(&self) -> [usize; 4] {
        [&self.kinds, &self.places, &self.small_areas, &self.outcomes].map(|d| d.hashes.len())
    }

    /// Forgets what came after a count of [`lengths`](Self::lengths).
    pub(crate) fn truncate(&mut self, lengths: [usize; 4]) {
        self.kinds.truncate(lengths[0]);
        self.places.truncate(lengths[1]);
        self.small_areas.truncate(lengths[2]);
        self.outcomes.truncate(lengths[3]);
    }
}

fn text<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    Ok(row.get_ref(column)?.as_bytes()?)
}

fn load(
    connection: &Connection,
    dictionary: &mut Dictionary,
    sql: &str,
    hash: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<u128>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: u32 = row.get(0)?;
        if dictionary.add(hash(row)?) != id {
            let detail = format!("dictionary ids have a gap before {id}");
            return Err(StoreError::Corrupt { detail });
        }
    }
    Ok(())
}

fn place_hash(text: &[u8], uprn: Option<i64>) -> u128 {
    let number = uprn.map(i64::to_le_bytes);
    hash_parts(&[text, number.as_ref().map_or(&[], |n| n.as_slice())])
}

/// Where the texts of a file stand in the dictionaries of the store.
#[derive(Debug, Default)]
pub(crate) struct FileTexts {
    kinds: Vec<u32>,
    places: Vec<u32>,
    small_areas: Vec<u32>,
    outcomes: Vec<u32>,
    policy: Option<Policy>,
}

impl FileTexts {
    /// Takes in what the file's dictionary gained since the last call.
    pub(crate) fn extend(
        &mut self,
        connection: &Connection,
        known: &mut Dictionaries,
        texts: &Texts,
    ) -> Result<(), StoreError> {
        for kind in texts.kinds.get(self.kinds.len()..).unwrap_or_default() {
            let id = self.kind(connection, &mut known.kinds, kind)?;
            self.kinds.push(id);
        }
        for PlaceText { text, uprn } in texts.places.get(self.places.len()..).unwrap_or_default() {
            let uprn = uprn.map(|value| {
                i64::try_from(value).map_err(|_| StoreError::OutOfRange {
                    what: "property reference number",
                    value,
                })
            });
            let uprn = uprn.transpose()?;
            let hash = place_hash(text.as_bytes(), uprn);
            let id = match known.places.get(hash) {
                Some(id) => id,
                None => {
                    let id = known.places.add(hash);
                    let sql = "INSERT INTO places (id, text, uprn) VALUES (?1, ?2, ?3)";
                    connection.prepare_cached(sql)?.execute((id, text, uprn))?;
                    id
                }
            };
            self.places.push(id);
        }
        let sql = "INSERT INTO small_areas (id, code) VALUES (?1, ?2)";
        plain(
            connection,
            &mut known.small_areas,
            &mut self.small_areas,
            &texts.small_areas,
            sql,
        )?;
        let sql = "INSERT INTO outcomes (id, text) VALUES (?1, ?2)";
        plain(
            connection,
            &mut known.outcomes,
            &mut self.outcomes,
            &texts.outcomes,
            sql,
        )
    }

    fn kind(
        &mut self,
        connection: &Connection,
        known: &mut Dictionary,
        kind: &KindTerms,
    ) -> Result<u32, StoreError> {
        let terms = [&kind.term, &kind.sub_type, &kind.record_source];
        let hash = hash_parts(&terms.map(String::as_bytes));
        if let Some(id) = known.get(hash) {
            return Ok(id);
        }
        let policy = match &mut self.policy {
            Some(policy) => policy,
            none => none.insert(load_policy(connection)?),
        };
        let resolved = policy.resolve(terms[0], terms[1], terms[2]);
        let id = known.add(hash);
        connection
            .prepare_cached(
                "INSERT INTO kinds (id, term, sub_type_term, record_source, offence_group, sub_type, lens)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                id, terms[0], terms[1], terms[2],
                resolved.group, resolved.sub_type, resolved.lens.name(),
            ))?;
        Ok(id)
    }

    /// The store's ids of a row's four texts, 0 for none.
    pub(crate) fn ids(&self, row: &isopleth_io::ingest::Row) -> Result<[u32; 4], StoreError> {
        Ok([
            Self::id(&self.kinds, row.kind, "kind")?,
            Self::id(&self.places, row.place, "place")?,
            Self::id(&self.small_areas, row.small_area, "small area")?,
            Self::id(&self.outcomes, row.outcome, "outcome")?,
        ])
    }

    fn id(ids: &[u32], index: u32, what: &'static str) -> Result<u32, StoreError> {
        match ids.get(index as usize) {
            Some(&id) => Ok(id),
            // Every record is of some kind.
            None if index == NO_TEXT && what != "kind" => Ok(0),
            None => Err(StoreError::NoSuchText { what, index }),
        }
    }
}

fn plain(
    connection: &Connection,
    known: &mut Dictionary,
    ids: &mut Vec<u32>,
    texts: &[String],
    sql: &str,
) -> Result<(), StoreError> {
    for text in texts.get(ids.len()..).unwrap_or_default() {
        let hash = hash_parts(&[text.as_bytes()]);
        let id = match known.get(hash) {
            Some(id) => id,
            None => {
                let id = known.add(hash);
                connection.prepare_cached(sql)?.execute((id, text))?;
                id
            }
        };
        ids.push(id);
    }
    Ok(())
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Default)]
struct FirstBits(u64);

impl Hasher for FirstBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for (at, &byte) in bytes.iter().enumerate() {
            self.0 ^= u64::from(byte) << (8 * (at % 8));
        }
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}
