//! Ready-made counts from files: area × category × month, wide or long.
//!
//! A wide table has a column for each month (`201905` or `2019-05`), a long one a row for each month. A
//! mapping says which column is which; the ward tables of the Metropolitan Police are known by their
//! header. Only the columns that a mapping names are read, and those whose name is a month.

use std::io::Read;

use isopleth_core::domain::{
    Contradiction, CountArea, CountCategory, CountTable, CountTableBuilder, CountTableError, Month,
    SeriesBreak,
};
use serde::Deserialize;

/// Why a file of counts is refused. Nothing of a refused file is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountsFileError {
    /// The file cannot be read.
    #[error("cannot read it: {0}")]
    Io(#[from] std::io::Error),
    /// The mapping is none.
    #[error(
        "mapping of counts: {0}; a mapping has id, source, area_kind, and [columns] with area, area_name and term; for a table with one row a month also month and count; and may have vintage, unlocated, partial_months, part_of, sub_type and [[break]] with month and note"
    )]
    Mapping(String),
    /// A header that no mapping is known for.
    #[error(
        "its header is not one that is known ({seen}); say which column is which with --mapping FILE, as in examples/counts"
    )]
    Unrecognised {
        /// The columns it has.
        seen: String,
    },
    /// A column is missing.
    #[error("it has no column `{column}`; it has: {seen}. Name the right one in the mapping")]
    NoColumn {
        /// The column asked for.
        column: String,
        /// The columns it has.
        seen: String,
    },
    /// A wide table without months.
    #[error(
        "no column is named after a month (201905 or 2019-05); it has: {seen}. If it has one row a month, name `month` and `count` in the mapping's [columns]"
    )]
    NoMonths {
        /// The columns it has.
        seen: String,
    },
    /// Two columns of one month.
    #[error("columns {first} and {second} are both of the month {month}; take one out")]
    MonthTwice {
        /// The month.
        month: Month,
        /// First column, from 1.
        first: usize,
        /// Second column, from 1.
        second: usize,
    },
    /// A cell that cannot be read.
    #[error("line {line}, column `{column}`: {reason}")]
    Cell {
        /// The line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A row that cannot be read.
    #[error("line {line}: {reason}")]
    Row {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A cell that stands twice.
    #[error(
        "lines {first} and {line} both have area {area}, `{category}`, in {month}; take one out, or add the two if they are parts of one count"
    )]
    Twice {
        /// The first line.
        first: u64,
        /// The second.
        line: u64,
        /// The area's code.
        area: String,
        /// The category.
        category: String,
        /// The month.
        month: Month,
    },
    /// An area with two names.
    #[error(
        "line {line}: area {code} is called `{name}`, but `{known}` on line {first}; make the name and the larger area of a code the same throughout"
    )]
    Renamed {
        /// The line.
        line: u64,
        /// The code.
        code: String,
        /// Its name there.
        name: String,
        /// The first line with the code.
        first: u64,
        /// Its name there.
        known: String,
    },
    /// No rows.
    #[error("it has no rows")]
    Empty,
    /// The table as a whole.
    #[error(transparent)]
    Table(#[from] CountTableError),
}

/// How the columns of a file of counts are to be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountsMapping {
    /// Id of the table in requests.
    pub id: String,
    /// Who published it.
    pub source: String,
    /// Kind of its areas.
    pub area_kind: String,
    /// Vintage of their boundaries, where it is known.
    #[serde(default)]
    pub vintage: String,
    /// Codes that stand for no area.
    #[serde(default)]
    unlocated: Vec<String>,
    /// Months that the file has only in part.
    #[serde(default)]
    partial_months: Vec<Month>,
    /// Breaks in the series.
    #[serde(default, rename = "break")]
    breaks: Vec<SeriesBreak>,
    columns: CountColumns,
}

/// Which column is which.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct CountColumns {
    area: String,
    area_name: String,
    #[serde(default)]
    part_of: Option<String>,
    term: String,
    #[serde(default)]
    sub_type: Option<String>,
    #[serde(default)]
    month: Option<String>,
    #[serde(default)]
    count: Option<String>,
}

