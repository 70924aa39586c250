//! The choice of front end.

use super::{
    ChannelAxis, ClipRules, ConfigProblem, Features, FeaturesError, FrontEnd, InputScaling,
    LogUnit, Silence, error::Problems, log_mel::FrameExtent,
};
use crate::audio::{SampleRate, SoundChannels, Waveform};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// Makes of a table of front ends, one line each, the enum [`FrontEnd`] that files hold, and the way from it to what each
/// says of itself.
///
/// A line is `"type in files" => Name(settings)`; its comment is that of the enum's variant.
macro_rules! front_ends {
    (
        $(#[$about:meta])*
        enum FrontEnd {
            $( $(#[$what:meta])* $name:literal => $kind:ident($settings:ty), )+
        }
    ) => {
        $(#[$about])*
        #[serde(tag = "type")]
        pub enum FrontEnd {
            $( $(#[$what])* #[serde(rename = $name)] $kind($settings), )+
        }

        impl FrontEnd {
            /// Its `type`, as files spell it.
            pub fn name(&self) -> &'static str {
                match self {
                    $( Self::$kind(_) => $name, )+
                }
            }

            /// The names of [`Self::published`].
            pub fn published_names() -> Vec<&'static str> {
                let names = [$( front_end::names::<$settings>() ),+];
                names.concat()
            }

            /// The front end of this name, one of [`Self::published_names`]: of a published system, or with a library's
            /// usual settings.
            pub fn published(name: &str) -> Option<Self> {
                let found = [$( front_end::published(name).map(Self::$kind) ),+];
                found.into_iter().flatten().next()
            }

            /// What it says of itself.
            fn settings(&self) -> &dyn front_end::Settings {
                match self {
                    $( Self::$kind(settings) => settings, )+
                }
            }

            fn settings_mut(&mut self) -> &mut dyn front_end::Settings {
                match self {
                    $( Self::$kind(settings) => settings, )+
                }
            }
        }
    };
}

pub(super) use front_ends;

/// Settings by the names of what they were published as.
pub(super) type Published<S> = &'static [(&'static str, fn() -> S)];

/// The settings of a front end: all that it says of itself before any sound is heard.
pub(super) trait Settings {
    /// Settings of published systems, or a library's usual ones, by name.
    fn published() -> Published<Self>
    where
        Self: Sized + 'static,
    {
        &[]
    }

    /// Every setting that is out of range.
    fn problems(&self) -> Problems;

    /// Rate of the sound, and samples from frame to frame.
    fn timing(&self) -> (SampleRate, usize);

    /// The frequencies that it hears, Hz: by default all that the sound has.
    fn hearing(&self) -> Range<f64> {
        let (rate, _) = self.timing();
        0.0..f64::from(rate.hz()) / 2.0
    }

    /// Which sides of a recording it hears.
    fn sound_channels(&self) -> SoundChannels {
        SoundChannels::Mono
    }

    /// Number of bands of each channel.
    fn bands(&self) -> usize;

    /// What each channel of its images shows; of settings without problems.
    fn axes(&self) -> Vec<ChannelAxis>;

    /// Which logarithm of energy its values are, if one at all.
    fn log_unit(&self) -> Option<LogUnit> {
        None
    }

    /// Whether its features are the sound itself.
    fn keeps_sound(&self) -> bool {
        false
    }

    /// The setting, if any, by which a frame depends on more than the sound around it.
    fn needs_whole_clip(&self) -> Option<&'static str>;

    /// The settings that are its clip rules, as far as it has them.
    fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>);

    /// Leaves the background as it is, for what is computed while a recording is read.
    fn keep_background(&mut self) {}

    /// How far a frame reaches, where the features can be streamed.
    fn streamed(&self) -> Option<FrameExtent> {
        None
    }

    /// Checks the settings and plans the computation.
    fn extractor(&self) -> Result<Extractor, FeaturesError>;
}

/// The first key of the rules that are in force.
pub(super) fn first_in_force(rules: &[(bool, &'static str)]) -> Option<&'static str> {
    let mut in_force = rules.iter().filter(|(is_in_force, _)| *is_in_force);
    in_force.next().map(|(_, key)| *key)
}

/// The names of published settings.
pub(super) fn names<S: Settings + 'static>() -> Vec<&'static str> {
    let published = S::published().iter();
    published.map(|(name, _)| *name).collect()
}

/// The published settings of this name.
pub(super) fn published<S: Settings + 'static>(name: &str) -> Option<S> {
    let mut published = S::published().iter();
    let (_, settings) = published.find(|(known, _)| *known == name)?;
    Some(settings())
}

impl FrontEnd {
    /// The rate of the sound it hears.
    pub fn sample_rate(&self) -> SampleRate {
        self.settings().timing().0
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> f64 {
        let (sample_rate, hop_length) = self.settings().timing();
        f64::from(sample_rate.hz()) / hop_length as f64
    }

    /// The frequencies that it hears, Hz.
    pub fn hearing(&self) -> Range<f64> {
        self.settings().hearing()
    }

    /// Which sides of a recording it hears.
    pub fn sound_channels(&self) -> SoundChannels {
        self.settings().sound_channels()
    }

    /// Every setting that is out of range.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        self.settings().problems().into_list()
    }

    /// Number of bands of each channel.
    pub fn bands(&self) -> usize {
        self.settings().bands()
    }

    /// Which logarithm of energy the features are, if one at all.
    pub fn log_unit(&self) -> Option<LogUnit> {
        self.settings().log_unit()
    }

    /// Whether the features are the sound itself.
    pub fn keeps_sound(&self) -> bool {
        self.settings().keeps_sound()
    }

    /// What each channel of its images shows.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    pub fn axes(&self) -> Result<Vec<ChannelAxis>, FeaturesError> {
        self.settings().problems().into_result()?;
        Ok(self.settings().axes())
    }

    /// The setting, if any, by which a frame depends on more than the sound around it.
    pub fn needs_whole_clip(&self) -> Option<&'static str> {
        self.settings().needs_whole_clip()
    }

    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    pub fn extractor(&self) -> Result<Extractor, FeaturesError> {
        self.settings().extractor()
    }

    /// The same with the background kept: what can be computed while a recording is read.
    pub fn keeping_background(&self) -> Self {
        let mut front_end = self.clone();
        front_end.settings_mut().keep_background();
        front_end
    }

    /// What it does to the sound of a clip as a whole.
    pub fn clip_rules(&self) -> ClipRules {
        let mut same = self.clone();
        let (silence, scaling) = same.clip_rules_mut();
        ClipRules {
            silence: silence.map_or(Silence::Keep {}, |rule| *rule),
            scaling: scaling.map_or(InputScaling::None {}, |rule| *rule),
        }
    }

    /// The same for sound that its [clip rules](Self::clip_rules) were applied to.
    pub fn without_clip_rules(&self) -> Self {
        let mut front_end = self.clone();
        let (silence, scaling) = front_end.clip_rules_mut();
        if let Some(silence) = silence {
            *silence = Silence::Keep {};
        }
        if let Some(scaling) = scaling {
            *scaling = InputScaling::None {};
        }
        front_end
    }

    /// The settings that are its clip rules, as far as it has them.
    pub(super) fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        self.settings_mut().clip_rules_mut()
    }

    /// Samples from frame to frame.
    pub(super) fn hop_length(&self) -> usize {
        self.settings().timing().1
    }

    /// How far a frame reaches, where the features can be streamed.
    pub(super) fn streamed(&self) -> Result<FrameExtent, FeaturesError> {
        let front_end = self.name();
        let streamed = self.settings().streamed();
        streamed.ok_or(FeaturesError::NotStreamed { front_end })
    }
}

