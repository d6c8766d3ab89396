//! Jobs and workers over time, as a picture.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

/// What a plot shows of a policy or a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// In the order of time.
    pub points: Vec<Point>,
}

/// The queue and the workers at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds since the start.
    pub time: f64,
    /// Jobs that wait.
    pub waiting: f64,
    /// Workers, those that boot included.
    pub workers: f64,
}

const SIZE: (u32, u32) = (960, 600);
/// As in drawings of graphs: they can be told from each other, also by those who see no red or green.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x25, 0x63, 0xa8),
    RGBColor(0xb4, 0x53, 0x0a),
    RGBColor(0x0f, 0x76, 0x6e),
    RGBColor(0x8b, 0x3a, 0x8f),
    RGBColor(0x5d, 0x6d, 0x1e),
    RGBColor(0x6b, 0x5b, 0x4b),
];
/// More than this cannot be told from each other in the width of a plot.
const POINTS: usize = 800;

/// An SVG with two charts: jobs that wait above, workers below.
///
/// ```
/// use msgflo_guv::plot::{Point, Series, svg};
///
/// let points = vec![
///     Point { time: 0.0, waiting: 12.0, workers: 0.0 },
///     Point { time: 10.0, waiting: 4.0, workers: 3.0 },
/// ];
/// let picture = svg("A burst", &[Series { name: "resize".into(), points }]);
/// assert!(picture.starts_with("<svg") && picture.contains("A burst"));
/// ```
pub fn svg(title: &str, series: &[Series]) -> String {
    let mut svg = String::new();
    // Nothing of it can fail: it is written to a string.
    let _ = draw(&mut svg, title, series);
    svg
}

type Value = fn(&Point) -> f64;
type Outcome = Result<(), Box<dyn std::error::Error>>;

fn draw(svg: &mut String, title: &str, series: &[Series]) -> Outcome {
    let series: Vec<Series> = series.iter().map(thinned).collect();
    let points = || series.iter().flat_map(|series| &series.points);
    let end = points().map(|point| point.time).fold(1.0, f64::max);
    let (unit, seconds) = match end {
        ..600.0 => ("seconds", 1.0),
        600.0..14_400.0 => ("minutes", 60.0),
        _ => ("hours", 3_600.0),
    };
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let area = area.titled(title, ("sans-serif", 20))?;
    let (above, below) = area.split_vertically(SIZE.1 / 2 - 20);
    let (waiting, workers): (Value, Value) = (|point| point.waiting, |point| point.workers);
    let charts = [(above, "jobs waiting", waiting), (below, "workers", workers)];
    for (index, (area, name, value)) in charts.into_iter().enumerate() {
        let most = points().map(value).fold(1.0, f64::max) * 1.05;
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..end / seconds, 0.0..most)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(0xe2, 0xe8, 0xf0))
            .x_desc(unit)
            .y_desc(name)
            // Jobs and workers are whole.
            .y_labels((most as usize + 1).clamp(2, 10))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .x_label_formatter(&|time| format!("{time:.0}"))
            .draw()?;
        for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
            let line = steps(&series.points, value).map(|(time, value)| (time / seconds, value));
            let label = chart.draw_series(LineSeries::new(line, colour.stroke_width(1)))?;
            label
                .label(series.name.clone())
                .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        if index == 0 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.8))
                .border_style(RGBColor(0xcb, 0xd5, 0xe1))
                .draw()?;
        }
    }
    area.present()?;
    Ok(())
}

/// Numbers of jobs and workers stay what they are until the next point.
fn steps(points: &[Point], value: Value) -> impl Iterator<Item = (f64, f64)> {
    let next = points.iter().skip(1).map(|point| point.time);
    let last = points.last().map(|point| point.time);
    points
        .iter()
        .zip(next.chain(last))
        .flat_map(move |(point, next)| [(point.time, value(point)), (next, value(point))])
}

/// With the highest of several points that would be drawn in one place.
fn thinned(series: &Series) -> Series {
    let each = series.points.len().div_ceil(POINTS).max(1);
    let points = series.points.chunks(each).map(|points| Point {
        time: points[0].time,
        waiting: points.iter().map(|point| point.waiting).fold(0.0, f64::max),
        workers: points.iter().map(|point| point.workers).fold(0.0, f64::max),
    });
    Series { name: series.name.clone(), points: points.collect() }
}
