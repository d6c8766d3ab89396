//! Several payload formats on the ports of one participant: each port chooses its own.
//!
//!     cargo run --example formats --features protobuf,xml

use msgflo::bytes::Bytes;
use msgflo::testing::Harness;
use msgflo::{Inport, Json, Outport, Participant, Protobuf, Xml};
use serde::Serialize;

/// As `protoc` would make it of `message Reading { string sensor = 1; double celsius = 2; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Reading {
    #[prost(string, tag = "1")]
    sensor: String,
    #[prost(double, tag = "2")]
    celsius: f64,
}

#[derive(Clone, Serialize, serde::Deserialize)]
#[serde(rename = "reading")]
struct Report {
    #[serde(rename = "@sensor")]
    sensor: String,
    celsius: f64,
}

/// Translate readings of sensors into what others understand
#[derive(Participant, Default)]
#[participant(component = "examples/Translate", icon = "language")]
struct Translate {
    #[inport(process = translate)]
    reading: Inport<Protobuf<Reading>>,
    #[outport]
    json: Outport<Json<Report>>,
    #[outport]
    xml: Outport<Xml<Report>>,
    #[outport]
    text: Outport<String>,
    /// Little-endian, as the display wants it
    #[outport]
    bytes: Outport<Bytes>,
}

impl Translate {
    async fn translate(&self, Protobuf(reading): Protobuf<Reading>) -> msgflo::Result<()> {
        let report = Report { sensor: reading.sensor, celsius: reading.celsius };
        self.json.send(Json(report.clone())).await?;
        self.text.send(format!("{}: {} °C", report.sensor, report.celsius)).await?;
        self.bytes.send(Bytes::copy_from_slice(&report.celsius.to_le_bytes())).await?;
        self.xml.send(Xml(report)).await
    }
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    let mut harness = Harness::start(Translate::default()).await?;
    let reading = Reading { sensor: "roof".into(), celsius: 21.5 };
    harness.send("reading", Protobuf(reading)).await?;
    println!("json  {}", harness.receive::<String>("json").await?);
    println!("xml   {}", harness.receive::<String>("xml").await?);
    println!("text  {}", harness.receive::<String>("text").await?);
    println!("bytes {:?}", harness.receive::<Bytes>("bytes").await?);
    harness.shutdown().await
}
