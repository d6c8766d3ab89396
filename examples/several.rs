//! Several participants in one process, connected by edges. Without a broker:
//!
//!     cargo run --example several
//!
//! and with one, the very same: `cargo run --example several -- amqp://localhost`

use msgflo::{Inport, Json, Outport, Participant, Result};
use tokio::sync::mpsc;

/// Count up
#[derive(Participant, Default)]
#[participant(component = "examples/Numbers")]
struct Numbers {
    #[outport]
    out: Outport<Json<u64>>,
}

/// Square a number
#[derive(Participant, Default)]
#[participant(component = "examples/Square")]
struct Square {
    #[inport(process = square)]
    r#in: Inport<Json<u64>>,
    #[outport]
    out: Outport<Json<u64>>,
}

impl Square {
    async fn square(&self, Json(number): Json<u64>) -> Result<()> {
        self.out.send(Json(number * number)).await
    }
}

/// Hand numbers to the rest of the program
#[derive(Participant)]
#[participant(component = "examples/Collect")]
struct Collect {
    #[inport(process = collect)]
    r#in: Inport<Json<u64>>,
    collected: mpsc::Sender<u64>,
}

impl Collect {
    async fn collect(&self, Json(number): Json<u64>) -> Result<()> {
        Ok(self.collected.send(number).await?)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let broker = std::env::args().nth(1).unwrap_or_else(|| "memory://".into());
    let (collected, mut results) = mpsc::channel(10);
    let network = msgflo::connect(&broker).await?;
    let numbers = network.start("numbers", Numbers::default()).await?;
    // Two workers of one role share its messages.
    network.start("square", Square::default()).await?;
    network.start("square", Square::default()).await?;
    network.start("collect", Collect { r#in: Inport::default(), collected }).await?;
    network.bind("numbers.OUT", "square.IN").await?;
    network.bind("square.OUT", "collect.IN").await?;

    for number in 1..=10 {
        numbers.out.send(Json(number)).await?;
    }
    let mut sum = 0;
    for _ in 1..=10 {
        sum += results.recv().await.unwrap_or_default();
    }
    println!("the sum of the squares of 1 to 10 is {sum}");
    network.shutdown().await
}
