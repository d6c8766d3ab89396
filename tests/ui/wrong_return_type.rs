use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = nothing)]
    first: Inport<Json<u32>>,
    #[inport(process = number)]
    second: Inport<Json<u32>>,
    #[inport(process = no_error)]
    third: Inport<Json<u32>>,
}

struct Failure;

impl Resize {
    async fn nothing(&self, _: Json<u32>) {}

    async fn number(&self, _: Json<u32>) -> msgflo::Result<u32> {
        Ok(1)
    }

    async fn no_error(&self, _: Json<u32>) -> Result<(), Failure> {
        Err(Failure)
    }
}

fn main() {}
