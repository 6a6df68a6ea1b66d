//! Paging, and what a new run in its middle does to it.

use axum::http::StatusCode;

use crate::fixture::{Answer, Service};

/// Follows `next` to the end.
async fn walk(service: &Service, first: Answer) -> Vec<Answer> {
    let mut pages = vec![first];
    while let Some(next) = pages.last().unwrap().link("next") {
        pages.push(service.page(&next).await);
    }
    pages
}

fn all_ids(pages: &[Answer]) -> Vec<String> {
    pages.iter().flat_map(Answer::ids).collect()
}

fn expected(run: &str, count: u32) -> Vec<String> {
    (1..=count).map(|n| format!("{run}-{n}")).collect()
}

#[tokio::test]
async fn pages_hold_every_feature_once_and_in_order() {
    let service = Service::new();
    for (query, pages) in [
        ("", 3),
        ("?limit=1", 25),
        ("?limit=5", 5),
        ("?limit=25", 1),
        ("?limit=24", 2),
    ] {
        let first = service
            .page(&format!("/collections/hotspots/items{query}"))
            .await;
        let walked = walk(&service, first).await;
        assert_eq!(all_ids(&walked), expected("run-1", 25), "{query}");
        assert_eq!(walked.len(), pages, "{query}: no page too many");
        assert!(
            walked.iter().all(|p| p.json()["numberMatched"] == 25),
            "{query}"
        );
    }
}

#[tokio::test]
async fn selections_page_like_whole_layers() {
    let service = Service::new();
    let query = "bbox=0.1,51,0.3,52&datetime=2022-01-01/..";
    let whole = service
        .page(&format!("/collections/hotspots/items?limit=100&{query}"))
        .await;
    let first = service
        .page(&format!("/collections/hotspots/items?limit=3&{query}"))
        .await;
    let walked = walk(&service, first).await;
    assert_eq!(all_ids(&walked), whole.ids());
    assert!(walked.len() > 2);
}

#[tokio::test]
async fn the_first_offset_of_next_is_the_page_size() {
    let first = Service::new().page("/collections/hotspots/items").await;
    assert_eq!(
        first.link("next").unwrap(),
        "/collections/hotspots/items?limit=10&offset=10&run=run-1"
    );
}

#[tokio::test]
async fn a_new_run_in_the_middle_changes_nothing_for_who_is_paging() {
    let service = Service::new();
    let first = service.page("/collections/hotspots/items?limit=10").await;
    service.publish("run-2", 7);
    let walked = walk(&service, first).await;
    assert_eq!(all_ids(&walked), expected("run-1", 25));

    let fresh = service.page("/collections/hotspots/items").await;
    assert_eq!(fresh.ids(), expected("run-2", 7));
    assert_eq!(
        service.page("/collections/hotspots").await.json()["run"],
        "run-2"
    );
    let old = service
        .page("/collections/hotspots/items/run-1-3?run=run-1")
        .await;
    assert_eq!(old.json()["id"], "run-1-3");
    let (_, code, _) = service.refusal("/collections/hotspots/items/run-1-3").await;
    assert_eq!(code, "feature-not-found");
}

#[tokio::test]
async fn the_run_of_areas_moves_with_their_content_only() {
    let service = Service::new();
    let target = "/collections/areas-borough-2018/items?limit=1";
    let first = service.page(target).await;
    service.publish("run-2", 7);
    assert_eq!(
        service.page(target).await.json()["run"],
        first.json()["run"]
    );
    assert_eq!(
        service.page(target).await.header("etag"),
        first.header("etag")
    );

    service.state.publish(vec![], &[], &[]);
    let (status, _, _) = service.refusal(target).await;
    assert_eq!(status, 404, "the areas are gone");
    let second = service.page(&first.link("next").unwrap()).await;
    assert_eq!(
        second.ids(),
        ["E2"],
        "but who was paging reads them to the end"
    );
}

#[tokio::test]
async fn runs_that_are_no_longer_kept_say_so() {
    let limits = isopleth_api::Limits {
        kept_runs: 2,
        ..Default::default()
    };
    let service = Service::starting(limits);
    for n in 1..=4 {
        service.publish(&format!("run-{n}"), 3);
    }
    let get = async |run: &str| {
        service
            .get(&format!("/collections/hotspots/items?run={run}"))
            .await
    };
    assert_eq!(get("run-4").await.status, StatusCode::OK);
    assert_eq!(get("run-2").await.status, StatusCode::OK);
    let gone = get("run-1").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(
        gone.json()["detail"]
            .as_str()
            .unwrap()
            .contains("start again")
    );
}
