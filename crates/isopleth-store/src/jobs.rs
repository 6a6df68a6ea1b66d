//! Analyses that clients of a service ask for, and the jobs that make them. Neither moves the data
//! revision.

use rusqlite::{Connection, params};

use crate::layers::{keep_run, run_documents};
use crate::store::begin;
use crate::{Run, Store, StoreError};

/// What the collections of analyses are called, before the id of the run.
pub const ANALYSIS_START: &str = "analysis-";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// It waits for its turn.
    Accepted,
    /// It is being computed.
    Running,
    /// It has its result.
    Successful,
    /// It has none, and never will.
    Failed,
    /// It was called off, or its result was given up.
    Dismissed,
}

impl JobStatus {
    /// All of them, in the order in which a job may go through them.
    pub const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Running,
        Self::Successful,
        Self::Failed,
        Self::Dismissed,
    ];

    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Successful => "successful",
            Self::Failed => "failed",
            Self::Dismissed => "dismissed",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether the job is still to come to an end.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Accepted | Self::Running)
    }
}

/// A job as it is remembered. Times are milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Id, as clients know it.
    pub id: String,
    /// Id of the run that it makes.
    pub run: String,
    /// The request document, as JSON.
    pub request: String,
    /// In which form the client wants the result; the service's own word.
    pub answer: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Stable code of why it failed.
    pub code: Option<String>,
    /// What there is to say about it.
    pub message: String,
    /// Per cent done.
    pub progress: u8,
    /// When it was accepted.
    pub created: i64,
    /// When its computation began.
    pub started: Option<i64>,
    /// When it came to its end.
    pub finished: Option<i64>,
    /// When anything of it last changed.
    pub updated: i64,
}

/// An analysis that is kept as a collection of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// Id of its run.
    pub run: String,
    /// When it was made, milliseconds since 1970 UTC.
    pub kept: i64,
}

impl Store {
    /// Remembers jobs in the place of what was known of them and, with them or not at all, a run that
    /// they made. The run is kept as the analysis of its own id, whatever its `layer` says; `kept` is
    /// when it was made.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn put_jobs(
        &mut self,
        jobs: &[JobRecord],
        made: Option<(&Run, i64)>,
    ) -> Result<(), StoreError> {
        let documents = made.map(|(run, _)| run_documents(run)).transpose()?;
        let tx = begin(&mut self.connection)?;
        if let (Some((run, kept)), Some(documents)) = (made, documents) {
            let layer = format!("{ANALYSIS_START}{}", run.id);
            keep_run(&tx, run, &layer, &documents)?;
            tx.execute(
                "INSERT INTO analyses VALUES (?1, ?2)
                 ON CONFLICT (run) DO UPDATE SET kept = excluded.kept",
                params![run.id, kept],
            )?;
        }
        for job in jobs {
            put_job(&tx, job)?;
        }
        Ok(tx.commit()?)
    }

    /// The jobs, in the order in which they were accepted.
    ///
    /// # Errors
    /// [`StoreError`] of the database; [`StoreError::Corrupt`] for a status that is none.
    pub fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, run, request, answer, status, code, message, progress, created, started,
                    finished, updated
             FROM jobs ORDER BY sequence",
        )?;
        let rows = statement.query_map([], |r| {
            let status: String = r.get(4)?;
            Ok((
                JobStatus::from_name(&status).ok_or(status),
                JobRecord {
                    id: r.get(0)?,
                    run: r.get(1)?,
                    request: r.get(2)?,
                    answer: r.get(3)?,
                    status: JobStatus::Accepted,
                    code: r.get(5)?,
                    message: r.get(6)?,
                    progress: r.get(7)?,
                    created: r.get(8)?,
                    started: r.get(9)?,
                    finished: r.get(10)?,
                    updated: r.get(11)?,
                },
            ))
        })?;
        rows.map(|row| {
            let (status, job) = row?;
            let status = status.map_err(|name| StoreError::Corrupt {
                detail: format!("job {} has the status `{name}`", job.id),
            })?;
            Ok(JobRecord { status, ..job })
        })
        .collect()
    }

    /// Forgets jobs and gives up analyses, by the ids of their runs. A run that a saved layer shares
    /// stays with the layer.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn remove_jobs(&mut self, jobs: &[String], analyses: &[String]) -> Result<(), StoreError> {
        let tx = begin(&mut self.connection)?;
        for id in jobs {
            tx.execute("DELETE FROM jobs WHERE id = ?1", [id])?;
        }
        for run in analyses {
            tx.execute("DELETE FROM analyses WHERE run = ?1", [run])?;
            let layer = format!("{ANALYSIS_START}{run}");
            tx.execute("DELETE FROM layer_runs WHERE layer = ?1", [&layer])?;
            tx.execute(
                "DELETE FROM runs WHERE id = ?1
                 AND NOT EXISTS (SELECT 1 FROM layer_runs WHERE run = ?1)",
                [run],
            )?;
        }
        Ok(tx.commit()?)
    }

    /// The analyses that are kept, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn analyses(&self) -> Result<Vec<Analysis>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT run, kept FROM analyses ORDER BY kept, run")?;
        let rows = statement.query_map([], |r| {
            Ok(Analysis {
                run: r.get(0)?,
                kept: r.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn put_job(connection: &Connection, job: &JobRecord) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO jobs (id, run, request, answer, status, code, message, progress, created,
                                 started, finished, updated)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               ON CONFLICT (id) DO UPDATE SET
                 run = excluded.run, status = excluded.status, code = excluded.code,
                 message = excluded.message, progress = excluded.progress,
                 started = excluded.started, finished = excluded.finished,
                 updated = excluded.updated";
    connection.prepare_cached(sql)?.execute(params![
        job.id,
        job.run,
        job.request,
        job.answer,
        job.status.name(),
        job.code,
        job.message,
        job.progress,
        job.created,
        job.started,
        job.finished,
        job.updated,
    ])?;
    Ok(())
}
