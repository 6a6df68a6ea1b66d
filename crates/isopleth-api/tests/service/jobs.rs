//! Processes and jobs: what is asked for is computed once, remembered, and kept as a collection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use geo::{Coord, Rect};
use isopleth_api::{AnalysisLimits, AppState, Limits, router};
use isopleth_core::domain::{
    Area, GroupDefinition, Lens, LocationBasis, Policy, PolicyRule, month_span,
};
use isopleth_core::methods::overlap::similarity;
use isopleth_core::{Request, RunError, Snapshot};
use isopleth_io::ingest::{KindTerms, NO_TEXT, Row, RowLocation, SourceFile, Texts};
use isopleth_io::layer::Layer;
use isopleth_io::write;
use isopleth_store::{FileFacts, JobRecord, JobStatus, Store};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::fixture::{Answer, BASE, Service, hotspot_layer};

const EXECUTION: &str = "/processes/analyse/execution";

/// Ten burglaries in the square `A` of about 7 by 11 km.
fn store(folder: &Path) -> PathBuf {
    let group = GroupDefinition {
        id: "burglary".into(),
        title: "Burglary".into(),
        lens: Lens::Reported,
        activity: false,
    };
    let rule = PolicyRule {
        terms: vec!["Burglary".into()],
        sub_types: vec![],
        sources: vec![],
        group: "burglary".into(),
        sub_type: None,
        lens: None,
    };
    let policy = Policy {
        id: "test".into(),
        version: "1".into(),
        source: String::new(),
        groups: vec![group],
        rules: vec![rule],
    };
    let path = folder.join("s.gpkg");
    let mut store = Store::open_or_create(&path, &policy).unwrap();
    let (low, high) = (Coord { x: 0.0, y: 51.5 }, Coord { x: 0.1, y: 51.6 });
    store
        .add_areas(&[Area {
            code: "A".into(),
            name: "A".into(),
            kind: "ward".into(),
            vintage: "2024".into(),
            geometry: Rect::new(low, high).to_polygon().into(),
        }])
        .unwrap();
    let texts = Texts {
        kinds: vec![KindTerms {
            term: "Burglary".into(),
            sub_type: String::new(),
            record_source: String::new(),
        }],
        ..Texts::default()
    };
    let row = |n: i32| Row {
        key: (n as u128) << 70,
        location: Some(RowLocation {
            lon: 0.05 + f64::from(n) / 1000.0,
            lat: 51.55,
            x_mm: 542_000_000 + n * 69_000,
            y_mm: 185_000_000,
            cell: 0x0891_94ad_0000_0000 + n as u64,
            exact: true,
        }),
        span: month_span(2022, 3).unwrap(),
        basis: LocationBasis::Address,
        kind: 0,
        place: NO_TEXT,
        small_area: NO_TEXT,
        outcome: NO_TEXT,
    };
    let source = SourceFile {
        name: "a".into(),
        format: "test".into(),
    };
    let mut file = store.begin_file(&source).unwrap();
    file.push(&(0..10).map(row).collect::<Vec<_>>(), &texts)
        .unwrap();
    file.commit(&FileFacts::default()).unwrap();
    path
}

/// The usual limits, with patience for a machine that is busy.
fn usual() -> AnalysisLimits {
    AnalysisLimits {
        max_wait: Duration::from_secs(60),
        ..AnalysisLimits::default()
    }
}

/// A service with a store, whose analyses do what the title of the request says.
struct Desk {
    service: Service,
    computed: Arc<AtomicUsize>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.service.state.end_analyses();
    }
}

/// Makes a layer, takes for ever, fails or panics.
fn pretend(snapshot: &Snapshot, request: &Request) -> Result<Layer, RunError> {
    match request.title.as_deref() {
        Some("slow") => {
            let _ = similarity(&vec![1; 100_000], &vec![1; 100_000], 1_000_000, 0);
        }
        Some("broken") => panic!("a fault in a method"),
        Some("real") => return isopleth_io::analyse(snapshot, request),
        _ => {}
    }
    Ok(hotspot_layer(&request.run_id(&snapshot.revision), 12))
}

