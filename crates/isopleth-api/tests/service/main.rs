//! The service as its clients see it: every answer is checked against `openapi.yaml`.

mod contract;
mod discovery;
mod features;
mod files;
mod fixture;
mod http;
mod items;
mod jobs;
mod operations;
mod paging;
mod selection;
mod start;
mod tiles;
#[cfg(feature = "web")]
mod web;
