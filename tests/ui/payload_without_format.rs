use msgflo::{Inport, Outport, Participant};

struct Job;

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Inport<Job>,
    #[outport]
    out: Outport<u32>,
}

impl Resize {
    async fn resize(&self, _: Job) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
