//! Mosquitto.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::certificates::Certificates;
use crate::ports;
use crate::server::Server;
use crate::watchdog::Watchdog;

/// Generous: the machine may be busy with compiling.
const PATIENCE: Duration = Duration::from_secs(60);

/// Debian's is not on everybody's path.
const INSTALLED: &[&str] =
    &["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"];

/// Who may connect.
const USER: &str = "guest";
const PASSWORD: &str = "guest";

/// A Mosquitto of one's own. It can be stopped, killed and started again, and keeps its port and
/// its data. Dropping it stops it for good, and removes all its files.
pub struct Mosquitto {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    tls: Option<Tls>,
    server: Option<Server>,
    _watchdog: Watchdog,
}

struct Tls {
    port: u16,
    files: Certificates,
}

impl Mosquitto {
    /// Starts one, and returns when it is ready. It takes the user `guest` with the password
    /// `guest`, keeps its state, and bounds no queue.
    ///
    /// # Errors
    /// If Mosquitto is not installed, or does not start within a minute; the error has the end of
    /// its log.
    pub fn start() -> io::Result<Self> {
        Self::start_somewhere("", &[], None)
    }

    /// Starts one with further lines in its `mosquitto.conf`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_config(config: &str) -> io::Result<Self> {
        Self::start_somewhere(config, &[], None)
    }

    /// Starts one in which users can do what the lines of its access control list say, for
    /// example `user guest` and `topic readwrite #`. All of `users` have the password `guest`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_access(users: &[&str], access_control_list: &str) -> io::Result<Self> {
        Self::start_somewhere(access_control_list, users, None)
    }

    /// Starts one that also takes TLS connections, with a certificate for `localhost` from an
    /// authority that is made for it.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_tls() -> io::Result<Self> {
        Self::start_somewhere("", &[], Some(""))
    }

    /// As [`with_tls`](Self::with_tls), and only clients with a certificate from the same
    /// authority may connect so.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_client_certificates() -> io::Result<Self> {
        Self::start_somewhere("", &[], Some("require_certificate true\n"))
    }

    /// Ports are free when they are chosen, but may be taken before they are used.
    fn start_somewhere(lines: &str, users: &[&str], tls: Option<&str>) -> io::Result<Self> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut broker = Self::prepare(lines, users, tls)?;
            match broker.start_again() {
                Err(error) if attempts < 3 && error.to_string().contains("already in use") => {}
                started => return started.map(|()| broker),
            }
        }
    }

    fn prepare(lines: &str, users: &[&str], tls: Option<&str>) -> io::Result<Self> {
        let program = installed()?;
        let [port, tls_port] = ports::free()?;
        let folder = tempfile::Builder::new().prefix("mosquitto-").tempdir()?.keep();
        let watchdog = Watchdog::of(&folder)?;
        let path = |name: &str| folder.join(name).display().to_string();

        let mut config = format!(
            "per_listener_settings false\n\
             allow_anonymous false\n\
             password_file {}\n\
             persistence true\n\
             persistence_location {}/\n\
             autosave_interval 1\n\
             autosave_on_changes true\n\
             max_queued_messages 0\n\
             log_dest stderr\n\
             log_type error\n\
             log_type warning\n\
             log_type notice\n\
             log_type information\n",
            path("passwords"),
            path("")
        );
        if users.is_empty() {
            config += &format!("{lines}\n");
        } else {
            config += &format!("acl_file {}\n", path("access"));
            fs::write(folder.join("access"), lines)?;
        }
        config += &format!("listener {port} 127.0.0.1\n");
        let tls = if let Some(tls) = tls {
            let files = Certificates::write_into(&folder)?;
            config += &format!(
                "listener {tls_port} 127.0.0.1\n\
                 cafile {}\n\
                 certfile {}\n\
                 keyfile {}\n\
                 {tls}",
                files.ca.display(),
                files.certificate.display(),
                files.key.display()
            );
            Some(Tls { port: tls_port, files })
        } else {
            None
        };
        // Run by root, it would become another user, who cannot write here.
        if rustix::process::geteuid().is_root() {
            config = format!("user root\n{config}");
        }
        fs::write(folder.join("mosquitto.conf"), config)?;
        fs::write(folder.join("passwords"), "")?;
        let broker = Self { program, folder, port, tls, server: None, _watchdog: watchdog };
        for user in [USER].iter().chain(users) {
            broker.add_user(user)?;
        }
        Ok(broker)
    }

    fn add_user(&self, user: &str) -> io::Result<()> {
        // Beside the server, or where programs for everybody are.
        let beside = self.program.with_file_name("mosquitto_passwd");
        let program = if beside.is_file() { beside } else { PathBuf::from("mosquitto_passwd") };
        let output = Command::new(program)
            .arg("-b")
            .arg(self.folder.join("passwords"))
            .args([user, PASSWORD])
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("mosquitto_passwd: {said}")));
        }
        Ok(())
    }

    /// Where it listens, with user and password.
    pub fn url(&self) -> String {
        format!("mqtt://{USER}:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Where it listens for TLS connections, with user and password.
    ///
    /// # Panics
    /// If it was not started [`with_tls`](Self::with_tls).
    pub fn tls_url(&self) -> String {
        format!("mqtts://{USER}:{PASSWORD}@localhost:{}", self.tls().port)
    }

    /// The certificate authority (PEM) that a client has to trust.
    ///
    /// # Panics
    /// If it was not started [`with_tls`](Self::with_tls).
    pub fn ca_file(&self) -> &Path {
        &self.tls().files.ca
    }

    /// A certificate (PEM) for a client.
    ///
    /// # Panics
    /// If it was not started [`with_tls`](Self::with_tls) or
    /// [`with_client_certificates`](Self::with_client_certificates).
    pub fn client_certificate(&self) -> &Path {
        &self.tls().files.client_certificate
    }

    /// Its key.
    ///
    /// # Panics
    /// As [`client_certificate`](Self::client_certificate).
    pub fn client_key(&self) -> &Path {
        &self.tls().files.client_key
    }

    fn tls(&self) -> &Tls {
        self.tls.as_ref().expect("the broker takes no TLS: start it with Mosquitto::with_tls()")
    }

    /// Its port for connections without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where all its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets it end in good order. Nothing happens if it does not run.
    ///
    /// # Errors
    /// If it does not end within a minute.
    pub fn stop(&mut self) -> io::Result<()> {
        self.server.take().map_or(Ok(()), |server| server.terminate(PATIENCE))
    }

    /// Ends it as a crash does. Nothing happens if it does not run.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Has it do nothing, as behind a broken line: what connects, is not answered. Nothing happens
    /// if it does not run.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub fn pause(&self) -> io::Result<()> {
        self.server.as_ref().map_or(Ok(()), |server| server.signal(Signal::STOP))
    }

    /// Has it go on.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub fn resume(&self) -> io::Result<()> {
        self.server.as_ref().map_or(Ok(()), |server| server.signal(Signal::CONT))
    }

    /// Starts it with the port and the data that it had, and returns when it is ready.
    ///
    /// # Errors
    /// If it does not start within a minute; the error has the end of its log.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.stop()?;
        let config = self.folder.join("mosquitto.conf").display().to_string();
        let environment = [("PATH", "/usr/bin:/bin".to_owned())];
        let server = Server::spawn(
            &self.folder,
            "mosquitto",
            &self.program,
            &["-c", &config],
            &environment,
            " running",
        )?;
        server.wait_until_ready(PATIENCE)?;
        self.server = Some(server);
        Ok(())
    }

    /// Stops it in good order and starts it again.
    ///
    /// # Errors
    /// As [`stop`](Self::stop) and [`start_again`](Self::start_again).
    pub fn restart(&mut self) -> io::Result<()> {
        self.start_again()
    }
}

/// Where the program is.
fn installed() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("mosquitto"));
    let program = INSTALLED.iter().map(PathBuf::from).chain(on_path).find(|file| file.is_file());
    program.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            "this test needs the program mosquitto. Install it: apt-get install mosquitto \
             (Debian, Ubuntu), dnf install mosquitto (Fedora), brew install mosquitto (macOS)",
        )
    })
}
