//! The schema of request documents says what their reader reads.

use std::collections::BTreeSet;

use isopleth_core::Request;
use isopleth_io::request_schema;
use serde_json::{Value, json};

/// What the reader says it would have read in the place of something that nobody knows.
fn known(document: &Value) -> BTreeSet<String> {
    let error = Request::from_json(&document.to_string())
        .unwrap_err()
        .to_string();
    let (_, list) = error.split_once("expected").unwrap();
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn properties(schema: &Value) -> BTreeSet<String> {
    schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

#[test]
fn the_schema_has_the_fields_and_methods_that_are_read() {
    let schema = request_schema();
    assert_eq!(properties(&schema), known(&json!({ "nonsense": 1 })));
    let select = &schema["properties"]["select"];
    assert_eq!(
        properties(select),
        known(&json!({ "select": { "nonsense": 1 } }))
    );
    let names = &schema["properties"]["method"]["properties"]["name"]["enum"];
    let names: BTreeSet<_> = names
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, known(&json!({ "method": { "name": "nonsense" } })));
    for (field, name) in [("lens", "lens"), ("unknown_hours", "unknown_hours")] {
        let values = &select["properties"][field]["enum"];
        let values: BTreeSet<_> = values
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            values,
            known(&json!({ "select": { name: "nonsense" } })),
            "{field}"
        );
    }
}
