//! What a case works with: a broker to itself, and the programs on it.

use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use msgflo::transport::{Announcements, Deliveries, Queue, Target};
use msgflo::{Definition, Message, Network, Participant};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::broker::{Broker, Kind};
use crate::process::{PATIENCE, Process};
use crate::programs;

#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub brokers: &'static [Kind],
    pub test: fn(&Context),
}

/// Lists functions as [`Case`]s, for every broker or for one: `cases![connects, binds: RabbitMq]`.
macro_rules! cases {
    ($($name:ident $(: $broker:ident)?),* $(,)?) => {
        &[$($crate::context::Case {
            name: stringify!($name),
            brokers: $crate::context::cases!(@brokers $($broker)?),
            test: $name,
        }),*]
    };
    (@brokers) => { $crate::broker::ALL };
    (@brokers $broker:ident) => { &[$crate::broker::Kind::$broker] };
}
pub(crate) use cases;

impl Case {
    pub fn run(self, kind: Kind, all: &[&str]) -> io::Result<()> {
        let broker = Broker::start(kind, self.name, all)?;
        let url = broker.url.clone();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let network = runtime.block_on(msgflo::connect(&url)).map_err(io::Error::other)?;
        (self.test)(&Context { url, runtime, network, broker });
        Ok(())
    }
}

pub struct Context {
    pub url: String,
    runtime: Runtime,
    network: Network,
    broker: Broker,
}

impl Context {
    /// What kind of broker it is.
    pub fn broker(&self) -> Kind {
        self.broker.kind
    }

    /// Waits for something that must happen.
    pub fn wait<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        self.runtime
            .block_on(async { timeout(PATIENCE, future).await })
            .unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
    }

    /// Starts `examples/repeat` in a role.
    pub fn rust(&self, role: &str) -> Process {
        let arguments = ["--role", role, "--broker", &self.url];
        Process::start_until_ready(&programs::rust_repeat(&arguments))
    }

    /// Starts the repeater of msgflo-nodejs in a role.
    pub fn node(&self, role: &str) -> Process {
        self.msgflo_nodejs(role, &programs::node_repeat())
    }

    /// Starts a participant of ours that uses msgflo-nodejs.
    pub fn node_participant(&self, role: &str, name: &str) -> Process {
        self.msgflo_nodejs(role, &programs::participant(name))
    }

    fn msgflo_nodejs(&self, role: &str, module: &Path) -> Process {
        let module = module.display().to_string();
        let arguments = [&module, "--name", role, "--broker", &self.url];
        Process::start_until_ready(&programs::npm("msgflo-nodejs", &arguments))
    }

    /// Starts a participant within this test.
    pub fn start<P: Participant>(&self, role: &str, participant: P) {
        self.wait("start", self.network.start(role, participant)).unwrap();
    }

    /// Has msgflo-setup bind what the graph binds, by the names that are the convention.
    pub fn set_up(&self, graph: &str) -> SetUp {
        let mut setup = self.start_setup(graph, &[]);
        setup.wait_until_bound();
        setup
    }

    /// Starts msgflo-setup with a graph.
    pub fn start_setup(&self, graph: &str, arguments: &[&str]) -> SetUp {
        let graph = self.file("graph.fbp", graph);
        let mut all = vec![graph.to_str().unwrap(), "--broker", &self.url];
        all.extend(arguments);
        if self.broker() == Kind::Mosquitto {
            all.push("--forever");
        }
        SetUp(Some(Process::start(&programs::npm("msgflo-setup", &all))), self.broker())
    }

    /// Binds an outport to an inport.
    pub fn bind(&self, outport: &str, inport: &str) {
        self.wait("bind", self.network.bind(outport, inport)).unwrap();
    }

    /// Has msgflo-send-message send a JSON text.
    pub fn send_message(&self, queue: &str, json: &str) {
        let arguments = ["--broker", &self.url, "--queue", queue, "--json", json];
        Process::start(&programs::script("send-message.js", &arguments)).succeed();
    }

    /// Sends bytes straight to a queue.
    pub fn send(&self, queue: &str, message: Message) {
        let sent = self.network.transport().publish(Target::Inport(queue), message);
        self.wait("send", sent).unwrap();
    }

    /// Declares an inport's queue.
    pub fn declare(&self, queue: &str) {
        let queue = Queue::inport(queue);
        self.wait("declare", self.network.transport().declare(&queue)).unwrap();
    }

    /// Receives from a queue that is there.
    pub fn collect(&self, queue: &str) -> Collector<'_> {
        let deliveries = self.wait("consume", self.network.transport().consume(queue, 100));
        Collector { context: self, deliveries: deliveries.unwrap() }
    }

    /// Receives what an outport sends.
    pub fn collect_from(&self, outport: &str) -> Collector<'_> {
        let queue = format!("collector.{outport}");
        self.declare(&queue);
        let collector = self.collect(&queue);
        self.bind(outport, &queue);
        collector
    }

    /// Watches for participants, on a connection of its own.
    pub fn watch(&self) -> Watcher<'_> {
        let network = self.wait("connect", msgflo::connect(&self.url)).unwrap();
        let announcements = self.wait("watch", network.watch()).unwrap();
        Watcher { context: self, _network: network, announcements }
    }

    /// Waits until so many workers share a queue on RabbitMQ, where some say that they are ready
    /// before they consume.
    pub fn wait_for_consumers(&self, queue: &str, consumers: u64) {
        let started = Instant::now();
        loop {
            let found = self.wait("inspect", self.network.statistics(queue)).unwrap().consumers;
            if found == consumers {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{found} consumers of {queue}, not {consumers}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes a file of this test's own.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.broker.folder.join(name);
        fs::write(&file, content).unwrap();
        file
    }
}

/// The program msgflo-setup. A broker without edges has it forward messages for as long as it is
/// kept.
#[must_use]
pub struct SetUp(Option<Process>, Kind);

impl SetUp {
    pub fn wait_until_bound(&mut self) {
        match self.1 {
            Kind::RabbitMq => drop(self.0.take().map(Process::succeed)),
            Kind::Mosquitto => {
                let setup = self.0.as_ref().unwrap();
                setup.find_line(|line| line.contains("--forever enabled").then_some(()));
            }
        }
    }
}

/// Receives from a queue.
pub struct Collector<'a> {
    context: &'a Context,
    deliveries: Deliveries,
}

impl Collector<'_> {
    pub fn message(&mut self) -> Message {
        let next = self.context.wait("a message", self.deliveries.next());
        let mut delivery = next.unwrap().unwrap();
        let message = std::mem::take(&mut delivery.message);
        delivery.acknowledge();
        message
    }

    pub fn text(&mut self) -> String {
        String::from_utf8(self.message().payload.to_vec()).unwrap()
    }
}

/// Sees participants announce themselves.
pub struct Watcher<'a> {
    context: &'a Context,
    _network: Network,
    announcements: Announcements,
}

impl Watcher<'_> {
    /// The next announcement of somebody in the role.
    pub fn next_of(&mut self, role: &str) -> Definition {
        let announcements = &mut self.announcements;
        self.context.wait(&format!("an announcement of {role}"), async {
            loop {
                let definition = announcements.next().await.unwrap().unwrap();
                if definition.role == role {
                    return definition;
                }
            }
        })
    }
}
