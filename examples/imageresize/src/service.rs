//! The roles, as they are started: all in this process, or one of them.

use std::path::Path;
use std::time::Duration;

use msgflo::{Error, Network, Options, Participant, Result, Settings};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::args::{Arguments, Data, Images, Keep, Limits, Role, Service};
use crate::expiry;
use crate::fetch::Fetcher;
use crate::graph::Graph;
use crate::jobs::Jobs;
use crate::memory::{self, Memory};
use crate::objects::Objects;
use crate::resize::ResizeImage;
use crate::store::StoreResult;
use crate::web::{HttpApi, Server};

/// As [`Options::shutdown_timeout`] has it.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// What runs in this process.
pub struct Running {
    /// What to print when it is ready.
    pub ready: String,
    server: Option<Server>,
    /// What deletes old jobs.
    expiry: Option<JoinHandle<()>>,
    network: Network,
    shutdown_timeout: Duration,
}

/// Starts what the arguments say. `None` if there is nothing to run.
pub async fn start(arguments: Arguments) -> Result<Option<Running>> {
    match arguments.role {
        None => whole(arguments.service).await.map(Some),
        Some(Role::Web { participant, http, data, limits }) => {
            let Some((network, role)) = join::<HttpApi>("web", &participant).await? else {
                return Ok(None);
            };
            let (jobs, objects) = (Jobs::open(&data.data)?, open(&data)?);
            let graph = Graph { web: role.clone(), ..Graph::default() };
            graph.connect(&network).await?;
            let api = HttpApi::default();
            // A ZeroMQ hub has everything in memory, and so may an MQTT broker.
            let broker = participant.broker();
            let is_volatile =
                ["zmq:", "mqtt:", "mqtts:"].iter().any(|scheme| broker.starts_with(scheme));
            let handle = network.start_with(&role, api, participant.settings()).await?;
            let (listen, max_body, own) = (&http.listen, limits.max_body, network.clone());
            let server =
                Server::start(handle, own, is_volatile, listen, max_body, jobs, objects).await?;
            let ready = format!("{role} ready at {}", server.url);
            let shutdown_timeout = participant.shutdown_timeout();
            let (server, expiry) = (Some(server), None);
            Ok(Some(Running { ready, server, expiry, network, shutdown_timeout }))
        }
        Some(Role::Resize { participant, data, images, limits }) => {
            let Some((network, role)) = join::<ResizeImage>("resize", &participant).await? else {
                return Ok(None);
            };
            let graph = Graph { resize: role.clone(), ..Graph::default() };
            graph.connect(&network).await?;
            let resize = resize(open(&data)?, &images, &limits)?;
            network.start_with(&role, resize, participant.settings()).await?;
            Ok(Some(Running::worker(&role, network, None, &participant)))
        }
        Some(Role::Store { participant, data, keeping }) => {
            let Some((network, role)) = join::<StoreResult>("store", &participant).await? else {
                return Ok(None);
            };
            let graph = Graph { store: role.clone(), ..Graph::default() };
            graph.connect(&network).await?;
            let (jobs, objects) = (Jobs::open(&data.data)?, open(&data)?);
            let store = StoreResult::new(jobs.clone());
            network.start_with(&role, store, participant.settings()).await?;
            let expiry = delete_old(jobs, objects, keeping.keep);
            Ok(Some(Running::worker(&role, network, expiry, &participant)))
        }
    }
}

async fn whole(service: Service) -> Result<Running> {
    let Service { http, data, images, limits, keeping, concurrency } = service;
    let jobs = Jobs::open(&data.data)?;
    let objects = open(&data)?;
    let resize = resize(objects.clone(), &images, &limits)?;
    // Its queues went with the process that ran before.
    jobs.send_unfinished_again().await?;

    let network = msgflo::connect("memory://imageresize").await?;
    let graph = Graph::default();
    graph.connect(&network).await?;
    let of_store = Jobs::open(&data.data)?;
    network.start(&graph.store, StoreResult::new(of_store.clone())).await?;
    let settings = Settings { concurrency, ..Settings::default() };
    network.start_with(&graph.resize, resize, settings).await?;
    let web = network.start(&graph.web, HttpApi::default()).await?;
    let (listen, max_body, own) = (&http.listen, limits.max_body, network.clone());
    let server = Server::start(web, own, false, listen, max_body, jobs, objects.clone()).await?;
    let ready = format!("imageresize ready at {}", server.url);
    let (server, expiry) = (Some(server), delete_old(of_store, objects, keeping.keep));
    Ok(Running { ready, server, expiry, network, shutdown_timeout: SHUTDOWN_TIMEOUT })
}

/// Connects to the broker, unless the participant is only to be described.
async fn join<P: Participant>(role: &str, options: &Options) -> Result<Option<(Network, String)>> {
    let role = options.role(role);
    if options.describe() {
        let message = P::component().instantiate(&role)?.to_discovery_message();
        println!("{message:#}");
        return Ok(None);
    }
    let broker = options.broker();
    if broker.starts_with("memory:") {
        return Err(Error::invalid(format!(
            "{broker} is within one process, where `{role}` alone has nobody to work with: run imageresize without a command, or give --broker an amqp://, mqtt:// or zmq:// URL"
        )));
    }
    let network = msgflo::connect_within(&broker, options.connect_timeout()).await?;
    Ok(Some((network, role)))
}

fn delete_old(jobs: Jobs, objects: Objects, keep: Keep) -> Option<JoinHandle<()>> {
    let keep = keep.0?;
    Some(tokio::spawn(expiry::delete_old(jobs, objects, keep)))
}

fn open(data: &Data) -> Result<Objects> {
    match &data.store {
        None => Objects::in_folder(&data.data.join("objects")),
        Some(store) => match Url::parse(store) {
            Ok(url) => Objects::at(&url),
            Err(_) => Objects::in_folder(Path::new(store)),
        },
    }
}

fn resize(objects: Objects, images: &Images, limits: &Limits) -> Result<ResizeImage> {
    let fetcher = Fetcher::new(limits.max_body, images.allow_private_urls)?;
    let memory = Memory::new(images.max_memory.unwrap_or_else(memory::budget));
    Ok(ResizeImage::new(objects, fetcher, memory, images.max_pixels))
}

impl Running {
    fn worker(
        role: &str,
        network: Network,
        expiry: Option<JoinHandle<()>>,
        options: &Options,
    ) -> Self {
        let ready = format!("{role} ready on {}", network.transport().url());
        let shutdown_timeout = options.shutdown_timeout();
        Self { ready, server: None, expiry, network, shutdown_timeout }
    }

    /// Returns when a role cannot go on.
    pub async fn failed(&self) -> Error {
        self.network.failed().await
    }

    /// Finishes what is in flight, as far as there is time for it. The rest is done later.
    pub async fn stop(self) -> Result<()> {
        let until = Instant::now() + self.shutdown_timeout;
        if let Some(expiry) = self.expiry {
            expiry.abort();
        }
        let stopped = match self.server {
            Some(server) => timeout_at(until, server.stop()).await.unwrap_or_else(|_| {
                Err(Error::message("requests were not answered before the time to stop was over"))
            }),
            None => Ok(()),
        };
        let left = until.saturating_duration_since(Instant::now());
        stopped.and(self.network.shutdown_within(left).await)
    }
}
