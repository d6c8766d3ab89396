use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Json<u32>,
    #[outport]
    out: Vec<Outport<Json<u32>>>,
    #[outport]
    reversed: Inport<Json<u32>>,
    #[outport]
    sizes: (u32, u32),
}

fn main() {}
