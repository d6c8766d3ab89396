//! Forwards the edges of a network on an MQTT broker, for networks whose participants do not do it
//! themselves. Any number may run: one at a time forwards an edge.
//!
//! `cargo run --features mqtt --example mqtt_router -- mqtt://localhost [SOURCE=TARGET …]`

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::log_to_stderr();
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "mqtt://localhost".into());
    let separator = if url.contains('?') { '&' } else { '?' };
    let network = msgflo::connect(&format!("{url}{separator}router=all")).await?;
    for edge in arguments {
        let Some((source, target)) = edge.split_once('=') else {
            return Err(msgflo::Error::invalid(format!("`{edge}` is not SOURCE=TARGET")));
        };
        network.bind(source, target).await?;
    }
    println!("routing on {url}", url = network.transport().url());
    msgflo::StopSignals::listen()?.next().await;
    network.shutdown().await
}
