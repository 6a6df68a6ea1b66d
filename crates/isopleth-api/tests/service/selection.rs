//! `bbox` and `datetime`: only what matches, all that matches.

use geo::{BoundingRect, Intersects, Rect, polygon};
use proptest::prelude::*;

use crate::fixture::{Service, hotspot_layer};

async fn ids(service: &Service, collection: &str, query: &str) -> Vec<String> {
    let page = service
        .page(&format!(
            "/collections/{collection}/items?limit=100&{query}"
        ))
        .await;
    assert_eq!(page.json()["numberMatched"], page.ids().len(), "{query}");
    page.ids()
}

#[tokio::test]
async fn boxes_find_what_they_meet() {
    let service = Service::new();
    for (bbox, expected) in [
        (
            "-0.100000000000000006,51.5,0.00100000000000000002,51.509999999999998",
            vec!["run-1-1"],
        ),
        ("-1,51,0,52", vec!["run-1-1"]),
        ("0.01,51.51,0.01,51.51", vec!["run-1-1"]),
        ("0.025,51.505,0.025,51.505", vec!["run-1-2"]),
        ("0.025,51.505,0.045,51.505", vec!["run-1-2", "run-1-3"]),
        ("0.011,51.5,0.019,51.51", vec![]),
        ("0,51.6,1,52", vec![]),
        ("0.025,51.4,0,0.026,51.6,100", vec!["run-1-2"]),
        ("-180,85,180,90", vec![]),
        ("-180,-90,180,-85", vec![]),
    ] {
        assert_eq!(
            ids(&service, "hotspots", &format!("bbox={bbox}")).await,
            expected,
            "{bbox}"
        );
    }
    let all = ids(&service, "hotspots", "bbox=-230,-115,230,115").await;
    assert_eq!(all.len(), 25);
}

#[tokio::test]
async fn boxes_may_cross_the_antimeridian() {
    let service = Service::new();
    let seas =
        async |bbox: &str| ids(&service, "areas-sea-area-2018", &format!("bbox={bbox}")).await;
    assert_eq!(seas("177,50,-177,53").await, ["far/east", "far west"]);
    assert_eq!(seas("179.5,50,-179.95,53").await, ["far/east", "far west"]);
    assert_eq!(seas("177,50,180,53").await, ["far/east"]);
    assert_eq!(seas("-180,50,-177,53").await, ["far west"]);
    assert_eq!(seas("177,65,-177,70").await, [""; 0]);
    assert_eq!(seas("-177,50,177,53").await, [""; 0]);
}

#[tokio::test]
async fn polygons_are_met_exactly_not_by_their_boxes() {
    let service = Service::new();
    let mut layer = hotspot_layer("run-2", 1);
    layer.features[0].geometry =
        polygon![(x: 0.0, y: 51.0), (x: 1.0, y: 51.0), (x: 0.0, y: 52.0)].into();
    service
        .state
        .publish(vec![("triangle".into(), "run-2".into(), layer)], &[], &[]);
    assert_eq!(
        ids(&service, "triangle", "bbox=0.9,51.9,1,52").await,
        [""; 0]
    );
    assert_eq!(
        ids(&service, "triangle", "bbox=0.4,51.4,1,52").await.len(),
        1
    );
}

#[tokio::test]
async fn times_find_the_layers_that_cover_them() {
    let service = Service::new();
    for (datetime, found) in [
        ("2022-06-01T00:00:00Z", 25),
        ("2022-12-31T23:59:59Z", 25),
        ("2023-01-01T00:00:00Z", 0),
        ("2021-01-01T00:00:00Z/2022-01-01T00:00:00Z", 25),
        ("2022-12-01t00:00:00z/..", 25),
        ("../2021-12-31T23:59:59.999Z", 0),
        ("/2022-01-01", 25),
        ("2023-01-01T00:30:00%2B01:00", 25),
        ("2022-06-01T00:00:00Z%2F9999-12-31T00:00:00Z", 25),
        ("0000-01-01T00:00:00Z%2F2021-06-01T00:00:00Z", 0),
    ] {
        let query = format!("datetime={datetime}");
        assert_eq!(
            ids(&service, "hotspots", &query).await.len(),
            found,
            "{datetime}"
        );
        let areas = ids(&service, "areas-borough-2018", &query).await;
        assert_eq!(
            areas.len(),
            2,
            "areas have no time and always match: {datetime}"
        );
    }
}

