use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    r#in: Inport<Json<u32>>,
    out: msgflo::Outport<Json<u32>>,
}

fn main() {}
