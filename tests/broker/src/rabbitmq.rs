//! RabbitMQ.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::certificates::Certificates;
use crate::ports;
use crate::server::Server;
use crate::watchdog::Watchdog;

/// Generous: the machine may be busy with compiling.
const PATIENCE: Duration = Duration::from_secs(60);

/// Debian's `rabbitmq-server` on the path changes to another user; the one behind it does not.
const INSTALLED: &[&str] = &[
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/local/sbin/rabbitmq-server",
    "/opt/homebrew/sbin/rabbitmq-server",
];

/// A RabbitMQ of one's own. It can be stopped, killed and started again, and keeps its port and
/// its data. Dropping it stops it for good, and removes all its files.
pub struct RabbitMq {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    tls: Option<Tls>,
    management_port: Option<u16>,
    environment: Vec<(&'static str, String)>,
    server: Option<Server>,
    /// Through which `rabbitmqctl` finds the server. By default it would be a daemon that
    /// outlives the test.
    epmd: Option<Server>,
    _watchdog: Watchdog,
}

/// What one may have beside its port.
#[derive(Clone, Copy, PartialEq)]
enum Extra {
    None,
    Tls,
    Management,
}

struct Tls {
    port: u16,
    ca_file: PathBuf,
}

impl RabbitMq {
    /// Starts one, and returns when it is ready.
    ///
    /// # Errors
    /// If RabbitMQ is not installed, or does not start within a minute; the error has the end of
    /// its log.
    pub fn start() -> io::Result<Self> {
        Self::start_somewhere("", Extra::None)
    }

    /// Starts one with further lines in its `rabbitmq.conf`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_config(config: &str) -> io::Result<Self> {
        Self::start_somewhere(config, Extra::None)
    }

