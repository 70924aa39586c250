//! Sounds and recordings of any length → embeddings.

use super::embed::embed_by;
use super::{EncoderError, Model};
use crate::Embeddings;
use crate::audio::{MonoReader, SoundChannels, Waveform};
use crate::dataset::{Clip, Span};
use crate::features::{Extractor, FeatureSet};
use rayon::prelude::*;

/// Into what a recording is cut; each window is embedded as if it were a clip of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SoundWindows {
    /// One window, as long as the recording.
    Whole,
    /// Windows of equal length at equal distances. What is left at the end is in a last one, which is moved back so far
    /// that it ends with the recording; a recording that is shorter is one window.
    Every {
        /// Length of a window, seconds.
        window_secs: f64,
        /// From the start of a window to that of the next, seconds.
        hop_secs: f64,
    },
}

/// What became of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedSound {
    /// The windows, in seconds from the start of the file.
    pub windows: Vec<Span>,
    /// A row for each window.
    pub embeddings: Embeddings,
    /// What is odd about the file, though it could be read.
    pub remarks: Vec<String>,
}

/// Windows that go through front end and network at a time.
const TOGETHER: usize = 64;

impl Model {
    /// The embedding of a sound as a whole, `[dim]`, at any rate and of any number of channels.
    ///
    /// ```no_run
    /// use chiffchaff::{audio::read_mono, encoder::{DeviceName, Model}};
    ///
    /// let model = Model::load("runs/mine".as_ref(), DeviceName::Cpu.open()?)?;
    /// let sound = read_mono("dawn.wav", model.card.front_end.sample_rate())?;
    /// let embedding: Vec<f32> = model.embed(&sound)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the rates cannot be converted, or there are too few samples for a single frame.
    pub fn embed(&self, sound: &Waveform) -> Result<Vec<f32>, EncoderError> {
        let front_end = &self.card.front_end;
        let sound = match front_end.sound_channels() {
            SoundChannels::Mono => sound.clone().mix_down(),
            SoundChannels::Stereo => sound.clone().front_pair(),
        };
        let sound = sound.resampled(front_end.sample_rate())?;
        let mut batch = Batch::new(self)?;
        batch.push(0, sound)?;
        batch.compute()?;
        match batch.done.is_empty() {
            false => Ok(batch.values),
            true => Err(EncoderError::NoFrame),
        }
    }

    /// Embeds a clip, or a recording of any length window by window as it is read. `observe` is called with how many seconds are
    /// done.
    ///
    /// Memory does not grow with the length of the recording, but for the embeddings, [`SoundWindows::Whole`], spans of a
    /// file, and front ends that hear both sides.
    ///
    /// # Errors
    /// If the file cannot be read, or holds too little for a single window.
    pub fn embed_clip(
        &self,
        clip: &Clip,
        windows: SoundWindows,
        mut observe: impl FnMut(f64),
    ) -> Result<EmbeddedSound, EncoderError> {
        let front_end = &self.card.front_end;
        let rate = front_end.sample_rate();
        let hz = f64::from(rate.hz());
        let samples = |secs: f64| ((secs * hz).round() as usize).max(1);
        let (window, hop) = match windows {
            SoundWindows::Whole => (usize::MAX, usize::MAX),
            SoundWindows::Every {
                window_secs,
                hop_secs,
            } => (samples(window_secs), samples(hop_secs)),
        };
        let is_streamed = front_end.sound_channels() == SoundChannels::Mono
            && clip.span.is_none()
            && windows != SoundWindows::Whole;
        let mut batch = Batch::new(self)?;
        let mut cutter = Cutter::new(window, hop);
        let mut take = |cutter: &mut Cutter| -> Result<(), EncoderError> {
            while let Some((start, cut)) = cutter.cut() {
                batch.push(start, Waveform::from_channels(cut, rate)?)?;
                observe(start as f64 / hz);
            }
            Ok(())
        };
        let mut remarks = Vec::new();
        if is_streamed {
            let reader = MonoReader::open(&clip.path)?.on_channel(clip.channel)?;
            let mut reader = reader.at_rate(rate)?;
            let mut block = Vec::new();
            while reader.read_into(&mut block)? {
                cutter.add(vec![std::mem::take(&mut block)]);
                take(&mut cutter)?;
            }
            remarks.extend(reader.remarks().iter().map(ToString::to_string));
            remarks.extend(reader.cancelled().map(|cancelled| cancelled.to_string()));
        } else {
            let read = clip.read_remarked(rate, front_end.sound_channels())?;
            remarks = read.remarks;
            cutter.add(read.sound.into_channels());
            take(&mut cutter)?;
        }
        if let Some((start, cut)) = cutter.rest() {
            batch.push(start, Waveform::from_channels(cut, rate)?)?;
        }
        batch.compute()?;
        if batch.done.is_empty() {
            return Err(EncoderError::NoFrame);
        }
        let from = clip.span.map_or(0.0, |span| span.onset());
        let secs = |sample: usize| from + sample as f64 / hz;
        let spans = batch.done.iter();
        let spans = spans.map(|&(start, len)| Span::new(secs(start), secs(start + len)));
        Ok(EmbeddedSound {
            windows: spans.filter_map(Result::ok).collect(),
            embeddings: Embeddings::from_rows(batch.dim, batch.values),
            remarks,
        })
    }
}

/// Cuts a stream of sound into windows.
struct Cutter {
    window: usize,
    hop: usize,
    /// What may still be cut from, of each channel.
    held: Vec<Vec<f32>>,
    /// Place of the first held sample in the stream.
    first: usize,
    /// Where the next window starts, and where the last one ended.
    next: usize,
    covered: usize,
}

/// Less than this share of a window at the end of a recording is no window of its own.
const LEAST_REST: f64 = 0.01;

