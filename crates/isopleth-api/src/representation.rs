//! The formats of features: what is offered, the links to it, and pages in it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderName;
use isopleth_io::crs::Crs;
use isopleth_io::write::{self, Format as FileFormat, Part};
use isopleth_store::{StoreError, write_layer_file};
use serde_json::{Map, Value as Json};

use crate::accept::Format;
use crate::call::Call;
use crate::dataset::{Dataset, Selection};
use crate::files;
use crate::links::{Addresses, GEO_JSON, HTML, Link};
use crate::problem::Problem;
use crate::query::encode_segment;
use crate::state::AppState;

/// Number of features that a selection has, in answers whose bodies cannot say it.
pub(crate) const MATCHED: HeaderName = HeaderName::from_static("ogc-numbermatched");
/// Number of features in the body.
pub(crate) const RETURNED: HeaderName = HeaderName::from_static("ogc-numberreturned");

/// What pages of features are offered in, by the values of `f`.
pub(crate) const PAGES: &[(&str, Format)] = &[
    ("json", Format::Json),
    ("geojson", Format::Json),
    ("html", Format::Html),
    ("geojsonl", Format::File(FileFormat::GeoJsonSeq)),
    ("fgb", Format::File(FileFormat::FlatGeobuf)),
    ("csv", Format::File(FileFormat::Csv)),
    ("parquet", Format::File(FileFormat::GeoParquet)),
    ("kml", Format::File(FileFormat::Kml)),
    ("gpkg", Format::File(FileFormat::GeoPackage)),
];

/// What one feature is offered in.
pub(crate) const ONE: &[(&str, Format)] = &[
    ("json", Format::Json),
    ("geojson", Format::Json),
    ("html", Format::Html),
];

/// The media type of features in a format.
pub(crate) fn media(format: Format) -> &'static str {
    match format {
        Format::File(format) => format.media_type(),
        Format::Json => GEO_JSON,
        Format::Html => HTML,
    }
}

/// What people call a format.
fn title(format: Format) -> &'static str {
    match format {
        Format::File(format) => format.title(),
        Format::Json => FileFormat::GeoJson.title(),
        Format::Html => "a page",
    }
}

/// Links to the same features in every other format; `address` is that of the resource without its
/// query.
pub(crate) fn alternates(
    call: &Call,
    address: &str,
    offered: &[(&str, Format)],
    but: Format,
) -> Vec<Link> {
    let others = offered
        .iter()
        .filter(|(name, format)| *format != but && *name != "json");
    others
        .map(|(name, format)| {
            let query = call.query.with(&[("f", (*name).to_owned())]);
            let query = match format {
                Format::File(file) if !file.has_crs() => query.without("crs"),
                _ => query,
            };
            let title = format!("These features as {}", title(*format));
            let href = format!("{address}{}", query.to_suffix());
            Link::new("alternate", media(*format), title, href)
        })
        .collect()
}

/// Links to the first page of a collection in every format. That to GeoJSON, which clients add
/// parameters to, has no query.
pub(crate) fn items_links(items: &str, layer: &str) -> Vec<Link> {
    let formats = PAGES.iter().filter(|(name, _)| *name != "json");
    formats
        .map(|(name, format)| {
            let address = match format {
                Format::Json => items.to_owned(),
                _ => format!("{items}?f={name}"),
            };
            let title = format!("Features of {layer} as {}", title(*format));
            Link::new("items", media(*format), title, address)
        })
        .collect()
}

/// Links to the present run of a collection as a file in every format.
pub(crate) fn enclosures(at: &Addresses, id: &str, dataset: &Dataset) -> Vec<Link> {
    let of = |format: FileFormat| {
        let name = format!("{}.{}", dataset.run, format.name());
        let title = format!("{} as one {} file", dataset.layer.title, format.title());
        let address = at.file(id, &name);
        Link::new("enclosure", format.media_type(), title, address)
    };
    FileFormat::ALL.into_iter().map(of).collect()
}

/// A page as a file of its own, in memory: pages are bounded.
///
/// # Errors
/// A [`Problem`] if it cannot be written.
pub(crate) async fn page(
    state: &AppState,
    name: String,
    dataset: Arc<Dataset>,
    selection: &Selection,
    range: Range<usize>,
    told: Option<Map<String, Json>>,
    (format, crs): (FileFormat, Crs),
) -> Result<Vec<u8>, Problem> {
    let places = Dataset::places(selection, range);
    if format == FileFormat::GeoPackage {
        // A database cannot be written into memory.
        let key = format!(
            "page\0{name}\0{}\0{crs:?}\0{places:?}\0{told:?}",
            dataset.run
        );
        let write = move |path: &Path| {
            let part = Part::some(&dataset.layer, &places).selected(told.as_ref());
            in_crs(part, crs, |part| {
                write_layer_file(path, format, &name, part)
            })
        };
        let stored = state.files().get(&key, format.name(), write).await?;
        return blocking(move || {
            std::fs::read(&stored.path).map_err(|error| {
                tracing::error!(%error, "cannot read a page back");
                Problem::file_unavailable()
            })
        })
        .await;
    }
    blocking(move || {
        let mut body = Vec::new();
        let part = Part::some(&dataset.layer, &places).selected(told.as_ref());
        let written = in_crs(part, crs, |part| {
            write::write(format, part, &mut body).map_err(|source| StoreError::Io {
                path: "a page".into(),
                source,
            })
        });
        written.map_err(|error| files::problem(&error))?;
        Ok(body)
    })
    .await
}

/// Whether a format can state any other system than WGS 84.
///
/// # Errors
/// A [`Problem`] if it cannot and is to.
pub(crate) fn refuse_crs(format: FileFormat, crs: Crs) -> Result<(), Problem> {
    if crs == Crs::Crs84 || format.has_crs() {
        return Ok(());
    }
    let reason = format!(
        "{} is always in WGS 84 longitude and latitude; leave it out or ask for another format",
        format.title()
    );
    Err(Problem::invalid_parameter("crs", reason))
}

/// Writes a part in a coordinate reference system.
///
/// # Errors
/// Those of `write`; [`StoreError::Io`] for a geometry that the system does not reach.
pub(crate) fn in_crs(
    part: Part,
    crs: Crs,
    write: impl FnOnce(Part) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if crs == Crs::Crs84 {
        return write(part);
    }
    let layer = part.projected(crs).map_err(|error| StoreError::Io {
        path: "features".into(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, error),
    })?;
    write(Part::whole(&layer).in_crs(crs))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "writing features panicked");
        Err(Problem::internal())
    })
}

/// What a client should call what it saves.
pub(crate) fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
            _ => '_',
        })
        .collect();
    if plain == name {
        format!("attachment; filename=\"{plain}\"")
    } else {
        let exact = encode_segment(name);
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
    }
}
