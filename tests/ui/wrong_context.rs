use msgflo::{Context, Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = first)]
    one: Inport<Json<u32>>,
    #[inport(process = borrowed)]
    two: Inport<Json<u32>>,
    #[inport(process = no_payload)]
    three: Inport<Json<u32>>,
    #[inport(process = borrowed_and_blocking, blocking)]
    four: Inport<Json<u32>>,
}

impl Resize {
    async fn first(&self, _: Context, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }

    async fn borrowed(&self, _: Json<u32>, _: &Context) -> msgflo::Result<()> {
        Ok(())
    }

    async fn no_payload(&self, _: Context) -> msgflo::Result<()> {
        Ok(())
    }

    fn borrowed_and_blocking(&self, _: Json<u32>, _: &Context) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
