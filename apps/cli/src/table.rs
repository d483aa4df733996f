//! Small aligned tables for the terminal.

use std::fmt::Write;

/// Lays out rows in columns: the first flush left, numbers flush right.
pub fn aligned(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = header.len();
    let cell = |row: &'_ [String], column: usize| row.get(column).cloned().unwrap_or_default();
    let header: Vec<String> = header.iter().map(|text| (*text).to_owned()).collect();
    let numeric: Vec<bool> = (0..width)
        .map(|column| {
            let cells = rows.iter().map(|row| cell(row, column));
            cells.filter(|text| !text.is_empty()).all(|text| {
                text.trim_start_matches(['-', '+'])
                    .starts_with(|c: char| c.is_ascii_digit())
            })
        })
        .collect();
    let widths: Vec<usize> = (0..width)
        .map(|column| {
            let cells = rows.iter().chain([&header]).map(|row| cell(row, column));
            cells.map(|text| text.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let has_header = header.iter().any(|name| !name.is_empty());
    for row in has_header.then_some(&header).into_iter().chain(rows) {
        let mut line = String::from(" ");
        for column in 0..width {
            let (cell, width) = (cell(row, column), widths[column]);
            let written = match numeric[column] && column > 0 {
                true => write!(line, " {cell:>width$} "),
                false => write!(line, " {cell:<width$} "),
            };
            written.expect("writing to a String cannot fail");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Digits in groups of three: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_numbers_when_laid_out_are_flush_right() {
        let rows = [["mamba2", "2.214"], ["order-0 n-gram", "14.5"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let text = aligned(&["", "bits per byte"], &rows);
        let expected = concat!(
            "                  bits per byte\n",
            "  mamba2                  2.214\n",
            "  order-0 n-gram           14.5\n",
        );
        assert_eq!(text, expected);
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
