use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize, attempts = 0, backoff = "5m..1s", timeout = "0s")]
    one: Inport<Json<u32>>,
    #[inport(process = resize, backoff = "1", timeout = "soon", batch = 0)]
    two: Inport<Json<u32>>,
    #[inport(process = resize, linger = "1s")]
    three: Inport<Json<u32>>,
    #[inport(process = resize, blocking, parallel)]
    four: Inport<Json<u32>>,
    #[inport(process = resize, batch = 10, ordered_by = "key")]
    five: Inport<Json<u32>>,
    #[inport(process = resize, ordered_by = "", max_priority = 300)]
    six: Inport<Json<u32>>,
    #[outport(headers = "required", attempts = 3)]
    seven: Outport<Json<u32>>,
    #[outport(delay = true)]
    eight: Outport<Json<u32>>,
}

fn main() {}