impl CountsMapping {
    /// A mapping from the text of its file.
    ///
    /// # Errors
    /// [`CountsFileError::Mapping`] for what is none.
    pub fn from_toml(text: &str) -> Result<Self, CountsFileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mapping: Self = toml::from_str(text)
            .map_err(|e| CountsFileError::Mapping(e.to_string().trim().into()))?;
        if mapping.columns.month.is_some() != mapping.columns.count.is_some() {
            return Err(CountsFileError::Mapping(
                "`month` and `count` belong together: a table has both, or a column for each month"
                    .into(),
            ));
        }
        Ok(mapping)
    }

    /// The mapping of the ward tables of the Metropolitan Police.
    ///
    /// # Errors
    /// None; the mapping is tested.
    fn mps_wards() -> Result<Self, CountsFileError> {
        Self::from_toml(include_str!("counts_mps_wards.toml"))
    }

    fn named(&self) -> impl Iterator<Item = &str> {
        let c = &self.columns;
        [Some(&c.area), Some(&c.area_name), Some(&c.term)]
            .into_iter()
            .chain([&c.part_of, &c.sub_type, &c.month, &c.count].map(Option::as_ref))
            .flatten()
            .map(String::as_str)
    }
}

/// A table with what is odd about it.
#[derive(Debug)]
pub struct ReadCounts {
    /// The table.
    pub table: CountTable,
    /// What is to be known of it.
    pub notes: Vec<String>,
}

/// A month as counts write it: `2019-05`, `201905` or `2019-05-01`.
fn month_of(text: &str) -> Option<Month> {
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    match text.len() {
        6 if digits(text) => Month::parse(&format!("{}-{}", &text[..4], &text[4..])).ok(),
        7 => Month::parse(text).ok(),
        10 if text.ends_with("-01") && text.is_char_boundary(7) => Month::parse(&text[..7]).ok(),
        _ => None,
    }
}

/// Reads a table of counts from a CSV file, plain or gzip. Without a mapping the file must be of a
/// known form.
///
/// # Errors
/// [`CountsFileError`], which names line, column and remedy.
pub fn read_counts(
    bytes: &[u8],
    mapping: Option<&CountsMapping>,
) -> Result<ReadCounts, CountsFileError> {
    let mut unpacked = Vec::new();
    let plain = if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut unpacked)?;
        &unpacked[..]
    } else {
        bytes
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(plain.strip_prefix(b"\xef\xbb\xbf").unwrap_or(plain));
    let header: Vec<String> = reader
        .headers()
        .map_err(|e| row_error(&e))?
        .iter()
        .map(str::to_owned)
        .collect();
    let seen = || {
        let months = header.iter().filter(|h| month_of(h).is_some()).count();
        let others: Vec<&str> = header
            .iter()
            .filter(|h| month_of(h).is_none())
            .map(String::as_str)
            .collect();
        match months {
            0 => others.join(", "),
            n => format!("{}, and {n} months", others.join(", ")),
        }
    };
    let find = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let known;
    let mapping = if let Some(mapping) = mapping {
        mapping
    } else {
        known = CountsMapping::mps_wards()?;
        if !known.named().all(|name| find(name).is_some()) {
            return Err(CountsFileError::Unrecognised { seen: seen() });
        }
        &known
    };
    let column = |name: &str| {
        find(name).ok_or_else(|| CountsFileError::NoColumn {
            column: name.to_owned(),
            seen: seen(),
        })
    };
    let optional = |name: &Option<String>| name.as_deref().map(column).transpose();
    let columns = Columns {
        area: column(&mapping.columns.area)?,
        area_name: column(&mapping.columns.area_name)?,
        part_of: optional(&mapping.columns.part_of)?,
        term: column(&mapping.columns.term)?,
        sub_type: optional(&mapping.columns.sub_type)?,
        cells: match (
            optional(&mapping.columns.month)?,
            optional(&mapping.columns.count)?,
        ) {
            (Some(month), Some(count)) => Cells::Long { month, count },
            _ => Cells::Wide(months_of(&header, &seen)?),
        },
    };
    let read: Vec<&str> = mapping.named().collect();
    let left_behind: Vec<&str> = header
        .iter()
        .map(String::as_str)
        .filter(|h| !read.iter().any(|r| r.eq_ignore_ascii_case(h)))
        .filter(|h| matches!(columns.cells, Cells::Long { .. }) || month_of(h).is_none())
        .collect();

    let mut builder = CountTableBuilder::default();
    let mut record = csv::StringRecord::new();
    let (mut rows, mut blank) = (0_u64, 0_u64);
    while reader.read_record(&mut record).map_err(|e| row_error(&e))? {
        let line = record.position().map_or(0, csv::Position::line);
        rows += 1;
        blank += columns.read(&header, &record, line, mapping, &mut builder)?;
    }
    if rows == 0 {
        return Err(CountsFileError::Empty);
    }
    let mut table = builder.finish(
        mapping.id.clone(),
        mapping.source.clone(),
        mapping.area_kind.clone(),
    );
    table.vintage.clone_from(&mapping.vintage);
    table.partial_months = mapping
        .partial_months
        .iter()
        .copied()
        .filter(|m| table.months.contains(m))
        .collect();
    table.breaks.clone_from(&mapping.breaks);
    table.breaks.sort_by_key(|b| b.month);
    table.check()?;
    Ok(ReadCounts {
        notes: notes(&table, &left_behind, blank),
        table,
    })
}

