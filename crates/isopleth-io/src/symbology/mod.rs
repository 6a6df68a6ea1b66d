//! How a layer is drawn: one set of classes and colours for every output.
//!
//! The QGIS style of a GeoPackage, the MapLibre style of vector tiles and the pictures of maps are
//! all made from [`Symbology::of_layer`], so that a hotspot has the same colour wherever it is
//! seen.
//!
//! # Classes
//!
//! | layer | classes |
//! |---|---|
//! | ranked areas | rank 1 to 3, 4 to 10, 11 to 20, 21 to 50, beyond |
//! | isopleths by volume | the share of the density that they hold: up to a quarter, a half, three quarters, all |
//! | surfaces, other contours, streets | multiples of the mean over the layer, as the Home Office's hotspot toolkit draws them |
//! | Getis-Ord | adjusted p of hot cells at most 0.01, 0.05, 0.10; all other cells alike |
//! | local Moran | the quadrants of significant cells; all other cells alike |
//! | emerging hot spots | the categories of hot cells; all other cells alike |
//! | comparisons of two sides | a half, four fifths, five quarters and twice the other side |
//! | changes of counts | 50 and 10 more or fewer |
//! | points with counts | 1, 2 to 4, 5 to 9, 10 to 19, 20 and more, in growing circles |
//!
//! Classes of equal count would paint the same amount of red whatever happened; there are none.
//! A feature without a value in the column of the classes is not drawn.
//!
//! # Colours
//!
//! Sequential classes go from dark red to pale yellow and print in grey. Changes go from brown
//! (more) to violet (fewer). Categories have the colours of Okabe and Ito (2008). Tests hold that
//! neighbours stay apart for people with impaired colour vision.

mod colour;
mod maplibre;

pub use colour::Colour;
pub use maplibre::{MEDIA_TYPE as MAPLIBRE_MEDIA_TYPE, maplibre_style};

use crate::layer::{ColumnType, Feature, GeometryKind, Layer, Value};
use crate::words::thousands;

/// From the darkest (first) to the lightest.
const SEQUENTIAL: [Colour; 5] = [
    Colour::new(189, 0, 38),
    Colour::new(240, 59, 32),
    Colour::new(253, 141, 60),
    Colour::new(254, 204, 92),
    Colour::new(255, 255, 178),
];

/// From much more to much less.
const DIVERGING: [Colour; 5] = [
    Colour::new(179, 88, 6),
    Colour::new(253, 184, 99),
    Colour::new(247, 247, 247),
    Colour::new(178, 171, 210),
    Colour::new(84, 39, 136),
];

const OTHER: Colour = Colour::new(217, 217, 217);

/// Columns that a layer is coloured by, in order of preference.
const GRADED: [&str; 12] = [
    "harm_density_per_km2",
    "density_per_km2",
    "density_per_km",
    "density",
    // Contours: by count the widest would be the darkest.
    "threshold_harm_per_km2",
    "threshold_per_km2",
    "level_harm_per_km2",
    "level_per_km2",
    "from_harm_per_km2",
    "from_per_km2",
    "risk",
    "count",
];

/// What is drawn of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// A circle.
    Points,
    /// A line.
    Lines,
    /// A filled area.
    Areas,
}

/// A class: what its features have in common, in words, and how they look.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// For legends.
    pub label: String,
    /// Colour.
    pub colour: Colour,
    /// Radius of points, pixels of 1/96 inch.
    pub radius: f64,
}

/// A class by a number: of the classes that hold it, the first counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Least value.
    pub from: f64,
    /// Greatest value, included.
    pub to: f64,
    /// The class.
    pub class: Class,
}

/// What the classes go by.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// All features alike.
    One(Class),
    /// A number; features without one, or beyond all classes, are not drawn.
    Ranges {
        /// Column of the number.
        column: String,
        /// The classes, that on top first.
        classes: Vec<Range>,
    },
    /// A word.
    Values {
        /// Column of the word.
        column: String,
        /// Only features with this value in this column have a class; others are `other`.
        only: Option<(String, Value)>,
        /// The words and their classes, that on top first.
        classes: Vec<(String, Class)>,
        /// All other features.
        other: Class,
    },
}

/// How a layer is drawn. See the [module](self).
#[derive(Debug, Clone, PartialEq)]
pub struct Symbology {
    /// What is drawn.
    pub draw: Draw,
    /// What the classes go by.
    pub rule: Rule,
    /// Whether areas are outlined; the cells of a surface are not.
    pub outlined: bool,
    /// How much of what lies below areas is hidden, from 0 to 1.
    pub opacity: f64,
}

