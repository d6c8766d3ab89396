use msgflo::{Json, Outport, Participant};

#[derive(Participant)]
#[participant(crate = "flow")]
struct Unknown {
    #[outport]
    out: Outport<Json<u32>>,
}

fn main() {}
