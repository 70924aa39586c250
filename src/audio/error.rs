//! What can be wrong with sound.

/// Why sound could not be read, converted or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// A sample rate of 0 Hz, or one beyond what [`super::SampleRate`] allows.
    #[error("sample rate is {hz} Hz, but must be between 1 and {max}", max = super::SampleRate::MAX_HZ)]
    SampleRate {
        /// The rate that was given, in Hz.
        hz: u32,
    },
}
