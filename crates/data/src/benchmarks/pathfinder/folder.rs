//! The published folder of images: written as a stream, read by the loaders' rules.
//!
//! ```text
//! SET/imgs/0/sample_0.png ...      1,000 images a folder, 8-bit grey
//! SET/metadata/0.npy               text in spite of its name: one line an image, columns by spaces
//! ```

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{CHUNK, Pathfinder, PathfinderSample};
use crate::error::DataError;
use crate::images::GreyImages;

/// The folder of the hard sets.
const SET: &str = "curv_contour_length_14";
/// Images of one folder and one metadata file.
const PER_FOLDER: u64 = 1000;
/// The longest metadata file accepted, in bytes.
const MAX_METADATA_BYTES: u64 = 1 << 28;
/// The longest image file accepted, in bytes.
const MAX_IMAGE_BYTES: u64 = 1 << 22;

/// The columns of a metadata line.
pub const METADATA_COLUMNS: [&str; 11] = [
    "folder",
    "file",
    "index",
    "label",
    "continuity",
    "contour_length",
    "distractor_length",
    "paddle_length",
    "paddle_thickness",
    "margin",
    "contrasts",
];

/// Writes generated images in the published form.
#[derive(Debug)]
pub struct PathfinderWriter<'a> {
    generator: &'a Pathfinder,
}

impl<'a> PathfinderWriter<'a> {
    /// Writes what this generator makes.
    pub fn new(generator: &'a Pathfinder) -> Self {
        Self { generator }
    }

