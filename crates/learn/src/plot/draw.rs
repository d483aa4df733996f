//! Drawing with plotters' SVG backend.

use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ticks::Axis;
use super::{Form, HEIGHT, LinePlot, Series, WIDTH, error};
use crate::error::LearnError;

/// Okabe & Ito's colours without the yellow, which is too pale on white.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
];
/// Text; the report's style sheet overrides it in the dark.
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Grid and axes, likewise.
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
const AXIS: RGBColor = RGBColor(0x88, 0x88, 0x88);
/// Reference lines, likewise.
const REFERENCE: RGBColor = RGBColor(0x66, 0x66, 0x66);

/// plotters gives SVG a font of size / 1.24.
const FONT_SCALE: f64 = 1.24;
const TITLE_SIZE: f64 = 18.0;
const TEXT_SIZE: f64 = 14.0;

const MARGIN: i32 = 14;
const LEGEND_LINE: i32 = 22;
const SAMPLE: i32 = 26;
const MARKED_POINTS: usize = 40;
/// Radius of a dot.
const DOT: i32 = 4;
const LARGEST_SERIES: usize = 2000;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// How an entry of the legend is drawn.
#[derive(Clone, Copy)]
struct Stroke {
    colour: RGBColor,
    dashed: bool,
    form: Form,
}

/// Draws a checked plot.
pub(super) fn svg(plot: &LinePlot) -> Result<String, LearnError> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
        draw(plot, &root).map_err(|problem| error(plot, &problem))?;
    }
    Ok(with_title(text, &plot.title))
}

fn draw(plot: &LinePlot, root: &Area<'_>) -> Result<(), String> {
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    let title = style(TITLE_SIZE).pos(Pos::new(HPos::Left, VPos::Top));
    root.draw_text(&clean(&plot.title), &title, (MARGIN, MARGIN))
        .map_err(|error| error.to_string())?;
    let top = MARGIN + TITLE_SIZE as i32 + 12;
    let bottom_of_legend = legend(plot, root, top)?;
    let (_, below) = root.split_vertically(bottom_of_legend);
    chart(plot, &below)
}

/// Draws the legend from `top` on, over as many lines as it takes, and returns its lower end.
fn legend(plot: &LinePlot, root: &Area<'_>, top: i32) -> Result<i32, String> {
    let names = plot.series.iter().map(|series| &series.name);
    let lines = names
        .enumerate()
        .map(|(index, name)| (name, series_stroke(index, plot.series[index].form)))
        .chain(
            plot.reference_lines
                .iter()
                .map(|line| (&line.name, REFERENCE_STROKE)),
        );
    let text = style(TEXT_SIZE).pos(Pos::new(HPos::Left, VPos::Center));
    let (mut x, mut y) = (MARGIN, top + LEGEND_LINE / 2);
    for (name, stroke) in lines {
        let name = clean(name);
        let width = SAMPLE + 8 + text_width(&name) + 22;
        if x > MARGIN && x + width > WIDTH as i32 - MARGIN {
            x = MARGIN;
            y += LEGEND_LINE;
        }
        sample(root, stroke, (x, y))?;
        root.draw_text(&name, &text, (x + SAMPLE + 8, y))
            .map_err(|error| error.to_string())?;
        x += width;
    }
    Ok(y + LEGEND_LINE / 2 + 4)
}

