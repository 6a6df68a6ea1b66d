//! What the ingest tests share.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use isopleth_io::ingest::{
    FileReport, IngestError, Input, Mapping, Options, Row, Texts, find_inputs, read,
};

pub const STREET: &str = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,Last outcome category,Context\n";

/// A street row at a place in Havering.
pub fn street(id: &str, kind: &str) -> String {
    format!(
        "{id},2022-03,Force,Force,0.183214,51.576543,On or near High Street,E01002232,Havering 001A,{kind},Under investigation,\n"
    )
}

/// Everything that came of a file.
#[derive(Debug)]
pub struct Taken {
    pub rows: Vec<Row>,
    pub texts: Texts,
    pub report: FileReport,
}

impl Taken {
    pub fn reasons(&self) -> BTreeMap<&'static str, u64> {
        self.report
            .rejected
            .iter()
            .map(|(reason, r)| (*reason, r.count))
            .collect()
    }

    pub fn keys(&self) -> Vec<u128> {
        let mut keys: Vec<u128> = self.rows.iter().map(|r| r.key).collect();
        keys.sort_unstable();
        keys
    }
}

pub fn take(input: &Input, options: &Options) -> Result<Taken, IngestError> {
    let (mut rows, mut texts) = (Vec::new(), Texts::default());
    let report = read(input, options, &mut |chunk, all| {
        assert!(!chunk.is_empty() && chunk.len() <= 16_384);
        rows.extend_from_slice(chunk);
        texts.clone_from(all);
        Ok(())
    })?;
    assert_eq!(
        report.read,
        rows.len() as u64 + report.rejected_count(),
        "the counts add up"
    );
    let nowhere = rows.iter().filter(|r| r.location.is_none()).count() as u64;
    assert_eq!(report.without_location, nowhere);
    for rejected in report.rejected.values() {
        assert_eq!(rejected.examples.len() as u64, rejected.count.min(3));
    }
    Ok(Taken {
        rows,
        texts,
        report,
    })
}

/// A named file with these bytes, read.
pub fn bytes(name: &str, bytes: &[u8], options: &Options) -> Result<Taken, IngestError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let inputs = find_inputs(&[path])?;
    assert_eq!(inputs.len(), 1);
    take(&inputs[0], options)
}

pub fn text(text: &str) -> Result<Taken, IngestError> {
    bytes(
        "2022-03-force-street.csv",
        text.as_bytes(),
        &Options::default(),
    )
}

pub fn mapped(mapping: &str) -> Options {
    Options {
        mapping: Some(Mapping::from_toml(mapping).unwrap()),
        ..Options::default()
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the shared data, or nothing, said in plain sight.
pub fn shared(name: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("ISOPLETH_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = folder.join("data").join(name);
    if !path.exists() {
        println!("skipped: no shared data ({name})");
        return None;
    }
    Some(path)
}
