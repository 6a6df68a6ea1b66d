//! Each distinct text once, found again by its bytes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// A map for keys out of a file, hashed for speed. The keys are dropped with the file, and who can
/// choose them can as well send a larger file, so a keyed hash would buy nothing.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// Hashes bytes by XXH3 and integers by one wide multiplication.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FastHasher(u64);

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let wide = u128::from(self.0 ^ value ^ 0xa076_1d64_78bd_642f) * 0xe703_7ed1_a0b4_28db;
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
        self.write_u64((value >> 64) as u64);
    }

    /// Slices write their length before their bytes; the bytes are enough.
    fn write_usize(&mut self, _: usize) {}
}

/// What is known of a text of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Known {
    /// Where it went in the file's dictionary; its meaning is the caller's.
    pub(crate) index: u32,
    /// Hash of the text as the source writes it, blanks around it and encoding aside.
    pub(crate) hash: u128,
}

/// The texts of a column.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    known: FastMap<Box<[u8]>, Known>,
    last: Vec<u8>,
    last_known: Option<Known>,
}

impl Interner {
    /// What is known of a text; a new one is decoded and given to `add`, which places it.
    pub(crate) fn find(
        &mut self,
        raw: &[u8],
        decoder: &mut Decoder,
        add: impl FnOnce(&str) -> u32,
    ) -> Known {
        if let Some(known) = self.last_known
            && self.last == raw
        {
            return known;
        }
        let known = match self.known.get(raw) {
            Some(&known) => known,
            None => {
                let text = decoder.decode(raw);
                // The same text may come in another encoding.
                let known = match self.known.get(text.as_bytes()) {
                    Some(&known) => known,
                    None => {
                        let hash = xxh3_128(text.as_bytes());
                        let known = Known {
                            index: add(&text),
                            hash,
                        };
                        self.known.insert(text.as_bytes().into(), known);
                        known
                    }
                };
                if text.as_bytes() != raw {
                    self.known.insert(raw.into(), known);
                }
                known
            }
        };
        self.last.clear();
        self.last.extend_from_slice(raw);
        self.last_known = Some(known);
        known
    }
}

/// Turns bytes into text: UTF-8, and what is not UTF-8 as windows-1252.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// First text that was not UTF-8, decoded.
    pub(crate) guessed: Option<String>,
}

impl Decoder {
    pub(crate) fn decode<'a>(&mut self, raw: &'a [u8]) -> std::borrow::Cow<'a, str> {
        match std::str::from_utf8(raw) {
            Ok(text) => text.into(),
            Err(_) => {
                let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(raw);
                if self.guessed.is_none() {
                    self.guessed = Some(text.clone().into_owned());
                }
                text
            }
        }
    }
}
