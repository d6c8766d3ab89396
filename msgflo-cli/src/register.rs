//! `msgflo register`: foreign participants are announced.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use msgflo::{Definition, Error, Network, Result, StopSignals};
use msgflo_graph::Foreign;
use tracing::warn;

use crate::broker::Broker;
use crate::components::wrong;

/// Announce foreign participants: programs and devices that know nothing of MsgFlo
///
/// Each has a YAML file with its component and its ports. `#ROLE` in a queue stands for the role.
/// Queues are not declared, as the participant itself does that in its own way.
///
/// RabbitMQ keeps an announcement for 10 minutes. On MQTT and ZeroMQ, only those see it who are
/// there, so keep it up with --forever.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo register --role kitchen:./lamp.yml --role hall:./lamp.yml --forever
  msgflo register --role kitchen lamp.yml --broker mqtt://localhost
  msgflo-register-foreign --role kitchen lamp.yml --forever")]
pub struct Register {
    #[command(flatten)]
    broker: Broker,
    /// A role and the file that defines it; can be given several times. With DEFINITION, the role
    #[arg(long = "role", value_name = "ROLE:FILE")]
    roles: Vec<String>,
    /// The file that defines a single role; the role is that of --role, or the file's own
    #[arg(value_name = "DEFINITION")]
    file: Option<PathBuf>,
    /// Announce them again and again, until stopped
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true")]
    forever: bool,
    /// Announce them so often that they are not missed for longer than this
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = interval)]
    interval: Duration,
}

/// After this, a participant that was not heard of counts as gone.
const GONE: Duration = Duration::from_secs(600);

impl Register {
    pub async fn run(self) -> Result<()> {
        let definitions = self.definitions()?;
        self.broker
            .with(async |network| {
                let mut stop = StopSignals::listen()?;
                announce(network, &definitions).await?;
                for Definition { role, component, .. } in &definitions {
                    println!("announced {role} ({component})");
                }
                if !self.forever {
                    return Ok(());
                }
                loop {
                    tokio::select! {
                        () = tokio::time::sleep(self.interval.div_f64(2.2)) => {}
                        () = stop.next() => return Ok(()),
                    }
                    if let Err(error) = announce(network, &definitions).await {
                        warn!("cannot announce: {error}");
                    }
                }
            })
            .await
    }

    fn definitions(&self) -> Result<Vec<Definition>> {
        let mut definitions: Vec<Definition> = Vec::new();
        for (role, file) in self.roles_and_files()? {
            let foreign = Foreign::read(&file).map_err(wrong)?;
            let role = role.as_deref().or(foreign.role()).ok_or_else(|| {
                Error::invalid(format!("{} names no role: give it with --role", file.display()))
            })?;
            if definitions.iter().any(|other| other.role == role) {
                return Err(Error::invalid(format!("role `{role}` is given twice")));
            }
            definitions.push(foreign.definition(role));
        }
        Ok(definitions)
    }

    fn roles_and_files(&self) -> Result<Vec<(Option<String>, PathBuf)>> {
        if let Some(file) = &self.file {
            return match &self.roles[..] {
                [] => Ok(vec![(None, file.clone())]),
                [role] if !role.contains(':') => Ok(vec![(Some(role.clone()), file.clone())]),
                _ => Err(Error::invalid(format!(
                    "with {}, --role is the name of one role; for several, write --role ROLE:FILE",
                    file.display()
                ))),
            };
        }
        if self.roles.is_empty() {
            return Err(Error::invalid("nothing to announce; write --role ROLE:FILE"));
        }
        let split = |text: &String| match text.split_once(':') {
            Some((role, file)) if !role.is_empty() && !file.is_empty() => {
                Ok((Some(role.to_owned()), PathBuf::from(file)))
            }
            _ => Err(Error::invalid(format!(
                "`--role {text}` names no file; write --role {}:FILE.yml",
                text.trim_matches(':')
            ))),
        };
        self.roles.iter().map(split).collect()
    }
}

async fn announce(network: &Network, definitions: &[Definition]) -> Result<()> {
    for definition in definitions {
        network.transport().announce(definition, GONE).await?;
    }
    Ok(())
}

/// As often as possible is not meant.
fn interval(text: &str) -> Result<Duration> {
    match msgflo::parse_seconds(text)? {
        Duration::ZERO => Err(Error::invalid("0 is not a number of seconds between two times")),
        interval => Ok(interval),
    }
}
