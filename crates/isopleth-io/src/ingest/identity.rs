//! Keys that make ingest idempotent. What goes into them, and why, stands in the
//! [module documentation](super).

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128, xxh3_128_with_seed};

use super::intern::FastMap;

/// What a record without an id is told apart by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    pub(crate) position: Option<(u64, u64)>,
    pub(crate) from: i32,
    pub(crate) to: i32,
    pub(crate) precision: u8,
    pub(crate) term: u128,
    pub(crate) sub_type: u128,
    pub(crate) record_source: u128,
    pub(crate) place: u128,
    pub(crate) uprn: u64,
    pub(crate) small_area: u128,
    pub(crate) basis: u128,
    /// Identity columns and file name.
    pub(crate) scope: u128,
}

/// Makes the keys of a file.
#[derive(Debug)]
pub(crate) struct Keys {
    id_seed: u64,
    content_seed: u64,
    seen: FastMap<u128, u32>,
}

impl Keys {
    /// For a file of this format; `id_month` is the month that its ids belong to, if any.
    pub(crate) fn new(format: &str, id_month: &str) -> Self {
        let seed = xxh3_64(format.as_bytes());
        Self {
            id_seed: match id_month {
                "" => seed,
                month => xxh3_64_with_seed(month.as_bytes(), seed),
            },
            content_seed: seed ^ 0x5bd1_e995_9e37_79b9,
            seen: FastMap::default(),
        }
    }

    /// The key of the next record with this id.
    pub(crate) fn by_id(&mut self, id: &[u8]) -> u128 {
        self.numbered(xxh3_128_with_seed(id, self.id_seed))
    }

    /// The key of the next record with this content.
    pub(crate) fn by_content(&mut self, content: &Content) -> u128 {
        let mut bytes = [0_u8; 146];
        let mut rest = &mut bytes[..];
        let mut put = |value: &[u8]| {
            let (to, after) = std::mem::take(&mut rest).split_at_mut(value.len());
            to.copy_from_slice(value);
            rest = after;
        };
        let (east, north) = content.position.unwrap_or_default();
        put(&[u8::from(content.position.is_some()), content.precision]);
        put(&east.to_le_bytes());
        put(&north.to_le_bytes());
        put(&content.from.to_le_bytes());
        put(&content.to.to_le_bytes());
        put(&content.uprn.to_le_bytes());
        for hash in [
            content.term,
            content.sub_type,
            content.record_source,
            content.place,
            content.small_area,
            content.basis,
            content.scope,
        ] {
            put(&hash.to_le_bytes());
        }
        self.numbered(xxh3_128_with_seed(&bytes, self.content_seed))
    }

    /// The first keeps the hash, the others mix their ordinal in.
    fn numbered(&mut self, base: u128) -> u128 {
        let seen = self.seen.entry(base).or_insert(0);
        let ordinal = *seen;
        *seen += 1;
        if ordinal == 0 {
            return base;
        }
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(&base.to_le_bytes());
        bytes[16..].copy_from_slice(&ordinal.to_le_bytes());
        xxh3_128(&bytes)
    }
}

/// Month and force of a file name such as `2022-02/2022-02-metropolitan-stop-and-search.csv`.
pub(crate) fn stem_of(name: &str) -> &str {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let base = base.strip_suffix(".gz").unwrap_or(base);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    if stem.len() > 8 && dated(stem) {
        stem
    } else {
        ""
    }
}

/// Month of a file name such as `2022-02/2022-02-metropolitan-street.csv`.
pub(crate) fn month_of(name: &str) -> &str {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if dated(base) { &base[..7] } else { "" }
}

/// Whether a text begins like `2022-02-`.
fn dated(text: &str) -> bool {
    text.len() >= 8
        && text.bytes().take(8).enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::{month_of, stem_of};

    #[test]
    fn folders_and_compression_do_not_count() {
        let stem = "2022-02-metropolitan-stop-and-search";
        for name in [
            "2022-02/2022-02-metropolitan-stop-and-search.csv",
            "2022-02-metropolitan-stop-and-search.csv.gz",
        ] {
            assert_eq!(stem_of(name), stem);
        }
        assert_eq!(stem_of("stops.csv"), "");
        assert_eq!(stem_of("2022.csv"), "");
        assert_eq!(
            month_of("2022-03/2022-02-metropolitan-street.csv.gz"),
            "2022-02"
        );
        assert_eq!(month_of("2022-03/street.csv"), "");
        assert_eq!(month_of("2022-02"), "");
    }
}
