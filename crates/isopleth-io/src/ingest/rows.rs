//! From the fields of a record to a row.

use std::sync::Arc;

use isopleth_core::domain::{LocationBasis, Span};
use xxhash_rust::xxh3::xxh3_128;

use super::fields::{Cells, Role};
use super::identity::{Content, Keys};
use super::intern::{Decoder, FastMap, Interner, Known};
use super::mapping::{Mapping, folded};
use super::position;
use super::report::Reason;
use super::time::{between, month, number};
use super::{KindTerms, NO_TEXT, PlaceText, Row, RowLocation, Texts};

/// Why a record is no row, and which of its fields are at fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) roles: (Role, Option<Role>),
}

impl Fault {
    fn at(reason: Reason, role: Role) -> Self {
        Self {
            reason,
            roles: (role, None),
        }
    }
}

/// The bits of a position's numbers, and where it is.
type Located = ((u64, u64), RowLocation);

/// An empty cell.
const EMPTY: Known = Known {
    index: NO_TEXT,
    hash: 0,
};

/// Makes the rows of a file.
pub(crate) struct Rows {
    mapping: Arc<Mapping>,
    pub(crate) positions: position::Known,
    pub(crate) texts: Texts,
    pub(crate) decoder: Decoder,
    /// Property numbers that are no numbers.
    pub(crate) bad_uprns: u64,
    keys: Keys,
    file_scope: u128,
    terms: Words,
    sub_types: Words,
    record_sources: Words,
    places: Words,
    small_areas: Interner,
    outcomes: Interner,
    bases: Interner,
    kinds: FastMap<(u32, u32, u32), u32>,
    kinds_by_terms: std::collections::HashMap<KindTerms, u32>,
    last_kind: Option<((u32, u32, u32), u32)>,
    place_index: FastMap<(u32, u64), u32>,
    last_date: Vec<u8>,
    last_span: Option<Span>,
}

/// The texts of a column, before they are put together with others.
#[derive(Default)]
struct Words {
    known: Interner,
    texts: Vec<String>,
}

impl Words {
    fn find(
        &mut self,
        raw: &[u8],
        mapping: &Mapping,
        decoder: &mut Decoder,
        make: impl FnOnce(&str) -> String,
    ) -> Known {
        if raw.is_empty() {
            return EMPTY;
        }
        let texts = &mut self.texts;
        let known = self.known.find(raw, decoder, |text| {
            if mapping.is_missing(text.as_bytes()) {
                return NO_TEXT;
            }
            texts.push(make(text));
            texts.len() as u32 - 1
        });
        if known.index == NO_TEXT { EMPTY } else { known }
    }

    fn text(&self, index: u32) -> Option<&str> {
        self.texts.get(index as usize).map(String::as_str)
    }
}

impl Rows {
    /// For a file of this format; `file_scope` is what its name adds to the identity of records
    /// without an id, `id_month` to that of records with one.
    pub(crate) fn new(
        mapping: Arc<Mapping>,
        format: &str,
        file_scope: &str,
        id_month: &str,
        positions: position::Known,
    ) -> Self {
        Self {
            mapping,
            positions,
            texts: Texts::default(),
            decoder: Decoder::default(),
            bad_uprns: 0,
            keys: Keys::new(format, id_month),
            file_scope: xxh3_128(file_scope.as_bytes()),
            terms: Words::default(),
            sub_types: Words::default(),
            record_sources: Words::default(),
            places: Words::default(),
            small_areas: Interner::default(),
            outcomes: Interner::default(),
            bases: Interner::default(),
            kinds: FastMap::default(),
            kinds_by_terms: std::collections::HashMap::new(),
            last_kind: None,
            place_index: FastMap::default(),
            last_date: Vec::new(),
            last_span: None,
        }
    }

