//! Filters, coordinate reference systems, queryables and schemas.

use axum::http::StatusCode;
use isopleth_io::layer::{Column, ColumnType, Value};
use serde_json::{Value as Json, json};

use crate::fixture::{Answer, BASE, Service, hotspot_layer};

const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";
const GRID: &str = "http://www.opengis.net/def/crs/EPSG/0/27700";
const MERCATOR: &str = "http://www.opengis.net/def/crs/EPSG/0/3857";

/// Text fit for the value of a query parameter.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

async fn ranks(service: &Service, query: &str) -> Vec<u64> {
    let page = service
        .page(&format!("/collections/hotspots/items?limit=100&{query}"))
        .await;
    let document = page.json();
    let features = document["features"].as_array().unwrap();
    assert_eq!(document["numberMatched"], features.len(), "{query}");
    features
        .iter()
        .map(|f| f["properties"]["rank"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn filters_select_what_they_say() {
    let service = Service::new();
    for (filter, expected) in [
        ("TRUE", (1..=25).collect::<Vec<_>>()),
        ("FALSE", vec![]),
        ("rank = 5", vec![5]),
        ("rank < 3 OR rank >= 25", vec![1, 2, 25]),
        ("edge_effect = TRUE AND rank < 6", vec![1, 3, 5]),
        ("NOT edge_effect AND rank BETWEEN 3 AND 6", vec![4, 6]),
        (
            "\"name\" LIKE '%\"1_\"%' AND rank IN (11, 12, 13, 30)",
            vec![11, 12, 13],
        ),
        ("CASEI(name) = CASEI('PLACE \"3\"; GRÖSSE')", vec![4]),
        ("previous_count IS NOT NULL", vec![]),
        ("S_INTERSECTS(geometry, POINT(0.045 51.505))", vec![3]),
        (
            "S_INTERSECTS(\"geometry\",BBOX(0.025,51.505,0.045,51.505))",
            vec![2, 3],
        ),
    ] {
        assert_eq!(
            ranks(&service, &format!("filter={}", encoded(filter))).await,
            expected,
            "{filter}"
        );
    }
    let draft = "filter=(edge_effect%20=%20FALSE)%20AND%20(rank%20%3E%2022)&filter-lang=cql-text";
    assert_eq!(ranks(&service, draft).await, [24]);
    let json = json!({ "op": "<=", "args": [{ "property": "rank" }, 2] });
    let json = format!(
        "filter={}&filter-lang=cql2-json",
        encoded(&json.to_string())
    );
    assert_eq!(ranks(&service, &json).await, [1, 2]);
    let days = "T_AFTER(first_day, DATE('2022-09-15')) AND T_DURING(INTERVAL(first_day, last_day), \
                INTERVAL('2022-01-01', '2022-11-15'))";
    let page = service
        .page(&format!(
            "/collections/repeats/items?filter={}",
            encoded(days)
        ))
        .await;
    assert_eq!(page.ids(), ["month-10"]);
}

#[tokio::test]
async fn all_conditions_hold_together() {
    let service = Service::new();
    let filter = encoded("rank > 2");
    assert_eq!(
        ranks(&service, &format!("filter={filter}&bbox=0,51,0.06,52")).await,
        [3, 4]
    );
    assert_eq!(
        ranks(
            &service,
            &format!("filter={filter}&datetime=2021-01-01/..&rank=4")
        )
        .await,
        [4]
    );
    assert_eq!(
        ranks(&service, &format!("filter={filter}&datetime=2023-01-01/..")).await,
        [0; 0]
    );
    assert_eq!(
        ranks(&service, "edge_effect=true&bbox=0,51,0.06,52").await,
        [1, 3]
    );
    assert_eq!(
        ranks(&service, "name=Place%20%220%22;%20Gr%C3%B6%C3%9Fe").await,
        [1]
    );
    assert_eq!(ranks(&service, "density_per_km2=12.5&rank=3").await, [3]);
    assert_eq!(ranks(&service, "previous_count=0").await, [0; 0]);
    let page = service
        .page("/collections/repeats/items?first_day=2022-03-01")
        .await;
    assert_eq!(page.ids(), ["month-3"]);
}

#[tokio::test]
async fn filtered_pages_are_whole_and_linked_both_ways() {
    let service = Service::new();
    let filter = encoded("rank > 5 AND edge_effect = FALSE");
    let first = format!("/collections/hotspots/items?limit=4&filter={filter}");
    let mut page = service.page(&first).await;
    assert_eq!(page.link("prev"), None);
    let (mut ids, mut pages) = (page.ids(), vec![page.ids()]);
    while let Some(next) = page.link("next") {
        page = service.page(&next).await;
        assert_eq!(page.json()["numberMatched"], 10);
        ids.extend(page.ids());
        pages.push(page.ids());
    }
    let expected: Vec<_> = (6..=24).step_by(2).map(|n| format!("run-1-{n}")).collect();
    assert_eq!(ids, expected);
    let back = service.page(&page.link("prev").unwrap()).await;
    assert_eq!(back.ids(), pages[1]);
    let odd = service
        .page("/collections/hotspots/items?limit=5&offset=2")
        .await;
    let start = service.page(&odd.link("prev").unwrap()).await;
    assert_eq!(start.ids()[0], "run-1-1");
    let header = page
        .headers
        .get_all("link")
        .iter()
        .any(|v| v.to_str().unwrap().contains("rel=\"prev\""));
    assert!(header);
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_by_name() {
    let service = Service::new();
    for (query, parameter) in [
        ("filter=", "filter"),
        ("filter=rank%20%3E", "filter"),
        ("filter=unheard_of%20=%201", "filter"),
        ("filter=rank%20=%20'a'", "filter"),
        ("filter=foo(rank)", "filter"),
        ("filter=rank%20=%201&filter-lang=cql2-json", "filter"),
        ("filter=TRUE&filter-lang=sql", "filter-lang"),
        ("filter-lang=", "filter-lang"),
        ("filter=TRUE&filter-crs=foo", "filter-crs"),
        (
            "filter=TRUE&filter-crs=http://www.opengis.net/def/crs/EPSG/0/4326",
            "filter-crs",
        ),
        ("crs=foo", "crs"),
        ("crs=", "crs"),
        ("crs=EPSG:27700", "crs"),
        ("crs=http://www.opengis.net/def/crs/EPSG/0/9999", "crs"),
        ("bbox=0,0,1,1&bbox-crs=foo", "bbox-crs"),
        (
            "bbox=2,0,1,1&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3857",
            "bbox",
        ),
        ("rank=x", "rank"),
        ("rank=1.5", "rank"),
        ("edge_effect=1", "edge_effect"),
        ("density_per_km2=NaN", "density_per_km2"),
        ("rank=1&rank=2", "rank"),
    ] {
        let target = format!("/collections/hotspots/items?{query}");
        let expected = (400, "invalid-parameter".to_owned(), parameter.to_owned());
        assert_eq!(service.refusal(&target).await, expected, "{query}");
    }
    for (target, parameter) in [
        ("/collections/hotspots/items?Rank=1", "Rank"),
        ("/collections/hotspots/items?geometry=1", "geometry"),
        (
            "/collections/hotspots/items?unknownQueryParameter12345=1",
            "unknownQueryParameter12345",
        ),
        ("/collections/repeats/items?rank=1", "rank"),
        ("/collections/hotspots/items/run-1-1?rank=1", "rank"),
        ("/collections/hotspots/items/run-1-1?bbox-crs=x", "bbox-crs"),
        ("/collections/hotspots/queryables?crs=x", "crs"),
        ("/collections/hotspots/schema?limit=1", "limit"),
    ] {
        let expected = (400, "unknown-parameter".to_owned(), parameter.to_owned());
        assert_eq!(service.refusal(target).await, expected, "{target}");
    }
    for target in ["/collections/none/queryables", "/collections/none/schema"] {
        assert_eq!(service.refusal(target).await.0, 404, "{target}");
    }
    let refused = service
        .get("/collections/hotspots/items?filter=rank%20%3D%20%27a%27")
        .await;
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("character 8") && detail.contains("number"),
        "{detail}"
    );
}

fn positions(answer: &Answer) -> Vec<[f64; 2]> {
    fn gather(json: &Json, out: &mut Vec<[f64; 2]>) {
        let list = json.as_array().unwrap();
        match (list[0].as_f64(), list.get(1).and_then(Json::as_f64)) {
            (Some(x), Some(y)) => out.push([x, y]),
            _ => list.iter().for_each(|j| gather(j, out)),
        }
    }
    let mut out = Vec::new();
    let document = answer.json();
    match document["features"].as_array() {
        Some(features) => features
            .iter()
            .for_each(|f| gather(&f["geometry"]["coordinates"], &mut out)),
        None => gather(&document["geometry"]["coordinates"], &mut out),
    }
    out
}

#[tokio::test]
async fn geometries_come_in_the_system_that_is_asked_for() {
    let service = Service::new();
    let mut layer = hotspot_layer("tower", 1);
    // OS, Transformations and OSGM15 user guide: Caister water tower.
    layer.features[0].geometry = geo::Point::new(1.716_073_973, 52.658_007_833).into();
    layer.geometry = isopleth_io::layer::GeometryKind::Point;
    let towers = vec![("towers".to_owned(), "tower".to_owned(), layer)];
    service.state.publish(towers, &[], &[]);
    for (crs, x, y, within) in [
        (CRS84, 1.716_073_973, 52.658_007_833, 1e-9),
        (GRID, 651_409.804, 313_177.450, 1.1e-3),
        // gdaltransform 3.6.2 from OGC:CRS84.
        (MERCATOR, 191_032.481, 6_919_987.477, 1e-3),
    ] {
        for path in ["items", "items/tower-1"] {
            for uri in [crs.to_owned(), encoded(crs)] {
                let answer = service
                    .page(&format!("/collections/towers/{path}?crs={uri}"))
                    .await;
                assert_eq!(answer.header("content-crs"), format!("<{crs}>"));
                let [[a, b]] = positions(&answer)[..] else {
                    panic!("one position")
                };
                assert!(
                    (a - x).abs() <= within && (b - y).abs() <= within,
                    "{crs}: {a} {b}"
                );
            }
        }
    }
    let plain = service.page("/collections/towers/items").await;
    assert_eq!(plain.header("content-crs"), format!("<{CRS84}>"));
}

#[tokio::test]
async fn boxes_and_filters_may_be_in_other_systems() {
    let service = Service::new();
    // The second square spans 0.02 to 0.03° E, 51.50 to 51.51° N.
    let page = service
        .page(&format!("/collections/hotspots/items/run-1-2?crs={GRID}"))
        .await;
    let corners = positions(&page);
    let (x, y) = (corners.iter().map(|c| c[0]), corners.iter().map(|c| c[1]));
    let middle = [x.sum::<f64>() / 5.0, y.sum::<f64>() / 5.0];
    let [w, s, e, n] = [
        middle[0] - 50.0,
        middle[1] - 50.0,
        middle[0] + 50.0,
        middle[1] + 50.0,
    ];
    assert_eq!(
        ranks(&service, &format!("bbox={w},{s},{e},{n}&bbox-crs={GRID}")).await,
        [2]
    );
    let filter = encoded(&format!("S_INTERSECTS(geometry, BBOX({w},{s},{e},{n}))"));
    assert_eq!(
        ranks(&service, &format!("filter={filter}&filter-crs={GRID}")).await,
        [2]
    );
    let mercator =
        "bbox=2300,6710300,3300,6711500&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3857";
    assert_eq!(ranks(&service, mercator).await, [2]);
    let everywhere = format!("bbox=-1e9,-1e9,1e9,1e9&bbox-crs={GRID}");
    assert_eq!(ranks(&service, &everywhere).await.len(), 25);
    assert_eq!(
        ranks(&service, &format!("bbox=-9,-9,-1,-1&bbox-crs={GRID}")).await,
        [0; 0]
    );
    let explicit = format!("bbox=0.025,51.505,0.025,51.505&bbox-crs={CRS84}");
    assert_eq!(ranks(&service, &explicit).await, [2]);
}

#[tokio::test]
async fn systems_are_listed_where_they_reach_all_features() {
    let service = Service::new();
    for (collection, systems) in [
        ("hotspots", &[CRS84, GRID, MERCATOR][..]),
        ("nothing", &[CRS84, GRID, MERCATOR]),
        ("areas-sea-area-2018", &[CRS84, MERCATOR]),
    ] {
        let document = service
            .page(&format!("/collections/{collection}"))
            .await
            .json();
        assert_eq!(document["crs"], json!(systems), "{collection}");
        assert_eq!(document["storageCrs"], CRS84);
        for crs in [CRS84, GRID, MERCATOR] {
            let target = format!("/collections/{collection}/items?limit=100&crs={crs}");
            let expected = if systems.contains(&crs) { 200 } else { 400 };
            assert_eq!(service.get(&target).await.status, expected, "{target}");
        }
    }
}

#[tokio::test]
async fn queryables_and_schema_describe_the_columns() {
    let service = Service::new();
    let mut layer = hotspot_layer("run-2", 10);
    layer.columns.push(Column {
        name: "class of \"risk\"".into(),
        kind: ColumnType::Text,
        unit: None,
        meaning: "How much".into(),
    });
    layer.columns[2].unit = Some("1/km²".into());
    for (n, feature) in layer.features.iter_mut().enumerate() {
        feature
            .values
            .push(Value::Text(["low", "high"][n % 2].into()));
    }
    service
        .state
        .publish(vec![("risk".into(), "run-2".into(), layer)], &[], &[]);
    let collection = service.page("/collections/risk").await;
    let relations = "http://www.opengis.net/def/rel/ogc/1.0/";
    let queryables = collection.link(&format!("{relations}queryables")).unwrap();
    let schema = collection.link(&format!("{relations}schema")).unwrap();
    let items = service.page("/collections/risk/items").await;
    assert_eq!(
        items.link(&format!("{relations}queryables")).unwrap(),
        queryables
    );
    let answer = service.page(&queryables).await;
    assert_eq!(answer.header("content-type"), "application/schema+json");
    let document = answer.json();
    assert_eq!(
        document["$id"],
        format!("{BASE}/collections/risk/queryables")
    );
    assert_eq!(document["additionalProperties"], false);
    let properties = &document["properties"];
    assert_eq!(
        properties["geometry"],
        json!({ "title": "geometry", "description": "Where the feature is", "format": "geometry-polygon" })
    );
    assert_eq!(properties["rank"]["type"], "integer");
    assert_eq!(properties["density_per_km2"]["x-ogc-unit"], "1/km²");
    assert_eq!(
        properties["class of \"risk\""]["enum"],
        json!(["high", "low"])
    );
    assert_eq!(properties["name"]["enum"], Json::Null);
    assert_eq!(properties.as_object().unwrap().len(), 7);
    let document = service.page(&schema).await.json();
    assert_eq!(document["properties"]["id"]["x-ogc-role"], "id");
    assert_eq!(
        document["properties"]["geometry"]["x-ogc-role"],
        "primary-geometry"
    );
    let days = Service::new()
        .page("/collections/repeats/schema")
        .await
        .json();
    assert_eq!(
        days["properties"]["first_day"]["x-ogc-role"],
        "primary-interval-start"
    );
    assert_eq!(days["properties"]["last_day"]["format"], "date");
    let target = "/collections/risk/items?class%20of%20%22risk%22=low&limit=1";
    assert_eq!(service.page(target).await.json()["numberMatched"], 5);
    let page = service
        .send(
            axum::http::Method::GET,
            &queryables,
            &[("accept", "text/html")],
        )
        .await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
}

#[tokio::test]
async fn the_definition_names_the_queryables_of_each_collection() {
    let service = Service::new();
    let document = service.page("/api").await.json();
    let parameters = document["paths"]["/collections/hotspots/items"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let rank = parameters.iter().find(|p| p["name"] == "rank").unwrap();
    assert_eq!(
        (
            &rank["in"],
            &rank["style"],
            &rank["explode"],
            &rank["schema"]
        ),
        (
            &json!("query"),
            &json!("form"),
            &json!(false),
            &json!({ "type": "integer" })
        )
    );
    let language = &document["components"]["parameters"]["filterLang"]["schema"];
    assert_eq!(
        language["enum"],
        json!(["cql2-text", "cql2-json", "cql-text"])
    );
    assert_eq!(language["default"], "cql2-text");
    let single = &document["paths"]["/collections/hotspots/items/{featureId}"]["get"]["parameters"];
    assert!(
        single
            .as_array()
            .unwrap()
            .iter()
            .all(|p| p["name"] != "rank")
    );
}
