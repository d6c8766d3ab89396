use msgflo::{Inport, Json, Participant};

use std::rc::Rc;

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Inport<Json<u32>>,
}

impl Resize {
    async fn resize(&self, _: Json<u32>) -> msgflo::Result<()> {
        let count = Rc::new(1);
        std::future::ready(()).await;
        drop(count);
        Ok(())
    }
}

fn main() {}