#[tokio::test]
async fn times_find_features_by_their_own_days() {
    let service = Service::new();
    let months = async |query: &str| ids(&service, "repeats", query).await;
    assert_eq!(
        months("datetime=2022-03-28T23:59:59Z").await,
        ["month-3", "month-12"]
    );
    assert_eq!(months("datetime=2022-03-29T00:00:00Z").await, ["month-12"]);
    assert_eq!(
        months("datetime=2022-10-15/..").await,
        ["month-10", "month-11", "month-12"]
    );
    let both = months("datetime=2022-03-01/2022-06-30&bbox=0.05,51,0.12,52").await;
    assert_eq!(both, ["month-5", "month-6", "month-12"]);
}

#[test]
fn boxes_find_what_a_plain_search_finds() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let service = Service::new();
    let layer = hotspot_layer("run-1", 25);
    let degrees = (-0.1..0.6_f64, 51.49..51.52_f64, 0.0..0.3_f64, 0.0..0.02_f64);
    proptest!(ProptestConfig::with_cases(64), |((w, s, dx, dy) in degrees)| {
        let rect = Rect::new((w, s), (w + dx, s + dy));
        let expected: Vec<_> = layer
            .features
            .iter()
            .filter(|f| f.geometry.intersects(&rect.to_polygon()))
            .map(|f| f.id.clone())
            .collect();
        prop_assert!(layer.features.iter().all(|f| f.geometry.bounding_rect().is_some()));
        let query = format!("bbox={w},{s},{},{}", w + dx, s + dy);
        prop_assert_eq!(runtime.block_on(ids(&service, "hotspots", &query)), expected);
    });
}

#[tokio::test]
async fn features_come_in_the_order_that_is_asked_for() {
    let service = Service::new();
    let all = ids(&service, "hotspots", "").await;
    let reversed: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(ids(&service, "hotspots", "sortby=-rank").await, reversed);
    assert_eq!(ids(&service, "hotspots", "sortby=%2Brank").await, all);
    // Ties, and features without a value, stay in the order of the layer.
    for query in ["sortby=density_per_km2", "sortby=-previous_count"] {
        assert_eq!(ids(&service, "hotspots", query).await, all, "{query}");
    }
    let (odd, even): (Vec<_>, Vec<_>) = (0..all.len()).partition(|n| n % 2 == 0);
    let expected = odd.iter().chain(even.iter().rev().collect::<Vec<_>>());
    let mut expected: Vec<_> = expected.map(|&n| all[n].clone()).collect();
    expected[..odd.len()].reverse();
    let query = "sortby=-edge_effect,-rank";
    assert_eq!(ids(&service, "hotspots", query).await, expected);
    // What is left out is not sorted in, and the next page goes on in the same order.
    let first = service
        .page("/collections/hotspots/items?sortby=-rank&limit=2&filter=rank%3C4")
        .await;
    assert_eq!(first.ids(), ["run-1-3", "run-1-2"]);
    let next = service.page(&first.link("next").unwrap()).await;
    assert_eq!(next.ids(), ["run-1-1"]);
    for query in ["sortby=", "sortby=speed", "sortby=rank,,name"] {
        let target = format!("/collections/hotspots/items?{query}");
        let (status, code, _) = service.refusal(&target).await;
        assert_eq!((status, code.as_str()), (400, "invalid-parameter"));
    }
}
