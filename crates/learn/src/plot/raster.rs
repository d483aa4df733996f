//! SVG to PNG.

use std::path::Path;

use resolvent_formats::write_atomic;
use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::{HEIGHT, WIDTH};
use crate::error::LearnError;
use crate::run_folder::write_text;

/// The most pixels along one side.
const LARGEST: f32 = 16_384.0;

/// DejaVu Sans, so that text looks the same on every machine and on those without fonts.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// Renders the SVG of a plot as PNG, `scale` pixels for each of its own units (2 for sharp screens).
///
/// # Errors
/// [`LearnError::Plot`] for text that is no SVG, or a scale that gives no picture of at most 16,384
/// pixels a side.
///
/// # Example
/// ```
/// use resolvent_learn::plot::{LinePlot, Series, line_plot, png};
///
/// let plot = LinePlot {
///     title: "Demand".into(),
///     series: vec![Series::new("truth", vec![(0.0, 1.0), (1.0, 2.0)])],
///     ..LinePlot::default()
/// };
/// let bytes = png(&line_plot(&plot)?, 2.0)?;
/// assert!(bytes.starts_with(b"\x89PNG"));
/// # Ok::<(), resolvent_learn::LearnError>(())
/// ```
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, LearnError> {
    let failed = |problem: String| LearnError::Plot {
        title: "picture".to_owned(),
        problem,
    };
    let options = Options {
        font_family: "DejaVu Sans".to_owned(),
        fontdb: FONTS.clone(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| failed(error.to_string()))?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let pixels = |side: f32| {
        (1.0..=LARGEST)
            .contains(&side)
            .then_some(side.ceil() as u32)
    };
    let picture = pixels(width).zip(pixels(height));
    let mut picture = picture
        .and_then(|(width, height)| Pixmap::new(width, height))
        .ok_or_else(|| {
            failed(format!(
                "a scale of {scale} makes {width} x {height} pixels; plots of {WIDTH} x {HEIGHT} take scales near 2"
            ))
        })?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut picture.as_mut(),
    );
    picture
        .encode_png()
        .map_err(|error| failed(error.to_string()))
}

/// Pixels of a written PNG per unit of the plot.
const SHARPNESS: f32 = 2.0;

/// Writes a drawing as `NAME.svg` and `NAME.png`, each atomically.
///
/// # Errors
/// As [`png`]; a file that cannot be written.
pub fn write_picture(folder: &Path, name: &str, svg: &str) -> Result<(), LearnError> {
    write_text(&folder.join(format!("{name}.svg")), svg)?;
    let bytes = png(svg, SHARPNESS)?;
    let path = folder.join(format!("{name}.png"));
    Ok(write_atomic(&path, |file| file.write_all(&bytes))?)
}
