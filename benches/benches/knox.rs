//! The Knox table: five bands of distance by four of time, alone and with shuffles.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isopleth_benches::{generate, sizes};
use isopleth_core::methods::knox::{HalfOpen, Metric, simulate};

/// Beyond this the pairs of the generated city no longer fit.
const MOST: usize = 100_000;

fn knox(c: &mut Criterion) {
    let mut group = c.benchmark_group("knox");
    group.sample_size(10);
    let edges = [0.0, 1.0, 100.0, 200.0, 300.0, 400.0];
    let distance = HalfOpen::new("metres", &edges, false).expect("bands");
    let time = HalfOpen::new("days", &[0_u32, 7, 14, 21, 28], false).expect("bands");
    for n in sizes().into_iter().filter(|&n| n <= MOST) {
        let snapshot = generate::snapshot(n);
        let incidents = &snapshot.incidents;
        let mut points = Vec::with_capacity(n);
        for (l, location) in (0_u32..).zip(incidents.locations()) {
            let at = location.planar();
            points.extend(incidents.at(l).map(|_| (at.x, at.y)));
        }
        let days: Vec<i32> = (0..points.len() as i64)
            .map(|i| (i * 7919 % 1096) as i32)
            .collect();
        group.throughput(Throughput::Elements(points.len() as u64));
        for replicates in [0, 999] {
            group.bench_function(format!("{replicates}_shuffles/{n}"), |b| {
                b.iter(|| {
                    simulate(
                        &points,
                        &days,
                        &distance,
                        &time,
                        Metric::Euclidean,
                        replicates,
                        1,
                    )
                    .expect("a table")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, knox);
criterion_main!(benches);
