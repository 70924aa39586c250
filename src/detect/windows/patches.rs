//! Windows of a recording that is read from its start to its end.

use super::runs::Runs;
use crate::audio::{AudioError, ChannelChoice, MonoReader};
use crate::detect::{DetectError, Event};
use crate::features::{FeatureStream, FrontEnd};
use std::ops::Range;
use std::path::Path;
use tch::{Device, Tensor};

/// Windows that pass through the network together.
const BATCH: usize = 64;

/// Patches `[window, mels]` of one length.
pub(in crate::detect) type Patches = Vec<Vec<f32>>;

/// The frames of a recording, in an order in which they never go back; holds no more of them than were asked for at a
/// time, and a block.
pub(in crate::detect) struct Frames {
    stream: FeatureStream,
    bands: usize,
    held: Vec<f32>,
    /// The first frame in `held`.
    first: usize,
    ended: bool,
}

impl Frames {
    /// The frames that a front end makes of a recording.
    pub(in crate::detect) fn open(
        recording: &Path,
        channel: ChannelChoice,
        front_end: &FrontEnd,
    ) -> Result<Self, DetectError> {
        let reader = MonoReader::open(recording)?.on_channel(channel)?;
        let reader = reader.at_rate(front_end.sample_rate())?;
        let stream = FeatureStream::new(reader, front_end)?;
        Ok(Self {
            bands: stream.bands(),
            stream,
            held: Vec::new(),
            first: 0,
            ended: false,
        })
    }

    pub(in crate::detect) fn bands(&self) -> usize {
        self.bands
    }

    /// The frames of `range` as far as there are any, frame after frame. Ranges must not begin before earlier ones.
    pub(in crate::detect) fn get(&mut self, range: &Range<usize>) -> Result<&[f32], AudioError> {
        assert!(range.start >= self.first, "frames are read in order");
        while !self.ended && self.first + self.held.len() / self.bands < range.end {
            self.forget_before(range.start);
            match self.stream.next_block()? {
                Some(block) => self.held.extend_from_slice(block.values()),
                None => self.ended = true,
            }
        }
        let at = |frame: usize| ((frame - self.first) * self.bands).min(self.held.len());
        Ok(&self.held[at(range.start)..at(range.end)])
    }

    /// How many frames there are, if [`Self::get`] has met the end.
    pub(in crate::detect) fn total(&self) -> Option<usize> {
        let known = self.first + self.held.len() / self.bands;
        self.ended.then_some(known)
    }

    fn forget_before(&mut self, frame: usize) {
        let held = self.held.len() / self.bands;
        let stale = (frame - self.first).min(held);
        self.held.drain(..stale * self.bands);
        self.first += stale;
    }
}

/// Windows of one length, in order, until the recording ends.
pub(in crate::detect) struct Query {
    frames: Frames,
    next: usize,
    window: usize,
    hop: usize,
    ended: bool,
}

impl Query {
    /// The windows of `window` frames from frame `start` on.
    pub(in crate::detect) fn new(frames: Frames, start: usize, window: usize, hop: usize) -> Self {
        Self {
            frames,
            next: start,
            window,
            hop,
            ended: false,
        }
    }

    /// The events among the windows; `probabilities` gives those of some windows at a time.
    pub(in crate::detect) fn events(
        mut self,
        mut runs: Runs,
        probabilities: impl Fn(&[Vec<f32>]) -> Result<Vec<f32>, DetectError>,
    ) -> Result<Vec<Event>, DetectError> {
        loop {
            let mut patches = Vec::with_capacity(BATCH);
            while let Some(patch) = self.next_patch()? {
                patches.push(patch);
                if patches.len() == BATCH {
                    break;
                }
            }
            if patches.is_empty() {
                return Ok(runs.finish());
            }
            let found = probabilities(&patches)?;
            found.into_iter().for_each(|p| runs.push(p));
        }
    }

    /// The next window, `[window, mels]`; the last is a remainder of more than half a window, repeated.
    pub(in crate::detect) fn next_patch(&mut self) -> Result<Option<Vec<f32>>, AudioError> {
        if self.ended {
            return Ok(None);
        }
        let (window, bands) = (self.window, self.frames.bands());
        // One frame more than a window says whether this one is the last.
        let found = self.frames.get(&(self.next..self.next + window + 1))?;
        let frames = found.len() / bands;
        self.next += self.hop;
        self.ended = frames <= window;
        let long_enough = frames > window / 2;
        Ok(long_enough.then(|| tiled(&found[..frames.min(window) * bands], window * bands)))
    }
}

/// `values` again and again until there are `length`; they must not be empty.
pub(in crate::detect) fn tiled(values: &[f32], length: usize) -> Vec<f32> {
    values.iter().copied().cycle().take(length).collect()
}

/// Patches `[window, mels]` → images `[batch, 1, mels, window]`.
pub(in crate::detect) fn images(
    patches: &[Vec<f32>],
    bands: usize,
    device: Device,
) -> Result<Tensor, DetectError> {
    let values = Tensor::f_from_slice(&patches.concat())?.to_device(device);
    let values = values.view([patches.len() as i64, -1, bands as i64]); // [batch, window, mels]
    Ok(values.transpose(1, 2).unsqueeze(1).contiguous())
}
