//! What a loss is for whoever tells nothing apart.

use super::MethodConfig;
use crate::loss::Denominator;

impl MethodConfig {
    /// The loss of a batch of `batch` patches, of data of `classes` classes, when everything that is compared looks the same.
    ///
    /// `None` where that is no sign of trouble: `moco` and `swav` are healthy near it for hundreds of steps, and for others it
    /// hangs on what is remembered.
    ///
    /// ```text
    /// sim-clr, sup-con:  ln(2·batch − 1)      a view is one of all others
    /// cola:              ln(batch)            a positive is one of the batch
    /// supervised:        ln(classes)
    /// prototypical:      ln(ways)
    /// ```
    pub fn chance_loss(&self, batch: usize, classes: usize) -> Option<f64> {
        let choices = match self {
            Self::SimClr(_) => (2 * batch).checked_sub(1)?,
            Self::SupCon(config) => match config.denominator {
                Denominator::AllOthers => (2 * batch).checked_sub(1)?,
                Denominator::NegativesOnly => return None,
            },
            Self::Cola(_) => batch,
            Self::Supervised(_) => classes,
            Self::Prototypical(episodes) => episodes.ways.min(classes),
            Self::Moco(_)
            | Self::Npid(_)
            | Self::Swav(_)
            | Self::Clar(_)
            | Self::FrameSupCon(_) => {
                return None;
            }
        };
        (choices > 1).then(|| (choices as f64).ln())
    }
}
