//! `resolvent inspect --matrix`: a state matrix by name, in numbers and pictures.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_formats::{write_atomic, write_json_atomic};
use resolvent_learn::plot::{LinePlot, Series, line_plot};
use resolvent_learn::report::{Report, Table};
use resolvent_structure::discretise::Rule;
use resolvent_structure::inspection::{Inspection, InspectionOptions};
use resolvent_structure::{Complex64, MatrixSpec, StructureError};
use serde_json::{Value, json};

use super::{print_json, print_line};
use crate::args::{Inspect, SamplingRule};
use crate::error::CliError;
use crate::table::aligned;

/// Shows eigenvalues, stability, reach and kernels of the matrix `name`.
pub fn run(name: &str, options: &Inspect) -> Result<(), CliError> {
    let wrong = |source: StructureError| CliError::Matrix {
        spec: name.to_owned(),
        source,
    };
    let spec: MatrixSpec = name.parse().map_err(wrong)?;
    let asked = InspectionOptions {
        rule: match options.rule {
            SamplingRule::Zoh => Rule::ZeroOrderHold,
            SamplingRule::Bilinear => Rule::Bilinear,
        },
        step_size: options.step,
        length: options.length.unwrap_or(400),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let found = spec.inspect(&asked, &mut rng).map_err(wrong)?;
    let sampling = match (spec.is_discrete(), options.rule) {
        (true, _) => "none: the matrix is discrete as it is".to_owned(),
        (false, SamplingRule::Zoh) => format!("zero-order hold, step size {}", options.step),
        (false, SamplingRule::Bilinear) => format!("bilinear, step size {}", options.step),
    };
    let shown = Shown {
        name: spec.to_string(),
        sampling,
        found: &found,
    };
    if let Some(folder) = &options.out {
        shown.write(folder)?;
    }
    match options.json {
        true => print_json(&shown.document()),
        false => print_line(&shown.text(options.out.as_deref())),
    }
}

/// An inspection with its heading.
struct Shown<'a> {
    name: String,
    sampling: String,
    found: &'a Inspection,
}

/// A number that may lie anywhere between tiny and huge.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1e-3..1e5 => format!("{value:.6}"),
        _ => format!("{value:.4e}"),
    }
}

