use std::sync::Arc;

use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = shared)]
    one: Inport<Json<u32>>,
    #[inport(process = consumed)]
    two: Inport<Json<u32>>,
    #[inport(process = nobody)]
    three: Inport<Json<u32>>,
}

impl Resize {
    async fn shared(self: Arc<Self>, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }

    async fn consumed(self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }

    async fn nobody(_: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
