use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Write {
    #[inport(process = one, batch = 100)]
    one: Inport<Json<u32>>,
    #[inport(process = several)]
    several: Inport<Json<u32>>,
    #[inport(process = bare, batch = 100)]
    bare: Inport<Json<u32>>,
    #[inport(process = not_async, batch = 100)]
    not_async: Inport<Json<u32>>,
}

impl Write {
    async fn one(&self, _: Json<u32>) -> msgflo::Result<()> {
        Ok(())
    }

    async fn several(&self, _: Vec<Json<u32>>) -> msgflo::Result<()> {
        Ok(())
    }

    async fn bare(&self, _: Vec<u32>) -> msgflo::Result<()> {
        Ok(())
    }

    fn not_async(&self, _: Vec<Json<u32>>) -> msgflo::Result<()> {
        Ok(())
    }
}

fn main() {}
