//! Tables of numbers as coloured squares.

use std::fmt::Write;

use crate::error::LearnError;
use crate::report::escape;

/// Rows and columns that are written out with numbers and names; larger tables show colours alone.
const NAMED: usize = 40;
/// Longest name shown, in characters.
const LONGEST: usize = 16;

/// A table of counts, such as a confusion matrix; colours show the share of each row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatMap {
    /// One short line above.
    pub title: String,
    /// What the rows are.
    pub row_label: String,
    /// What the columns are.
    pub column_label: String,
    /// Names of the rows, from the top.
    pub rows: Vec<String>,
    /// Names of the columns, from the left.
    pub columns: Vec<String>,
    /// [row, column]: finite numbers of at least 0.
    pub values: Vec<Vec<f64>>,
}

/// Draws the table as one self-contained SVG element.
///
/// # Errors
/// [`LearnError::Plot`] without rows or columns, for rows of another width, for values that are negative
/// or not finite.
pub fn heat_map(map: &HeatMap) -> Result<String, LearnError> {
    check(map).map_err(|problem| LearnError::Plot {
        title: map.title.clone(),
        problem,
    })?;
    let most = map.rows.len().max(map.columns.len());
    let cell = (560.0 / most as f64).clamp(4.0, 44.0);
    let named = most <= NAMED;
    // Room for the names as far as they go, and for the labels beside and above them.
    let (left, top) = match named {
        true => (
            (24.0 + 8.0 * letters(&map.rows)).max(110.0),
            76.0 + 7.0 * letters(&map.columns),
        ),
        false => (60.0, 80.0),
    };
    let (width, height) = (
        left + cell * map.columns.len() as f64 + 24.0,
        top + cell * map.rows.len() as f64 + 24.0,
    );
    let title = escape(&map.title);
    let mut svg = format!(
        "<svg width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"><title>{title}</title>\
         <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\
         <g font-family=\"sans-serif\" font-size=\"14\" fill=\"#222222\">\
         <text x=\"14\" y=\"26\" font-size=\"18\">{title}</text>\
         <text x=\"{left}\" y=\"52\">{}</text><text x=\"14\" y=\"{:.0}\">{}</text>",
        escape(&map.column_label),
        top - 8.0,
        escape(&map.row_label),
    );
    let mut put = |text: std::fmt::Arguments<'_>| {
        svg.write_fmt(text)
            .expect("writing to a String cannot fail");
    };
    for (row, values) in map.values.iter().enumerate() {
        let y = top + cell * row as f64;
        let sum: f64 = values.iter().sum();
        for (column, value) in values.iter().enumerate() {
            let x = left + cell * column as f64;
            let share = if sum > 0.0 { value / sum } else { 0.0 };
            put(format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\" fill=\"{}\" stroke=\"#DDDDDD\"/>",
                colour(share)
            ));
            if named && *value > 0.0 && cell >= 12.0 {
                let ink = if share > 0.5 { "#FFFFFF" } else { "#222222" };
                let size = (cell * 0.34).clamp(6.0, 13.0);
                put(format_args!(
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size:.1}\" text-anchor=\"middle\" fill=\"{ink}\">{value}</text>",
                    x + cell / 2.0,
                    y + cell / 2.0 + size * 0.36
                ));
            }
        }
    }
    if named {
        let size = cell.clamp(6.0, 13.0);
        for (row, name) in map.rows.iter().enumerate() {
            let y = top + cell * (row as f64 + 0.5) + size * 0.36;
            put(format_args!(
                "<text x=\"{:.1}\" y=\"{y:.1}\" font-size=\"{size:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                short(name)
            ));
        }
        for (column, name) in map.columns.iter().enumerate() {
            let x = left + cell * (column as f64 + 0.5) + size * 0.36;
            let y = top - 6.0;
            put(format_args!(
                "<text transform=\"translate({x:.1} {y:.1}) rotate(-60)\" font-size=\"{size:.1}\">{}</text>",
                short(name)
            ));
        }
    }
    svg.push_str("</g></svg>");
    Ok(svg)
}

fn check(map: &HeatMap) -> Result<(), String> {
    if map.rows.is_empty() || map.columns.is_empty() || map.values.len() != map.rows.len() {
        let (rows, names) = (map.values.len(), map.rows.len());
        return Err(format!("it has {rows} rows and {names} names for them"));
    }
    for (name, row) in map.rows.iter().zip(&map.values) {
        if row.len() != map.columns.len() {
            let (width, expected) = (row.len(), map.columns.len());
            return Err(format!(
                "row `{name}` has {width} values, expected {expected}"
            ));
        }
        if let Some(value) = row
            .iter()
            .find(|value| !(value.is_finite() && **value >= 0.0))
        {
            return Err(format!("row `{name}` holds {value}"));
        }
    }
    Ok(())
}

/// From white to the blue of the line plots.
fn colour(share: f64) -> String {
    let mix = |end: f64| (255.0 + (end - 255.0) * share.clamp(0.0, 1.0)).round() as u8;
    format!("#{:02X}{:02X}{:02X}", mix(0.0), mix(114.0), mix(178.0))
}

/// Characters of the longest name, as far as names are shown.
fn letters(names: &[String]) -> f64 {
    let shown = names.iter().map(|name| name.chars().count());
    shown.max().unwrap_or(0).min(LONGEST + 1) as f64
}

fn short(name: &str) -> String {
    let mut text: String = name.chars().take(LONGEST).collect();
    if text.len() < name.len() {
        text.push('\u{2026}');
    }
    escape(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: Vec<Vec<f64>>) -> HeatMap {
        HeatMap {
            rows: vec!["<a>".into(), "b".into()],
            columns: vec!["<a>".into(), "b".into()],
            values,
            ..HeatMap::default()
        }
    }

    #[test]
    fn map_when_drawn_has_a_cell_per_value_and_escaped_names() {
        let svg = heat_map(&map(vec![vec![3.0, 1.0], vec![0.0, 0.0]])).unwrap();
        assert_eq!(svg.matches("stroke=\"#DDDDDD\"").count(), 4);
        assert!(svg.contains("&lt;a&gt;") && !svg.contains("<a>"));
        assert!(svg.contains(&colour(0.75)) && svg.contains(">3</text>"));
    }

    #[test]
    fn map_when_ragged_or_not_finite_is_refused() {
        for values in [
            vec![],
            vec![vec![1.0], vec![1.0]],
            vec![vec![1.0, f64::NAN], vec![0.0; 2]],
        ] {
            assert!(heat_map(&map(values)).is_err());
        }
    }
}
