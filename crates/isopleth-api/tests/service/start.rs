//! From start to drain, over a store and a socket.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use geo::polygon;
use isopleth_api::{Config, Limits, ServeError, bind, serve};
use isopleth_core::domain::{Area, Policy};
use isopleth_core::{ENGINE, Request};
use isopleth_store::{Run, Store};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fixture::{Service, hotspot_layer};

#[tokio::test]
async fn before_the_first_publication_only_liveness_is_claimed() {
    let limits = Limits {
        startup_wait: Duration::from_millis(20),
        ..Limits::default()
    };
    let service = Service::starting(limits);
    assert_eq!(service.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(service.get("/").await.status, StatusCode::OK);
    for target in [
        "/readyz",
        "/api",
        "/collections",
        "/collections/x",
        "/collections/x/items",
    ] {
        let answer = service.get(target).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{target}");
        assert_eq!(answer.json()["code"], "starting");
        assert_eq!(answer.header("retry-after"), "2");
    }
}

#[tokio::test]
async fn requests_wait_for_the_first_publication() {
    let service = Service::starting(Limits::default());
    let (page, ()) = tokio::join!(service.page("/collections/hotspots/items"), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        service.publish("run-1", 3);
    });
    assert_eq!(page.ids().len(), 3);
    assert_eq!(service.page("/readyz").await.json()["collections"], 6);
}

fn policy() -> Policy {
    let none = serde_json::json!({ "id": "none", "version": "1", "group": [], "rule": [] });
    serde_json::from_value(none).unwrap()
}

fn ward(code: &str) -> Area {
    Area {
        code: code.into(),
        name: format!("Ward {code}"),
        kind: "ward".into(),
        vintage: "2018".into(),
        geometry: polygon![(x: 0.0, y: 51.0), (x: 1.0, y: 51.0), (x: 0.0, y: 52.0)].into(),
    }
}

fn request(area: &str) -> Request {
    let text = format!(
        r#"{{"select": {{"area": "{area}"}}, "method": {{"name": "kernel_density"}}, "hotspots": {{"share_of_incidents": 0.5}}}}"#
    );
    Request::from_json(&text).unwrap()
}

/// A store with a ward and the layer `pinned`, whose run for the present data is there already.
fn store(folder: &Path) -> (Store, String) {
    let mut store = Store::open_or_create(&folder.join("s.gpkg"), &policy()).unwrap();
    store.add_areas(&[ward("W1")]).unwrap();
    let (request, revision) = (request("W1"), store.data_revision().unwrap());
    store.put_layer("pinned", &request).unwrap();
    let id = request.run_id(&revision);
    let run = Run {
        id: id.clone(),
        layer: "pinned".into(),
        request,
        data_revision: revision,
        engine: ENGINE.into(),
        result: hotspot_layer("pinned", 25),
    };
    store.put_run(&run).unwrap();
    (store, id)
}

/// A service on a socket.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

fn config(folder: &TempDir) -> Config {
    Config {
        bind: "127.0.0.1:0".parse().unwrap(),
        store: folder.path().join("s.gpkg"),
        public_base_url: None,
        limits: Limits {
            poll_interval: Duration::from_millis(10),
            ..Limits::default()
        },
    }
}

impl Running {
    async fn start(config: Config) -> Self {
        let listener = bind(&config).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(config, listener, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            task,
        }
    }