fn row_error(e: &csv::Error) -> CountsFileError {
    CountsFileError::Row {
        line: e.position().map_or(1, csv::Position::line),
        reason: e.to_string(),
    }
}

fn notes(table: &CountTable, left_behind: &[&str], blank: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if !left_behind.is_empty() {
        notes.push(format!("columns not read: {}", left_behind.join(", ")));
    }
    if let (Some(first), Some(last)) = (table.months.first(), table.months.last()) {
        let missing: Vec<String> = (first.number()..=last.number())
            .map(Month::from_number)
            .filter(|m| !table.months.contains(m))
            .map(|m| m.to_string())
            .collect();
        if !missing.is_empty() {
            notes.push(format!(
                "months not supplied between {first} and {last}: {}",
                missing.join(", ")
            ));
        }
    }
    if blank > 0 {
        notes.push(format!(
            "{blank} cells are blank: not supplied, and not counted as 0"
        ));
    }
    if !table.partial_months.is_empty() {
        let months: Vec<String> = table.partial_months.iter().map(Month::to_string).collect();
        notes.push(format!(
            "stated to be partial, and not used as months: {}",
            months.join(", ")
        ));
    }
    notes
}

/// The columns of a wide table that are months.
fn months_of(
    header: &[String],
    seen: &impl Fn() -> String,
) -> Result<Vec<(usize, Month)>, CountsFileError> {
    let mut months: Vec<(usize, Month)> = Vec::new();
    for (i, name) in header.iter().enumerate() {
        if let Some(month) = month_of(name) {
            if let Some((first, _)) = months.iter().find(|m| m.1 == month) {
                return Err(CountsFileError::MonthTwice {
                    month,
                    first: first + 1,
                    second: i + 1,
                });
            }
            months.push((i, month));
        }
    }
    if months.is_empty() {
        return Err(CountsFileError::NoMonths { seen: seen() });
    }
    Ok(months)
}

/// Where the cells of a row are.
enum Cells {
    /// A column for each month.
    Wide(Vec<(usize, Month)>),
    /// A row for each month.
    Long { month: usize, count: usize },
}

struct Columns {
    area: usize,
    area_name: usize,
    part_of: Option<usize>,
    term: usize,
    sub_type: Option<usize>,
    cells: Cells,
}

