//! `msgflo scale plot`: what was recorded, as a picture.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use msgflo::{Error, Result};
use msgflo_guv::plot::{Point, Series, svg};

/// Draw what `msgflo scale --record` wrote: jobs that waited and workers, over time, as SVG
#[derive(Args)]
#[command(after_help = "Example:
  msgflo scale plot record.csv --title 'A burst of photos' --output record.svg")]
pub struct Plot {
    /// The recorded file
    record: PathBuf,
    /// What stands above it
    #[arg(long, default_value = "Jobs and workers")]
    title: String,
    /// Where the picture goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Plot {
    pub fn run(self) -> Result<()> {
        let picture = svg(&self.title, &self.series()?);
        match &self.output {
            Some(file) => std::fs::write(file, picture).map_err(|error| {
                Error::message(format!("cannot write {}: {error}", file.display()))
            }),
            None => Ok(io::stdout().write_all(picture.as_bytes())?),
        }
    }

    /// One for each role, from the first moment that was recorded.
    fn series(&self) -> Result<Vec<Series>> {
        let name = self.record.display();
        let invalid = |error: csv::Error| Error::invalid(format!("cannot read {name}: {error}"));
        let mut reader = csv::Reader::from_path(&self.record).map_err(invalid)?;
        let heads = reader.headers().map_err(invalid)?.clone();
        let column = |wanted: &str| {
            heads.iter().position(|head| head == wanted).ok_or_else(|| {
                Error::invalid(format!(
                    "{name} has no column `{wanted}`: it is not what `msgflo scale --record` writes"
                ))
            })
        };
        let columns = [column("time")?, column("waiting")?, column("workers")?];
        let role = column("role")?;
        let mut roles = BTreeMap::<String, Vec<Point>>::new();
        let mut start = None;
        for record in reader.records() {
            let record = record.map_err(invalid)?;
            let [time, waiting, workers] =
                columns.map(|column| record.get(column).and_then(|cell| cell.parse::<f64>().ok()));
            // A poll that found nothing out is a gap.
            let (Some(time), Some(waiting), Some(workers)) = (time, waiting, workers) else {
                continue;
            };
            let start = *start.get_or_insert(time);
            let point = Point { time: time - start, waiting, workers };
            let role = record.get(role).unwrap_or_default().to_owned();
            roles.entry(role).or_default().push(point);
        }
        if roles.is_empty() {
            return Err(Error::invalid(format!("{name} has no polls that found anything out")));
        }
        Ok(roles.into_iter().map(|(name, points)| Series { name, points }).collect())
    }
}
