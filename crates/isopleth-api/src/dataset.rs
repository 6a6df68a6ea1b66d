//! A published run: its features encoded once, with what is needed to find and page them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;

use axum::body::Bytes;
use geo::{BoundingRect, Intersects};
use isopleth_io::cql2::Filter;
use isopleth_io::crs::Crs;
use isopleth_io::layer::{Feature, Layer, Value};
use isopleth_io::tiles::TileSource;
use isopleth_io::write::{Part, feature_members, feature_members_in};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use serde_json::{Map, Value as Json};

use crate::bbox::Bbox;
use crate::datetime::{Days, TimeQuery};

type Entry = GeomWithData<Rectangle<[f64; 2]>, u32>;

/// Pairs of columns that state the first and last day of a feature, best first: the days of its own
/// incidents say more than the period that was looked at, which is the same for all.
const DAY_COLUMNS: [[&str; 2]; 2] = [["first_day", "last_day"], ["period_from", "period_to"]];

/// A layer of one run, ready to be served.
pub(crate) struct Dataset {
    pub(crate) run: String,
    /// The layer itself, for whatever is not GeoJSON of WGS 84.
    pub(crate) layer: Layer,
    /// The plain part of the provenance as JSON text, for every page of items.
    pub(crate) brief: String,
    pub(crate) bbox: Option<[f64; 4]>,
    pub(crate) days: Option<Days>,
    /// The coordinate reference systems that reach all of its features, the default first.
    pub(crate) crs: Vec<Crs>,
    /// The features as JSON, each followed by a comma.
    bytes: Bytes,
    /// Where each feature begins; one more entry ends the last.
    starts: Vec<usize>,
    ids: HashMap<String, u32>,
    tree: RTree<Entry>,
    /// Features without a geometry; every box finds them.
    nowhere: Vec<u32>,
    times: Times,
    /// Made when the first tile is asked for; many layers never show one.
    tiles: OnceLock<TileSource>,
}

/// When the features are.
enum Times {
    /// All of them alike; without days they match every time.
    Alike(Option<Days>),
    /// Each for itself.
    Each(Vec<Option<Days>>),
}

/// Which features of a dataset a request selects, in the order of the layer.
pub(crate) enum Selection {
    /// All of them.
    All(usize),
    /// These.
    Some(Vec<u32>),
}

impl Selection {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::All(n) => *n,
            Self::Some(indices) => indices.len(),
        }
    }

    /// The part of a page, cut down to what exists.
    pub(crate) fn page(&self, offset: u64, limit: u64) -> Range<usize> {
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(self.len());
        at(offset)..at(offset.saturating_add(limit))
    }
}

impl Dataset {
    /// Encodes a layer.
    pub(crate) fn new(run: String, layer: Layer) -> Self {
        let mut bytes = Vec::new();
        let mut starts = Vec::with_capacity(layer.features.len() + 1);
        let mut ids = HashMap::with_capacity(layer.features.len());
        let (mut entries, mut nowhere) = (Vec::with_capacity(layer.features.len()), Vec::new());
        let bbox = layer.bbox();
        let times = times(&layer);
        for (index, feature) in (0_u32..).zip(&layer.features) {
            starts.push(bytes.len());
            bytes.push(b'{');
            feature_members(&layer, feature, &mut bytes).expect("memory takes all that is written");
            bytes.extend_from_slice(b"},");
            ids.entry(feature.id.clone()).or_insert(index);
            match feature.geometry.bounding_rect() {
                Some(rect) => {
                    let (min, max) = (rect.min(), rect.max());
                    let corners = Rectangle::from_corners([min.x, min.y], [max.x, max.y]);
                    entries.push(Entry::new(corners, index));
                }
                None => nowhere.push(index),
            }
        }
        starts.push(bytes.len());
        let own = match &times {
            Times::Alike(days) => *days,
            Times::Each(each) => each.iter().flatten().copied().reduce(Days::union),
        };
        let period = layer.days.as_ref().and_then(|(a, b)| Days::new(a, b));
        let days = own.into_iter().chain(period).reduce(Days::union);
        let reached = Crs::ALL.into_iter();
        let crs = reached.filter(|crs| bbox.is_none_or(|b| crs.reaches(b)));
        let brief = brief(&layer.provenance).to_string();
        Self {
            run,
            layer,
            brief,
            bbox,
            days,
            crs: crs.collect(),
            bytes: bytes.into(),
            starts,
            ids,
            tree: RTree::bulk_load(entries),
            nowhere,
            times,
            tiles: OnceLock::new(),
        }
    }