/// The computation of a front end.
pub(super) trait Extract: Debug + Send + Sync {
    /// Number of channels of its features.
    fn channels(&self) -> usize {
        1
    }

    /// Number of bands of each channel.
    fn bands(&self) -> usize;

    /// Which sides of a recording it hears.
    fn sound_channels(&self) -> SoundChannels {
        SoundChannels::Mono
    }

    /// The features of the sides of a sound at the front end's rate, full scale at ±1: of one, or of as many as it hears.
    fn image(&self, sides: &[&[f32]]) -> Features;

    /// As [`Self::image`] of mono sound, as far as a frame depends on nothing but the sound around it.
    fn local_image(&self, samples: &[f32]) -> Features {
        self.image(&[samples])
    }

    /// What is remembered of frames before the first.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Makes [`Self::local_image`], frame after frame, into [`Self::image`]; `memory` goes on to the next frames.
    fn follow(&self, _values: &mut [f32], _memory: &mut [f64]) {}
}

/// A [`FrontEnd`] ready to compute; one serves any number of threads, and a copy costs nothing.
#[derive(Debug, Clone)]
pub struct Extractor(Arc<dyn Extract>);

impl Extractor {
    pub(super) fn of(extract: impl Extract + 'static) -> Self {
        Self(Arc::new(extract))
    }

    /// Number of channels of its features.
    pub fn channels(&self) -> usize {
        self.0.channels()
    }

    /// Number of bands of each channel.
    pub fn bands(&self) -> usize {
        self.0.bands()
    }

    /// The features of mono `samples` at the front end's rate, full scale at ±1.
    pub fn compute(&self, samples: &[f32]) -> Features {
        self.0.image(&[samples])
    }

    /// The features of a sound at the front end's rate; where two sides are heard, a mono recording is taken for both.
    ///
    /// # Panics
    /// If the sound has more channels than the front end hears.
    pub fn compute_sound(&self, sound: &Waveform) -> Features {
        let sides: Vec<&[f32]> = sound.channels().iter().map(Vec::as_slice).collect();
        let heard = self.0.sound_channels().count();
        assert!(
            sides.len() == 1 || sides.len() == heard,
            "{} channels are more than are heard",
            sides.len()
        );
        self.0.image(&sides)
    }

    /// The computation itself.
    pub(super) fn extract(&self) -> &dyn Extract {
        self.0.as_ref()
    }
}
