//! From start to drain, over a store and a socket.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use geo::{MultiLineString, line_string, polygon};
use isopleth_api::{Config, Limits, ServeError, bind, serve};
use isopleth_core::domain::{Area, Policy, Street};
use isopleth_core::{ENGINE, Request};
use isopleth_store::{Run, Store};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::contract;
use crate::fixture::{Answer, Service, hotspot_layer};

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
pub fn store(folder: &Path) -> (Store, String) {
    store_of(&folder.join("s.gpkg"), &[ward("W1")])
}

/// The same with other areas.
fn store_of(path: &Path, areas: &[Area]) -> (Store, String) {
    let mut store = Store::open_or_create(path, &policy()).unwrap();
    store.add_areas(areas).unwrap();
    store.put_layer("pinned", &request("W1")).unwrap();
    let id = put_run(&mut store);
    (store, id)
}

/// Puts a run of `pinned` for the present data.
fn put_run(store: &mut Store) -> String {
    let (request, revision) = (request("W1"), store.data_revision().unwrap());
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
    id
}

/// A service on a socket.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

pub fn config(folder: &TempDir) -> Config {
    Config {
        bind: "127.0.0.1:0".parse().unwrap(),
        limits: Limits {
            poll_interval: Duration::from_millis(10),
            ..Limits::default()
        },
        ..Config::new(folder.path().join("s.gpkg"))
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
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let fields = head.lines().skip(1).map(|l| l.split_once(": ").unwrap());
        let headers: HeaderMap = fields
            .map(|(name, value)| {
                let name = HeaderName::try_from(name).unwrap();
                (name, HeaderValue::try_from(value).unwrap())
            })
            .collect();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.as_bytes().to_vec(),
        };
        contract::check(&Method::GET, target, &answer);
        (status, answer.json())
    }

    /// A document that must be there.
    async fn page(&self, target: &str) -> Json {
        let (status, document) = self.get(target).await;
        assert_eq!(status, 200, "{target}: {document}");
        document
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
async fn streets_are_served_by_vintage() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = store(folder.path());
    let street = |id: &str, vintage: &str| Street {
        id: id.into(),
        name: "High Street".into(),
        vintage: vintage.into(),
        geometry: MultiLineString::new(vec![line_string![(x: 0.1, y: 51.5), (x: 0.2, y: 51.5)]]),
    };
    let streets = [street("a", "2023-10"), street("a", "2024-04")];
    store.add_streets(&streets).unwrap();
    let running = Running::start(config(&folder)).await;
    for vintage in ["2023-10", "2024-04"] {
        let page = running
            .page(&format!("/collections/streets-{vintage}/items"))
            .await;
        assert_eq!(page["features"][0]["properties"]["vintage"], vintage);
        assert_eq!(page["features"][0]["geometry"]["type"], "MultiLineString");
    }
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
    assert!(matches!(outcome, Err(ServeError::Config(_))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_replaced_is_served_anew() {
    let folder = TempDir::new().unwrap();
    let (path, new_path) = (folder.path().join("s.gpkg"), folder.path().join("new.gpkg"));
    let (mut old, _) = store(folder.path());
    let running = Running::start(config(&folder)).await;
    running.page("/collections/pinned/items").await;
    // What is written while the service has the store open stays in its log.
    old.add_areas(&[ward("old")]).unwrap();
    let old_run = put_run(&mut old);
    let pinned_is = async |run: &str| {
        running
            .until("/collections/pinned", |_, c| c["run"] == run)
            .await;
    };
    old.put_layer("again", &request("old")).unwrap();
    old.remove_layer("again").unwrap();
    pinned_is(&old_run).await;
    running
        .until("/collections/areas-ward-2018", |_, c| c["features"] == 2)
        .await;

    let areas = ["W1", "new", "newer"].map(ward);
    let (new, new_run) = store_of(&new_path, &areas);
    let revision = new.data_revision().unwrap();
    drop(new);
    std::fs::rename(&new_path, &path).unwrap();
    running
        .until("/readyz", |_, r| r["data_revision"] == revision)
        .await;
    let areas = running.page("/collections/areas-ward-2018").await;
    assert_eq!(areas["features"], 3);
    pinned_is(&new_run).await;
    let earlier = format!("/collections/pinned/items?run={old_run}");
    assert_eq!(running.page(&earlier).await["run"], old_run.as_str());
    drop(old);

    // The watcher and the archive both follow the new file.
    let mut new = Store::open(&path).unwrap();
    new.add_areas(&[ward("newest")]).unwrap();
    let newer_run = put_run(&mut new);
    pinned_is(&newer_run).await;
    let earlier = format!("/collections/pinned/items?run={new_run}");
    assert_eq!(running.page(&earlier).await["run"], new_run.as_str());
    running.finish().await;

    // The log of the old file was kept out of the new one.
    drop(new);
    let new = Store::open(&path).unwrap();
    let mut codes: Vec<_> = new.areas().unwrap().into_iter().map(|a| a.code).collect();
    codes.sort();
    assert_eq!(codes, ["W1", "new", "newer", "newest"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_gone_leaves_what_was_published() {
    let folder = TempDir::new().unwrap();
    let (path, away) = (folder.path().join("s.gpkg"), folder.path().join("away"));
    let (_store, run) = store(folder.path());
    let running = Running::start(config(&folder)).await;
    running.page("/collections").await;

    std::fs::rename(&path, &away).unwrap();
    let problem = running.until("/readyz", |status, _| status == 503).await;
    assert_eq!(problem["code"], "store-unavailable");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("its file is gone"), "{detail}");
    assert_eq!(running.page("/collections/pinned/items").await["run"], run);
    running.page("/healthz").await;

    std::fs::write(&path, "not a store").unwrap();
    let unfit = |_, r: &Json| r.to_string().contains("cannot be opened");
    running.until("/readyz", unfit).await;
    assert_eq!(running.page("/collections/pinned/items").await["run"], run);

    std::fs::rename(&away, &path).unwrap();
    running.until("/readyz", |status, _| status == 200).await;
    assert_eq!(running.page("/collections/pinned/items").await["run"], run);
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_that_fails_on_new_data_keeps_its_last_run() {
    let folder = TempDir::new().unwrap();
    let (mut store, run) = store(folder.path());
    let running = Running::start(config(&folder)).await;
    let before = running.page("/collections/pinned").await;
    assert!(before["outdated"].is_null(), "{before}");

    // A second vintage makes the area's code ambiguous.
    let later = Area {
        vintage: "2021".into(),
        ..ward("W1")
    };
    store.add_areas(&[later]).unwrap();
    let is_outdated = async |running: &Running| {
        let ready = running
            .until("/readyz", |_, r| r["degraded"][0]["layer"] == "pinned")
            .await;
        assert_eq!(ready["status"], "ready");
        assert_eq!(ready["failed_layers"], serde_json::json!([]));
        let now = running.page("/collections/pinned").await;
        assert_eq!(
            (&now["run"], &now["outdated"]),
            (&run.clone().into(), &true.into())
        );
        assert_eq!(now["outdated_reason"], ready["degraded"][0]["reason"]);
        let list = running.page("/collections").await;
        let list = list["collections"].as_array().unwrap();
        assert!(
            list.iter()
                .any(|c| c["id"] == "pinned" && c["outdated"] == true)
        );
        assert_eq!(
            running.page("/collections/pinned/items").await["run"],
            run.as_str()
        );
    };
    is_outdated(&running).await;
    running.finish().await;

    // A service that has not seen the run itself finds it in the store.
    let running = Running::start(config(&folder)).await;
    is_outdated(&running).await;

    // A run for the present data ends it; the next failure falls back to that one.
    let present = put_run(&mut store);
    store.put_layer("touch", &request("W1")).unwrap();
    let current = running
        .until("/collections/pinned", |_, c| c["run"] == present.as_str())
        .await;
    assert!(current["outdated"].is_null(), "{current}");

    // Runs of another request are none of this one.
    store.put_layer("pinned", &request("nowhere")).unwrap();
    running
        .until("/collections/pinned", |status, _| status == 503)
        .await;
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_clients_do_not_keep_others_out() {
    let folder = TempDir::new().unwrap();
    let (_store, _) = store(folder.path());
    let mut config = config(&folder);
    config.limits.header_timeout = Duration::from_millis(300);
    config.limits.max_connections = 4;
    let running = Running::start(config).await;
    let mut silent = Vec::new();
    for n in 0..12 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        // Some send half a request, some nothing.
        if n % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        }
        silent.push(stream);
    }
    let begun = std::time::Instant::now();
    running.page("/healthz").await;
    assert!(
        begun.elapsed() >= Duration::from_millis(300),
        "there was room for all of them"
    );
    for stream in &mut silent {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
        // Whether it ends or is reset, it is not held open.
        let _ = closed.await.expect("a silent connection is closed");
    }
    running.finish().await;
}
