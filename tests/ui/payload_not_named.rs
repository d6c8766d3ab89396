use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Inport,
    #[outport]
    out: Outport<Json<u32>, u32>,
}

fn main() {}
