//! A source: it has no inport that others can send to, and sends by itself, beside the participant.
//!
//!     cargo run --example source -- --broker memory:// --count 3
//!     cargo run --example source -- --broker amqp://localhost --role clock

use std::time::{Duration, SystemTime};

use clap::Parser;
use msgflo::{Json, Outport, Participant, Program};

/// Tell the time every second
#[derive(Participant, Default)]
#[participant(component = "examples/Clock", icon = "clock-o")]
struct Clock {
    /// Seconds since 1970
    #[outport]
    time: Outport<Json<u64>>,
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
    let program = Program::new(Clock::default()).options(options);
    let program = program.background(move |clock, stop| async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        for _ in 0..count.unwrap_or(u64::MAX) {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.requested() => break,
            }
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            clock.time.send(Json(now.as_secs())).await?;
        }
        Ok(())
    });
    program.run().await
}
