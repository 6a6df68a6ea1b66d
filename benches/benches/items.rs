//! Pages of items out of the router, without a socket: a surface of H3 cells as the layer.

use axum::body::{Body, to_bytes};
use axum::http::{Request as HttpRequest, StatusCode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isopleth_api::{AppState, Limits, router};
use isopleth_benches::{generate, sizes};
use isopleth_core::Request;
use tower::ServiceExt;

const PAGES: [(&str, &str); 3] = [
    ("limit_10", "limit=10"),
    ("limit_1000", "limit=1000"),
    ("bbox", "limit=1000&bbox=-0.15,51.49,-0.10,51.53"),
];

fn items(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let request = Request::from_json(
        r#"{ "select": { "area": "BENCH" },
             "method": { "name": "kernel_density", "bandwidth_m": 300, "h3_resolution": 10 } }"#,
    )
    .expect("a request");
    let mut group = c.benchmark_group("items");
    for n in sizes() {
        let snapshot = generate::snapshot(n);
        let layer = isopleth_io::analyse(&snapshot, &request).expect("a layer");
        let state = AppState::new(Limits::default()).expect("a state");
        state.publish(vec![("surface".into(), "bench".into(), layer)], &[], &[]);
        let service = router(state);
        for (name, query) in PAGES {
            let get = || {
                let uri = format!("/collections/surface/items?{query}");
                let request = HttpRequest::get(uri).header("host", "localhost");
                let request = request.body(Body::empty()).expect("an HTTP request");
                let service = service.clone();
                runtime.block_on(async {
                    let answer = service.oneshot(request).await.expect("an answer");
                    assert_eq!(answer.status(), StatusCode::OK);
                    to_bytes(answer.into_body(), usize::MAX)
                        .await
                        .expect("a body")
                })
            };
            group.throughput(Throughput::Bytes(get().len() as u64));
            group.bench_function(format!("{name}/{n}"), |b| b.iter(get));
        }
    }
    group.finish();
}

criterion_group!(benches, items);
criterion_main!(benches);
