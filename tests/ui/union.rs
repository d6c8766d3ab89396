use msgflo::{Participant};

#[derive(Participant)]
union Resize {
    width: u32,
    height: u32,
}

fn main() {}