impl Cutter {
    fn new(window: usize, hop: usize) -> Self {
        Self {
            window,
            hop,
            held: Vec::new(),
            first: 0,
            next: 0,
            covered: 0,
        }
    }

    /// More of each channel.
    fn add(&mut self, channels: Vec<Vec<f32>>) {
        self.held.resize_with(channels.len(), Vec::new);
        for (held, more) in self.held.iter_mut().zip(channels) {
            if held.is_empty() {
                *held = more;
            } else {
                held.extend(more);
            }
        }
    }

    /// Samples that have come.
    fn len(&self) -> usize {
        self.first + self.held.first().map_or(0, Vec::len)
    }

    /// The next whole window, with its place.
    fn cut(&mut self) -> Option<(usize, Vec<Vec<f32>>)> {
        let start = self.next;
        let end = start.checked_add(self.window)?;
        if end > self.len() {
            return None;
        }
        let cut = self.copy(start..end);
        self.covered = end;
        self.next += self.hop;
        // The last window may go back by its length.
        let keep = self.next.min(self.len() - self.window);
        for held in &mut self.held {
            held.drain(..keep - self.first);
        }
        self.first = keep;
        Some((start, cut))
    }

    /// At the end: the last window, if anything is left for it.
    fn rest(&self) -> Option<(usize, Vec<Vec<f32>>)> {
        let len = self.len();
        let is_first = self.covered == 0;
        let left = len.saturating_sub(self.covered);
        let is_enough = left as f64 >= LEAST_REST * self.window as f64;
        // What lies in a gap before the next window is not wanted.
        let is_wanted = is_first || is_enough && self.next < len;
        if left == 0 || !is_wanted {
            return None;
        }
        let start = len.saturating_sub(self.window);
        Some((start, self.copy(start..len)))
    }

    fn copy(&self, place: std::ops::Range<usize>) -> Vec<Vec<f32>> {
        let place = place.start - self.first..place.end - self.first;
        let cut = self.held.iter().map(|held| held[place.clone()].to_vec());
        cut.collect()
    }
}

/// Windows on their way through front end and network.
struct Batch<'m> {
    model: &'m Model,
    extractor: Extractor,
    waiting: Vec<(usize, Waveform)>,
    /// Place and length, in samples, of those that are done, and their embeddings, row after row.
    done: Vec<(usize, usize)>,
    dim: usize,
    values: Vec<f32>,
}

impl<'m> Batch<'m> {
    fn new(model: &'m Model) -> Result<Self, EncoderError> {
        Ok(Self {
            model,
            extractor: model.card.front_end.extractor()?,
            waiting: Vec::new(),
            done: Vec::new(),
            dim: 1,
            values: Vec::new(),
        })
    }

    fn push(&mut self, start: usize, sound: Waveform) -> Result<(), EncoderError> {
        self.waiting.push((start, sound));
        match self.waiting.len() < TOGETHER {
            true => Ok(()),
            false => self.compute(),
        }
    }

    /// Embeds what is waiting; what does not fill a frame is left out.
    fn compute(&mut self) -> Result<(), EncoderError> {
        let waiting = std::mem::take(&mut self.waiting);
        let extract = |(start, sound): (usize, Waveform)| {
            let features = self.extractor.compute_sound(&sound);
            ((start, sound.len()), features)
        };
        let computed: Vec<_> = waiting.into_par_iter().map(extract).collect();
        let mut set = FeatureSet::default();
        for (place, features) in computed {
            if features.frames() > 0 {
                set.push(features);
                self.done.push(place);
            }
        }
        if !set.is_empty() {
            let embedded = embed_by(self.model, &set, TOGETHER, &mut |_| {})?;
            self.dim = embedded.dim();
            self.values.extend(embedded.values());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Place and length of each window of a stream of so many samples, which comes in blocks of 7.
    fn windows(len: usize, window: usize, hop: usize) -> Vec<(usize, usize)> {
        let mut cutter = Cutter::new(window, hop);
        let samples: Vec<f32> = (0..len).map(|n| n as f32).collect();
        let mut found = Vec::new();
        let mut note = |(start, cut): (usize, Vec<Vec<f32>>)| {
            let expected: Vec<f32> = (start..start + cut[0].len()).map(|n| n as f32).collect();
            assert_eq!(cut, [expected], "the samples of their place");
            found.push((start, cut[0].len()));
        };
        for block in samples.chunks(7) {
            cutter.add(vec![block.to_vec()]);
            while let Some(cut) = cutter.cut() {
                note(cut);
            }
        }
        cutter.rest().into_iter().for_each(&mut note);
        found
    }

    #[test]
    fn windows_cover_a_recording_and_the_last_ends_with_it() {
        assert_eq!(windows(30, 10, 10), [(0, 10), (10, 10), (20, 10)]);
        assert_eq!(windows(34, 10, 10), [(0, 10), (10, 10), (20, 10), (24, 10)]);
        assert_eq!(windows(20, 10, 5), [(0, 10), (5, 10), (10, 10)]);
        assert_eq!(windows(22, 10, 5), [(0, 10), (5, 10), (10, 10), (12, 10)]);
        assert_eq!(windows(6, 10, 5), [(0, 6)], "shorter than a window");
        assert_eq!(windows(0, 10, 5), []);
        // With gaps: what lies in a gap is not wanted.
        assert_eq!(windows(35, 10, 20), [(0, 10), (20, 10)]);
        assert_eq!(windows(45, 10, 20), [(0, 10), (20, 10), (35, 10)]);
        assert_eq!(
            windows(2001, 1000, 1000),
            [(0, 1000), (1000, 1000)],
            "rounding"
        );
        assert_eq!(windows(50, usize::MAX, usize::MAX), [(0, 50)], "whole");
    }
}
