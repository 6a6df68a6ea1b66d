//! A street file of data.police.uk into a fresh store.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use isopleth_benches::{load, sizes};
use isopleth_io::ingest::Options;

fn ingest(c: &mut Criterion) {
    let mut group = c.benchmark_group("ingest");
    group.sample_size(10);
    for n in sizes() {
        let (_folder, csv) = load::generated_csv(n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("{n}"), |b| {
            b.iter_batched(
                || tempfile::tempdir().expect("a temporary folder"),
                |folder| {
                    let store = folder.path().join("fresh.gpkg");
                    let done =
                        load::ingest(&store, std::slice::from_ref(&csv), &Options::default());
                    (folder, done.expect("it goes in"))
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
