//! A quartic surface of 300 m, from the selection on: H3 cells and squares, with the study area.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isopleth_benches::{generate, sizes};
use isopleth_core::kernel::Kernel;
use isopleth_core::methods::kernel_density::{Bandwidth, Params, run};
use isopleth_core::select::Selection;
use isopleth_core::{AreaSelect, Select};

fn density(c: &mut Criterion) {
    let params = |h3_resolution, cell_m| Params {
        kernel: Kernel::Quartic,
        bandwidth_m: Bandwidth::Metres(300.0),
        h3_resolution,
        cell_m,
        ..Params::default()
    };
    let cells = [
        ("h3_10", params(Some(10), None)),
        ("square_100m", params(None, Some(100.0))),
        ("square_25m", params(None, Some(25.0))),
    ];
    let select = Select {
        area: Some(AreaSelect::Code(generate::AREA.into())),
        ..Select::default()
    };
    let mut group = c.benchmark_group("density");
    group.sample_size(10);
    for n in sizes() {
        let snapshot = generate::snapshot(n);
        group.throughput(Throughput::Elements(n as u64));
        for (name, params) in &cells {
            group.bench_function(format!("{name}/{n}"), |b| {
                b.iter(|| {
                    let selection = Selection::new(&snapshot, &select).expect("a selection");
                    run(&selection, params).expect("a surface")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, density);
criterion_main!(benches);
