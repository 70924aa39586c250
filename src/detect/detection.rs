use super::Event;

/// How far a detector is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Fitting to the shots: steps done, and of how many.
    Fitting(u32, u32),
    /// Scoring: seconds of the recording done.
    Scoring(f64),
}

/// What was found in one recording.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Detection {
    /// The events, by onset; all behind the last shot.
    pub events: Vec<Event>,
    /// Whatever might be one, the events included. Empty where the method keeps nothing below its threshold.
    pub candidates: Vec<Event>,
    /// Events score at least this, within 0..=1; of this recording, where a precision was asked for. Template matching has a threshold for every recording and keeps only
    /// events above it; here it says 0.
    pub threshold: f32,
    /// The score over time, where the method has one; of several kinds the highest.
    pub track: Option<Track>,
    /// What each kind of event is called, where that has a name. The kinds are counted by [`Event::kind`].
    pub labels: Vec<Option<String>>,
}

impl Detection {
    /// What an event of it is called, if that has a name.
    pub fn label_of(&self, event: &Event) -> Option<&str> {
        self.labels.get(event.kind)?.as_deref()
    }

    /// Events of a method that keeps nothing below its threshold, and no scores over time.
    pub(super) fn of_events(events: Vec<Event>, threshold: f32) -> Self {
        Self {
            events,
            candidates: Vec::new(),
            threshold,
            track: None,
            labels: Vec::new(),
        }
    }
}

/// A score for every frame of a recording, a byte each: the 17 million frames of a day are 17 MB.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    frame_rate: f64,
    scores: Vec<u8>,
}

impl Track {
    /// Without frames yet; `frame_rate` in frames per second.
    pub fn new(frame_rate: f64) -> Self {
        Self {
            frame_rate,
            scores: Vec::new(),
        }
    }

    /// Adds the scores of the next frames, within 0..=1.
    pub fn extend(&mut self, scores: &[f32]) {
        let bytes = scores.iter().map(|score| (score * 255.0).round() as u8);
        self.scores.extend(bytes);
    }

    /// The highest score of each frame; `None` without any track. All have the same frames.
    #[cfg(feature = "nn")]
    pub(super) fn highest(tracks: Vec<Self>) -> Option<Self> {
        tracks.into_iter().reduce(|mut highest, other| {
            let pairs = highest.scores.iter_mut().zip(other.scores);
            pairs.for_each(|(score, other)| *score = other.max(*score));
            highest
        })
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> f64 {
        self.frame_rate
    }

    /// When a frame begins, in seconds.
    pub fn secs(&self, frame: usize) -> f64 {
        frame as f64 / self.frame_rate
    }

    /// The scores in steps of 1/255.
    pub fn bytes(&self) -> &[u8] {
        &self.scores
    }
}