    async fn get(&self, target: &str) -> (u16, Json) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    /// Asks until the answer is as wanted.
    async fn until(&self, target: &str, wanted: impl Fn(u16, &Json) -> bool) -> Json {
        for _ in 0..500 {
            let (status, document) = self.get(target).await;
            if wanted(status, &document) {
                return document;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{target} never became what was wanted: {:?}",
            self.get(target).await
        );
    }

    async fn finish(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_served_and_its_changes_are_followed() {
    let folder = TempDir::new().unwrap();
    let (mut store, run) = store(folder.path());
    let running = Running::start(config(&folder)).await;

    let (status, page) = running.get("/collections/pinned/items").await;
    assert_eq!(
        (status, &page["run"], &page["numberMatched"]),
        (200, &run.clone().into(), &25.into())
    );
    let next = page["links"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["rel"] == "next")
        .unwrap();
    let next = next["href"].as_str().unwrap().to_owned();
    let next = next
        .strip_prefix(&format!("http://{}", running.address))
        .unwrap();
    assert_eq!(
        running.get("/collections/areas-ward-2018").await.1["features"],
        1
    );
    let revision = running.get("/readyz").await.1["data_revision"].clone();

    // New data: the run of the layer changes, whatever comes of it now.
    store.add_areas(&[ward("W2")]).unwrap();
    running
        .until("/readyz", |_, ready| ready["data_revision"] != revision)
        .await;
    assert_eq!(
        running.get("/collections/areas-ward-2018").await.1["features"],
        2
    );
    assert_ne!(
        running.get("/collections/pinned/items").await.1["run"],
        page["run"]
    );
    let (status, second) = running.get(next).await;
    assert_eq!((status, &second["run"]), (200, &run.clone().into()));
    assert_eq!(second["features"][0]["id"], "pinned-11");

    // A layer that cannot be computed is left out, says why, and leaves the others alone.
    store
        .put_layer("impossible", &request("no such area"))
        .unwrap();
    let ready = running
        .until("/readyz", |_, r| {
            r["failed_layers"].to_string().contains("impossible")
        })
        .await;
    assert_eq!(ready["status"], "ready");
    let (status, problem) = running.get("/collections/impossible").await;
    assert_eq!(
        (status, &problem["code"]),
        (503, &"layer-unavailable".into())
    );
    let (_, list) = running.get("/collections").await;
    let ids: Vec<_> = list["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"])
        .collect();
    assert!(ids.contains(&&"areas-ward-2018".into()) && !ids.contains(&&"impossible".into()));

    // Removed layers leave; their runs stay.
    store.remove_layer("impossible").unwrap();
    store.remove_layer("pinned").unwrap();
    running
        .until("/collections/pinned", |status, _| status == 404)
        .await;
    assert_eq!(running.get(next).await.0, 200);
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_serves_the_pages_that_were_begun_before() {
    let folder = TempDir::new().unwrap();
    let (store, run) = store(folder.path());
    drop(store);
    let first = Running::start(config(&folder)).await;
    let areas = first.get("/collections/areas-ward-2018/items").await.1["run"].clone();
    first.finish().await;
    let second = Running::start(config(&folder)).await;
    assert_eq!(
        second
            .get(&format!("/collections/pinned/items?offset=20&run={run}"))
            .await
            .0,
        200
    );
    let areas = areas.as_str().unwrap();
    assert_eq!(
        second
            .get(&format!("/collections/areas-ward-2018/items?run={areas}"))
            .await
            .0,
        200
    );
    second.finish().await;
}

#[tokio::test]
async fn layers_with_the_same_request_share_a_run() {
    let folder = TempDir::new().unwrap();
    let (mut store, run) = store(folder.path());
    let run_of = |layer: &str, store: &Store| Run {
        layer: layer.into(),
        ..store.run(&run).unwrap().unwrap()
    };
    store.put_layer("twin", &request("W1")).unwrap();
    let twin = run_of("twin", &store);
    store.put_run(&twin).unwrap();
    let running = Running::start(config(&folder)).await;
    for layer in ["pinned", "twin"] {
        let (status, page) = running
            .get(&format!("/collections/{layer}/items?run={run}"))
            .await;
        assert_eq!(
            (status, &page["numberMatched"]),
            (200, &25.into()),
            "{layer}"
        );
    }
    store.add_areas(&[ward("W2")]).unwrap();
    running
        .until("/collections/areas-ward-2018", |_, c| c["features"] == 2)
        .await;
    for layer in ["pinned", "twin"] {
        assert_eq!(
            running
                .get(&format!("/collections/{layer}/items?run={run}"))
                .await
                .0,
            200
        );
    }
    assert_eq!(
        running
            .get(&format!("/collections/areas-ward-2018/items?run={run}"))
            .await
            .0,
        404
    );
    running.finish().await;
}

#[tokio::test]
async fn what_cannot_be_served_is_said_before_serving() {
    let folder = TempDir::new().unwrap();
    let listener = bind(&config(&folder)).await.unwrap();
    let outcome = serve(config(&folder), listener, std::future::pending()).await;
    assert!(matches!(outcome, Err(ServeError::Store(_))), "{outcome:?}");

    let (_store, _) = store(folder.path());
    let listener = bind(&config(&folder)).await.unwrap();
    let taken = Config {
        bind: listener.local_addr().unwrap(),
        ..config(&folder)
    };
    assert!(matches!(bind(&taken).await, Err(ServeError::Bind { .. })));
    let wrong = Config {
        public_base_url: Some("maps".into()),
        ..config(&folder)
    };
    let outcome = serve(wrong, listener, std::future::pending()).await;
    assert!(
        matches!(outcome, Err(ServeError::BaseUrl(_))),
        "{outcome:?}"
    );
}
