//! Packets, from whichever container, → blocks of samples.

use super::{
    ReadProblem, ReadRemark,
    source::{Source, Spec},
};
use std::io;
use symphonia::core::{
    audio::GenericAudioBufferRef,
    codecs::audio::{
        AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions, CODEC_ID_NULL_AUDIO,
        well_known::{
            CODEC_ID_AC3, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_OPUS, CODEC_ID_SPEEX, CODEC_ID_WMA,
        },
    },
    errors::Error as DecodeError,
    packet::PacketBuilder,
    units::{Duration, Timestamp},
};

/// A packet that decodes to `len` samples per channel, of which those in `front` and at the `back` are the encoder's and not
/// sound. Without data: one that should be there and is not.
pub(super) struct Unit {
    pub(super) data: Box<[u8]>,
    pub(super) len: u64,
    pub(super) front: u64,
    pub(super) back: u64,
}

impl Unit {
    /// A packet of `len` samples that is missing.
    pub(super) fn missing(len: u64) -> Self {
        Self {
            data: Box::default(),
            len,
            front: 0,
            back: 0,
        }
    }
}

/// A container whose packets are read one after the other.
pub(super) trait Demuxer: Send {
    /// What the first stream's decoder must know.
    fn params(&self) -> AudioCodecParameters;

    /// Samples per channel by the header.
    fn declared_len(&self) -> Option<u64>;

    /// The next packet; `None` at the end.
    fn next_unit(&mut self) -> Result<Option<Unit>, ReadProblem>;

    /// What has been found wrong since the last call.
    fn take_remarks(&mut self) -> Vec<ReadRemark>;

    /// Whether the lengths of packets are right before they are decoded.
    fn knows_lengths(&self) -> bool {
        true
    }
}

/// Samples of a packet, at most: no codec of ours gives more, whatever a container says.
const LONGEST_PACKET: u64 = 1 << 16;

/// A container's packets, decoded.
pub(super) struct Packets<D> {
    demuxer: D,
    decoder: Box<dyn AudioDecoder>,
    spec: Spec,
    /// Samples per channel given so far.
    position: u64,
    /// The stretch that could not be decoded, while it lasts: where it began, and its samples.
    damaged: Option<(u64, u64, String)>,
    remarks: Vec<ReadRemark>,
}

impl<D: Demuxer> Packets<D> {
    pub(super) fn new(demuxer: D) -> Result<Self, ReadProblem> {
        let params = demuxer.params();
        Ok(Self {
            decoder: make_decoder(&params)?,
            spec: Spec {
                rate: params.sample_rate.unwrap_or(0),
                channels: params
                    .channels
                    .as_ref()
                    .map_or(0, |channels| channels.count()),
            },
            demuxer,
            position: 0,
            damaged: None,
            remarks: Vec::new(),
        })
    }

    fn secs(&self) -> f64 {
        self.position as f64 / f64::from(self.spec.rate.max(1))
    }

    /// Decodes a packet; `false`: no samples come of it.
    fn decode(
        &mut self,
        data: Box<[u8]>,
        len: u64,
        planes: &mut Vec<Vec<f32>>,
    ) -> Result<bool, ReadProblem> {
        if data.is_empty() {
            return self.bridge(
                DecodeError::DecodeError("a part of it is missing"),
                len,
                planes,
            );
        }
        let packet = PacketBuilder::new()
            .track_id(0)
            .pts(Timestamp::ZERO)
            .dur(Duration::from(len))
            .data(data)
            .build();
        match self.decoder.decode(&packet) {
            Ok(buffer) => {
                let (rate, channels) = (buffer.spec().rate(), buffer.num_planes());
                let known = self.position > 0;
                self.check_unchanged(known, rate, channels)?;
                copy(&self.decoder.last_decoded(), planes);
                self.close_damage();
                Ok(planes.first().is_some_and(|plane| !plane.is_empty()))
            }
            Err(error) => self.bridge(error, len, planes),
        }
    }

    fn check_unchanged(
        &mut self,
        known: bool,
        rate: u32,
        channels: usize,
    ) -> Result<(), ReadProblem> {
        let spec = Spec { rate, channels };
        if known && spec != self.spec {
            return Err(ReadProblem::FormatChanges {
                read_secs: self.secs(),
            });
        }
        self.spec = spec;
        Ok(())
    }

