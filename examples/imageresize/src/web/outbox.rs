//! Sends the orders of stored jobs to `resize`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use msgflo::{ErrorKind, Handle, Json, Result};
use tokio::time::sleep;

use super::{App, HttpApi};

/// How many are on their way at once.
const BATCH: u32 = 100;
const PAUSE: Duration = Duration::from_secs(1);

/// Sends what is to be sent until the server stops. What is not sent then is sent when it
/// starts again.
pub async fn send(app: Arc<App>, web: Handle<HttpApi>) {
    let mut stopping = app.stopping.clone();
    loop {
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
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
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
