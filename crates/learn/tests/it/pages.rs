//! Plots and reports: well formed, self-contained, escaped.

use resolvent_learn::plot::{LinePlot, ReferenceLine, Series, line_plot};
use resolvent_learn::report::{Report, Table};

const HOSTILE: &str = "<script>alert('x')</script> & \"quotes\" \u{1}";

fn plot() -> LinePlot {
    let curve = |scale: f64| {
        (1..=400)
            .map(|step| {
                let x = f64::from(step);
                (x, 2.0 + scale * (-x / 80.0).exp() + 0.05 * (x * 1.3).sin())
            })
            .collect()
    };
    LinePlot {
        title: "Bits per byte while training".into(),
        x_label: "step".into(),
        y_label: "bits per byte".into(),
        series: vec![
            Series::new("Mamba-2, training", curve(6.0)),
            Series::new(
                "Mamba-2, held-out",
                vec![(0.0, 8.0), (100.0, 4.1), (400.0, 2.1)],
            ),
        ],
        reference_lines: vec![ReferenceLine {
            name: "order-3 n-gram".into(),
            y: 3.4,
        }],
        ..LinePlot::default()
    }
}

#[test]
fn plot_when_drawn_has_every_label_and_no_foreign_reference() {
    let svg = line_plot(&plot()).unwrap();
    for text in [
        "step",
        "bits per byte",
        "Mamba-2, held-out",
        "order-3 n-gram",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(!svg.contains("href") && !svg.contains("NaN") && !svg.contains("url("));
    assert!(svg.len() < 100_000, "{} bytes", svg.len());
}

#[test]
fn plot_when_a_scatter_joins_nothing_and_leaves_nothing_out() {
    // Over the same region for any count of thousands: grid lines are polylines too.
    let cloud = |count: u32, form: fn(&str, Vec<(f64, f64)>) -> Series| {
        let place = |k: u32| (f64::from(k * k % 977), f64::from(k * 7 % 311));
        let plot = LinePlot {
            title: "Eigenvalues".into(),
            series: vec![form("eigenvalues", (0..count).map(place).collect())],
            ..LinePlot::default()
        };
        line_plot(&plot).unwrap()
    };
    // One more in the legend.
    let points = cloud(3000, |name, points| Series::scatter(name, points));
    assert_eq!(points.matches("<circle").count(), 3001);
    let lines = |svg: &str| svg.matches("<polyline").count();
    let joined = cloud(3000, |name, points| Series::new(name, points));
    assert!(lines(&points) < lines(&joined));
    let fewer = cloud(2000, |name, points| Series::scatter(name, points));
    assert_eq!(lines(&points), lines(&fewer));
}

#[test]
fn plot_when_a_line_has_a_million_points_stays_small() {
    let points = (0..1_000_000)
        .map(|at| (f64::from(at), f64::from(at % 977)))
        .collect();
    let plot = LinePlot {
        series: vec![Series::new("saw", points)],
        ..LinePlot::default()
    };
    let svg = line_plot(&plot).unwrap();
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
    assert!(svg.contains("\n1M\n"));
}

#[test]
fn plot_when_it_cannot_be_drawn_says_why() {
    let refusal = |change: fn(&mut LinePlot)| {
        let mut plot = plot();
        change(&mut plot);
        line_plot(&plot).unwrap_err().to_string()
    };
    assert!(refusal(|plot| plot.series.clear()).contains("no points"));
    assert!(refusal(|plot| plot.series[0].points[3].1 = f64::NAN).contains("not finite"));
    assert!(refusal(|plot| plot.reference_lines[0].y = f64::INFINITY).contains("not finite"));
    assert!(refusal(|plot| plot.log_x = true).contains("above 0"));
}

#[test]
fn plot_when_values_are_odd_is_still_drawn() {
    for points in [
        vec![(0.0, 0.0)],
        vec![(5.0, -3.0), (5.0, -3.0)],
        vec![(1e-300, 1e300), (1.0, -1e300)],
        vec![(f64::MIN, f64::MAX), (f64::MAX, f64::MIN)],
    ] {
        let mut plot = LinePlot {
            series: vec![Series::new("odd", points.clone())],
            ..LinePlot::default()
        };
        line_plot(&plot).unwrap();
        let positive = points.iter().all(|(x, y)| *x > 0.0 && *y > 0.0);
        (plot.log_x, plot.log_y) = (positive, positive);
        line_plot(&plot).unwrap();
    }
}

#[test]
fn report_when_texts_are_hostile_escapes_all_of_them() {
    let mut report = Report::new(HOSTILE);
    report.heading(HOSTILE).paragraph(HOSTILE).verbatim(HOSTILE);
    report.table(Table::new(HOSTILE, [HOSTILE]).row([HOSTILE, HOSTILE]));
    let mut plot = plot();
    plot.title = HOSTILE.into();
    plot.x_label = HOSTILE.into();
    plot.series[0].name = HOSTILE.into();
    report.figure(&plot, HOSTILE).unwrap();
    let page = report.to_html();
    assert!(!page.contains("<script"));
    assert!(!page.contains('\u{1}'));
    assert!(page.matches("&lt;script&gt;").count() >= 9);
    assert!(!page.contains("http://") || !page.contains("src="));
}

#[test]
fn report_when_written_is_one_file_with_aligned_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let mut report = Report::new("Run");
    report.table(
        Table::new("", ["model", "bits per byte"])
            .row(["order-0", "4.61"])
            .row(["ours", "2.10 \u{b1} 0.02"]),
    );
    report.write(&path).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert_eq!(page, report.to_html());
    assert!(page.contains("<td>ours</td><td class=\"number\">2.10 \u{b1} 0.02</td>"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
