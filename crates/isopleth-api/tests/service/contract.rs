//! Answers against `openapi.yaml`, and the document itself.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::Method;
use isopleth_api::ROUTES;
use serde_json::{Value as Json, json};

use crate::fixture::{Answer, Service};

/// The document as written.
pub static CONTRACT: LazyLock<Json> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../../../../openapi.yaml")).expect("openapi.yaml is YAML")
});

/// The document with its schemas as JSON Schema understands them.
static SCHEMAS: LazyLock<Json> = LazyLock::new(|| {
    let mut document = CONTRACT.clone();
    without_nullable(&mut document);
    document
});

/// OpenAPI 3.0 says `nullable` where JSON Schema says `anyOf` with `null`.
fn without_nullable(value: &mut Json) {
    match value {
        Json::Array(list) => list.iter_mut().for_each(without_nullable),
        Json::Object(members) => {
            members.values_mut().for_each(without_nullable);
            if members.remove("nullable") == Some(json!(true)) {
                *value = json!({ "anyOf": [value.take(), { "type": "null" }] });
            }
        }
        _ => {}
    }
}

/// Follows a reference inside the document.
pub fn resolved<'a>(document: &'a Json, value: &'a Json) -> &'a Json {
    match value["$ref"].as_str() {
        None => value,
        Some(reference) => {
            let pointer = reference
                .strip_prefix('#')
                .expect("references stay in the document");
            document
                .pointer(pointer)
                .unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
    }
}

/// The path of the document that a target belongs to.
fn template(target: &str) -> Option<&'static str> {
    let path = target.split('?').next().unwrap();
    let parts: Vec<_> = path.split('/').collect();
    ROUTES
        .iter()
        .map(|(template, _)| *template)
        .find(|template| {
            let pattern: Vec<_> = template.split('/').collect();
            let fits = |(a, b): (&&str, &&str)| a == b || (a.starts_with('{') && !b.is_empty());
            pattern.len() == parts.len() && pattern.iter().zip(&parts).all(fits)
        })
}

fn validate(schema: &Json, body: &Json, target: &str) {
    let mut schema = schema.clone();
    schema["components"] = SCHEMAS["components"].clone();
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let errors: Vec<_> = validator
        .iter_errors(body)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{target}: {errors:?}");
}

/// Checks the status, the media type and the body of an answer.
pub fn check(method: &Method, target: &str, answer: &Answer) {
    assert!(
        answer.headers.contains_key("x-request-id"),
        "{target} has no x-request-id"
    );
    assert_eq!(
        answer.header("x-content-type-options"),
        "nosniff",
        "{target}"
    );
    let problem = json!({ "$ref": "#/components/schemas/problem" });
    let operation = method.as_str().to_lowercase();
    let documented = |t: &&str| SCHEMAS["paths"][*t][&operation].is_object();
    let Some(template) = template(target).filter(documented) else {
        if method == Method::HEAD {
            assert!(answer.body.is_empty(), "{target}: HEAD has a body");
        } else if answer.status.is_client_error() {
            validate(&problem, &answer.json(), target);
        }
        return;
    };
    let responses = &SCHEMAS["paths"][template][&operation]["responses"];
    // What surrounds every resource refuses requests to all of them alike.
    let refused = [413, 414, 415, 429, 431, 503].contains(&answer.status.as_u16());
    let status = if refused && responses[answer.status.as_str()].is_null() {
        "default"
    } else {
        answer.status.as_str()
    };
    let response = &responses[status];
    assert!(
        response.is_object(),
        "{target}: status {} is not documented",
        answer.status
    );
    let Some(content) = resolved(&SCHEMAS, response)["content"].as_object() else {
        assert!(
            answer.body.is_empty(),
            "{target}: a body that is not documented"
        );
        return;
    };
    let media = answer.header("content-type");
    let media = media.strip_suffix("; charset=utf-8").unwrap_or(media);
    let content = content
        .get(media)
        .or_else(|| content.get("*/*"))
        .unwrap_or_else(|| panic!("{target}: '{media}' is no type of it"));
    if media.ends_with("json") || media.contains("json;") {
        if answer.header("content-encoding").is_empty() {
            validate(&content["schema"], &answer.json(), target);
        }
    } else if content["schema"]["format"] != "binary"
        && answer.header("content-encoding").is_empty()
    {
        assert!(std::str::from_utf8(&answer.body).is_ok(), "{target}");
    }
}

