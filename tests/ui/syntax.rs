use msgflo::{Inport, Json, Outport, Participant};

#[derive(Participant)]
#[participant = "imageresize/Resize"]
struct Resize {
    #[inport(process(resize))]
    brackets: Inport<Json<u32>>,
    #[inport(process = )]
    nothing: Inport<Json<u32>>,
    #[inport(process = resize hidden)]
    no_comma: Inport<Json<u32>>,
    #[outport("images")]
    out: Outport<Json<u32>>,
}

fn main() {}
