//! The map page and its files.

use axum::http::{Method, StatusCode};

use crate::fixture::{BASE, Service};

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// The page as a browser has it, and the names of its files.
async fn page(service: &Service) -> (String, String, Vec<String>) {
    let answer = service.send(Method::GET, "/", &[BROWSER]).await;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let policy = answer.header("content-security-policy").to_owned();
    let text = String::from_utf8(answer.body).unwrap();
    let names = text
        .split("./assets/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    (text, policy, names)
}

#[tokio::test]
async fn the_page_has_the_links_of_the_landing_document_and_nothing_of_other_hosts() {
    let service = Service::new();
    let (text, policy, _) = page(&service).await;
    let document = service.page("/").await.json();
    for link in document["links"].as_array().unwrap() {
        let (rel, href) = (
            link["rel"].as_str().unwrap(),
            link["href"].as_str().unwrap(),
        );
        if !["self", "alternate"].contains(&rel) {
            assert!(
                text.contains(&format!("<a href=\"{href}\" rel=\"{rel}\"")),
                "{rel} {href}"
            );
        }
    }
    for attribute in ["href=\"http", "src=\"http"] {
        for rest in text.split(attribute).skip(1) {
            let address = format!("http{}", rest.split('"').next().unwrap());
            assert!(address.starts_with(BASE), "{address}");
        }
    }
    assert!(
        policy.starts_with("default-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!policy.contains("http"), "{policy}");
}

#[tokio::test]
async fn files_of_the_page_are_packed_and_may_be_kept_for_ever() {
    let service = Service::new();
    let (_, _, names) = page(&service).await;
    assert!(names.len() >= 3, "{names:?}");
    let licences = names.iter().find(|name| name.starts_with("licences-"));
    let licences = service.get(&format!("/assets/{}", licences.unwrap())).await;
    let licences = String::from_utf8(licences.body).unwrap();
    for named in ["maplibre-gl", "proj4"] {
        assert!(licences.contains(named), "{named}");
    }
    for name in names {
        let target = format!("/assets/{name}");
        let plain = service.send(Method::GET, &target, &[]).await;
        assert_eq!(plain.status, StatusCode::OK, "{target}");
        assert_eq!(
            plain.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        for (accepted, coding) in [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip")] {
            let packed = service
                .send(Method::GET, &target, &[("accept-encoding", accepted)])
                .await;
            assert_eq!(packed.header("content-encoding"), coding, "{target}");
            assert_ne!(packed.body, plain.body, "{target}");
        }
        let known = [("if-none-match", plain.header("etag"))];
        let again = service.send(Method::GET, &target, &known).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
    for target in ["/assets/none.js", "/assets/", "/assets/index.html"] {
        assert_eq!(
            service.get(target).await.status,
            StatusCode::NOT_FOUND,
            "{target}"
        );
    }
    let unknown = service.get("/assets/none.js?x=1").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_basemap_is_named_in_the_page_and_let_in_by_its_policy() {
    let tiles = "https://tiles.test/{z}/{x}/{y}.png?a=1&b=2";
    let service = Service::configured(|config| config.basemap = Some(tiles.to_owned()));
    let (text, policy, _) = page(&service).await;
    let named =
        "name=\"isopleth-basemap\" content=\"https://tiles.test/{z}/{x}/{y}.png?a=1&amp;b=2\"";
    assert!(text.contains(named), "{text}");
    assert!(
        policy.contains("connect-src 'self' https://tiles.test;"),
        "{policy}"
    );
    let mut config = isopleth_api::Config::new("none.gpkg".into());
    for wrong in [
        "",
        "tiles",
        "https://tiles.test/map.png",
        "https://'; x/{z}/{x}/{y}",
    ] {
        config.basemap = Some(wrong.to_owned());
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("is no address of map tiles"), "{refused}");
    }
    config.basemap = None;
    config.basemap_attribution = Some("Ground by nobody".to_owned());
    let refused = config.check().unwrap_err();
    assert_eq!(refused.keys(), ["basemap_attribution"]);
}
