//! SaTScan's files: places and cases, as the shared reference has them.

use std::collections::HashMap;
use std::io::Read;

use crate::oracle::shared;

/// Places and their cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// Ids of the places, in the order of their file.
    pub ids: Vec<String>,
    /// Their two coordinates, as the file has them.
    pub points: Vec<(f64, f64)>,
    /// Place and days since 1970 of every case.
    pub cases: Vec<(u32, i32)>,
}

impl Files {
    /// Reads a file of places and one of cases below the shared folder; `None` where there is none.
    ///
    /// # Panics
    /// If a file is damaged.
    #[must_use]
    pub fn read(geo: &str, cas: &str) -> Option<Self> {
        let (geo, cas) = (text(geo)?, text(cas)?);
        let mut files = Self::default();
        let mut place_of = HashMap::new();
        for line in geo.lines().filter(|l| !l.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |i: usize| words[i].parse::<f64>().expect("a coordinate");
            place_of.insert(words[0].to_owned(), files.ids.len() as u32);
            files.ids.push(words[0].to_owned());
            files.points.push((number(1), number(2)));
        }
        for line in cas.lines().filter(|l| !l.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let day = words.get(2).map_or(0, |d| day(d));
            let count: usize = words[1].parse().expect("a count");
            let case = (place_of[words[0]], day);
            files.cases.extend(std::iter::repeat_n(case, count));
        }
        Some(files)
    }

    /// The cases by place and step of a day, the first day being step 0.
    #[must_use]
    pub fn by_day(&self, first: &str) -> Vec<(u32, u32)> {
        let first = day(first);
        let step = |&(place, day): &(u32, i32)| (place, (day - first) as u32);
        self.cases.iter().map(step).collect()
    }
}

/// Days since 1970 of `2001/11/3`, or of a year.
fn day(text: &str) -> i32 {
    let mut parts = text.split('/').map(|p| p.parse::<i16>().expect("a date"));
    let (year, month, day) = (
        parts.next().unwrap_or(1970),
        parts.next().unwrap_or(1) as i8,
        parts.next().unwrap_or(1) as i8,
    );
    let date = jiff::civil::Date::new(year, month, day).expect("a date");
    let hours = date
        .duration_since(jiff::civil::date(1970, 1, 1))
        .as_hours();
    (hours / 24) as i32
}

/// A file's text, unpacked if it is packed.
///
/// # Panics
/// If the file cannot be read.
fn text(path: &str) -> Option<String> {
    let bytes = std::fs::read(shared(path)?).expect("a file that can be read");
    let mut text = String::new();
    if path.ends_with(".gz") {
        flate2::read::GzDecoder::new(bytes.as_slice())
            .read_to_string(&mut text)
            .expect("a whole file");
    } else {
        text = String::from_utf8(bytes).expect("text");
    }
    Some(text)
}

/// SaTScan's two recorded instances of the space-time permutation scan: name, greatest radius, maximum
/// log likelihood ratio as printed.
pub const PERMUTATION: [(&str, f64, f64); 2] = [
    ("stp_1140loc_4948cases", 4000.0, 13.255_465),
    ("stp_4528loc_19857cases", 3000.0, 17.719_964),
];

/// One of these, by its name.
#[must_use]
pub fn permutation(name: &str) -> Option<Files> {
    Files::read(
        &format!("peers/oracle/{name}.geo.gz"),
        &format!("peers/oracle/{name}.cas.gz"),
    )
}
