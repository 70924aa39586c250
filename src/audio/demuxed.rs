//! Containers whose demuxer is Symphonia's: FLAC, MP4, Matroska, CAF with compressed sound. Each file goes only to the demuxer of what it is.

use super::{
    ReadProblem, ReadRemark, matroska,
    packets::{Demuxer, Unit, is_eof},
};
use std::collections::VecDeque;
use symphonia::core::{
    codecs::{
        CodecParameters,
        audio::{AudioCodecParameters, well_known::CODEC_ID_AAC},
    },
    errors::Error as DecodeError,
    formats::{FormatReader, Track, TrackType},
    packet::Packet,
    units::TimeBase,
};

/// Samples of a packet of AAC, as far as our decoder knows it.
const AAC_PACKET: u64 = 1024;

/// Samples that are missing are given in parts of at most as many.
const MISSING_PART: u64 = 1 << 16;

/// A file in the hands of one of Symphonia's demuxers.
pub(super) struct Demuxed {
    format: Box<dyn FormatReader>,
    params: AudioCodecParameters,
    track: u32,
    rate: u32,
    ticks: Option<TimeBase>,
    /// Samples by the header.
    declared: Option<u64>,
    /// What of the decoded sound an edit list keeps.
    edit: Option<Edit>,
    /// Matroska: what of its packets is no sound, and what its end is like.
    ending: Option<matroska::End>,
    /// Samples in the packets given.
    position: u64,
    /// FLAC: the number that the next frame's first sample has by the numbers of the frames so far.
    next_number: Option<u64>,
    /// Units that are given before anything else is read.
    waiting: VecDeque<Unit>,
    /// Packets read of the track.
    packets: u64,
    /// Bytes of the packets read.
    bytes: u64,
    remarks: Vec<ReadRemark>,
    ended: bool,
    kind: Kind,
}

/// What a container promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// States how many samples there are, and of each packet how many.
    Flac,
    /// States of each packet how many samples it has.
    Mp4,
    /// Neither, but when each packet is heard.
    Other,
}

/// The part of a track that is heard, in samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) first: u64,
    /// The packet in which it lies is the last.
    pub(super) end: Option<u64>,
    /// Sound that ends before is less than is promised.
    pub(super) least: u64,
    /// Whether a length of nothing is stated, which is not believed.
    pub(super) of_no_length: bool,
}

impl Demuxed {
    pub(super) fn new(format: Box<dyn FormatReader>, kind: Kind) -> Result<Self, ReadProblem> {
        let track = format
            .default_track(TrackType::Audio)
            .ok_or(ReadProblem::NoTrack)?;
        let params = audio_params(track).ok_or(ReadProblem::NoTrack)?.clone();
        let rate = params.sample_rate.unwrap_or(0);
        Ok(Self {
            track: track.id,
            rate,
            ticks: track.time_base,
            declared: track.num_frames,
            edit: None,
            ending: None,
            position: 0,
            next_number: None,
            waiting: VecDeque::new(),
            packets: 0,
            bytes: 0,
            remarks: Vec::new(),
            ended: false,
            kind,
            params,
            format,
        })
    }

    /// With what an edit list keeps of `track`.
    pub(super) fn edited(mut self, edit: Option<Edit>) -> Self {
        self.edit = edit;
        self
    }

    /// With what is known of the end of a Matroska.
    pub(super) fn ending(mut self, ending: matroska::End) -> Self {
        self.ending = Some(ending);
        self
    }

    /// The track that is read, as the container numbers it.
    pub(super) fn track(&self) -> u32 {
        self.track
    }