    /// Encodes a layer whose run is a hash of its own content.
    pub(crate) fn of_content(layer: Layer) -> Self {
        let mut dataset = Self::new(String::new(), layer);
        let mut content = dataset.bytes.to_vec();
        let layer = &dataset.layer;
        for text in [&layer.title, &layer.description, &dataset.brief] {
            content.extend_from_slice(text.as_bytes());
            content.push(0);
        }
        dataset.run = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&content));
        dataset
    }

    /// The layer as tiles are cut out of it. Takes a while the first time.
    pub(crate) fn tiles(&self) -> &TileSource {
        self.tiles.get_or_init(|| TileSource::new(&self.layer))
    }

    /// Number of features.
    pub(crate) fn len(&self) -> usize {
        self.layer.features.len()
    }

    /// The place of a feature in the layer.
    pub(crate) fn index(&self, id: &str) -> Option<u32> {
        self.ids.get(id).copied()
    }

    /// The features of a selection's page as JSON, separated by commas. Those of WGS 84 are cut
    /// from what was encoded at publication; others are encoded now.
    ///
    /// # Errors
    /// A geometry that `crs` does not reach, which none is if `crs` is one of the dataset.
    pub(crate) fn write(
        &self,
        selection: &Selection,
        page: Range<usize>,
        crs: Crs,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        if crs == Crs::Crs84 {
            self.copy(selection, page, out);
            return Ok(());
        }
        for (n, at) in page.enumerate() {
            let index = match selection {
                Selection::All(_) => at,
                Selection::Some(indices) => indices[at] as usize,
            };
            out.extend_from_slice(if n > 0 { b",{" } else { b"{" });
            feature_members_in(&self.layer, &self.layer.features[index], crs, out)?;
            out.push(b'}');
        }
        Ok(())
    }

    fn copy(&self, selection: &Selection, page: Range<usize>, out: &mut Vec<u8>) {
        match selection {
            Selection::All(_) => out.extend_from_slice(self.encoded(page)),
            Selection::Some(indices) => {
                for (n, &index) in indices[page].iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    let index = index as usize;
                    out.extend_from_slice(self.encoded(index..index + 1));
                }
            }
        }
    }

    /// The features of a selection's page, by their places in the layer.
    pub(crate) fn places(selection: &Selection, page: Range<usize>) -> Vec<u32> {
        match selection {
            // A layer has fewer than 2^32 features, as the tree's entries say.
            Selection::All(_) => page.map(|at| at as u32).collect(),
            Selection::Some(indices) => indices[page].to_vec(),
        }
    }

    /// A selection as writers take it.
    pub(crate) fn part<'a>(&'a self, selection: &'a Selection) -> Part<'a> {
        match selection {
            Selection::All(_) => Part::whole(&self.layer),
            Selection::Some(indices) => Part::some(&self.layer, indices),
        }
    }

    fn encoded(&self, range: Range<usize>) -> &[u8] {
        let bytes = &self.bytes[self.starts[range.start]..self.starts[range.end]];
        bytes.strip_suffix(b",").unwrap_or(bytes)
    }

    /// The features of a selection that match all filters; none if it is not to go on meanwhile.
    pub(crate) fn filtered(
        &self,
        selection: Selection,
        filters: &[Filter],
        goes_on: impl Fn() -> bool,
    ) -> Option<Selection> {
        if filters.is_empty() {
            return Some(selection);
        }
        let holds = |index: u32| {
            let feature = &self.layer.features[index as usize];
            let matches = filters.iter().all(|filter| filter.matches(feature));
            goes_on().then_some(matches.then_some(index))
        };
        let found: Option<Vec<Option<u32>>> = match selection {
            Selection::All(all) => (0_u32..).take(all).map(holds).collect(),
            Selection::Some(indices) => indices.into_iter().map(holds).collect(),
        };
        Some(Selection::Some(found?.into_iter().flatten().collect()))
    }

    /// A selection by the values of columns, each rising or falling; nulls come last and ties stay
    /// in the order of the layer.
    pub(crate) fn sorted(&self, selection: Selection, order: &[(usize, bool)]) -> Selection {
        if order.is_empty() {
            return selection;
        }
        let mut indices = match selection {
            Selection::All(all) => (0_u32..).take(all).collect(),
            Selection::Some(indices) => indices,
        };
        let values = |index: u32| &self.layer.features[index as usize].values;
        indices.sort_by(|&a, &b| {
            let mut keys = order.iter().map(|&(column, falls)| {
                let (a, b) = (&values(a)[column], &values(b)[column]);
                match (a == &Value::Null, b == &Value::Null) {
                    (false, false) if falls => by_value(b, a),
                    (false, false) => by_value(a, b),
                    (a, b) => a.cmp(&b),
                }
            });
            keys.find(|key| key.is_ne()).unwrap_or(Ordering::Equal)
        });
        Selection::Some(indices)
    }

    /// The columns that state the first and the last day of each feature, if it has them.
    pub(crate) fn day_columns(&self) -> Option<[&'static str; 2]> {
        let there = |pair: &[&str; 2]| pair.iter().all(|c| self.layer.column(c).is_some());
        DAY_COLUMNS.into_iter().find(there)
    }

    /// The features that meet a box and a time. Features without a place or a time meet any.
    pub(crate) fn select(&self, bbox: Option<&Bbox>, time: Option<TimeQuery>) -> Selection {
        let in_time = |index: u32| match (&self.times, time) {
            (_, None) => true,
            (Times::Alike(days), Some(t)) => days.is_none_or(|d| t.meets(d)),
            (Times::Each(each), Some(t)) => each[index as usize].is_none_or(|d| t.meets(d)),
        };
        if let (Times::Alike(Some(days)), Some(t)) = (&self.times, time)
            && !t.meets(*days)
        {
            return Selection::Some(Vec::new());
        }
        let Some(bbox) = bbox else {
            let all = self.len();
            return match (&self.times, time) {
                (_, None) | (Times::Alike(_), _) => Selection::All(all),
                _ => Selection::Some((0_u32..).take(all).filter(|&i| in_time(i)).collect()),
            };
        };
        let mut found: Vec<u32> = self.nowhere.clone();
        for part in &bbox.parts {
            let envelope = AABB::from_corners(part.min, part.max);
            let near = self
                .tree
                .locate_in_envelope_intersecting(envelope)
                .map(|entry| entry.data);
            found.extend(near.filter(|&i| {
                self.layer.features[i as usize]
                    .geometry
                    .intersects(&part.shape)
            }));
        }
        found.retain(|&index| in_time(index));
        found.sort_unstable();
        found.dedup();
        Selection::Some(found)
    }
}

