//! Arrays of numpy: `.npy` files, and `.npz` archives of them.
//!
//! As much as the oracles need: little-endian numbers and truth values in C order.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// Why an array cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpyError(String);

impl std::fmt::Display for NpyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not an array that this reader knows: {}", self.0)
    }
}

impl std::error::Error for NpyError {}

fn fail<T>(why: impl Into<String>) -> Result<T, NpyError> {
    Err(NpyError(why.into()))
}

/// The numbers of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// `<f8`; `<f4` widened.
    Floats(Vec<f64>),
    /// `<i8`; `<i4`, `<i2` and `|b1` (0 or 1) widened; `<u8` up to 2⁶³ − 1.
    Integers(Vec<i64>),
}

/// An array, the last axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length along each axis.
    pub shape: Vec<usize>,
    /// The numbers.
    pub numbers: Numbers,
}

impl Array {
    /// Reads the bytes of a `.npy` file.
    ///
    /// # Errors
    /// [`NpyError`] for anything but `<f8`, `<f4`, `<i8`, `<u8`, `<i4`, `<i2` and `|b1` in C order,
    /// complete.
    pub fn read(bytes: &[u8]) -> Result<Self, NpyError> {
        let Some(rest) = bytes.strip_prefix(b"\x93NUMPY") else {
            return fail("it does not begin with the mark of numpy");
        };
        let (length, rest) = match *rest {
            [1, _, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), rest),
            [2 | 3, _, a, b, c, d, ref rest @ ..] => {
                (u32::from_le_bytes([a, b, c, d]) as usize, rest)
            }
            _ => return fail("its version is unknown"),
        };
        if rest.len() < length {
            return fail("it ends in its header");
        }
        let (header, body) = rest.split_at(length);
        let header = String::from_utf8_lossy(header);
        if !header.contains("'fortran_order': False") {
            return fail("it is not in C order");
        }
        let shape = header
            .split_once("'shape': (")
            .and_then(|(_, after)| after.split_once(')'))
            .map(|(inside, _)| inside.split(',').map(str::trim).filter(|n| !n.is_empty()))
            .and_then(|axes| axes.map(|n| n.parse().ok()).collect::<Option<Vec<usize>>>());
        let Some(shape) = shape else {
            return fail("it has no shape");
        };
        let kind = header
            .split_once("'descr': '")
            .and_then(|(_, after)| after.split_once('\''))
            .map_or("", |(kind, _)| kind);
        let size = match kind {
            "<f8" | "<i8" | "<u8" => 8,
            "<f4" | "<i4" => 4,
            "<i2" => 2,
            "|b1" => 1,
            _ => {
                return fail(format!(
                    "its numbers are {kind}, not <f8, <f4, <i8, <u8, <i4, <i2 or |b1"
                ));
            }
        };
        if body.len() != size * shape.iter().product::<usize>() {
            return fail(format!(
                "{} bytes are not the numbers of {shape:?}",
                body.len()
            ));
        }
        let numbers = match kind {
            "<f8" => Numbers::Floats(words(body).map(f64::from_le_bytes).collect()),
            "<f4" => Numbers::Floats(words(body).map(|w| f32::from_le_bytes(w).into()).collect()),
            "<i8" => Numbers::Integers(words(body).map(i64::from_le_bytes).collect()),
            "<u8" => Numbers::Integers(
                words(body)
                    .map(|w| i64::try_from(u64::from_le_bytes(w)))
                    .collect::<Result<_, _>>()
                    .map_err(|e| NpyError(e.to_string()))?,
            ),
            "<i2" => Numbers::Integers(words(body).map(|w| i16::from_le_bytes(w).into()).collect()),
            "<i4" => Numbers::Integers(words(body).map(|w| i32::from_le_bytes(w).into()).collect()),
            _ => Numbers::Integers(body.iter().map(|&b| i64::from(b)).collect()),
        };
        Ok(Self { shape, numbers })
    }

    /// The numbers as floats.
    ///
    /// # Errors
    /// [`NpyError`] if they are integers.
    pub fn floats(&self) -> Result<&[f64], NpyError> {
        match &self.numbers {
            Numbers::Floats(v) => Ok(v),
            Numbers::Integers(_) => fail("it holds integers where floats were expected"),
        }
    }

    /// The numbers as integers.
    ///
    /// # Errors
    /// [`NpyError`] if they are floats.
    pub fn integers(&self) -> Result<&[i64], NpyError> {
        match &self.numbers {
            Numbers::Integers(v) => Ok(v),
            Numbers::Floats(_) => fail("it holds floats where integers were expected"),
        }
    }
}

/// The bytes by words of one size; the caller has seen to it that they come out even.
fn words<const N: usize>(body: &[u8]) -> impl Iterator<Item = [u8; N]> {
    body.as_chunks::<N>().0.iter().copied()
}

/// The arrays of a `.npz` file by name.
///
/// # Errors
/// [`NpyError`] if it is not a zip of arrays that [`Array::read`] knows.
pub fn read_npz(bytes: &[u8]) -> Result<BTreeMap<String, Array>, NpyError> {
    let zip = |e: zip::result::ZipError| NpyError(e.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(zip)?;
    let mut arrays = BTreeMap::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(zip)?;
        let name = entry.name().map_err(zip)?.to_string();
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|e| NpyError(e.to_string()))?;
        arrays.insert(
            name.trim_end_matches(".npy").to_owned(),
            Array::read(&content)?,
        );
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn floats_and_integers_with_their_shape() {
        let body: Vec<u8> = [1.5_f64, -2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }\n";
        let array = Array::read(&npy(header, &body)).unwrap();
        assert_eq!(
            (array.shape.as_slice(), array.floats().unwrap()),
            (&[1, 2][..], &[1.5, -2.0][..])
        );
        assert!(array.integers().is_err());
        let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }\n";
        let array = Array::read(&npy(header, &7_i64.to_le_bytes())).unwrap();
        assert_eq!(array.integers().unwrap(), [7]);
        let header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n";
        let array = Array::read(&npy(header, &[7, 0, 0, 0, 255, 255, 255, 255])).unwrap();
        assert_eq!(array.integers().unwrap(), [7, -1]);
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
        let array = Array::read(&npy(header, &0.5_f32.to_le_bytes())).unwrap();
        assert_eq!(array.floats().unwrap(), [0.5]);
        let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }\n";
        let array = Array::read(&npy(header, &[0, 1, 1])).unwrap();
        assert_eq!(array.integers().unwrap(), [0, 1, 1]);
    }

    #[test]
    fn cells_and_short_integers() {
        let header = "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }\n";
        let cell = 0x089c_2596_8d3f_ffff_i64;
        let array = Array::read(&npy(header, &cell.to_le_bytes())).unwrap();
        assert_eq!(array.integers().unwrap(), [cell]);
        assert!(Array::read(&npy(header, &[255; 8])).is_err());
        let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n";
        let array = Array::read(&npy(header, &[255, 255, 0, 1])).unwrap();
        assert_eq!(array.integers().unwrap(), [-1, 256]);
    }

    #[test]
    fn what_is_something_else_is_refused() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n";
        assert!(Array::read(&npy(header, &[0; 8])).is_err());
        assert!(Array::read(&npy(&header.replace("False", "True"), &[0; 16])).is_err());
        assert!(Array::read(&npy(&header.replace("<f8", "<f2"), &[0; 16])).is_err());
        assert!(Array::read(b"\x93NUMPY\x01\x00\xff\xff").is_err());
        assert!(Array::read(b"").is_err());
    }
}