#[test]
fn the_paths_of_the_document_are_those_of_the_router() {
    let documented: BTreeSet<_> = CONTRACT["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let routed: BTreeSet<_> = ROUTES.iter().map(|(path, _)| *path).collect();
    assert_eq!(documented, routed);
}

#[test]
fn the_parameters_of_the_document_are_those_of_the_router() {
    for (path, resource) in ROUTES {
        let item = CONTRACT["paths"][path].as_object().unwrap();
        let methods: BTreeSet<_> = item.keys().map(|m| m.to_uppercase()).collect();
        let own = resource.methods().iter().filter(|m| *m != Method::HEAD);
        assert_eq!(methods, own.map(ToString::to_string).collect(), "{path}");
        for operation in item.values() {
            let parameters = operation["parameters"].as_array().unwrap().iter();
            let query: BTreeSet<_> = parameters
                .map(|p| resolved(&CONTRACT, p))
                .filter(|p| p["in"] == "query")
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            assert_eq!(
                query,
                resource.parameters().iter().copied().collect(),
                "{path}"
            );
        }
    }
}

#[test]
fn the_codes_of_the_document_are_those_of_the_service() {
    let codes = CONTRACT["components"]["schemas"]["problem"]["properties"]["code"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap());
    let kinds = isopleth_api::PROBLEM_KINDS.iter().map(|kind| kind.code);
    assert_eq!(codes.collect::<Vec<_>>(), kinds.collect::<Vec<_>>());
}

/// Every reference resolves, every path parameter is declared, every operation has an id of its
/// own and its responses.
fn check_document(document: &Json) {
    fn references(document: &Json, value: &Json) {
        match value {
            Json::Array(list) => list.iter().for_each(|v| references(document, v)),
            Json::Object(members) => {
                if members.contains_key("$ref") {
                    resolved(document, value);
                }
                members.values().for_each(|v| references(document, v));
            }
            _ => {}
        }
    }
    references(document, document);
    assert_eq!(document["openapi"], "3.0.3");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for get in item.as_object().unwrap().values() {
            assert!(
                ids.insert(get["operationId"].as_str().unwrap()),
                "{path}: its id is taken"
            );
            let parameters = get["parameters"].as_array().unwrap().iter();
            let in_path: BTreeSet<_> = parameters
                .map(|p| resolved(document, p))
                .filter(|p| p["in"] == "path")
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            let named = path.split(['{', '}']).skip(1).step_by(2).collect();
            assert_eq!(in_path, named, "{path}");
            for response in get["responses"].as_object().unwrap().values() {
                assert!(
                    resolved(document, response)["description"].is_string(),
                    "{path}"
                );
            }
        }
    }
}

#[test]
fn the_document_as_written_is_whole() {
    check_document(&CONTRACT);
}

#[tokio::test]
async fn the_document_as_served_is_whole_and_spells_out_every_collection() {
    let service = Service::new();
    let document = service.page("/api").await.json();
    check_document(&document);
    let paths = document["paths"].as_object().unwrap();
    for collection in service.page("/collections").await.json()["collections"]
        .as_array()
        .unwrap()
    {
        let path = format!("/collections/{}/items", collection["id"].as_str().unwrap());
        let item = paths
            .get(&path)
            .unwrap_or_else(|| panic!("{path} is not spelled out"));
        let first = &item["get"]["parameters"][0];
        assert_eq!(first["$ref"], "#/components/parameters/limit", "{path}");
    }
    assert!(paths.keys().all(|path| !path.contains("{collectionId}")));
    let limit = &document["components"]["parameters"]["limit"];
    assert_eq!(
        (&limit["in"], &limit["style"], &limit["explode"]),
        (&json!("query"), &json!("form"), &json!(false))
    );
    let schema = &limit["schema"];
    assert_eq!(
        (&schema["minimum"], &schema["maximum"], &schema["default"]),
        (&json!(1), &json!(10_000), &json!(10))
    );
    let bbox = &document["components"]["parameters"]["bbox"]["schema"];
    assert_eq!(
        (&bbox["minItems"], &bbox["maxItems"]),
        (&json!(4), &json!(6))
    );
    assert_eq!(document["servers"][0]["url"], "http://maps.test:8080");
}
