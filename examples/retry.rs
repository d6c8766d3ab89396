//! Trying again: a worker that asks somebody who is often busy. What fails waits at the broker, longer each
//! time, while other messages are processed; what cannot succeed goes to the dead letters at once.
//!
//!     cargo run --example retry -- --broker 'zmq://127.0.0.1:5555?hub=auto'
//!     msgflo send --broker zmq://127.0.0.1:5555 --queue retry.IN --text photo
//!     msgflo dead list --broker zmq://127.0.0.1:5555 --queue retry.IN

use msgflo::{Context, Inport, Outport, Participant};

/// Ask an origin that answers every third time only
#[derive(Participant, Default)]
#[participant(component = "examples/Retry", icon = "repeat")]
struct Retry {
    #[inport(process = ask, attempts = 5, backoff = "100ms..1s", timeout = "10s")]
    r#in: Inport<String>,
    /// What the origin has
    #[outport]
    out: Outport<String>,
}

impl Retry {
    async fn ask(&self, question: String, context: Context) -> anyhow::Result<()> {
        if question.is_empty() {
            // More attempts would not help.
            Err(msgflo::permanent("an empty question"))?;
        }
        if context.attempt() < 3 {
            anyhow::bail!("the origin is busy");
        }
        Ok(self.out.send(question).await?)
    }
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::run(Retry::default()).await
}
