//! What a writer is given: a layer, or some of its features, and the coordinates that they have.

use geo::{BoundingRect, Geometry};
use serde_json::{Map, Value as Json};

use crate::crs::{BeyondCrs, Crs};
use crate::layer::{Feature, GeometryKind, Layer};

/// A layer, or some of its features, with the coordinate reference system of its coordinates.
///
/// A layer in another system than WGS 84 is a layer whose geometries somebody has transformed.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    layer: &'a Layer,
    indices: Option<&'a [u32]>,
    crs: Crs,
    selection: Option<&'a Map<String, Json>>,
}

impl<'a> From<&'a Layer> for Part<'a> {
    fn from(layer: &'a Layer) -> Self {
        Self::whole(layer)
    }
}

impl<'a> Part<'a> {
    /// All features of a layer.
    #[must_use]
    pub fn whole(layer: &'a Layer) -> Self {
        Self {
            layer,
            indices: None,
            crs: Crs::Crs84,
            selection: None,
        }
    }

    /// The features at these places of a layer, in this order. Places that do not exist are passed
    /// over.
    #[must_use]
    pub fn some(layer: &'a Layer, indices: &'a [u32]) -> Self {
        Self {
            indices: Some(indices),
            ..Self::whole(layer)
        }
    }

    /// The same, with coordinates in another system.
    #[must_use]
    pub fn in_crs(self, crs: Crs) -> Self {
        Self { crs, ..self }
    }

    /// The same, with what was asked for of the layer: its provenance says so.
    #[must_use]
    pub fn selected(self, selection: Option<&'a Map<String, Json>>) -> Self {
        Self { selection, ..self }
    }

    /// The provenance of the layer, and what was selected of it.
    #[must_use]
    pub fn provenance(&self) -> Map<String, Json> {
        let mut provenance = self.layer.provenance.clone();
        if let Some(selection) = self.selection {
            provenance.insert("selection".to_owned(), Json::Object(selection.clone()));
        }
        provenance
    }

    /// The same features as a layer of another system.
    ///
    /// # Errors
    /// [`BeyondCrs`] for a geometry that the system does not reach.
    pub fn projected(&self, crs: Crs) -> Result<Layer, BeyondCrs> {
        let features: Result<Vec<Feature>, _> = self
            .features()
            .map(|feature| {
                Ok(Feature {
                    id: feature.id.clone(),
                    geometry: crs.place(&feature.geometry)?,
                    values: feature.values.clone(),
                })
            })
            .collect();
        let layer = self.layer;
        Ok(Layer {
            title: layer.title.clone(),
            description: layer.description.clone(),
            geometry: layer.geometry,
            columns: layer.columns.clone(),
            features: features?,
            days: layer.days.clone(),
            provenance: self.provenance(),
        })
    }

    /// The layer: its title and columns.
    #[must_use]
    pub fn layer(&self) -> &'a Layer {
        self.layer
    }

    /// The system of the coordinates.
    #[must_use]
    pub fn crs(&self) -> Crs {
        self.crs
    }

    /// The features.
    pub fn features(&self) -> impl Iterator<Item = &'a Feature> + use<'a> {
        let layer = self.layer;
        let all = match self.indices {
            None => layer.features.as_slice(),
            Some(_) => &[],
        };
        let some = self.indices.unwrap_or_default().iter();
        all.iter()
            .chain(some.filter_map(|&i| layer.features.get(i as usize)))
    }

    /// Number of features.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.indices {
            None => self.layer.features.len(),
            Some(_) => self.features().count(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.features().next().is_none()
    }

    /// West, south, east and north of the features.
    #[must_use]
    pub fn bbox(&self) -> Option<[f64; 4]> {
        self.features()
            .filter_map(|f| extent(&f.geometry))
            .reduce(|a, b| {
                [
                    a[0].min(b[0]),
                    a[1].min(b[1]),
                    a[2].max(b[2]),
                    a[3].max(b[3]),
                ]
            })
    }

    /// The kind of geometry that holds all features: the layer's own, or its set where some
    /// feature is one.
    #[must_use]
    pub fn geometry(&self) -> GeometryKind {
        let sets = || {
            self.features().any(|f| {
                matches!(
                    f.geometry,
                    Geometry::MultiLineString(_) | Geometry::MultiPolygon(_)
                ) && located(&f.geometry).is_some()
            })
        };
        match self.layer.geometry {
            GeometryKind::LineString if sets() => GeometryKind::MultiLineString,
            GeometryKind::Polygon if sets() => GeometryKind::MultiPolygon,
            own => own,
        }
    }

    /// A name for a column that the format adds: the one wanted, with `_` at its end for as long
    /// as the layer has it already. Upper and lower case are not told apart, as in most databases.
    #[must_use]
    pub fn free_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let taken = |name: &str| {
            let lower = name.to_lowercase();
            self.layer
                .columns
                .iter()
                .any(|c| c.name.to_lowercase() == lower)
        };
        while taken(&name) {
            name.push('_');
        }
        name
    }
}

/// The geometry, unless it is nowhere: an empty set, or of a kind that layers do not have.
#[must_use]
pub fn located(geometry: &Geometry) -> Option<&Geometry> {
    let somewhere = match geometry {
        Geometry::Point(_) => true,
        Geometry::LineString(l) => !l.0.is_empty(),
        Geometry::MultiLineString(m) => !m.0.is_empty(),
        Geometry::Polygon(p) => !p.exterior().0.is_empty(),
        Geometry::MultiPolygon(m) => !m.0.is_empty(),
        _ => false,
    };
    somewhere.then_some(geometry)
}

/// West, south, east and north of a geometry.
pub(super) fn extent(geometry: &Geometry) -> Option<[f64; 4]> {
    let rect = located(geometry)?.bounding_rect()?;
    let (low, high) = (rect.min(), rect.max());
    Some([low.x, low.y, high.x, high.y])
}
