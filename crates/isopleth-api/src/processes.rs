//! `/processes`: what clients may have computed, and where they do.

use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use isopleth_store::JobRecord;
use serde_json::{Map, Value as Json, json};

use crate::analyst::{Analyst, Finished, accept};
use crate::call::Call;
use crate::document::Document;
use crate::execution::{Order, Prefer};
use crate::jobs::{answered, status_info};
use crate::links::{self, HTML, JSON, Link, REL_EXECUTE, REL_JOBS};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::AppState;

/// The one process.
pub(crate) const ANALYSE: &str = "analyse";

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// All processes.
pub(crate) fn all(call: &Call) -> Result<Reply, Problem> {
    let at = &call.addresses;
    let mut process = summary();
    let title = process["title"].as_str().unwrap_or_default().to_owned();
    let own = links::to_json(&[Link::new("self", JSON, title, at.process(ANALYSE))]);
    process.insert("links".to_owned(), own);
    Document {
        title: "Processes".to_owned(),
        media: JSON,
        here: at.processes(),
        links: vec![Link::new(REL_JOBS, JSON, "Jobs", at.jobs())],
        members: [("processes".to_owned(), json!([process]))]
            .into_iter()
            .collect(),
    }
    .reply(call)
}

/// One process, with its inputs and outputs and what may be asked of it.
pub(crate) fn one(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    find(call.segment("processId"))?;
    let at = &call.addresses;
    let mut members = summary();
    let request = json!({
        "title": "Request document",
        "description": "What to select, which method with its parameters, and how hotspots are cut \
                        out of the result: the same document as on the command line.",
        "minOccurs": 1,
        "maxOccurs": 1,
        "schema": isopleth_io::request_schema(),
    });
    members.insert("inputs".to_owned(), json!({ "request": request }));
    let layer = json!({
        "title": "Layer",
        "description": "The features of the result, with its columns and its provenance; by \
                        reference the collection that it is kept as.",
        "schema": {
            "type": "object",
            "contentMediaType": "application/geo+json",
            "required": ["type", "features"],
            "properties": {
                "type": { "type": "string", "enum": ["FeatureCollection"] },
                "features": { "type": "array", "items": { "type": "object" } },
            },
        },
    });
    members.insert("outputs".to_owned(), json!({ "layer": layer }));
    Document {
        title: "Analyse incidents".to_owned(),
        media: JSON,
        here: at.process(ANALYSE),
        links: vec![
            Link::new(REL_EXECUTE, JSON, "Execute", at.execution(ANALYSE)),
            Link::new(REL_JOBS, JSON, "Jobs", at.jobs()),
        ],
        members: with_limits(members, state),
    }
    .reply(call)
}

fn find(process: &str) -> Result<(), Problem> {
    match process {
        ANALYSE => Ok(()),
        other => Err(Problem::process_not_found(other)),
    }
}

fn summary() -> Map<String, Json> {
    let members = json!({
        "id": ANALYSE,
        "title": "Analyse incidents",
        "description": "Runs a request document on the present data and keeps the result as a \
                        collection. The same request on the same data is computed once.",
        "version": env!("CARGO_PKG_VERSION"),
        "keywords": ["crime", "hotspots", "incidents"],
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value", "reference"],
    });
    match members {
        Json::Object(members) => members,
        _ => Map::new(),
    }
}

/// A description with what may be asked for at most.
fn with_limits(mut members: Map<String, Json>, state: &AppState) -> Map<String, Json> {
    let all = state.limits();
    let limits = &all.analyses;
    // One object: the schema of OGC API - Processes lets no bare whole number be a value, since it
    // is both the `number` and the `integer` of its `oneOf`.
    let limits = json!({
        "area_km2": limits.max_area_km2,
        "cells": limits.max_cells,
        "replicates": limits.max_replicates,
        "incidents": limits.max_incidents,
        "run_seconds": limits.max_run.as_secs_f64(),
        "wait_seconds": limits.max_wait.as_secs_f64(),
        "body_bytes": all.max_body,
    });
    let limits = json!({
        "title": "Most that may be asked for",
        "parameters": [{ "name": "limits", "value": [limits] }],
    });
    members.insert("additionalParameters".to_owned(), limits);
    members
}

/// Executes a process: waits for the result for a while, or makes a job of it.
pub(crate) async fn execute(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    find(call.segment("processId"))?;
    let order = Order::read(&call.body)?;
    let none = || Problem::store_unavailable("this service has none");
    let analyst = state.analyst().ok_or_else(none)?;
    state.published().await?;
    let prefer = Prefer::parse(&call.prefer);
    let answer = order.answer;
    if prefer.respond_async && prefer.wait.is_none() {
        let job = accept(state, order, true).await?;
        return Ok(created(call, &analyst.job(&job)?, "respond-async"));
    }
    let most = state.limits().analyses.max_wait;
    let wait = prefer.wait.map_or(most.as_secs_f64(), |s| s as f64);
    let wait = most.min(std::time::Duration::try_from_secs_f64(wait).unwrap_or(most));
    let job = accept(state, order, false).await?;
    let waiting = Waiting { analyst, job };
    let ended = tokio::time::timeout(wait, analyst.ended(&waiting.job)).await;
    let applied = prefer.wait.map(|_| format!("wait={}", wait.as_secs()));
    match ended {
        Ok(Ok(Finished::Made(dataset))) => {
            let reply = answered(call, &dataset, answer).unkept();
            Ok(match applied {
                Some(applied) => reply.with_value(PREFERENCE_APPLIED, &applied),
                None => reply,
            })
        }
        Ok(Ok(Finished::Failed { code, reason })) => Err(Problem::analysis_failed(&code, &reason)),
        Ok(Err(problem)) => Err(problem),
        Err(_) if prefer.respond_async => {
            let record = waiting.listed(state).await?;
            Ok(created(call, &record, "respond-async"))
        }
        Err(_) => Err(Problem::too_slow(wait.as_secs_f64())),
    }
}

/// A computation that a client waits for. It is given up with the client, unless somebody else
/// waits for it.
struct Waiting<'a> {
    analyst: &'a Analyst,
    job: String,
}

impl Waiting<'_> {
    /// Makes a job of it that outlives the client.
    async fn listed(&self, state: &AppState) -> Result<JobRecord, Problem> {
        let (state, job) = (state.clone(), self.job.clone());
        crate::analyst::apart(state, move |_, analyst| analyst.list(&job)).await
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.analyst.leave(&self.job);
    }
}

/// The answer that a job was made.
fn created(call: &Call, job: &JobRecord, applied: &str) -> Reply {
    let at = call.addresses.job(&job.id);
    let mut document = status_info(&call.addresses, job);
    let mut links = vec![
        Link::new("self", JSON, "This job", at.clone()),
        Link::new(
            "alternate",
            HTML,
            "This job as html",
            format!("{at}?f=html"),
        ),
        Link::new("monitor", JSON, "This job", at.clone()),
    ];
    links.extend(crate::jobs::job_links(&call.addresses, job));
    document.insert("links".to_owned(), links::to_json(&links));
    Reply::passing(&Json::Object(document))
        .with_status(StatusCode::CREATED)
        .with_links(&links)
        .with_value(LOCATION, &at)
        .with_value(PREFERENCE_APPLIED, applied)
}
