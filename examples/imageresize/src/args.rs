//! The command line.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use msgflo::Options;

/// Resizes images. Without a command, the whole service runs in one process, with no broker.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub role: Option<Role>,
    #[command(flatten)]
    pub service: Service,
}

/// Everything in one process.
#[derive(Args)]
pub struct Service {
    #[command(flatten)]
    pub http: Http,
    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub images: Images,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub keeping: Keeping,
    /// How many images are resized at once
    #[arg(long, value_name = "N", default_value = CORES.as_str(),
          value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
}

#[derive(Subcommand)]
pub enum Role {
    /// Takes images over HTTP; shares the data folder with `store`
    Web {
        #[command(flatten)]
        participant: Options,
        #[command(flatten)]
        http: Http,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        limits: Limits,
    },
    /// Resizes images; start as many as you like
    #[command(mut_arg("concurrency", |arg| arg.default_value(CORES.as_str())))]
    Resize {
        #[command(flatten)]
        participant: Options,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        images: Images,
        #[command(flatten)]
        limits: Limits,
    },
    /// Keeps what becomes of images; shares the data folder with `web`
    Store {
        #[command(flatten)]
        participant: Options,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        keeping: Keeping,
    },
}

/// Resizing keeps a core busy, so that more than one image for each only take memory, and
/// keep images from workers that are idle.
static CORES: LazyLock<String> = LazyLock::new(|| {
    std::thread::available_parallelism().map_or_else(|_| "1".into(), |cores| cores.to_string())
});

#[derive(Args)]
pub struct Http {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,
}

#[derive(Args)]
pub struct Data {
    /// The folder for jobs and images
    #[arg(long, value_name = "DIR", default_value = "imageresize-data")]
    pub data: PathBuf,
    /// Where images are kept instead: a folder, or s3://BUCKET/FOLDER with the AWS_… variables
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
}

#[derive(Args)]
pub struct Images {
    /// The most pixels that an image may have, before and after
    #[arg(long, value_name = "N", value_parser = number, default_value = "100M")]
    pub max_pixels: u64,
    /// The most bytes of memory for images that are resized at once; others wait [default: three
    /// quarters of the control group's limit, half of the machine's memory at most]
    #[arg(long, value_name = "BYTES", value_parser = number)]
    pub max_memory: Option<u64>,
    /// Fetch from private addresses too: whoever sends URLs sees what this machine can see
    #[arg(long)]
    pub allow_private_urls: bool,
}

#[derive(Args)]
pub struct Limits {
    /// The most bytes that a request, or what is at a URL, may have
    #[arg(long, value_name = "BYTES", value_parser = number, default_value = "50M")]
    pub max_body: u64,
}

#[derive(Args)]
pub struct Keeping {
    /// How long a job and its images are kept once it is finished, like 90m, 24h or 7days; or `forever`
    #[arg(long, value_name = "TIME", value_parser = keep, default_value = "24h")]
    pub keep: Keep,
}

/// For how long; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keep(pub Option<Duration>);

fn keep(text: &str) -> Result<Keep, String> {
    if text == "forever" {
        return Ok(Keep(None));
    }
    msgflo::parse_duration(text).map(|time| Keep(Some(time))).map_err(|error| error.to_string())
}

/// `50`, `50k`, `50M`, `50G`.
fn number(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.char_indices().next_back() {
        Some((end, 'k' | 'K')) => (&text[..end], 1_000),
        Some((end, 'M')) => (&text[..end], 1_000_000),
        Some((end, 'G')) => (&text[..end], 1_000_000_000),
        _ => (text, 1),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.ok_or_else(|| "give a whole number, or one with k, M or G behind it".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn jobs_are_kept_for_a_time_or_for_ever() {
        assert_eq!(keep("90m"), Ok(Keep(Some(Duration::from_secs(5400)))));
        assert_eq!(keep("7days"), Ok(Keep(Some(Duration::from_secs(7 * 86400)))));
        assert_eq!(keep("forever"), Ok(Keep(None)));
        for wrong in ["", "7", "-1h", "never"] {
            assert!(keep(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_may_be_short() {
        assert_eq!(number("1500"), Ok(1500));
        assert_eq!(number("2k"), Ok(2000));
        assert_eq!(number("50M"), Ok(50_000_000));
        for wrong in ["", "M", "-1", "1.5M", "20000000000G", "5é"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}
