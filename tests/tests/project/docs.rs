//! The page of methods is what the generator makes, and forgets none.

use std::collections::BTreeSet;
use std::fs;

use isopleth_core::Request;
use isopleth_tests::docs;

/// Pictures are looked at by people on slow lines.
const MAX_PICTURE_BYTES: u64 = 150_000;

fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    fs::read_dir(docs::folder().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn regenerating_gives_the_committed_page() {
    let made = docs::page().unwrap();
    let committed = fs::read_to_string(docs::folder().join("methods.md"))
        .unwrap_or_else(|e| panic!("docs/methods.md: {e}; run `{}`", docs::COMMAND));
    assert!(
        committed == made,
        "docs/methods.md differs from what the generator makes; run `{}`",
        docs::COMMAND
    );
}

#[test]
fn every_method_has_a_picture_or_a_reason() {
    let pictures = names("pictures", "png");
    for name in docs::methods().unwrap().keys() {
        let excused = docs::WITHOUT_PICTURE.iter().any(|(of, _)| of == name);
        assert!(
            pictures.contains(name) != excused,
            "{name}: make docs/pictures/{name}.png with docs/pictures.py, or say in \
             WITHOUT_PICTURE why there is none, but not both"
        );
    }
}

#[test]
fn every_picture_is_small_and_has_its_request_and_its_place_on_the_page() {
    let requests = names("requests", "json");
    let page = docs::page().unwrap();
    let pictures = names("pictures", "png");
    assert_eq!(pictures, requests);
    for name in pictures {
        let file = docs::folder().join(format!("pictures/{name}.png"));
        let bytes = fs::metadata(file).unwrap().len();
        assert!(bytes <= MAX_PICTURE_BYTES, "{name}: {bytes} bytes");
        assert!(page.contains(&format!("(pictures/{name}.png)")), "{name}");
    }
}

#[test]
fn the_request_beside_a_method_is_one_of_that_method() {
    let methods = docs::methods().unwrap();
    for name in names("requests", "json") {
        let file = docs::folder().join(format!("requests/{name}.json"));
        let request = Request::from_json(&fs::read_to_string(file).unwrap())
            .unwrap_or_else(|e| panic!("docs/requests/{name}.json: {e}"));
        if methods.contains_key(&name) {
            assert_eq!(request.method.name(), name);
        }
    }
}

#[test]
fn no_link_of_the_page_leads_nowhere() {
    let page = docs::page().unwrap();
    for target in page.split("](#").skip(1) {
        let section = target.split(')').next().unwrap();
        assert!(page.contains(&format!("\n## `{section}`\n")), "#{section}");
    }
    assert!(!page.contains("](super") && !page.contains("](crate"));
}
