//! The participant. `main.rs` runs it, `tests/` tests it.

use msgflo::{Inport, Json, Outport, Participant};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub struct Text {
    pub text: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    pub words: usize,
}

/// Count the words of a text
#[derive(Participant, Default)]
#[participant(component = "{{name}}/{{type}}", icon = "calculator")]
pub struct {{type}} {
    #[inport(process = count)]
    r#in: Inport<Json<Text>>,
    /// How many words it has
    #[outport]
    out: Outport<Json<Count>>,
}

impl {{type}} {
    /// An `Err` would put the message to the dead letters.
    async fn count(&self, Json(Text { text }): Json<Text>) -> msgflo::Result<()> {
        let words = text.split_whitespace().count();
        self.out.send(Json(Count { words })).await
    }
}
