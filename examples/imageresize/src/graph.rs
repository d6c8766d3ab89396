//! How the roles are connected.
//!
//! ```text
//! web RESIZE -> IN resize OUT -> IN store
//!                  resize ERROR -> IN store
//! ```

use msgflo::transport::{Direction, Queue};
use msgflo::{Network, Result};

/// The roles' names.
pub struct Graph {
    pub web: String,
    pub resize: String,
    pub store: String,
}

impl Default for Graph {
    fn default() -> Self {
        Self { web: "web".into(), resize: "resize".into(), store: "store".into() }
    }
}

impl Graph {
    /// Makes all queues and edges exist. Every process does so before its role starts: then
    /// nothing that is sent is lost, in whatever order the processes start.
    pub async fn connect(&self, network: &Network) -> Result<()> {
        let orders = format!("{}.RESIZE", self.web);
        let resize = format!("{}.IN", self.resize);
        let results = format!("{}.OUT", self.resize);
        let errors = format!("{}.ERROR", self.resize);
        let store = format!("{}.IN", self.store);

        let inports = [&resize, &store].map(|name| (name, Direction::In));
        let outports = [&orders, &results, &errors].map(|name| (name, Direction::Out));
        for (name, direction) in inports.into_iter().chain(outports) {
            let queue = Queue::new(name.clone(), direction);
            network.transport().declare(&queue).await?;
        }
        for (source, target) in [(&orders, &resize), (&results, &store), (&errors, &store)] {
            network.bind(source, target).await?;
        }
        Ok(())
    }
}
