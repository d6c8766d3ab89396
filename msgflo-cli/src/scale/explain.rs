//! `msgflo scale explain`: one decision, with every figure behind it.

use std::path::PathBuf;

use clap::Args;
use msgflo::{Error, Result};

/// Show one decision and every figure behind it, without a broker
#[derive(Args)]
pub struct Explain {
    /// The configuration; - is standard input [default: GUV_CONFIG]
    file: Option<PathBuf>,
}

impl Explain {
    pub fn run(self) -> Result<()> {
        Err(Error::invalid("cannot explain yet"))
    }
}
