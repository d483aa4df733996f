//! Lines and clouds of points as SVG text, for reports and for files.
//!
//! The legend stands between title and chart, so it never covers data. Colours are those of Okabe &
//! Ito (2008), which people with any common colour blindness can tell apart; beyond them lines are
//! dashed. Text stays text: the viewer's sans-serif font is used, none is needed to draw.

mod draw;
mod heat;
mod raster;
mod ticks;

pub use heat::{HeatMap, heat_map};
pub use raster::{png, write_picture};

use crate::error::LearnError;

/// Width of a plot in its own units, which are CSS pixels at natural size.
pub const WIDTH: u32 = 820;
/// Height of a plot in the same units.
pub const HEIGHT: u32 = 460;

/// A plot with one or several series over common axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinePlot {
    /// One short line above the plot.
    pub title: String,
    /// What the horizontal axis shows, with its unit.
    pub x_label: String,
    /// What the vertical axis shows, with its unit.
    pub y_label: String,
    /// The lines and clouds.
    pub series: Vec<Series>,
    /// Logarithmic horizontal axis; every x must then be above 0.
    pub log_x: bool,
    /// Logarithmic vertical axis; every y must then be above 0.
    pub log_y: bool,
    /// Horizontal dashed lines, such as the value of a baseline.
    pub reference_lines: Vec<ReferenceLine>,
}

/// One line or one cloud of points of a plot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Points, of a line in the order in which they are joined.
    pub points: Vec<(f64, f64)>,
    /// How the points are shown.
    pub form: Form,
}

/// How the points of a series are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Joined by a line; up to 40 are marked by dots.
    #[default]
    Line,
    /// Dots that nothing joins: a scatter, such as eigenvalues in the complex plane.
    Points,
}

impl Series {
    /// A named line.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
            form: Form::Line,
        }
    }

    /// A named cloud of points; none is left out, however many there are.
    pub fn scatter(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            form: Form::Points,
            ..Self::new(name, points)
        }
    }
}

/// A horizontal line across the plot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferenceLine {
    /// Its name in the legend.
    pub name: String,
    /// Where it crosses the vertical axis.
    pub y: f64,
}

/// Draws a plot as one self-contained SVG element.
///
/// Lines of more than 2000 points are thinned to the smallest and largest value of equal stretches,
/// which looks the same.
///
/// # Errors
/// [`LearnError::Plot`] without any point, for values that are not finite, and for values that a
/// logarithmic axis cannot show.
///
/// # Example
/// ```
/// use resolvent_learn::plot::{LinePlot, Series, line_plot};
///
/// let plot = LinePlot {
///     title: "Training loss".into(),
///     x_label: "step".into(),
///     y_label: "nats per token".into(),
///     series: vec![Series::new("loss", vec![(1.0, 5.5), (2.0, 4.0), (3.0, 3.5)])],
///     ..LinePlot::default()
/// };
/// let svg = line_plot(&plot)?;
/// assert!(svg.starts_with("<svg"));
/// # Ok::<(), resolvent_learn::LearnError>(())
/// ```
pub fn line_plot(plot: &LinePlot) -> Result<String, LearnError> {
    check(plot)?;
    draw::svg(plot)
}

fn check(plot: &LinePlot) -> Result<(), LearnError> {
    if plot.series.iter().all(|series| series.points.is_empty()) {
        return Err(error(plot, "it has no points"));
    }
    let points = plot.series.iter().flat_map(|series| {
        let name = series.name.as_str();
        series.points.iter().map(move |(x, y)| (name, Some(*x), *y))
    });
    let lines = plot
        .reference_lines
        .iter()
        .map(|line| (line.name.as_str(), None, line.y));
    for (name, x, y) in points.chain(lines) {
        let finite = x.is_none_or(f64::is_finite) && y.is_finite();
        if !finite {
            return Err(error(
                plot,
                &format!("`{name}` has a point that is not finite: ({x:?}, {y})"),
            ));
        }
        if plot.log_x && x.is_some_and(|x| x <= 0.0) || plot.log_y && y <= 0.0 {
            return Err(error(
                plot,
                &format!(
                    "`{name}` has the point ({x:?}, {y}), but a logarithmic axis needs values above 0"
                ),
            ));
        }
    }
    Ok(())
}

fn error(plot: &LinePlot, problem: &str) -> LearnError {
    LearnError::Plot {
        title: plot.title.clone(),
        problem: problem.to_owned(),
    }
}
