//! Vector tiles, their descriptions and styles, and pictures.

use std::io::Read;

use axum::http::{Method, StatusCode};
use mvt_reader::Reader;
use serde_json::json;

use crate::fixture::{BASE, Service};

/// The tile of zoom 8 that holds the first squares of the fixture, as column and row.
const HOME: (u32, u32) = (128, 85);

fn ids(tile: Vec<u8>) -> Vec<String> {
    let reader = Reader::new(tile).unwrap();
    assert_eq!(reader.get_layer_names().unwrap(), ["hotspots"]);
    let features = reader.get_features(0).unwrap();
    features
        .iter()
        .map(|f| match &f.properties.as_ref().unwrap()["id"] {
            mvt_reader::feature::Value::String(id) => id.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn both_addresses_give_the_tile_of_the_run() {
    let service = Service::new();
    let (x, y) = HOME;
    let ogc = format!("/collections/hotspots/tiles/WebMercatorQuad/8/{y}/{x}");
    let xyz = format!("/tiles/hotspots/8/{x}/{y}.mvt");
    let first = service.get(&ogc).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(
        first.header("content-type"),
        "application/vnd.mapbox-vector-tile"
    );
    assert_eq!(first.header("cache-control"), "private, no-cache");
    assert_eq!(ids(first.body.clone()).len(), 25);
    for target in [
        &xyz,
        &format!("{ogc}?f=mvt"),
        &format!("{ogc}?run=run-1&f=mvt"),
        &format!("{xyz}?run=run-1"),
    ] {
        let answer = service.get(target).await;
        assert_eq!(answer.body, first.body, "{target}");
        let pinned = answer.header("cache-control").contains("immutable");
        assert_eq!(pinned, target.contains("run="), "{target}");
        let known = [("if-none-match", first.header("etag"))];
        let again = service.send(Method::GET, target, &known).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{target}");
    }
    let packed = service
        .send(Method::GET, &xyz, &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..])
        .read_to_end(&mut plain)
        .unwrap();
    assert_eq!(plain, first.body);

    service.publish("run-2", 3);
    assert_eq!(ids(service.get(&xyz).await.body).len(), 3);
    assert_eq!(
        service.get(&format!("{xyz}?run=run-1")).await.body,
        first.body
    );
}

#[tokio::test]
async fn tiles_that_are_empty_or_do_not_exist_say_so() {
    let service = Service::new();
    let tiles = "/collections/hotspots/tiles/WebMercatorQuad";
    for target in [
        format!("{tiles}/8/0/0"),
        format!("{tiles}/16/65535/65535"),
        "/tiles/hotspots/3/7/7.mvt".to_owned(),
        "/tiles/nothing/0/0/0.mvt".to_owned(),
    ] {
        let answer = service.get(&target).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{target}");
        assert!(!answer.header("etag").is_empty());
        let known = [("if-none-match", answer.header("etag"))];
        let again = service.send(Method::GET, &target, &known).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
    for (target, code) in [
        (format!("{tiles}/8/256/0"), "tile-not-found"),
        (format!("{tiles}/17/0/0"), "tile-not-found"),
        (format!("{tiles}/1/0/02"), "tile-not-found"),
        (format!("{tiles}/1/0/-1"), "tile-not-found"),
        (format!("{tiles}/a/0/0"), "tile-not-found"),
        (
            format!("{tiles}/1/0/99999999999999999999"),
            "tile-not-found",
        ),
        ("/tiles/hotspots/1/0/2.mvt".to_owned(), "tile-not-found"),
        ("/tiles/hotspots/1/0/0.pbf".to_owned(), "path-not-found"),
        ("/tiles/none/0/0/0.mvt".to_owned(), "collection-not-found"),
        (
            "/tiles/none/tilejson.json".to_owned(),
            "collection-not-found",
        ),
        (
            "/tiles/hotspots/0/0/0.mvt?run=no".to_owned(),
            "run-not-found",
        ),
        (
            "/collections/hotspots/tiles/WorldCRS84Quad".to_owned(),
            "tile-matrix-set-not-found",
        ),
        (
            "/tileMatrixSets/WorldCRS84Quad".to_owned(),
            "tile-matrix-set-not-found",
        ),
    ] {
        let (status, found, _) = service.refusal(&target).await;
        assert_eq!((status, found.as_str()), (404, code), "{target}");
    }
    for target in [
        format!("{tiles}/0/0/0?datetime=2022-01-01"),
        "/tiles/hotspots/0/0/0.mvt?f=mvt".to_owned(),
    ] {
        assert_eq!(
            service.refusal(&target).await.1,
            "unknown-parameter",
            "{target}"
        );
    }
}

#[tokio::test]
async fn the_description_leads_to_the_tiles_of_a_run() {
    let service = Service::new();
    let document = service.get("/tiles/hotspots/tilejson.json").await.json();
    let address = document["tiles"][0].as_str().unwrap();
    assert_eq!(
        address,
        format!("{BASE}/tiles/hotspots/{{z}}/{{x}}/{{y}}.mvt?run=run-1")
    );
    let target = address.strip_prefix(BASE).unwrap();
    let target = target.replace("{z}/{x}/{y}", "0/0/0");
    assert_eq!(service.get(&target).await.status, StatusCode::OK);
    assert_eq!(document["bounds"], json!([0.0, 51.5, 0.49, 51.51]));
    let fields = document["vector_layers"][0]["fields"].as_object().unwrap();
    for name in ["rank", "name", "density_per_km2", "id", "merged_features"] {
        assert!(fields.contains_key(name), "{name}");
    }
    assert!(document["attribution"].as_str().unwrap().contains("run-1"));

    let set = service
        .page("/collections/hotspots/tiles/WebMercatorQuad")
        .await
        .json();
    let item = set["links"].as_array().unwrap();
    let item = item.iter().find(|l| l["rel"] == "item").unwrap();
    assert_eq!(item["templated"], true);
    let target = item["href"].as_str().unwrap().strip_prefix(BASE).unwrap();
    let target = target.replace("{tileMatrix}/{tileRow}/{tileCol}", "8/85/128");
    assert_eq!(service.get(&target).await.status, StatusCode::OK);
    assert_eq!(set["tileMatrixSetLimits"].as_array().unwrap().len(), 17);
    let matrix = service.page("/tileMatrixSets/WebMercatorQuad").await.json();
    assert_eq!(matrix["tileMatrices"][24]["matrixWidth"], 1 << 24);

    let style = service
        .get("/collections/hotspots/styles/maplibre?run=run-1")
        .await;
    assert_eq!(
        style.header("content-type"),
        "application/vnd.mapbox.style+json"
    );
    let style = style.json();
    let source = &style["sources"]["hotspots"]["url"];
    assert_eq!(
        source,
        &format!("{BASE}/tiles/hotspots/tilejson.json?run=run-1")
    );
}

#[tokio::test]
async fn maps_are_pictures_of_the_box_that_was_asked_for() {
    let service = Service::new();
    let map = "/collections/hotspots/map";
    let grid = "http://www.opengis.net/def/crs/EPSG/0/27700";
    for (query, size, crs) in [
        ("?width=64&height=32", (64, 32), "CRS84"),
        (
            "?bbox=0,51,1,52&width=64&height=64&f=png",
            (64, 64),
            "CRS84",
        ),
        (
            "?bbox=0,51,0,1,52,9&width=64&height=64&bgcolor=0xFFEEDD",
            (64, 64),
            "CRS84",
        ),
        (
            &format!("?crs={grid}&height=40&transparent=false&run=run-1"),
            (0, 40),
            "27700",
        ),
        (
            &format!(
                "?bbox=530000,170000,560000,200000&bbox-crs={grid}&crs=http://www.opengis.net/def/crs/EPSG/0/3857&width=9"
            ),
            (9, 0),
            "3857",
        ),
    ] {
        let answer = service.get(&format!("{map}{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert_eq!(answer.header("content-type"), "image/png");
        assert!(
            answer.header("content-crs").ends_with(&format!("{crs}>")),
            "{query}"
        );
        assert_eq!(answer.header("content-bbox").split(',').count(), 4);
        assert_eq!(
            answer.header("content-datetime"),
            "2022-01-01T00:00:00Z/2022-12-31T23:59:59Z"
        );
        assert_eq!(&answer.body[..4], b"\x89PNG");
        let side = |at: usize| u32::from_be_bytes(answer.body[at..at + 4].try_into().unwrap());
        let found = (side(16), side(20));
        assert!(size.0 == 0 || found.0 == size.0, "{query}: {found:?}");
        assert!(size.1 == 0 || found.1 == size.1, "{query}: {found:?}");
        let known = [("if-none-match", answer.header("etag"))];
        let target = format!("{map}{query}");
        let again = service.send(Method::GET, &target, &known).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{query}");
    }
    for (query, parameter) in [
        ("bbox=1,2,3", "bbox"),
        ("bbox=1,2,0,3", "bbox"),
        ("bbox=nan,2,0,3", "bbox"),
        ("bbox=0,51,5,1,52,4", "bbox"),
        ("bbox=0,51,1,99", "bbox"),
        (
            "bbox-crs=http://www.opengis.net/def/crs/EPSG/0/27700",
            "bbox-crs",
        ),
        ("bbox=0,0,1,1&bbox-crs=EPSG:4326", "bbox-crs"),
        (
            "bbox=100,0,101,1&crs=http://www.opengis.net/def/crs/EPSG/0/27700",
            "bbox",
        ),
        ("crs=4326", "crs"),
        ("width=0", "width"),
        ("width=-1", "width"),
        ("width=5000&height=5000", "width"),
        ("height=6000", "height"),
        // What follows from the shape of the box is the fault of the box.
        ("bbox=0,51,0.0001,60&width=4000", "bbox"),
        ("width=1e3", "width"),
        ("bgcolor=red", "bgcolor"),
        ("transparent=yes", "transparent"),
        ("f=jpeg", "f"),
        ("run=!", "run"),
    ] {
        let refusal = service.refusal(&format!("{map}?{query}")).await;
        let expected = (400, "invalid-parameter".into(), parameter.into());
        assert_eq!(refusal, expected, "{query}");
    }
    assert_eq!(
        service.refusal(&format!("{map}?datetime=2022")).await.1,
        "unknown-parameter"
    );
    for collection in ["nothing", "repeats", "sites-pub", "areas-sea-area-2018"] {
        let target = format!("/collections/{collection}/map?width=40&height=40");
        let answer = service.get(&target).await;
        assert_eq!(answer.status, StatusCode::OK, "{target}");
    }
}
