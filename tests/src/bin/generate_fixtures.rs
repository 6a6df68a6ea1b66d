//! Writes the synthetic borough: `generate-fixtures [OUT_DIR]`, by default into the repository's
//! own `fixtures/` folder.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use isopleth_tests::fixtures;

fn main() -> io::Result<()> {
    let out = env::args_os()
        .nth(1)
        .map_or_else(fixtures::folder, PathBuf::from);
    for (path, bytes) in fixtures::generate() {
        write(&out.join(&path), &bytes)?;
        println!("{path}: {} bytes", bytes.len());
    }
    Ok(())
}

/// Writes one file, and the folders that lead to it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
