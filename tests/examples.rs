//! Examples as a user runs them, and what is seen of them from outside.

mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use msgflo::transport::{Deliveries, Queue, Target};
use msgflo::zmq::Hub;
use msgflo::{Json, Message, Network};
use rusqlite::{Connection, Row};
use rustix::process::Signal;

use process::{Example, PATIENCE};

async fn hub() -> (Hub, Network) {
    let hub = Hub::bind("zmq://127.0.0.1:0").await.unwrap();
    let network = msgflo::connect(hub.url()).await.unwrap();
    (hub, network)
}

async fn send(network: &Network, queue: &str, message: Message) {
    network.transport().publish(Target::Inport(queue), message).await.unwrap();
}

async fn next(deliveries: &mut Deliveries) -> Message {
    let next = tokio::time::timeout(PATIENCE, deliveries.next()).await.expect("nothing came");
    let mut delivery = next.unwrap().unwrap();
    let message = std::mem::take(&mut delivery.message);
    delivery.acknowledge();
    message
}

fn rows<T>(file: &Path, query: &str, read: impl Fn(&Row) -> rusqlite::Result<T>) -> Vec<T> {
    let database = Connection::open(file).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let mut query = database.prepare(query).unwrap();
    query.query_map([], |row| read(row)).unwrap().map(Result::unwrap).collect()
}

