//! The features of a dataset, computed once and kept on disk.
//!
//! This stage is the first that needs clips and features both, so the cache lives here and not in
//! [`crate::dataset`].

mod identity;
mod log;
mod mapped;
mod remarks;
mod values;

use super::{Extractor, FeatureStream, Features, FeaturesError, FrontEnd};
use crate::audio::{MonoReader, ReadProblem, SampleRate};
use crate::dataset::{Clip, ClipSound, Dataset, OpenClip, remarks_of};
use half::{f16, slice::HalfFloatSliceExt};
use identity::Identity;
use log::{Log, Record};
use memmap2::Mmap;
use rayon::prelude::*;
use remarks::Remarks;
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    fs::{self, File},
    io,
    path::{Path, PathBuf, absolute},
    sync::atomic::{AtomicUsize, Ordering},
};
use values::Values;

/// Clips that are computed, then written together: enough for many threads to share, few enough to
/// lose little when the process is killed.
const CHUNK_CLIPS: usize = 64;
/// The same limit in bytes of sound files, so that a few hours of recordings are not all in memory
/// at once.
const CHUNK_FILE_BYTES: u64 = 256 << 20;
/// Bytes of features after which the file is brought to the disk.
const SEAL_BYTES: usize = 64 << 20;

/// Where and how features are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// The folder of the cache files; made if it is not there.
    pub dir: PathBuf,
    /// How numbers are stored. Default f16.
    #[serde(default)]
    pub precision: CachePrecision,
}

/// How a cached number is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CachePrecision {
    /// 2 bytes: 11 significant bits, magnitudes up to 65504. Decibels are kept to ±0.03.
    #[default]
    F16,
    /// 4 bytes: as computed; for front ends without compression.
    F32,
}

impl CachePrecision {
    fn bytes(self) -> usize {
        match self {
            Self::F16 => size_of::<f16>(),
            Self::F32 => size_of::<f32>(),
        }
    }
}

/// A clip whose features could not be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedClip {
    /// Index of the clip in its dataset.
    pub clip: usize,
    /// The sound file.
    pub path: PathBuf,
    /// Why, in words for the user.
    pub reason: String,
}

/// Something odd about a clip that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipRemark {
    /// The sound file.
    pub path: PathBuf,
    /// What is odd, in words for the user.
    pub remark: String,
}

/// The features of every clip of a dataset, read from disk as they are used.
///
/// There is one file per dataset and front end. Its entries are known by path, span, size and time
/// of change of their sound file: a changed file is computed anew, and only that. Clips are written
/// in the order of the dataset whatever the number of threads, in a way that survives `kill -9`: the
/// next [`FeatureCache::open`] goes on where the last one stopped. Several processes may open the
/// same cache; they take turns.
///
/// ```no_run
/// use chiffchaff::{dataset::{Clip, Dataset}, features::{CacheConfig, FeatureCache, FrontEnd, LogMelConfig}};
/// # fn read(clip: &Clip) -> Result<chiffchaff::audio::Waveform, std::io::Error> { unimplemented!() }
/// # let dataset = Dataset::new("finches", vec![], vec![]);
/// let config = CacheConfig { dir: "data-cache".into(), precision: Default::default() };
/// let front_end = FrontEnd::LogMel(LogMelConfig::small());
/// let (cache, skipped) = FeatureCache::open(&config, &dataset, &front_end, read, |_, _| {})?;
/// let mut view = vec![0.0; 101 * cache.bands()];
/// cache.crop(0, 20, 101, &mut view);
/// # Ok::<(), chiffchaff::features::FeaturesError>(())
/// ```
#[derive(Debug)]
pub struct FeatureCache {
    map: Mmap,
    precision: CachePrecision,
    channels: usize,
    bands: usize,
    /// By index of the clip.
    entries: Vec<Option<Record>>,
    remarks: Vec<ClipRemark>,
}

