//! Pictures of a layer.
//!
//! [`render`] draws a layer as its [`Symbology`] says into a box of one of three coordinate
//! reference systems, in a PNG picture. Areas are drawn in the order of their ranks from below, so
//! that the first lies on top. Layers that go by rank have the ranks written on them where there
//! is room. The cells of a surface are not smoothed at their edges: they touch, and smoothing
//! would draw a line between them.
//!
//! At one place, half a pixel wide, at most four points of a class are drawn: more could not be
//! told apart.

mod numerals;
mod view;

use std::collections::HashMap;

use geo::{BoundingRect, Geometry, InteriorPoint};
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke, Transform};

pub use view::{MAX_PIXELS, MAX_SIDE, View, ViewError, shown};

use crate::layer::{Layer, Value};
use crate::symbology::{Class, Colour, Draw, Rule, Symbology};
use crate::tiles::clip::{self, Window};

/// Room around the picture that is drawn as well, pixels.
const MARGIN: f64 = 32.0;
/// Most points of a class that are drawn at one place.
const STACK: u8 = 4;
/// The last rank that is written.
const LAST_RANK: i64 = 99;

/// A picture that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The picture has no memory or no size.
    #[error("a picture of {0} by {1} pixels cannot be made")]
    Size(u32, u32),
    /// The picture cannot be written.
    #[error("the picture cannot be encoded as PNG: {0}")]
    Encode(String),
}

/// What lies below the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Nothing: the picture is transparent.
    Transparent,
    /// A colour.
    Colour(Colour),
}

/// Draws a layer; returns a PNG picture.
///
/// # Errors
/// [`RenderError`].
pub fn render(layer: &Layer, view: &View, background: Background) -> Result<Vec<u8>, RenderError> {
    let (width, height) = (view.width(), view.height());
    let mut pixmap = Pixmap::new(width, height).ok_or(RenderError::Size(width, height))?;
    if let Background::Colour(c) = background {
        pixmap.fill(tiny_skia::Color::from_rgba8(c.r, c.g, c.b, 255));
    }
    let symbology = Symbology::of_layer(layer);
    let mut canvas = Canvas {
        pixmap,
        symbology: &symbology,
        window: Window {
            min: [-MARGIN; 2],
            max: [f64::from(width) + MARGIN, f64::from(height) + MARGIN],
        },
        stacks: HashMap::new(),
    };
    let [west, south, east, north] = view.degrees();
    let near = |geometry: &Geometry| {
        geometry.bounding_rect().is_some_and(|r| {
            r.min().x <= east && r.max().x >= west && r.min().y <= north && r.max().y >= south
        })
    };
    for feature in layer.features.iter().rev() {
        if near(&feature.geometry)
            && let Some(class) = symbology.class(layer, feature)
        {
            canvas.draw(view, &feature.geometry, class);
        }
    }
    if matches!(&symbology.rule, Rule::Ranges { column, .. } if column == "rank") {
        let mut taken = Vec::new();
        for feature in layer.features.iter().filter(|f| near(&f.geometry)) {
            if let Some(Value::Integer(rank @ 1..=LAST_RANK)) = layer.value(feature, "rank")
                && let Some(at) = feature.geometry.interior_point()
                && let Some(at) = view.pixel([at.x(), at.y()])
            {
                numerals::write(&mut canvas.pixmap, *rank, at, &mut taken);
            }
        }
    }
    let encoded = canvas.pixmap.encode_png();
    encoded.map_err(|error| RenderError::Encode(error.to_string()))
}

struct Canvas<'a> {
    pixmap: Pixmap,
    symbology: &'a Symbology,
    window: Window,
    /// How many points of a colour were drawn at a place.
    stacks: HashMap<(i32, i32, [u8; 3]), u8>,
}