impl Desk {
    fn new(store: &Path, limits: AnalysisLimits) -> Self {
        let analyses = limits;
        Self::within(
            store,
            Limits {
                analyses,
                ..Limits::default()
            },
        )
    }

    fn within(store: &Path, limits: Limits) -> Self {
        let computed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&computed);
        let state = AppState::new(limits).unwrap().with_analyses(
            store.to_owned(),
            move |snapshot, request| {
                count.fetch_add(1, Ordering::SeqCst);
                pretend(snapshot, request)
            },
        );
        state.resume_analyses().unwrap();
        state.start_analyses().unwrap();
        let service = Service {
            router: router(state.clone()),
            state,
        };
        service.publish("run-1", 3);
        Self { service, computed }
    }

    async fn post(&self, body: &str, prefer: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("prefer", prefer)];
        let body = body.as_bytes().to_vec();
        self.service
            .send_with(Method::POST, EXECUTION, &headers, body)
            .await
    }

    /// Makes a job; its address.
    async fn job(&self, title: &str) -> String {
        let made = self.post(&titled(title), "respond-async").await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
        path(made.header("location"))
    }

    async fn until(&self, job: &str, status: &str) -> Json {
        for _ in 0..2000 {
            let info = self.service.page(job).await.json();
            if info["status"] == status {
                return info;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{job} never was {status}: {}",
            self.service.get(job).await.json()
        );
    }

    async fn delete(&self, target: &str) -> Answer {
        self.service.send(Method::DELETE, target, &[]).await
    }
}

fn titled(title: &str) -> String {
    json!({ "title": title, "method": { "name": "repeat_locations" } }).to_string()
}

fn path(address: &str) -> String {
    address.strip_prefix(BASE).unwrap().to_owned()
}

fn code(answer: &Answer) -> (u16, String) {
    let problem = answer.json();
    (
        answer.status.as_u16(),
        problem["code"].as_str().unwrap_or_default().to_owned(),
    )
}

fn desk() -> (TempDir, Desk) {
    let folder = TempDir::new().unwrap();
    let desk = Desk::new(&store(folder.path()), usual());
    (folder, desk)
}

#[tokio::test]
async fn processes_are_described() {
    let (_folder, desk) = desk();
    let list = desk.service.page("/processes").await.json();
    assert_eq!(list["processes"][0]["id"], "analyse");
    let process = desk.service.page("/processes/analyse").await.json();
    let schema = &process["inputs"]["request"]["schema"];
    let valid = jsonschema::validator_for(schema).unwrap();
    assert!(valid.is_valid(&json!({ "method": { "name": "knox" } })));
    assert!(!valid.is_valid(&json!({ "method": { "name": "magic" } })));
    let landing = desk.service.page("/").await;
    for (rel, target) in [("processes", "/processes"), ("job-list", "/jobs")] {
        let rel = format!("http://www.opengis.net/def/rel/ogc/1.0/{rel}");
        assert_eq!(landing.link(&rel).as_deref(), Some(target));
    }
    let execute = "http://www.opengis.net/def/rel/ogc/1.0/execute";
    assert!(
        process["links"]
            .as_array()
            .unwrap()
            .iter()
            .any(|l| l["rel"] == execute)
    );
    for target in ["/processes/magic", "/jobs/1234", "/jobs/1234/results"] {
        let missing = desk.service.get(target).await;
        assert_eq!(missing.status, 404, "{target}");
        let kind = missing.json()["type"].as_str().unwrap().to_owned();
        assert!(
            kind.contains("exceptions/ogcapi-processes-1/1.0/no-such-"),
            "{kind}"
        );
    }
    for target in ["/processes", "/processes/analyse", "/jobs"] {
        let page = desk.service.page(&format!("{target}?f=html")).await;
        assert!(
            page.header("content-type").starts_with("text/html"),
            "{target}"
        );
    }
    let refused = desk.service.get(EXECUTION).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("allow")),
        (405, "POST, OPTIONS")
    );
}