impl FeatureCache {
    /// Opens the cache and computes what it lacks, on all threads of the current rayon pool.
    ///
    /// `loader` gives a clip's sound: the channels that the front end hears or one, its rate, cut to the clip's span. What it
    /// remarks is kept beside the features, see [`Self::remarks`]. A long clip may be given as a reader: a front end whose
    /// frames depend only on the sound around them, and on the level and silence of the clip, computes it in memory that does
    /// not grow with its sound.
    /// `progress` is called with clips done and clips in all, from any thread. A clip that cannot be
    /// loaded, has no frame or gives non-finite features is skipped and tried again next time.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] if the front end makes no sense, [`FeaturesError::Cache`] if files
    /// cannot be read or written.
    pub fn open<E: Display, S: Into<OpenClip>>(
        config: &CacheConfig,
        dataset: &Dataset,
        front_end: &FrontEnd,
        loader: impl Fn(&Clip) -> Result<S, E> + Sync,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<(Self, Vec<SkippedClip>), FeaturesError> {
        let extractor = front_end.extractor()?;
        let description = describe(front_end, config.precision);
        let path = config.dir.join(file_name(dataset, &description));
        let failed = |doing| {
            let path = path.clone();
            move |source| FeaturesError::Cache {
                path,
                doing,
                source,
            }
        };

        fs::create_dir_all(&config.dir).map_err(failed("making its folder"))?;
        let _lock = lock(&path).map_err(failed("locking"))?;
        let bytes_per_frame = extractor.channels() * extractor.bands() * config.precision.bytes();
        let log = Log::open(&path, &description, bytes_per_frame).map_err(failed("opening"))?;

        let clips = &dataset.clips;
        let identities: Vec<io::Result<Identity>> = clips.par_iter().map(Identity::of).collect();
        let mut log = drop_stale(log, &identities).map_err(failed("rewriting"))?;
        let missing = missing(&log, &identities);
        let mut remarks = Remarks::open(&path).map_err(failed("reading remarks beside"))?;

        let done = AtomicUsize::new(clips.len() - missing.len());
        progress(done.load(Ordering::Relaxed), clips.len());
        let compute = |&clip: &usize| {
            let entry = match &identities[clip] {
                Ok(_) => {
                    // Whoever holds the lock is the only one to write beside the cache.
                    let values = Values::new(path.with_extension(format!("{clip}.part")));
                    let precision = config.precision;
                    entry(
                        &clips[clip],
                        front_end,
                        &extractor,
                        precision,
                        &loader,
                        values,
                    )
                }
                Err(error) => Err(format!("{}: {error}", clips[clip].path.display()).into()),
            };
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, clips.len());
            entry
        };
        let mut skipped = Vec::new();
        for chunk in chunks(&missing, &identities) {
            let entries: Vec<Result<Entry, NoEntry>> = chunk.par_iter().map(compute).collect();
            let mut written = Vec::new();
            for (&clip, entry) in chunk.iter().zip(entries) {
                match (&identities[clip], entry) {
                    (Ok(identity), Ok(entry)) => {
                        remarks.set(identity, &entry.remarks);
                        written.push((identity.as_bytes(), entry.values));
                    }
                    (_, Err(NoEntry::Skipped(reason))) => skipped.push(SkippedClip {
                        clip,
                        path: clips[clip].path.clone(),
                        reason,
                    }),
                    (_, Err(NoEntry::Unwritten(source))) => {
                        return Err(failed("writing beside")(source));
                    }
                    (Err(_), Ok(_)) => unreachable!("a clip without identity is not computed"),
                }
            }
            // First, so that no kept features are without their remarks.
            remarks.write().map_err(failed("writing remarks beside"))?;
            let written = written.iter().map(|(key, values)| (*key, values));
            log.append(written).map_err(failed("writing"))?;
            if log.unsealed() > SEAL_BYTES {
                log.seal().map_err(failed("writing"))?;
            }
        }
        log.seal().map_err(failed("writing"))?;

        let (map, records) = log.into_map().map_err(failed("reading"))?;
        let cache = Self {
            remarks: remarks_of_clips(clips, &remarks, &identities),
            entries: entries_of(&map, &records, &identities),
            map,
            precision: config.precision,
            channels: extractor.channels(),
            bands: extractor.bands(),
        };
        Ok((cache, skipped))
    }