    /// Silence in place of a packet that cannot be decoded.
    fn bridge(
        &mut self,
        error: DecodeError,
        len: u64,
        planes: &mut Vec<Vec<f32>>,
    ) -> Result<bool, ReadProblem> {
        let read_secs = self.secs();
        if matches!(&error, DecodeError::ResetRequired) {
            self.decoder.reset();
        } else if self.spec.channels == 0 {
            return Err(ReadProblem::Damaged {
                read_secs,
                source: error,
            });
        }
        if error.to_string().contains("signal spec") {
            return Err(ReadProblem::FormatChanges { read_secs });
        }
        let started = self
            .damaged
            .take()
            .unwrap_or((self.position, 0, error.to_string()));
        let len = len.min(LONGEST_PACKET);
        self.damaged = Some((started.0, started.1 + len, started.2));
        planes.resize(self.spec.channels, Vec::new());
        for plane in planes {
            plane.clear();
            plane.resize(len as usize, 0.0);
        }
        Ok(len > 0)
    }

    fn close_damage(&mut self) {
        if let Some((at, lost, reason)) = self.damaged.take() {
            let rate = f64::from(self.spec.rate.max(1));
            let (at_secs, lost_secs) = (at as f64 / rate, lost as f64 / rate);
            self.remarks.push(ReadRemark::Damaged {
                at_secs,
                lost_secs,
                reason,
            });
        }
    }
}

impl<D: Demuxer> Source for Packets<D> {
    fn spec(&self) -> Spec {
        self.spec
    }

    fn declared_len(&self) -> Option<u64> {
        self.demuxer.declared_len()
    }

    fn next_block(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<bool, ReadProblem> {
        loop {
            let Some(Unit {
                data,
                len,
                front,
                back,
            }) = self.demuxer.next_unit()?
            else {
                self.close_damage();
                return Ok(false);
            };
            if !self.decode(data, len, planes)? {
                continue;
            }
            for plane in planes.iter_mut() {
                trim(plane, front, back);
            }
            let kept = planes.first().map_or(0, Vec::len) as u64;
            self.position += kept;
            if kept > 0 {
                return Ok(true);
            }
        }
    }

    fn count(&mut self) -> Result<Option<u64>, ReadProblem> {
        if !self.demuxer.knows_lengths() {
            return Ok(None);
        }
        let mut samples = 0;
        while let Some(unit) = self.demuxer.next_unit()? {
            let heard = unit
                .len
                .saturating_sub(unit.front)
                .saturating_sub(unit.back);
            samples = heard.saturating_add(samples);
        }
        Ok(Some(samples))
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        let mut remarks = self.demuxer.take_remarks();
        remarks.append(&mut self.remarks);
        remarks
    }
}

/// Leaves out samples at the front and at the back. As ffmpeg, it does not believe that more are no sound at the back than there are.
fn trim(plane: &mut Vec<f32>, front: u64, back: u64) {
    let len = plane.len() as u64;
    plane.truncate(len.checked_sub(back).unwrap_or(len) as usize);
    plane.drain(..front.min(plane.len() as u64) as usize);
}

/// A decoded buffer of any kind as floats, one plane a channel.
pub(super) fn copy(buffer: &GenericAudioBufferRef<'_>, planes: &mut Vec<Vec<f32>>) {
    buffer.copy_to_vecs_planar(planes);
}

/// A decoder of what a container describes.
pub(super) fn make_decoder(
    params: &AudioCodecParameters,
) -> Result<Box<dyn AudioDecoder>, ReadProblem> {
    symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|error| match (error, name_of_other(params.codec)) {
            (_, Some(name)) => ReadProblem::NeedsFfmpeg {
                format: name.to_owned(),
            },
            (error @ DecodeError::Unsupported(_), _) => ReadProblem::UnknownCodec(error),
            (error, _) if params.codec == CODEC_ID_NULL_AUDIO => ReadProblem::UnknownCodec(error),
            (error, _) => ReadProblem::Header(error),
        })
}

/// The name of a codec that we do not decode.
fn name_of_other(codec: AudioCodecId) -> Option<&'static str> {
    Some(match codec {
        CODEC_ID_OPUS => "Opus",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_AC3 | CODEC_ID_EAC3 => "Dolby Digital (AC-3)",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_WMA => "Windows Media",
        _ => return None,
    })
}

pub(super) fn is_eof(error: &DecodeError) -> bool {
    matches!(error, DecodeError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_left_out_unless_it_is_more_than_there_is() {
        let trimmed = |front, back| {
            let mut plane = vec![1.0, 2.0, 3.0, 4.0];
            trim(&mut plane, front, back);
            plane
        };
        assert_eq!(trimmed(1, 1), [2.0, 3.0]);
        assert_eq!(trimmed(9, 0), [0.0; 0]);
        assert_eq!(trimmed(0, 4), [0.0; 0]);
        assert_eq!(trimmed(0, 5), [1.0, 2.0, 3.0, 4.0]);
    }
}
