//! The roles, as they are started: all in this process, or one of them.

use std::path::Path;

use msgflo::{Error, Network, Options, Participant, Result, Settings};
use url::Url;

use crate::args::{Arguments, Data, Images, Limits, Role, Service};
use crate::fetch::Fetcher;
use crate::graph::Graph;
use crate::jobs::Jobs;
use crate::objects::Objects;
use crate::resize::ResizeImage;
use crate::store::StoreResult;
use crate::web::{HttpApi, Server};

/// What runs in this process.
pub struct Running {
    /// What to print when it is ready.
    pub ready: String,
    server: Option<Server>,
    network: Network,
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
            let volatile =
                ["zmq:", "mqtt:", "mqtts:"].iter().any(|scheme| broker.starts_with(scheme));
            let volatile = volatile.then(|| network.transport().connection());
            let participant = network.start_with(&role, api, participant.settings()).await?;
            let (listen, max_body) = (&http.listen, limits.max_body);
            let server =
                Server::start(participant, volatile, listen, max_body, jobs, objects).await?;
            let ready = format!("{role} ready at {}", server.url);
            Ok(Some(Running { ready, server: Some(server), network }))
        }
        Some(Role::Resize { participant, data, images, limits }) => {
            let Some((network, role)) = join::<ResizeImage>("resize", &participant).await? else {
                return Ok(None);
            };
            let graph = Graph { resize: role.clone(), ..Graph::default() };
            graph.connect(&network).await?;
            let resize = resize(open(&data)?, &images, &limits)?;
            network.start_with(&role, resize, participant.settings()).await?;
            Ok(Some(Running::worker(&role, network)))
        }
        Some(Role::Store { participant, data }) => {
            let Some((network, role)) = join::<StoreResult>("store", &participant).await? else {
                return Ok(None);
            };
            let graph = Graph { store: role.clone(), ..Graph::default() };
            graph.connect(&network).await?;
            let store = StoreResult::new(Jobs::open(&data.data)?);
            network.start_with(&role, store, participant.settings()).await?;
            Ok(Some(Running::worker(&role, network)))
        }
    }
}

async fn whole(service: Service) -> Result<Running> {
    let Service { http, data, images, limits, concurrency } = service;
    let jobs = Jobs::open(&data.data)?;
    let objects = open(&data)?;
    let resize = resize(objects.clone(), &images, &limits)?;
    // Its queues went with the process that ran before.
    jobs.send_unfinished_again().await?;

    let network = msgflo::connect("memory://imageresize").await?;
    let graph = Graph::default();
    graph.connect(&network).await?;
    network.start(&graph.store, StoreResult::new(Jobs::open(&data.data)?)).await?;
    let settings = Settings { concurrency, ..Settings::default() };
    network.start_with(&graph.resize, resize, settings).await?;
    let web = network.start(&graph.web, HttpApi::default()).await?;
    let server = Server::start(web, None, &http.listen, limits.max_body, jobs, objects).await?;
    let ready = format!("imageresize ready at {}", server.url);
    Ok(Running { ready, server: Some(server), network })
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
    Ok(ResizeImage::new(objects, fetcher, images.max_pixels))
}

impl Running {
    fn worker(role: &str, network: Network) -> Self {
        let ready = format!("{role} ready on {}", network.transport().url());
        Self { ready, server: None, network }
    }

    /// Returns when a role cannot go on.
    pub async fn failed(&self) -> Error {
        self.network.failed().await
    }

    /// Finishes what is in flight.
    pub async fn stop(self) -> Result<()> {
        if let Some(server) = self.server {
            server.stop().await?;
        }
        self.network.shutdown().await
    }
}
