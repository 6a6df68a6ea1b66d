//! The formats of features: what is offered, the links to it, and pages in it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderName;
use isopleth_io::crs::Crs;
use isopleth_io::write::{self, Format as FileFormat, Part};
use isopleth_store::{StoreError, write_layer_file};

use crate::accept::Format;
use crate::call::Call;
use crate::dataset::Dataset;
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
    ("geojsonl", Format::File(FileFormat::GeoJsonSeq)),
    ("fgb", Format::File(FileFormat::FlatGeobuf)),
    ("csv", Format::File(FileFormat::Csv)),
    ("parquet", Format::File(FileFormat::GeoParquet)),
    ("kml", Format::File(FileFormat::Kml)),
    ("gpkg", Format::File(FileFormat::GeoPackage)),
];

/// The media type of a page.
pub(crate) fn media(format: Format) -> &'static str {
    match format {
        Format::File(format) => format.media_type(),
        Format::Html => HTML,
        Format::Json => GEO_JSON,
    }
}

/// Links to the same features in every other format; `address` is that of the resource without its
/// query.
pub(crate) fn alternates(call: &Call, address: &str, but: Format) -> Vec<Link> {
    let others = PAGES
        .iter()
        .filter(|(name, format)| *format != but && *name != "json");
    others
        .map(|(name, format)| {
            let query = call.query.with(&[("f", (*name).to_owned())]);
            let title = match format {
                Format::File(format) => format.title(),
                Format::Html => "a page",
                Format::Json => FileFormat::GeoJson.title(),
            };
            let title = format!("These features as {title}");
            Link::new(
                "alternate",
                media(*format),
                title,
                format!("{address}{}", query.to_suffix()),
            )
        })
        .collect()
}

/// Links to the first page of a collection in every format but GeoJSON.
pub(crate) fn items_links(items: &str, title: &str) -> Vec<Link> {
    let others = PAGES.iter().filter_map(|(name, format)| match format {
        Format::File(format) => Some((name, format)),
        Format::Json | Format::Html => None,
    });
    others
        .map(|(name, format)| {
            let title = format!("Features of {title} as {}", format.title());
            let address = format!("{items}?f={name}");
            Link::new("items", format.media_type(), title, address)
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

/// Refuses a coordinate reference system that a format does not have.
///
/// # Errors
/// A [`Problem`].
pub(crate) fn check_crs(format: FileFormat, crs: Crs) -> Result<(), Problem> {
    if crs == Crs::Crs84 || format.has_crs() {
        return Ok(());
    }
    let reason = format!(
        "{} is always in {}; use another format, or no crs",
        format.title(),
        Crs::Crs84.uri()
    );
    Err(Problem::invalid_parameter("crs", reason))
}

/// Writes a part of a layer in a coordinate reference system.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn write_file(
    path: &Path,
    format: FileFormat,
    name: &str,
    part: Part,
    crs: Crs,
) -> Result<(), StoreError> {
    if crs == Crs::Crs84 {
        return write_layer_file(path, format, name, part);
    }
    let layer = part.projected(crs).map_err(unwritten)?;
    write_layer_file(path, format, name, Part::whole(&layer).in_crs(crs))
}

fn unwritten(source: io::Error) -> StoreError {
    StoreError::Io {
        path: "a file of features".into(),
        source,
    }
}

/// A page as a file of its own, in memory: pages are bounded.
///
/// # Errors
/// A [`Problem`] if it cannot be written.
pub(crate) async fn page(
    state: &AppState,
    call: &Call,
    dataset: Arc<Dataset>,
    places: Vec<u32>,
    crs: Crs,
    format: FileFormat,
) -> Result<Vec<u8>, Problem> {
    if format == FileFormat::GeoPackage {
        // A database cannot be written into memory.
        let name = call.collection.clone();
        let key = format!("page\0{name}\0{}\0{crs:?}\0{places:?}", dataset.run);
        let write = move |path: &Path| {
            let part = Part::some(&dataset.layer, &places);
            write_file(path, format, &name, part, crs)
        };
        let stored = state.files().get(&key, format.name(), write).await?;
        return blocking(move || std::fs::read(&stored.path).map_err(unwritten)).await;
    }
    blocking(move || {
        let mut body = Vec::new();
        let part = Part::some(&dataset.layer, &places);
        let written = match crs {
            Crs::Crs84 => write::write(format, part, &mut body),
            _ => part.projected(crs).and_then(|layer| {
                let there = Part::whole(&layer).in_crs(crs);
                write::write(format, there, &mut body)
            }),
        };
        written.map_err(unwritten)?;
        Ok(body)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        tracing::error!(%error, "writing features panicked");
        Problem::internal()
    })?
    .map_err(|error| files::problem(&error))
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
