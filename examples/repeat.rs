//! Passes on what it receives, byte for byte, whatever it is.
//!
//!     cargo run --release --example repeat -- --role repeat --broker amqp://localhost

use msgflo::{Any, Inport, Outport, Participant};

/// Repeat what comes in
#[derive(Participant, Default)]
#[participant(component = "rust/Repeat", icon = "repeat")]
struct Repeat {
    /// Anything
    #[inport(process = repeat)]
    r#in: Inport<Any>,
    /// The same again
    #[outport]
    out: Outport<Any>,
}

impl Repeat {
    async fn repeat(&self, any: Any) -> msgflo::Result<()> {
        self.out.send(any).await
    }
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::run(Repeat::default()).await
}
