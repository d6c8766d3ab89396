use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
#[participant(icon = "cog", label = "Resize")]
#[participant(icon = "image")]
struct Resize {
    #[inport(process = resize, hidden, hidden = false)]
    r#in: Inport<Json<u32>>,
    #[outport(id = "images", id = "photos")]
    out: Outport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
