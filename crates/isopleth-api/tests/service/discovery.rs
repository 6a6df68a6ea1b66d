//! What clients read before they read features.

use axum::http::{Method, StatusCode};
use isopleth_api::{AppState, Limits, ROUTES, Resource, router};
use serde_json::json;

use crate::fixture::{BASE, Service, example};

fn rels(document: &serde_json::Value) -> Vec<(String, String, String)> {
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let links = document["links"].as_array().unwrap().iter();
    links
        .map(|l| (text(&l["rel"]), text(&l["type"]), text(&l["href"])))
        .collect()
}

#[tokio::test]
async fn the_landing_page_has_the_links_that_clients_need() {
    let document = Service::new().page("/").await.json();
    let expected = [
        ("self", "application/json", "/"),
        ("alternate", "text/html", "/?f=html"),
        (
            "service-desc",
            "application/vnd.oai.openapi+json;version=3.0",
            "/api",
        ),
        ("service-doc", "text/html", "/api?f=html"),
        ("conformance", "application/json", "/conformance"),
        ("data", "application/json", "/collections"),
        (
            "http://www.opengis.net/def/rel/ogc/1.0/processes",
            "application/json",
            "/processes",
        ),
        (
            "http://www.opengis.net/def/rel/ogc/1.0/job-list",
            "application/json",
            "/jobs",
        ),
        (
            "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes",
            "application/json",
            "/tileMatrixSets",
        ),
    ];
    let expected: Vec<_> = expected
        .map(|(rel, media, path)| (rel.to_owned(), media.to_owned(), format!("{BASE}{path}")))
        .into();
    assert_eq!(rels(&document), expected);
}

#[tokio::test]
async fn every_link_answers_with_its_type() {
    let service = Service::new();
    let mut documents = vec!["/".to_owned(), "/conformance".into(), "/collections".into()];
    documents.extend([
        "/tileMatrixSets".to_owned(),
        "/tileMatrixSets/WebMercatorQuad".to_owned(),
    ]);
    let collections = service.page("/collections").await.json();
    for collection in collections["collections"].as_array().unwrap() {
        let path = format!("/collections/{}", collection["id"].as_str().unwrap());
        documents.extend([path.clone(), format!("{path}/items?limit=2")]);
        documents.extend([
            format!("{path}/tiles"),
            format!("{path}/tiles/WebMercatorQuad"),
        ]);
    }
    for document in documents {
        for (rel, media, href) in rels(&service.page(&document).await.json()) {
            if href.contains('{') {
                continue;
            }
            let target = href.strip_prefix(BASE).unwrap();
            let answer = service
                .send(Method::GET, target, &[("accept", &media)])
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{document} {rel}: {href}");
            let found = answer.header("content-type");
            assert!(
                found.starts_with(&media),
                "{document} {rel}: {found}, not {media}"
            );
        }
    }
}

#[tokio::test]
async fn conformance_claims_no_more_than_is_there() {
    let document = Service::new().page("/conformance").await.json();
    let classes: Vec<_> = document["conformsTo"].as_array().unwrap().clone();
    assert!(classes.contains(&json!(
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
    )));
    assert!(classes.contains(&json!(
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30"
    )));
}

#[tokio::test]
async fn collections_say_what_and_where_and_when_they_are() {
    let service = Service::new();
    let list = service.page("/collections").await.json();
    let ids: Vec<_> = list["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"])
        .collect();
    let expected = [
        "hotspots",
        "repeats",
        "nothing",
        "areas-borough-2018",
        "areas-sea-area-2018",
        "sites-pub",
    ];
    assert_eq!(ids, expected.map(|id| json!(id)).iter().collect::<Vec<_>>());

    for listed in list["collections"].as_array().unwrap() {
        let full = service
            .page(&format!("/collections/{}", listed["id"].as_str().unwrap()))
            .await;
        for (member, value) in listed.as_object().unwrap() {
            assert_eq!(&full.json()[member], value, "{member}");
        }
    }
    let hotspots = service.page("/collections/hotspots").await.json();
    assert_eq!(
        hotspots["crs"],
        json!([
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            "http://www.opengis.net/def/crs/EPSG/0/27700",
            "http://www.opengis.net/def/crs/EPSG/0/3857",
        ])
    );
    assert_eq!(
        hotspots["extent"]["spatial"]["bbox"],
        json!([[0.0, 51.5, 0.49, 51.51]])
    );
    let year = json!([["2022-01-01T00:00:00Z", "2022-12-31T23:59:59Z"]]);
    assert_eq!(hotspots["extent"]["temporal"]["interval"], year);
    assert_eq!(
        hotspots["provenance"]["request"]["method"]["name"],
        "kernel_density"
    );
    assert_eq!(hotspots["columns"][0]["meaning"], "The rank");
    let items = rels(&hotspots)
        .into_iter()
        .find(|l| l.0 == "items")
        .unwrap();
    assert_eq!(items.1, "application/geo+json");
    assert_eq!(items.2, format!("{BASE}/collections/hotspots/items"));

    let repeats = service.page("/collections/repeats").await.json();
    let interval = json!([["2022-01-01T00:00:00Z", "2022-11-28T23:59:59Z"]]);
    assert_eq!(repeats["extent"]["temporal"]["interval"], interval);
    let nothing = service.page("/collections/nothing").await.json();
    assert!(nothing["extent"].get("spatial").is_none());
    let areas = service.page("/collections/areas-borough-2018").await.json();
    assert!(areas["extent"].get("temporal").is_none());
}

