use crate::dataset::Span;
use serde::{Deserialize, Serialize};

/// A found event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it sounds.
    pub span: Span,
    /// How sure the detector is, `0..=1`.
    pub score: f32,
    /// Which of the detector's kinds it is, counted from 0: its place in [`Detection::labels`](super::Detection::labels).
    #[serde(default)]
    pub kind: usize,
}