    /// The row of a record. `scope` is the hash of its identity columns.
    pub(crate) fn build(&mut self, cells: &Cells<'_>, scope: u128) -> Result<Row, Fault> {
        let span = self.span(cells)?;
        let no_term = self.mapping.constants.term.is_empty();
        if no_term && cells.get(Role::Term).is_empty() {
            return Err(Fault::at(Reason::NoOffence, Role::Term));
        }
        let found = self.location(cells)?;

        let (mapping, decoder) = (&*self.mapping, &mut self.decoder);
        let term = self
            .terms
            .find(cells.get(Role::Term), mapping, decoder, |text| {
                mapping
                    .offences
                    .get(&folded(text))
                    .cloned()
                    .unwrap_or_else(|| text.to_owned())
            });
        if no_term && term == EMPTY {
            return Err(Fault::at(Reason::NoOffence, Role::Term));
        }
        let own = str::to_owned;
        let sub_type = self
            .sub_types
            .find(cells.get(Role::SubType), mapping, decoder, own);
        let desk = self
            .record_sources
            .find(cells.get(Role::RecordSource), mapping, decoder, own);
        let place = self
            .places
            .find(cells.get(Role::Place), mapping, decoder, own);
        let small_areas = &mut self.texts.small_areas;
        let small_area = text(
            &mut self.small_areas,
            small_areas,
            cells.get(Role::SmallArea),
            mapping,
            decoder,
        );
        let outcomes = &mut self.texts.outcomes;
        let outcome = text(
            &mut self.outcomes,
            outcomes,
            cells.get(Role::Outcome),
            mapping,
            decoder,
        );
        let basis_cell = cells.get(Role::Basis);
        let rule = match basis_cell {
            [] => EMPTY,
            raw => self.bases.find(raw, decoder, |text| {
                mapping
                    .basis_of(text)
                    .map_or(NO_TEXT, |basis| u32::from(basis.code()))
            }),
        };

        let uprn = self.uprn(cells.get(Role::Uprn));
        let basis = match found {
            None => LocationBasis::Unknown,
            Some(_) => self.basis(rule.index, uprn),
        };
        let id = cells.get(Role::Id);
        let key = if id.is_empty() || self.mapping.is_missing(id) {
            self.keys.by_content(&Content {
                position: found.map(|(bits, _)| bits),
                from: span.from,
                to: span.to,
                precision: span.precision.code(),
                term: term.hash,
                sub_type: sub_type.hash,
                record_source: desk.hash,
                place: place.hash,
                uprn: uprn.unwrap_or(0),
                small_area: small_area.hash,
                basis: rule.hash,
                scope: scope ^ self.file_scope,
            })
        } else {
            self.keys.by_id(id)
        };
        Ok(Row {
            key,
            location: found.map(|(_, location)| location),
            span,
            basis,
            kind: self.kind(term.index, sub_type.index, desk.index),
            place: self.place(place.index, uprn),
            small_area: small_area.index,
            outcome: outcome.index,
        })
    }

    /// Puts another mapping in place, before the first record.
    pub(crate) fn use_mapping(&mut self, mapping: Mapping) {
        self.mapping = Arc::new(mapping);
    }

