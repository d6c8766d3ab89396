//! `msgflo scale check`: what is wrong with a configuration, and what it will do.

use std::path::PathBuf;

use clap::Args;
use msgflo::{Error, Result};

/// Show what is wrong with a configuration, and what each role will do
#[derive(Args)]
pub struct Check {
    /// The configuration; - is standard input [default: GUV_CONFIG]
    file: Option<PathBuf>,
}

impl Check {
    pub fn run(self) -> Result<()> {
        Err(Error::invalid("cannot check yet"))
    }
}
