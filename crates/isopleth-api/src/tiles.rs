//! Vector tiles: OGC API – Tiles, TileJSON and plain addresses for web maps.

use std::sync::Arc;

use axum::http::header::CONTENT_ENCODING;
use isopleth_io::layer::{Column, ColumnType, GeometryKind, Layer};
use isopleth_io::mercator::HALF_WORLD_M;
use isopleth_io::tiles::matrix::{TILE_PIXELS, matrices};
use isopleth_io::tiles::{MAX_ZOOM, MEDIA_TYPE, Properties, TileId};
use serde_json::{Map, Value as Json, json};

use crate::call::Call;
use crate::dataset::Dataset;
use crate::document::Document;
use crate::items::{cache, run};
use crate::links::{Addresses, CRS84, JSON, Link};
use crate::problem::Problem;
use crate::reply::{Reply, entity_tag};
use crate::state::AppState;
use crate::tile_cache::{CachedTile, TileKey};

const SET: &str = "WebMercatorQuad";
const SET_URI: &str = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad";
const MERCATOR: &str = "http://www.opengis.net/def/crs/EPSG/0/3857";
const TILING_SCHEME: &str = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme";
const TILESETS: &str = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector";

/// Where the tiles of a collection are, and how they are drawn.
pub(crate) fn collection_links(id: &str, title: &str, at: &Addresses) -> [Link; 2] {
    let style = isopleth_io::symbology::MAPLIBRE_MEDIA_TYPE;
    [
        Link::new(TILESETS, JSON, format!("Tiles of {title}"), at.tilesets(id)),
        Link::new("stylesheet", style, "MapLibre style", at.style(id)),
    ]
}

/// The tile matrix sets.
pub(crate) fn matrix_sets(call: &Call) -> Result<Reply, Problem> {
    let at = &call.addresses;
    let link = Link::new("self", JSON, SET, at.tile_matrix_set(SET));
    let set = json!({
        "id": SET,
        "title": "Google Maps compatible for the world",
        "uri": SET_URI,
        "crs": MERCATOR,
        "links": [link.to_json()],
    });
    Document {
        title: "Tile matrix sets".to_owned(),
        media: JSON,
        here: at.tile_matrix_sets(),
        links: Vec::new(),
        members: [("tileMatrixSets".to_owned(), json!([set]))]
            .into_iter()
            .collect(),
    }
    .reply(call)
}

/// The tile matrix set.
pub(crate) fn matrix_set(call: &Call) -> Result<Reply, Problem> {
    check_set(call)?;
    let matrices: Vec<_> = matrices()
        .map(|m| {
            json!({
                "id": m.zoom.to_string(),
                "scaleDenominator": m.scale_denominator,
                "cellSize": m.cell_size_m,
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-HALF_WORLD_M, HALF_WORLD_M],
                "tileWidth": TILE_PIXELS,
                "tileHeight": TILE_PIXELS,
                "matrixWidth": m.tiles,
                "matrixHeight": m.tiles,
            })
        })
        .collect();
    let members = json!({
        "id": SET,
        "title": "Google Maps compatible for the world",
        "uri": SET_URI,
        "crs": MERCATOR,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": matrices,
    });
    Document {
        title: SET.to_owned(),
        media: JSON,
        here: call.addresses.tile_matrix_set(SET),
        links: Vec::new(),
        members: members_of(members),
    }
    .reply(call)
}

/// The sets of tiles of a collection.
pub(crate) async fn sets(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let dataset = state.dataset(&call.collection, None).await?;
    let (id, at) = (&call.collection, &call.addresses);
    let links = [
        Link::new("self", JSON, "The set of tiles", at.tileset(id, SET)),
        Link::new(TILING_SCHEME, JSON, SET, at.tile_matrix_set(SET)),
    ];
    let mut set = members_of(summary(&dataset));
    let links: Vec<_> = links.iter().map(Link::to_json).collect();
    set.insert("links".to_owned(), links.into());
    Document {
        title: format!("Tiles of {}", dataset.layer.title),
        media: JSON,
        here: at.tilesets(id),
        links: Vec::new(),
        members: [("tilesets".to_owned(), json!([set]))]
            .into_iter()
            .collect(),
    }
    .reply(call)
}

