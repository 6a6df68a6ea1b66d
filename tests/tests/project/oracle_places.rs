//! Places and sites on the records of Havering, 2022, against sums of this test's own: all pairs of
//! incidents and pubs; ground by
//! counting a grid of points; concentration and overlap by sorting and adding up.

use std::collections::BTreeMap;

use isopleth_core::domain::{
    GroupDefinition, IncidentRow, IncidentSetBuilder, Kind, Lens, Location, LocationBasis, LonLat,
    NO_PLACE, month_span,
};
use isopleth_core::ground::StudyArea;
use isopleth_core::plane::{Planar, project, unproject};
use isopleth_core::{AreaSelect, Findings, Request, Snapshot, run};
use isopleth_io::{SiteFields, read_areas, read_sites};
use isopleth_tests::oracle::shared;

struct Havering {
    snapshot: Snapshot,
    /// Easting, northing and group of each record.
    records: Vec<(f64, f64, String)>,
    /// Easting, northing and name of each pub of London.
    pubs: Vec<(f64, f64, String)>,
}

fn havering() -> Option<Havering> {
    let (crimes, pubs, areas) = (
        shared("data/havering_2022.csv")?,
        shared("data/sites/Pubs.csv")?,
        shared("data/areas/london_boroughs.geojson")?,
    );
    let mut builder = IncidentSetBuilder::default();
    let (mut kinds, mut groups) = (Vec::new(), Vec::new());
    let mut records = Vec::new();
    let mut reader = csv::Reader::from_path(crimes).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        let number = |i: usize| row[i].parse::<f64>().unwrap();
        let position = LonLat::new(number(4), number(5)).unwrap();
        let at = project(position).unwrap().planar;
        let mm = |v: f64| (v * 1000.0).round() as i32;
        let group = row[2].replace(' ', "_");
        let kind = groups
            .iter()
            .position(|g: &GroupDefinition| g.id == group)
            .unwrap_or_else(|| {
                let lens = if group == "drugs" {
                    Lens::PoliceGenerated
                } else {
                    Lens::Reported
                };
                groups.push(GroupDefinition {
                    id: group.clone(),
                    title: group.clone(),
                    lens,
                    activity: false,
                });
                kinds.push(Kind {
                    term: row[2].to_owned(),
                    sub_type_term: String::new(),
                    record_source: String::new(),
                    group: Some(group.clone()),
                    sub_type: None,
                    lens,
                });
                groups.len() - 1
            });
        builder.push(&IncidentRow {
            location: Some(Location {
                x_mm: mm(at.x),
                y_mm: mm(at.y),
                position,
            }),
            span: month_span(2022, row[1].parse().unwrap()).unwrap(),
            kind: kind as u16,
            basis: LocationBasis::SnapPoint,
            place: NO_PLACE,
        });
        records.push((at.x, at.y, group));
    }
    let text = std::fs::read(&pubs).unwrap();
    let fields = SiteFields {
        id: None,
        name: "name".into(),
        number: None,
        lon: "longitude".into(),
        lat: "latitude".into(),
    };
    let sites = read_sites(&text, "pub", &fields).unwrap();
    let mut reader = csv::Reader::from_path(pubs).unwrap();
    // The list's own eastings and northings are by another transformation: good enough to tell that
    // the right points are meant, not for "exactly 50 m".
    let mut farthest = 0.0_f64;
    let mut listed = Vec::new();
    for row in reader.records() {
        let row = row.unwrap();
        let number = |i: usize| row[i].parse::<f64>().unwrap();
        let position = LonLat::new(number(10), number(11)).unwrap();
        let at = project(position).unwrap().planar;
        farthest = farthest.max((at.x - number(12)).hypot(at.y - number(13)));
        // Havering and some kilometres around it.
        if at.x > 543_000.0 && at.y > 176_000.0 {
            listed.push((at.x, at.y, row[0].to_owned()));
        }
    }
    println!("the list's own eastings and northings are up to {farthest:.3} m off");
    assert!(farthest < 0.2);
    listed.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let areas = std::fs::read(areas).unwrap();
    let areas = read_areas(&areas, "borough", "2022", "gss_code", "name").unwrap();
    let snapshot = Snapshot {
        revision: "havering".into(),
        incidents: builder.finish(kinds, Vec::new()),
        areas: areas.areas,
        sites,
        policy: "as recorded 1".into(),
        groups,
        ..Snapshot::default()
    };
    Some(Havering {
        snapshot,
        records,
        pubs: listed,
    })
}

fn findings(snapshot: &Snapshot, groups: &str, method: &str) -> Findings {
    let text = format!(
        r#"{{"select": {{"area": "E09000016", "period": "2022", "groups": [{groups}]}}, "method": {method}}}"#
    );
    let request = Request::from_json(&text).unwrap();
    run(snapshot, &request).unwrap().findings
}

