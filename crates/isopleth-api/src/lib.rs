//! The HTTP service: saved layers, areas and sites as OGC API Features collections.
//!
//! [`router`] is the service as a function of its [`AppState`]; [`serve`] binds it to a store, runs
//! the saved layers, watches for changes and drains on shutdown. Nothing here computes: layers come
//! from [`isopleth_io::analyse`], are encoded once when they are published, and leave as slices of
//! that encoding.
//!
//! # How a request travels
//!
//! Every path is one row of [`ROUTES`]. The row names the resource; the resource names the
//! parameters it accepts, and any other parameter is refused before the resource is asked. The
//! resource answers from the [published state](AppState), which is swapped as a whole when the data
//! or the saved layers change.
//!
//! # What stays true while the data change
//!
//! A page of items names the run it was cut from, and its `next` link asks for the same run. A new
//! run published between two pages therefore changes nothing for the client that is paging. Runs of
//! layers are read back from the store; earlier states of areas and sites, whose run is a hash of
//! their content, are kept in memory for as long as [`Limits::kept_runs`] allows.
//!
//! # What is refused
//!
//! Unknown parameters, parameters given twice, and values that cannot be read get `400` with a
//! problem document (RFC 9457) that names the parameter. A saved layer whose request cannot be run
//! on the present data keeps its last run, and its collection and `/readyz` say that it is outdated
//! and why. Only one that never had a run is left out of `/collections`; its own address answers
//! `503` with the reason, and `/readyz` lists it.
//!
//! # What clients may have computed
//!
//! `POST /processes/analyse/execution` takes a request document. What it asks for is told before it is
//! run and held against [`AnalysisLimits`]. Quick ones are answered with their result, others become
//! jobs, which the store remembers: a service that was killed takes them up again. A result is a run
//! like any other and is kept for a while as the collection `analysis-` and the id of the run. Runs
//! with the same id are computed once, however many clients ask.
//!
//! # When the file changes under the service
//!
//! A store whose file is replaced is opened anew and published anew. One that is gone leaves what
//! was published in place, and makes `/readyz` answer `503` until it is back.

mod accept;
mod admit;
mod analyst;
mod api;
mod archive;
mod bbox;
mod call;
mod collections;
mod compress;
mod config;
mod conformance;
mod connections;
mod cors;
mod dataset;
mod datetime;
mod document;
mod downloads;
mod execution;
mod file;
mod files;
mod health;
mod html;
mod items;
mod jobs;
mod landing;
mod ledger;
mod links;
mod maps;
mod metrics;
mod observe;
mod openapi;
mod places;
mod problem;
mod problems;
mod processes;
mod published;
mod query;
mod ranges;
mod rate;
mod refresh;
mod reply;
mod representation;
mod routes;
mod rules;
mod schema;
mod selection;
mod serve;
mod state;
mod styles;
mod tile_cache;
mod tiles;
mod visit;
mod web;

pub use config::{AnalysisLimits, Config, Limits};
pub use openapi::ContractError;
pub use problem::Problem;
pub use problems::{PROBLEM_KINDS, ProblemKind};
pub use routes::{ROUTES, Resource, router};
pub use rules::InvalidConfig;
pub use serve::{ServeError, Server, bind, bind_metrics, serve};
pub use state::{AppState, InvalidBaseUrl};
