use msgflo::{Json, Outport, Participant};

#[derive(Participant)]
struct Resize<T> {
    #[outport]
    out: Outport<Json<T>>,
}

#[derive(Participant)]
struct Borrowing<'a> {
    name: &'a str,
}

fn main() {}
