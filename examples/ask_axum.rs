//! An HTTP server that asks the network: each request becomes a message, and the answer, along whatever edges it
//! comes back, is the response. As many instances as you like: each gets the answers to what it has asked.
//!
//!     cargo run --example ask_axum -- --broker 'zmq://127.0.0.1:5555?hub=auto' --http 127.0.0.1:8080
//!     cargo run --example ask_axum -- --broker zmq://127.0.0.1:5555 --http 127.0.0.1:8081
//!     cargo run --example blocking -- --broker zmq://127.0.0.1:5555
//!     echo 'front(examples/Front) ASK -> BELOW primes(examples/Primes) COUNT -> ANSWER front' > ask.fbp
//!     msgflo setup --broker zmq://127.0.0.1:5555 ask.fbp
//!     curl http://127.0.0.1:8080/primes/1000 http://127.0.0.1:8081/primes/2000

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, serve};
use clap::Parser;
use msgflo::{Handle, Inport, Json, Outport, Participant, Program, Stop};
use tokio::net::TcpListener;

/// Ask over HTTP how many primes there are
#[derive(Participant, Default)]
#[participant(component = "examples/Front", icon = "globe")]
struct Front {
    #[outport]
    ask: Outport<Json<u64>>,
    // It needs no method: what comes here goes to whoever has asked.
    #[inport(replies)]
    answer: Inport<Json<u64>>,
}

async fn primes(
    State(front): State<Handle<Front>>,
    Path(below): Path<u64>,
) -> Result<String, (StatusCode, String)> {
    let answer = front.ask.request::<Json<u64>>(Json(below)).timeout(Duration::from_secs(10));
    match answer.await {
        Ok(Json(count)) => Ok(format!("{count} primes are below {below}\n")),
        Err(error) => Err((StatusCode::BAD_GATEWAY, format!("{error}\n"))),
    }
}

async fn serve_http(address: SocketAddr, front: Handle<Front>, stop: Stop) -> msgflo::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/primes/1000", listener.local_addr()?);
    let router = Router::new().route("/primes/{below}", get(primes)).with_state(front);
    let stopped = async move { stop.requested().await };
    Ok(serve(listener, router).with_graceful_shutdown(stopped).await?)
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    msgflo: msgflo::Options,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    let Arguments { msgflo: options, http } = Arguments::parse();
    let program = Program::new(Front::default()).options(options);
    program.background(move |front, stop| serve_http(http, front, stop)).run().await
}
