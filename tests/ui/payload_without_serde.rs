use msgflo::{Inport, Json, Outport, Participant};

struct Job;

struct Resized;

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Inport<Json<Job>>,
    #[outport]
    out: Outport<Json<Resized>>,
}

impl Resize {
    async fn resize(&self, _: Json<Job>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
