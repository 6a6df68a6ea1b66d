//! Layers as files, and pages in other formats than GeoJSON.

use axum::http::{Method, StatusCode};
use isopleth_api::Limits;
use isopleth_io::write::{self, Format, Part};
use serde_json::{Value as Json, json};

use crate::fixture::{Answer, BASE, Service, hotspot_layer};

const FILE: &str = "/collections/hotspots/files/run-1.fgb";

fn written(format: Format, places: &[u32]) -> Vec<u8> {
    let layer = hotspot_layer("run-1", 25);
    let mut out = Vec::new();
    write::write(format, Part::some(&layer, places), &mut out).unwrap();
    out
}

/// The same where a request selected them, which the provenance says.
fn selected(format: Format, places: &[u32], selection: &Json) -> Vec<u8> {
    let layer = hotspot_layer("run-1", 25);
    let part = Part::some(&layer, places).selected(selection.as_object());
    let mut out = Vec::new();
    write::write(format, part, &mut out).unwrap();
    out
}

fn streams() -> impl Iterator<Item = Format> {
    Format::ALL.into_iter().filter(|f| *f != Format::GeoPackage)
}

async fn with(service: &Service, target: &str, headers: &[(&str, &str)]) -> Answer {
    service.send(Method::GET, target, headers).await
}

#[tokio::test]
async fn a_file_is_the_whole_run() {
    let service = Service::new();
    let all: Vec<u32> = (0..25).collect();
    for format in streams() {
        let name = format.name();
        let answer = service
            .page(&format!("/collections/hotspots/files/run-1.{name}"))
            .await;
        assert_eq!(answer.body, written(format, &all), "{name}");
        assert_eq!(answer.header("content-type"), format.media_type());
        assert_eq!(
            answer.header("content-length"),
            answer.body.len().to_string()
        );
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(answer.header("ogc-numbermatched"), "25");
        assert_eq!(
            answer.header("content-disposition"),
            format!("attachment; filename=\"hotspots-run-1.{name}\"")
        );
        assert!(answer.header("etag").starts_with('"'), "strong");
    }
    let gpkg = service.page("/collections/hotspots/files/run-1.gpkg").await;
    assert!(gpkg.body.starts_with(b"SQLite format 3\0"));
    let again = Service::new()
        .page("/collections/hotspots/files/run-1.gpkg")
        .await;
    assert!(gpkg.body == again.body, "the same run gives the same bytes");
    assert_eq!(gpkg.header("etag"), again.header("etag"));
}

#[tokio::test]
async fn a_selection_is_a_file_of_its_own() {
    let service = Service::new();
    let target = "/collections/hotspots/files/run-1.geojson";
    let part = service.page(&format!("{target}?bbox=0,51,0.05,52")).await;
    let told = json!({ "bbox": "0,51,0.05,52", "features": 3, "features_of_layer": 25 });
    assert_eq!(part.body, selected(Format::GeoJson, &[0, 1, 2], &told));
    assert_eq!(part.json()["provenance"]["selection"], told);
    assert_eq!(
        part.header("content-disposition"),
        "attachment; filename=\"hotspots-run-1-selection.geojson\""
    );
    assert_eq!(part.header("ogc-numberreturned"), "3");
    let none = service
        .page(&format!("{target}?datetime=2030-01-01/.."))
        .await;
    assert_eq!(none.json()["features"], json!([]));
    let whole = service.page(target).await;
    let tags: Vec<_> = [&part, &none, &whole].map(|a| a.header("etag")).into();
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    for (query, code) in [
        ("?bbox=1,2,3", "invalid-parameter"),
        ("?limit=1", "unknown-parameter"),
        ("?f=csv", "unknown-parameter"),
        ("?run=run-1", "unknown-parameter"),
    ] {
        assert_eq!(service.refusal(&format!("{target}{query}")).await.1, code);
    }
}

