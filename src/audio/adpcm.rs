//! ADPCM in WAV: blocks of one size.

use super::{
    ReadProblem, ReadRemark,
    packets::{Demuxer, Unit},
    scan::Scan,
    wave::Adpcm,
};
use symphonia::core::{
    audio::{Channels, Position},
    codecs::audio::{
        AudioCodecParameters,
        well_known::{CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS},
    },
};

/// Blocks of ADPCM, one after the other.
pub(super) struct Blocks {
    scan: Scan,
    what: Adpcm,
    remarks: Vec<ReadRemark>,
}

impl Blocks {
    pub(super) fn new(file: std::fs::File, what: Adpcm) -> Result<Self, ReadProblem> {
        let region = what.region;
        let bytes_per_sec =
            f64::from(what.spec.rate) * what.block_bytes as f64 / what.block_frames as f64;
        let remarks = region.remarks(bytes_per_sec, what.block_bytes as u64);
        let scan = Scan::new(file, region.start, region.start + region.len)?;
        Ok(Self {
            scan,
            what,
            remarks,
        })
    }
}

impl Demuxer for Blocks {
    fn params(&self) -> AudioCodecParameters {
        let both = Position::FRONT_LEFT | Position::FRONT_RIGHT;
        let positions = if self.what.spec.channels == 1 {
            Position::FRONT_LEFT
        } else {
            both
        };
        let frames = self.what.block_frames as u64;
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(if self.what.microsoft {
                CODEC_ID_ADPCM_MS
            } else {
                CODEC_ID_ADPCM_IMA_WAV
            })
            .with_sample_rate(self.what.spec.rate)
            .with_channels(Channels::Positioned(positions))
            .with_max_frames_per_packet(frames)
            .with_frames_per_block(frames);
        params
    }

    fn declared_len(&self) -> Option<u64> {
        Some(self.what.region.len / self.what.block_bytes as u64 * self.what.block_frames as u64)
    }

    fn next_unit(&mut self) -> Result<Option<Unit>, ReadProblem> {
        let len = self.what.block_bytes;
        let data: Box<[u8]> = self.scan.peek(len)?.into();
        self.scan.skip(len as u64)?;
        let whole = data.len() == len;
        let len = self.what.block_frames as u64;
        Ok(whole.then_some(Unit {
            data,
            len,
            front: 0,
            back: 0,
        }))
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        std::mem::take(&mut self.remarks)
    }
}
