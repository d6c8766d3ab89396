//! What fails: attempts, pauses between them, and dead letters that know why.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use msgflo::participant::{Assembly, Method};
use msgflo::transport::Target;
use msgflo::{Context as Processed, Error, Message, Network, Port, Result, Settings, reserved};

use crate::context::{Case, Connection, Context, cases, within};

pub const CASES: &[Case] = cases![
    what_fails_twice_succeeds_at_the_third_attempt,
    what_fails_too_often_is_a_dead_letter,
    dead_letters_know_why: Headers,
    what_is_permanent_is_not_tried_again,
    what_asks_for_a_pause_gets_it,
    waiting_for_an_attempt_takes_no_place,
    what_takes_too_long_has_failed,
    attempts_are_counted_across_workers,
    what_waits_survives_its_worker,
    what_is_closed_under_a_method_goes_back,
];

type Attempts = Arc<Mutex<Vec<(String, u32)>>>;

/// Calls `method` with each text and attempt, and notes both.
fn worker<R>(
    port: Port,
    attempts: &Attempts,
    method: impl Fn(String, Processed) -> R + Send + Sync + Clone + 'static,
) -> Assembly
where
    R: Future<Output = Result<()>> + Send + 'static,
{
    let mut worker = Assembly::new("test/Worker");
    let out = worker.outport::<String>("out");
    let attempts = attempts.clone();
    let closure = move |text: String, context: Processed| {
        attempts.lock().unwrap().push((text.clone(), context.attempt()));
        let (method, out) = (method.clone(), out.clone());
        async move {
            method(text.clone(), context).await?;
            out.send(text).await
        }
    };
    worker.inport_as(port, Method::closure(closure));
    worker
}

fn port(attempts: u32) -> Port {
    Port::new("in", "string").attempts(attempts).backoff("50ms..200ms".parse().unwrap())
}

struct Bench {
    network: Network,
    connection: Connection,
    role: String,
}

impl Bench {
    async fn start(context: &Context, worker: Assembly, concurrency: u16) -> Self {
        let (role, end) = (context.name("role"), context.name("end"));
        let network = context.network().await;
        let settings = Settings { concurrency, ..Settings::default() };
        network.start_assembly_with(&role, worker, settings).await.unwrap();
        let connection = context.connect().await;
        connection.inport(&end).await;
        connection.bind(&format!("{role}.OUT"), &end).await;
        Self { network, connection, role }
    }

    fn queue(&self) -> String {
        format!("{}.IN", self.role)
    }

    async fn send(&self, text: &str) {
        self.connection.send(&self.queue(), text).await;
    }

    async fn outputs(&self, context: &Context) -> crate::context::Inbox {
        self.connection.consume(&context.name("end"), 10).await
    }
}

async fn what_fails_twice_succeeds_at_the_third_attempt(context: Context) {
    let attempts = Attempts::default();
    let flaky = worker(port(5), &attempts, |_, context| async move {
        if context.attempt() < 3 { Err(Error::message("not yet")) } else { Ok(()) }
    });
    let bench = Bench::start(&context, flaky, 10).await;
    let mut outputs = bench.outputs(&context).await;
    for text in ["a", "b"] {
        bench.send(text).await;
        outputs.expect(text).await;
    }
    let tried = attempts.lock().unwrap().clone();
    let expected = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)];
    assert_eq!(tried, expected.map(|(text, attempt)| (text.to_owned(), attempt)));
    within("shutdown", bench.network.shutdown()).await.unwrap();
}

async fn what_fails_too_often_is_a_dead_letter(context: Context) {
    let attempts = Attempts::default();
    let failing = worker(port(3), &attempts, |text, _| async move {
        if text == "bad" { Err(Error::message("bad it is")) } else { Ok(()) }
    });
    let bench = Bench::start(&context, failing, 10).await;
    let mut outputs = bench.outputs(&context).await;
    let mut dead_letters = bench.connection.consume_dead_letters(&bench.queue()).await;
    bench.send("bad").await;
    bench.send("good").await;
    outputs.expect("good").await;
    dead_letters.expect("bad").await;
    let bad: Vec<_> =
        attempts.lock().unwrap().iter().filter(|(text, _)| text == "bad").map(|it| it.1).collect();
    assert_eq!(bad, [1, 2, 3]);
    within("shutdown", bench.network.shutdown()).await.unwrap();
}

