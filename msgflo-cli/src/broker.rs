//! Which broker, and connecting to it.

use clap::Args;
use msgflo::{BrokerOptions, Network, Result, connect_within};

/// The broker that a subcommand works on.
#[derive(Args)]
pub struct Broker {
    #[command(flatten)]
    options: BrokerOptions,
}

impl Broker {
    /// The URL, with its password.
    pub fn url(&self) -> String {
        self.options.broker()
    }

    /// Connects, lets `work` have the network, and disconnects whatever comes of it.
    pub async fn with<T>(&self, work: impl AsyncFnOnce(&Network) -> Result<T>) -> Result<T> {
        let network = connect_within(&self.url(), self.options.connect_timeout()).await?;
        let worked = work(&network).await;
        let shut_down = network.shutdown().await;
        let worked = worked?;
        shut_down.map(|()| worked)
    }
}
