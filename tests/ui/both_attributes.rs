use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    #[outport]
    job: Inport<Json<u32>>,
}

fn main() {}
