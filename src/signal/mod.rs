//! Mathematics on samples: windows, short-time Fourier transform, mel filter banks, cosine transform, wavelets,
//! convolution, longer and shorter sound.
//!
//! Everything here works on plain slices and knows nothing of files or configuration: the values
//! have been checked by the stage that reads them ([`crate::features`]), so constructors panic on
//! nonsense instead of returning errors.
//!
//! Public are the settings that front ends share, and what the augmentations of sound are made of. The transforms serve the
//! stages after this one; [`crate::features`] computes with them.

mod convolution;
mod dct;
mod logarithm;
mod mel;
mod morlet;
mod phase_vocoder;
#[cfg(test)]
pub(crate) mod pitch;
pub(crate) mod plans;
mod rescale;
mod stft;
mod window;

pub use convolution::convolve;
pub(crate) use dct::Dct;
pub(crate) use logarithm::ln;
pub use mel::{AreaNorm, MelScale, TriangleDomain};
pub(crate) use mel::{MelBank, MelBankConfig};
pub(crate) use morlet::Morlet;
pub use phase_vocoder::stretch;
pub use rescale::rescale;
pub use stft::{Padding, WindowPlacement};
pub(crate) use stft::{Stft, StftConfig, StftWorkspace};
pub use window::{WindowShape, WindowSymmetry};
