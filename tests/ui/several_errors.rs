use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
#[participant(component = "", colour = "red")]
struct Resize {
    #[inport]
    r#in: Inport<Json<u32>>,
    #[inport(process = "resize")]
    IN: Inport<Json<u32>>,
    out: Outport<Json<u32>>,
}

// None of the errors is that `Resize` is not a participant.
async fn start() -> msgflo::Result<()> {
    let network = msgflo::Network::new(msgflo::memory::connect(&"memory://".parse()?)?);
    let resize = Resize { r#in: Inport::default(), IN: Inport::default(), out: Outport::default() };
    network.start("resize", resize).await.map(drop)
}

fn main() {
    let _ = start();
}
