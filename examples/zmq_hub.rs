//! The hub that is ZeroMQ's broker, as a program of its own:
//!
//! ```sh
//! zmq_hub zmq://127.0.0.1:5555 &
//! repeat --broker zmq://127.0.0.1:5555
//! ```

use msgflo::StopSignals;
use msgflo::zmq::Hub;

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::log_to_stderr();
    let url = std::env::args().nth(1).unwrap_or_else(|| "zmq://127.0.0.1:5555".into());
    let mut stop = StopSignals::listen()?;
    let hub = Hub::bind(&url).await?;
    println!("the hub is ready on {}", hub.url());
    stop.next().await;
    hub.stop().await;
    Ok(())
}