fn inside(snapshot: &Snapshot) -> StudyArea {
    let area = AreaSelect::Code("E09000016".into());
    StudyArea::find(&area, &snapshot.areas).unwrap()
}

#[test]
fn drugs_around_pubs() {
    let Some(h) = havering() else {
        println!("skipped: no shared data");
        return;
    };
    let Findings::Vicinity(found) = findings(
        &h.snapshot,
        r#""drugs""#,
        r#"{"name": "vicinity", "site_class": "pub", "distances_m": [50, 100, 250],
            "against": {"groups": ["violent_or_sexual"]}}"#,
    ) else {
        panic!()
    };
    let area = inside(&h.snapshot);
    let within = |group: &str| {
        let mut n = [0_u64; 4];
        for (x, y, g) in &h.records {
            let at = unproject(Planar { x: *x, y: *y }).unwrap();
            if g != group || !area.covers(at) {
                continue;
            }
            let d = h
                .pubs
                .iter()
                .map(|p| (p.0 - x).hypot(p.1 - y))
                .fold(f64::INFINITY, f64::min);
            n[3] += 1;
            for (n, limit) in n.iter_mut().zip([50.0, 100.0, 250.0]) {
                *n += u64::from(d <= limit);
            }
        }
        n
    };
    let (drugs, violence) = (within("drugs"), within("violent_or_sexual"));
    assert_eq!(found.incidents, drugs[3]);
    let other = found.other.as_ref().unwrap();
    assert_eq!(other.incidents, violence[3]);
    // Ground by a grid of points 40 m apart: about 7,000 of them within 250 m.
    let (lo, hi) = area.planar_bounds();
    let mut points = [0_u64; 4];
    let mut y = lo.y + 20.0;
    while y < hi.y {
        let mut x = lo.x + 20.0;
        while x < hi.x {
            let d = h
                .pubs
                .iter()
                .map(|p| (p.0 - x).hypot(p.1 - y))
                .fold(f64::INFINITY, f64::min);
            if area.covers(unproject(Planar { x, y }).unwrap()) {
                points[3] += 1;
                for (n, limit) in points.iter_mut().zip([50.0, 100.0, 250.0]) {
                    *n += u64::from(d <= limit);
                }
            }
            x += 40.0;
        }
        y += 40.0;
    }
    for (k, row) in found.within.iter().enumerate() {
        let (by, group) = (row.by_area.unwrap(), row.by_group.unwrap());
        println!(
            "{:?} m: {} of {} drugs, expected {:.2} on {:.4} % of the ground, ratio {:.3} ({:.3} to {:.3}), p {:.3e}; {} of {} violence, quotient {:.3}",
            row.to_m,
            row.incidents,
            found.incidents,
            by.expected,
            by.share * 100.0,
            by.ratio.unwrap(),
            by.low.unwrap(),
            by.high.unwrap(),
            by.p.unwrap(),
            group.incidents,
            other.incidents,
            group.compared.unwrap().ratio.unwrap(),
        );
        assert_eq!(row.incidents, drugs[k]);
        assert_eq!(group.incidents, violence[k]);
        let counted = points[k] as f64 / points[3] as f64;
        // A grid of points counts an area to about the square root of what its outline meets.
        let off = (by.share / counted - 1.0).abs();
        assert!(off < [0.1, 0.03, 0.01][k], "{k}: {} {counted}", by.share);
    }
    assert_eq!(drugs[3], 910);
}

