//! Events that look like one of the shots: each shot's spectrogram is slid over that of the rest of the recording.
//!
//! The spectrogram is one of magnitudes, less the median of each bin over time and of each frame over its bins. A shot's
//! part of it, two bins lower at either edge, is the template; its normalised cross-correlation with what lies under it,
//! best of the places it can take in height, is the score of a frame. Templates agree among each other to some degree, and
//! what agrees with one of them as much is an event.
//!
//! # Source
//! The template-matching baseline of the DCASE few-shot task (`cross_correlation` in its baseline repository).
//! [`TemplateConfig::published`] repeats it; the default keeps the idea, with what [`TemplateConfig`] says.

mod correlation;
mod events;
mod peaks;
mod spectrogram;

use super::detector::Fitted;
use super::fitter::{Fit, Playback};
use super::{DetectError, Detection, MarkedRecording, Stage};
use crate::audio::{AudioError, ChannelChoice, MonoReader, SampleRate};
use crate::dataset::{Span, Support};
use correlation::Correlator;
use spectrogram::{Background, BackgroundMeter, Frames, Framing, Patch};
use std::ops::Range;
use std::path::Path;

/// Bins that a template is lower than the spectrogram, at the top and at the bottom.
const SPARE_BINS: usize = 2;
/// Fewest samples of a frame: of 17 bins, 13 are left for templates.
const FEWEST_SAMPLES: usize = 32;
/// Most shots that become templates; of more, some are taken from the whole range, evenly.
const MOST_TEMPLATES: usize = 16;

/// How templates are made and compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemplateConfig {
    /// Length of a frame; its hop is a quarter of it.
    pub frame: FrameLength,
    /// When a score makes an event, and which part of the recording then is one.
    pub rules: Rules,
}

/// How long the frames of the spectrogram are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FrameLength {
    /// The same for all shots.
    Fixed {
        /// Seconds, above 0; 0.1 in the published code.
        secs: f64,
    },
    /// A share of the mean length of the shots, up to a limit. Short frames resolve short events.
    OfShots {
        /// The share, above 0.
        part: f64,
        /// The longest frame, in seconds, above 0.
        most_secs: f64,
    },
}

/// How scores become events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rules {
    /// As the published code: an event must agree with a template as well as the two most alike templates do. What the
    /// templates find is laid over each other, so that events that touch become one; and of peaks in the first half
    /// template after the shots, one frame is left.
    Published,
    /// An event must score `part` of what the shots score with each other, on average. Where several templates find
    /// something, the best one says when; events keep the length of its shot and do not overlap.
    Strongest {
        /// `0..=1`. Less finds more, and more that is wrong.
        part: f64,
    },
}

impl TemplateConfig {
    /// The baseline of the DCASE few-shot task, with its quirks.
    pub fn published() -> Self {
        Self {
            frame: FrameLength::Fixed { secs: 0.1 },
            rules: Rules::Published,
        }
    }
}

impl Default for TemplateConfig {
    /// Our recommendation: the best of twelve pairs of these two numbers on 18 recordings of finches, hummingbirds,
    /// meerkats and bats.
    fn default() -> Self {
        Self {
            frame: FrameLength::OfShots {
                part: 0.25,
                most_secs: 0.1,
            },
            rules: Rules::Strongest { part: 0.7 },
        }
    }
}

impl Fit for TemplateConfig {
    /// Makes templates of the shots. Of recordings longer than `2^14` frames, medians over time are taken of evenly spaced
    /// frames.
    fn fit(
        &self,
        marked: &MarkedRecording,
        Playback { channel, .. }: Playback,
        _observe: &mut dyn FnMut(Stage),
    ) -> Result<Box<dyn Fitted>, DetectError> {
        let (recording, support) = (&marked.path, &marked.support);
        let sample_rate = MonoReader::open(recording)?.sample_rate();
        let frame_secs = self.frame.secs(support, sample_rate);
        let framing = Framing::new(frame_secs, sample_rate);
        if framing.n_fft < FEWEST_SAMPLES {
            return Err(DetectError::Rate {
                path: recording.clone(),
                hz: sample_rate.hz(),
                required: (FEWEST_SAMPLES as f64 / frame_secs).ceil() as u32,
            });
        }
        Ok(Box::new(TemplateDetector {
            search: Search::prepare(recording, framing, support, (self.rules, channel))?,
            rules: self.rules,
        }))
    }
}

