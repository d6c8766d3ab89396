use msgflo::{Json, Outport, Participant};

#[derive(Participant)]
#[participant(crate = "not a crate")]
struct NoPath {
    #[outport]
    out: Outport<Json<u32>>,
}

fn main() {}
