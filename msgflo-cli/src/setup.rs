//! `msgflo setup`: a network as its graph has it.

mod announced;
mod edges;
mod participants;
mod process;
mod steps;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use msgflo::transport::Target;
use msgflo::{Error, Message, Network, Result, StopSignals};
use msgflo_graph::plan::InitialValue;
use msgflo_graph::{Announced, Graph, Plan, PlanOptions, Problem, Severity};

use crate::broker::Broker;
use crate::components::{Components, wrong};
use edges::Wanted;
use participants::{Participants, Start};
use steps::{Step, Steps};

/// Set a network up: connect the ports of a graph, and start its participants
///
/// Binds the edges of the graph, and sends its initial values to roles whose command does not hand
/// them over (#IIPS). What is there already, stays. Queues are called ROLE.PORT, or what the
/// participants announce (--discover).
///
/// With --participants, starts what the component library has for each role, and takes its first
/// line on standard output to mean that it is ready. Without --forever, participants go on by
/// themselves afterwards, and what they print is lost. With it, they are restarted when
/// they die, and stopped when this program is.
///
/// MQTT brokers have no edges: an edge is forwarded by the participant in Rust that it leads to,
/// or as long as this program runs (--forever).
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo setup images.fbp
  msgflo setup images.fbp --participants --discover --forever --forward stderr
  msgflo setup images.fbp --dry-run --remove-extra --broker mqtt://localhost")]
pub struct Setup {
    #[command(flatten)]
    broker: Broker,
    /// The graph: .fbp or JSON
    graph: PathBuf,
    /// Start the participants too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true")]
    participants: bool,
    /// Of the roles, start only these
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    only: Option<Vec<String>>,
    /// Of the roles, do not start these
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    ignore: Vec<String>,
    #[command(flatten)]
    components: Components,
    /// Run the commands of participants in a shell
    #[arg(long, value_name = "SHELL")]
    shell: Option<String>,
    /// Wait until all roles have announced themselves, and take their queues from there
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true")]
    discover: bool,
    /// How long to wait for participants to get ready, and for announcements
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = msgflo::parse_seconds)]
    timeout: Duration,
    /// Print what participants print, with the role in front
    #[arg(long, value_name = "stderr,stdout", value_delimiter = ',')]
    forward: Vec<Stream>,
    /// Stay, restart participants that die, and forward edges on MQTT, until stopped
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true")]
    forever: bool,
    /// Also take away edges between roles of the graph that it does not have
    #[arg(long)]
    remove_extra: bool,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Tell what is done as JSON
    #[arg(long)]
    json: bool,
}

/// What a participant prints on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stream {
    Stderr,
    Stdout,
}

impl Setup {
    pub async fn run(self) -> Result<()> {
        let graph = Graph::read(&self.graph).map_err(wrong)?;
        let options = PlanOptions { only: self.only.clone(), ignore: self.ignore.clone() };
        let (plan, problems) = Plan::new(&graph, &Announced::default(), &options);
        if problems.iter().any(is_error) || !self.discover {
            told(&problems)?;
        }
        let commands = self.components.read();
        let carries_values = |role: &str| {
            commands.as_ref().is_ok_and(|commands| commands.hand_over_values(&graph, role))
        };
        let starts = match (self.participants, &commands) {
            (false, _) => Vec::new(),
            (true, Err(error)) => return Err(Error::invalid(error.to_string())),
            (true, Ok(commands)) => {
                let start = |role: &msgflo_graph::plan::Role| {
                    Ok(Start { role: role.clone(), command: commands.of(&graph, &role.name)? })
                };
                plan.roles.iter().map(start).collect::<Result<_>>()?
            }
        };
        self.broker
            .with(async |network| {
                let mut stop = StopSignals::listen()?;
                let mut work = Work {
                    setup: &self,
                    network,
                    graph: &graph,
                    options: &options,
                    carries_values: &carries_values,
                    participants: Participants::new(self.start_options()),
                };
                let outcome = tokio::select! {
                    outcome = work.set_up(plan, problems, starts) => outcome,
                    () = stop.next() => Ok(After::Stop),
                };
                match outcome {
                    Ok(After::Leave) => Ok(()),
                    Ok(After::Stop) => {
                        work.participants.stop(&mut stop).await;
                        Ok(())
                    }
                    Err(error) => {
                        work.participants.stop(&mut stop).await;
                        Err(error)
                    }
                }
            })
            .await
    }

    fn start_options(&self) -> participants::Options {
        participants::Options {
            broker: self.broker.url(),
            shell: self.shell.clone(),
            forward_stdout: self.forward.contains(&Stream::Stdout),
            forward_stderr: self.forward.contains(&Stream::Stderr),
            timeout: self.timeout,
            restart: self.forever,
        }
    }
}

/// What becomes of the participants.
enum After {
    Leave,
    Stop,
}

struct Work<'a> {
    setup: &'a Setup,
    network: &'a Network,
    graph: &'a Graph,
    options: &'a PlanOptions,
    carries_values: &'a dyn Fn(&str) -> bool,
    participants: Participants,
}

