use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize, concurrency = 0)]
    none: Inport<Json<u32>>,
    #[inport(process = resize, concurrency = 65536)]
    many: Inport<Json<u32>>,
    #[inport(process = resize, concurrency = -1)]
    negative: Inport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
