//! What comes in, what goes out, and the layers in between.

mod area_layers;
mod clusters_layer;
mod common;
mod contour_layers;
mod cql2;
mod density_layer;
mod evaluation_layers;
mod hdbscan_layer;
mod ingest_bad_input;
mod ingest_formats;
mod ingest_properties;
mod ingest_real_data;
mod knox_layer;
mod local_association_layers;
mod place_layers;
mod request_schema;
mod scan_layer;
mod time_layers;
mod weights_layer;
mod world;
mod write_formats;
