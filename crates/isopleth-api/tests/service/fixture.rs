//! A small service in memory, and answers that are checked against the contract.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use geo::{Coord, Geometry, MultiPolygon, Point, Rect, polygon};
use isopleth_api::{AppState, Config, Limits, router};
use isopleth_core::domain::{Area, LonLat, Site};
use isopleth_io::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::contract;

/// What links of the fixture start with.
pub const BASE: &str = "http://maps.test:8080";

/// An answer that agrees with the contract.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Ids of the features of a page.
    pub fn ids(&self) -> Vec<String> {
        let page = self.json();
        let features = page["features"].as_array().unwrap().iter();
        features
            .map(|f| f["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Address of the first link of a relation, without the base.
    pub fn link(&self, rel: &str) -> Option<String> {
        let document = self.json();
        let link = document["links"]
            .as_array()?
            .iter()
            .find(|l| l["rel"] == rel)?;
        Some(
            link["href"]
                .as_str()?
                .strip_prefix(BASE)
                .expect("links start with the base")
                .into(),
        )
    }
}

/// A service in memory.
pub struct Service {
    pub state: AppState,
    pub router: Router,
}

impl Service {
    /// The service with its usual collections.
    pub fn new() -> Self {
        let service = Self::starting(Limits::default());
        service.publish("run-1", 25);
        service
    }

    /// A service that has published nothing yet.
    pub fn starting(limits: Limits) -> Self {
        let state = AppState::new(limits).unwrap();
        Self {
            router: router(state.clone()),
            state,
        }
    }

    /// The service with its usual collections and another configuration.
    pub fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let service = Self::new();
        let mut config = Config::new("none.gpkg".into());
        change(&mut config);
        service.state.apply(&config).unwrap();
        service
    }

    /// Publishes the usual collections; `hotspots` has so many features.
    pub fn publish(&self, run: &str, hotspots: u32) {
        let layers = vec![
            (
                "hotspots".to_owned(),
                run.to_owned(),
                hotspot_layer(run, hotspots),
            ),
            (
                "repeats".to_owned(),
                "run-of-repeats".to_owned(),
                repeat_layer(),
            ),
            (
                "nothing".to_owned(),
                "run-of-nothing".to_owned(),
                hotspot_layer("nothing", 0),
            ),
        ];
        self.state.publish(layers, &areas(), &sites());
    }

    /// Sends a request and checks the answer against the contract.
    pub async fn send(&self, method: Method, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_from(None, method, target, headers, "").await
    }

    /// The same with a body.
    pub async fn send_with(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        self.send_from(None, method, target, headers, body).await
    }

    /// The same over a connection from an address, with a body.
    pub async fn send_from(
        &self,
        peer: Option<&str>,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri(target);
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header("host", "maps.test:8080");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        if let Some(peer) = peer {
            let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let (parts, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        contract::check(&method, target, &answer);
        answer
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(Method::GET, target, &[]).await
    }

    /// A page that must be there.
    pub async fn page(&self, target: &str) -> Answer {
        let answer = self.get(target).await;
        assert_eq!(answer.status, StatusCode::OK, "{target}: {}", answer.json());
        answer
    }

    /// A refusal: its code and the parameter at fault.
    pub async fn refusal(&self, target: &str) -> (u16, String, String) {
        let answer = self.get(target).await;
        let problem = answer.json();
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{target}"
        );
        assert_eq!(problem["status"], answer.status.as_u16(), "{target}");
        let text = |member: &str| problem[member].as_str().unwrap_or_default().to_owned();
        (answer.status.as_u16(), text("code"), text("parameter"))
    }
}

/// A path of the router with something that exists in the place of its placeholders.
pub fn example(path: &str) -> String {
    let mut path = path.to_owned();
    for (placeholder, value) in [
        ("{collectionId}", "hotspots"),
        ("{featureId}", "run-1-1"),
        ("{fileName}", "run-1.csv"),
        ("{code}", "bad-request"),
        ("{tileMatrixSetId}", "WebMercatorQuad"),
        ("{tileMatrix}/{tileRow}/{tileCol}", "0/0/0"),
        ("{z}/{x}/{y}", "0/0/0"),
        ("{processId}", "analyse"),
        ("{jobId}", "none"),
    ] {
        path = path.replace(placeholder, value);
    }
    path
}

fn column(name: &str, kind: ColumnType) -> Column {
    Column {
        name: name.into(),
        kind,
        unit: None,
        meaning: format!("The {name}"),
    }
}

/// Squares of 0.01° in a row eastwards from the meridian, with a gap between them.
pub fn hotspot_layer(run: &str, count: u32) -> Layer {
    let square = |n: u32| {
        let (w, s) = (f64::from(n) / 50.0, 51.5);
        Rect::new(
            Coord { x: w, y: s },
            Coord {
                x: w + 0.01,
                y: s + 0.01,
            },
        )
        .to_polygon()
    };
    let provenance = json!({
        "run": run,
        "data_revision": "0123456789abcdef",
        "caveats": ["Locations are map points."],
        "marking": null,
        "request": { "method": { "name": "kernel_density" } },
    });
    Layer {
        title: "Burglary hotspots".into(),
        description: "Where burglaries concentrate.".into(),
        geometry: GeometryKind::Polygon,
        columns: vec![
            column("rank", ColumnType::Integer),
            column("name", ColumnType::Text),
            column("density_per_km2", ColumnType::Real),
            column("edge_effect", ColumnType::Boolean),
            column("previous_count", ColumnType::Integer),
        ],
        features: (0..count)
            .map(|n| Feature {
                id: format!("{run}-{}", n + 1),
                geometry: Geometry::Polygon(square(n)),
                values: vec![
                    Value::Integer(i64::from(n) + 1),
                    Value::Text(format!("Place \"{n}\"; Größe")),
                    Value::Real(12.5),
                    Value::Boolean(n % 2 == 0),
                    Value::Null,
                ],
            })
            .collect(),
        days: Some(("2022-01-01".into(), "2022-12-31".into())),
        provenance: provenance.as_object().unwrap().clone(),
    }
}

/// Twelve points, one for each month of 2022; the last does not know its days.
fn repeat_layer() -> Layer {
    let day = |month: i32, day: &str| match month {
        12 => Value::Null,
        m => Value::Text(format!("2022-{m:02}-{day}")),
    };
    Layer {
        title: "Repeat locations".into(),
        description: "Where burglaries repeat.".into(),
        geometry: GeometryKind::Point,
        columns: vec![
            column("first_day", ColumnType::Date),
            column("last_day", ColumnType::Date),
        ],
        features: (1..=12)
            .map(|month| Feature {
                id: format!("month-{month}"),
                geometry: Geometry::Point(Point::new(f64::from(month) / 100.0, 51.6)),
                values: vec![day(month, "01"), day(month, "28")],
            })
            .collect(),
        days: None,
        provenance: serde_json::Map::new(),
    }
}

fn areas() -> Vec<Area> {
    let area = |code: &str, kind: &str, west: f64, east: f64| Area {
        code: code.into(),
        name: format!("Area {code}"),
        kind: kind.into(),
        vintage: "2018".into(),
        // Clockwise on purpose: layers carry rings the other way round.
        geometry: MultiPolygon(vec![polygon![
            (x: west, y: 51.0), (x: west, y: 52.0), (x: east, y: 52.0), (x: east, y: 51.0),
        ]]),
    };
    vec![
        area("E1", "borough", 0.0, 0.5),
        area("E2", "borough", 0.5, 1.0),
        area("far/east", "sea area", 179.0, 180.0),
        area("far west", "sea area", -180.0, -179.0),
    ]
}

fn sites() -> Vec<Site> {
    let site = |id: &str, lon: f64| Site {
        id: id.into(),
        name: "The Crown".into(),
        class: "pub".into(),
        position: LonLat::new(lon, 51.5).unwrap(),
        number: None,
    };
    vec![site("node/1", 0.1), site("node/2", 0.2)]
}
