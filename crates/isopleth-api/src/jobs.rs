//! `/jobs`: what clients asked for, how far it is, and what came of it.

use axum::http::StatusCode;
use isopleth_io::write;
use isopleth_store::{ANALYSIS_START, JobRecord, JobStatus};
use jiff::Timestamp;
use maud::html;
use serde_json::{Map, Value as Json, json};

use crate::accept::{Format, format};
use crate::analyst::{Analyst, apart};
use crate::call::Call;
use crate::dataset::Dataset;
use crate::datetime::TimeQuery;
use crate::document::{Document, page};
use crate::execution::Answer;
use crate::items::{limit, offset, whole};
use crate::links::{self, Addresses, GEO_JSON, HTML, JSON, Link, REL_JOBS, REL_RESULTS};
use crate::problem::Problem;
use crate::processes::ANALYSE;
use crate::reply::{Cache, Reply, entity_tag};
use crate::state::AppState;

/// The query parameters of the list.
pub(crate) const PARAMETERS: &[&str] = &[
    "limit",
    "offset",
    "type",
    "processID",
    "status",
    "datetime",
    "minDuration",
    "maxDuration",
    "f",
];

/// The type of every job.
const TYPE: &str = "process";

/// The analyst, once the store's jobs are known. A service without a store has none, and no jobs.
async fn analyst(state: &AppState) -> Result<Option<&Analyst>, Problem> {
    state.published().await?;
    Ok(state.analyst())
}

/// The analyst and one of its jobs.
async fn found<'a>(state: &'a AppState, call: &Call) -> Result<(&'a Analyst, JobRecord), Problem> {
    let none = || Problem::job_not_found(call.segment("jobId"));
    let analyst = analyst(state).await?.ok_or_else(none)?;
    Ok((analyst, analyst.job(call.segment("jobId"))?))
}

/// A page of the jobs, the latest first.
pub(crate) async fn all(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let limits = state.limits();
    let limit = limit(call, limits.default_limit, limits.max_limit)?;
    let offset = offset(call)?;
    let wanted = Wanted::read(call)?;
    let jobs = analyst(state).await?.map_or_else(Vec::new, Analyst::jobs);
    let now = Timestamp::now().as_millisecond();
    let found: Vec<_> = jobs.iter().filter(|j| wanted.holds(j, now)).collect();
    let at = &call.addresses;
    let first = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(found.len());
    let page = &found[first..];
    let page = &page[..usize::try_from(limit).unwrap_or(usize::MAX).min(page.len())];
    let list: Json = page
        .iter()
        .map(|job| {
            let mut info = status_info(at, job);
            let title = format!("Job {}", job.id);
            let mut links = vec![Link::new("self", JSON, title, at.job(&job.id))];
            links.extend(job_links(at, job));
            info.insert("links".to_owned(), links::to_json(&links));
            Json::Object(info)
        })
        .collect();
    let mut links = Vec::new();
    let end = first + page.len();
    if end < found.len() {
        let next = [("limit", limit.to_string()), ("offset", end.to_string())];
        let href = at.jobs() + &call.query.with(&next).to_suffix();
        links.push(Link::new("next", JSON, "Earlier jobs", href));
    }
    Document {
        title: "Jobs".to_owned(),
        media: JSON,
        here: at.jobs(),
        links,
        members: [
            ("jobs".to_owned(), list),
            ("numberMatched".to_owned(), found.len().into()),
            ("numberReturned".to_owned(), page.len().into()),
        ]
        .into_iter()
        .collect(),
    }
    .reply(call)
}

/// One job.
pub(crate) async fn one(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let (_, job) = found(state, call).await?;
    shown(call, &job)
}

/// Calls a job off, or gives up its result.
pub(crate) async fn dismiss(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    found(state, call).await?;
    let id = call.segment("jobId").to_owned();
    let job = apart(state.clone(), move |state, analyst| {
        analyst.dismiss(state, &id)
    })
    .await?;
    shown(call, &job)
}