    /// Number of clips of the dataset, skipped ones included.
    pub fn clips(&self) -> usize {
        self.entries.len()
    }

    /// Indices of the clips that were not skipped, in the order of the dataset.
    pub fn usable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.clips()).filter(|&clip| self.entries[clip].is_some())
    }

    /// What was remarked when the clips were read, now or by an earlier run, in the order of the dataset; of several clips of
    /// one file, each remark once.
    pub fn remarks(&self) -> &[ClipRemark] {
        &self.remarks
    }

    /// Number of channels of the images.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Number of frequency bands of each channel.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Numbers in a frame: channels × bands.
    pub fn frame_len(&self) -> usize {
        self.channels * self.bands
    }

    /// Number of frames of a clip; 0 if it was skipped.
    ///
    /// # Panics
    /// If there is no such clip.
    pub fn frames(&self, clip: usize) -> usize {
        self.entries[clip].as_ref().map_or(0, |entry| entry.frames)
    }

    /// A checksum of a clip's features, the same in every cache of them on machines of one kind; 0 if it was skipped.
    ///
    /// # Panics
    /// If there is no such clip.
    pub fn checksum(&self, clip: usize) -> u64 {
        let entry = self.entries[clip].as_ref();
        entry.map_or(0, |entry| entry.checksum)
    }

    /// All features of a clip, `[channels, bands, frames]`; no frame if it was skipped.
    ///
    /// # Panics
    /// If there is no such clip.
    pub fn features(&self, clip: usize) -> Features {
        let frames = self.frames(clip);
        let mut values = vec![0.0; frames * self.frame_len()];
        self.crop(clip, 0, frames, &mut values);
        Features::with_channels(self.channels, self.bands, values)
    }

    /// Writes `frames` frames of a clip, beginning at frame `start`, to `out`, frame after frame.
    ///
    /// # Panics
    /// If the clip has no such frames, or `out` is not `frames` × [`Self::frame_len`] long.
    pub fn crop(&self, clip: usize, start: usize, frames: usize, out: &mut [f32]) {
        assert!(
            start + frames <= self.frames(clip),
            "frames {start}..{} of clip {clip}, which has {}",
            start + frames,
            self.frames(clip)
        );
        assert_eq!(
            out.len(),
            frames * self.frame_len(),
            "space for {frames} frames"
        );
        let Some(entry) = &self.entries[clip] else {
            return;
        };
        let values = &self.map[entry.values.clone()];
        let wanted = start * self.frame_len()..(start + frames) * self.frame_len();
        match self.precision {
            CachePrecision::F16 => {
                bytemuck::cast_slice::<u8, f16>(values)[wanted].convert_to_f32_slice(out);
            }
            CachePrecision::F32 => {
                out.copy_from_slice(&bytemuck::cast_slice::<u8, f32>(values)[wanted]);
            }
        }
    }
}

/// Everything a cached number depends on besides its clip.
fn describe(front_end: &FrontEnd, precision: CachePrecision) -> String {
    serde_json::json!({
        "program": env!("CARGO_PKG_VERSION"),
        "front_end": front_end,
        "precision": precision,
    })
    .to_string()
}

/// `<dataset>-<hash>.features`; the hash tells front ends apart, and datasets of one name in
/// different folders.
fn file_name(dataset: &Dataset, description: &str) -> String {
    let name: String = dataset
        .name
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .take(64)
        .collect();
    let folder = common_folder(&dataset.clips);
    let hash = log::checksum(description.as_bytes()).rotate_left(1)
        ^ log::checksum(folder.as_os_str().as_encoded_bytes());
    format!("{name}-{hash:016x}.features")
}

/// The deepest folder that holds all clips.
fn common_folder(clips: &[Clip]) -> PathBuf {
    let mut folders = clips
        .iter()
        .filter_map(|clip| Some(absolute(&clip.path).ok()?.parent()?.to_owned()));
    let first = folders.next().unwrap_or_default();
    folders.fold(first, |common, folder| {
        let shared = common.components().zip(folder.components());
        shared
            .take_while(|(a, b)| a == b)
            .map(|(component, _)| component)
            .collect()
    })
}