/// A short piece of the line, as the chart shows it.
fn sample(root: &Area<'_>, stroke: Stroke, (x, y): (i32, i32)) -> Result<(), String> {
    if stroke.form == Form::Points {
        let dot = Circle::new((x + SAMPLE / 2, y), DOT, stroke.colour.filled());
        return root.draw(&dot).map_err(|error| error.to_string());
    }
    let line = stroke.colour.stroke_width(3);
    let pieces: &[(i32, i32)] = if stroke.dashed {
        &[(0, 7), (10, 17), (20, SAMPLE)]
    } else {
        &[(0, SAMPLE)]
    };
    for (from, to) in pieces {
        let piece = PathElement::new(vec![(x + from, y), (x + to, y)], line);
        root.draw(&piece).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn chart(plot: &LinePlot, area: &Area<'_>) -> Result<(), String> {
    let (x, y) = axes(plot);
    let widest = y.labels.iter().map(|label| text_width(label)).max();
    let mut chart = ChartBuilder::on(area)
        .margin_left(8)
        .margin_right(28)
        .margin_bottom(8)
        .margin_top(6)
        .x_label_area_size(52)
        .y_label_area_size(42 + widest.unwrap_or(0))
        .build_cartesian_2d(x.clone(), y.clone())
        .map_err(|error| error.to_string())?;
    mesh(plot, &mut chart)?;
    for line in &plot.reference_lines {
        let level = y.place(line.y);
        let ends = vec![(x.range.0, level), (x.range.1, level)];
        stroke_line(&mut chart, ends, REFERENCE_STROKE, 2)?;
    }
    for (index, series) in plot.series.iter().enumerate() {
        draw_series(
            &mut chart,
            series,
            series_stroke(index, series.form),
            &x,
            &y,
        )?;
    }
    Ok(())
}

fn axes(plot: &LinePlot) -> (Axis, Axis) {
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let levels = plot.reference_lines.iter().map(|line| line.y);
    (
        Axis::new(points().map(|(x, _)| *x), plot.log_x, 8),
        Axis::new(points().map(|(_, y)| *y).chain(levels), plot.log_y, 6),
    )
}

fn mesh(plot: &LinePlot, chart: &mut Chart<'_, '_>) -> Result<(), String> {
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .label_style(style(TEXT_SIZE))
        .axis_desc_style(style(TEXT_SIZE + 1.0))
        .x_desc(clean(&plot.x_label))
        .y_desc(clean(&plot.y_label))
        .draw()
        .map_err(|error| error.to_string())
}

fn draw_series(
    chart: &mut Chart<'_, '_>,
    series: &Series,
    stroke: Stroke,
    x: &Axis,
    y: &Axis,
) -> Result<(), String> {
    let shown = match stroke.form {
        Form::Line => thinned(&series.points),
        Form::Points => series.points.clone(),
    };
    let points: Vec<(f64, f64)> = shown
        .into_iter()
        .map(|(at, value)| (x.place(at), y.place(value)))
        .collect();
    if points.len() <= MARKED_POINTS || stroke.form == Form::Points {
        let dots = points
            .iter()
            .map(|point| Circle::new(*point, DOT, stroke.colour.filled()));
        chart.draw_series(dots).map_err(|error| error.to_string())?;
    }
    if stroke.form == Form::Points {
        return Ok(());
    }
    stroke_line(chart, points, stroke, 2)
}

fn stroke_line(
    chart: &mut Chart<'_, '_>,
    points: Vec<(f64, f64)>,
    stroke: Stroke,
    width: u32,
) -> Result<(), String> {
    let line = stroke.colour.stroke_width(width);
    if stroke.dashed {
        chart
            .draw_series(DashedLineSeries::new(points, 8, 5, line))
            .map_err(|error| error.to_string())?;
    } else {
        chart
            .draw_series(LineSeries::new(points, line))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

const REFERENCE_STROKE: Stroke = Stroke {
    colour: REFERENCE,
    dashed: true,
    form: Form::Line,
};

/// Colours first, then the same colours dashed.
fn series_stroke(index: usize, form: Form) -> Stroke {
    Stroke {
        form,
        colour: COLOURS[index % COLOURS.len()],
        dashed: (index / COLOURS.len()) % 2 == 1,
    }
}

/// Smallest and largest value of equal stretches, in their order, when there are many points.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= LARGEST_SERIES {
        return points.to_vec();
    }
    let stretch = (2 * points.len()).div_ceil(LARGEST_SERIES);
    points
        .chunks(stretch)
        .flat_map(|chunk| {
            let by_value = |left: &&(f64, f64), right: &&(f64, f64)| left.1.total_cmp(&right.1);
            let low = chunk.iter().min_by(by_value);
            let high = chunk.iter().max_by(by_value);
            let mut pair: Vec<(f64, f64)> = low.into_iter().chain(high).copied().collect();
            pair.sort_by(|left, right| left.0.total_cmp(&right.0));
            pair.dedup();
            pair
        })
        .collect()
}

fn style(size: f64) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size * FONT_SCALE).into_font()).color(&INK)
}

/// About how wide a text is in a common sans-serif font, which nobody has asked for its measures.
fn text_width(text: &str) -> i32 {
    let letters = text.chars().map(|letter| match letter {
        'i' | 'j' | 'l' | 'f' | 't' | 'r' | 'I' | ' ' | '.' | ',' | ':' | '-' | '(' | ')' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' => 0.95,
        'A'..='Z' => 0.70,
        // Most scripts beyond Latin have square letters.
        letter if letter > '\u{2e7f}' => 1.0,
        _ => 0.61,
    });
    (letters.sum::<f64>() * TEXT_SIZE).ceil() as i32
}

/// Control characters have no place in XML.
fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// Gives the element a name for screen readers, which is also its tooltip.
fn with_title(svg: String, title: &str) -> String {
    let title = crate::report::escape(&clean(title));
    match svg
        .find("<svg")
        .and_then(|at| Some(at + svg[at..].find('>')?))
    {
        Some(end) => format!(
            "{} role=\"img\"><title>{title}</title>{}",
            &svg[svg.find("<svg").unwrap_or(0)..end],
            &svg[end + 1..]
        ),
        None => svg,
    }
}
