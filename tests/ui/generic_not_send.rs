use std::rc::Rc;

use msgflo::{Json, Outport, Participant};

#[derive(Participant)]
struct Shared<T> {
    #[outport]
    out: Outport<Json<u32>>,
    state: T,
}

fn participant<P: Participant>() {}

fn main() {
    participant::<Shared<Rc<u32>>>();
}