impl Symbology {
    /// How a layer is drawn.
    #[must_use]
    pub fn of_layer(layer: &Layer) -> Self {
        let draw = match layer.geometry {
            GeometryKind::Point => Draw::Points,
            GeometryKind::LineString | GeometryKind::MultiLineString => Draw::Lines,
            GeometryKind::Polygon | GeometryKind::MultiPolygon => Draw::Areas,
        };
        let ranked = || layer.column("rank").map(|_| ranks());
        let graded = || graded(layer);
        let special = significance(layer)
            .or_else(|| quadrants(layer))
            .or_else(|| categories(layer))
            .or_else(|| changes(layer))
            .or_else(|| comparison(layer))
            .or_else(|| volumes(layer));
        let rule = match draw {
            Draw::Points => counts(layer).or_else(ranked).or_else(graded),
            // Lines cover the ground, and few of them have a rank that matters.
            Draw::Lines => graded().or_else(ranked),
            Draw::Areas => special.or_else(ranked).or_else(graded),
        };
        let outlined = match &rule {
            Some(Rule::Ranges { column, .. }) => {
                matches!(column.as_str(), "rank" | "volume") || layer.column("code").is_some()
            }
            Some(Rule::Values { .. }) => false,
            Some(Rule::One(_)) | None => true,
        };
        Self {
            draw,
            // An area that has nothing to be coloured by is an outline.
            opacity: match (&rule, draw) {
                (None, Draw::Areas) => 0.1,
                (_, Draw::Points) => 0.8,
                _ => 0.7,
            },
            rule: rule.unwrap_or_else(|| {
                Rule::One(Class {
                    label: layer.title.clone(),
                    colour: Colour::new(31, 120, 180),
                    radius: 4.0,
                })
            }),
            outlined,
        }
    }

    /// The classes for a legend, that on top first.
    #[must_use]
    pub fn legend(&self) -> Vec<&Class> {
        match &self.rule {
            Rule::One(class) => vec![class],
            Rule::Ranges { classes, .. } => classes.iter().map(|r| &r.class).collect(),
            Rule::Values { classes, other, .. } => {
                classes.iter().map(|(_, c)| c).chain([other]).collect()
            }
        }
    }

    /// The class of a feature, if it is drawn.
    #[must_use]
    pub fn class<'a>(&'a self, layer: &Layer, feature: &Feature) -> Option<&'a Class> {
        match &self.rule {
            Rule::One(class) => Some(class),
            Rule::Ranges { column, classes } => {
                let value = number(layer.value(feature, column)?)?;
                let range = classes.iter().find(|r| r.from <= value && value <= r.to)?;
                Some(&range.class)
            }
            Rule::Values {
                column,
                only,
                classes,
                other,
            } => {
                let counts = only
                    .as_ref()
                    .is_none_or(|(column, value)| layer.value(feature, column) == Some(value));
                let found = classes.iter().find(|(word, _)| {
                    matches!(layer.value(feature, column), Some(Value::Text(text)) if text == word)
                });
                Some(match found {
                    Some((_, class)) if counts => class,
                    _ => other,
                })
            }
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(v) => Some(*v as f64),
        Value::Real(v) => Some(*v),
        _ => None,
    }
}

fn range(from: f64, to: f64, label: impl Into<String>, colour: Colour) -> Range {
    Range {
        from,
        to,
        class: Class {
            label: label.into(),
            colour,
            radius: 4.0,
        },
    }
}

fn class(label: &str, colour: Colour) -> Class {
    Class {
        label: label.to_owned(),
        colour,
        radius: 4.0,
    }
}

/// Beyond any number that is drawn.
const MOST: f64 = 1e9;

fn ranks() -> Rule {
    let [a, b, c, d, e] = SEQUENTIAL;
    Rule::Ranges {
        column: "rank".to_owned(),
        classes: vec![
            range(1.0, 3.0, "Rank 1 to 3", a),
            range(4.0, 10.0, "Rank 4 to 10", b),
            range(11.0, 20.0, "Rank 11 to 20", c),
            range(21.0, 50.0, "Rank 21 to 50", d),
            range(51.0, MOST, "Rank beyond 50", e),
        ],
    }
}

