use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    image: Inport<Json<u32>>,
    #[outport(id = "image")]
    out: Outport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