impl Canvas<'_> {
    fn draw(&mut self, view: &View, geometry: &Geometry, class: &Class) {
        match self.symbology.draw {
            Draw::Areas => {
                let mut path = PathBuilder::new();
                self.rings(view, geometry, &mut path);
                self.area(path, class);
            }
            Draw::Lines => {
                let mut path = PathBuilder::new();
                self.lines(view, geometry, &mut path);
                self.line(path, class);
            }
            Draw::Points => self.points(view, geometry, class),
        }
    }

    fn rings(&self, view: &View, geometry: &Geometry, path: &mut PathBuilder) {
        let mut add = |polygon: &geo::Polygon| {
            for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
                let mut pixels = view.ring(ring);
                clip::ring(&self.window, &mut pixels, &mut Vec::new());
                if pixels.len() > 2 {
                    trace(path, &pixels);
                    path.close();
                }
            }
        };
        match geometry {
            Geometry::Polygon(polygon) => add(polygon),
            Geometry::MultiPolygon(all) => all.iter().for_each(add),
            Geometry::Rect(rect) => add(&rect.to_polygon()),
            Geometry::Triangle(triangle) => add(&triangle.to_polygon()),
            Geometry::GeometryCollection(all) => {
                all.iter().for_each(|g| self.rings(view, g, path));
            }
            _ => {}
        }
    }

    fn lines(&self, view: &View, geometry: &Geometry, path: &mut PathBuilder) {
        let mut add = |line: &geo::LineString| {
            for pixels in view.lines(line) {
                clip::line(&self.window, &pixels, |part| trace(path, part));
            }
        };
        match geometry {
            Geometry::LineString(line) => add(line),
            Geometry::MultiLineString(all) => all.iter().for_each(add),
            Geometry::Line(line) => add(&geo::LineString::from(*line)),
            Geometry::GeometryCollection(all) => {
                all.iter().for_each(|g| self.lines(view, g, path));
            }
            _ => {}
        }
    }

    fn points(&mut self, view: &View, geometry: &Geometry, class: &Class) {
        let mut add = |at: &geo::Point| {
            let Some(p) = view.pixel([at.x(), at.y()]) else {
                return;
            };
            if self.window.contains(p) {
                self.point(p, class);
            }
        };
        match geometry {
            Geometry::Point(point) => add(point),
            Geometry::MultiPoint(all) => all.iter().for_each(add),
            Geometry::GeometryCollection(all) => {
                all.iter().for_each(|g| self.points(view, g, class));
            }
            _ => {}
        }
    }

    fn area(&mut self, path: PathBuilder, class: &Class) {
        let Some(path) = path.finish() else { return };
        let mut paint = paint(class.colour, self.symbology.opacity);
        paint.anti_alias = self.symbology.outlined;
        let whole = Transform::identity();
        self.pixmap
            .fill_path(&path, &paint, FillRule::EvenOdd, whole, None);
        if self.symbology.outlined {
            let stroke = Stroke {
                width: 1.0,
                line_join: LineJoin::Bevel,
                ..Stroke::default()
            };
            let dark = self::paint(Colour::new(60, 60, 60), 1.0);
            self.pixmap.stroke_path(&path, &dark, &stroke, whole, None);
        }
    }

    fn line(&mut self, path: PathBuilder, class: &Class) {
        let Some(path) = path.finish() else { return };
        let stroke = Stroke {
            width: 3.0,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        let paint = paint(class.colour, 1.0);
        self.pixmap
            .stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }

    fn point(&mut self, [x, y]: [f64; 2], class: &Class) {
        let c = class.colour;
        let place = (
            (x * 2.0).floor() as i32,
            (y * 2.0).floor() as i32,
            [c.r, c.g, c.b],
        );
        let drawn = self.stacks.entry(place).or_default();
        if *drawn >= STACK {
            return;
        }
        *drawn += 1;
        let circle = PathBuilder::from_circle(x as f32, y as f32, class.radius as f32);
        let Some(circle) = circle else { return };
        let whole = Transform::identity();
        let inside = paint(c, self.symbology.opacity);
        self.pixmap
            .fill_path(&circle, &inside, FillRule::Winding, whole, None);
        let stroke = Stroke {
            width: 0.75,
            ..Stroke::default()
        };
        let edge = paint(Colour::new(255, 255, 255), 1.0);
        self.pixmap
            .stroke_path(&circle, &edge, &stroke, whole, None);
    }
}

fn trace(path: &mut PathBuilder, pixels: &[[f64; 2]]) {
    for (at, p) in pixels.iter().enumerate() {
        let (x, y) = (p[0] as f32, p[1] as f32);
        if at == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
}

fn paint(colour: Colour, opacity: f64) -> Paint<'static> {
    let mut paint = Paint::default();
    let alpha = (opacity * 255.0).round() as u8;
    paint.set_color_rgba8(colour.r, colour.g, colour.b, alpha);
    paint.anti_alias = true;
    paint
}

#[cfg(test)]
mod tests;
