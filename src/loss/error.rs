//! What can be wrong with a loss.

/// Why a loss could not be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// A temperature that is zero, negative, infinite or not a number.
    #[error(
        "temperature is {given}, but must be a finite number above 0\n\nhint: published values lie between 0.05 and 0.5"
    )]
    Temperature {
        /// The value that was given.
        given: f64,
    },
    /// A margin that is zero, negative, infinite or not a number.
    #[error(
        "margin is {given}, but must be a finite number above 0\n\nhint: published values lie between 0.2 and 1"
    )]
    Margin {
        /// The value that was given.
        given: f64,
    },
}