fn times(layer: &Layer) -> Times {
    let whole = layer.days.as_ref().and_then(|(a, b)| Days::new(a, b));
    let pair = DAY_COLUMNS
        .iter()
        .find_map(|[a, b]| Some((layer.column(a)?, layer.column(b)?)));
    let Some((first, last)) = pair else {
        return Times::Alike(whole);
    };
    let own = |feature: &Feature| match (feature.values.get(first), feature.values.get(last)) {
        (Some(Value::Text(a)), Some(Value::Text(b))) => Days::new(a, b),
        _ => None,
    };
    let each: Vec<_> = layer.features.iter().map(|f| own(f).or(whole)).collect();
    match each.first() {
        Some(days) if each.iter().all(|d| d == days) => Times::Alike(*days),
        Some(_) => Times::Each(each),
        None => Times::Alike(whole),
    }
}

/// The members of a provenance that are plain values or lists of them.
fn brief(provenance: &Map<String, Json>) -> Json {
    let plain = |v: &Json| !v.is_object() && !v.is_array();
    let keep = |v: &Json| plain(v) || v.as_array().is_some_and(|list| list.iter().all(plain));
    let kept = provenance.iter().filter(|(_, v)| keep(v));
    Json::Object(kept.map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// Two values of one column, neither of them null.
fn by_value(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Real(a), Value::Real(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        // A column has one type.
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use isopleth_core::domain::{LonLat, Site};
    use isopleth_io::cql2::Expression;

    use super::*;
    use crate::places::place_layers;

    #[test]
    fn a_filter_ends_when_nobody_waits_for_it() {
        let site = |n: u32| Site {
            id: n.to_string(),
            name: format!("Pub {n}"),
            class: "pub".into(),
            position: LonLat::new(0.1, 51.5).unwrap(),
            number: None,
        };
        let sites: Vec<_> = (0..9).map(site).collect();
        let (_, layer) = place_layers(&[], &sites, &[]).next().unwrap();
        let filter = Expression::from_text("name > 'Pub 4'").unwrap();
        let filter = [filter.compile(&layer.columns, Crs::Crs84).unwrap()];
        let dataset = Dataset::of_content(layer);
        let all = || Selection::All(dataset.len());
        let found = dataset.filtered(all(), &filter, || true);
        assert_eq!(found.unwrap().len(), 4);
        assert!(dataset.filtered(all(), &filter, || false).is_none());
    }
}
