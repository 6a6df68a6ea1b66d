//! The configuration file, read with the lines that its keys stand on.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Raw};

/// One line of the file.
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    /// The value, or why it cannot be one of any key.
    pub(crate) value: Result<Raw, String>,
}

/// Reads a file, in the order of its lines.
///
/// # Errors
/// [`ConfigError::Unreadable`] and [`ConfigError::Syntax`].
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    entries(&text).map_err(|(line, reason)| ConfigError::Syntax {
        path: path.to_owned(),
        line,
        reason,
    })
}

fn entries(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let line = |at: usize| text.bytes().take(at).filter(|&b| b == b'\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (line(at), error.message().to_owned())
    })?;
    let mut entries: Vec<_> = table
        .get_ref()
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            line: line(key.span().start),
            value: raw(value.get_ref()),
        })
        .collect();
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn raw(value: &DeValue) -> Result<Raw, String> {
    let number = |text: &str| text.replace('_', "");
    Ok(match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(n) => {
            let read = i64::from_str_radix(&number(n.as_str()), n.radix());
            Raw::Integer(read.map_err(|e| format!("{}: {e}", n.as_str()))?)
        }
        DeValue::Float(x) => {
            let read = number(x.as_str()).parse();
            Raw::Float(read.map_err(|e| format!("{}: {e}", x.as_str()))?)
        }
        DeValue::Boolean(b) => Raw::Boolean(*b),
        DeValue::Array(values) => {
            let texts = values.iter().map(|v| match v.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                _ => Err("a list has texts in quotation marks".to_owned()),
            });
            Raw::List(texts.collect::<Result<_, _>>()?)
        }
        DeValue::Table(_) => return Err("keys stand by themselves, not in tables".to_owned()),
        DeValue::Datetime(_) => return Err("no key takes a date".to_owned()),
    })
}
