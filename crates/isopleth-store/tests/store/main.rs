//! The store: what it keeps, what it forgets, and that nothing half written is ever seen.

mod common;
mod content;
mod counts;
mod export;
mod harm;
mod ingest;
mod jobs;
mod revision;
mod safety;