async fn dead_letters_know_why(context: Context) {
    let failing = worker(port(2), &Attempts::default(), |_, _| async move {
        Err(Error::message(format!("the lens is dirty{}", "!".repeat(5000))))
    });
    let bench = Bench::start(&context, failing, 10).await;
    let message = Message::new("photo").with_id("7").with_header("tenant", "a");
    let queue = bench.queue();
    let publish = bench.connection.0.publish(Target::Inport(&queue), message);
    within("publish", publish).await.unwrap();
    let dead = bench.connection.consume_dead_letters(&queue).await.next().await;
    let headers = dead.message.headers().clone();
    let told = |name| headers.get(name).unwrap_or_else(|| panic!("no {name} in {headers:?}"));
    assert!(told(reserved::ERROR).starts_with("the lens is dirty!!"));
    assert!(told(reserved::ERROR).len() <= 2048);
    assert_eq!(told(reserved::ROLE), bench.role);
    assert_eq!((told(reserved::PORT), told(reserved::QUEUE)), ("in", &*queue));
    assert_eq!((told(reserved::ATTEMPTS), told(reserved::ID)), ("2", "7"));
    assert!(told(reserved::FIRST_FAILED) < told(reserved::LAST_FAILED));
    assert!(told(reserved::WORKER).starts_with(&bench.role));
    assert_eq!(told("tenant"), "a");
    assert_eq!((&dead.message.payload[..], dead.message.id.as_deref()), (&b"photo"[..], Some("7")));
    dead.acknowledge();
    within("shutdown", bench.network.shutdown()).await.unwrap();
}

async fn what_is_permanent_is_not_tried_again(context: Context) {
    let attempts = Attempts::default();
    let failing =
        worker(port(5), &attempts, |_, _| async move { Err(msgflo::permanent("no such photo")) });
    let bench = Bench::start(&context, failing, 10).await;
    bench.send("photo").await;
    bench.connection.consume_dead_letters(&bench.queue()).await.expect("photo").await;
    assert_eq!(attempts.lock().unwrap().len(), 1);
    within("shutdown", bench.network.shutdown()).await.unwrap();
}

async fn what_asks_for_a_pause_gets_it(context: Context) {
    let pause = Duration::from_millis(700);
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = times.clone();
    let busy = worker(port(2), &Attempts::default(), move |_, context| {
        noted.lock().unwrap().push(std::time::Instant::now());
        async move {
            if context.attempt() == 1 { Err(msgflo::retry_after(pause, "busy")) } else { Ok(()) }
        }
    });
    let bench = Bench::start(&context, busy, 10).await;
    let mut outputs = bench.outputs(&context).await;
    bench.send("photo").await;
    outputs.expect("photo").await;
    let times = times.lock().unwrap().clone();
    // RabbitMQ counts milliseconds, and begins to count when it has the message.
    assert!(times[1] - times[0] >= pause - Duration::from_millis(10), "{times:?}");
    within("shutdown", bench.network.shutdown()).await.unwrap();
}

async fn waiting_for_an_attempt_takes_no_place(context: Context) {
    let first = worker(port(2), &Attempts::default(), |text, context| async move {
        match (text.as_str(), context.attempt()) {
            ("first", 1) => Err(msgflo::retry_after(Duration::from_secs(3), "busy")),
            _ => Ok(()),
        }
    });
    let bench = Bench::start(&context, first, 1).await;
    let mut outputs = bench.outputs(&context).await;
    for text in ["first", "second", "third"] {
        bench.send(text).await;
    }
    for text in ["second", "third", "first"] {
        outputs.expect(text).await;
    }
    within("shutdown", bench.network.shutdown()).await.unwrap();
}