/// Waits until no other process writes this cache. The lock ends with the file handle or the
/// process, so a killed process leaves none behind; the empty lock file stays. What one left that was
/// killed while it rewrote the log goes: nobody else may write there now.
fn lock(path: &Path) -> io::Result<File> {
    let file = File::create(path.with_extension("lock"))?;
    file.lock()?;
    let _ = fs::remove_file(path.with_extension("tmp"));
    Ok(file)
}

/// Rewrites the log without entries that changed files have left behind, once these take a quarter
/// of it. Entries of clips outside the present dataset stay while their files do, so that a subset
/// and the whole can share one cache.
fn drop_stale(log: Log, identities: &[io::Result<Identity>]) -> io::Result<Log> {
    let wanted: HashSet<&[u8]> = identities
        .iter()
        .flatten()
        .map(Identity::as_bytes)
        .collect();
    let mut newest: HashMap<&[u8], usize> = HashMap::new();
    for (n, record) in log.records().iter().enumerate() {
        newest.insert(identity::subject(log.key(record)), n);
    }
    let kept: Vec<Record> = log
        .records()
        .iter()
        .enumerate()
        .filter(|&(n, record)| {
            let key = log.key(record);
            newest[identity::subject(key)] == n
                && (wanted.contains(key) || identity::is_current(key))
        })
        .map(|(_, record)| record.clone())
        .collect();
    let all: usize = log.records().iter().map(Record::size).sum();
    let stale = all - kept.iter().map(Record::size).sum::<usize>();
    if stale * 4 > log.size() {
        return log.keep(&kept);
    }
    Ok(log)
}

/// Indices of the clips that have no entry.
fn missing(log: &Log, identities: &[io::Result<Identity>]) -> Vec<usize> {
    let present: HashSet<&[u8]> = log.records().iter().map(|record| log.key(record)).collect();
    let lacks = |identity: &io::Result<Identity>| match identity {
        Ok(identity) => !present.contains(identity.as_bytes()),
        Err(_) => true,
    };
    let indices = identities.iter().enumerate();
    indices.filter(|(_, i)| lacks(i)).map(|(n, _)| n).collect()
}

