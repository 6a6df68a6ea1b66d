//! What whoever runs the service relies on: proxies, other origins, limits, problems, metrics,
//! changes of the configuration, drain.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use isopleth_api::{Config, Limits, PROBLEM_KINDS, ROUTES, ServeError, Server, bind, bind_metrics};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::fixture::{Answer, Service, example};
use crate::start;

const PAGE: &str = "/collections/hotspots/items?limit=1";

/// Targets of all kinds, with the addresses that the documents hold.
fn targets() -> Vec<String> {
    let fixed = ROUTES.iter().map(|(p, _)| example(p));
    fixed
        .chain([PAGE.to_owned(), "/nowhere".to_owned()])
        .collect()
}

/// Every address of this service in a document.
fn addresses(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Array(list) => {
            let texts = list.iter().filter_map(Json::as_str);
            found.extend(texts.filter(|t| t.contains("://")).map(str::to_owned));
            list.iter().for_each(|v| addresses(v, found));
        }
        Json::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text)
                        if ["href", "url", "type"].contains(&name.as_str())
                            && text.contains("://") =>
                    {
                        found.push(text.to_owned());
                    }
                    _ => addresses(member, found),
                }
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn behind_a_proxy_every_link_is_the_public_one() {
    let service = Service::configured(|c| c.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]);
    let headers = [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "maps.example.org"),
        ("x-forwarded-prefix", "/isopleth"),
    ];
    let ask = async |peer: &'static str, target: String| {
        service
            .send_from(Some(peer), Method::GET, &target, &headers, "")
            .await
    };
    for target in targets() {
        let answer = ask("10.0.0.1", target.clone()).await;
        let mut found = Vec::new();
        let json = answer.header("content-type").contains("json");
        if json {
            addresses(&answer.json(), &mut found);
        }
        let links = answer.headers.get_all("link").iter();
        found.extend(links.map(|l| l.to_str().unwrap().trim_start_matches('<').to_owned()));
        assert!(
            !found.is_empty() || target.ends_with('z') || !json,
            "{target}"
        );
        for address in found.iter().filter(|a| !a.contains("opengis.net")) {
            let own = address.starts_with("https://maps.example.org/isopleth");
            assert!(
                own || address.starts_with("https://spdx.org")
                    || address.starts_with("https://json-schema.org"),
                "{target}: {address}"
            );
        }
        // Others cannot put their own address there.
        let stranger = ask("192.0.2.66", target.clone()).await;
        let text = String::from_utf8_lossy(&stranger.body).into_owned();
        assert!(!text.contains("maps.example.org/isopleth"), "{target}");
    }
}

#[tokio::test]
async fn only_allowed_hosts_are_answered() {
    let service = Service::configured(|c| c.allowed_hosts = vec!["Maps.test".into()]);
    assert_eq!(service.get("/").await.status, StatusCode::OK);
    let other = [("host", "other.test")];
    let refused = service.send(Method::GET, "/", &other).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["code"], "host-not-allowed");
    // Whoever watches the process knows its address only.
    let watched = service.send(Method::GET, "/healthz", &other).await;
    assert_eq!(watched.status, StatusCode::OK);
}

fn count(answer: &Answer, name: &str) -> usize {
    answer.headers.get_all(name).iter().count()
}

fn varies_by_origin(answer: &Answer) -> bool {
    let values = answer.headers.get_all("vary").iter();
    values
        .flat_map(|v| v.to_str().unwrap().split(','))
        .any(|v| v.trim().eq_ignore_ascii_case("origin"))
}

