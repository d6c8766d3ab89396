use msgflo::{Inport, Json, Participant};

#[derive(Participant)]
struct Resize {
    #[inport]
    r#in: Inport<Json<u32>>,
    #[inport(description = "Another")]
    other: Inport<Json<u32>>,
}

fn main() {}
