use msgflo::{Json, Outport, Participant};

#[derive(serde::Serialize)]
struct Resized;

#[derive(Participant)]
struct Resize {
    #[outport(schema)]
    out: Outport<Json<Resized>>,
    #[outport(schema)]
    text: Outport<String>,
}

fn main() {}
