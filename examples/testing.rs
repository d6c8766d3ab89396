//! Testing a participant without a broker: run the tests of this example with
//!
//!     cargo test --example testing

use msgflo::{Inport, Json, Outport, Participant};

/// Divide 1 by a number
#[derive(Participant, Default)]
#[participant(component = "examples/Invert", icon = "superscript")]
struct Invert {
    #[inport(process = invert)]
    r#in: Inport<Json<f64>>,
    #[outport]
    out: Outport<Json<f64>>,
}

impl Invert {
    async fn invert(&self, Json(number): Json<f64>) -> msgflo::Result<()> {
        if number == 0.0 {
            return Err(msgflo::Error::message("0 has no inverse"));
        }
        self.out.send(Json(1.0 / number)).await
    }
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::run(Invert::default()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgflo::testing::Harness;

    #[tokio::test]
    async fn inverts() -> msgflo::Result<()> {
        let mut harness = Harness::start(Invert::default()).await?;
        harness.send("in", Json(4.0)).await?;
        assert_eq!(harness.receive::<Json<f64>>("out").await?.0, 0.25);
        harness.shutdown().await
    }

    #[tokio::test]
    async fn zero_is_rejected_and_the_next_is_processed() -> msgflo::Result<()> {
        let mut harness = Harness::start(Invert::default()).await?;
        harness.send("in", Json(0.0)).await?;
        harness.send("in", Json(2.0)).await?;
        assert_eq!(harness.rejected::<Json<f64>>("in").await?.0, 0.0);
        assert_eq!(harness.receive::<Json<f64>>("out").await?.0, 0.5);
        harness.shutdown().await
    }
}
