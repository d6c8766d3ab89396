use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
#[participant(name = "resize")]
struct Resize {
    #[inport(method = resize)]
    r#in: Inport<Json<u32>>,
    #[outport(title = "Images")]
    out: Outport<Json<u32>>,
}

fn main() {}