    /// Its sample rate, 0 if the container does not say.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Bytes of the packets read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Samples in the packets given.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn samples(&self, ticks: u64) -> u64 {
        let Some(base) = self.ticks else { return ticks };
        let (numer, denom) = (u64::from(base.numer.get()), u64::from(base.denom.get()));
        let scaled = u128::from(ticks) * u128::from(numer) * u128::from(self.rate);
        (scaled as f64 / denom as f64).round() as u64
    }

    fn secs(&self) -> f64 {
        let first = self.edit.map_or(0, |edit| edit.first);
        self.position.saturating_sub(first) as f64 / f64::from(self.rate.max(1))
    }

    fn end(&mut self, torn: bool) -> Option<Unit> {
        self.ended = true;
        let torn = self.ending.as_ref().map_or(torn, |ending| ending.cut_off);
        let missing = self
            .declared
            .filter(|&declared| self.kind == Kind::Flac && declared > self.position);
        let rate = f64::from(self.rate.max(1));
        if torn || missing.is_some() {
            self.remarks.push(ReadRemark::CutOff {
                read_secs: self.secs(),
                promised_secs: self
                    .declared
                    .filter(|&declared| declared > self.position)
                    .map(|declared| declared as f64 / rate),
            });
        } else if let Some(declared) = self
            .declared
            .filter(|&d| self.kind == Kind::Flac && d < self.position)
        {
            self.remarks.push(ReadRemark::LongerThanStated {
                read_secs: self.secs(),
                stated_secs: declared as f64 / rate,
            });
        } else if let Some(remark) = self.edit.and_then(|edit| self.not_as_edited(edit)) {
            self.remarks.push(remark);
        }
        None
    }

    /// What is to be said if the sound, now at its end, is not as the edit list promises.
    fn not_as_edited(&self, edit: Edit) -> Option<ReadRemark> {
        let secs = |samples: u64| samples as f64 / f64::from(self.rate.max(1));
        let read_secs = self.secs();
        if self.position <= edit.first {
            let (from_secs, held_secs) = (secs(edit.first), secs(self.position));
            return Some(ReadRemark::NothingKept {
                from_secs,
                held_secs,
            });
        }
        if edit.of_no_length {
            let stated_secs = 0.0;
            return Some(ReadRemark::LongerThanStated {
                read_secs,
                stated_secs,
            });
        }
        let promised = edit.end.filter(|_| self.position < edit.least)?;
        Some(ReadRemark::CutOff {
            read_secs,
            promised_secs: Some(secs(promised - edit.first)),
        })
    }

    /// FLAC numbers its samples, so that frames which are missing, as their checksums were wrong, are noticed: silence goes in
    /// their place.
    fn fill_gap(&mut self, packet: &Packet) {
        let number = u64::try_from(packet.pts.get()).unwrap_or(0);
        let len = packet.block_dur().get();
        let missing = match self.next_number {
            Some(expected) => number.saturating_sub(expected),
            None => 0,
        };
        let fits = |declared| self.position + missing + len <= declared;
        if missing > 0 && self.declared.is_none_or(fits) {
            for part in (0..missing).step_by(MISSING_PART as usize) {
                self.waiting
                    .push_back(Unit::missing(MISSING_PART.min(missing - part)));
            }
        }
        if self.next_number.is_none() && number > 0 && self.declared.is_some() {
            let lost_secs = number as f64 / f64::from(self.rate.max(1));
            let at_secs = 0.0;
            self.remarks.push(ReadRemark::Gap { at_secs, lost_secs });
        }
        self.next_number = Some(number + len);
    }

    /// Samples to be cut off the front of a packet of `len` at the present position; all of it, if the edit does not keep it.
    fn edited_front(&self, len: u64) -> u64 {
        match self.edit {
            None => 0,
            Some(edit) if edit.end.is_some_and(|end| self.position >= end) => len,
            Some(edit) => edit.first.saturating_sub(self.position).min(len),
        }
    }

    /// Samples at the front and at the back of the packet just read that are no sound, as a Matroska says.
    fn padding(&self) -> (u64, u64) {
        let Some(ending) = &self.ending else {
            return (0, 0);
        };
        let samples = |secs: f64| (secs * f64::from(self.rate)).round() as u64;
        let (front, back) = ending.padding_secs(self.track, self.packets - 1);
        (samples(front), samples(back))
    }
}

impl Demuxer for Demuxed {
    fn params(&self) -> AudioCodecParameters {
        self.params.clone()
    }

    fn declared_len(&self) -> Option<u64> {
        let whole = self.declared?;
        let first = self.edit.map_or(0, |edit| edit.first);
        Some(whole.saturating_sub(first))
    }

    fn next_unit(&mut self) -> Result<Option<Unit>, ReadProblem> {
        if let Some(unit) = self.waiting.pop_front() {
            self.position += unit.len;
            return Ok(Some(unit));
        }
        self.read_packet()
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        std::mem::take(&mut self.remarks)
    }

    fn knows_lengths(&self) -> bool {
        self.kind != Kind::Other
    }
}

impl Demuxed {
    fn read_packet(&mut self) -> Result<Option<Unit>, ReadProblem> {
        while !self.ended {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(self.end(false)),
                Err(error) if is_eof(&error) => return Ok(self.end(true)),
                Err(DecodeError::ResetRequired) => {
                    self.ended = true;
                    return Err(ReadProblem::FormatChanges {
                        read_secs: self.secs(),
                    });
                }
                Err(source) => {
                    self.ended = true;
                    return Err(ReadProblem::Damaged {
                        read_secs: self.secs(),
                        source,
                    });
                }
            };
            self.bytes += packet.data.len() as u64;
            self.packets += 1;
            let len = match self.params.codec {
                CODEC_ID_AAC => AAC_PACKET, // the last one's duration leaves out what is not to be heard
                _ => self.samples(packet.block_dur().get()),
            };
            if self.kind == Kind::Flac {
                self.fill_gap(&packet);
                if !self.waiting.is_empty() {
                    let data = packet.data;
                    self.waiting.push_back(Unit {
                        data,
                        len,
                        front: 0,
                        back: 0,
                    });
                    return self.next_unit();
                }
            }
            let (padded_front, padded_back) = self.padding();
            let front = self.edited_front(len).max(padded_front);
            let front = front.max(self.samples(packet.trim_start.get()));
            let back = padded_back.max(self.samples(packet.trim_end.get()));
            self.position = match self.kind {
                Kind::Other => self.samples(u64::try_from(packet.pts.get()).unwrap_or(0)),
                _ => self.position,
            }
            .saturating_add(len);
            return Ok(Some(Unit {
                data: packet.data,
                len,
                front,
                back,
            }));
        }
        Ok(None)
    }
}

fn audio_params(track: &Track) -> Option<&AudioCodecParameters> {
    match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Some(params),
        _ => None,
    }
}
