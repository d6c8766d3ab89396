//! The role `web`: takes images over HTTP, and tells what becomes of them.

mod events;
mod health;
mod limit;
mod look;
mod outbox;
mod page;
mod refusal;
mod submit;
mod upload;
mod urls;
mod wanted;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use axum::{Router, extract::State};
use msgflo::{Error, Handle, Json, Network, Outport, Participant, Result};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::jobs::Jobs;
use crate::messages::Order;
use crate::objects::Objects;
use refusal::Refusal;

/// Take images over HTTP
#[derive(Participant, Default)]
#[participant(component = "imageresize/HttpApi", icon = "cloud-upload")]
pub struct HttpApi {
    /// Images to resize
    #[outport]
    resize: Outport<Json<Order>>,
}

/// What the routes share.
struct App {
    network: Network,
    jobs: Jobs,
    objects: Objects,
    /// The most bytes that a request's body may have.
    max_body: u64,
    /// A job was stored.
    stored: Notify,
    stopping: watch::Receiver<bool>,
}

type Shared = State<Arc<App>>;

/// A running HTTP server.
pub struct Server {
    pub url: String,
    stop: watch::Sender<bool>,
    http: JoinHandle<std::io::Result<()>>,
    outbox: JoinHandle<()>,
}

impl Server {
    /// Listens at an address, for a participant that is started. `is_volatile` says that the broker
    /// loses what it has when it restarts.
    pub async fn start(
        participant: Handle<HttpApi>,
        network: Network,
        is_volatile: bool,
        listen: &str,
        max_body: u64,
        jobs: Jobs,
        objects: Objects,
    ) -> Result<Self> {
        let cannot = |error| Error::message(format!("cannot listen at {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(cannot)?;
        let url = format!("http://{}", listener.local_addr().map_err(cannot)?);

        let (stop, stopping) = watch::channel(false);
        let mut stopped = stopping.clone();
        let volatile = is_volatile.then(|| network.transport().connection());
        let stored = Notify::new();
        let app = Arc::new(App { network, jobs, objects, max_body, stored, stopping });
        let outbox = tokio::spawn(outbox::send(app.clone(), participant, volatile));
        let routes = routes(app);
        let http = tokio::spawn(async move {
            let stopped = async move {
                // An error means that the server is gone, which is a reason to stop too.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            axum::serve(listener, routes).with_graceful_shutdown(stopped).await
        });
        Ok(Self { url, stop, http, outbox })
    }

    /// Takes no more requests, and answers those that it has.
    pub async fn stop(self) -> Result<()> {
        self.stop.send_replace(true);
        let (http, outbox) = tokio::join!(self.http, self.outbox);
        http??;
        Ok(outbox?)
    }
}

fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::html))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::js))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/jobs", post(submit::submit))
        .route("/jobs/{id}", get(look::job))
        .route("/jobs/{id}/events", get(events::events))
        .route("/images/{id}", get(look::image))
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        // `limit` does it, with an answer that arrives.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

async fn no_such_page(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is nothing at {}", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    Refusal::method_not_allowed(format!("{method} cannot be done with {}", uri.path()))
}