    /// Starts one that also takes TLS connections, with a certificate for `localhost` from an
    /// authority that is made for it.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_tls() -> io::Result<Self> {
        Self::start_somewhere("", Extra::Tls)
    }

    /// Starts one with its management plugin.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_management() -> io::Result<Self> {
        Self::start_somewhere("", Extra::Management)
    }

    /// Ports are free when they are chosen, but may be taken before they are used.
    fn start_somewhere(config: &str, extra: Extra) -> io::Result<Self> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut broker = Self::prepare(config, extra)?;
            match broker.start_again() {
                Err(error) if attempts < 3 && error.to_string().contains("eaddrinuse") => {}
                started => return started.map(|()| broker),
            }
        }
    }

    fn prepare(config: &str, extra: Extra) -> io::Result<Self> {
        let program = installed()?;
        let [port, tls_port, management_port, distribution_port, epmd_port] = ports::free()?;
        let folder = tempfile::Builder::new().prefix("rabbitmq-").tempdir()?.keep();
        let watchdog = Watchdog::of(&folder)?;

        let mut config = format!("listeners.tcp.1 = 127.0.0.1:{port}\n{config}\n");
        let tls = if extra == Extra::Tls {
            let files = Certificates::write_into(&folder)?;
            config += &format!(
                "listeners.ssl.1 = 127.0.0.1:{tls_port}\n\
                 ssl_options.cacertfile = {}\n\
                 ssl_options.certfile = {}\n\
                 ssl_options.keyfile = {}\n",
                files.ca.display(),
                files.certificate.display(),
                files.key.display()
            );
            Some(Tls { port: tls_port, ca_file: files.ca })
        } else {
            None
        };
        let (management_port, plugins) = if extra == Extra::Management {
            config += &format!(
                "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management_port}\n"
            );
            (Some(management_port), "[rabbitmq_management].\n")
        } else {
            (None, "[].\n")
        };
        fs::write(folder.join("rabbitmq.conf"), config)?;
        fs::write(folder.join("enabled_plugins"), plugins)?;

        let path = |name: &str| folder.join(name).display().to_string();
        let environment = vec![
            ("PATH", std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".into())),
            ("LANG", "C.UTF-8".into()),
            ("HOME", path("")),
            ("ERL_CRASH_DUMP", path("erl_crash.dump")),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("ERL_EPMD_PORT", epmd_port.to_string()),
            ("RABBITMQ_NODENAME", format!("rabbit-{port}@localhost")),
            ("RABBITMQ_DIST_PORT", distribution_port.to_string()),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq")),
            ("RABBITMQ_CONFIG_FILES", path("conf.d/*.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced")),
            ("RABBITMQ_GENERATED_CONFIG_DIR", path("generated")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", path("mnesia")),
            ("RABBITMQ_LOG_BASE", path("log")),
            ("RABBITMQ_LOGS", "-".into()),
            // The script then becomes the server instead of staying its parent.
            ("RUNNING_UNDER_SYSTEMD", "true".into()),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}".into(),
            ),
        ];
        let mut broker = Self {
            program,
            folder,
            port,
            tls,
            management_port,
            environment,
            server: None,
            epmd: None,
            _watchdog: watchdog,
        };
        let epmd = broker.spawn(
            "epmd",
            Path::new("epmd"),
            &["-d", "-d"],
            "entering the main select() loop",
        )?;
        epmd.wait_until_ready(PATIENCE)?;
        broker.epmd = Some(epmd);
        Ok(broker)
    }

    fn spawn(
        &self,
        name: &str,
        program: &Path,
        arguments: &[&str],
        ready: &'static str,
    ) -> io::Result<Server> {
        Server::spawn(&self.folder, name, program, arguments, &self.environment, ready)
    }

    /// Where it listens, with user and password.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/", self.port)
    }

    /// Where it listens for TLS connections, with user and password.
    ///
    /// # Panics
    /// If it was not started [`with_tls`](Self::with_tls).
    pub fn tls_url(&self) -> String {
        format!("amqps://guest:guest@localhost:{}/", self.tls().port)
    }

    /// Where its management plugin listens, without user and password.
    ///
    /// # Panics
    /// If it was not started [`with_management`](Self::with_management).
    pub fn management_url(&self) -> String {
        let port = self.management_port.expect(
            "the broker has no management plugin: start it with RabbitMq::with_management()",
        );
        format!("http://127.0.0.1:{port}")
    }

    /// The certificate authority (PEM) that a client has to trust.
    ///
    /// # Panics
    /// If it was not started [`with_tls`](Self::with_tls).
    pub fn ca_file(&self) -> &Path {
        &self.tls().ca_file
    }

    fn tls(&self) -> &Tls {
        self.tls.as_ref().expect("the broker takes no TLS: start it with RabbitMq::with_tls()")
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

    /// Starts it with the port and the data that it had, and returns when it is ready.
    ///
    /// # Errors
    /// If it does not start within a minute; the error has the end of its log.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.stop()?;
        let server = self.spawn("rabbitmq", &self.program, &[], "Server startup complete")?;
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

    /// Runs `rabbitmqctl`, and returns what it writes, without headings.
    ///
    /// # Errors
    /// If it fails; the error has what it says.
    pub fn ctl(&self, arguments: &[&str]) -> io::Result<String> {
        let output = Command::new(self.program.with_file_name("rabbitmqctl"))
            .args(arguments)
            .arg("--silent")
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !output.status.success() {
            let arguments = arguments.join(" ");
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            return Err(io::Error::other(format!("rabbitmqctl {arguments}: {out}{err}")));
        }
        Ok(text(&output.stdout))
    }
}

/// Where the program is.
fn installed() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("rabbitmq-server"));
    let program = INSTALLED.iter().map(PathBuf::from).chain(on_path).find(|file| file.is_file());
    program.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            "this test needs the program rabbitmq-server. Install it: apt-get install rabbitmq-server \
             (Debian, Ubuntu), dnf install rabbitmq-server (Fedora), brew install rabbitmq (macOS)",
        )
    })
}