/// Isopleths hold each other: the smallest is the densest ground, and lies on top.
fn volumes(layer: &Layer) -> Option<Rule> {
    layer.column("volume")?;
    let of = |column: &str| layer.column(column).is_some();
    let what = match (of("threshold_per_km2"), of("threshold_harm_per_km2")) {
        (true, _) => "density",
        (_, true) => "harm",
        _ => return None,
    };
    let smallest = format!("Smallest area with up to 25 % of the {what}");
    let [a, _, c, d, e] = SEQUENTIAL;
    Some(Rule::Ranges {
        column: "volume".to_owned(),
        classes: vec![
            range(0.0, 0.25, smallest, a),
            range(0.25, 0.5, "With up to 50 %", c),
            range(0.5, 0.75, "With up to 75 %", d),
            range(0.75, 1.0, "With up to 100 %", e),
        ],
    })
}

fn counts(layer: &Layer) -> Option<Rule> {
    let at = layer.column("count")?;
    if layer.columns[at].kind != ColumnType::Integer {
        return None;
    }
    let classes = [
        (20.0, MOST, "20 and more", 10.0),
        (10.0, 19.0, "10 to 19", 8.0),
        (5.0, 9.0, "5 to 9", 6.5),
        (2.0, 4.0, "2 to 4", 5.0),
        (0.0, 1.0, "1 or none", 3.5),
    ];
    let classes = classes.into_iter().zip(SEQUENTIAL);
    Some(Rule::Ranges {
        column: "count".to_owned(),
        classes: classes
            .map(|((from, to, label, radius), colour)| {
                let mut range = range(from, to, label, colour);
                range.class.radius = radius;
                range
            })
            .collect(),
    })
}

/// Classes by multiples of the mean over the layer, the highest first; none for fewer than two
/// different values.
fn graded(layer: &Layer) -> Option<Rule> {
    let column = GRADED
        .into_iter()
        .find(|name| layer.column(name).is_some())?;
    let values: Vec<f64> = layer
        .features
        .iter()
        .filter_map(|feature| number(layer.value(feature, column)?))
        .collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    if lowest >= highest || mean <= 0.0 {
        return None;
    }
    let top = SEQUENTIAL.len() - 1;
    let classes = SEQUENTIAL.iter().enumerate().map(|(place, &colour)| {
        let times = top - place;
        let from = times as f64 * mean;
        let to = if times == top {
            highest.max(from)
        } else {
            from + mean
        };
        let label = match times {
            t if t == top => format!(
                "more than {t} times the mean ({} to {})",
                short(from),
                short(to)
            ),
            0 => format!("below the mean (0 to {})", short(to)),
            t => format!(
                "{t} to {} times the mean ({} to {})",
                t + 1,
                short(from),
                short(to)
            ),
        };
        range(from, to, label, colour)
    });
    Some(Rule::Ranges {
        column: column.to_owned(),
        classes: classes.collect(),
    })
}

fn short(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract() == 0.0 {
        thousands(value.round() as u64)
    } else {
        format!("{value:.2}")
    }
}

fn significance(layer: &Layer) -> Option<Rule> {
    layer.column("class")?;
    layer.column("z")?;
    let [a, _, c, d, _] = SEQUENTIAL;
    Some(Rule::Values {
        column: "class".to_owned(),
        only: None,
        classes: vec![
            (
                "hot_99".to_owned(),
                class("Hot, adjusted p at most 0.01", a),
            ),
            (
                "hot_95".to_owned(),
                class("Hot, adjusted p at most 0.05", c),
            ),
            (
                "hot_90".to_owned(),
                class("Hot, adjusted p at most 0.10", d),
            ),
        ],
        other: class("Not significantly hot", OTHER),
    })
}

fn quadrants(layer: &Layer) -> Option<Rule> {
    layer.column("quadrant")?;
    layer.column("significant")?;
    let of =
        |word: &str, label: &str, r, g, b| (word.to_owned(), class(label, Colour::new(r, g, b)));
    Some(Rule::Values {
        column: "quadrant".to_owned(),
        only: Some(("significant".to_owned(), Value::Boolean(true))),
        classes: vec![
            of("high_high", "High among high", 189, 0, 38),
            of("high_low", "High among low", 253, 141, 60),
            of("low_high", "Low among high", 146, 197, 222),
            of("low_low", "Low among low", 5, 76, 150),
        ],
        other: class("Not significant", OTHER),
    })
}

