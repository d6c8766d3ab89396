use msgflo::{Participant};

#[derive(Participant)]
enum Resize {
    Small,
    Large,
}

fn main() {}
