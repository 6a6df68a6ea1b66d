//! `/collections/{id}/styles/maplibre`: how the tiles of a collection are drawn.

use isopleth_io::symbology::{MAPLIBRE_MEDIA_TYPE, Symbology, maplibre_style};

use crate::call::Call;
use crate::items::{cache, run};
use crate::problem::Problem;
use crate::reply::{Reply, entity_tag};
use crate::state::AppState;

/// The MapLibre style of a collection.
pub(crate) async fn maplibre(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let source = call.addresses.tile_json(&call.collection) + &call.query.to_suffix();
    let symbology = Symbology::of_layer(&dataset.layer);
    let title = &dataset.layer.title;
    let text = maplibre_style(&symbology, title, &call.collection, &source).to_string();
    let etag = entity_tag(&[&text]);
    let body = || text.clone().into_bytes();
    Ok(Reply::tagged(
        call,
        MAPLIBRE_MEDIA_TYPE,
        cache(call),
        etag,
        body,
    ))
}