#[tokio::test]
async fn pages_of_any_origin_may_read() {
    let service = Service::new();
    let origin = ("origin", "https://a.example");
    for target in [PAGE, "/", "/nowhere", "/collections/none"] {
        for method in [Method::GET, Method::HEAD] {
            let answer = service.send(method, target, &[origin]).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                "*",
                "{target}"
            );
            assert_eq!(count(&answer, "access-control-allow-origin"), 1);
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            let exposed = answer.header("access-control-expose-headers");
            for header in [
                "content-crs",
                "etag",
                "link",
                "ogc-numbermatched",
                "retry-after",
            ] {
                assert!(exposed.contains(header), "{exposed}");
            }
            assert!(!varies_by_origin(&answer), "{target}");
        }
    }
    let preflight = [origin, ("access-control-request-method", "GET")];
    let answer = service.send(Method::OPTIONS, PAGE, &preflight).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,HEAD");
    assert!(
        answer
            .header("access-control-allow-headers")
            .contains("if-none-match")
    );
    assert_eq!(answer.header("access-control-max-age"), "86400");
    assert!(answer.body.is_empty());
    // A plain OPTIONS asks for the methods.
    let plain = service.send(Method::OPTIONS, PAGE, &[origin]).await;
    assert_eq!(plain.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn named_origins_may_read_and_others_may_not() {
    let own = "https://maps.example.org";
    let service = Service::configured(|c| {
        c.allowed_origins = vec![own.into(), "http://localhost:3000".into()];
    });
    for (origin, told) in [
        (own, own),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://a.example", ""),
        ("https://maps.example.org.evil.example", ""),
        ("null", ""),
    ] {
        let answer = service.send(Method::GET, PAGE, &[("origin", origin)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            told,
            "{origin}"
        );
        assert!(varies_by_origin(&answer), "{origin}");
    }
    assert!(varies_by_origin(&service.get(PAGE).await));
    let none = Service::configured(|c| c.allowed_origins.clear());
    let answer = none.send(Method::GET, PAGE, &[("origin", own)]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn who_sends_too_much_is_told_to_wait() {
    let service = Service::configured(|c| {
        (c.limits.rate_per_minute, c.limits.rate_burst) = (1, 2);
        c.trusted_proxies = vec!["10.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    });
    let ask = async |peer: &'static str, target: &'static str, headers: &[(&str, &str)]| {
        service
            .send_from(Some(peer), Method::GET, target, headers, "")
            .await
    };
    for left in [1, 0] {
        let answer = ask("192.0.2.1", PAGE, &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"client\";q=2;w=120");
        let standing = answer.header("ratelimit").to_owned();
        assert!(
            standing.starts_with(&format!("\"client\";r={left};t=")),
            "{standing}"
        );
    }
    let refused = ask("192.0.2.1", PAGE, &[("origin", "https://a.example")]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["code"], "rate-limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    // Those who watch, and preflights, are let through; other clients have buckets of their own.
    for watched in ["/healthz", "/readyz"] {
        assert_eq!(ask("192.0.2.1", watched, &[]).await.status, StatusCode::OK);
    }
    assert_eq!(ask("192.0.2.2", PAGE, &[]).await.status, StatusCode::OK);
    // Behind the proxy each client counts for itself, whatever it claims to be.
    for n in 0..4 {
        let claim = format!("198.51.100.{n}, 203.0.113.9");
        let answer = ask("10.0.0.1", PAGE, &[("x-forwarded-for", &claim)]).await;
        let expected = if n < 2 { 200 } else { 429 };
        assert_eq!(answer.status, expected, "{n}");
    }
    // A change of something else does not fill the buckets; one of the rate does.
    let mut config = Config::new("none.gpkg".into());
    (config.limits.rate_per_minute, config.limits.rate_burst) = (1, 2);
    service.state.apply(&config).unwrap();
    assert_eq!(ask("192.0.2.1", PAGE, &[]).await.status, 429);
    config.limits.rate_per_minute = 0;
    service.state.apply(&config).unwrap();
    let free = ask("192.0.2.1", PAGE, &[]).await;
    assert_eq!(
        (free.status, free.header("ratelimit")),
        (StatusCode::OK, "")
    );
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let service = Service::configured(|c| c.limits.max_body = 10);
    let long = format!("/?f={}", "x".repeat(9000));
    let answer = service.get(&long).await;
    assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
    assert_eq!(answer.json()["code"], "uri-too-long");
    let fat = "x".repeat(40_000);
    let answer = service.send(Method::GET, "/", &[("cookie", &fat)]).await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(answer.json()["code"], "headers-too-large");
    let send = async |headers: &[(&str, &str)], body| {
        service
            .send_from(None, Method::POST, "/", headers, body)
            .await
    };
    for (headers, body, status) in [
        (&[][..], "0123456789", StatusCode::METHOD_NOT_ALLOWED),
        (&[], "0123456789x", StatusCode::PAYLOAD_TOO_LARGE),
        (
            &[("content-length", "11")],
            "",
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            &[("content-encoding", "gzip")],
            "x",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            &[("content-encoding", "identity")],
            "x",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
    ] {
        let answer = send(headers, body).await;
        assert_eq!(answer.status, status, "{headers:?} {body}");
    }
}

#[tokio::test]
async fn answers_that_take_too_long_and_crowds_are_refused() {
    let service = Service::starting(Limits {
        request_timeout: Duration::from_millis(50),
        max_requests: 1,
        ..Limits::default()
    });
    let (slow, (crowd, watched)) = tokio::join!(service.get("/collections"), async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        (service.get("/").await, service.get("/healthz").await)
    });
    assert_eq!(slow.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(slow.json()["code"], "timed-out");
    assert_eq!(crowd.json()["code"], "busy");
    assert_eq!(crowd.header("retry-after"), "1");
    assert_eq!(watched.status, StatusCode::OK);
    assert_eq!(service.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_problem_explains_itself() {
    let service = Service::new();
    let listed = service.page("/problems").await.json();
    assert_eq!(
        listed["problems"].as_array().unwrap().len(),
        PROBLEM_KINDS.len()
    );
    for target in ["/nowhere", "/?x=1", "/collections/none", "/problems/none"] {
        let problem = service.get(target).await.json();
        let about = problem["type"].as_str().unwrap();
        let path = about.strip_prefix(crate::fixture::BASE).unwrap();
        let kind = service.page(path).await.json();
        assert_eq!(
            (&kind["code"], &kind["status"]),
            (&problem["code"], &problem["status"])
        );
        assert_eq!(kind["type"], about);
    }
    for kind in PROBLEM_KINDS {
        let target = format!("/problems/{}", kind.code);
        assert_eq!(service.page(&target).await.json()["remedy"], kind.remedy);
        let page = service.page(&format!("{target}?f=html")).await;
        let text = String::from_utf8(page.body).unwrap();
        assert!(
            text.contains(kind.code) && text.contains("</html>"),
            "{text}"
        );
    }
    // HEAD says the same without the body.
    let head = service.send(Method::HEAD, "/nowhere", &[]).await;
    assert_eq!(head.status, StatusCode::NOT_FOUND);
    assert_eq!(head.header("content-type"), "application/problem+json");
}

/// A service on sockets, with metrics, whose configuration can be changed.
struct Running {
    address: SocketAddr,
    metrics: SocketAddr,
    config: Config,
    changes: mpsc::Sender<Result<Config, String>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    async fn start(change: impl FnOnce(&mut Config), folder: &TempDir) -> Self {
        let mut config = start::config(folder);
        config.metrics_bind = Some("127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let listener = bind(&config).await.unwrap();
        let apart = bind_metrics(&config).await.unwrap().unwrap();
        let (address, metrics) = (listener.local_addr().unwrap(), apart.local_addr().unwrap());
        let (changes, receiver) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        let server = Server::new(config.clone(), listener)
            .with_metrics(Some(apart))
            .following(receiver);
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let running = Self {
            address,
            metrics,
            config,
            changes,
            stop: Some(stop),
            task,
        };
        running.until("/readyz", |status, _| status == 200).await;
        running
    }

    async fn change(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.changes.send(Ok(self.config.clone())).await.unwrap();
    }

    async fn until(&self, target: &str, wanted: impl Fn(u16, &str) -> bool) -> String {
        for _ in 0..500 {
            let (status, body) = get(self.address, target).await;
            if wanted(status, &body) {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{target}: {:?}", get(self.address, target).await);
    }

    async fn metrics(&self) -> String {
        let (status, body) = get(self.metrics, "/metrics").await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// A metric by its name and labels.
    async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics().await;
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    async fn finish(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

async fn get(address: SocketAddr, target: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Asks over a connection that is kept.
async fn ask(stream: &mut TcpStream, target: &str) -> (u16, String) {
    let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut answer, mut buffer) = (String::new(), [0; 4096]);
    loop {
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            if body.len() == length.map_or(0, |n| n.parse().unwrap()) {
                return (head[9..12].parse().unwrap(), body.to_owned());
            }
        }
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "the connection was closed: {answer}");
        answer += std::str::from_utf8(&buffer[..n]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_without_telling_who_asked_for_what() {
    let folder = TempDir::new().unwrap();
    let (_store, _) = start::store(folder.path());
    let running = Running::start(|_| {}, &folder).await;
    for target in [
        "/collections/pinned/items?limit=3",
        "/collections/pinned/items",
        "/secret",
    ] {
        get(running.address, target).await;
    }
    for (metric, value) in [
        (
            r#"isopleth_http_requests_total{route="/collections/{collectionId}/items",method="GET",status="200"}"#,
            2.0,
        ),
        (
            r#"isopleth_http_requests_total{route="none",method="GET",status="404"}"#,
            1.0,
        ),
        (
            r#"isopleth_http_problems_total{code="path-not-found"}"#,
            1.0,
        ),
        (
            r#"isopleth_http_request_duration_seconds_count{route="/collections/{collectionId}/items"}"#,
            2.0,
        ),
        ("isopleth_collections", 2.0),
        ("isopleth_features", 26.0),
        ("isopleth_layers_failed", 0.0),
        ("isopleth_ready", 1.0),
        (r#"isopleth_refreshes_total{outcome="ok"}"#, 1.0),
        ("isopleth_refresh_duration_seconds_count", 1.0),
    ] {
        assert_eq!(running.metric(metric).await, Some(value), "{metric}");
    }
    let route = r#"{route="/collections/{collectionId}/items"}"#;
    let sent = format!("isopleth_http_response_size_bytes_total{route}");
    assert!(running.metric(&sent).await.unwrap() > 1000.0);
    let text = running.metrics().await;
    assert!(!text.contains("pinned") && !text.contains("secret") && !text.contains("limit"));
    assert!(text.ends_with("# EOF\n"));
    if cfg!(target_os = "linux") {
        for metric in [
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_cpu_seconds_total",
        ] {
            assert!(
                running.metric(metric).await.is_some_and(|v| v >= 0.0),
                "{metric}"
            );
        }
    }
    // Metrics are apart from the data, and the data are not with the metrics.
    assert_eq!(get(running.address, "/metrics").await.0, 404);
    assert_eq!(get(running.metrics, "/collections").await.0, 404);
    assert_eq!(get(running.metrics, "/healthz").await.0, 200);
    assert_eq!(get(running.metrics, "/readyz").await.0, 200);
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_configuration_is_followed_over_open_connections() {
    let folder = TempDir::new().unwrap();
    let (_store, _) = start::store(folder.path());
    let mut running = Running::start(|_| {}, &folder).await;
    let mut kept = TcpStream::connect(running.address).await.unwrap();
    let target = "/collections/pinned/items?limit=20";
    let returned =
        |body: &str| serde_json::from_str::<Json>(body).unwrap()["numberReturned"].clone();
    assert_eq!(returned(&ask(&mut kept, target).await.1), 20);

    running
        .change(|c| {
            (c.limits.default_limit, c.limits.max_limit) = (5, 7);
            c.public_base_url = Some("https://maps.example.org".into());
            c.bind = "127.0.0.1:1".parse().unwrap();
        })
        .await;
    running.until(target, |_, body| returned(body) == 7).await;
    let (status, body) = ask(&mut kept, target).await;
    assert_eq!((status, returned(&body)), (200, Json::from(7)));
    assert!(body.contains("https://maps.example.org/collections/pinned/items"));
    let definition = running.until("/api", |status, _| status == 200).await;
    let definition: Json = serde_json::from_str(&definition).unwrap();
    let limit = &definition["components"]["parameters"]["limit"]["schema"];
    assert_eq!(
        (&limit["maximum"], &limit["default"]),
        (&Json::from(7), &Json::from(5))
    );

    // What cannot be read or followed changes nothing.
    running
        .changes
        .send(Err("line 3: no".into()))
        .await
        .unwrap();
    running.change(|c| c.limits.max_requests = 0).await;
    let failed = r#"isopleth_configuration_reloads_total{outcome="failed"}"#;
    for _ in 0..500 {
        if running.metric(failed).await == Some(2.0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(running.metric(failed).await, Some(2.0));
    assert_eq!(returned(&ask(&mut kept, target).await.1), 7);
    drop(kept);
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_for_connections_follows_the_configuration() {
    let folder = TempDir::new().unwrap();
    let (_store, _) = start::store(folder.path());
    let mut running = Running::start(|c| c.limits.max_connections = 1, &folder).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(ask(&mut first, "/healthz").await.0, 200);
    // There is room for no other, until there is.
    running.change(|c| c.limits.max_connections = 3).await;
    let mut second = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(ask(&mut second, "/healthz").await.0, 200);
    assert_eq!(ask(&mut first, "/healthz").await.0, 200);
    drop((first, second));
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_drains_the_service_answers_but_is_not_ready() {
    let folder = TempDir::new().unwrap();
    let (_store, _) = start::store(folder.path());
    let change = |c: &mut Config| c.limits.drain_delay = Duration::from_millis(500);
    let mut running = Running::start(change, &folder).await;
    running.stop.take().unwrap().send(()).unwrap();
    let problem = running.until("/readyz", |status, _| status == 503).await;
    assert!(problem.contains("\"draining\""), "{problem}");
    assert_eq!(get(running.address, "/healthz").await.0, 200);
    assert_eq!(get(running.address, "/collections").await.0, 200);
    running.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let (_store, _) = start::store(folder.path());
    let change = |c: &mut Config| c.limits.write_timeout = Duration::from_millis(200);
    let running = Running::start(change, &folder).await;
    let mut deaf = TcpStream::connect(running.address).await.unwrap();
    // More answers than any buffer between the two takes.
    let ask = "GET /api HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2000);
    let asking = tokio::spawn(async move {
        let _ = deaf.write_all(ask.as_bytes()).await;
        deaf
    });
    let open = "isopleth_http_connections";
    let mut seen = false;
    for _ in 0..1500 {
        let count = running.metric(open).await.unwrap();
        seen |= count == 1.0;
        if seen && count == 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(seen, "the connection was never counted");
    assert_eq!(running.metric(open).await, Some(0.0), "it is still held");
    drop(asking.await.unwrap());
    running.finish().await;
}
