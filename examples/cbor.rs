//! A payload format of your own: CBOR, by the crate `ciborium`.
//!
//!     cargo run --example cbor

use msgflo::bytes::Bytes;
use msgflo::testing::Harness;
use msgflo::{Decode, Encode, Error, Inport, Message, Outport, Participant, Payload, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

struct Cbor<T>(T);

impl<T: Send + 'static> Payload for Cbor<T> {
    const CONTENT_TYPE: &'static str = "application/cbor";

    fn port_type() -> &'static str {
        "buffer"
    }
}

impl<T: DeserializeOwned + Send + 'static> Decode for Cbor<T> {
    fn decode(message: Message) -> Result<Self> {
        Ok(Cbor(ciborium::from_reader(&message.payload[..]).map_err(Error::new)?))
    }
}

impl<T: Serialize + Send + 'static> Encode for Cbor<T> {
    fn encode(self) -> Result<Bytes> {
        let mut bytes = Vec::new();
        ciborium::into_writer(&self.0, &mut bytes).map_err(Error::new)?;
        Ok(bytes.into())
    }
}

#[derive(Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

/// Mirror points at the x axis
#[derive(Participant, Default)]
#[participant(component = "examples/Mirror", icon = "arrows-v")]
struct Mirror {
    #[inport(process = mirror)]
    r#in: Inport<Cbor<Point>>,
    #[outport]
    out: Outport<Cbor<Point>>,
}

impl Mirror {
    async fn mirror(&self, Cbor(point): Cbor<Point>) -> Result<()> {
        self.out.send(Cbor(Point { y: -point.y, ..point })).await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut harness = Harness::start(Mirror::default()).await?;
    harness.send("in", Cbor(Point { x: 3.0, y: 4.0 })).await?;
    let Cbor(point): Cbor<Point> = harness.receive("out").await?;
    println!("({}, {})", point.x, point.y);
    harness.shutdown().await
}