#[test]
fn reported_crime_at_pubs() {
    let Some(h) = havering() else {
        println!("skipped: no shared data");
        return;
    };
    let Findings::RiskyFacilities(found) = findings(
        &h.snapshot,
        r#""violent_or_sexual""#,
        r#"{"name": "risky_facilities", "site_class": "pub", "within_m": 100}"#,
    ) else {
        panic!()
    };
    let area = inside(&h.snapshot);
    let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
    let mut none = 0;
    for (x, y, group) in &h.records {
        let at = unproject(Planar { x: *x, y: *y }).unwrap();
        if group != "violent_or_sexual" || !area.covers(at) {
            continue;
        }
        let d = |p: &(f64, f64, String)| (p.0 - x).hypot(p.1 - y);
        let nearest = (0..h.pubs.len())
            .min_by(|&a, &b| d(&h.pubs[a]).total_cmp(&d(&h.pubs[b])))
            .unwrap();
        if d(&h.pubs[nearest]) <= 100.0 {
            *counts.entry(nearest).or_default() += 1;
        } else {
            none += 1;
        }
    }
    assert_eq!(found.at_none, none);
    // Of pubs at one place it is not said here which one has the incidents.
    let mut expected: Vec<(u32, u64, u64)> = counts
        .iter()
        .map(|(&p, &n)| {
            (
                n,
                (h.pubs[p].0 * 1e3).round() as u64,
                (h.pubs[p].1 * 1e3).round() as u64,
            )
        })
        .filter(|&(_, x, y)| {
            let (x, y) = (x as f64 / 1e3, y as f64 / 1e3);
            area.covers(unproject(Planar { x, y }).unwrap())
        })
        .collect();
    expected.sort_unstable();
    let mut placed: Vec<(u32, u64, u64)> = found
        .facilities
        .iter()
        .filter(|f| f.count > 0)
        .map(|f| {
            let at = project(f.position).unwrap().planar;
            (
                f.count,
                (at.x * 1e3).round() as u64,
                (at.y * 1e3).round() as u64,
            )
        })
        .collect();
    placed.sort_unstable();
    assert_eq!(placed, expected);
    let chance = found.chance.unwrap();
    println!(
        "{} pubs, {} without; {} incidents; busiest {} hold {}, by chance {:.1} ({} to {}), p {}; generalised Gini {:.4}",
        found.spread.places(),
        found.spread.places() - found.spread.occupied(),
        found.spread.incidents(),
        found.top_sites,
        found.spread.held_by(found.top_sites),
        chance.top_mean,
        chance.top_middle.0,
        chance.top_middle.1,
        chance.top_p,
        found.spread.generalised_gini().unwrap(),
    );
    assert_eq!(found.spread.places(), 71);
}

#[test]
fn concentration_and_overlap() {
    let Some(h) = havering() else {
        println!("skipped: no shared data");
        return;
    };
    let area = inside(&h.snapshot);
    let mut places: BTreeMap<(i64, i64), [u64; 3]> = BTreeMap::new();
    for (x, y, group) in &h.records {
        if !area.covers(unproject(Planar { x: *x, y: *y }).unwrap()) {
            continue;
        }
        let key = ((x * 1000.0).round() as i64, (y * 1000.0).round() as i64);
        let n = places.entry(key).or_default();
        n[0] += u64::from(group == "drugs");
        n[1] += u64::from(group == "violent_or_sexual");
        n[2] += 1;
    }
    let Findings::Concentration(found) = findings(
        &h.snapshot,
        r#""violent_or_sexual""#,
        r#"{"name": "concentration"}"#,
    ) else {
        panic!()
    };
    let mut counts: Vec<u64> = places.values().map(|n| n[1]).filter(|&n| n > 0).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let total: u64 = counts.iter().sum();
    assert_eq!(
        (found.all.places(), found.all.incidents()),
        (places.len() as u64, total)
    );
    for level in &found.levels {
        let mut held = 0;
        let fewest = counts
            .iter()
            .take_while(|&&n| {
                let more = (held as f64) < level.share * total as f64;
                held += n;
                more
            })
            .count() as u64;
        println!(
            "{} of {total} at {} of {} places with some, {} known",
            level.incidents,
            level.places,
            counts.len(),
            places.len()
        );
        assert_eq!(level.places, fewest);
    }
    let n = places.len() as f64;
    let mut ascending: Vec<u64> = places.values().map(|n| n[1]).collect();
    ascending.sort_unstable();
    let ranked: f64 = ascending
        .iter()
        .zip(1..)
        .map(|(&c, i)| c as f64 * f64::from(i))
        .sum();
    let gini = 2.0 * ranked / (n * total as f64) - (n + 1.0) / n;
    assert!((found.all.gini().unwrap() - gini).abs() < 1e-12);

    let Findings::Overlap(found) = findings(
        &h.snapshot,
        r#""drugs""#,
        r#"{"name": "overlap", "with": {"groups": ["violent_or_sexual"]}, "unit": "location", "min_count": 3}"#,
    ) else {
        panic!()
    };
    let own = |f: &dyn Fn(&[u64; 3]) -> bool| places.values().filter(|n| f(n)).count() as u64;
    assert_eq!(found.known_places, places.len() as u64);
    assert_eq!(found.first.1, own(&|n| n[0] >= 3));
    assert_eq!(found.second.1, own(&|n| n[1] >= 3));
    assert_eq!(found.shared, own(&|n| n[0] >= 3 && n[1] >= 3));
    let at: u64 = places.values().filter(|n| n[1] >= 3).map(|n| n[0]).sum();
    assert_eq!(found.first_at_second.incidents, at);
    println!(
        "shared {} of {} and {}, by chance {:.1}; {at} of {} drugs at places of violence; similarity {:.4}, by chance {:.4}",
        found.shared,
        found.first.1,
        found.second.1,
        found.chance.unwrap().0,
        found.incidents,
        found.similarity.unwrap().value,
        found.similarity.unwrap().chance.unwrap().0,
    );
}
