use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
#[participant(component = "", icon = "")]
struct Resize {
    #[inport(process = resize, id = "", queue = " ")]
    r#in: Inport<Json<u32>>,
    #[outport(type = "")]
    out: Outport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
