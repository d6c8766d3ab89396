use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = nothing, blocking)]
    first: Inport<Json<u32>>,
    #[inport(process = no_error, blocking)]
    second: Inport<Json<u32>>,
    #[inport(process = no_such_method, blocking)]
    third: Inport<Json<u32>>,
}

struct Failure;

impl Resize {
    fn nothing(&self, _: Json<u32>) {}

    fn no_error(&self, _: Json<u32>) -> Result<(), Failure> {
        Err(Failure)
    }
}

fn main() {}