#[tokio::test]
async fn a_quick_one_is_answered_and_kept_and_never_computed_again() {
    let (_folder, desk) = desk();
    let raw = desk.post(&titled("a"), "").await;
    assert_eq!(raw.status, 200, "{}", String::from_utf8_lossy(&raw.body));
    assert_eq!(raw.header("content-type"), "application/geo+json");
    assert_eq!(raw.header("cache-control"), "no-store");
    let request = Request::from_json(&titled("a")).unwrap();
    let revision = raw.json()["provenance"]["run"].as_str().unwrap().to_owned();
    let mut bytes = Vec::new();
    write::geojson(&hotspot_layer(&revision, 12), &mut bytes).unwrap();
    assert_eq!(raw.body, bytes, "as the command line writes it");
    assert_eq!(request.title.as_deref(), Some("a"));

    let execution = |rest: &str| format!(r#"{{"inputs": {{"request": {}}}{rest}}}"#, titled("a"));
    let document = desk
        .post(&execution(r#", "response": "document""#), "wait=2")
        .await;
    assert_eq!(document.header("preference-applied"), "wait=2");
    let kept = path(document.json()["layer"]["href"].as_str().unwrap());
    assert_eq!(kept, format!("/collections/analysis-{revision}"));
    let value = r#", "response": "document", "outputs": {"layer": {"transmissionMode": "value"}}"#;
    let value = desk.post(&execution(value), "").await.json();
    assert_eq!(value["layer"]["value"], raw.json());
    let elsewhere = r#", "outputs": {"layer": {"transmissionMode": "reference"}}"#;
    let elsewhere = desk.post(&execution(elsewhere), "").await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.body.len()), (204, 0));
    assert!(elsewhere.header("link").contains(&kept));
    assert_eq!(desk.computed.load(Ordering::SeqCst), 1);

    let collection = desk.service.page(&kept).await.json();
    assert_eq!(
        (&collection["run"], &collection["features"]),
        (&json!(revision), &json!(12))
    );
    let first = desk.service.page(&format!("{kept}/items?limit=5")).await;
    let next = first.link("next").unwrap();
    assert_eq!(desk.service.page(&next).await.ids().len(), 5);
    // It stays among the collections when the layers are published anew.
    desk.service.publish("run-2", 4);
    let all = desk.service.page("/collections").await.json();
    let ids = all["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"]);
    assert_eq!(
        ids.filter(|id| **id == json!(format!("analysis-{revision}")))
            .count(),
        1
    );
    assert!(desk.service.page("/api").await.json()["paths"][format!("{kept}/items")].is_object());
    assert_eq!(
        desk.service.page("/jobs").await.json()["jobs"],
        json!([]),
        "nobody made a job"
    );
}