fn categories(layer: &Layer) -> Option<Rule> {
    let at = layer.column("category")?;
    layer.column("side")?;
    let all = [
        ("new", "New", Colour::new(230, 159, 0)),
        ("consecutive", "Consecutive", Colour::new(240, 228, 66)),
        ("intensifying", "Intensifying", Colour::new(213, 94, 0)),
        ("persistent", "Persistent", Colour::new(0, 0, 0)),
        ("diminishing", "Diminishing", Colour::new(86, 180, 233)),
        ("sporadic", "Sporadic", Colour::new(0, 158, 115)),
        ("oscillating", "Oscillating", Colour::new(204, 121, 167)),
        ("historical", "Historical", Colour::new(0, 114, 178)),
    ];
    let presence = [
        ("persistent", "Persistent", Colour::new(0, 0, 0)),
        ("emerging", "Emerging", Colour::new(213, 94, 0)),
        ("intermittent", "Intermittent", Colour::new(86, 180, 233)),
        ("former", "Former", Colour::new(0, 114, 178)),
        ("mixed", "Mixed", Colour::new(230, 159, 0)),
    ];
    // The two definitions share one word only; any other tells which it is.
    let of_presence = |f: &Feature| {
        matches!(f.values.get(at), Some(Value::Text(word))
            if word != "persistent" && presence.iter().any(|p| p.0 == word))
    };
    let list = if layer.features.iter().any(of_presence) {
        &presence[..]
    } else {
        &all[..]
    };
    Some(Rule::Values {
        column: "category".to_owned(),
        only: Some(("side".to_owned(), Value::Text("hot".to_owned()))),
        classes: list
            .iter()
            .map(|(word, label, colour)| ((*word).to_owned(), class(label, *colour)))
            .collect(),
        other: class("No hot pattern", OTHER),
    })
}

fn changes(layer: &Layer) -> Option<Rule> {
    let at = layer.column("difference")?;
    layer.column("before_count")?;
    if layer.columns[at].kind != ColumnType::Integer {
        return None;
    }
    let [a, b, c, d, e] = DIVERGING;
    Some(Rule::Ranges {
        column: "difference".to_owned(),
        classes: vec![
            range(50.0, MOST, "50 or more more than before", a),
            range(10.0, 49.0, "10 to 49 more", b),
            range(-9.0, 9.0, "Within 9 of before", c),
            range(-49.0, -10.0, "10 to 49 fewer", d),
            range(-MOST, -50.0, "50 or more fewer than before", e),
        ],
    })
}

