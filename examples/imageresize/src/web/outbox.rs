//! Sends the orders of stored jobs to `resize`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use msgflo::transport::Connection;
use msgflo::{ErrorKind, Handle, Json, Result};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{App, HttpApi};

/// How many are on their way at once.
const BATCH: u32 = 100;
const PAUSE: Duration = Duration::from_secs(1);

/// Sends what is to be sent until the server stops. What is not sent then is sent when it
/// starts again; and what a `volatile` broker had is sent again when there is another.
pub async fn send(
    app: Arc<App>,
    web: Handle<HttpApi>,
    mut volatile: Option<watch::Receiver<Connection>>,
) {
    let mut stopping = app.stopping.clone();
    let mut seen = None;
    loop {
        let now = volatile.as_mut().map(|connection| connection.borrow_and_update().reconnections);
        if now != seen {
            if let Err(error) = app.jobs.send_unfinished_again().await {
                tracing::error!("what the broker has lost is not sent again: {error}");
            }
            seen = now;
        }
        let pause = match send_batch(&app, &web).await {
            Ok(0) => None,
            Ok(_) => continue,
            Err(error) if matches!(error.kind(), Some(ErrorKind::Closed(_))) => return,
            Err(error) => {
                tracing::error!("images wait to be resized: {error}");
                Some(PAUSE)
            }
        };
        tokio::select! {
            () = app.stored.notified(), if pause.is_none() => {}
            () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            () = changed(&mut volatile) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

async fn changed(connection: &mut Option<watch::Receiver<Connection>>) {
    if let Some(connection) = connection
        && connection.changed().await.is_ok()
    {
        return;
    }
    // There will be no more connections.
    std::future::pending().await
}

async fn send_batch(app: &App, web: &HttpApi) -> Result<usize> {
    let orders = app.jobs.unsent(BATCH).await?;
    let mut stopping = app.stopping.clone();
    let sending = try_join_all(orders.iter().map(|order| web.resize.send(Json(order.clone()))));
    tokio::select! {
        sent = sending => sent?,
        // The broker may be away for longer than one cares to wait.
        _ = stopping.wait_for(|stop| *stop) => return Ok(0),
    };
    if !orders.is_empty() {
        app.jobs.mark_sent(&orders).await?;
    }
    Ok(orders.len())
}