#[tokio::test]
async fn pages_are_for_people_only() {
    let service = Service::new();
    for (target, accept, html) in [
        ("/", "text/html,application/xhtml+xml,*/*;q=0.8", true),
        ("/collections", "text/html,*/*;q=0.8", true),
        ("/collections/hotspots?f=html", "*/*", true),
        ("/conformance", "text/html;q=0.5, application/json", false),
        ("/api", "*/*", false),
        (
            "/api",
            "application/vnd.oai.openapi+json;version=3.0, application/json",
            false,
        ),
        ("/api", "text/html,application/xhtml+xml,*/*;q=0.8", true),
        ("/api?f=html", "application/json", true),
        ("/api?f=json", "text/html", false),
    ] {
        let answer = service
            .send(Method::GET, target, &[("accept", accept)])
            .await;
        let media = answer.header("content-type");
        assert_eq!(
            media.starts_with("text/html"),
            html,
            "{target} {accept}: {media}"
        );
        assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
    }
    let page = String::from_utf8(service.get("/api?f=html").await.body).unwrap();
    assert!(page.contains("/collections/hotspots/items") && page.contains("<code>bbox</code>"));
}

#[tokio::test]
async fn a_page_says_what_its_document_says() {
    let service = Service::new();
    for path in [
        "/",
        "/conformance",
        "/collections",
        "/collections/hotspots",
        "/collections/hotspots/items/run-1-1",
    ] {
        let document = service.page(path).await.json();
        let page = service.get(&format!("{path}?f=html")).await;
        assert!(!page.header("content-security-policy").is_empty());
        let page = String::from_utf8(page.body).unwrap();
        let mut texts = Vec::new();
        leaves(&document, &mut texts);
        assert!(texts.len() > 5, "{path}");
        for text in texts.iter().filter(|t| !t.starts_with("This")) {
            let text = text.replace('&', "&amp;").replace('"', "&quot;");
            // The page's own addresses differ from the document's.
            let own = text.ends_with("?f=html")
                || text.ends_with(" as html")
                || text.ends_with(" as a page");
            assert!(own || page.contains(&text), "{path}: {text}");
        }
    }
}

/// All texts of a document.
fn leaves(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => into.push(text.clone()),
        serde_json::Value::Array(list) => list.iter().for_each(|v| leaves(v, into)),
        serde_json::Value::Object(members) => members.values().for_each(|v| leaves(v, into)),
        _ => {}
    }
}

#[tokio::test]
async fn nothing_is_refused_for_its_accept_header() {
    let service = Service::new();
    for accept in ["*/*", "text/plain, application/json", "image/png", "§"] {
        for (path, media) in [
            ("/", "application/json"),
            ("/collections", "application/json"),
            ("/collections/hotspots/items", "application/geo+json"),
            (
                "/collections/sites-pub/items/node%2F1",
                "application/geo+json",
            ),
        ] {
            let answer = service.send(Method::GET, path, &[("accept", accept)]).await;
            assert_eq!(answer.header("content-type"), media, "{path} {accept}");
        }
    }
}

#[tokio::test]
async fn parameters_that_a_resource_does_not_know_are_refused_everywhere() {
    let service = Service::new();
    // A service in memory has no jobs; what is executed is sent.
    let apart = ["{jobId}", "/execution"];
    let routes = ROUTES
        .iter()
        .filter(|(path, _)| !apart.iter().any(|a| path.contains(a)));
    for (path, resource) in routes {
        let path = example(path);
        assert_eq!(service.get(&path).await.status, StatusCode::OK, "{path}");
        let other = matches!(resource, Resource::Tile | Resource::Map);
        if resource.parameters().contains(&"f") && !other {
            assert_eq!(
                service.page(&format!("{path}?f=json")).await.status,
                StatusCode::OK
            );
        }
        for name in [
            "unknownQueryParameter12345",
            "ooga",
            "F",
            "filter",
            "crs",
            "bbox-crs",
        ] {
            if resource.parameters().contains(&name) {
                continue;
            }
            let refusal = service.refusal(&format!("{path}?{name}=1")).await;
            assert_eq!(
                refusal,
                (400, "unknown-parameter".into(), name.into()),
                "{path}"
            );
        }
        let code = if resource.parameters().contains(&"f") {
            "invalid-parameter"
        } else {
            "unknown-parameter"
        };
        let refusal = service.refusal(&format!("{path}?f=xml")).await;
        assert_eq!(refusal, (400, code.into(), "f".into()), "{path}");
    }
}

#[tokio::test]
async fn links_start_with_the_public_base_url_where_there_is_one() {
    let state = AppState::new(Limits::default()).unwrap();
    let state = state
        .with_public_base_url("https://maps.example.org/isopleth/")
        .unwrap();
    let mut service = Service::starting(Limits::default());
    (service.router, service.state) = (router(state.clone()), state);
    service.publish("run-1", 3);
    let page = service
        .page("/collections/hotspots/items?limit=1")
        .await
        .json();
    for (_, _, href) in rels(&page) {
        assert!(
            href.starts_with("https://maps.example.org/isopleth/collections/"),
            "{href}"
        );
    }
    for bad in [
        "",
        "maps.example.org",
        "ftp://x",
        "https://",
        "https:///x",
        "https://x/?a=1",
        "https://x y",
    ] {
        let state = AppState::new(Limits::default()).unwrap();
        assert!(state.with_public_base_url(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let service = Service::new();
    for host in ["a b", "x\"><script>", "x/y", "", "ünï", "user@host"] {
        let answer = service.send(Method::GET, "/", &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{host}");
    }
    for host in ["127.0.0.1:8080", "[::1]:8080", "maps_1.example.org"] {
        let answer = service.send(Method::GET, "/", &[("host", host)]).await;
        assert!(
            answer.json()["links"][0]["href"] == format!("http://{host}/"),
            "{host}"
        );
    }
}
