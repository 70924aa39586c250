//! A path → the source that reads it.

use super::{
    ReadProblem, adpcm, adts, aiff, au, caf,
    container::{self, Container, Found},
    demuxed::{Demuxed, Kind},
    edits, ffmpeg, flac, he_aac, matroska, mpeg, ogg,
    packets::{Demuxer, Packets},
    pcm::{Layout, Pcm},
    scan::Scan,
    source::Source,
    wave,
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};
use symphonia::{
    core::{
        codecs::audio::well_known::CODEC_ID_AAC,
        errors::Error as DecodeError,
        formats::{
            FormatReader,
            probe::{Hint, Probe, ProbeableFormat},
        },
        io::{MediaSource, MediaSourceStream},
    },
    default::formats::{CafReader, IsoMp4Reader, MkvReader},
};

/// AAC of higher rates is not halved in its band.
const HALF_BAND: u32 = 24_000;

/// Opens a file by what its first bytes say; what we do not decode, by ffmpeg.
pub(super) fn source(path: &Path) -> Result<Box<dyn Source>, ReadProblem> {
    let metadata = std::fs::metadata(path).map_err(ReadProblem::Io)?;
    if !metadata.is_file() {
        return Err(ReadProblem::NotAFile);
    }
    if metadata.len() == 0 {
        return Err(ReadProblem::Empty);
    }
    let mut file = File::open(path).map_err(ReadProblem::Io)?;
    let found = container::recognise(&mut file)?.ok_or(ReadProblem::NotAudio)?;
    match ours(try_clone(&file)?, found, metadata.len()) {
        Err(problem) if may_be_for_ffmpeg(&problem, found.container) => match ffmpeg::open(path) {
            Ok(Some(source)) => {
                let ending = ending(file, found, metadata.len())?;
                Ok(Box::new(source.ending(ending)))
            }
            Ok(None) => Err(problem),
            Err(theirs) => Err(if matches!(problem, ReadProblem::NeedsFfmpeg { .. }) {
                theirs
            } else {
                problem
            }),
        },
        opened => opened,
    }
}

/// Whether ffmpeg may know better.
fn may_be_for_ffmpeg(problem: &ReadProblem, container: Container) -> bool {
    match problem {
        ReadProblem::NeedsFfmpeg { .. } | ReadProblem::UnknownCodec(_) => true,
        // Demuxers that do not know all of their format.
        ReadProblem::Header(_) => {
            matches!(
                container,
                Container::Mp4 | Container::Matroska | Container::Caf
            )
        }
        _ => false,
    }
}

/// What ffmpeg does not say of the end of a file.
fn ending(mut file: File, found: Found, held: u64) -> Result<ffmpeg::Ending, ReadProblem> {
    let start = found.start;
    let mut left_out = 0;
    let cut_off = match found.container {
        Container::Ogg => ogg::is_cut_off(Scan::new(file, start, held)?)?,
        Container::Mp4 => edits::is_cut_off(&mut file, held)?,
        Container::Matroska => matroska::end(&mut file, start, held)?.cut_off,
        Container::Wave | Container::Wave64 => match wave::read(&mut file, start, held)? {
            wave::Content::Other(_, region) => {
                left_out = region.unread;
                region.stated.is_some_and(|stated| stated > region.len)
            }
            _ => false,
        },
        Container::Foreign("AVI video") => wave::is_riff_cut_off(&mut file, start, held)?,
        _ => false,
    };
    Ok(ffmpeg::Ending { cut_off, left_out })
}

/// The same file; the two share one position.
pub(super) fn try_clone(file: &File) -> Result<File, ReadProblem> {
    file.try_clone().map_err(ReadProblem::Io)
}

fn ours(mut file: File, found: Found, held: u64) -> Result<Box<dyn Source>, ReadProblem> {
    let start = found.start;
    match found.container {
        Container::Wave | Container::Wave64 => wav(file, start, held),
        Container::Aiff => match aiff::read(&mut file, start, held)? {
            Ok(layout) => pcm(file, layout),
            Err(format) => Err(ReadProblem::NeedsFfmpeg { format }),
        },
        Container::Au => {
            let layout = au::read(&mut file, start, held)?;
            pcm(file, layout)
        }
        Container::Caf => match caf::read(&mut file, start, held)? {
            Some(layout) => pcm(file, layout),
            None => packets(Demuxed::new(
                demuxer::<CafReader<'_>>(file, start, held)?,
                Kind::Other,
            )?),
        },
        Container::Flac => packets(flac::Flac::new(file, start, held)?),
        Container::Ogg => Ok(Box::new(ogg::Ogg::new(Scan::new(file, start, held)?)?)),
        Container::Mp4 => mp4(file, held),
        Container::Matroska => {
            let end = matroska::end(&mut file, start, held)?;
            let open = || {
                let demuxer = demuxer::<MkvReader<'_>>(try_clone(&file)?, start, held);
                // Its demuxer refuses a segment that does not fit into the file.
                let demuxer = demuxer.map_err(|problem| match end.cut_off {
                    true => ReadProblem::NeedsFfmpeg {
                        format: "Matroska that is cut off".to_owned(),
                    },
                    false => problem,
                })?;
                Demuxed::new(demuxer, Kind::Other)
            };
            refuse_he_aac(open()?)?;
            packets(open()?.ending(end))
        }
        Container::Mpeg => {
            let scan = Scan::new(file, start, held)?;
            packets(mpeg::Mpeg::new(scan, !found.behind_rubbish)?)
        }
        Container::Adts => packets(adts::Adts::new(Scan::new(file, start, held)?)?),
        Container::Foreign(format) => Err(ReadProblem::NeedsFfmpeg {
            format: format.to_owned(),
        }),
        Container::NoSound(format) => Err(ReadProblem::NotDecodable { format }),
    }
}

