//! A terminal with the `msgflo` program in it.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::program::PATIENCE;

/// Makes its standard input the terminal of a session of its own, and becomes the program.
const IN_TERMINAL: &str = "
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
";

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

pub struct Terminal {
    /// Where the keys go in, and the screen comes out.
    controller: File,
    /// What the program has.
    end: OwnedFd,
    screen: watch::Receiver<vt100::Screen>,
    sizes: std::sync::mpsc::Sender<(u16, u16)>,
}

impl Terminal {
    pub fn new(columns: u16, rows: u16) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let end = rustix::fs::open(name, flags, Mode::empty()).unwrap();

        let mut parser = vt100::Parser::new(cells(rows), cells(columns), 0);
        let (shown, screen) = watch::channel(parser.screen().clone());
        let (sizes, resized) = std::sync::mpsc::channel();
        let controller = File::from(controller);
        let mut output = controller.try_clone().unwrap();
        // Ends when nobody has the other end.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = output.read(&mut bytes)
                && count > 0
            {
                while let Ok((columns, rows)) = resized.try_recv() {
                    parser.screen_mut().set_size(cells(rows), cells(columns));
                }
                parser.process(&bytes[..count]);
                shown.send_replace(parser.screen().clone());
            }
        });
        let terminal = Self { controller, end, screen, sizes };
        terminal.set_size(columns, rows);
        terminal
    }

    pub fn run(&self, arguments: &[&str]) -> Child {
        let end = || Stdio::from(self.end.try_clone().unwrap());
        let mut command = Command::new("python3");
        command.args(["-c", IN_TERMINAL, env!("CARGO_BIN_EXE_msgflo")]).args(arguments);
        for name in ["MSGFLO_BROKER", "CLOUDAMQP_URL", "RUST_LOG", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color").kill_on_drop(true);
        command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
    }

    /// What the program has of it.
    pub fn end(&self) -> &OwnedFd {
        &self.end
    }

    pub fn screen(&self) -> vt100::Screen {
        self.screen.borrow().clone()
    }

    pub fn press(&mut self, keys: &str) {
        self.controller.write_all(keys.as_bytes()).unwrap();
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.sizes.send((columns, rows)).unwrap();
        self.set_size(columns, rows);
    }

    fn set_size(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.controller, size).unwrap();
    }

    /// Waits until this is on the screen.
    pub async fn shows(&mut self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text)).await;
    }

    pub async fn wait_for(&mut self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let found = timeout(PATIENCE, self.screen.wait_for(|screen| is_so(screen))).await.is_ok();
        assert!(found, "no {what} on the screen:\n{}", self.screen().contents());
    }

    pub async fn ended(&self, child: &mut Child) -> ExitStatus {
        timeout(PATIENCE, child.wait()).await.expect("msgflo ends").unwrap()
    }
}