impl Shown<'_> {
    /// Name and value of everything that is one number.
    fn figures(&self) -> Vec<[String; 2]> {
        let it = self.found;
        let or = |value: Option<f64>, why: &str| value.map_or(why.to_owned(), number);
        let row = |name: &str, value: String| [name.to_owned(), value];
        let mut rows = vec![
            row("state", it.eigenvalues.len().to_string()),
            row("sampling", self.sampling.clone()),
            row("stable", if it.is_stable { "yes" } else { "no" }.to_owned()),
            row("spectral abscissa", number(it.spectral_abscissa)),
            row(
                "spectral radius of the discrete matrix",
                number(it.spectral_radius),
            ),
            row("normal", if it.is_normal { "yes" } else { "no" }.to_owned()),
            row(
                "condition of the eigenvectors",
                or(
                    it.eigenvector_condition,
                    "none: they cannot be told apart in double precision",
                ),
            ),
            row(
                "distance to instability",
                or(
                    it.distance_to_instability,
                    "none: not stable, discrete, or a state above 96",
                ),
            ),
        ];
        match &it.reach {
            None => rows.push(row("controllability", "none: not stable".to_owned())),
            Some(reach) => rows.extend([
                row("directions that the input reaches", reach.rank.to_string()),
                row(
                    "largest energy of the Gramian",
                    number(reach.largest_energy),
                ),
                row(
                    "smallest energy of the Gramian",
                    number(reach.smallest_energy),
                ),
                row("condition of the Gramian", number(reach.condition)),
            ]),
        }
        rows
    }

    fn text(&self, folder: Option<&Path>) -> String {
        const SHOWN: usize = 8;
        let rows: Vec<Vec<String>> = self.figures().into_iter().map(Vec::from).collect();
        let eigenvalue = |z: &Complex64| vec![String::new(), number(z.re), number(z.im)];
        let mut values: Vec<Complex64> = self.found.eigenvalues.clone();
        values.sort_by(|a, b| {
            b.re.total_cmp(&a.re)
                .then(a.im.abs().total_cmp(&b.im.abs()))
        });
        let first: Vec<Vec<String>> = values.iter().take(SHOWN).map(eigenvalue).collect();
        let more = values.len().saturating_sub(SHOWN);
        let heading = match more {
            0 => "eigenvalues".to_owned(),
            _ => format!("eigenvalues ({more} more with --json)"),
        };
        let written = folder.map_or(String::new(), |folder| {
            format!("\nwrote {}", folder.join("report.html").display())
        });
        format!(
            "{}\n{}{written}",
            aligned(&[&self.name, ""], &rows),
            aligned(&[&heading, "real", "imaginary"], &first).trim_end(),
        )
    }

    fn document(&self) -> Value {
        let it = self.found;
        let plane = |values: &[Complex64]| -> Vec<[f64; 2]> {
            values.iter().map(|z| [z.re, z.im]).collect()
        };
        let elements: Vec<Value> = it
            .element_kernels
            .iter()
            .map(|(index, kernel)| json!({ "index": index, "kernel": kernel }))
            .collect();
        let reach = it.reach.as_ref().map(|reach| {
            json!({
                "rank": reach.rank,
                "largest_energy": reach.largest_energy,
                "smallest_energy": reach.smallest_energy,
                // JSON has no infinity.
                "condition": reach.condition.is_finite().then_some(reach.condition),
            })
        });
        json!({
            "matrix": self.name,
            "sampling": self.sampling,
            "eigenvalues": plane(&it.eigenvalues),
            "discrete_eigenvalues": plane(&it.discrete_eigenvalues),
            "is_stable": it.is_stable,
            "is_normal": it.is_normal,
            "spectral_abscissa": it.spectral_abscissa,
            "spectral_radius": it.spectral_radius,
            "eigenvector_condition": it.eigenvector_condition,
            "distance_to_instability": it.distance_to_instability,
            "controllability": reach,
            "times": it.times,
            "impulse_response": it.impulse_response,
            "kernel": it.kernel,
            "element_kernels": elements,
        })
    }

    /// File names, captions and plots.
    fn plots(&self) -> [(&'static str, &'static str, LinePlot); 4] {
        [
            (
                "eigenvalues.svg",
                "Eigenvalues of the matrix itself.",
                self.plane("Eigenvalues", &self.found.eigenvalues, false),
            ),
            (
                "discrete_eigenvalues.svg",
                "Eigenvalues of the matrix that a recurrence applies; stable inside the unit circle.",
                self.plane(
                    "Eigenvalues of the discrete matrix",
                    &self.found.discrete_eigenvalues,
                    true,
                ),
            ),
            (
                "impulse.svg",
                "What the sum of the state does after one impulse.",
                self.impulse(),
            ),
            (
                "kernels.svg",
                "The kernels of the first state elements, as the recurrence computes them.",
                self.elements(),
            ),
        ]
    }

    fn plane(&self, what: &str, values: &[Complex64], circle: bool) -> LinePlot {
        let points = values.iter().map(|z| (z.re, z.im)).collect();
        let mut series = vec![Series::scatter("eigenvalues", points)];
        if circle {
            let turn = |k: usize| (std::f64::consts::TAU * k as f64 / 200.0).sin_cos();
            let ring = (0..=200).map(|k| (turn(k).1, turn(k).0)).collect();
            series.push(Series::new("unit circle", ring));
        }
        LinePlot {
            title: format!("{what}: {}", self.name),
            x_label: "real part".to_owned(),
            y_label: "imaginary part".to_owned(),
            series,
            ..LinePlot::default()
        }
    }

    fn impulse(&self) -> LinePlot {
        let it = self.found;
        let line = |values: &[f64], scale: f64| -> Vec<(f64, f64)> {
            let values = values.iter().map(|value| value / scale);
            it.times.iter().copied().zip(values).collect()
        };
        // A kernel holds the impulse response times the step size.
        let (step, name) = match it.times.get(1) {
            Some(step) if it.impulse_response.is_some() => (*step, "kernel / step size"),
            _ => (1.0, "kernel"),
        };
        let continuous = it.impulse_response.as_ref();
        let mut series: Vec<Series> = continuous
            .map(|values| Series::new("C exp(t A) B", line(values, 1.0)))
            .into_iter()
            .collect();
        series.push(Series::new(name, line(&it.kernel, step)));
        self.over_time("Impulse response", "output", series)
    }

    fn elements(&self) -> LinePlot {
        let it = self.found;
        let line = |(index, kernel): &(usize, Vec<f64>)| {
            let points = it.times.iter().copied().zip(kernel.iter().copied());
            Series::new(format!("element {index}"), points.collect())
        };
        let series = it.element_kernels.iter().map(line).collect();
        self.over_time("Kernels of state elements", "state", series)
    }

    fn over_time(&self, what: &str, axis: &str, series: Vec<Series>) -> LinePlot {
        let x_label = match self.found.impulse_response {
            Some(_) => "time (the matrix's unit)",
            None => "lag (steps)",
        };
        LinePlot {
            title: format!("{what}: {}", self.name),
            x_label: x_label.to_owned(),
            y_label: axis.to_owned(),
            series,
            ..LinePlot::default()
        }
    }

    fn write(&self, folder: &Path) -> Result<(), CliError> {
        std::fs::create_dir_all(folder).map_err(|source| CliError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let mut page = Report::new(format!("State matrix {}", self.name));
        let mut table = Table::new("", ["", "value"]);
        for row in self.figures() {
            table = table.row(row);
        }
        page.table(table);
        for (file, caption, plot) in self.plots() {
            let svg = line_plot(&plot)?;
            write_atomic(&folder.join(file), |out| out.write_all(svg.as_bytes()))?;
            page.figure(&plot, caption)?;
        }
        write_json_atomic(&folder.join("inspection.json"), &self.document())?;
        page.write(&folder.join("report.html"))?;
        Ok(())
    }
}
