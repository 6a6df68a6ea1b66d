//! The whole: oracles, documents, examples, fixtures and the walls between the crates.

mod docs;
mod examples;
mod fixtures;
mod oracle_area_series;
mod oracle_bandwidth;
mod oracle_dbscan;
mod oracle_density;
mod oracle_emerging_hot_spots;
mod oracle_getis_ord;
mod oracle_hdbscan;
mod oracle_knox;
mod oracle_network_density;
mod oracle_places;
mod oracle_space_time_scan;
mod oracle_st_dbscan;
mod oracle_wexbourne;
mod truth_time;
mod wexbourne;
mod workspace;