#[tokio::test]
async fn files_are_filtered_and_projected_like_pages() {
    let service = Service::new();
    let grid = "crs=http://www.opengis.net/def/crs/EPSG/0/27700";
    let query = "filter=rank%20%3C%203&edge_effect=true";
    for name in ["csv", "parquet", "fgb", "gpkg"] {
        let file = format!("/collections/hotspots/files/run-1.{name}?{query}&{grid}");
        let page = format!("/collections/hotspots/items?f={name}&{query}&{grid}");
        let (file, page) = (service.page(&file).await, service.page(&page).await);
        assert!(file.body == page.body, "{name}");
        assert_eq!(page.header("ogc-numberreturned"), "1");
        let uri = "<http://www.opengis.net/def/crs/EPSG/0/27700>";
        assert_eq!(
            (page.header("content-crs"), file.header("content-crs")),
            (uri, uri)
        );
    }
    let page = service
        .page(&format!("/collections/hotspots/items?{query}&{grid}"))
        .await
        .json();
    let at = page["features"][0]["geometry"]["coordinates"][0][0].clone();
    let csv = service
        .page(&format!(
            "/collections/hotspots/files/run-1.csv?{query}&{grid}"
        ))
        .await;
    let text = String::from_utf8(csv.body).unwrap();
    assert!(
        text.contains(&format!("POLYGON (({} {},", at[0], at[1])),
        "{text}"
    );
    for target in [
        format!("/collections/hotspots/files/run-1.kml?{grid}"),
        format!("/collections/hotspots/files/run-1.geojson?{grid}"),
        format!("/collections/hotspots/items?f=kml&{grid}"),
    ] {
        let (status, code, parameter) = service.refusal(&target).await;
        assert_eq!(
            (status, code.as_str(), parameter.as_str()),
            (400, "invalid-parameter", "crs")
        );
    }
    let described = "/collections/hotspots/files/run-1.csv-metadata.json?ooga=1";
    assert_eq!(service.refusal(described).await.1, "unknown-parameter");
}

