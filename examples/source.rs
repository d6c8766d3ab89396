//! A source: it has no inport that others can send to, and feeds itself through a hidden one.
//! A program that is more than a worker connects and starts its participants itself.
//!
//!     cargo run --example source -- --broker memory:// --count 3
//!     cargo run --example source -- --broker amqp://localhost --role clock

use std::time::{Duration, SystemTime};

use clap::Parser;
use msgflo::{Inport, Json, Outport, Participant};

/// Tell the time every second
#[derive(Participant, Default)]
#[participant(component = "examples/Clock", icon = "clock-o")]
struct Clock {
    #[inport(process = tell, hidden)]
    tick: Inport<Json<u64>>,
    /// Seconds since 1970
    #[outport]
    time: Outport<Json<u64>>,
}

impl Clock {
    async fn tell(&self, seconds: Json<u64>) -> msgflo::Result<()> {
        self.time.send(seconds).await
    }
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    msgflo: msgflo::Options,
    /// Stop after so many ticks
    #[arg(long)]
    count: Option<u64>,
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    let Arguments { msgflo: options, count } = Arguments::parse();
    let network = msgflo::connect(&options.broker()).await?;
    let role = options.role(&Clock::component().name);
    let clock = network.start_with(&role, Clock::default(), options.settings()).await?;
    println!("{role} is ready on {}", network.transport().url());

    let mut stop = msgflo::StopSignals::listen()?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..count.unwrap_or(u64::MAX) {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.next() => break,
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        clock.tick.send(Json(now.as_secs())).await?;
    }
    network.shutdown().await
}
