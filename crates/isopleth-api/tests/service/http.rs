//! HTTP: caching, compression, methods, request ids.

use axum::http::{Method, StatusCode};
use isopleth_api::ROUTES;

use crate::fixture::{Service, example};

#[tokio::test]
async fn the_alias_is_checked_and_the_run_is_kept_for_ever() {
    let service = Service::new();
    for (target, cache) in [
        ("/collections/hotspots/items", "private, no-cache"),
        (
            "/collections/hotspots/items?run=run-1",
            "public, max-age=31536000, immutable",
        ),
        (
            "/collections/hotspots/items/run-1-1?run=run-1",
            "public, max-age=31536000, immutable",
        ),
        ("/collections", "private, no-cache"),
        ("/healthz", "no-store"),
        ("/collections/none", "no-store"),
    ] {
        let answer = service.get(target).await;
        assert_eq!(answer.header("cache-control"), cache, "{target}");
        if answer.status.is_success() {
            assert_eq!(answer.header("vary"), "Accept, Accept-Encoding", "{target}");
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_still_right_is_not_sent_again() {
    let service = Service::new();
    for target in [
        "/",
        "/api",
        "/collections",
        "/collections/hotspots",
        "/collections/hotspots/items?limit=2",
        "/collections/hotspots/items/run-1-1",
    ] {
        let etag = service.get(target).await.header("etag").to_owned();
        assert!(etag.starts_with("W/\""), "{target}: {etag}");
        let strong = etag.trim_start_matches("W/").to_owned();
        for known in [
            etag.clone(),
            strong,
            format!("\"other\", {etag}"),
            "*".to_owned(),
        ] {
            let answer = service
                .send(Method::GET, target, &[("if-none-match", &known)])
                .await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{target} {known}");
            assert_eq!(answer.header("etag"), etag, "{target}");
            assert!(!answer.header("cache-control").is_empty() && answer.body.is_empty());
        }
        let other = service
            .send(Method::GET, target, &[("if-none-match", "\"other\"")])
            .await;
        assert_eq!(other.status, StatusCode::OK, "{target}");
    }
}

#[tokio::test]
async fn a_new_run_is_sent_to_who_has_the_old_one() {
    let service = Service::new();
    let target = "/collections/hotspots/items";
    let etag = service.get(target).await.header("etag").to_owned();
    service.publish("run-2", 25);
    let answer = service
        .send(Method::GET, target, &[("if-none-match", &etag)])
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let pages = [
        "?limit=1",
        "?limit=2",
        "?limit=1&offset=1",
        "?limit=1&bbox=0,0,1,1",
    ];
    let mut tags = vec![etag];
    for query in pages {
        tags.push(
            service
                .get(&format!("{target}{query}"))
                .await
                .header("etag")
                .to_owned(),
        );
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 5, "every page has a tag of its own");
}

#[tokio::test]
async fn bodies_are_compressed_for_who_can_read_that() {
    let service = Service::new();
    let target = "/collections/hotspots/items?limit=25";
    let plain = service.get(target).await;
    let packed = service
        .send(Method::GET, target, &[("accept-encoding", "gzip, deflate")])
        .await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("etag"), plain.header("etag"));
    assert!(packed.body.len() * 3 < plain.body.len());
    assert_eq!(packed.headers.get_all("vary").iter().count(), 1);
    for coding in ["br", "zstd"] {
        let packed = service
            .send(Method::GET, target, &[("accept-encoding", coding)])
            .await;
        assert_eq!(packed.header("content-encoding"), coding);
        assert_eq!(packed.header("etag"), plain.header("etag"));
        assert!(packed.body.len() * 3 < plain.body.len(), "{coding}");
    }
    let small = service
        .send(Method::GET, "/healthz", &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(small.header("content-encoding"), "");
    let none = service
        .send(Method::GET, target, &[("accept-encoding", "identity;q=0")])
        .await;
    assert_eq!(none.status, StatusCode::NOT_ACCEPTABLE);
    assert_eq!(none.json()["code"], "not-acceptable");
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_are_allowed() {
    let service = Service::new();
    for (path, resource) in ROUTES {
        let own = resource.methods();
        let allowed: Vec<_> = own.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
        let allowed = allowed.join(", ");
        let path = example(path);
        let others = [Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
        for method in others.into_iter().filter(|m| !own.contains(m)) {
            let answer = service.send(method.clone(), &path, &[]).await;
            assert_eq!(
                answer.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert_eq!(answer.header("allow"), allowed);
            assert_eq!(answer.json()["code"], "method-not-allowed");
        }
        let options = service.send(Method::OPTIONS, &path, &[]).await;
        assert_eq!(options.status, StatusCode::NO_CONTENT);
        assert_eq!(options.header("allow"), allowed);
    }
}

#[tokio::test]
async fn requests_have_an_id() {
    let service = Service::new();
    let own = service
        .send(Method::GET, "/", &[("x-request-id", "abc-123")])
        .await;
    assert_eq!(own.header("x-request-id"), "abc-123");
    let long = "x".repeat(65);
    for unfit in ["", "a b", &long] {
        let answer = service
            .send(Method::GET, "/", &[("x-request-id", unfit)])
            .await;
        assert_ne!(answer.header("x-request-id"), unfit);
    }
    let (a, b) = (service.get("/").await, service.get("/").await);
    assert_ne!(a.header("x-request-id"), b.header("x-request-id"));
}
