//! `msgflo watch`: the network as it changes, on a screen.

mod ago;
mod screen;
mod terminal;
mod view;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;
use msgflo::{Error, ErrorKind, Network, Result, StopSignals};
use tokio::time::{interval, sleep};

use crate::broker::Broker;
use crate::observation::ask;
use terminal::Terminal;
use view::View;

/// How often the broker is asked.
const ASK: Duration = Duration::from_secs(2);
/// How soon it is asked for the first time: when those have been heard who come at once.
const FIRST: Duration = Duration::from_millis(300);

/// Watch the network live: roles, queues, edges, who comes and who goes
///
/// q, Esc or Ctrl-C quit; the arrow keys select a role, Page Up and Page Down scroll what is told
/// of it.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo watch
  msgflo watch --broker mqtt://localhost")]
pub struct Watch {
    #[command(flatten)]
    broker: Broker,
}

impl Watch {
    pub async fn run(self) -> Result<()> {
        if !io::stdout().is_terminal() {
            return Err(Error::invalid(
                "msgflo watch fills a terminal, and standard output is none; use `msgflo ps`, or `msgflo ps --json`",
            ));
        }
        self.broker.with(watch).await
    }
}

async fn watch(network: &Network) -> Result<()> {
    let transport = network.transport();
    let mut stop = StopSignals::listen()?;
    let mut announcements = network.watch().await?;
    let mut connection = transport.connection();
    let mut view = View::new(transport.url(), Instant::now());
    let mut clock = interval(Duration::from_secs(1));
    let answers = |wait, queues| async move {
        sleep(wait).await;
        ask(&**transport, queues).await
    };
    let mut asking = Box::pin(answers(FIRST, Vec::new()));
    let mut terminal = Terminal::open()?;
    loop {
        terminal.draw(&mut view)?;
        tokio::select! {
            heard = announcements.next() => match heard {
                Some(definition) => view.hear(definition?, Instant::now()),
                None => return Err(ErrorKind::Closed("the connection was closed".into()).into()),
            },
            told = &mut asking => {
                view.take(told, Instant::now());
                asking = Box::pin(answers(ASK, view.observation.inport_queues()));
            }
            event = terminal.next() => if view.handle(&event?).is_break() {
                return Ok(());
            },
            Ok(()) = connection.changed() => {
                let connected = connection.borrow_and_update().connected;
                view.set_connected(connected, Instant::now());
            },
            _ = clock.tick() => view.look_at_clock(Instant::now()),
            () = stop.next() => return Ok(()),
        }
    }
}