#[tokio::test]
async fn layers_without_anything_are_files_too() {
    let service = Service::new();
    for name in Format::ALL.map(Format::name) {
        for (collection, run) in [("nothing", "run-of-nothing"), ("repeats", "run-of-repeats")] {
            service
                .page(&format!("/collections/{collection}/files/{run}.{name}"))
                .await;
        }
    }
    let empty = "/collections/nothing/files/run-of-nothing.geojsonl";
    let refused = with(&service, empty, &[("range", "bytes=0-")]).await;
    assert_eq!(refused.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn latest_leads_to_the_present_run() {
    let service = Service::new();
    let latest = "/collections/hotspots/files/latest.fgb?bbox=0,51,1,52";
    for run in ["run-1", "run-2"] {
        service.publish(run, 25);
        let answer = service.get(latest).await;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        let expected = format!("{BASE}/collections/hotspots/files/{run}.fgb?bbox=0,51,1,52");
        assert_eq!(answer.header("location"), expected);
        assert_eq!(answer.header("cache-control"), "private, no-cache");
    }
    let old = service.page(FILE).await;
    assert_eq!(old.body.len(), Service::new().page(FILE).await.body.len());
}

#[tokio::test]
async fn files_that_there_are_not() {
    let service = Service::new();
    for (target, code) in [
        ("/collections/hotspots/files/run-1.shp", "file-not-found"),
        ("/collections/hotspots/files/run-1", "file-not-found"),
        ("/collections/hotspots/files/.csv", "file-not-found"),
        (
            "/collections/hotspots/files/csv-metadata.json",
            "file-not-found",
        ),
        ("/collections/hotspots/files/run-9.csv", "run-not-found"),
        (
            "/collections/hotspots/files/%F0%9F%A6%80.csv",
            "run-not-found",
        ),
        ("/collections/none/files/latest.csv", "collection-not-found"),
    ] {
        let (status, found, _) = service.refusal(target).await;
        assert_eq!((status, found.as_str()), (404, code), "{target}");
    }
}

#[tokio::test]
async fn parts_of_a_file_are_its_bytes() {
    let service = Service::new();
    let whole = service.page(FILE).await;
    let (etag, length) = (whole.header("etag").to_owned(), whole.body.len());
    for (range, from, to) in [
        ("bytes=0-15", 0, 16),
        ("bytes=100-", 100, length),
        ("bytes=-7", length - 7, length),
        ("bytes=0-99999999", 0, length),
    ] {
        let part = with(
            &service,
            FILE,
            &[("range", range), ("accept-encoding", "gzip")],
        )
        .await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.body, whole.body[from..to], "{range}");
        assert_eq!(
            part.header("content-range"),
            format!("bytes {from}-{}/{length}", to - 1)
        );
        assert_eq!(part.header("content-length"), (to - from).to_string());
        assert_eq!(part.header("etag"), etag);
        assert_eq!(part.header("content-encoding"), "");
    }
    let outside = with(&service, FILE, &[("range", "bytes=9999999-")]).await;
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header("content-range"), format!("bytes */{length}"));

    // Parts of something else are not asked for.
    let range = ("range", "bytes=0-15");
    for (tag, status) in [
        (etag.as_str(), StatusCode::PARTIAL_CONTENT),
        ("\"other\"", StatusCode::OK),
        ("Sun, 06 Nov 1994 08:49:37 GMT", StatusCode::OK),
        (&format!("W/{etag}"), StatusCode::OK),
    ] {
        let answer = with(&service, FILE, &[range, ("if-range", tag)]).await;
        assert_eq!(answer.status, status, "{tag}");
    }
    let known = with(&service, FILE, &[range, ("if-none-match", &etag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let head = service.send(Method::HEAD, FILE, &[range]).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.header("content-length"), length.to_string());
    assert_eq!(head.header("accept-ranges"), "bytes");
}

#[tokio::test]
async fn several_parts_come_with_their_heads() {
    let service = Service::new();
    let whole = service.page(FILE).await.body;
    let answer = with(&service, FILE, &[("range", "bytes=0-7, 100-109,-5")]).await;
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    let boundary = answer
        .header("content-type")
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap()
        .to_owned();
    let mut expected = Vec::new();
    let length = whole.len();
    for (from, to) in [(0, 8), (100, 110), (length - 5, length)] {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/flatgeobuf\r\n\
             Content-Range: bytes {from}-{}/{length}\r\n\r\n",
            to - 1
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&whole[from..to]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn text_is_compressed_as_a_whole_only() {
    let service = Service::new();
    let target = "/collections/hotspots/files/run-1.csv";
    let gzip = ("accept-encoding", "gzip");
    let packed = with(&service, target, &[gzip]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.header("etag").starts_with("W/"));
    assert_eq!(packed.header("accept-ranges"), "");
    let part = with(&service, target, &[gzip, ("range", "bytes=0-99")]).await;
    assert_eq!(
        (part.body.len(), part.header("content-encoding")),
        (100, "")
    );
    let parquet = with(
        &service,
        "/collections/hotspots/files/run-1.parquet",
        &[gzip],
    )
    .await;
    assert_eq!(parquet.header("content-encoding"), "");
    assert_eq!(
        parquet.header("content-length"),
        parquet.body.len().to_string()
    );
}

#[tokio::test]
async fn a_csv_file_is_described() {
    let service = Service::new();
    let csv = service.page("/collections/hotspots/files/run-1.csv").await;
    let links: Vec<_> = csv
        .headers
        .get_all("link")
        .iter()
        .map(|l| l.to_str().unwrap())
        .collect();
    let address = "/collections/hotspots/files/run-1.csv-metadata.json";
    let expected =
        format!("<{BASE}{address}>; rel=\"describedby\"; type=\"application/csvm+json\"");
    assert!(links.contains(&expected.as_str()), "{links:?}");
    let metadata = service.page(address).await.json();
    assert_eq!(metadata["url"], "run-1.csv");
    assert_eq!(metadata["notes"][0]["provenance"]["run"], "run-1");
    // Of other coordinates, the columns of those.
    let grid = "crs=http://www.opengis.net/def/crs/EPSG/0/27700";
    let repeats = service.page("/collections/repeats").await.json();
    let run = repeats["run"].as_str().unwrap();
    let csv = service
        .page(&format!("/collections/repeats/files/{run}.csv?{grid}"))
        .await;
    let links = csv.headers.get_all("link").iter();
    let described = links.map(|l| l.to_str().unwrap());
    let described = described
        .filter(|l| l.contains("describedby"))
        .collect::<String>();
    let address = described.split(['<', '>']).nth(1).unwrap();
    let target = address.strip_prefix(BASE).unwrap();
    let metadata = service.page(target).await.json();
    let columns = metadata["tableSchema"]["columns"].to_string();
    assert!(columns.contains("easting") && !columns.contains("longitude"));
    let text = String::from_utf8(csv.body).unwrap();
    assert!(text.lines().next().unwrap().ends_with("easting,northing"));
}

#[tokio::test]
async fn collections_link_to_their_files() {
    let service = Service::new();
    let document = service.page("/collections/hotspots").await.json();
    let links = document["links"].as_array().unwrap();
    let of = |rel: &str| {
        links
            .iter()
            .filter(|l| l["rel"] == rel)
            .collect::<Vec<&Json>>()
    };
    assert_eq!(of("enclosure").len(), 7);
    assert_eq!(of("items").len(), 8);
    for link in of("enclosure").into_iter().chain(of("items")) {
        let target = link["href"].as_str().unwrap().strip_prefix(BASE).unwrap();
        let answer = service.page(target).await;
        let media = answer.header("content-type");
        assert!(
            media.starts_with(link["type"].as_str().unwrap()),
            "{target}: {media}"
        );
        assert!(!link["title"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let limited = |folder: std::path::PathBuf, bytes: u64| {
        let service = Service::starting(Limits {
            file_cache_folder: Some(folder),
            file_cache_bytes: bytes,
            ..Limits::default()
        });
        service.publish("run-1", 25);
        service
    };
    let small = limited(folder.path().to_owned(), 100);
    let (status, code, _) = small.refusal(FILE).await;
    assert_eq!((status, code.as_str()), (507, "file-too-large"));
    let nowhere = limited(folder.path().join("none"), 1 << 20);
    let (status, code, _) = nowhere.refusal(FILE).await;
    assert_eq!((status, code.as_str()), (503, "file-unavailable"));
    drop((small, nowhere));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn pages_come_in_every_format() {
    let service = Service::new();
    for format in streams().filter(|f| *f != Format::GeoJson) {
        let name = format.name();
        let items = "/collections/hotspots/items";
        let by_name = service
            .page(&format!("{items}?f={name}&limit=3&offset=4"))
            .await;
        let told = |offset: u32| {
            json!({
                "limit": "3", "offset": offset.to_string(), "features": 25, "features_of_layer": 25,
            })
        };
        assert_eq!(
            by_name.body,
            selected(format, &[4, 5, 6], &told(4)),
            "{name}"
        );
        assert_eq!(by_name.header("content-type"), format.media_type());
        assert_eq!(by_name.header("ogc-numbermatched"), "25");
        assert_eq!(by_name.header("ogc-numberreturned"), "3");
        let target = format!("{items}?limit=3&offset=4");
        let by_type = with(&service, &target, &[("accept", format.media_type())]).await;
        assert_eq!(by_type.body, by_name.body, "{name}");
        let plain = service.page(&target).await;
        assert_ne!(by_type.header("etag"), plain.header("etag"), "{name}");
        // Following the links of either gets every feature in the same format.
        for first in [by_name, by_type] {
            let next = first
                .headers
                .get_all("link")
                .iter()
                .map(|l| l.to_str().unwrap())
                .find(|l| l.contains("rel=\"next\""))
                .unwrap()
                .to_owned();
            let media = format.media_type();
            assert!(next.ends_with(&format!("type=\"{media}\"")), "{next}");
            let address = next.split(['<', '>']).nth(1).unwrap();
            let page = service.page(address.strip_prefix(BASE).unwrap()).await;
            assert_eq!(page.body, selected(format, &[7, 8, 9], &told(7)), "{name}");
        }
    }
    let gpkg = service
        .page("/collections/hotspots/items?f=gpkg&limit=2")
        .await;
    assert!(gpkg.body.starts_with(b"SQLite format 3\0"));
    assert_eq!(gpkg.header("ogc-numberreturned"), "2");
    let (status, code, parameter) = service.refusal("/collections/hotspots/items?f=shp").await;
    assert_eq!(
        (status, code.as_str(), parameter.as_str()),
        (400, "invalid-parameter", "f")
    );
}

#[tokio::test]
async fn every_page_links_to_the_other_formats() {
    let service = Service::new();
    let page = service
        .page("/collections/hotspots/items?limit=2&bbox=0,51,1,52")
        .await;
    let document = page.json();
    let links = document["links"].as_array().unwrap().iter();
    let others: Vec<_> = links.filter(|l| l["rel"] == "alternate").collect();
    assert_eq!(others.len(), 7);
    for link in others {
        let target = link["href"].as_str().unwrap().strip_prefix(BASE).unwrap();
        assert!(target.contains("limit=2&bbox=0,51,1,52&f="), "{target}");
        let answer = service.page(target).await;
        let media = answer.header("content-type");
        assert!(
            media.starts_with(link["type"].as_str().unwrap()),
            "{target}: {media}"
        );
        if link["type"] != "text/html" {
            assert_eq!(answer.header("ogc-numberreturned"), "2");
        }
    }
}

#[tokio::test]
async fn formats_of_one_system_are_linked_without_another() {
    let service = Service::new();
    let grid = "http://www.opengis.net/def/crs/EPSG/0/27700";
    let page = service
        .page(&format!("/collections/hotspots/items?limit=2&crs={grid}"))
        .await;
    for link in page.json()["links"].as_array().unwrap() {
        if link["rel"] == "alternate" {
            let target = link["href"].as_str().unwrap().strip_prefix(BASE).unwrap();
            assert_eq!(service.get(target).await.status, StatusCode::OK, "{target}");
        }
    }
}

#[tokio::test]
async fn heads_stay_small_whatever_is_asked() {
    let service = Service::new();
    let long = "rank%20%3E%200%20AND%20".repeat(60);
    let page = service
        .page(&format!(
            "/collections/hotspots/items?limit=2&filter={long}rank%20%3C%2099"
        ))
        .await;
    let links = page.headers.get_all("link").iter();
    let links: Vec<_> = links.map(|l| l.to_str().unwrap()).collect();
    assert_eq!(page.json()["links"].as_array().unwrap().len(), 12);
    assert!(
        links.iter().any(|l| l.contains("rel=\"next\"")),
        "{links:?}"
    );
    let size: usize = links.iter().map(|l| l.len()).sum();
    assert!(size < 4_000, "{size} bytes of links");
}
