//! A store into memory.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isopleth_benches::{load, sizes};
use isopleth_store::Store;

fn snapshot(c: &mut Criterion) {
    let mut group = c.benchmark_group("snapshot");
    group.sample_size(10);
    for n in sizes() {
        let (_folder, path) = load::generated_store(n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("{n}"), |b| {
            b.iter(|| {
                let store = Store::open_read_only(&path).expect("it opens");
                store.snapshot().expect("it loads")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