/// A set of tiles.
pub(crate) async fn set(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    check_set(call)?;
    let dataset = state.dataset(&call.collection, None).await?;
    let (id, at, layer) = (&call.collection, &call.addresses, &dataset.layer);
    let dimension = match layer.geometry {
        GeometryKind::Point => 0,
        GeometryKind::LineString | GeometryKind::MultiLineString => 1,
        GeometryKind::Polygon | GeometryKind::MultiPolygon => 2,
    };
    let mut schema = Map::new();
    for (name, kind, meaning) in fields(layer) {
        let kind = match kind {
            ColumnType::Boolean => "boolean",
            ColumnType::Integer => "integer",
            ColumnType::Real => "number",
            ColumnType::Text | ColumnType::Date => "string",
        };
        schema.insert(name, json!({ "type": kind, "description": meaning }));
    }
    let limits: Vec<_> = matrices()
        .take(usize::from(MAX_ZOOM) + 1)
        .map(|m| {
            json!({
                "tileMatrix": m.zoom.to_string(),
                "minTileRow": 0,
                "maxTileRow": m.tiles - 1,
                "minTileCol": 0,
                "maxTileCol": m.tiles - 1,
            })
        })
        .collect();
    let mut members = members_of(summary(&dataset));
    members.insert("tileMatrixSetLimits".to_owned(), limits.into());
    members.insert(
        "layers".to_owned(),
        json!([{
            "id": id,
            "title": layer.title,
            "description": layer.description,
            "dataType": "vector",
            "geometryDimension": dimension,
            "propertiesSchema": { "type": "object", "properties": schema },
        }]),
    );
    if let Some([w, s, e, n]) = dataset.bbox {
        let bounds = json!({ "lowerLeft": [w, s], "upperRight": [e, n], "crs": CRS84 });
        members.insert("boundingBox".to_owned(), bounds);
    }
    let tiles = format!(
        "{}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?run={}&f=mvt",
        at.tileset(id, SET),
        dataset.run
    );
    Document {
        title: format!("Tiles of {}", layer.title),
        media: JSON,
        here: at.tileset(id, SET),
        links: vec![
            Link::new(TILING_SCHEME, JSON, SET, at.tile_matrix_set(SET)),
            Link::new("item", MEDIA_TYPE, "The tiles of the present run", tiles).templated(),
            Link::new("describedby", JSON, "TileJSON", at.tile_json(id)),
        ],
        members,
    }
    .reply(call)
}

fn summary(dataset: &Dataset) -> Json {
    json!({
        "title": dataset.layer.title,
        "dataType": "vector",
        "crs": MERCATOR,
        "tileMatrixSetURI": SET_URI,
    })
}

/// The tiles as TileJSON 3.0.
pub(crate) async fn tile_json(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let (id, at, layer) = (&call.collection, &call.addresses, &dataset.layer);
    let fields: Map<String, Json> = fields(layer)
        .into_iter()
        .map(|(name, _, meaning)| (name, meaning.into()))
        .collect();
    let tiles = format!(
        "{}/{{z}}/{{x}}/{{y}}.mvt?run={}",
        at.xyz_tiles(id),
        dataset.run
    );
    let mut document = json!({
        "tilejson": "3.0.0",
        "name": layer.title,
        "description": layer.description,
        "version": "1.0.0",
        "scheme": "xyz",
        "tiles": [tiles],
        "minzoom": 0,
        "maxzoom": MAX_ZOOM,
        "attribution": attribution(&dataset),
        "vector_layers": [{
            "id": id,
            "description": layer.description,
            "minzoom": 0,
            "maxzoom": MAX_ZOOM,
            "fields": fields,
        }],
    });
    if let Some(bounds) = dataset.bbox {
        document["bounds"] = json!(bounds);
    }
    let text = document.to_string();
    let etag = entity_tag(&[&text]);
    let body = || text.clone().into_bytes();
    Ok(Reply::tagged(call, JSON, cache(call), etag, body))
}

/// What a map that shows the layer should say beside it.
fn attribution(dataset: &Dataset) -> String {
    let text = |name: &str| {
        let found = dataset.layer.provenance.get(name).and_then(Json::as_str);
        found.filter(|t| !t.is_empty()).map(escaped)
    };
    let mut parts = vec![escaped(&dataset.layer.title)];
    parts.extend(text("marking"));
    parts.push(format!("run {}", escaped(&dataset.run)));
    parts.join(" · ")
}