    /// Writes samples 0 to `count` into `parent/curv_contour_length_14` and returns that folder.
    ///
    /// The folder has another name until it is complete. `progress` is called with the images written;
    /// when it returns false the writing ends with [`DataError::Interrupted`], and nothing is left.
    ///
    /// # Errors
    /// [`DataError::InTheWay`] when the folder exists, [`DataError::Unwritable`], and those of
    /// [`Pathfinder::scene`].
    pub fn write(
        &self,
        parent: &Path,
        count: u64,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<PathBuf, DataError> {
        let target = parent.join(SET);
        if target.exists() {
            return Err(DataError::InTheWay { path: target });
        }
        fs::create_dir_all(parent).map_err(DataError::unwritable(parent))?;
        let partial = tempfile::Builder::new()
            .prefix(".curv_contour_length_14-")
            .tempdir_in(parent)
            .map_err(DataError::unwritable(parent))?;
        for folder in 0..count.div_ceil(PER_FOLDER) {
            let end = ((folder + 1) * PER_FOLDER).min(count);
            self.folder(partial.path(), folder, end, progress)?;
        }
        let partial = partial.keep();
        fs::rename(&partial, &target).map_err(DataError::unwritable(&target))?;
        Ok(target)
    }

    fn folder(
        &self,
        root: &Path,
        folder: u64,
        end: u64,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), DataError> {
        let name = format!("imgs/{folder}");
        let images = root.join(&name);
        let metadata = root.join("metadata");
        for path in [&images, &metadata] {
            fs::create_dir_all(path).map_err(DataError::unwritable(path))?;
        }
        let path = metadata.join(format!("{folder}.npy"));
        let file = File::create(&path).map_err(DataError::unwritable(&path))?;
        let mut rows = BufWriter::new(file);
        let size = self.generator.parameters().size;
        let mut start = folder * PER_FOLDER;
        while start < end {
            let stop = (start + CHUNK).min(end);
            let samples = self.generator.samples(start..stop)?;
            samples.par_iter().enumerate().try_for_each(|(i, sample)| {
                let index = start + i as u64 - folder * PER_FOLDER;
                let path = images.join(format!("sample_{index}.png"));
                let bytes = encode(&sample.pixels, size);
                fs::write(&path, bytes).map_err(DataError::unwritable(&path))
            })?;
            for (i, sample) in samples.iter().enumerate() {
                let index = start + i as u64 - folder * PER_FOLDER;
                let row = self.row(&name, index, sample);
                writeln!(rows, "{row}").map_err(DataError::unwritable(&path))?;
            }
            start = stop;
            if !progress(start) {
                return Err(DataError::Interrupted);
            }
        }
        rows.flush().map_err(DataError::unwritable(&path))
    }

    fn row(&self, folder: &str, index: u64, sample: &PathfinderSample) -> String {
        let it = self.generator.parameters();
        format!(
            "{folder} sample_{index}.png {index} {} {:?} {} {} {} {:?} {} 1",
            sample.label,
            it.continuity,
            it.contour_length,
            it.distractor_length,
            it.paddle_length,
            it.paddle_thickness,
            sample.margin,
        )
    }
}

fn encode(pixels: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(Cursor::new(&mut bytes), size as u32, size as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder
        .write_header()
        .expect("writing to memory cannot fail");
    let written = writer.write_image_data(pixels);
    written.expect("the image has as many pixels as its header says");
    writer.finish().expect("writing to memory cannot fail");
    bytes
}

/// The images of a published folder, listed but not yet read.
#[derive(Clone, Debug)]
pub struct PathfinderFolder {
    name: String,
    entries: Vec<(PathBuf, u8)>,
}

impl PathfinderFolder {
    /// Lists a folder such as `curv_contour_length_14`, in the order of its metadata files' numbers.
    ///
    /// # Errors
    /// [`DataError::Unreadable`], [`DataError::Malformed`] naming the metadata line.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let metadata = path.join("metadata");
        let mut files = Vec::new();
        for entry in fs::read_dir(&metadata).map_err(DataError::unreadable(&metadata))? {
            let file = entry.map_err(DataError::unreadable(&metadata))?.path();
            if file.extension().is_some_and(|it| it == "npy") {
                let number = file
                    .file_stem()
                    .and_then(|it| it.to_str()?.parse::<u64>().ok());
                files.push((number.unwrap_or(u64::MAX), file));
            }
        }
        files.sort();
        let mut entries = Vec::new();
        for (_, file) in files {
            let text = crate::files::read_text(&file, MAX_METADATA_BYTES)?;
            let rows = read_metadata(&text, &file)?;
            let image = |(name, label): (String, u8)| (path.join(name), label);
            entries.extend(rows.into_iter().map(image));
        }
        if entries.is_empty() {
            return Err(DataError::malformed(
                &metadata,
                "folder",
                "it lists no image",
            ));
        }
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned());
        Ok(Self {
            name: name.unwrap_or_else(|| "pathfinder".into()),
            entries,
        })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never true: a folder without images is refused.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads the images of a range of positions.
    ///
    /// Empty files are passed over: the published baseline set of 32 pixels has one.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`], [`DataError::Unreadable`], [`DataError::Malformed`] naming the image.
    pub fn images(&self, range: std::ops::Range<usize>) -> Result<GreyImages, DataError> {
        let Some(entries) = self.entries.get(range.clone()) else {
            let expected = format!("within 0..{}", self.entries.len());
            return Err(DataError::out_of_range(
                "image range",
                format!("{range:?}"),
                expected,
            ));
        };
        let mut images: Option<GreyImages> = None;
        for (path, label) in entries {
            let bytes = crate::files::read_bytes(path, MAX_IMAGE_BYTES)?;
            if bytes.is_empty() {
                continue;
            }
            let (size, pixels) = decode(&bytes, path)?;
            let images = images
                .get_or_insert_with(|| GreyImages::empty(self.name.as_str(), size.0, size.1, 2));
            if (images.height, images.width) != size {
                let problem = format!(
                    "{} x {} pixels beside {} x {}",
                    size.0, size.1, images.height, images.width
                );
                return Err(DataError::malformed(path, "image", problem));
            }
            images.check_room(1)?;
            images.push(&pixels, u32::from(*label));
        }
        images.ok_or_else(|| {
            DataError::out_of_range("image range", format!("{range:?}"), "one with images")
        })
    }
}

/// The image names (`folder/file`) and labels of a metadata file.
///
/// # Errors
/// [`DataError::Malformed`] naming the line: too few columns, a label that is neither 0 nor 1, a name
/// that would leave the folder.
pub fn read_metadata(text: &str, path: &Path) -> Result<Vec<(String, u8)>, DataError> {
    let mut rows = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let bad = |problem: String| {
            Err(DataError::malformed(
                path,
                format!("line {}", i + 1),
                problem,
            ))
        };
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        if columns.is_empty() {
            continue;
        }
        let &[folder, file, _, label, ..] = &columns[..] else {
            return bad(format!(
                "{} columns, expected {}",
                columns.len(),
                METADATA_COLUMNS.join(" ")
            ));
        };
        let label = match label {
            "0" => 0,
            "1" => 1,
            other => return bad(format!("label {other:?}, expected 0 or 1")),
        };
        let name = format!("{folder}/{file}");
        let plain =
            |part: &str| !part.is_empty() && part != ".." && !part.contains(['\\', ':', '\0']);
        if !name.split('/').all(plain) {
            return bad(format!("image {name:?} would lie outside the folder"));
        }
        rows.push((name, label));
    }
    Ok(rows)
}

/// Height, width and grey pixels of a PNG image.
fn decode(bytes: &[u8], path: &Path) -> Result<((usize, usize), Vec<u8>), DataError> {
    let bad = |problem: String| DataError::malformed(path, "image", problem);
    let mut decoder = png::Decoder::new(BufReader::new(Cursor::new(bytes)));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.set_limits(png::Limits {
        bytes: MAX_IMAGE_BYTES as usize,
    });
    let mut reader = decoder
        .read_info()
        .map_err(|error| bad(format!("not a PNG image: {error}")))?;
    let room = reader
        .output_buffer_size()
        .filter(|size| *size <= MAX_IMAGE_BYTES as usize);
    let mut pixels = vec![0; room.ok_or_else(|| bad("larger than 4 MiB".into()))?];
    let info = reader
        .next_frame(&mut pixels)
        .map_err(|error| bad(format!("damaged: {error}")))?;
    if info.color_type != png::ColorType::Grayscale {
        return Err(bad(format!("{:?}, expected grey", info.color_type)));
    }
    pixels.truncate(info.buffer_size());
    Ok(((info.height as usize, info.width as usize), pixels))
}
