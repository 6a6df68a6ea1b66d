//! Repeat locations: exact ones, and those merged within 50 m.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isopleth_benches::{generate, sizes};
use isopleth_core::Select;
use isopleth_core::methods::repeat_locations::{Params, RankBy, run};
use isopleth_core::places::Comparable;
use isopleth_core::select::Selection;

fn repeat_locations(c: &mut Criterion) {
    let mut group = c.benchmark_group("repeat_locations");
    group.sample_size(10);
    for n in sizes() {
        let snapshot = generate::snapshot(n);
        let selection = Selection::new(&snapshot, &Select::default()).expect("a selection");
        let comparable = Comparable::of(&selection);
        group.throughput(Throughput::Elements(n as u64));
        for (name, tolerance_m) in [("exact", 0.0), ("within_50m", 50.0)] {
            let params = Params {
                tolerance_m,
                min_count: 2,
                rank_by: RankBy::default(),
                max: Some(100),
                chain_within_days: None,
                chain_within_months: None,
            };
            group.bench_function(format!("{name}/{n}"), |b| {
                b.iter(|| run(&selection, &params, comparable).expect("a ranking"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, repeat_locations);
criterion_main!(benches);