impl Columns {
    /// Reads a row; the number of its blank cells.
    fn read(
        &self,
        header: &[String],
        record: &csv::StringRecord,
        line: u64,
        mapping: &CountsMapping,
        builder: &mut CountTableBuilder,
    ) -> Result<u64, CountsFileError> {
        let field = |i: usize| record.get(i).unwrap_or("");
        let cell = |column: usize, reason: String| CountsFileError::Cell {
            line,
            column: header[column].clone(),
            reason,
        };
        let unlocated = mapping
            .unlocated
            .iter()
            .any(|u| u.trim().eq_ignore_ascii_case(field(self.area)));
        let area = if unlocated {
            CountArea {
                code: String::new(),
                name: "not located".to_owned(),
                part_of: String::new(),
            }
        } else if field(self.area).is_empty() {
            return Err(cell(
                self.area,
                "the area's code is blank; fill it in, or list it under `unlocated` in the mapping if it stands for no area".into(),
            ));
        } else {
            CountArea {
                code: field(self.area).to_owned(),
                name: field(self.area_name).to_owned(),
                part_of: self.part_of.map_or("", field).to_owned(),
            }
        };
        if field(self.term).is_empty() {
            return Err(cell(
                self.term,
                "the category is blank; fill it in, or take the row out".into(),
            ));
        }
        let category = CountCategory {
            term: field(self.term).to_owned(),
            sub_type: self.sub_type.map_or("", field).to_owned(),
        };
        let mut blank = 0;
        let mut push = |column: usize, month: Month| {
            let count = number(field(column)).map_err(|reason| cell(column, reason))?;
            blank += u64::from(count.is_none());
            builder
                .push(&area, &category, month, count, line)
                .map_err(|found| match found {
                    Contradiction::Cell(first) => CountsFileError::Twice {
                        first,
                        line,
                        area: area.code.clone(),
                        category: format!("{} {}", category.term, category.sub_type)
                            .trim()
                            .to_owned(),
                        month,
                    },
                    Contradiction::Area(first, known) => CountsFileError::Renamed {
                        line,
                        code: area.code.clone(),
                        name: called(&area),
                        first,
                        known: called(&known),
                    },
                })
        };
        match &self.cells {
            Cells::Wide(months) => {
                for &(column, month) in months {
                    push(column, month)?;
                }
            }
            Cells::Long { month, count } => {
                let text = field(*month);
                let of = month_of(text).ok_or_else(|| {
                    cell(
                        *month,
                        format!("`{text}` is not a month; write 2019-05 or 201905"),
                    )
                })?;
                push(*count, of)?;
            }
        }
        Ok(blank)
    }
}

fn called(area: &CountArea) -> String {
    if area.part_of.is_empty() {
        area.name.clone()
    } else {
        format!("{}, {}", area.name, area.part_of)
    }
}

