//! The parameters of the three published sizes.

use crate::error::DataError;

/// What decides the images; lengths are in pixels unless said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct PathfinderParameters {
    /// The name in reports.
    pub name: &'static str,
    /// Height and width of the image.
    pub size: usize,
    /// Width of the border that is occupied from the start.
    pub padding: usize,
    /// Length of a dash.
    pub paddle_length: usize,
    /// Thickness of a dash; times `supersampling` it must be an integer.
    pub paddle_thickness: f64,
    /// Distances kept between dashes: one is drawn for each image.
    pub margins: &'static [usize],
    /// Distance between the seeds of the long snakes.
    pub seed_distance: usize,
    /// Radius of the two discs.
    pub marker_radius: f64,
    /// How strongly a snake keeps its direction: at 1 a right angle has weight 0, above it less does.
    pub continuity: f64,
    /// Dashes of a long snake.
    pub contour_length: usize,
    /// Dashes of a distractor.
    pub distractor_length: usize,
    /// The number of distractors, if there is room.
    pub distractors: usize,
    /// Brightness of a long snake, before the image is scaled to bytes; the discs have 1.
    pub target_contrast: f64,
    /// Brightness of a distractor.
    pub distractor_contrast: f64,
    /// How many times larger lines and discs are drawn before they are reduced.
    pub supersampling: usize,
    /// How many further times one dash is tried.
    pub paddle_retries: usize,
    /// How many further times one distractor is tried.
    pub distractor_retries: usize,
}

impl PathfinderParameters {
    /// Pathfinder of 32 x 32 pixels (length 1,024), hard set.
    pub const PATHFINDER_32: Self = Self {
        name: "pathfinder-32",
        size: 32,
        padding: 1,
        paddle_length: 2,
        paddle_thickness: 0.5,
        margins: &[1],
        seed_distance: 7,
        marker_radius: 1.5,
        continuity: 1.0,
        contour_length: 14,
        // 14 / 3 and 20 / 4 in integers.
        distractor_length: 4,
        distractors: 5,
        target_contrast: 0.75 * 2.0,
        distractor_contrast: 2.0,
        supersampling: 2,
        paddle_retries: 2,
        distractor_retries: 4,
    };

    /// Pathfinder of 64 x 64 pixels (length 4,096), hard set.
    pub const PATHFINDER_64: Self = Self {
        name: "pathfinder-64",
        size: 64,
        paddle_length: 5,
        paddle_thickness: 1.0,
        seed_distance: 12,
        marker_radius: 2.5,
        continuity: 1.8,
        // 22 / 4 in integers.
        distractors: 5,
        target_contrast: 0.8,
        distractor_contrast: 0.8,
        ..Self::PATHFINDER_32
    };

    /// Path-X: 128 x 128 pixels (length 16,384), hard set.
    pub const PATH_X: Self = Self {
        name: "path-x",
        size: 128,
        paddle_thickness: 1.5,
        margins: &[2, 3],
        seed_distance: 20,
        marker_radius: 3.0,
        // 35 / 4 in integers.
        distractors: 8,
        target_contrast: 0.9,
        distractor_contrast: 0.9,
        ..Self::PATHFINDER_64
    };

    /// The published sizes.
    pub const ALL: [&'static Self; 3] = [&Self::PATHFINDER_32, &Self::PATHFINDER_64, &Self::PATH_X];

    /// The published parameters of this image size.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless the size is 32, 64 or 128.
    pub fn published(size: usize) -> Result<&'static Self, DataError> {
        let found = Self::ALL.into_iter().find(|it| it.size == size);
        found.ok_or_else(|| DataError::out_of_range("image size", size, "32, 64 or 128"))
    }

    /// Half the side of a stencil, for a margin.
    pub(super) fn reach(&self, margin: usize) -> usize {
        self.paddle_length + self.paddle_thickness.ceil() as usize + margin
    }

    pub(super) fn validate(&self) -> Result<(), DataError> {
        let range = |name, value: usize, low, high| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(DataError::out_of_range(
                name,
                value,
                format!("{low} to {high}"),
            ))
        };
        let fraction = |name, value: f64, low: f64, high: f64| {
            if value.is_finite() && value > low && value <= high {
                return Ok(());
            }
            let expected = format!("above {low} and at most {high}");
            Err(DataError::out_of_range(name, value, expected))
        };
        // 128 pixels is one machine word of the seed search.
        range("image size", self.size, 16, 128)?;
        range("padding", self.padding, 1, self.size / 4)?;
        range("dash length", self.paddle_length, 1, 16)?;
        range("number of margins", self.margins.len(), 1, 16)?;
        for &margin in self.margins {
            range("margin", margin, 1, 8)?;
        }
        range("seed distance", self.seed_distance, 1, (self.size - 1) / 4)?;
        range("contour length", self.contour_length, 2, 64)?;
        range("distractor length", self.distractor_length, 1, 64)?;
        range("distractors", self.distractors, 0, 1000)?;
        range("supersampling", self.supersampling, 1, 4)?;
        range("dash retries", self.paddle_retries, 0, 100)?;
        range("distractor retries", self.distractor_retries, 0, 100)?;
        fraction("marker radius", self.marker_radius, 0.0, 16.0)?;
        fraction("continuity", self.continuity, 0.0, 100.0)?;
        fraction("target contrast", self.target_contrast, 0.0, 100.0)?;
        fraction("distractor contrast", self.distractor_contrast, 0.0, 100.0)?;
        fraction("dash thickness", self.paddle_thickness, 0.0, 8.0)?;
        let width = self.paddle_thickness * self.supersampling as f64;
        if width.fract() != 0.0 {
            let expected = format!("a multiple of 1/{}", self.supersampling);
            return Err(DataError::out_of_range(
                "dash thickness",
                self.paddle_thickness,
                expected,
            ));
        }
        Ok(())
    }
}
