//! `msgflo procfile`: for Heroku, foreman and the like.

use clap::Args;
use msgflo::{Error, Result};

use super::Source;

/// Print a Procfile of a graph: a line with the command of each role
///
/// The commands are those of the component library. The broker is what MSGFLO_BROKER says where
/// they run; the edges are set up by `msgflo setup`.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo procfile images.fbp > Procfile
  msgflo procfile images.fbp --ignore web --include 'web: node server.js' > Procfile")]
pub struct Procfile {
    #[command(flatten)]
    source: Source,
    /// A line to add; can be given several times
    #[arg(long, value_name = "LINE")]
    include: Vec<String>,
}

impl Procfile {
    pub fn run(self) -> Result<()> {
        let deployment = self.source.read()?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut lines = Vec::new();
        for (role, command) in &deployment.roles {
            if !role.name.chars().all(allowed) {
                return Err(Error::invalid(format!(
                    "role `{}` cannot stand in a Procfile: names there are of letters, digits, `-` \
                     and `_`",
                    role.name
                )));
            }
            if command.line.contains('\n') {
                return Err(Error::invalid(format!(
                    "the command of `{}` has several lines, and a Procfile has one for each",
                    role.name
                )));
            }
            lines.push(format!("{}: {command}", role.name));
        }
        lines.extend(self.include);
        println!("{}", lines.join("\n"));
        Ok(())
    }
}
