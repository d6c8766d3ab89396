//! Trying one case after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::select_all;
use futures_util::{FutureExt, StreamExt};
use msgflo::transport::{Copies, Direction, Target};
use msgflo::{Message, Network, Result};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::suite::{Case, Step};
use super::testee::Testee;

/// A participant, and copies of all that it sends.
pub struct Trial<'a> {
    network: &'a Network,
    testee: Testee,
    outports: Vec<(String, Copies)>,
}

impl<'a> Trial<'a> {
    pub async fn of(network: &'a Network, testee: Testee) -> Result<Self> {
        let mut outports = Vec::new();
        for (port, queue) in testee.outports() {
            let copies = network.transport().tap(queue, Direction::Out).await?;
            outports.push((port.to_owned(), copies));
        }
        Ok(Self { network, testee, outports })
    }

    /// Runs a case. The inner result says what is wrong with the participant.
    pub async fn run(&mut self, case: &Case, timeout: Duration) -> Result<Result<(), String>> {
        let steps = match &case.steps {
            Ok(steps) => steps,
            Err(wrong) => return Ok(Err(wrong.clone())),
        };
        for (index, step) in steps.iter().enumerate() {
            if let Err(wrong) = self.step(step, timeout).await? {
                return Ok(Err(match steps.len() {
                    1 => wrong,
                    _ => format!("step {}: {wrong}", index + 1),
                }));
            }
        }
        Ok(Ok(()))
    }

    async fn step(&mut self, step: &Step, timeout: Duration) -> Result<Result<(), String>> {
        let mut inputs = Vec::new();
        for (port, value) in &step.inputs {
            match self.testee.inport(port) {
                Ok(queue) => inputs.push((queue.to_owned(), value)),
                Err(wrong) => return Ok(Err(wrong)),
            }
        }
        let mut awaited = BTreeMap::new();
        for (port, expectations) in &step.expected {
            match self.testee.outport(port) {
                Ok(port) => drop(awaited.insert(port.to_owned(), expectations)),
                Err(wrong) => return Ok(Err(wrong)),
            }
        }
        // What came late, belongs to an earlier step.
        for (_, copies) in &mut self.outports {
            while let Some(Some(late)) = copies.next().now_or_never() {
                late?;
            }
        }
        for (queue, value) in inputs {
            let message = Message::new(value.to_string()).with_content_type("application/json");
            self.network.transport().publish(Target::Inport(&queue), message).await?;
        }

        let deadline = Instant::now() + timeout;
        while !awaited.is_empty() {
            let next = self.outports.iter_mut().map(|(port, copies)| {
                async move { (port.clone(), StreamExt::next(copies).await) }.boxed()
            });
            let Ok(((port, message), ..)) = timeout_at(deadline, select_all(next)).await else {
                let ports: Vec<_> = awaited.keys().map(|port| format!("`{port}`")).collect();
                let (ports, seconds) = (ports.join(", "), timeout.as_secs_f32());
                return Ok(Err(format!("nothing came from {ports} within {seconds} s")));
            };
            let Some(message) = message else {
                return Err(msgflo::Error::message("the connection was closed"));
            };
            let value = read(&message?);
            let Some(expectations) = awaited.remove(&port) else {
                let expected = |(other, _): &(String, _)| other.eq_ignore_ascii_case(&port);
                if port.eq_ignore_ascii_case("error") && !step.expected.iter().any(expected) {
                    return Ok(Err(format!("port `{port}` sent {value}")));
                }
                continue;
            };
            for expectation in expectations {
                if let Err(wrong) = expectation.check(&value) {
                    return Ok(Err(format!("port `{port}`: {wrong}")));
                }
            }
        }
        Ok(Ok(()))
    }
}

/// JSON, or else text.
fn read(message: &Message) -> Value {
    serde_json::from_slice(&message.payload)
        .unwrap_or_else(|_| String::from_utf8_lossy(&message.payload).into())
}
