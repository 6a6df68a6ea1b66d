//! Pages of features and single features.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::fixture::{BASE, Service};

#[tokio::test]
async fn a_page_counts_what_matches_and_what_it_holds() {
    let service = Service::new();
    for (query, returned) in [
        ("", 10),
        ("?limit=1", 1),
        ("?limit=25", 25),
        ("?limit=10001", 25),
        ("?limit=1000000000", 25),
        ("?limit=99999999999999999999999999", 25),
        ("?limit=10&offset=20", 5),
        ("?offset=25", 0),
        ("?offset=99999999999999999999999999", 0),
        ("?&limit=3&", 3),
    ] {
        let page = service
            .page(&format!("/collections/hotspots/items{query}"))
            .await
            .json();
        assert_eq!(page["numberMatched"], 25, "{query}");
        assert_eq!(page["numberReturned"], returned, "{query}");
        assert_eq!(
            page["features"].as_array().unwrap().len(),
            returned,
            "{query}"
        );
    }
    let nothing = service.page("/collections/nothing/items").await.json();
    assert_eq!(
        (&nothing["numberMatched"], &nothing["features"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn features_are_what_the_layer_says() {
    let page = Service::new()
        .page("/collections/hotspots/items?limit=2")
        .await
        .json();
    let expected = json!({
        "type": "Feature",
        "id": "run-1-2",
        "geometry": { "type": "Polygon", "coordinates": [
            [[0.03, 51.5], [0.03, 51.51], [0.02, 51.51], [0.02, 51.5], [0.03, 51.5]],
        ] },
        "properties": {
            "rank": 2, "name": "Place \"1\"; Größe", "density_per_km2": 12.5,
            "edge_effect": false, "previous_count": null,
        },
    });
    assert_eq!(page["features"][1], expected);
    let brief = json!({
        "run": "run-1", "data_revision": "0123456789abcdef",
        "caveats": ["Locations are map points."], "marking": null,
    });
    assert_eq!(
        page["provenance"], brief,
        "the nested request stays in the collection document"
    );
}

#[tokio::test]
async fn the_time_stamp_is_that_of_the_answer() {
    let page = Service::new()
        .page("/collections/hotspots/items?limit=1&run=run-1")
        .await
        .json();
    let stamp: jiff::Timestamp = page["timeStamp"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(stamp);
    assert!((0..2000).contains(&age.as_millis()), "{age:?}");
}

#[tokio::test]
async fn values_that_cannot_be_read_are_refused() {
    let service = Service::new();
    for (parameter, values) in [
        (
            "limit",
            &[
                "0",
                "-1",
                "unlimited",
                "NaN",
                "1.5",
                "",
                "+1",
                "0x1",
                "1e1",
                "%31%20",
            ][..],
        ),
        ("offset", &["-1", "x", "", "1.0"]),
        (
            "bbox",
            &[
                "1,2,3",
                "a,b,c,d",
                "nan,0,1,1",
                "0,0,inf,1",
                "0,2,1,1",
                "",
                "1,2,3,4,5",
            ],
        ),
        (
            "datetime",
            &[
                "foo",
                "",
                "..",
                "2022-02-30",
                "2022-02-01/2022-01-01",
                "a/b",
            ],
        ),
        ("run", &["", "a/b", "%00", "..%2f", "ü"]),
        ("f", &["htm", "xml", ""]),
    ] {
        for value in values {
            let target = format!("/collections/hotspots/items?{parameter}={value}");
            let target = target.replace('ü', "%C3%BC");
            let expected = (400, "invalid-parameter".to_owned(), parameter.to_owned());
            assert_eq!(service.refusal(&target).await, expected, "{target}");
        }
    }
    let twice = service
        .refusal("/collections/hotspots/items?limit=1&limit=2")
        .await;
    assert_eq!(twice, (400, "invalid-parameter".into(), "limit".into()));
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let service = Service::new();
    for (target, code) in [
        ("/nowhere", "path-not-found"),
        ("/collections/", "path-not-found"),
        ("/collections/hotspots/items/a/b", "path-not-found"),
        ("/collections/none", "collection-not-found"),
        ("/collections/none/items", "collection-not-found"),
        ("/collections/none/items?run=run-1", "collection-not-found"),
        ("/collections/none/items/1", "collection-not-found"),
        ("/collections/%FF", "collection-not-found"),
        ("/collections/hotspots/items/none", "feature-not-found"),
        ("/collections/hotspots/items/%20", "feature-not-found"),
        ("/collections/hotspots/items?run=none", "run-not-found"),
        (
            "/collections/hotspots/items/run-1-1?run=none",
            "run-not-found",
        ),
        (
            "/collections/hotspots/items?run=run-of-repeats",
            "run-not-found",
        ),
    ] {
        let (status, found, _) = service.refusal(target).await;
        assert_eq!((status, found.as_str()), (404, code), "{target}");
    }
}

#[tokio::test]
async fn single_features_are_those_of_the_pages() {
    let service = Service::new();
    for collection in ["hotspots", "repeats", "areas-sea-area-2018", "sites-pub"] {
        let base = format!("/collections/{collection}/items");
        for feature in service.page(&base).await.json()["features"]
            .as_array()
            .unwrap()
        {
            let id = feature["id"].as_str().unwrap();
            let escaped = id.replace('/', "%2F").replace(' ', "%20");
            let answer = service.page(&format!("{base}/{escaped}")).await;
            let mut single = answer.json();
            assert_eq!(answer.link("self").unwrap(), format!("{base}/{escaped}"));
            assert_eq!(
                answer.link("collection").unwrap(),
                format!("/collections/{collection}")
            );
            single.as_object_mut().unwrap().remove("links");
            assert_eq!(&single, feature);
        }
    }
}

#[tokio::test]
async fn area_rings_run_anticlockwise() {
    let page = Service::new()
        .page("/collections/areas-borough-2018/items?limit=1")
        .await
        .json();
    let ring = page["features"][0]["geometry"]["coordinates"][0][0]
        .as_array()
        .unwrap()
        .clone();
    let twice_area: f64 = ring
        .windows(2)
        .map(|w| {
            let at = |i: usize, j: usize| w[i][j].as_f64().unwrap();
            at(0, 0) * at(1, 1) - at(1, 0) * at(0, 1)
        })
        .sum();
    assert!(twice_area > 0.0);
}

#[tokio::test]
async fn the_links_of_a_page_are_in_its_headers_too() {
    let service = Service::new();
    let page = service
        .page("/collections/hotspots/items?limit=5&bbox=0,51,1,52")
        .await;
    let in_headers: Vec<_> = page
        .headers
        .get_all("link")
        .iter()
        .map(|v| v.to_str().unwrap().to_owned())
        .collect();
    let next = format!(
        "<{BASE}/collections/hotspots/items?limit=5&bbox=0,51,1,52&offset=5&run=run-1>; \
         rel=\"next\"; type=\"application/geo+json\""
    );
    let others = in_headers
        .iter()
        .filter(|l| l.contains("rel=\"alternate\""));
    assert_eq!(others.count(), 7, "{in_headers:?}");
    assert_eq!(in_headers.len(), 5 + 7);
    assert!(in_headers.contains(&next), "{in_headers:?}");
}

#[tokio::test]
async fn reserved_characters_of_a_query_survive_in_links() {
    let service = Service::new();
    let target = "/collections/hotspots/items?limit=1&datetime=2022-06-01T00:00:00%2B01:00%2F..";
    let next = service.page(target).await.link("next").unwrap();
    assert!(
        next.contains("datetime=2022-06-01T00:00:00%2B01:00/.."),
        "{next}"
    );
    assert_eq!(service.page(&next).await.ids(), ["run-1-2"]);
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let service = Service::new();
    for target in [
        "/",
        "/collections",
        "/collections/hotspots/items",
        "/healthz",
        "/nowhere",
    ] {
        let (head, get) = (
            service.send(Method::HEAD, target, &[]).await,
            service.get(target).await,
        );
        assert_eq!(head.status, get.status, "{target}");
        for name in ["content-type", "etag", "cache-control", "vary", "link"] {
            assert_eq!(head.header(name), get.header(name), "{target} {name}");
        }
    }
    let missing = service.send(Method::HEAD, "/collections/none", &[]).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}
