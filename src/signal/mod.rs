//! Mathematics on samples: windows, short-time Fourier transform, mel filter banks, cosine transform, wavelets.
//!
//! Everything here works on plain slices and knows nothing of files or configuration: the values
//! have been checked by the stage that reads them ([`crate::features`]), so constructors panic on
//! nonsense instead of returning errors.

mod dct;
mod logarithm;
mod mel;
mod morlet;
mod stft;
mod window;

pub use dct::Dct;
pub(crate) use logarithm::ln;
pub use mel::{AreaNorm, MelBank, MelBankConfig, MelScale, TriangleDomain};
pub use morlet::Morlet;
pub use stft::{Padding, Stft, StftConfig, StftWorkspace, WindowPlacement};
pub use window::{WindowShape, WindowSymmetry};