fn shown(call: &Call, job: &JobRecord) -> Result<Reply, Problem> {
    let at = &call.addresses;
    Document {
        title: format!("Job {}", job.id),
        media: JSON,
        here: at.job(&job.id),
        links: job_links(at, job),
        members: status_info(at, job),
    }
    .reply(call)
}

/// The result of a job, in the form that was asked for when it was made.
pub(crate) async fn results(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let (analyst, job) = found(state, call).await?;
    let formats = [
        ("json", Format::Json),
        ("geojson", Format::Json),
        ("html", Format::Html),
    ];
    let format = format(call, &formats)?;
    match job.status {
        JobStatus::Accepted | JobStatus::Running => {
            return Err(Problem::result_not_ready(&job.id, job.status.name()));
        }
        JobStatus::Failed => {
            let cause = job.code.as_deref().unwrap_or("internal-error");
            return Err(Problem::analysis_failed(cause, &job.message));
        }
        JobStatus::Dismissed => return Err(Problem::result_gone(&job.id, "it was dismissed")),
        JobStatus::Successful => {}
    }
    let gone = || Problem::result_gone(&job.id, "it is no longer kept");
    let dataset = analyst.result(&job.run).ok_or_else(gone)?;
    Ok(match format {
        Format::Html => {
            let links = result_links(&call.addresses, &dataset);
            let text = html! { p { (dataset.layer.description) } };
            page(call, &dataset.layer.title, &text, &links)
        }
        Format::Json | Format::File(_) => answered(call, &dataset, Answer::from_name(&job.answer)),
    })
}

/// A result in the form that was asked for.
pub(crate) fn answered(call: &Call, dataset: &Dataset, answer: Answer) -> Reply {
    let links = result_links(&call.addresses, dataset);
    let [kept, ..] = &links;
    let tag = || entity_tag(&[&dataset.run, answer.name(), &call.addresses.base]);
    let whole = || {
        let mut body = Vec::new();
        // Memory takes all that is written.
        let _ = write::geojson(&dataset.layer, &mut body);
        body
    };
    match (answer.document, answer.reference) {
        (false, false) => {
            Reply::tagged(call, GEO_JSON, Cache::Check, tag(), whole).with_links(&links)
        }
        (false, true) => Reply::tagged(call, GEO_JSON, Cache::Check, tag(), Vec::new)
            .with_status(StatusCode::NO_CONTENT)
            .with_links(&links),
        (true, false) => {
            let head = format!("{{\"layer\":{{\"mediaType\":\"{GEO_JSON}\",\"value\":");
            let body = || [head.as_bytes(), whole().trim_ascii_end(), b"}}"].concat();
            Reply::tagged(call, JSON, Cache::Check, tag(), body).with_links(&links)
        }
        (true, true) => {
            let body = || json!({ "layer": kept.to_json() }).to_string().into_bytes();
            Reply::tagged(call, JSON, Cache::Check, tag(), body).with_links(&links)
        }
    }
}

/// Where a result is kept.
fn result_links(at: &Addresses, dataset: &Dataset) -> [Link; 2] {
    let (id, title) = (
        format!("{ANALYSIS_START}{}", dataset.run),
        &dataset.layer.title,
    );
    [
        Link::new("collection", JSON, title, at.collection(&id)),
        Link::new(
            "items",
            GEO_JSON,
            format!("Features of {title}"),
            at.items(&id),
        ),
    ]
}

/// What is told of a job, its links apart.
pub(crate) fn status_info(at: &Addresses, job: &JobRecord) -> Map<String, Json> {
    let time = |ms: i64| {
        let moment = Timestamp::from_millisecond(ms).unwrap_or_default();
        Json::from(format!("{moment:.3}"))
    };
    let mut info = Map::new();
    let mut tell = |member: &str, value: Json| info.insert(member.to_owned(), value);
    tell("jobID", job.id.clone().into());
    tell("processID", ANALYSE.into());
    tell("type", TYPE.into());
    tell("status", job.status.name().into());
    tell("message", job.message.clone().into());
    if let (JobStatus::Failed, Some(code)) = (job.status, &job.code) {
        tell("code", code.clone().into());
    }
    tell("progress", job.progress.into());
    tell("run", job.run.clone().into());
    tell("created", time(job.created));
    for (member, moment) in [("started", job.started), ("finished", job.finished)] {
        if let Some(moment) = moment {
            tell(member, time(moment));
        }
    }
    tell("updated", time(job.updated));
    if job.status == JobStatus::Successful {
        tell(
            "collection",
            at.collection(&format!("{ANALYSIS_START}{}", job.run))
                .into(),
        );
    }
    info
}

