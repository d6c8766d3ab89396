use msgflo::{Json, Outport, Participant};

#[derive(Participant)]
struct Resize {
    #[outport(process = resize, concurrency = 4)]
    out: Outport<Json<u32>>,
}

fn main() {}
