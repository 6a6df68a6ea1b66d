//! Records on their way to the sink, counted.

use super::Row;
use super::error::IngestError;
use super::fields::{Cells, ROLES, Role};
use super::header::Layout;
use super::mapping::Mapping;
use super::open::{Sink, Stream, bad_record};
use super::position::Known;
use super::records::Records;
use super::report::{FileReport, Reason, RejectExample, RejectWriter, quoted};
use super::rows::{Fault, Rows};

/// Rows in a chunk: enough to forget the cost of a call, few enough to stay in the cache.
const CHUNK: usize = 4096;

/// A file on its way to the sink.
pub(crate) struct Delivery<'a> {
    pub(crate) file: String,
    rows: Rows,
    chunk: Vec<Row>,
    pub(crate) report: FileReport,
    sink: &'a mut Sink<'a>,
    rejects: Option<&'a mut RejectWriter>,
}

impl<'a> Delivery<'a> {
    /// Of a file, with the report that it adds to.
    pub(crate) fn new(
        file: String,
        rows: Rows,
        report: FileReport,
        sink: &'a mut Sink<'a>,
        rejects: Option<&'a mut RejectWriter>,
    ) -> Self {
        Self {
            file,
            rows,
            chunk: Vec::with_capacity(CHUNK),
            report,
            sink,
            rejects,
        }
    }

    /// The positions worked out, for the next file.
    pub(crate) fn take_positions(&mut self) -> Known {
        std::mem::take(&mut self.rows.positions)
    }

    /// Takes all records of a CSV.
    pub(crate) fn csv(
        &mut self,
        records: &mut Records<Stream>,
        layout: Box<Layout>,
        compressed: bool,
    ) -> Result<(), IngestError> {
        let mut last_scope: (Vec<Vec<u8>>, u128) = (vec![Vec::new(); layout.identity.len()], 0);
        let mut scope_known = false;
        loop {
            match records.advance() {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => return Err(bad_record(&self.file, records, compressed, e)),
            }
            if records.len() != layout.width {
                let value = format!("{} fields; the header has {}", records.len(), layout.width);
                self.reject(
                    Reason::WrongFieldCount,
                    records.line(),
                    String::new(),
                    value,
                )?;
                continue;
            }
            let mut cells = Cells::empty();
            for &(role, index) in &layout.roles {
                cells.set(role, records.field(index));
            }
            let identity = || layout.identity.iter().map(|&i| records.field(i));
            if !scope_known || !identity().eq(last_scope.0.iter().map(Vec::as_slice)) {
                last_scope.1 = self.rows.scope(identity());
                for (last, now) in last_scope.0.iter_mut().zip(identity()) {
                    last.clear();
                    last.extend_from_slice(now);
                }
                scope_known = true;
            }
            self.record(&cells, last_scope.1, records.line(), &layout.names)?;
        }
        self.report.columns_left_behind = layout.left_behind;
        Ok(())
    }

    /// Takes a record.
    pub(crate) fn record(
        &mut self,
        cells: &Cells<'_>,
        scope: u128,
        number: u64,
        names: &[String; ROLES],
    ) -> Result<(), IngestError> {
        match self.rows.build(cells, scope) {
            Ok(row) => {
                self.report.read += 1;
                match row.location {
                    None => self.report.without_location += 1,
                    Some(at) => self.report.approximate_locations += u64::from(!at.exact),
                }
                self.chunk.push(row);
                if self.chunk.len() == CHUNK {
                    self.flush()
                } else {
                    Ok(())
                }
            }
            Err(Fault {
                reason,
                roles: (role, other),
            }) => {
                let name = |role: Role| names[role as usize].as_str();
                let value = |role: Role| quoted(cells.get(role));
                let (column, value) = match other {
                    None => (name(role).to_owned(), value(role)),
                    Some(other) => (
                        format!("{}, {}", name(role), name(other)),
                        format!("{}, {}", value(role), value(other)),
                    ),
                };
                self.reject(reason, number, column, value)
            }
        }
    }

    /// The hash of identity cells.
    pub(crate) fn scope<'c>(&self, cells: impl Iterator<Item = &'c [u8]>) -> u128 {
        self.rows.scope(cells)
    }

    /// Puts another mapping in place, before the first record.
    pub(crate) fn use_mapping(&mut self, mapping: Mapping) {
        self.rows.use_mapping(mapping);
    }

    /// Leaves a record out.
    pub(crate) fn reject(
        &mut self,
        reason: Reason,
        row: u64,
        column: String,
        value: String,
    ) -> Result<(), IngestError> {
        self.report.read += 1;
        let example = RejectExample {
            file: self.file.clone(),
            row,
            column,
            value,
        };
        if let Some(rejects) = &mut self.rejects {
            rejects
                .write(reason, &example)
                .map_err(|cause| IngestError::Rejects {
                    file: self.file.clone(),
                    cause,
                })?;
        }
        self.report.reject(reason, || example);
        Ok(())
    }

    /// Hands over what is left in the chunk.
    pub(crate) fn flush(&mut self) -> Result<(), IngestError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        (self.sink)(&self.chunk, &self.rows.texts).map_err(|cause| IngestError::Sink {
            file: self.file.clone(),
            cause,
        })?;
        self.chunk.clear();
        Ok(())
    }

    /// The report, when all is read.
    pub(crate) fn finish(mut self) -> FileReport {
        if let Some(text) = self.rows.decoder.guessed {
            self.report.notes.push(format!(
                "{}: not all UTF-8; the rest was read as windows-1252, as in `{}`",
                self.file,
                quoted(text.as_bytes())
            ));
        }
        if self.rows.bad_uprns > 0 {
            self.report.notes.push(format!(
                "{}: {} property numbers are no UPRN (1 to 12 digits) and were left out",
                self.file, self.rows.bad_uprns
            ));
        }
        self.report
    }
}
