//! A process killed in the middle of an ingest leaves whole files only.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{command, fixtures, json, str};
use isopleth_core::domain::month_number;
use isopleth_store::Store;

const KILLS: u32 = 50;

/// Incidents by month: each month is one file.
fn by_month(store: &Path) -> BTreeMap<i32, u64> {
    let snapshot = Store::open(store).unwrap().snapshot().unwrap();
    let mut months = BTreeMap::new();
    for &from in snapshot.incidents.from() {
        *months.entry(month_number(from)).or_insert(0) += 1;
    }
    months
}

#[test]
fn fifty_kills_leave_whole_files_and_the_next_ingest_completes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = fixtures().join("police_uk");
    let whole = dir.path().join("whole.gpkg");
    let started = Instant::now();
    json(&["ingest", "--json", "--store", str(&whole), str(&folder)]);
    let took = started.elapsed();
    let expected = by_month(&whole);
    assert_eq!(expected.len(), 24);

    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut interrupted = 0;
    let mut store = dir.path().join("killed-0.gpkg");
    for kill in 0..KILLS {
        // A fresh store now and then, so that kills fall into first and into later ingests.
        if kill % 5 == 0 {
            store = dir.path().join(format!("killed-{kill}.gpkg"));
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let wait =
            took.mul_f64((state % 1000) as f64 / 1000.0 * if kill % 5 == 0 { 0.9 } else { 0.5 });
        let mut child = command(&["ingest", "--store", str(&store), str(&folder)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(wait.max(Duration::from_millis(2)));
        child.kill().unwrap();
        interrupted += u32::from(!child.wait().unwrap().success());
        if store.exists() && std::fs::metadata(&store).unwrap().len() > 0 {
            match Store::open(&store) {
                Ok(_) => {
                    for (month, n) in by_month(&store) {
                        assert_eq!(
                            n, expected[&month],
                            "kill {kill}: month {month} is not whole"
                        );
                    }
                }
                // Killed in the first milliseconds, before the empty store was laid out: there is
                // nothing to lose yet, and the next ingest must make it whole at once.
                Err(e) => {
                    println!("kill {kill}: {e}");
                    json(&["ingest", "--json", "--store", str(&store), str(&folder)]);
                    assert_eq!(by_month(&store), expected);
                }
            }
        }
        if kill % 5 == 4 {
            let done = json(&["ingest", "--json", "--store", str(&store), str(&folder)]);
            assert_eq!(
                done["stored"].as_u64().unwrap() + done["unchanged"].as_u64().unwrap(),
                20_000
            );
            assert_eq!(by_month(&store), expected);
        }
    }
    println!("{interrupted} of {KILLS} ingests were cut off, an undisturbed one takes {took:?}");
    assert!(
        interrupted > KILLS / 2,
        "only {interrupted} ingests were cut off"
    );
}
