use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Inport<Json<u32>>,
    count: u32,
}

impl Resize {
    async fn resize(&mut self, _: Json<u32>) -> msgflo::Result<()> {
        self.count += 1;
        Ok(())
    }
}

fn main() {}
