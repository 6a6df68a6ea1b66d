//! Hotspots cut out of a quartic surface of 300 m on H3 cells: the densest that hold a quarter of
//! the incidents.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isopleth_benches::{generate, sizes};
use isopleth_core::hotspots::{Params, cut};
use isopleth_core::methods::kernel_density;
use isopleth_core::places::Comparable;
use isopleth_core::select::Selection;
use isopleth_core::{AreaSelect, Select};

fn hotspots(c: &mut Criterion) {
    let select = Select {
        area: Some(AreaSelect::Code(generate::AREA.into())),
        ..Select::default()
    };
    let density = kernel_density::Params {
        bandwidth_m: kernel_density::Bandwidth::Metres(300.0),
        h3_resolution: Some(10),
        ..kernel_density::Params::default()
    };
    let params = Params {
        share_of_incidents: Some(0.25),
        min_count: 10,
        max: Some(20),
        ..Params::default()
    };
    let mut group = c.benchmark_group("hotspots");
    group.sample_size(10);
    for n in sizes() {
        let snapshot = generate::snapshot(n);
        let selection = Selection::new(&snapshot, &select).expect("a selection");
        let comparable = Comparable::of(&selection);
        let surface = kernel_density::run(&selection, &density).expect("a surface");
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("{n}"), |b| {
            b.iter(|| cut(&selection, &surface, &params, comparable, None).expect("hotspots"));
        });
    }
    group.finish();
}

criterion_group!(benches, hotspots);
criterion_main!(benches);
