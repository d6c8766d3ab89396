//! A worker that does as it is told, with something beside it: for trying out what an operator can do to a
//! program. It prints each message before it does what it says.
//!
//!     cargo run --example patient -- --broker 'zmq://127.0.0.1:5555?hub=auto' --listen 127.0.0.1:8080
//!     msgflo send --broker zmq://127.0.0.1:5555 --queue patient.IN --text fail
//!     curl http://127.0.0.1:8080/metrics

use std::time::Duration;

use clap::Parser;
use msgflo::{Error, Inport, Outport, Participant, Program};

/// Do as a message says: wait, block, hold, fail, permanent, abort; pass all others on
#[derive(Participant, Default)]
#[participant(component = "examples/Patient", icon = "heartbeat")]
struct Patient {
    #[inport(process = obey)]
    r#in: Inport<String>,
    #[outport]
    out: Outport<String>,
}

impl Patient {
    async fn obey(&self, text: String) -> msgflo::Result<()> {
        println!("{text}");
        match text.as_str() {
            "wait" => std::future::pending().await,
            // What no signal and no time-out can end.
            "block" => loop {
                tokio::task::spawn_blocking(std::thread::park).await?;
            },
            "hold" => {
                std::thread::sleep(Duration::from_secs(2));
                Ok(())
            }
            "fail" => Err(Error::message("asked to fail")),
            "abort" => std::process::abort(),
            "permanent" => Err(msgflo::permanent("asked to fail for good")),
            _ => self.out.send(text).await,
        }
    }
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    msgflo: msgflo::Options,
    #[command(flatten)]
    listen: msgflo::ListenOptions,
    /// Have what runs beside the participant fail
    #[arg(long)]
    fail: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> msgflo::Result<()> {
    let Arguments { msgflo: options, listen, fail } = Arguments::parse();
    let program = Program::new(Patient::default()).options(options).listen(listen);
    let program = program.background(move |_patient, stop| async move {
        if fail {
            return Err(Error::message("the background was asked to fail"));
        }
        stop.requested().await;
        println!("the background stops");
        Ok(())
    });
    program.run().await
}