fn wav(mut file: File, start: u64, held: u64) -> Result<Box<dyn Source>, ReadProblem> {
    match wave::read(&mut file, start, held)? {
        wave::Content::Samples(layout) => pcm(file, layout),
        wave::Content::Adpcm(what) => packets(adpcm::Blocks::new(file, what)?),
        wave::Content::Mpeg(region) => {
            let scan = Scan::new(file, region.start, region.start + region.len)?;
            packets(mpeg::Mpeg::new(scan, true)?.inside(region))
        }
        wave::Content::Other(format, _) => Err(ReadProblem::NeedsFfmpeg { format }),
    }
}

fn pcm(file: File, layout: Layout) -> Result<Box<dyn Source>, ReadProblem> {
    super::reader::check_channels(layout.spec.channels)?;
    super::reader::check_rate(layout.spec.rate)?;
    Ok(Box::new(Pcm::new(file, layout)?))
}

fn packets<D: Demuxer + 'static>(demuxer: D) -> Result<Box<dyn Source>, ReadProblem> {
    Ok(Box::new(Packets::new(demuxer)?))
}

fn mp4(mut file: File, held: u64) -> Result<Box<dyn Source>, ReadProblem> {
    // The demuxer refuses a box that does not fit into its file; so it is cut off when it is read.
    let end = edits::stated_len(&mut file, held)?;
    let open = |file: &File| -> Result<Demuxed, ReadProblem> {
        Demuxed::new(
            demuxer::<IsoMp4Reader<'_>>(try_clone(file)?, 0, end)?,
            Kind::Mp4,
        )
    };
    if edits::is_cut_in_fragments(&mut file, held)? {
        return Err(ReadProblem::NeedsFfmpeg {
            format: "MP4 in fragments that is cut off".to_owned(),
        });
    }
    let demuxed = open(&file)?;
    let (track, rate) = (demuxed.track(), demuxed.rate());
    refuse_he_aac(demuxed)?;
    let edit = edits::read(&mut file, held, track, rate)?;
    packets(open(&file)?.edited(edit))
}

/// Refuses AAC with a second half of its band, by its description or its first packets.
fn refuse_he_aac(mut demuxed: Demuxed) -> Result<(), ReadProblem> {
    let params = demuxed.params();
    if params.codec != CODEC_ID_AAC {
        return Ok(());
    }
    let description = params.extra_data.as_deref();
    let may_be = (1..=HALF_BAND).contains(&demuxed.rate());
    let is_it = description.is_some_and(he_aac::is_described)
        || may_be && he_aac::is_in(first_packets(&mut demuxed)?.iter().map(|data| &**data));
    match is_it {
        true => Err(ReadProblem::NeedsFfmpeg {
            format: "HE-AAC".to_owned(),
        }),
        false => Ok(()),
    }
}

fn first_packets(demuxed: &mut Demuxed) -> Result<Vec<Box<[u8]>>, ReadProblem> {
    let mut packets = Vec::new();
    while let Some(unit) = demuxed.next_unit()? {
        packets.push(unit.data);
        if packets.len() == he_aac::LOOKED_AT {
            break;
        }
    }
    Ok(packets)
}

/// A demuxer of one kind, and none other, over a part of a file.
pub(super) fn demuxer<F>(
    mut file: File,
    start: u64,
    end: u64,
) -> Result<Box<dyn FormatReader>, ReadProblem>
where
    F: for<'a> ProbeableFormat<'a>,
{
    file.seek(SeekFrom::Start(start)).map_err(ReadProblem::Io)?;
    let part = Part {
        file,
        start,
        end,
        at: start,
    };
    let mut probe = Probe::default();
    probe.register_format::<F>();
    let stream = MediaSourceStream::new(Box::new(part), Default::default());
    probe
        .probe(&Hint::new(), stream, Default::default(), Default::default())
        .map_err(|error| match error {
            DecodeError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ReadProblem::Truncated {
                    read_secs: 0.0,
                    declared_secs: None,
                }
            }
            DecodeError::IoError(error) => ReadProblem::Io(error),
            error => ReadProblem::Header(error),
        })
}

/// A part of a file.
struct Part {
    file: File,
    start: u64,
    end: u64,
    at: u64,
}

impl Read for Part {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.at).min(bytes.len() as u64) as usize;
        // Others may have moved it: files that were cloned share one position.
        self.file.seek(SeekFrom::Start(self.at))?;
        let read = self.file.read(&mut bytes[..left])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Part {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (self.start, i64::try_from(at).map_err(io::Error::other)?),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.end, by),
        };
        let before_file = || io::Error::new(io::ErrorKind::InvalidInput, "before the start");
        self.at = from
            .checked_add_signed(by)
            .filter(|&at| at >= self.start)
            .ok_or_else(before_file)?;
        Ok(self.at - self.start)
    }
}

impl MediaSource for Part {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.end - self.start)
    }
}
