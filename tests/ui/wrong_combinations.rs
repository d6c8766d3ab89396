use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
struct Resize<T> {
    #[inport(process = resize, batch = 10, parallel)]
    one: Inport<Json<u32>>,
    #[inport(replies, attempts = 3, batch = 10)]
    two: Inport<Json<u32>>,
    #[inport(process = resize, hidden, attempts = 3, replies)]
    three: Inport<Json<u32>>,
    #[inport(process = resize, headers = required)]
    four: Inport<Json<u32>>,
    #[outport(hidden, priority = required)]
    five: Outport<Json<u32>>,
    #[inport(process = resize, batch = 0, linger = "0s")]
    six: Inport<Json<u32>>,
    state: T,
}

// None of the errors is that `Resize<u32>` is not a participant.
fn participant<P: Participant>() {}

fn main() {
    participant::<Resize<u32>>();
}