impl Work<'_> {
    async fn set_up(
        &mut self,
        mut plan: Plan,
        mut problems: Vec<Problem>,
        starts: Vec<Start>,
    ) -> Result<After> {
        let setup = self.setup;
        let mut steps = Steps::new(setup.dry_run, setup.json);
        // Seen from before they start.
        let mut announcements = match setup.discover {
            true => Some(self.network.transport().watch().await?),
            false => None,
        };
        if setup.dry_run {
            steps.extend(starts.iter().map(|start| Step::start(start, None)));
        } else {
            let started = self.participants.start(starts).await?;
            steps.extend(started.iter().map(|(start, id)| Step::start(start, *id)));
        }
        let mut announced = Announced::default();
        if let Some(announcements) = &mut announcements {
            // What is to be started has not announced itself when nothing is.
            let started = setup.participants && setup.dry_run;
            let awaited = |role: &str| !(started && plan.roles.iter().any(|own| own.name == role));
            announced = announced::wait(announcements, self.graph, setup.timeout, awaited).await?;
            (plan, problems) = Plan::new(self.graph, &announced, self.options);
            told(&problems)?;
        }
        drop(announcements);
        let wanted = Wanted::new(&plan, self.network.transport().as_ref());
        let there = self.there().await?;
        if !setup.dry_run {
            wanted.bind(self.network).await?;
        }
        steps.extend(wanted.steps(there.as_deref()));
        if setup.remove_extra {
            for edge in wanted.extra(there.as_deref().unwrap_or_default(), self.graph, &announced) {
                if !setup.dry_run {
                    self.network.transport().unbind(&edge).await?;
                }
                steps.push(Step::unbind(&edge));
            }
        }
        for value in self.values_to_send(&plan) {
            if !setup.dry_run {
                send(self.network, value).await?;
            }
            steps.push(Step::send(value));
        }
        if self.are_edges_unattended(&wanted) {
            anstream::eprintln!(
                "note: on MQTT, edges to participants that are not in Rust are forwarded only while \
                 `msgflo setup --forever` runs"
            );
        }
        steps.print(&problems)?;
        if setup.dry_run || !setup.forever {
            return Ok(After::Leave);
        }
        if !setup.json {
            steps::print_line("the network is set up; it is kept up until this is stopped")?;
        }
        loop {
            let role = self.participants.restarted().await;
            // Its queues may have gone with it, and its values have.
            if let Err(error) = self.renew(&wanted, &plan, &role).await {
                anstream::eprintln!("warning: {role} is restarted, and not connected: {error}");
            }
        }
    }

    /// The edges that there are, if the broker tells and it matters.
    async fn there(&self) -> Result<Option<Vec<msgflo::transport::Edge>>> {
        if !self.setup.remove_extra && !self.setup.dry_run {
            return Ok(None);
        }
        match self.network.transport().edges().await {
            Ok(edges) => Ok(Some(edges)),
            Err(error) if self.setup.remove_extra => Err(error),
            Err(error) => {
                anstream::eprintln!(
                    "note: {error}, so edges that are there already are listed too"
                );
                Ok(None)
            }
        }
    }

    fn values_to_send<'p>(&self, plan: &'p Plan) -> Vec<&'p InitialValue> {
        let own = |role: &str| plan.roles.iter().any(|other| other.name == role);
        let values = plan.initial_values.iter();
        values.filter(|value| own(&value.role) && !(self.carries_values)(&value.role)).collect()
    }

    /// On MQTT, whether nobody may forward them.
    fn are_edges_unattended(&self, wanted: &Wanted) -> bool {
        let on_mqtt = self.network.transport().url().starts_with("mqtt");
        on_mqtt && !self.setup.forever && !wanted.is_empty()
    }

    async fn renew(&self, wanted: &Wanted, plan: &Plan, role: &str) -> Result<()> {
        wanted.bind(self.network).await?;
        for value in self.values_to_send(plan) {
            if value.role == role {
                send(self.network, value).await?;
            }
        }
        Ok(())
    }
}

async fn send(network: &Network, initial: &InitialValue) -> Result<()> {
    let InitialValue { role, port, queue, value } = initial;
    let Some(queue) = queue else {
        anstream::eprintln!(
            "warning: the value for port `{port}` of {role} is not sent, as the port has no queue: \
             hand it over in the component's command, with #IIPS"
        );
        return Ok(());
    };
    let message = Message::new(value.to_string()).with_content_type("application/json");
    network.transport().publish(Target::Inport(queue), message).await
}

fn is_error(problem: &Problem) -> bool {
    problem.severity == Severity::Error
}

/// Tells of what is doubtful; what is wrong is an error.
fn told(problems: &[Problem]) -> Result<()> {
    let (wrong, doubtful): (Vec<_>, Vec<_>) =
        problems.iter().partition(|problem| is_error(problem));
    for problem in doubtful {
        anstream::eprintln!("{problem}");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong: Vec<&str> = wrong.iter().map(|problem| problem.message.as_str()).collect();
    Err(Error::invalid(wrong.join("\nerror: ")))
}
