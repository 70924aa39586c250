//! Which method a detector uses, with its settings.

use super::template::TemplateConfig;
#[cfg(feature = "nn")]
use super::{
    DetectError,
    frames::{FrameConfig, calls_model},
    prototypical::PrototypesConfig,
    windows::WindowsConfig,
};
#[cfg(feature = "nn")]
use crate::{choices::choices, encoder::Model};
#[cfg(feature = "nn")]
use tch::Device;

/// How a detector is made: a method with its settings. [`Fitter`](super::Fitter) checks them.
///
/// Without the cargo feature `nn` there is only template matching.
#[derive(Debug, Clone, PartialEq)]
pub enum DetectorConfig {
    /// Frame by frame, with a network that is fine-tuned to the shots.
    #[cfg(feature = "nn")]
    Frames(FrameConfig),
    /// Window by window, as Moummad et al. 2023 published it.
    #[cfg(feature = "nn")]
    Windows(WindowsConfig),
    /// By correlation with the shots, the baseline of DCASE task 5.
    Template(TemplateConfig),
    /// By distance from prototypes, the other baseline of DCASE task 5.
    #[cfg(feature = "nn")]
    Prototypical(PrototypesConfig),
}

#[cfg(feature = "nn")]
impl Default for DetectorConfig {
    fn default() -> Self {
        Method::default().config()
    }
}

impl From<TemplateConfig> for DetectorConfig {
    fn from(config: TemplateConfig) -> Self {
        Self::Template(config)
    }
}

#[cfg(feature = "nn")]
impl From<FrameConfig> for DetectorConfig {
    fn from(config: FrameConfig) -> Self {
        Self::Frames(config)
    }
}

#[cfg(feature = "nn")]
impl From<WindowsConfig> for DetectorConfig {
    fn from(config: WindowsConfig) -> Self {
        Self::Windows(config)
    }
}

#[cfg(feature = "nn")]
impl From<PrototypesConfig> for DetectorConfig {
    fn from(config: PrototypesConfig) -> Self {
        Self::Prototypical(config)
    }
}

#[cfg(feature = "nn")]
impl DetectorConfig {
    /// The network that is built in for this method, if there is one.
    ///
    /// # Errors
    /// If libtorch refuses the device.
    pub fn built_in_model(&self, device: Device) -> Result<Option<Model>, DetectError> {
        match self {
            Self::Frames(_) => Ok(Some(calls_model(device)?)),
            Self::Windows(_) | Self::Template(_) | Self::Prototypical(_) => Ok(None),
        }
    }
}

#[cfg(feature = "nn")]
choices! {
    /// A method of detection, by the name that users type.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Method {
        /// Frame by frame, with an encoder fine-tuned to the shots: our own
        #[default]
        Frames = "frames",
        /// Window by window (Moummad et al. 2023); needs --model
        Windows = "windows",
        /// Correlation with the shots: the baseline of DCASE task 5
        Template = "template",
        /// Distance from prototypes: the other baseline; needs --model
        Prototypical = "prototypical",
    }
}

#[cfg(feature = "nn")]
impl Method {
    /// The method with the settings that we recommend.
    pub fn config(self) -> DetectorConfig {
        match self {
            Self::Frames => FrameConfig::default().into(),
            Self::Windows => WindowsConfig::default().into(),
            Self::Template => TemplateConfig::default().into(),
            Self::Prototypical => PrototypesConfig::default().into(),
        }
    }

    /// The method as its authors released it, quirks included. Our own has no other settings than [`Self::config`].
    pub fn published(self) -> DetectorConfig {
        match self {
            Self::Frames => self.config(),
            Self::Windows => WindowsConfig::compat(Default::default()).into(),
            Self::Template => TemplateConfig::published().into(),
            Self::Prototypical => PrototypesConfig::compat().into(),
        }
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::*;
    use crate::Choice;

    #[test]
    fn every_method_has_recommended_and_published_settings() {
        for &method in Method::ALL {
            let (ours, published) = (method.config(), method.published());
            // Our own method is published nowhere else.
            assert_eq!(ours == published, method == Method::Frames, "{method}");
        }
        assert_eq!(Method::default().config(), DetectorConfig::default());
    }

    #[test]
    fn only_the_method_of_frames_has_a_network_built_in() {
        for &method in Method::ALL {
            let model = method.config().built_in_model(Device::Cpu).unwrap();
            assert_eq!(model.is_some(), method == Method::Frames, "{method}");
        }
    }
}
