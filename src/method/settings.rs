//! What every method says of itself before it is made.

use super::{MethodConfig, MethodParts, Must, Objective, ProjectionHeadConfig, Sizes, ViewForm};
use crate::encoder::EncoderError;
use crate::encoder::parameters::Parameters;

/// Makes of a table of methods, one line each, the enum [`MethodConfig`] that files hold, and the way from it to what
/// each says of itself.
///
/// A line is `"type in files" => Name(settings)`; its comment is that of the enum's variant.
macro_rules! methods {
    (
        $(#[$about:meta])*
        enum MethodConfig {
            $( $(#[$what:meta])* $name:literal => $kind:ident($settings:ty), )+
        }
    ) => {
        $(#[$about])*
        #[serde(tag = "type")]
        pub enum MethodConfig {
            $( $(#[$what])* #[serde(rename = $name)] $kind($settings), )+
        }

        impl MethodConfig {
            /// Its `type`, as files spell it.
            pub fn name(&self) -> &'static str {
                match self {
                    $( Self::$kind(_) => $name, )+
                }
            }

            /// What it says of itself.
            fn settings(&self) -> &dyn settings::Settings {
                match self {
                    $( Self::$kind(settings) => settings, )+
                }
            }
        }
    };
}

pub(super) use methods;

/// The settings of a method.
pub(super) trait Settings {
    /// Makes the method. What it trains or keeps goes into `parameters`.
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError>;

    /// Tells `must` of every setting, for batches of `batch` patches.
    fn check(&self, batch: usize, must: &mut Must<'_>);

    /// [`MethodConfig::chance_loss`]; none where that is 0, as the alarm compares shares of it.
    fn chance_loss(&self, sizes: &Sizes) -> Option<f64>;

    /// Whether a loss that stays at chance is a sign of trouble.
    fn must_leave_chance(&self) -> bool {
        true
    }

    /// [`MethodConfig::head`].
    fn head(&self) -> Option<&ProjectionHeadConfig> {
        None
    }

    /// [`MethodConfig::needs_labels`].
    fn needs_labels(&self) -> bool {
        false
    }

    /// [`MethodConfig::uses_labels`].
    fn uses_labels(&self) -> bool {
        self.needs_labels()
    }

    /// [`MethodConfig::view_forms`].
    fn view_forms(&self) -> [ViewForm; 2] {
        [ViewForm::Features; 2]
    }
}

impl MethodConfig {
    pub(super) fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        self.settings().objective(parts, parameters)
    }

    /// Tells `must` of every value, for batches of `batch` patches.
    pub(crate) fn check(&self, batch: usize, must: &mut Must<'_>) {
        self.settings().check(batch, must);
    }

    /// The projection head's settings, where there is one.
    pub(crate) fn head(&self) -> Option<&ProjectionHeadConfig> {
        self.settings().head()
    }

    /// Whether every clip must have a label.
    pub fn needs_labels(&self) -> bool {
        self.settings().needs_labels()
    }

    /// Whether labels are learned from, where clips have some.
    pub fn uses_labels(&self) -> bool {
        self.settings().uses_labels()
    }

    /// Whether it hears a view as sound.
    pub(crate) fn hears_sound(&self) -> bool {
        self.view_forms().contains(&ViewForm::Sound)
    }

    /// In which form it hears the first and the second view.
    pub fn view_forms(&self) -> [ViewForm; 2] {
        self.settings().view_forms()
    }
}
