//! A network to look at: `web` sends jobs to `resize`.

use std::time::Duration;

use msgflo::bytes::Bytes;
use msgflo::{Inport, Json, Network, Outport, Participant, Settings};
use serde_json::Value;

/// Take jobs from people
#[derive(Participant, Default)]
#[participant(component = "images/Web", icon = "globe")]
pub struct Web {
    #[outport(schema = r##"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "size": { "$ref": "#/$defs/Size" }, "url": { "type": "string" } },
        "$defs": { "Size": { "type": "integer", "minimum": 1 } }
    }"##)]
    jobs: Outport<Json<Value>>,
}

/// Resize an image
#[derive(Participant, Default)]
#[participant(component = "images/Resize", icon = "compress")]
pub struct Resize {
    /// What is to be resized
    #[inport(process = resize, queue = "images/jobs")]
    jobs: Inport<Json<Value>>,
    /// The image at its new size
    #[outport]
    image: Outport<Bytes>,
}

impl Resize {
    async fn resize(&self, _: Json<Value>) -> msgflo::Result<()> {
        Err(msgflo::Error::message("there is no image"))
    }
}

/// Announced twice a second, so that it does not matter who came first.
pub fn settings() -> Settings {
    Settings { discovery_period: Duration::from_secs(1), ..Settings::default() }
}

/// One `web` and two workers of `resize`, bound to each other.
pub async fn start(network: &Network) {
    network.start_with("web", Web::default(), settings()).await.unwrap();
    for _ in 0..2 {
        network.start_with("resize", Resize::default(), settings()).await.unwrap();
    }
    network.bind("web.JOBS", "images/jobs").await.unwrap();
}
