//! The MapLibre style of a layer's vector tiles (MapLibre Style Specification, version 8).

use serde_json::{Value as Json, json};

use super::{Class, Draw, Rule, Symbology};
use crate::layer::Value;

/// Media type of a style.
pub const MEDIA_TYPE: &str = "application/vnd.mapbox.style+json";

/// The style of a layer whose tiles are described by the TileJSON document at `tile_json`, where
/// they have the layer `source_layer`. It needs no fonts and no icons; the member
/// `metadata.isopleth:legend` has the classes in words.
#[must_use]
pub fn maplibre_style(
    symbology: &Symbology,
    title: &str,
    source_layer: &str,
    tile_json: &str,
) -> Json {
    let legend: Vec<_> = symbology
        .legend()
        .iter()
        .map(|class| json!({ "label": class.label, "colour": class.colour.hex() }))
        .collect();
    let layer = |kind: &str, paint: Json, layout: Json| {
        let mut layer = json!({
            "id": format!("{source_layer} {kind}"),
            "type": kind,
            "source": source_layer,
            "source-layer": source_layer,
            "paint": paint,
            "layout": layout,
        });
        if let Some(filter) = drawn(&symbology.rule) {
            layer["filter"] = filter;
        }
        layer
    };
    let colour = by_class(&symbology.rule, |class| json!(class.colour.hex()));
    let above = order(&symbology.rule);
    let layers = match symbology.draw {
        Draw::Points => vec![layer(
            "circle",
            json!({
                "circle-color": colour,
                "circle-opacity": symbology.opacity,
                "circle-radius": by_class(&symbology.rule, |class| json!(class.radius)),
                "circle-stroke-color": "#ffffff",
                "circle-stroke-width": 0.75,
            }),
            json!({ "circle-sort-key": above }),
        )],
        Draw::Lines => vec![layer(
            "line",
            json!({ "line-color": colour, "line-width": 3 }),
            json!({ "line-cap": "round", "line-join": "round", "line-sort-key": above }),
        )],
        Draw::Areas => {
            let fill = json!({ "fill-color": colour, "fill-opacity": symbology.opacity });
            let mut layers = vec![layer("fill", fill, json!({ "fill-sort-key": above }))];
            if symbology.outlined {
                let line = json!({ "line-color": "#3c3c3c", "line-width": 1 });
                layers.push(layer("line", line, json!({ "line-join": "bevel" })));
            }
            layers
        }
    };
    json!({
        "version": 8,
        "name": title,
        "metadata": { "isopleth:legend": legend },
        "sources": { source_layer: { "type": "vector", "url": tile_json } },
        "layers": layers,
    })
}

/// Which features are drawn; none if all are.
fn drawn(rule: &Rule) -> Option<Json> {
    match rule {
        Rule::Ranges { .. } => {
            let conditions = conditions(rule).into_iter().map(|(condition, _)| condition);
            Some([json!("any")].into_iter().chain(conditions).collect())
        }
        Rule::One(_) | Rule::Values { .. } => None,
    }
}

/// The condition of each class; properties that a feature lacks are not compared.
fn conditions(rule: &Rule) -> Vec<(Json, &Class)> {
    match rule {
        Rule::One(_) => Vec::new(),
        Rule::Ranges { column, classes } => {
            let has = json!(["has", column]);
            let value = json!(["get", column]);
            let of =
                |r: &super::Range| json!(["all", has, [">=", value, r.from], ["<=", value, r.to]]);
            classes.iter().map(|r| (of(r), &r.class)).collect()
        }
        Rule::Values {
            column,
            only,
            classes,
            ..
        } => {
            let of = |word: &str| {
                let is = json!(["==", ["get", column], word]);
                match only {
                    None => is,
                    Some((other, value)) => {
                        json!(["all", is, ["==", ["get", other], literal(value)]])
                    }
                }
            };
            classes.iter().map(|(word, c)| (of(word), c)).collect()
        }
    }
}

fn literal(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(v) => json!(v),
        Value::Integer(v) => json!(v),
        Value::Real(v) => json!(v),
        Value::Text(v) => json!(v),
    }
}

/// An expression with a value for each class.
fn by_class(rule: &Rule, value: impl Fn(&Class) -> Json) -> Json {
    let last = match rule {
        Rule::One(class) => return value(class),
        Rule::Ranges { classes, .. } => match classes.last() {
            Some(range) => &range.class,
            None => return Json::Null,
        },
        Rule::Values { other, .. } => other,
    };
    let mut case = vec![json!("case")];
    for (condition, class) in conditions(rule) {
        case.extend([condition, value(class)]);
    }
    case.push(value(last));
    Json::Array(case)
}

/// An expression that is greater the earlier the class.
fn order(rule: &Rule) -> Json {
    let conditions = conditions(rule);
    if conditions.is_empty() {
        return json!(0);
    }
    let mut case = vec![json!("case")];
    let places = (1..=conditions.len()).rev();
    for ((condition, _), place) in conditions.into_iter().zip(places) {
        case.extend([condition, json!(place)]);
    }
    case.push(json!(0));
    Json::Array(case)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{ColumnType, GeometryKind};
    use crate::symbology::tests::layer;

    #[test]
    fn a_style_names_its_source_and_its_classes() {
        let hotspots = layer(GeometryKind::Polygon, &[("rank", ColumnType::Integer)]);
        let symbology = Symbology::of_layer(&hotspots);
        let address = "https://maps.test/tiles/hotspots/tilejson.json";
        let style = maplibre_style(&symbology, "Hotspots", "hotspots", address);
        assert_eq!(style["version"], 8);
        assert_eq!(style["sources"]["hotspots"]["url"], address);
        assert_eq!(style["layers"][0]["source-layer"], "hotspots");
        assert_eq!(style["layers"][1]["type"], "line");
        let colour = &style["layers"][0]["paint"]["fill-color"];
        assert_eq!(colour[0], "case");
        assert_eq!(
            colour[1],
            json!([
                "all",
                ["has", "rank"],
                [">=", ["get", "rank"], 1.0],
                ["<=", ["get", "rank"], 3.0]
            ])
        );
        assert_eq!(colour[2], "#bd0026");
        assert_eq!(
            style["metadata"]["isopleth:legend"][4]["label"],
            "Rank beyond 50"
        );
    }
}
