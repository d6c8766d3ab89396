//! Work that keeps a processor busy: the method is not async, and runs on a thread of its own, so that nothing
//! else waits for it. Told to stop, it gives up, and another worker gets the message.
//!
//!     cargo run --release --example blocking -- --broker 'zmq://127.0.0.1:5555?hub=auto'
//!     msgflo request --broker zmq://127.0.0.1:5555 --queue primes.BELOW --json 1000000

use msgflo::{Context, ErrorKind, Inport, Json, Outport, Participant};

/// Count prime numbers
#[derive(Participant, Default)]
#[participant(component = "examples/Primes", icon = "calculator")]
struct Primes {
    /// Up to where
    // As many at once as there are processors for it.
    #[inport(process = count, blocking, concurrency = 2)]
    below: Inport<Json<u64>>,
    /// How many there are
    #[outport]
    count: Outport<Json<u64>>,
}

impl Primes {
    fn count(&self, Json(below): Json<u64>, context: Context) -> msgflo::Result<()> {
        let mut count = 0;
        for number in 2..below {
            // A thread cannot be stopped from outside.
            if context.is_stopping() {
                Err(ErrorKind::Closed(
                    "told to stop; another worker counts from the start".into(),
                ))?;
            }
            if is_prime(number) {
                count += 1;
            }
        }
        self.count.send_blocking(Json(count))
    }
}

fn is_prime(number: u64) -> bool {
    (2..)
        .take_while(|divisor| divisor * divisor <= number)
        .all(|divisor| !number.is_multiple_of(divisor))
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::run(Primes::default()).await
}