/// Web maps show attributions as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The properties of features of tiles: name, type and meaning.
fn fields(layer: &Layer) -> Vec<(String, ColumnType, String)> {
    let names = Properties::of(layer);
    let meaning = |c: &Column| match &c.unit {
        Some(unit) => format!("{} ({unit})", c.meaning),
        None => c.meaning.clone(),
    };
    let columns = layer.columns.iter();
    let mut fields: Vec<_> = columns
        .map(|c| (c.name.clone(), c.kind, meaning(c)))
        .collect();
    let id = "Id of the feature in the collection.".to_owned();
    fields.push((names.id, ColumnType::Text, id));
    let merged = "Number of features that this one stands for in a crowded tile; absent where it \
                  stands for itself alone."
        .to_owned();
    fields.push((names.merged_features, ColumnType::Integer, merged));
    fields
}

/// A tile by zoom, row and column.
pub(crate) async fn tile(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    check_set(call)?;
    if let Some(format) = call.query.get("f").filter(|f| *f != "mvt") {
        let reason = format!("'{format}' is not offered here; use mvt");
        return Err(Problem::invalid_parameter("f", reason));
    }
    let [z, y, x] = ["tileMatrix", "tileRow", "tileCol"].map(|name| call.segment(name));
    send(state, call, z, x, y).await
}

/// A tile by zoom, column and row.
pub(crate) async fn xyz_tile(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let y = call.segment("y").strip_suffix(".mvt");
    let y = y.ok_or_else(Problem::path_not_found)?;
    send(state, call, call.segment("z"), call.segment("x"), y).await
}

async fn send(state: &AppState, call: &Call, z: &str, x: &str, y: &str) -> Result<Reply, Problem> {
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let id = tile_id(z, x, y).ok_or_else(|| Problem::tile_not_found(MAX_ZOOM))?;
    let place = format!("{}/{}/{}", id.z(), id.x(), id.y());
    let etag = entity_tag(&["tile", &call.collection, &dataset.run, &place]);
    let cache = cache(call);
    if call.has(&etag) {
        return Ok(Reply::tagged(call, MEDIA_TYPE, cache, etag, Vec::new));
    }
    let tile = cut(state, &call.collection, &dataset, id).await?;
    let packed = call.reads_gzip();
    let body = if packed { tile.gzip() } else { tile.plain() };
    let Some(body) = body else {
        return Ok(Reply::nothing(call, cache, etag));
    };
    let reply = Reply::tagged(call, MEDIA_TYPE, cache, etag, || body.to_vec());
    Ok(if packed {
        reply.with_header(CONTENT_ENCODING, "gzip")
    } else {
        reply
    })
}

async fn cut(
    state: &AppState,
    collection: &str,
    dataset: &Arc<Dataset>,
    id: TileId,
) -> Result<Arc<CachedTile>, Problem> {
    let key: TileKey = (collection.to_owned(), dataset.run.clone(), id);
    if let Some(tile) = state.tiles().get(&key) {
        return Ok(tile);
    }
    let dataset = Arc::clone(dataset);
    let name = collection.to_owned();
    let work = tokio::task::spawn_blocking(move || dataset.tiles().tile(&name, id));
    let plain = work.await.map_err(|error| {
        tracing::error!(%error, "cutting a tile panicked");
        Problem::internal()
    })?;
    let tile = Arc::new(CachedTile::new(plain));
    state.tiles().put(key, Arc::clone(&tile));
    Ok(tile)
}

fn tile_id(z: &str, x: &str, y: &str) -> Option<TileId> {
    let whole = |text: &str| {
        let number = text.parse::<u32>().ok()?;
        // One address for one tile: no sign, no leading zeros.
        (number.to_string() == text).then_some(number)
    };
    TileId::new(u8::try_from(whole(z)?).ok()?, whole(x)?, whole(y)?)
}

fn check_set(call: &Call) -> Result<(), Problem> {
    match call.segment("tileMatrixSetId") {
        SET => Ok(()),
        other => Err(Problem::tile_matrix_set_not_found(other)),
    }
}

fn members_of(document: Json) -> Map<String, Json> {
    match document {
        Json::Object(members) => members,
        _ => Map::new(),
    }
}
