//! `GET /healthz` and `GET /readyz`, for whoever watches over the process.

use axum::extract::State;
use futures_util::FutureExt;

use super::refusal::Refusal;
use super::{App, Shared};

/// Whether the process can go on. If not, it is to be started again.
pub async fn healthz(State(app): Shared) -> Result<&'static str, Refusal> {
    can_go_on(&app)?;
    Ok("it lives\n")
}

/// Whether jobs are taken and go to where they are worked on.
pub async fn readyz(State(app): Shared) -> Result<&'static str, Refusal> {
    can_go_on(&app)?;
    if *app.stopping.borrow() {
        return Err(Refusal::unavailable("the service is stopping"));
    }
    if !app.network.transport().connection().borrow().connected {
        return Err(Refusal::unavailable(
            "the connection to the broker is lost; it is being made again",
        ));
    }
    // A database that cannot be read is an error of the service, and its log has the reason.
    app.jobs.version().await?;
    Ok("it is connected, and takes jobs\n")
}

fn can_go_on(app: &App) -> Result<(), Refusal> {
    match app.network.failed().now_or_never() {
        Some(failure) => Err(Refusal::unavailable(failure.to_string())),
        None => Ok(()),
    }
}
