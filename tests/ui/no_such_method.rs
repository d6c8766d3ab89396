use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport(process = resize)]
    r#in: Inport<Json<u32>>,
}

fn main() {}