/// Templates, with what it takes to search the recording that they are from.
struct TemplateDetector {
    /// `None` where no shot has a frame of its own: then nothing is found.
    search: Option<Search>,
    rules: Rules,
}

impl Fitted for TemplateDetector {
    /// Events come sorted and apart; their score is the highest correlation with a template, `0..=1`. Memory grows by four
    /// bytes per frame and template.
    fn detect(
        &self,
        recording: &Path,
        _observe: &mut dyn FnMut(Stage),
    ) -> Result<Detection, DetectError> {
        let Some(search) = &self.search else {
            return Ok(Detection::of_events(Vec::new(), 0.0));
        };
        let curves = search.curves(recording)?;
        let events = match self.rules {
            Rules::Published => events::published(search, &curves),
            Rules::Strongest { part } => events::strongest(search, &curves, part),
        };
        Ok(Detection::of_events(events, 0.0))
    }
}

impl TemplateConfig {
    pub(super) fn check(&self) -> Result<(), DetectError> {
        let positive = |key, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(DetectError::Config {
                key,
                given: value.to_string(),
                required: "above 0",
            }),
        };
        match self.frame {
            FrameLength::Fixed { secs } => positive("frame.secs", secs)?,
            FrameLength::OfShots { part, most_secs } => {
                positive("frame.part", part)?;
                positive("frame.most_secs", most_secs)?;
            }
        }
        match self.rules {
            Rules::Strongest { part } if !(0.0..=1.0).contains(&part) => Err(DetectError::Config {
                key: "rules.part",
                given: part.to_string(),
                required: "between 0 and 1",
            }),
            _ => Ok(()),
        }
    }
}

impl FrameLength {
    fn secs(self, support: &Support, sample_rate: SampleRate) -> f64 {
        match self {
            Self::Fixed { secs } => secs,
            Self::OfShots { part, most_secs } => {
                let fewest = (FEWEST_SAMPLES + 1) as f64 / f64::from(sample_rate.hz());
                (part * support.mean_secs()).min(most_secs).max(fewest)
            }
        }
    }
}

/// A shot and the part of the spectrogram that it is.
struct Shot {
    span: Span,
    /// Frames of the recording.
    frames: Range<usize>,
    template: Patch,
    /// The template with all bins, and half the longest template before and after it.
    around: Patch,
}

/// Shots of a recording, and where to look for more.
struct Search {
    framing: Framing,
    channel: ChannelChoice,
    background: Background,
    shots: Vec<Shot>,
    /// First frame behind the last shot.
    first: usize,
    /// Length of the recording.
    secs: f64,
}

impl Search {
    /// Reads the recording once, for its background and its shots; `None` if no shot has a frame of its own.
    fn prepare(
        recording: &Path,
        framing: Framing,
        support: &Support,
        (rules, channel): (Rules, ChannelChoice),
    ) -> Result<Option<Self>, AudioError> {
        let chosen = evenly_chosen(support.shots(), MOST_TEMPLATES);
        let places: Vec<Range<usize>> = chosen
            .iter()
            .map(|shot| place(framing, *shot, rules))
            .collect();
        // Shot and margins fit into one block of the correlator.
        let longest = places.iter().map(ExactSizeIterator::len).max();
        let margin = longest.unwrap_or(0) / 2;
        let around = |place: &Range<usize>| place.start.saturating_sub(margin)..place.end + margin;
        let mut heard: Vec<Patch> = places.iter().map(|_| Patch::new(framing.bins())).collect();
        let mut meter = BackgroundMeter::new(framing.bins());
        let secs = for_each_frame(recording, channel, framing, |frame, magnitudes| {
            meter.push(magnitudes);
            for (place, heard) in places.iter().zip(&mut heard) {
                if around(place).contains(&frame) {
                    heard.values.extend_from_slice(magnitudes);
                }
            }
        })?;
        let background = meter.finish();
        let shots = chosen.into_iter().zip(places).zip(heard);
        let shots = shots.filter_map(|((span, place), mut heard)| {
            let from = around(&place).start;
            for (n, frame) in heard.values.chunks_exact_mut(framing.bins()).enumerate() {
                background.subtract(from + n, frame);
            }
            let frames = place.start..place.end.min(background.frames());
            if frames.is_empty() {
                return None;
            }
            let own = heard.cut(frames.start - from..frames.end - from);
            Some(Shot {
                span,
                template: own.without_edges(SPARE_BINS),
                frames,
                around: heard,
            })
        });
        let shots: Vec<Shot> = shots.collect();
        let end = framing.position(support.end());
        let first = match rules {
            Rules::Published => (end + 1.0).ceil(),
            Rules::Strongest { .. } => end.ceil(),
        };
        Ok((!shots.is_empty()).then_some(Self {
            framing,
            channel,
            background,
            shots,
            first: first as usize,
            secs,
        }))
    }