/// Where a job leads.
pub(crate) fn job_links(at: &Addresses, job: &JobRecord) -> Vec<Link> {
    let mut links = vec![Link::new(REL_JOBS, JSON, "All jobs", at.jobs())];
    if job.status == JobStatus::Successful {
        let results = at.results(&job.id);
        let html = format!("{results}?f=html");
        let kept = at.collection(&format!("{ANALYSIS_START}{}", job.run));
        links.extend([
            Link::new(REL_RESULTS, JSON, "The result", results),
            Link::new(REL_RESULTS, HTML, "The result as html", html),
            Link::new("related", JSON, "The result as a collection", kept),
        ]);
    }
    links
}

/// Which jobs a client wants listed.
struct Wanted {
    statuses: Option<Vec<JobStatus>>,
    processes: Option<Vec<String>>,
    created: Option<TimeQuery>,
    /// Seconds.
    least: Option<u64>,
    /// Seconds.
    most: Option<u64>,
}

impl Wanted {
    fn read(call: &Call) -> Result<Self, Problem> {
        let list = |name: &str| {
            let given = call.query.get(name)?;
            Some(
                given
                    .split(',')
                    .map(str::trim)
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            )
        };
        if let Some(other) = list("type").into_iter().flatten().find(|t| t != TYPE) {
            let reason = format!("'{other}' is no type of job; all are of type {TYPE}");
            return Err(Problem::invalid_parameter("type", reason));
        }
        let statuses = list("status").map(|names| {
            let of = |name: String| {
                JobStatus::from_name(&name).ok_or_else(|| {
                    let known = JobStatus::ALL.map(JobStatus::name).join(", ");
                    let reason = format!("'{name}' is no status; there are {known}");
                    Problem::invalid_parameter("status", reason)
                })
            };
            names.into_iter().map(of).collect::<Result<Vec<_>, _>>()
        });
        let created = call.query.get("datetime").map(TimeQuery::parse).transpose();
        let seconds = |name: &str| match call.query.get(name).map(whole) {
            None => Ok(None),
            Some(Some(seconds)) => Ok(Some(seconds)),
            Some(None) => {
                let reason = "expected whole seconds from 0 up";
                Err(Problem::invalid_parameter(name, reason))
            }
        };
        Ok(Self {
            statuses: statuses.transpose()?,
            processes: list("processID"),
            created: created.map_err(|e| Problem::invalid_parameter("datetime", e))?,
            least: seconds("minDuration")?,
            most: seconds("maxDuration")?,
        })
    }

    /// Whether it wants a job, as it is at a time. One that has not been begun has no duration, and is
    /// wanted only where none is asked for.
    fn holds(&self, job: &JobRecord, now: i64) -> bool {
        let took = job
            .started
            .map(|s| job.finished.unwrap_or(now).saturating_sub(s));
        let took = took.map(|ms| ms.max(0).unsigned_abs());
        let ms = |seconds: u64| seconds.saturating_mul(1000);
        self.statuses
            .as_ref()
            .is_none_or(|s| s.contains(&job.status))
            && self
                .processes
                .as_ref()
                .is_none_or(|p| p.iter().any(|p| p == ANALYSE))
            && self.created.is_none_or(|t| t.holds(job.created))
            && self.least.is_none_or(|s| took.is_some_and(|t| t >= ms(s)))
            && self.most.is_none_or(|s| took.is_some_and(|t| t <= ms(s)))
    }
}