    /// The hash of the identity columns of a record.
    pub(crate) fn scope<'a>(&self, cells: impl Iterator<Item = &'a [u8]>) -> u128 {
        cells.fold(0, |hash, cell| hash.rotate_left(1) ^ xxh3_128(cell))
    }

    fn span(&mut self, cells: &Cells<'_>) -> Result<Span, Fault> {
        let (date, from) = (cells.get(Role::Date), cells.get(Role::From));
        let mapping = &*self.mapping;
        let present = |raw: &[u8]| !raw.is_empty() && !mapping.is_missing(raw);
        let known = |role: Role| mapping.column(role).is_some();
        let role = [Role::Date, Role::From]
            .into_iter()
            .find(|&r| known(r))
            .unwrap_or(Role::Month);
        let raw = match role {
            Role::Date => date,
            Role::From => from,
            _ => cells.get(Role::Month),
        };
        let alone = !known(Role::To) && !known(Role::Year);
        if let Some(span) = self.last_span
            && alone
            && self.last_date == raw
        {
            return Ok(span);
        }
        if !present(raw) {
            return Err(Fault::at(Reason::NoDate, role));
        }
        let bad = Fault::at(Reason::BadDate, role);
        let mut span = match role {
            Role::Month => self.month(raw, cells.get(Role::Year)),
            _ => mapping.clock.parse(raw),
        }
        .ok_or(bad)?;
        let to = cells.get(Role::To);
        if present(to) {
            let to = mapping
                .clock
                .parse(to)
                .ok_or(Fault::at(Reason::BadDate, Role::To))?;
            span = between(span, to).ok_or(Fault {
                reason: Reason::BadDate,
                roles: (Role::From, Some(Role::To)),
            })?;
        }
        if alone {
            self.last_date.clear();
            self.last_date.extend_from_slice(raw);
            self.last_span = Some(span);
        }
        Ok(span)
    }

    /// A month: its number, with the year beside it, or a text that says both.
    fn month(&self, raw: &[u8], year: &[u8]) -> Option<Span> {
        if raw.len() > 2 {
            return self.mapping.clock.parse(raw);
        }
        let year = match year {
            [] => self.mapping.constants.year?,
            year => i16::try_from(number(year)?).ok()?,
        };
        month(year, i8::try_from(number(raw)?).ok()?)
    }

    /// Where a record is; none if it does not say.
    fn location(&mut self, cells: &Cells<'_>) -> Result<Option<Located>, Fault> {
        let (east_role, north_role) = self.mapping.position_roles();
        let (mut east, mut north) = (cells.get(east_role), cells.get(north_role));
        for cell in [&mut east, &mut north] {
            if self.mapping.is_missing(cell) {
                *cell = &[];
            }
        }
        let pair = |reason| Fault {
            reason,
            roles: (east_role, Some(north_role)),
        };
        match (east, north) {
            ([], []) => return Ok(None),
            ([], _) | (_, []) => return Err(pair(Reason::HalfCoordinate)),
            _ => {}
        }
        let bad = |role| Fault::at(Reason::BadCoordinate, role);
        let x = position::decimal(east).ok_or(bad(east_role))?;
        let y = position::decimal(north).ok_or(bad(north_role))?;
        let found = self.positions.find(self.mapping.crs, x, y).map_err(pair)?;
        if let Some(area) = &self.mapping.area
            && !area.hold(found.lon, found.lat)
        {
            return Err(pair(Reason::OutsideArea));
        }
        Ok(Some(((x.to_bits(), y.to_bits()), found)))
    }

    fn uprn(&mut self, raw: &[u8]) -> Option<u64> {
        if raw.is_empty() || self.mapping.is_missing(raw) {
            return None;
        }
        // Twelve digits, by definition.
        let number = std::str::from_utf8(raw)
            .ok()
            .filter(|t| t.len() <= 12 && t.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|t| t.parse().ok())
            .filter(|&n: &u64| n > 0);
        self.bad_uprns += u64::from(number.is_none());
        number
    }

    fn basis(&self, rule: u32, uprn: Option<u64>) -> LocationBasis {
        u8::try_from(rule)
            .ok()
            .and_then(LocationBasis::from_code)
            .or(uprn.map(|_| LocationBasis::Address))
            .or(self.mapping.constants.basis)
            .unwrap_or(LocationBasis::Unknown)
    }

    fn kind(&mut self, term: u32, sub_type: u32, record_source: u32) -> u32 {
        let parts = (term, sub_type, record_source);
        if let Some((last, kind)) = self.last_kind
            && last == parts
        {
            return kind;
        }
        let kind = match self.kinds.get(&parts) {
            Some(&kind) => kind,
            None => {
                let constants = &self.mapping.constants;
                let or = |text: Option<&str>, constant: &str| text.unwrap_or(constant).to_owned();
                let terms = KindTerms {
                    term: or(self.terms.text(term), &constants.term),
                    sub_type: or(self.sub_types.text(sub_type), &constants.sub_type),
                    record_source: or(
                        self.record_sources.text(record_source),
                        &constants.record_source,
                    ),
                };
                // Two terms of the source can be one after the mapping's table.
                let kind = *self
                    .kinds_by_terms
                    .entry(terms)
                    .or_insert_with_key(|terms| {
                        self.texts.kinds.push(terms.clone());
                        self.texts.kinds.len() as u32 - 1
                    });
                self.kinds.insert(parts, kind);
                kind
            }
        };
        self.last_kind = Some((parts, kind));
        kind
    }

    fn place(&mut self, text: u32, uprn: Option<u64>) -> u32 {
        if text == NO_TEXT && uprn.is_none() {
            return NO_TEXT;
        }
        let places = &mut self.texts.places;
        *self
            .place_index
            .entry((text, uprn.unwrap_or(0)))
            .or_insert_with(|| {
                let text = self.places.text(text).unwrap_or_default().to_owned();
                places.push(PlaceText { text, uprn });
                places.len() as u32 - 1
            })
    }
}

/// The place of a cell in a dictionary of the file.
fn text(
    column: &mut Interner,
    dictionary: &mut Vec<String>,
    raw: &[u8],
    mapping: &Mapping,
    decoder: &mut Decoder,
) -> Known {
    if raw.is_empty() {
        return EMPTY;
    }
    let known = column.find(raw, decoder, |text| {
        if mapping.is_missing(text.as_bytes()) {
            return NO_TEXT;
        }
        dictionary.push(text.to_owned());
        dictionary.len() as u32 - 1
    });
    if known.index == NO_TEXT { EMPTY } else { known }
}