/// A count: a whole number, or blank.
fn number(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(Some).map_err(|_| {
            format!(
                "`{text}` is too large for a count; the limit is {}",
                u32::MAX
            )
        });
    }
    Err(if text.starts_with(['-', '\u{2212}']) {
        format!(
            "`{text}` is negative; a count is 0 or more: correct it, or leave the cell blank for not supplied"
        )
    } else {
        format!(
            "`{text}` is not a whole number; write digits only, and leave the cell blank for not supplied"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "id = 'a'\nsource = 'made up'\narea_kind = 'lsoa'\nunlocated = ['NK']\n[columns]\narea = 'code'\narea_name = 'name'\nterm = 'type'\nmonth = 'ym'\ncount = 'n'\n";
    const WIDE: &str = "WardName,WardCode,MajorText,MinorText,LookUp_BoroughName,201904,201906\n";

    fn long(rows: &str) -> Result<ReadCounts, CountsFileError> {
        let mapping = CountsMapping::from_toml(LONG).unwrap();
        read_counts(
            format!("code,name,type,ym,n,person\n{rows}").as_bytes(),
            Some(&mapping),
        )
    }

    #[test]
    fn a_wide_table_of_the_known_form() {
        let text = format!(
            "\u{feff}{WIDE}Abbey,E1,DRUG OFFENCES,POSSESSION OF DRUGS,Barking,3,\nAbbey,E1,BURGLARY,,Barking,0,7\n"
        );
        let found = read_counts(text.as_bytes(), None).unwrap();
        let table = found.table;
        assert_eq!(table.months.len(), 2);
        assert_eq!(table.areas[0].part_of, "Barking");
        assert_eq!(table.categories[0].term, "BURGLARY");
        assert_eq!(table.rows[1].counts, [Some(3), None]);
        assert_eq!(table.breaks.len(), 2);
        let notes = found.notes.join("\n");
        assert!(notes.contains("2019-05"), "{notes}");
        assert!(notes.contains("1 cells are blank"), "{notes}");
    }

    #[test]
    fn a_long_table_by_a_mapping() {
        let found =
            long("L1,One,Drugs,2019-05,3,x\nL2,Two,Drugs,201906,1,y\nNK,?,Drugs,2019-06,2,z\n")
                .unwrap();
        assert_eq!(found.table.areas.len(), 3);
        assert_eq!(found.table.areas[0].code, "");
        assert_eq!(found.table.rows[1].counts, [Some(3), Some(0)]);
        assert_eq!(found.notes, ["columns not read: person"]);
        // In any order, the same table.
        let other =
            long("NK,?,Drugs,2019-06,2,z\nL2,Two,Drugs,201906,1,y\nL1,One,Drugs,2019-05,3,x\n")
                .unwrap();
        assert_eq!(found.table, other.table);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_remedy() {
        let good = "L1,One,Drugs,2019-05,3,x\n";
        for (rows, words) in [
            (
                "L1,One,Drugs,2019-05,-3,x\n",
                "line 2, column `n`: `-3` is negative",
            ),
            ("L1,One,Drugs,2019-05,many,x\n", "not a whole number"),
            ("L1,One,Drugs,2019-05,1.5,x\n", "not a whole number"),
            ("L1,One,Drugs,2019-05,99999999999,x\n", "too large"),
            ("L1,One,Drugs,May 2019,3,x\n", "`May 2019` is not a month"),
            ("L1,One,Drugs,2019-13,3,x\n", "`2019-13` is not a month"),
            (",One,Drugs,2019-05,3,x\n", "`unlocated`"),
            (
                "L1,One,,2019-05,3,x\n",
                "column `type`: the category is blank",
            ),
            ("L1,One,Drugs,2019-05\n", "line 2"),
            ("", "no rows"),
        ] {
            let error = long(rows).unwrap_err().to_string();
            assert!(error.contains(words), "{rows}: {error}");
        }
        let error = long(&format!("{good}{good}")).unwrap_err().to_string();
        assert!(
            error.contains("lines 2 and 3 both have area L1, `Drugs`, in 2019-05"),
            "{error}"
        );
        let error = long(&format!("{good}L1,Other,Drugs,2019-06,3,x\n"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("called `Other`, but `One` on line 2"),
            "{error}"
        );
    }

    #[test]
    fn headers_and_mappings_that_do_not_fit() {
        let unknown = read_counts(b"a,b\n1,2\n", None).unwrap_err().to_string();
        assert!(unknown.contains("--mapping"), "{unknown}");
        let mapping = CountsMapping::from_toml(LONG).unwrap();
        let missing = read_counts(b"code,name,type,n\nL,O,D,1\n", Some(&mapping))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("no column `ym`"), "{missing}");
        let no_months = read_counts(
            b"wardname,wardcode,majortext,minortext,lookup_boroughname\na,b,c,d,e\n",
            None,
        )
        .unwrap_err()
        .to_string();
        assert!(
            no_months.contains("no column is named after a month"),
            "{no_months}"
        );
        let twice = read_counts(
            format!("{}{}", WIDE.replace("201906", "2019-04"), "a,b,c,d,e,1,2\n").as_bytes(),
            None,
        )
        .unwrap_err()
        .to_string();
        assert!(twice.contains("columns 6 and 7"), "{twice}");
        for bad in [
            "id = 1",
            &LONG.replace("month = 'ym'\n", ""),
            &format!("{LONG}who = 'x'\n"),
        ] {
            assert!(CountsMapping::from_toml(bad).is_err(), "{bad}");
        }
    }
}
