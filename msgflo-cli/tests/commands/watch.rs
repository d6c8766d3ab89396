//! `msgflo watch`, in a terminal.

use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::tcgetattr;

use crate::brokers::Broker;
use crate::images;
use crate::program::msgflo;
use crate::terminal::Terminal;

fn modes(terminal: &OwnedFd) -> (rustix::termios::LocalModes, rustix::termios::InputModes) {
    let modes = tcgetattr(terminal).unwrap();
    (modes.local_modes, modes.input_modes)
}

#[tokio::test]
async fn a_role_that_starts_is_shown_and_q_gives_the_terminal_back() {
    let broker = Broker::rabbitmq();
    let mut terminal = Terminal::new(100, 30);
    let before = modes(terminal.end());
    let mut child = terminal.run(&["watch", "--broker", broker.url()]);
    terminal.shows("Nobody has announced itself yet").await;
    assert!(terminal.screen().alternate_screen());
    assert_ne!(modes(terminal.end()), before);

    let network = broker.connect().await;
    images::start(&network).await;
    terminal.shows("2 roles, 3 workers").await;
    // Both rows, the log, and the details of the first.
    terminal.shows("images/Resize").await;
    terminal.shows("images/Web").await;
    terminal.shows("web is there: web-").await;
    terminal.shows("What is to be resized").await;
    terminal.shows("0 waiting (0/s), 2 consumers").await;
    assert!(!terminal.screen().contents().contains("guest:guest"));
    terminal.press("\u{1B}[B");
    terminal.shows("Take jobs from people").await;
    terminal.resize(60, 40);
    terminal.shows("Take jobs from people").await;
    // What is 100 columns wide, would be cut.
    let is_narrow = |screen: &vt100::Screen| {
        screen.rows(0, 60).any(|row| row.starts_with('┌') && row.ends_with('┐'))
    };
    terminal.wait_for("a frame of 60 columns", is_narrow).await;

    // Nobody says goodbye; that they do not receive any more is told.
    network.shutdown().await.unwrap();
    terminal.shows("nobody receives from images/jobs any more").await;

    terminal.press("q");
    assert!(terminal.ended(&mut child).await.success());
    terminal
        .wait_for("the terminal as it was", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        })
        .await;
    assert_eq!(modes(terminal.end()), before);
}

#[tokio::test]
async fn escape_control_c_and_signals_quit_too() {
    let broker = Broker::rabbitmq();
    for key in [Some("\u{1B}"), Some("\u{3}"), None] {
        let mut terminal = Terminal::new(80, 24);
        let before = modes(terminal.end());
        let mut child = terminal.run(&["watch", "--broker", broker.url()]);
        terminal.shows("Nobody has announced itself yet").await;
        match key {
            Some(key) => terminal.press(key),
            None => {
                let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).unwrap();
                kill_process(pid, Signal::TERM).unwrap();
            }
        }
        assert!(terminal.ended(&mut child).await.success(), "{key:?}");
        terminal.wait_for("the terminal as it was", |screen| !screen.alternate_screen()).await;
        assert_eq!(modes(terminal.end()), before, "{key:?}");
    }
}

#[tokio::test]
async fn errors_do_not_take_the_terminal() {
    let error = msgflo(&["watch", "--broker", "amqp://127.0.0.1:1"]).await.failed(2);
    assert!(error.contains("use `msgflo ps`"), "{error}");

    let mut terminal = Terminal::new(80, 24);
    let nobody = ["watch", "--broker", "amqp://127.0.0.1:1", "--connect-timeout", "0.2"];
    let mut child = terminal.run(&nobody);
    assert_eq!(terminal.ended(&mut child).await.code(), Some(3));
    terminal.shows("cannot connect to amqp://127.0.0.1:1").await;
}
