use msgflo::{Json, Outport, Participant};

#[derive(Participant)]
struct Resize {
    #[outport(id = "error")]
    failure: Outport<Json<u32>>,
    #[outport]
    error: Outport<Json<u32>>,
}

fn main() {}
