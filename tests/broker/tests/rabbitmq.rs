//! A broker of one's own starts, restarts, and leaves nothing behind.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use msgflo_test_broker::RabbitMq;

/// Connects as an AMQP client does, and reads the beginning of the answer.
fn greets(port: u16) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    connection.write_all(b"AMQP\0\0\x09\x01")?;
    // A method frame on channel 0 with connection.start (10, 10) in it.
    let mut answer = [0; 11];
    connection.read_exact(&mut answer)?;
    Ok(answer[..3] == [1, 0, 0] && answer[7..] == [0, 10, 0, 10])
}

/// The processes that were started with a mention of the folder, the brokers' own children too.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let read = |file| fs::read(process.path().join(file)).unwrap_or_default();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\0', " ");
        let (command, environment) = (text(read("cmdline")), text(read("environ")));
        if command.contains(folder) || environment.contains(folder) {
            found.push(command);
        }
    }
    found
}

fn nothing_is_left_of(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = processes_of(folder);
        if left.is_empty() && !folder.exists() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "left: {left:?}, {:?}",
            fs::read_dir(folder).map(|files| files.flatten().collect::<Vec<_>>())
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn starts_restarts_and_leaves_nothing_behind() {
    let mut broker = RabbitMq::start().unwrap();
    let (port, folder) = (broker.port(), broker.folder().to_owned());
    assert_eq!(broker.url(), format!("amqp://guest:guest@127.0.0.1:{port}/"));
    assert!(greets(port).unwrap());
    broker.ctl(&["add_vhost", "kept"]).unwrap();

    broker.restart().unwrap();
    assert!(greets(port).unwrap());
    broker.stop().unwrap();
    assert!(greets(port).is_err());
    broker.start_again().unwrap();
    assert!(greets(port).unwrap());
    broker.kill();
    assert!(greets(port).is_err());
    broker.start_again().unwrap();
    assert!(broker.ctl(&["list_vhosts"]).unwrap().lines().any(|line| line == "kept"));
    let refused = broker.ctl(&["delete_vhost", "unknown"]).unwrap_err().to_string();
    assert!(refused.contains("unknown"), "{refused}");

    assert!(processes_of(&folder).len() >= 3, "the search finds no processes");
    drop(broker);
    nothing_is_left_of(&folder);
}

#[test]
fn takes_tls_and_settings() {
    let broker = RabbitMq::with_tls().unwrap();
    let url = broker.tls_url();
    let address = url.strip_prefix("amqps://guest:guest@").unwrap().trim_end_matches('/');
    let client = Command::new("openssl")
        .args(["s_client", "-verify_return_error", "-brief", "-verify_hostname", "localhost"])
        .args(["-connect", &address.replace("localhost", "127.0.0.1"), "-CAfile"])
        .arg(broker.ca_file())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&client.stderr);
    assert!(said.contains("Verification: OK"), "{said}");
    drop(broker);

    let broker = RabbitMq::with_config("default_vhost = elsewhere").unwrap();
    assert_eq!(broker.ctl(&["list_vhosts"]).unwrap().trim(), "elsewhere");
    drop(broker);

    let error = RabbitMq::with_config("nonsense = 1").err().unwrap().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

/// The child of this test: starts a broker, tells where it is, and waits to be killed.
#[test]
fn a_killed_process_leaves_nothing_behind() {
    const CHILD: &str = "BROKER_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let broker = RabbitMq::start().unwrap();
        println!("\n{}", broker.folder().display());
        loop {
            std::thread::park();
        }
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_leaves_nothing_behind", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let folder = loop {
        let mut line = String::new();
        assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0);
        if line.starts_with('/') {
            break line.trim().to_owned();
        }
    };
    assert!(!processes_of(Path::new(&folder)).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    nothing_is_left_of(Path::new(&folder));
}