/// Splits `missing` by the limits above, which depend on nothing but the files.
fn chunks<'a>(
    missing: &'a [usize],
    identities: &'a [io::Result<Identity>],
) -> impl Iterator<Item = &'a [usize]> {
    let size = |clip: usize| identities[clip].as_ref().map_or(0, Identity::file_size);
    let mut rest = missing;
    std::iter::from_fn(move || {
        let mut bytes = 0u64;
        let fitting = rest.iter().take(CHUNK_CLIPS).take_while(|&&clip| {
            bytes = bytes.saturating_add(size(clip));
            bytes <= CHUNK_FILE_BYTES
        });
        let (chunk, after) = rest.split_at(fitting.count().max(1).min(rest.len()));
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// What is kept of a clip.
struct Entry {
    values: Values,
    remarks: Vec<String>,
}

/// Why nothing is kept of a clip.
enum NoEntry {
    /// The clip cannot be used.
    Skipped(String),
    /// There is no place for its features.
    Unwritten(io::Error),
}

impl From<String> for NoEntry {
    fn from(reason: String) -> Self {
        Self::Skipped(reason)
    }
}

/// The stored form of a clip's features, appended to `values`, or why there is none.
fn entry<E: Display, S: Into<OpenClip>>(
    clip: &Clip,
    front_end: &FrontEnd,
    extractor: &Extractor,
    precision: CachePrecision,
    loader: &impl Fn(&Clip) -> Result<S, E>,
    mut values: Values,
) -> Result<Entry, NoEntry> {
    let loaded = loader(clip).map_err(|error| error.to_string())?;
    let sound = match loaded.into() {
        OpenClip::Read(sound) => sound,
        OpenClip::Long(reader) if FeatureStream::serves_clips(front_end) => {
            check_rate(reader.sample_rate(), front_end)?;
            return entry_of_stream(*reader, front_end, precision, values);
        }
        OpenClip::Long(mut reader) => ClipSound {
            sound: reader.read_all().map_err(|error| error.without_path())?,
            remarks: remarks_of(&reader),
        },
    };
    let ClipSound { sound, remarks } = sound;
    check_rate(sound.sample_rate(), front_end)?;
    let (given, heard) = (sound.channels().len(), front_end.sound_channels().count());
    if given > heard {
        return Err(format!("has {given} channels, but the front end hears {heard}").into());
    }
    for samples in sound.channels() {
        if let Some(n) = samples.iter().position(|x| !x.is_finite()) {
            let sample = samples[n];
            return Err(format!("sample {n} is {sample}, but must be a finite number").into());
        }
    }
    store(&extractor.compute_sound(&sound), precision, values.end())?;
    if values.len() == 0 {
        return Err(too_short(sound.len()).into());
    }
    Ok(Entry { values, remarks })
}

/// The same of a long recording, which is not held in memory.
fn entry_of_stream(
    reader: MonoReader,
    front_end: &FrontEnd,
    precision: CachePrecision,
    mut values: Values,
) -> Result<Entry, NoEntry> {
    let mut stream =
        FeatureStream::of_clip(reader, front_end).map_err(|error| error.without_path())?;
    while let Some(block) = stream.next_block().map_err(|error| error.without_path())? {
        store(&block, precision, values.end())?;
        values.settle().map_err(NoEntry::Unwritten)?;
    }
    if values.len() == 0 {
        return Err(match stream.unused_samples() {
            0 => ReadProblem::NoSamples.to_string(),
            samples => too_short(samples),
        }
        .into());
    }
    Ok(Entry {
        values,
        remarks: stream.remarks(),
    })
}

fn too_short(samples: usize) -> String {
    format!("{samples} samples are too short for one frame")
}

fn check_rate(given: SampleRate, front_end: &FrontEnd) -> Result<(), String> {
    let wanted = front_end.sample_rate();
    match given == wanted {
        true => Ok(()),
        false => Err(format!(
            "sample rate is {given}, but the front end hears {wanted}"
        )),
    }
}

fn remarks_of_clips(
    clips: &[Clip],
    remarks: &Remarks,
    identities: &[io::Result<Identity>],
) -> Vec<ClipRemark> {
    let mut told = HashSet::new();
    let of_clip = clips.iter().zip(identities).flat_map(|(clip, identity)| {
        let remarks = identity.as_ref().map_or(&[][..], |id| remarks.of(id));
        remarks.iter().map(move |remark| (&clip.path, remark))
    });
    of_clip
        .filter(|&remark| told.insert(remark))
        .map(|(path, remark)| ClipRemark {
            path: path.clone(),
            remark: remark.clone(),
        })
        .collect()
}

/// Appends features in their stored form.
fn store(
    features: &Features,
    precision: CachePrecision,
    stored: &mut Vec<u8>,
) -> Result<(), String> {
    let values = features.values();
    match precision {
        CachePrecision::F32 => match values.iter().find(|x| !x.is_finite()) {
            Some(x) => return Err(format!("a feature is {x}, but must be a finite number")),
            None => stored.extend_from_slice(bytemuck::cast_slice(values)),
        },
        CachePrecision::F16 => {
            let mut halves = vec![f16::ZERO; values.len()];
            halves.convert_from_f32_slice(values);
            if let Some(n) = halves.iter().position(|x| !x.is_finite()) {
                return Err(format!(
                    "a feature is {}, but stored as f16 it must be within ±65504\n\nhint: keep such features as `CachePrecision::F32`",
                    values[n]
                ));
            }
            stored.extend_from_slice(bytemuck::cast_slice(&halves));
        }
    }
    Ok(())
}

fn entries_of(
    map: &Mmap,
    records: &[Record],
    identities: &[io::Result<Identity>],
) -> Vec<Option<Record>> {
    let by_key: HashMap<&[u8], &Record> = records
        .iter()
        .map(|record| (&map[record.key.clone()], record))
        .collect();
    let find = |identity: &Identity| by_key.get(identity.as_bytes()).map(|&r| r.clone());
    identities
        .iter()
        .map(|identity| identity.as_ref().ok().and_then(find))
        .collect()
}
