//! The documents that the repository shows are documents that the program takes.

use std::path::{Path, PathBuf};

use isopleth_core::Request;
use isopleth_io::ingest::Mapping;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{}", folder.display());
    found
}

#[test]
fn every_request_can_be_read_and_written_back() {
    for path in [files("examples/requests"), files("fixtures/requests")].concat() {
        let text = std::fs::read_to_string(&path).unwrap();
        let toml = path.extension().is_some_and(|e| e == "toml");
        let request = isopleth_io::read_request(&text, toml)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let again = Request::from_json(&request.canonical().to_string()).unwrap();
        assert_eq!(again, request, "{}", path.display());
    }
}

#[test]
fn every_harm_schedule_can_be_read() {
    for path in files("examples/harm") {
        let text = std::fs::read_to_string(&path).unwrap();
        isopleth_io::harm_schedule_from_toml(&text)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

#[test]
fn every_mapping_of_counts_can_be_read() {
    for path in files("examples/counts") {
        let text = std::fs::read_to_string(&path).unwrap();
        isopleth_io::CountsMapping::from_toml(&text)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

#[test]
fn every_mapping_can_be_read() {
    for path in files("examples/mappings") {
        let text = std::fs::read_to_string(&path).unwrap();
        Mapping::from_toml(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

#[test]
fn the_readme_shows_a_request_that_runs() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let shown = readme
        .split("```json")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    Request::from_json(shown).unwrap();
}
