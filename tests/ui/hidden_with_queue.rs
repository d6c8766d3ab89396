use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize, hidden, queue = "jobs")]
    tick: Inport<Json<u32>>,
    #[outport(queue = "images", hidden = true)]
    out: Outport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