    /// The score of each template at every frame from the first behind the shots.
    fn curves(&self, recording: &Path) -> Result<Vec<Vec<f32>>, AudioError> {
        let templates: Vec<Patch> = self
            .shots
            .iter()
            .map(|shot| shot.template.clone())
            .collect();
        let longest = templates.iter().map(Patch::frames).max().unwrap_or(1);
        let bins = self.framing.bins();
        let correlator = Correlator::new(&templates, bins);
        let mut curves: Vec<Vec<f32>> = templates.iter().map(|_| Vec::new()).collect();
        let mut chunk = Patch::new(bins);
        let append = |chunk: &Patch, most: usize, curves: &mut Vec<Vec<f32>>| {
            for (curve, scores) in curves.iter_mut().zip(correlator.scores(chunk)) {
                curve.extend(scores.into_iter().take(most));
            }
        };
        for_each_frame(
            recording,
            self.channel,
            self.framing,
            |frame, magnitudes| {
                if frame < self.first {
                    return;
                }
                self.background.subtract(frame, magnitudes);
                chunk.values.extend_from_slice(magnitudes);
                if chunk.frames() == correlator.block() {
                    // What the longest template cannot be placed at yet comes again with the next chunk.
                    let done = correlator.block() + 1 - longest;
                    append(&chunk, done, &mut curves);
                    chunk.values.drain(..done * bins);
                }
            },
        )?;
        append(&chunk, usize::MAX, &mut curves);
        Ok(curves)
    }
}

/// At most `most` of the shots, evenly spaced.
fn evenly_chosen(shots: &[Span], most: usize) -> Vec<Span> {
    let n = shots.len();
    let taken = n.min(most);
    (0..taken).map(|i| shots[i * n / taken]).collect()
}

/// The frames of a shot.
fn place(framing: Framing, shot: Span, rules: Rules) -> Range<usize> {
    let (onset, offset) = (
        framing.position(shot.onset()),
        framing.position(shot.offset()),
    );
    match rules {
        Rules::Published => (onset + 1.0).floor() as usize..(offset + 1.0).ceil() as usize,
        Rules::Strongest { .. } => {
            let first = onset.round() as usize;
            first..(offset.round() as usize).max(first + 1)
        }
    }
}

/// Hands out the magnitudes of every frame of a recording, with its number; gives the recording's length in seconds.
fn for_each_frame(
    recording: &Path,
    channel: ChannelChoice,
    framing: Framing,
    mut with_frame: impl FnMut(usize, &mut [f32]),
) -> Result<f64, AudioError> {
    let mut reader = MonoReader::open(recording)?.on_channel(channel)?;
    let mut read = |samples: &mut Vec<f32>| reader.read_into(samples);
    let mut frames = Frames::new(framing, &mut read);
    let mut magnitudes = vec![0.0; framing.bins()];
    let mut frame = 0;
    while frames.next_into(&mut magnitudes)? {
        with_frame(frame, &mut magnitudes);
        frame += 1;
    }
    Ok(frames.secs())
}

#[cfg(test)]
mod tests;
