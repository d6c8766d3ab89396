use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
#[participant(icon = cog, label)]
struct Resize {
    #[inport(process = "resize")]
    quoted: Inport<Json<u32>>,
    #[inport(process)]
    alone: Inport<Json<u32>>,
    #[inport(process = resize, concurrency = "4")]
    text: Inport<Json<u32>>,
    #[inport(process = resize, hidden = 1, persistent = "no")]
    number: Inport<Json<u32>>,
    #[outport(id = 7, type = object, schema = true)]
    out: Outport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
