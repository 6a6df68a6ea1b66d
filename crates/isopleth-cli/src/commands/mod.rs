//! One module per subcommand. Each drives the other crates and holds no logic of its own.

pub(crate) mod analyse;
pub(crate) mod counts;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod ground;
pub(crate) mod harm;
pub(crate) mod healthcheck;
pub(crate) mod ingest;
pub(crate) mod layer;
pub(crate) mod policy;
pub(crate) mod serve;

use std::path::Path;

use isopleth_core::Request;

use crate::Failure;

/// Reads a file, naming it if that fails.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()).into())
}

fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?)
        .map_err(|_| format!("{} is not UTF-8 text", path.display()).into())
}

/// Reads a request document, JSON or TOML by the file's ending.
fn read_request(path: &Path) -> Result<Request, Failure> {
    let text = read_text(path)?;
    let toml = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    isopleth_io::read_request(&text, toml).map_err(|e| format!("{}: {e}", path.display()).into())
}
