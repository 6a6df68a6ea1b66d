//! `/collections/{id}/map`: pictures (OGC API – Maps).

use std::fmt::Display;

use axum::http::HeaderName;
use isopleth_io::crs::Crs;
use isopleth_io::map::{Background, View, ViewError, render, shown};
use isopleth_io::symbology::Colour;
use tokio::sync::Semaphore;

use crate::call::Call;
use crate::items::{cache, run};
use crate::links::{Addresses, Link};
use crate::problem::Problem;
use crate::reply::{Reply, entity_tag};
use crate::state::AppState;

const PNG: &str = "image/png";
const MAP: &str = "http://www.opengis.net/def/rel/ogc/1.0/map";

/// What a map can be asked for.
pub(crate) const PARAMETERS: &[&str] = &[
    "bbox",
    "bbox-crs",
    "crs",
    "width",
    "height",
    "transparent",
    "bgcolor",
    "run",
    "f",
];

/// Pictures that are drawn at the same time; each may take 40 MB. Others wait.
static DRAWING: Semaphore = Semaphore::const_new(2);

/// Where the picture of a collection is.
pub(crate) fn collection_links(id: &str, title: &str, at: &Addresses) -> [Link; 1] {
    [Link::new(MAP, PNG, format!("Map of {title}"), at.map(id))]
}

/// A picture of a collection.
pub(crate) async fn map(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    if let Some(format) = call.query.get("f").filter(|f| *f != "png") {
        return refuse("f", format!("'{format}' is not offered here; use png"));
    }
    let crs = crs(call, "crs")?.unwrap_or(Crs::Crs84);
    let bbox = call.query.get("bbox").map(bbox).transpose()?;
    let bbox_crs = crs_of_bbox(call, bbox.is_some())?;
    let [width, height] = [pixels(call, "width")?, pixels(call, "height")?];
    let background = background(call)?;
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let given = bbox.is_some();
    let bbox = bbox.unwrap_or_else(|| shown(dataset.bbox));
    let view = View::new(bbox, bbox_crs, crs, width, height).map_err(|error| {
        let parameter = match error {
            // A side that was not given follows from the other and the box.
            ViewError::Side(side) if width == Some(side) => "width",
            ViewError::Side(side) if height == Some(side) => "height",
            ViewError::Side(_) if given => "bbox",
            ViewError::Side(_) | ViewError::Pixels(..) if width.is_some() => "width",
            ViewError::Side(_) | ViewError::Pixels(..) => "height",
            _ if given => "bbox",
            _ => "crs",
        };
        Problem::invalid_parameter(parameter, error)
    })?;

    let etag = entity_tag(&[
        "map",
        &dataset.run,
        &call.collection,
        &call.query.to_suffix(),
    ]);
    let picture = if call.has(&etag) {
        Vec::new()
    } else {
        let turn = DRAWING.acquire().await.map_err(|_| Problem::internal())?;
        let dataset = dataset.clone();
        let work = tokio::task::spawn_blocking(move || {
            // Kept to the end of the drawing, even if the client goes away before it.
            let _turn = turn;
            render(&dataset.layer, &view, background)
        });
        let drawn = work.await.map_err(|error| error.to_string());
        let drawn = drawn.and_then(|picture| picture.map_err(|error| error.to_string()));
        drawn.map_err(|error| {
            tracing::error!(error, "cannot draw a map");
            Problem::internal()
        })?
    };
    let [a, b, c, d] = view.bbox();
    let header = HeaderName::from_static;
    let mut reply = Reply::tagged(call, PNG, cache(call), etag, || picture)
        .in_crs(view.crs())
        .with_value(header("content-bbox"), format!("{a},{b},{c},{d}"));
    if let Some(days) = dataset.days {
        let interval = days.to_interval().join("/");
        reply = reply.with_value(header("content-datetime"), interval);
    }
    Ok(reply)
}

fn refuse<T>(parameter: &str, reason: impl Display) -> Result<T, Problem> {
    Err(Problem::invalid_parameter(parameter, reason))
}

fn crs(call: &Call, name: &str) -> Result<Option<Crs>, Problem> {
    let Some(given) = call.query.get(name) else {
        return Ok(None);
    };
    match Crs::from_uri(given) {
        Some(crs) => Ok(Some(crs)),
        None => {
            let known = Crs::ALL.map(Crs::uri).join(", ");
            refuse(name, format!("'{given}' is not offered; use {known}"))
        }
    }
}

fn crs_of_bbox(call: &Call, has_bbox: bool) -> Result<Crs, Problem> {
    match crs(call, "bbox-crs")? {
        Some(_) if !has_bbox => refuse("bbox-crs", "there is no bbox that it could be of"),
        other => Ok(other.unwrap_or(Crs::Crs84)),
    }
}

/// Four numbers, or six with heights, which have no effect on what is flat.
fn bbox(text: &str) -> Result<[f64; 4], Problem> {
    let numbers: Option<Vec<f64>> = text
        .split(',')
        .map(|piece| piece.trim().parse().ok().filter(|n: &f64| n.is_finite()))
        .collect();
    match numbers.as_deref() {
        Some(&[a, b, c, d]) => Ok([a, b, c, d]),
        Some(&[_, _, low, _, _, high]) if low > high => {
            refuse("bbox", "the lower height lies above the upper")
        }
        Some(&[a, b, _, c, d, _]) => Ok([a, b, c, d]),
        _ => refuse("bbox", "expected 4 or 6 finite numbers separated by commas"),
    }
}

fn pixels(call: &Call, name: &str) -> Result<Option<u32>, Problem> {
    let Some(given) = call.query.get(name) else {
        return Ok(None);
    };
    let digits = given.bytes().all(|b| b.is_ascii_digit());
    match given.parse().ok().filter(|_| digits) {
        Some(number) => Ok(Some(number)),
        None => refuse(name, format!("'{given}' is not a whole number of pixels")),
    }
}

fn background(call: &Call) -> Result<Background, Problem> {
    let colour = match call.query.get("bgcolor") {
        None => None,
        Some(given) => match Colour::parse(given) {
            Some(colour) => Some(colour),
            None => {
                return refuse(
                    "bgcolor",
                    "expected six hexadecimal digits, such as 0xFFFFFF",
                );
            }
        },
    };
    let transparent = match call.query.get("transparent") {
        None => colour.is_none(),
        // A background may be named all the same: it is that of pixels that cannot be seen.
        Some("true") => true,
        Some("false") => false,
        Some(_) => return refuse("transparent", "expected true or false"),
    };
    let white = Colour::new(255, 255, 255);
    Ok(if transparent {
        Background::Transparent
    } else {
        Background::Colour(colour.unwrap_or(white))
    })
}