async fn what_takes_too_long_has_failed(context: Context) {
    let attempts = Attempts::default();
    let limited = port(2).timeout(Duration::from_millis(100));
    let slow = worker(limited, &attempts, |text, _| async move {
        if text == "slow" { std::future::pending().await } else { Ok(()) }
    });
    let bench = Bench::start(&context, slow, 1).await;
    let mut outputs = bench.outputs(&context).await;
    bench.send("slow").await;
    bench.send("quick").await;
    outputs.expect("quick").await;
    let dead = bench.connection.consume_dead_letters(&bench.queue()).await.next().await;
    assert_eq!(dead.message.payload, "slow");
    if bench.connection.0.abilities().headers {
        let error = dead.message.headers().get(reserved::ERROR).unwrap_or_default().to_owned();
        assert!(error.contains("took longer than 100ms"), "{error}");
    }
    dead.acknowledge();
    assert_eq!(attempts.lock().unwrap().iter().filter(|(text, _)| text == "slow").count(), 2);
    within("shutdown", bench.network.shutdown()).await.unwrap();
}

async fn attempts_are_counted_across_workers(context: Context) {
    let attempts = Attempts::default();
    let limited = || port(3).backoff("400ms".parse().unwrap());
    let fail = |_, _: Processed| async move { Err(Error::message("not here")) };
    let bench = Bench::start(&context, worker(limited(), &attempts, fail), 10).await;
    let mut dead_letters = bench.connection.consume_dead_letters(&bench.queue()).await;
    bench.send("photo").await;
    let failed_once = async {
        while attempts.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("the first attempt", failed_once).await;
    within("shutdown", bench.network.shutdown()).await.unwrap();
    let elsewhere = context.network().await;
    elsewhere.start_assembly(&bench.role, worker(limited(), &attempts, fail)).await.unwrap();
    dead_letters.expect("photo").await;
    let tried: Vec<_> = attempts.lock().unwrap().iter().map(|(_, attempt)| *attempt).collect();
    assert_eq!(tried, [1, 2, 3]);
    within("shutdown", elsewhere.shutdown()).await.unwrap();
}

async fn what_waits_survives_its_worker(context: Context) {
    let attempts = Attempts::default();
    let later = worker(port(2), &attempts, |_, context| async move {
        match context.attempt() {
            1 => Err(msgflo::retry_after(Duration::from_secs(1), "busy")),
            _ => Ok(()),
        }
    });
    let bench = Bench::start(&context, later, 10).await;
    let mut outputs = bench.outputs(&context).await;
    bench.send("photo").await;
    let failed_once = async {
        while attempts.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("the first attempt", failed_once).await;
    within("shutdown", bench.network.shutdown()).await.unwrap();
    let heir = worker(port(2), &attempts, |_, _| async move { Ok(()) });
    let elsewhere = context.network().await;
    elsewhere.start_assembly(&bench.role, heir).await.unwrap();
    outputs.expect("photo").await;
    assert_eq!(attempts.lock().unwrap().last(), Some(&("photo".to_owned(), 2)));
    within("shutdown", elsewhere.shutdown()).await.unwrap();
}

/// A method that fails because the network is closed has not failed at its message.
async fn what_is_closed_under_a_method_goes_back(context: Context) {
    let attempts = Attempts::default();
    let closed = worker(port(1), &attempts, |_, context| async move {
        match context.redelivered() {
            true => Ok(()),
            false => Err(msgflo::ErrorKind::Closed("the database is closed".into()).into()),
        }
    });
    let bench = Bench::start(&context, closed, 1).await;
    let mut outputs = bench.outputs(&context).await;
    bench.send("photo").await;
    outputs.expect("photo").await;
    within("shutdown", bench.network.shutdown()).await.unwrap();
}
