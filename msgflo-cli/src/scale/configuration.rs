//! The configuration that a subcommand works on.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use msgflo::{Error, Result};
use msgflo_guv::config::{Configuration, Environment, Problem, Problems, Severity};

/// Where the configuration is.
#[derive(Args)]
pub struct ConfigurationFile {
    /// What is to be scaled, as for guv: YAML or JSON; - is standard input
    /// [default: GUV_CONFIG, which is the text itself or the name of a file]
    file: Option<PathBuf>,
}

impl ConfigurationFile {
    /// The configuration, if it can be used; what else is wrong with it, and as bad as this or
    /// worse, is told on standard error.
    pub fn read(&self, least: Severity) -> Result<Configuration> {
        let (name, text) = self.text()?;
        let configuration = Configuration::parse(&name, &text, &Environment::of_process());
        let configuration = configuration.map_err(|Problems(problems)| refusal(problems))?;
        for problem in configuration.problems.iter().filter(|it| it.severity >= least) {
            eprintln!("{problem}\n");
        }
        Ok(configuration)
    }

    /// Whether there is one at all.
    pub fn is_named(&self) -> bool {
        self.file.is_some() || std::env::var("GUV_CONFIG").is_ok_and(|text| !text.trim().is_empty())
    }

    /// Its name, and what is in it.
    pub fn text(&self) -> Result<(String, String)> {
        let (name, text) = match &self.file {
            Some(file) if file == Path::new("-") => {
                ("standard input".to_owned(), io::read_to_string(io::stdin().lock()))
            }
            Some(file) => (file.display().to_string(), std::fs::read_to_string(file)),
            None => match std::env::var("GUV_CONFIG").ok().filter(|text| !text.trim().is_empty()) {
                Some(file) if Path::new(&file).is_file() => {
                    let text = std::fs::read_to_string(&file);
                    (file, text)
                }
                Some(text) => ("GUV_CONFIG".into(), Ok(text)),
                None => {
                    let message = "there is no configuration: name its file, or set GUV_CONFIG";
                    return Err(Error::invalid(message));
                }
            },
        };
        let text = text.map_err(|error| Error::invalid(format!("cannot read {name}: {error}")))?;
        Ok((name, text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
    }
}

/// Tells the warnings, and makes an error of all else.
pub fn refusal(problems: Vec<Problem>) -> Error {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    for warning in &warnings {
        eprintln!("{warning}\n");
    }
    let count = errors.len();
    let text = Problems(errors).to_string();
    // The program says "error:" itself.
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Error::invalid(if count == 1 { text.into() } else { format!("{text}\n\n{count} errors") })
}