/// Looks again and again until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_row_takes_no_other_along() {
    let (hub, network) = hub().await;
    // They wait there already, and so come in one batch.
    network.transport().declare(&Queue::inport("readings.ROW")).await.unwrap();
    for celsius in [1, 2, -300, 4] {
        let row = format!(r#"{{"place": "roof", "celsius": {celsius}}}"#);
        send(&network, "readings.ROW", Message::new(row)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("readings.db");
    let readings = Example::start(
        "batch_sqlite",
        &["--broker", hub.url(), "--database", file.to_str().unwrap()],
    );
    let mut dead = network.transport().consume("dead-readings.ROW", 1).await.unwrap();
    let letter = next(&mut dead).await;
    assert!(letter.payload.ends_with(b"-300}"));
    assert!(letter.headers().get("msgflo-error").unwrap().contains("CHECK constraint failed"));
    let celsius =
        || rows(&file, "SELECT celsius FROM readings ORDER BY celsius", |row| row.get::<_, f64>(0));
    until("not all rows are in the database", async || celsius().len() >= 3).await;
    readings.signal(Signal::TERM);
    assert_eq!(readings.end().0, Some(0));
    // None twice: what a batch has done is taken back when it fails.
    assert_eq!(celsius(), [1.0, 2.0, 4.0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_work_answers_and_gives_up_when_it_is_told_to_stop() {
    let (hub, network) = hub().await;
    let primes = Example::start("blocking", &["--broker", hub.url(), "--shutdown-timeout", "3600"]);
    let count = network.request::<Json<u64>, Json<u64>>("primes.BELOW", Json(100)).await;
    assert_eq!(count.unwrap().0, 25);
    send(&network, "primes.BELOW", Message::new("18446744073709551615")).await;
    until("the work does not begin", async || {
        let statistics = network.transport().statistics("primes.BELOW").await.unwrap();
        statistics.waiting == 0 && statistics.unsettled == Some(1)
    })
    .await;
    primes.signal(Signal::TERM);
    let (code, errors) = primes.end();
    assert_eq!(code, Some(0), "{errors}");
    let mut below = network.transport().consume("primes.BELOW", 1).await.unwrap();
    assert_eq!(next(&mut below).await.payload, "18446744073709551615");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_two_http_fronts_answers_its_own_callers() {
    let (hub, network) = hub().await;
    let mut fronts = [1, 2]
        .map(|_| Example::start("ask_axum", &["--broker", hub.url(), "--http", "127.0.0.1:0"]));
    let _primes = Example::start("blocking", &["--broker", hub.url()]);
    network.bind("front.ASK", "primes.BELOW").await.unwrap();
    network.bind("primes.COUNT", "front.ANSWER").await.unwrap();
    let addresses = fronts.each_mut().map(|front| {
        let url = front.line();
        url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned()
    });
    let callers = (0..20).map(|number| {
        let address = addresses[number % 2].clone();
        tokio::task::spawn_blocking(move || {
            // As many primes as the caller's number is.
            let below = [2, 3, 4, 6, 8, 12, 14, 18, 20, 24, 30][number / 2];
            let answer = get(&address, &format!("/primes/{below}"));
            let expected = format!("{} primes are below {below}\n", number / 2);
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&expected), "{answer}");
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert!(get(&addresses[0], "/primes/many").starts_with("HTTP/1.1 400"));
    for front in fronts {
        front.signal(Signal::TERM);
        let (code, errors) = front.end();
        assert_eq!(code, Some(0), "{errors}");
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_is_booked_once() {
    let (hub, network) = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.db");
    let arguments = ["--broker", hub.url(), "--database", file.to_str().unwrap()];
    let accounts = Example::start("exactly_once", &arguments);
    network.transport().declare(&Queue::inport("test.BALANCE")).await.unwrap();
    network.bind("accounts.BALANCE", "test.BALANCE").await.unwrap();
    let mut balances = network.transport().consume("test.BALANCE", 1).await.unwrap();
    let mut book = async |id: &'static str, cents: i64| {
        let booking = format!(r#"{{"account": "ada", "cents": {cents}}}"#);
        send(&network, "accounts.BOOK", Message::new(booking).with_id(id)).await;
        next(&mut balances).await
    };
    let first = book("order-17", 250).await;
    assert_eq!(first.payload, r#"{"account":"ada","cents":250}"#);
    let other = book("order-18", -50).await;
    assert_eq!(other.payload, r#"{"account":"ada","cents":200}"#);
    let again = book("order-17", 250).await;
    assert_eq!((again.payload, again.id), (first.payload.clone(), first.id.clone()));
    // The database knows it, whoever asks.
    accounts.signal(Signal::KILL);
    assert_eq!(accounts.end().0, None);
    let _accounts = Example::start("exactly_once", &arguments);
    let again = book("order-17", 250).await;
    assert_eq!((again.payload, again.id), (first.payload, first.id));

    let booked = rows(&file, "SELECT id, cents FROM bookings ORDER BY id", |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
    });
    assert_eq!(booked, [("order-17".into(), 250), ("order-18".into(), -50)]);

    // Nobody can tell whether this one has come before.
    send(&network, "accounts.BOOK", Message::new(r#"{"account": "ada", "cents": 1}"#)).await;
    let mut dead = network.transport().consume("dead-accounts.BOOK", 1).await.unwrap();
    let letter = next(&mut dead).await;
    assert!(letter.headers().get("msgflo-error").unwrap().contains("without an identifier"));
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn every_example_is_in_the_list() {
    let page = read("docs/examples.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let commands = [format!("--example {name}"), format!("-p {name}")];
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
        assert!(commands.iter().any(|command| page.contains(command)), "{name}");
    }
}

/// The version of a dependency in a Cargo.toml, in either form.
fn version<'a>(toml: &'a str, name: &str) -> Option<&'a str> {
    let line = toml.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
    let line = line.strip_prefix("{ version = ").unwrap_or(line);
    line.strip_prefix('"')?.split('"').next()
}

#[test]
fn the_versions_on_the_page_are_those_that_msgflo_has() {
    let page = read("docs/examples.md");
    let manifests = [read("msgflo-core/Cargo.toml"), read("Cargo.toml")];
    let block = page.split("```toml\n[dependencies]\n").nth(1).unwrap();
    let names = block.lines().map_while(|line| line.split_once(" = ")).map(|(name, _)| name);
    let names: Vec<_> = names.filter(|name| *name != "msgflo").collect();
    assert!(names.contains(&"prost") && names.contains(&"metrics"));
    for name in names {
        let told = version(block, name).unwrap();
        let is = manifests.iter().find_map(|toml| version(toml, name)).unwrap();
        assert_eq!(told, is, "{name}");
    }
}