fn comparison(layer: &Layer) -> Option<Rule> {
    layer.column("count_against")?;
    let [a, b, c, d, e] = DIVERGING;
    let labels = [
        "At least twice the other side",
        "Five quarters to twice",
        "Four fifths to five quarters",
        "A half to four fifths",
        "At most half the other side",
    ];
    let [twice, more] = [2.0, 1.25];
    let (column, bounds) = ["ratio", "relative_risk", "log_ratio", "log_relative_risk"]
        .into_iter()
        .find(|name| layer.column(name).is_some())
        .map(|name| {
            let bounds = [twice, more, 1.0 / more, 1.0 / twice];
            if name.starts_with("log_") {
                (name, bounds.map(libm::log))
            } else {
                (name, bounds)
            }
        })?;
    let [w, x, y, z] = bounds;
    let least = if column.starts_with("log_") {
        -MOST
    } else {
        0.0
    };
    let ranges = [(w, MOST, a), (x, w, b), (y, x, c), (z, y, d), (least, z, e)];
    Some(Rule::Ranges {
        column: column.to_owned(),
        classes: ranges
            .into_iter()
            .zip(labels)
            .map(|((from, to, colour), label)| range(from, to, label, colour))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Column;

    pub(super) fn layer(geometry: GeometryKind, columns: &[(&str, ColumnType)]) -> Layer {
        Layer {
            title: "Layer".into(),
            description: String::new(),
            geometry,
            columns: columns
                .iter()
                .map(|(name, kind)| Column {
                    name: (*name).into(),
                    kind: *kind,
                    unit: None,
                    meaning: String::new(),
                })
                .collect(),
            features: Vec::new(),
            days: None,
            provenance: serde_json::Map::new(),
        }
    }

    fn feature(values: Vec<Value>) -> Feature {
        Feature {
            id: "1".into(),
            geometry: geo::Point::new(0.0, 0.0).into(),
            values,
        }
    }

    fn column(symbology: &Symbology) -> &str {
        match &symbology.rule {
            Rule::One(_) => "",
            Rule::Ranges { column, .. } | Rule::Values { column, .. } => column,
        }
    }

    #[test]
    fn each_kind_of_layer_goes_by_what_it_is_about() {
        use ColumnType::{Boolean, Integer, Real, Text};
        use GeometryKind::{LineString, Point, Polygon};
        let rank = ("rank", Integer);
        for (geometry, columns, expected) in [
            (Polygon, &[rank, ("density_per_km2", Real)][..], "rank"),
            (Polygon, &[rank, ("class", Text), ("z", Real)], "class"),
            (
                Polygon,
                &[rank, ("quadrant", Text), ("significant", Boolean)],
                "quadrant",
            ),
            (
                Polygon,
                &[rank, ("category", Text), ("side", Text)],
                "category",
            ),
            (
                Polygon,
                &[rank, ("before_count", Integer), ("difference", Integer)],
                "difference",
            ),
            (
                Polygon,
                &[
                    ("log_ratio", Real),
                    ("count", Integer),
                    ("count_against", Integer),
                ],
                "log_ratio",
            ),
            (
                Polygon,
                &[("volume", Real), ("threshold_per_km2", Real)],
                "volume",
            ),
            (Polygon, &[rank, ("relative_risk", Real)], "rank"),
            (Point, &[rank, ("count", Integer)], "count"),
            (Point, &[rank], "rank"),
            (Point, &[("name", Text)], ""),
            (LineString, &[rank], "rank"),
            (Polygon, &[("code", Text)], ""),
        ] {
            let symbology = Symbology::of_layer(&layer(geometry, columns));
            assert_eq!(column(&symbology), expected, "{columns:?}");
        }
    }

    #[test]
    fn a_surface_goes_by_multiples_of_its_mean() {
        let mut surface = layer(
            GeometryKind::Polygon,
            &[("density_per_km2", ColumnType::Real)],
        );
        let values = [0.0, 10.0, 20.0, 90.0];
        surface.features = values
            .iter()
            .map(|v| feature(vec![Value::Real(*v)]))
            .collect();
        let symbology = Symbology::of_layer(&surface);
        assert!(!symbology.outlined);
        let labels: Vec<_> = surface
            .features
            .iter()
            .map(|f| symbology.class(&surface, f).unwrap().label.as_str())
            .collect();
        assert_eq!(
            labels,
            [
                "below the mean (0 to 30)",
                "below the mean (0 to 30)",
                "below the mean (0 to 30)",
                "3 to 4 times the mean (90 to 120)"
            ]
        );
        assert_eq!(symbology.class(&surface, &feature(vec![Value::Null])), None);
        surface.features.truncate(1);
        assert!(matches!(Symbology::of_layer(&surface).rule, Rule::One(_)));
    }

    #[test]
    fn only_hot_cells_have_a_category() {
        let emerging = layer(
            GeometryKind::Polygon,
            &[("category", ColumnType::Text), ("side", ColumnType::Text)],
        );
        let symbology = Symbology::of_layer(&emerging);
        let label = |category: &str, side: &str| {
            let text = |t: &str| Value::Text(t.into());
            let f = feature(vec![text(category), text(side)]);
            symbology.class(&emerging, &f).unwrap().label.clone()
        };
        assert_eq!(label("new", "hot"), "New");
        assert_eq!(label("new", "cold"), "No hot pattern");
        let none = feature(vec![Value::Null, Value::Null]);
        assert_eq!(
            symbology.class(&emerging, &none).unwrap().label,
            "No hot pattern"
        );
    }

    #[test]
    fn neighbours_stay_apart_for_everyone() {
        use ColumnType::{Boolean, Integer, Text};
        use GeometryKind::Polygon;
        for columns in [
            &[("rank", Integer)][..],
            &[("class", Text), ("z", Integer)],
            &[("quadrant", Text), ("significant", Boolean)],
            &[("category", Text), ("side", Text)],
            &[("difference", Integer), ("before_count", Integer)],
        ] {
            let symbology = Symbology::of_layer(&layer(Polygon, columns));
            for pair in symbology.legend().windows(2) {
                for vision in colour::VISIONS {
                    let apart =
                        colour::distance(vision.seen(pair[0].colour), vision.seen(pair[1].colour));
                    assert!(
                        apart > 12.0,
                        "{} and {}: {apart:.1} for {vision:?}",
                        pair[0].label,
                        pair[1].label
                    );
                }
            }
        }
    }

    #[test]
    fn sequences_print_in_grey() {
        for pair in SEQUENTIAL.windows(2) {
            let step = colour::lightness(pair[1]) - colour::lightness(pair[0]);
            assert!(step > 7.0, "{pair:?}: {step:.1}");
        }
    }
}