#[tokio::test]
async fn a_job_is_remembered_listed_and_dismissed() {
    let (folder, desk) = desk();
    let made = desk.post(&titled("a"), "respond-async").await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("preference-applied"), "respond-async");
    let job = path(made.header("location"));
    let id = made.json()["jobID"].as_str().unwrap().to_owned();
    assert_eq!(job, format!("/jobs/{id}"));
    let known = Store::open(&folder.path().join("s.gpkg"))
        .unwrap()
        .jobs()
        .unwrap();
    assert_eq!(known[0].id, id, "before the client is told");
    let info = desk.until(&job, "successful").await;
    assert_eq!(
        (&info["progress"], &info["type"]),
        (&json!(100), &json!("process"))
    );
    for time in ["created", "started", "finished", "updated"] {
        assert!(info[time].is_string(), "{time}");
    }
    let results = desk.service.page(&format!("{job}/results")).await;
    assert_eq!(results.json()["features"].as_array().unwrap().len(), 12);
    let again = [("if-none-match", results.header("etag"))];
    let again = desk
        .service
        .send(Method::GET, &format!("{job}/results"), &again)
        .await;
    assert_eq!(again.status, 304);
    let page = desk.service.page(&format!("{job}/results?f=html")).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(
        desk.service.page(&format!("{job}?f=html")).await.status,
        200
    );

    let other = desk.job("b").await;
    desk.until(&other, "successful").await;
    for (query, found) in [
        ("", 2),
        ("?status=successful", 2),
        ("?status=failed,dismissed", 0),
        ("?type=process&processID=analyse,other", 2),
        ("?processID=other", 0),
        ("?datetime=2020-01-01T00:00:00Z/..", 2),
        ("?datetime=../2020-01-01T00:00:00Z", 0),
        ("?maxDuration=600", 2),
        ("?minDuration=600", 0),
    ] {
        let list = desk.service.page(&format!("/jobs{query}")).await.json();
        assert_eq!(list["numberMatched"], found, "{query}");
    }
    let first = desk.service.page("/jobs?limit=1").await;
    let latest = first.json()["jobs"][0]["jobID"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(format!("/jobs/{latest}"), other);
    let second = desk.service.page(&first.link("next").unwrap()).await;
    assert_eq!(second.json()["jobs"][0]["jobID"], id);
    assert_eq!(second.link("next"), None);
    for (query, parameter) in [
        ("status=done", "status"),
        ("type=wps", "type"),
        ("datetime=now", "datetime"),
        ("minDuration=-1", "minDuration"),
        ("limit=0", "limit"),
    ] {
        let refused = desk.service.refusal(&format!("/jobs?{query}")).await;
        assert_eq!(refused, (400, "invalid-parameter".into(), parameter.into()));
    }

    let kept = path(info["collection"].as_str().unwrap());
    assert_eq!(desk.service.get(&kept).await.status, 200);
    let dismissed = desk.delete(&job).await;
    assert_eq!(
        (dismissed.status.as_u16(), &dismissed.json()["status"]),
        (200, &json!("dismissed"))
    );
    assert_eq!(
        code(&desk.service.get(&format!("{job}/results")).await),
        (410, "result-gone".into())
    );
    assert_eq!(
        code(&desk.service.get(&kept).await),
        (404, "analysis-gone".into())
    );
    assert_eq!(
        desk.delete(&job).await.status,
        200,
        "twice is as good as once"
    );
    assert_eq!(
        code(&desk.delete("/jobs/none").await),
        (404, "job-not-found".into())
    );
    assert_eq!(
        desk.service.page("/jobs?status=dismissed").await.json()["numberMatched"],
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_called_off_and_the_next_takes_its_turn() {
    let (_folder, desk) = desk();
    let job = desk.job("slow").await;
    desk.until(&job, "running").await;
    assert_eq!(
        code(&desk.service.get(&format!("{job}/results")).await),
        (404, "result-not-ready".into())
    );
    let waiting = desk.job("a").await;
    assert_eq!(
        desk.service.page(&waiting).await.json()["status"],
        "accepted"
    );
    assert_eq!(desk.delete(&job).await.json()["status"], "dismissed");
    desk.until(&waiting, "successful").await;
    assert_eq!(desk.service.page(&job).await.json()["status"], "dismissed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_for_the_same_run_share_a_computation() {
    let folder = TempDir::new().unwrap();
    let limits = AnalysisLimits {
        workers: 2,
        ..usual()
    };
    let desk = Desk::new(&store(folder.path()), limits);
    let (first, second) = tokio::join!(desk.job("slow"), desk.job("slow"));
    desk.until(&first, "running").await;
    desk.until(&second, "running").await;
    assert_ne!(first, second);
    let run = |info: Json| info["run"].as_str().unwrap().to_owned();
    let of_first = run(desk.service.page(&first).await.json());
    assert_eq!(of_first, run(desk.service.page(&second).await.json()));
    // The other still wants it.
    desk.delete(&first).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(desk.service.page(&second).await.json()["status"], "running");
    assert_eq!(desk.computed.load(Ordering::SeqCst), 1);
    desk.delete(&second).await;

    let body = titled("a");
    let answers = tokio::join!(
        desk.post(&body, ""),
        desk.post(&body, ""),
        desk.post(&body, "")
    );
    for answer in [answers.0, answers.1, answers.2] {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(desk.computed.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_method_that_panics_fails_its_job_and_nothing_else() {
    let (_folder, desk) = desk();
    let job = desk.job("broken").await;
    let info = desk.until(&job, "failed").await;
    assert_eq!(info["code"], "internal-error");
    assert!(!info.to_string().contains("a fault in a method"));
    let answer = desk.service.get(&format!("{job}/results")).await;
    assert_eq!(code(&answer), (500, "analysis-failed".into()));
    assert_eq!(code(&desk.post(&titled("broken"), "").await).0, 500);
    assert_eq!(desk.post(&titled("a"), "").await.status, 200);
}

#[tokio::test]
async fn what_the_data_do_not_allow_is_refused_with_its_cause() {
    let (_folder, desk) = desk();
    let nowhere = r#"{"select": {"area": "nowhere"}, "method": {"name": "knox"}}"#;
    for prefer in ["", "respond-async"] {
        let refused = desk.post(nowhere, prefer).await;
        assert_eq!(code(&refused), (400, "analysis-failed".into()));
        assert_eq!(refused.json()["cause"], "unknown_area");
    }
    // Only the run itself finds out.
    let late = r#"{"title": "real", "select": {"area": "A"},
        "method": {"name": "repeat_locations"}, "hotspots": {"share_of_area": 0.1}}"#;
    let job = path(desk.post(late, "respond-async").await.header("location"));
    let info = desk.until(&job, "failed").await;
    let answer = desk.service.get(&format!("{job}/results")).await;
    assert_eq!(code(&answer), (400, "analysis-failed".into()));
    assert_eq!(
        (&answer.json()["cause"], &answer.json()["detail"]),
        (&info["code"], &info["message"])
    );
}

#[tokio::test]
async fn names_stay_short() {
    let (_folder, desk) = desk();
    for member in ["title", "marking"] {
        let long = format!(
            r#"{{"{member}": "{}", "method": {{"name": "concentration"}}}}"#,
            "x".repeat(201)
        );
        let refused = desk.post(&long, "").await;
        assert_eq!(code(&refused), (400, "invalid-request".into()));
        assert!(refused.json()["detail"].to_string().contains(member));
    }
}

#[tokio::test]
async fn limits_say_which_and_by_how_much() {
    let folder = TempDir::new().unwrap();
    let limits = AnalysisLimits {
        max_area_km2: 50,
        max_cells: 5_000,
        max_replicates: 99,
        max_incidents: 9,
        ..usual()
    };
    let store = store(folder.path());
    let desk = Desk::new(&store, limits.clone());
    let all = Desk::new(
        &store,
        AnalysisLimits {
            max_area_km2: 100,
            max_incidents: 10,
            ..limits
        },
    );
    for (desk, request, limit, allowed) in [
        (
            &desk,
            r#"{"select": {"area": "A"}, "method": {"name": "repeat_locations"}}"#,
            "area_km2",
            50.0,
        ),
        (
            &desk,
            r#"{"method": {"name": "repeat_locations"}}"#,
            "incidents",
            9.0,
        ),
        (
            &all,
            r#"{"select": {"area": "A"}, "method": {"name": "kernel_density", "h3_resolution": 11}}"#,
            "cells",
            5_000.0,
        ),
        (
            &all,
            r#"{"select": {"area": "A"}, "method": {"name": "knox", "replicates": 999}}"#,
            "replicates",
            99.0,
        ),
    ] {
        for prefer in ["", "respond-async"] {
            let refused = desk.post(request, prefer).await;
            assert_eq!(code(&refused), (403, "limit-exceeded".into()), "{request}");
            let problem = refused.json();
            assert_eq!(
                (&problem["limit"], problem["allowed"].as_f64()),
                (&json!(limit), Some(allowed))
            );
            assert!(
                problem["requested"].as_f64().unwrap() > allowed,
                "{problem}"
            );
        }
    }
    let allowed =
        r#"{"select": {"area": "A"}, "method": {"name": "kernel_density", "h3_resolution": 8}}"#;
    assert_eq!(all.post(allowed, "").await.status, 200);
    assert_eq!(desk.service.page("/jobs").await.json()["numberMatched"], 0);
    let told = all.service.page("/processes/analyse").await.json();
    let told = &told["additionalParameters"]["parameters"][0];
    assert_eq!(told["value"][0]["cells"], 5000, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_kept_waiting_for_ever() {
    let folder = TempDir::new().unwrap();
    let short = AnalysisLimits {
        max_wait: Duration::from_millis(300),
        ..usual()
    };
    let desk = Desk::new(&store(folder.path()), short);
    let slow = desk.post(&titled("slow"), "").await;
    assert_eq!(code(&slow), (403, "too-slow".into()));
    let problem = slow.json();
    assert_eq!(
        (&problem["limit"], &problem["allowed"]),
        (&json!("wait_seconds"), &json!(0.3))
    );
    // What nobody waits for any more has made room.
    let patient = desk.post(&titled("slow"), "respond-async, wait=0").await;
    assert_eq!(patient.status, 201);
    assert_eq!(patient.header("preference-applied"), "respond-async");
    let job = path(patient.header("location"));
    desk.until(&job, "running").await;
    assert_eq!(desk.delete(&job).await.status, 200);
    let quick = desk.job("a").await;
    desk.until(&quick, "successful").await;
    let at_once = desk.post(&titled("a"), "respond-async, wait=1").await;
    assert_eq!(at_once.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_computation_goes_on_for_ever() {
    let folder = TempDir::new().unwrap();
    let short = AnalysisLimits {
        max_run: Duration::from_millis(200),
        ..usual()
    };
    let desk = Desk::new(&store(folder.path()), short);
    let job = desk.job("slow").await;
    let info = desk.until(&job, "failed").await;
    assert_eq!(info["code"], "time-limit");
    let answer = desk.service.get(&format!("{job}/results")).await;
    assert_eq!(code(&answer), (403, "analysis-failed".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_takes_no_more() {
    let folder = TempDir::new().unwrap();
    let short = AnalysisLimits {
        queue: 1,
        ..usual()
    };
    let desk = Desk::new(&store(folder.path()), short);
    let job = desk.job("slow").await;
    desk.until(&job, "running").await;
    let second = desk.job("a").await;
    for prefer in ["", "respond-async"] {
        let full = desk.post(&titled("b"), prefer).await;
        assert_eq!(code(&full), (503, "queue-full".into()));
        let problem = full.json();
        assert_eq!(
            (&problem["limit"], &problem["allowed"]),
            (&json!("jobs"), &json!(2))
        );
        assert_eq!(full.header("retry-after"), "10");
    }
    desk.delete(&job).await;
    desk.until(&second, "successful").await;
}

#[tokio::test]
async fn bodies_are_checked_before_they_are_read() {
    let folder = TempDir::new().unwrap();
    let limits = Limits {
        max_body: 200,
        analyses: usual(),
        ..Limits::default()
    };
    let desk = Desk::within(&store(folder.path()), limits);
    let send = async |media: &str, body: &str| {
        let headers = [("content-type", media)];
        let body = body.as_bytes().to_vec();
        desk.service
            .send_with(Method::POST, EXECUTION, &headers, body)
            .await
    };
    let good = titled("a");
    for media in [
        "",
        "text/plain",
        "application/geo+json",
        "application/jsonp",
    ] {
        assert_eq!(
            code(&send(media, &good).await),
            (415, "unsupported-media-type".into()),
            "{media}"
        );
    }
    assert_eq!(
        send("Application/JSON; charset=utf-8", &good).await.status,
        200
    );
    let large = send("application/json", &format!("{good}{}", " ".repeat(200))).await;
    assert_eq!(code(&large), (413, "body-too-large".into()));
    let broken = send("application/json", "{\n  \"method\": oops}").await;
    assert_eq!(code(&broken), (400, "malformed-json".into()));
    assert_eq!(
        (&broken.json()["line"], &broken.json()["column"]),
        (&json!(2), &json!(13))
    );
    let unknown = r#"{"method": {"name": "knox"}, "slect": {}}"#;
    let refused = send("application/json", unknown).await;
    assert_eq!(code(&refused), (400, "invalid-request".into()));
    let words = isopleth_io::read_request(unknown, false).unwrap_err();
    assert_eq!(
        refused.json()["detail"],
        words,
        "the words of the command line"
    );
    let target = format!("{EXECUTION}?f=json");
    let headers = [("content-type", "application/json")];
    let odd = desk
        .service
        .send_with(Method::POST, &target, &headers, good.into())
        .await;
    assert_eq!(code(&odd), (400, "unknown-parameter".into()));
}

#[tokio::test]
async fn the_oldest_results_and_jobs_go_first() {
    let folder = TempDir::new().unwrap();
    let limits = AnalysisLimits {
        kept_analyses: 2,
        kept_jobs: 3,
        ..usual()
    };
    let path_of_store = store(folder.path());
    let desk = Desk::new(&path_of_store, limits);
    let mut jobs = Vec::new();
    for title in ["a", "b", "c"] {
        jobs.push(desk.job(title).await);
        desk.until(&jobs[jobs.len() - 1], "successful").await;
    }
    let gone = desk.service.get(&format!("{}/results", jobs[0])).await;
    assert_eq!(code(&gone), (410, "result-gone".into()));
    assert_eq!(
        desk.service
            .get(&format!("{}/results", jobs[1]))
            .await
            .status,
        200
    );
    let known = Store::open(&path_of_store).unwrap();
    assert_eq!(known.analyses().unwrap().len(), 2);
    jobs.push(desk.job("d").await);
    desk.until(&jobs[3], "successful").await;
    for _ in 0..500 {
        if desk.service.get(&jobs[0]).await.status == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        code(&desk.service.get(&jobs[0]).await),
        (404, "job-not-found".into())
    );
    assert_eq!(desk.service.page("/jobs").await.json()["numberMatched"], 3);
    assert_eq!(known.jobs().unwrap().len(), 3);

    // Those whose time is up when the service starts are gone, too.
    drop(desk);
    let old = AnalysisLimits {
        kept_for: Duration::ZERO,
        ..usual()
    };
    tokio::time::sleep(Duration::from_millis(5)).await;
    let desk = Desk::new(&path_of_store, old);
    assert_eq!(known.analyses().unwrap(), []);
    assert_eq!(desk.service.page("/jobs").await.json()["numberMatched"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_takes_up_what_the_last_one_left() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    let desk = Desk::new(&store, usual());
    let done = desk.job("a").await;
    desk.until(&done, "successful").await;
    let (running, waiting) = (desk.job("slow").await, desk.job("b").await);
    desk.until(&running, "running").await;
    for _ in 0..500 {
        let jobs = Store::open(&store).unwrap().jobs().unwrap();
        if jobs.iter().any(|j| j.status == JobStatus::Running) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(desk);

    let desk = Desk::new(&store, usual());
    let results = desk.service.page(&format!("{done}/results")).await;
    assert_eq!(results.json()["features"].as_array().unwrap().len(), 12);
    let info = desk.service.page(&done).await.json();
    let kept = path(info["collection"].as_str().unwrap());
    assert_eq!(
        desk.service
            .page(&format!("{kept}/items"))
            .await
            .ids()
            .len(),
        10
    );
    desk.until(&running, "running").await;
    assert_eq!(desk.delete(&running).await.status, 200);
    desk.until(&waiting, "successful").await;
    assert_eq!(
        desk.computed.load(Ordering::SeqCst),
        2,
        "what is kept is not computed again"
    );
    drop(desk);

    // One that ended the service twice is not tried a third time, nor one that cannot be read.
    let mut open = Store::open(&store).unwrap();
    let of = |id: &str, request: &str| JobRecord {
        id: id.into(),
        run: "r".into(),
        request: request.into(),
        answer: "raw value".into(),
        status: JobStatus::Running,
        code: Some("resumed".into()),
        message: String::new(),
        progress: 0,
        created: 1,
        started: Some(1),
        finished: None,
        updated: 1,
    };
    open.put_jobs(&[of("twice", &titled("c")), of("unreadable", "{}")], None)
        .unwrap();
    let desk = Desk::new(&store, usual());
    for (job, reason) in [("twice", "interrupted"), ("unreadable", "invalid-request")] {
        let info = desk.service.page(&format!("/jobs/{job}")).await.json();
        assert_eq!(
            (&info["status"], &info["code"]),
            (&json!("failed"), &json!(reason))
        );
    }
    assert_eq!(desk.computed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_service_without_a_store_says_so() {
    let service = Service::new();
    let headers = [("content-type", "application/json")];
    let refused = service
        .send_with(Method::POST, EXECUTION, &headers, titled("a").into())
        .await;
    assert_eq!(code(&refused), (503, "store-unavailable".into()));
    assert_eq!(service.page("/jobs").await.json()["jobs"], json!([]));
    let missing = service.get("/jobs/none").await;
    assert_eq!(code(&missing), (404, "job-not-found".into()));
}
