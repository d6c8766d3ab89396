//! A sink: it receives and sends nothing on. Messages of any format are printed.
//!
//!     cargo run --example sink -- --broker amqp://localhost --role print --iip 'in="hello"'

use msgflo::{Any, AnyValue, Inport, Participant};

/// Print what comes in
#[derive(Participant, Default)]
#[participant(component = "examples/Print", icon = "print")]
struct Print {
    // One at a time, so that lines are printed in the order in which they came.
    #[inport(process = print, concurrency = 1)]
    r#in: Inport<Any>,
}

impl Print {
    async fn print(&self, any: Any) -> msgflo::Result<()> {
        match any.value() {
            AnyValue::Json(value) => println!("{value}"),
            AnyValue::Bytes(bytes) => println!("{bytes:?}"),
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::run(Print::default()).await
}
