//! The participants that the cases run.

use std::collections::BTreeSet;
use std::sync::Arc;

use msgflo::{Error, Inport, Outport, Participant, Result};
use tokio::sync::{Semaphore, watch};

/// Pass on what comes in
#[derive(Participant, Default)]
#[participant(component = "test/Repeat")]
pub struct Repeat {
    #[inport(process = repeat)]
    r#in: Inport<String>,
    #[outport]
    out: Outport<String>,
}

impl Repeat {
    async fn repeat(&self, text: String) -> Result<()> {
        match text.as_str() {
            "fail" => Err(Error::message("asked to fail")),
            "panic" => panic!("asked to panic"),
            _ => self.out.send(text).await,
        }
    }
}

/// Take messages, and finish each when it is let
#[derive(Participant, Default)]
#[participant(component = "test/Gate")]
pub struct Gate {
    #[inport(process = enter)]
    r#in: Inport<String>,
    #[inport(process = enter, concurrency = 1)]
    narrow: Inport<String>,
    gate: GateKeeper,
}

/// The test's side of a [`Gate`].
#[derive(Clone)]
pub struct GateKeeper {
    /// One permit lets one message through.
    pub open: Arc<Semaphore>,
    seen: Arc<watch::Sender<Seen>>,
}

/// What has happened at a [`Gate`].
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// At the gate now.
    pub waiting: BTreeSet<String>,
    /// The most that were ever at the gate at once.
    pub most: usize,
    /// In the order in which they passed.
    pub passed: Vec<String>,
}

impl Default for GateKeeper {
    fn default() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            seen: Arc::new(watch::Sender::new(Seen::default())),
        }
    }
}

impl GateKeeper {
    pub fn gate(&self) -> Gate {
        Gate { gate: self.clone(), ..Gate::default() }
    }

    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    pub async fn wait_for(&self, condition: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let waited = async { seen.wait_for(condition).await.map(|_| ()).unwrap() };
        crate::context::within("what must happen at the gate", waited).await;
    }
}

impl Gate {
    async fn enter(&self, text: String) -> Result<()> {
        self.gate.seen.send_modify(|seen| {
            seen.waiting.insert(text.clone());
            seen.most = seen.most.max(seen.waiting.len());
        });
        self.gate.open.acquire().await?.forget();
        self.gate.seen.send_modify(|seen| {
            seen.waiting.remove(&text);
            seen.passed.push(text);
        });
        Ok(())
    }
}
