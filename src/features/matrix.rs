//! The time-frequency image of a clip.

/// A time-frequency image `[bands, frames]`, kept frame after frame so that a stretch of time is
/// one slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    bands: usize,
    values: Vec<f32>,
}

impl Features {
    /// Takes `values` as frames of `bands` numbers.
    ///
    /// # Panics
    /// If `bands` is 0 or `values` is not a whole number of frames.
    pub fn from_frames(bands: usize, values: Vec<f32>) -> Self {
        assert!(bands > 0, "features need at least one band");
        assert_eq!(
            values.len() % bands,
            0,
            "{} values are not frames of {bands} bands",
            values.len()
        );
        Self { bands, values }
    }

    /// Number of frequency bands.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.values.len() / self.bands
    }

    /// The bands of one frame, lowest first.
    pub fn frame(&self, frame: usize) -> &[f32] {
        &self.values[frame * self.bands..(frame + 1) * self.bands]
    }

    /// All values, frame after frame.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

impl AsRef<[f32]> for Features {
    fn as_ref(&self) -> &[f32] {
        self.values()
    }
}
