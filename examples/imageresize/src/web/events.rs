//! `GET /jobs/ID/events`: the job, now and whenever something about it changes, until all of
//! its images are done or failed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use tokio::time::sleep;
use uuid::Uuid;

use super::look::find_job;
use super::refusal::Refusal;
use super::{App, Shared};
use crate::jobs::Job;

/// How often the database is asked whether anything has changed, which costs it next to
/// nothing: `store` may be another process, which could tell us in no simpler way.
const INTERVAL: Duration = Duration::from_millis(100);

pub async fn events(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = msgflo::Result<Event>>>, Refusal> {
    let id = find_job(&app, &id).await?.id;
    let watch = Watch { app, id, version: None, told: None };
    let events = stream::try_unfold(watch, |mut watch| async move {
        let Some(job) = watch.next().await? else { return Ok(None) };
        let event = Event::default().json_data(job).map_err(msgflo::Error::new)?;
        Ok(Some((event, watch)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

struct Watch {
    app: Arc<App>,
    id: Uuid,
    version: Option<i64>,
    told: Option<Job>,
}

impl Watch {
    /// The job, as soon as it is not as it was told last.
    async fn next(&mut self) -> msgflo::Result<Option<&Job>> {
        if self.told.as_ref().is_some_and(|job| job.finished.is_some()) {
            return Ok(None);
        }
        let mut stopping = self.app.stopping.clone();
        loop {
            // Asked before the job is read: a change in between is then seen next time.
            let version = Some(self.app.jobs.version().await?);
            if version != self.version {
                self.version = version;
                let job = self.app.jobs.job(self.id).await?;
                if job.is_none() || job != self.told {
                    self.told = job;
                    return Ok(self.told.as_ref());
                }
            }
            tokio::select! {
                () = sleep(INTERVAL) => {}
                _ = stopping.wait_for(|stop| *stop) => return Ok(None),
            }
        }
    }
}
