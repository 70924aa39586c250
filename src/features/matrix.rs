//! The time-frequency image of a clip.

/// A time-frequency image `[channels, bands, frames]`, kept frame after frame so that a stretch of time is one slice.
///
/// A frame is the bands of its first channel, lowest first, then those of the next. Most front ends give one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    channels: usize,
    bands: usize,
    values: Vec<f32>,
}

impl Features {
    /// Takes `values` as frames of `bands` numbers: one channel.
    ///
    /// # Panics
    /// If `bands` is 0 or `values` is not a whole number of frames.
    pub fn from_frames(bands: usize, values: Vec<f32>) -> Self {
        Self::with_channels(1, bands, values)
    }

    /// Takes `values` as frames of `channels` times `bands` numbers.
    ///
    /// # Panics
    /// If `channels` or `bands` is 0, or `values` is not a whole number of frames.
    pub fn with_channels(channels: usize, bands: usize, values: Vec<f32>) -> Self {
        assert!(bands > 0, "features need at least one band");
        assert!(channels > 0, "features need at least one channel");
        assert_eq!(
            values.len() % (channels * bands),
            0,
            "{} values are not frames of {channels} channels of {bands} bands",
            values.len()
        );
        Self {
            channels,
            bands,
            values,
        }
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Number of frequency bands of each channel.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Numbers in a frame: channels × bands.
    pub fn frame_len(&self) -> usize {
        self.channels * self.bands
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.values.len() / self.frame_len()
    }

    /// One frame: the bands of the first channel, lowest first, then those of the next.
    pub fn frame(&self, frame: usize) -> &[f32] {
        &self.values[frame * self.frame_len()..(frame + 1) * self.frame_len()]
    }

    /// One channel as an image of its own, `[bands, frames]`.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn channel(&self, channel: usize) -> Self {
        assert!(
            channel < self.channels,
            "channel {channel} of {}",
            self.channels
        );
        let own = channel * self.bands..(channel + 1) * self.bands;
        let frames = self.values.chunks_exact(self.frame_len());
        let values = frames.flat_map(|frame| &frame[own.clone()]).copied();
        Self::from_frames(self.bands, values.collect())
    }

    /// Images of the same size as the channels of one, in this order.
    ///
    /// # Panics
    /// If there is none, or their sizes differ.
    pub(super) fn stacked(images: &[Self]) -> Self {
        let (bands, frames) = (images[0].bands, images[0].frames());
        let mut values = Vec::with_capacity(images.iter().map(|image| image.values.len()).sum());
        for image in images {
            assert_eq!(
                (image.bands, image.frames()),
                (bands, frames),
                "images that are stacked have one size"
            );
        }
        for frame in 0..frames {
            for image in images {
                values.extend_from_slice(image.frame(frame));
            }
        }
        let channels = images.iter().map(|image| image.channels).sum();
        Self::with_channels(channels, bands, values)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacked_images_are_the_channels_of_one_and_come_apart_again() {
        let images: Vec<Features> = (0..3)
            .map(|n| Features::from_frames(2, (0..8).map(|v| (10 * n + v) as f32).collect()))
            .collect();
        let stack = Features::stacked(&images);
        assert_eq!((stack.channels(), stack.bands(), stack.frames()), (3, 2, 4));
        assert_eq!(stack.frame(1), [2.0, 3.0, 12.0, 13.0, 22.0, 23.0]);
        for (n, image) in images.iter().enumerate() {
            assert_eq!(&stack.channel(n), image);
        }
    }
}
