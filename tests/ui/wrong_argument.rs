use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Inport<Json<u32>>,
    #[inport(process = plain)]
    other: Inport<Json<u32>>,
    #[inport(process = nothing)]
    tick: Inport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<String>) -> msgflo::Result<()> {
        Ok(())
    }

    async fn plain(&self, _: u32) -> msgflo::Result<()> {
        Ok(())
    }

    async fn nothing(&self) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
