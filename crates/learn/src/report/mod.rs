//! A page for people: one HTML file that needs nothing else.
//!
//! Style sheet and figures are inside the file, every text is escaped, and the page forbids itself
//! to load anything, so it opens the same from a disk, a mail or a server. It follows the reader's
//! light or dark setting.

use std::fmt::Write;
use std::path::Path;

use crate::error::LearnError;
use crate::plot::{LinePlot, line_plot};
use crate::run_folder::write_text;

const STYLE: &str = include_str!("style.css");

/// A page under construction.
///
/// # Example
/// ```
/// use resolvent_learn::report::{Report, Table};
///
/// let mut report = Report::new("Quickstart");
/// report.paragraph("Bits per byte on held-out files; lower is better.");
/// report.table(
///     Table::new("The same bytes for every row.", ["model", "bits per byte"])
///         .row(["order-3 n-gram", "3.12"])
///         .row(["Mamba-2", "2.41"]),
/// );
/// let page = report.to_html();
/// assert!(page.contains("<td class=\"number\">2.41</td>"));
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    title: String,
    /// HTML, in which every text has been escaped.
    body: String,
}

/// A table of a report.
#[derive(Debug, Clone)]
pub struct Table {
    caption: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows; an empty caption is left out.
    pub fn new<S: Into<String>>(
        caption: impl Into<String>,
        columns: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            caption: caption.into(),
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells stay empty, surplus ones are shown without a heading.
    pub fn row<S: Into<String>>(mut self, cells: impl IntoIterator<Item = S>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Whether every filled cell of a column begins like a number.
    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(column))
            .filter(|cell| !cell.is_empty())
            .peekable();
        cells.peek().is_some()
            && cells.all(|cell| {
                let digits = cell.trim_start_matches(['+', '-', '\u{2212}', '~', ' ']);
                digits.starts_with(|letter: char| letter.is_ascii_digit())
            })
    }
}

impl Report {
    /// An empty page.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            body: String::new(),
        }
    }

    /// Adds a section heading.
    pub fn heading(&mut self, text: &str) -> &mut Self {
        self.element("h2", text)
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.element("p", text)
    }

    /// Adds text as it is, line by line, in a typewriter font: a command, a generated sample.
    pub fn verbatim(&mut self, text: &str) -> &mut Self {
        self.element("pre", text)
    }

    /// Adds a table; columns of numbers are set flush right.
    pub fn table(&mut self, table: Table) -> &mut Self {
        let width = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = width.max(table.columns.len());
        let numeric: Vec<bool> = (0..width).map(|column| table.is_numeric(column)).collect();
        self.body.push_str("<div class=\"wide\"><table>");
        if !table.caption.is_empty() {
            self.element("caption", &table.caption);
        }
        self.body.push_str("<thead>");
        self.cells("th", &table.columns, &numeric);
        self.body.push_str("</thead>\n<tbody>\n");
        for row in &table.rows {
            self.cells("td", row, &numeric);
        }
        self.body.push_str("</tbody></table></div>\n");
        self
    }

    /// Draws a plot into the page; an empty caption is left out.
    ///
    /// # Errors
    /// As [`line_plot`].
    pub fn figure(&mut self, plot: &LinePlot, caption: &str) -> Result<&mut Self, LearnError> {
        let svg = line_plot(plot)?;
        Ok(self.drawing(&svg, caption))
    }

    /// Puts an SVG element of [`plot`](crate::plot) into the page; an empty caption is left out.
    pub fn drawing(&mut self, svg: &str, caption: &str) -> &mut Self {
        self.body.push_str("<figure>");
        self.body.push_str(svg);
        if !caption.is_empty() {
            self.element("figcaption", caption);
        }
        self.body.push_str("</figure>\n");
        self
    }

    /// The page.
    pub fn to_html(&self) -> String {
        let title = escape(&self.title);
        // The policy keeps the page self-contained even if a text were ever to slip through.
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n{}</main>\n</body>\n</html>\n",
            self.body
        )
    }

    /// Writes the page, whole or not at all.
    ///
    /// # Errors
    /// [`LearnError::Format`].
    pub fn write(&self, path: &Path) -> Result<(), LearnError> {
        write_text(path, &self.to_html())
    }

    fn element(&mut self, tag: &str, text: &str) -> &mut Self {
        let text = escape(text);
        writeln!(self.body, "<{tag}>{text}</{tag}>").expect("writing to a String cannot fail");
        self
    }

    fn cells(&mut self, tag: &str, cells: &[String], numeric: &[bool]) {
        self.body.push_str("<tr>");
        for (column, is_numeric) in numeric.iter().enumerate() {
            let class = if *is_numeric { " class=\"number\"" } else { "" };
            let text = escape(cells.get(column).map_or("", String::as_str));
            write!(self.body, "<{tag}{class}>{text}</{tag}>")
                .expect("writing to a String cannot fail");
        }
        self.body.push_str("</tr>\n");
    }
}

/// Text as HTML: the five special characters escaped, control characters but line ends and tabs
/// shown as the replacement character, because a page must not contain them.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            letter => escaped.push(letter),
        }
    }
    escaped
}
