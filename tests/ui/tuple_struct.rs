use msgflo::{Json, Outport, Participant};

#[derive(Participant)]
struct Resize(Outport<Json<u32>>);

fn main() {}
