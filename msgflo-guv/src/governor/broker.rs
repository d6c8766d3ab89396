//! Connections to the brokers that roles name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{pending, select_all};
use msgflo::transport::Pauses;
use msgflo::{Error, ErrorKind, Network, Result, connect_within};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::faults::Lost;
use crate::config::Role;
use crate::reading::{BrokerSource, Reading, Source};

/// How long the first attempt may take. One that fails is told of, and a longer one follows.
const FIRST_ATTEMPT: Duration = Duration::from_secs(1);
const LONGEST_ATTEMPT: Duration = Duration::from_secs(10);

/// One connection for each broker that roles name, made when it is needed, and tried for ever:
/// until then, readings fail, and say why.
#[derive(Default)]
pub struct Brokers(HashMap<String, Arc<Broker>>);

impl Brokers {
    /// What reads queues on the broker with this URL. It begins to connect at once, in the tokio
    /// runtime that this is called in.
    pub fn source(&mut self, url: &str) -> Arc<dyn Source> {
        let broker = self.0.entry(url.to_owned());
        broker.or_insert_with(|| Arc::new(Broker::connect(url))).clone()
    }

    /// As [`source`](Self::source), and returns when it is connected.
    ///
    /// # Errors
    /// If that cannot be done within the time.
    pub async fn connected(&mut self, url: &str, within: Duration) -> Result<Arc<dyn Source>> {
        if !self.0.contains_key(url) {
            let there = There::connect(url, within).await?;
            let state = watch::Sender::new(State::There(there)).subscribe();
            let broker = Broker { state, connecting: None };
            self.0.insert(url.to_owned(), Arc::new(broker));
        }
        Ok(self.source(url))
    }

    /// Returns when one of the URLs turns out to be none that can ever be connected to.
    pub async fn invalid(&self) -> Error {
        let each = self.0.values().map(|broker| {
            Box::pin(async {
                let mut state = broker.state.clone();
                let told = state.wait_for(State::is_invalid).await.map(|state| state.clone());
                match told {
                    Ok(State::Failed(error)) => again(&error),
                    _ => pending().await,
                }
            })
        });
        match each.collect::<Vec<_>>() {
            none if none.is_empty() => pending().await,
            each => select_all(each).await.0,
        }
    }

    /// Disconnects from all of them.
    pub async fn shutdown(self) {
        for broker in self.0.values() {
            let state = broker.state.borrow().clone();
            if let State::There(there) = state {
                // Nothing is in flight.
                let _ = there.network.shutdown().await;
            }
        }
    }
}

struct Broker {
    state: watch::Receiver<State>,
    connecting: Option<JoinHandle<()>>,
}

#[derive(Clone)]
enum State {
    Connecting,
    Failed(Arc<Error>),
    There(There),
}

impl State {
    fn is_invalid(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        matches!(error.kind(), Some(ErrorKind::Invalid(_)))
    }
}

#[derive(Clone)]
struct There {
    network: Network,
    source: Arc<BrokerSource>,
}

impl There {
    async fn connect(url: &str, within: Duration) -> Result<Self> {
        let network = connect_within(url, within).await?;
        let source = Arc::new(BrokerSource::listen(network.clone()).await);
        Ok(Self { network, source })
    }
}

impl Broker {
    fn connect(url: &str) -> Self {
        let (tell, state) = watch::channel(State::Connecting);
        let url = url.to_owned();
        let connecting = tokio::spawn(async move {
            let (mut pauses, mut attempt) = (Pauses::default(), FIRST_ATTEMPT);
            loop {
                match There::connect(&url, attempt).await {
                    Ok(there) => {
                        tell.send_replace(State::There(there));
                        return;
                    }
                    Err(error) => tell.send_replace(State::Failed(Arc::new(error))),
                };
                attempt = (attempt * 2).min(LONGEST_ATTEMPT);
                sleep(pauses.longer()).await;
            }
        });
        Self { state, connecting: Some(connecting) }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(connecting) = &self.connecting {
            connecting.abort();
        }
    }
}

#[async_trait]
impl Source for Broker {
    async fn read(&self, role: &Role) -> Result<Reading> {
        let mut state = self.state.clone();
        let known = match state.wait_for(|state| !matches!(state, State::Connecting)).await {
            Ok(state) => state.clone(),
            Err(_) => return Err(Error::message("the connection was given up")),
        };
        match known {
            State::Failed(error) => Err(again(&error)),
            State::There(there) => {
                let transport = there.network.transport();
                // It would wait until the broker is back.
                let mut connection = transport.connection();
                tokio::select! {
                    biased;
                    Ok(_) = connection.wait_for(|now| !now.connected) => {
                        Err(Error::new(Lost { url: transport.url().into() }))
                    }
                    reading = there.source.read(role) => reading,
                }
            }
            State::Connecting => Err(Error::message("it is not connected yet")),
        }
    }
}

/// The same error once more: several roles are told of it.
fn again(error: &Error) -> Error {
    match error.kind() {
        Some(ErrorKind::Unreachable { url, timeout, reason }) => {
            ErrorKind::Unreachable { url: url.clone(), timeout: *timeout, reason: reason.clone() }
                .into()
        }
        Some(ErrorKind::Refused { url, reason }) => {
            ErrorKind::Refused { url: url.clone(), reason: reason.clone() }.into()
        }
        Some(ErrorKind::Invalid(reason)) => Error::invalid(reason.clone()),
        _ => Error::message(error.to_string()),
    }
}
