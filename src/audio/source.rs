//! What every kind of file is to the reader: blocks of samples, one slice a channel.

use super::{ReadProblem, ReadRemark};

/// Rate and channels, as the header says or the first block shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spec {
    /// Samples per second and channel.
    pub(super) rate: u32,
    pub(super) channels: usize,
}

/// Sound that is being decoded.
pub(super) trait Source: Send {
    /// Rate and channels of the last block, or before the first what the header says.
    fn spec(&self) -> Spec;

    /// Samples per channel, as far as this is known without decoding.
    fn declared_len(&self) -> Option<u64>;

    /// Replaces `planes` by the next samples, one plane a channel, all of one length, never empty; `false` at the end.
    fn next_block(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<bool, ReadProblem>;

    /// Samples per channel, counted from here to the end without decoding where that can be done; nothing can be read
    /// afterwards. `None`: only decoding can tell.
    fn count(&mut self) -> Result<Option<u64>, ReadProblem> {
        Ok(self.declared_len())
    }

    /// What has been found wrong since the last call.
    fn take_remarks(&mut self) -> Vec<ReadRemark>;
}
