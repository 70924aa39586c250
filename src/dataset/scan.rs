//! Every file of a dataset read once: what there is, and what is wrong with it.

use super::count::{Count, counts, written};
use super::{Clip, Dataset, LayoutFault, Span, Split, SplitSource};
use crate::audio::{AudioError, AudioReader, Cancelled, ChannelChoice, ChannelLevels};
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher},
    hash::Hasher,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Below this peak (−80 dB of full scale) a clip counts as silent.
const SILENT_PEAK: f32 = 1e-4;

/// From this amplitude on a sample counts as at full scale, and with more than this share of them a clip as clipped.
const FULL_SCALE: f32 = 0.999;
const CLIPPED_SHARE: f64 = 0.001;

/// What [`scan`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetScan {
    /// The dataset's name.
    pub dataset: String,
    /// Number of clips, readable or not.
    pub clips: usize,
    /// Clips that can be used; silent, clipped and duplicate ones can.
    pub readable: usize,
    /// Lengths of the readable clips.
    pub lengths: Lengths,
    /// Sample rates in Hz of the readable clips, ascending, with the number of clips.
    #[serde(serialize_with = "written::value")]
    pub sample_rates: Vec<Count<u32>>,
    /// Channels of the readable clips, ascending, with the number of clips.
    #[serde(serialize_with = "written::value")]
    pub channels: Vec<Count<u32>>,
    /// Clips of each class, in the dataset's order, readable or not; a clip with several classes counts in each.
    #[serde(serialize_with = "written::class")]
    pub classes: Vec<Count<String>>,
    /// Clips without label.
    pub unlabelled: usize,
    /// Clips whose labels say that none of the classes is heard.
    pub without_class: usize,
    /// Clips of each fold, ascending.
    #[serde(serialize_with = "written::fold")]
    pub folds: Vec<Count<u32>>,
    /// Clips of each part of the official split.
    #[serde(serialize_with = "written::split")]
    pub splits: Vec<Count<Split>>,
    /// Clips of each subset, by name.
    #[serde(serialize_with = "written::subset")]
    pub subsets: Vec<Count<String>>,
    /// Sources that lie in several folds, which makes scores too good.
    pub split_sources: Vec<SplitSource>,
    /// Sounds that do, under several names.
    pub split_duplicates: Vec<SplitDuplicate>,
    /// What is not as the dataset's layout says: missing, mislabelled and misnamed files.
    pub faults: Vec<LayoutFault>,
    /// Every clip, in the dataset's order.
    pub outcomes: Vec<ClipOutcome>,
}

impl DatasetScan {
    /// Whether there are clips and nothing is wrong with any of them.
    pub fn is_fine(&self) -> bool {
        self.clips > 0
            && self.problems().next().is_none()
            && self.split_sources.is_empty()
            && self.split_duplicates.is_empty()
            && self.faults.iter().all(|fault| fault.problem.files() == 0)
    }

    /// The clips with something wrong, in the dataset's order.
    pub fn problems(&self) -> impl Iterator<Item = &ClipOutcome> {
        self.outcomes
            .iter()
            .filter(|outcome| !outcome.problems.is_empty())
    }
}

/// One sound in several files whose clips lie in several folds: who learns from one of the folds has heard the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitDuplicate {
    /// The files, sorted.
    pub paths: Vec<PathBuf>,
    /// Their folds, ascending.
    pub folds: Vec<u32>,
}

/// Lengths of clips, in seconds; all 0 if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Lengths {
    /// Of all clips together.
    pub total_secs: f64,
    /// Of the shortest clip.
    pub shortest_secs: f64,
    /// Half of the clips are shorter.
    pub median_secs: f64,
    /// Of the longest clip.
    pub longest_secs: f64,
}

/// One clip after [`scan`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClipOutcome {
    /// The sound file.
    pub path: PathBuf,
    /// The part of it, if the clip is not the whole file.
    pub span: Option<Span>,
    /// What was read; `None` if the file cannot be read to its end.
    pub facts: Option<FileFacts>,
    /// What is wrong; empty if nothing is.
    pub problems: Vec<ClipProblem>,
}

impl ClipOutcome {
    /// Whether the clip can be used.
    fn is_readable(&self) -> bool {
        !self.problems.iter().any(|problem| {
            matches!(
                problem,
                ClipProblem::Unreadable { .. } | ClipProblem::OutsideFile { .. }
            )
        })
    }
}

/// What a sound file holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FileFacts {
    /// Samples per second.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u32,
    /// Length in seconds.
    pub secs: f64,
    /// The largest absolute value; full scale is 1.
    pub peak: f32,
    /// Share of samples at full scale, 0 to 1.
    pub clipped_share: f64,
    /// How far the channels cancel each other out, where their mean is heard and they do.
    pub cancelled: Option<Cancelled>,
    /// The same for files with the same samples.
    #[serde(skip)]
    content: u64,
}

/// What a sound file holds, and what is odd about it though it can be read.
struct FileRead {
    facts: FileFacts,
    remarks: Vec<String>,
}

/// What is wrong with a clip.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClipProblem {
    /// The file cannot be read to its end.
    Unreadable {
        /// Why, as a sentence without the file's name: "is empty (0 bytes)".
        reason: String,
    },
    /// The clip's span starts behind the end of the file.
    OutsideFile {
        /// Length of the file, in seconds.
        file_secs: f64,
    },
    /// The file never exceeds −80 dB of full scale.
    Silent {
        /// Its largest absolute value.
        peak: f32,
    },
    /// The channels cancel each other out: their mean, which is heard, has lost what they share.
    Cancelled(Cancelled),
    /// The file could be read, but not all is as it promises: cut off, damaged, wrong sizes.
    Remark {
        /// What, as a sentence without the file's name: "is cut off: 0.400 s can be read".
        text: String,
    },
    /// More than one sample in a thousand is at full scale.
    Clipped {
        /// Share of such samples, 0 to 1.
        share: f64,
    },
    /// The same samples, rate and channels as a file that comes before it. Samples are compared and not bytes: the same
    /// sound under another name is often in another format too, or with other tags.
    Duplicate {
        /// That file.
        of: PathBuf,
    },
}

impl std::fmt::Display for ClipProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { reason } => f.write_str(reason),
            Self::Remark { text } => f.write_str(text),
            Self::OutsideFile { file_secs } => {
                write!(f, "ends at {file_secs:.3} s, before the clip starts")
            }
            Self::Silent { peak } => {
                write!(
                    f,
                    "is silent: its loudest sample is {peak:.6} of full scale"
                )
            }
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Clipped { share } => {
                write!(
                    f,
                    "is clipped: {:.1} % of its samples are at full scale",
                    share * 100.0
                )
            }
            Self::Duplicate { of } => write!(f, "has the same samples as {}", of.display()),
        }
    }
}

/// Reads every file of a dataset once, on all threads of the current rayon pool, block by block, so that a recording of
/// a day needs no more memory than one of a second. A bad file is an entry in the result, never an error.
///
/// `observe` hears how many of how many files have been read, after each; it is called on any thread.
pub fn scan(dataset: &Dataset, observe: impl Fn(usize, usize) + Sync) -> DatasetScan {
    let files: BTreeMap<&Path, ChannelChoice> = dataset
        .clips
        .iter()
        .map(|clip| (clip.path.as_path(), clip.channel))
        .collect();
    let done = AtomicUsize::new(0);
    let read_one = |(path, channel): (&&Path, &ChannelChoice)| {
        let facts = read_facts(path, *channel);
        observe(done.fetch_add(1, Ordering::Relaxed) + 1, files.len());
        facts
    };
    let read: Vec<_> = files.par_iter().map(read_one).collect();
    let files: HashMap<&Path, Result<FileRead, String>> = files.into_keys().zip(read).collect();
    let mut first_with: HashMap<u64, &Path> = HashMap::new();
    let outcomes: Vec<_> = dataset
        .clips
        .iter()
        .map(|clip| judge(clip, &files[clip.path.as_path()], &mut first_with))
        .collect();
    summarise(dataset, outcomes)
}

fn read_facts(path: &Path, channel: ChannelChoice) -> Result<FileRead, String> {
    read_whole(path, channel).map_err(|error| match error.read_problem() {
        Some(problem) => problem.to_string(),
        None => error.to_string(),
    })
}

fn read_whole(path: &Path, channel: ChannelChoice) -> Result<FileRead, AudioError> {
    let mut reader = AudioReader::open(path)?;
    channel.check(&reader)?;
    let mut len = 0;
    let mut heights = vec![Height::default(); reader.channels()];
    let mut levels = ChannelLevels::new(reader.channels());
    let mut content = DefaultHasher::new();
    content.write_u32(reader.sample_rate().hz());
    content.write_usize(reader.channels());
    let mut bytes = Vec::new();
    while let Some(block) = reader.next_block()? {
        len += block[0].len() as u64;
        levels.add(block);
        for (height, plane) in heights.iter_mut().zip(block) {
            height.add(plane);
        }
        // Sample by sample, so that the length of blocks, which differs between formats, has no influence.
        bytes.clear();
        for i in 0..block[0].len() {
            bytes.extend(
                block
                    .iter()
                    .flat_map(|plane| (plane[i] + 0.0).to_le_bytes()),
            );
        }
        content.write(&bytes);
    }
    if len == 0 {
        // The one case that a stream of blocks accepts and a clip does not; let the reader word it.
        return Err(AudioReader::open(path)?.read_all().map(|_| ()).unwrap_err());
    }
    let heard = match levels.heard(channel) {
        Some(plane) => &heights[plane..=plane],
        None => &heights[..],
    };
    let at_full_scale: u64 = heard.iter().map(|height| height.at_full_scale).sum();
    let facts = FileFacts {
        sample_rate: reader.sample_rate().hz(),
        channels: reader.channels() as u32,
        secs: len as f64 / f64::from(reader.sample_rate().hz()),
        peak: heard.iter().fold(0.0, |peak, height| height.peak.max(peak)),
        clipped_share: at_full_scale as f64 / (len * heard.len() as u64) as f64,
        cancelled: levels.cancelled().filter(|_| channel.is_mix()),
        content: content.finish(),
    };
    let remarks = reader.remarks().iter().map(ToString::to_string);
    Ok(FileRead {
        facts,
        remarks: remarks.collect(),
    })
}

/// How high the samples of a channel reach.
#[derive(Debug, Clone, Copy, Default)]
struct Height {
    peak: f32,
    at_full_scale: u64,
}

impl Height {
    fn add(&mut self, samples: &[f32]) {
        self.at_full_scale += samples.iter().filter(|x| x.abs() >= FULL_SCALE).count() as u64;
        self.peak = samples.iter().fold(self.peak, |peak, x| peak.max(x.abs()));
    }
}

fn judge<'a>(
    clip: &'a Clip,
    file: &Result<FileRead, String>,
    first_with: &mut HashMap<u64, &'a Path>,
) -> ClipOutcome {
    let problems = match file {
        Err(reason) => vec![ClipProblem::Unreadable {
            reason: reason.clone(),
        }],
        Ok(read) => file_problems(clip, read, first_with),
    };
    ClipOutcome {
        path: clip.path.clone(),
        span: clip.span,
        facts: file.as_ref().ok().map(|read| read.facts),
        problems,
    }
}

fn file_problems<'a>(
    clip: &'a Clip,
    FileRead { facts, remarks }: &FileRead,
    first_with: &mut HashMap<u64, &'a Path>,
) -> Vec<ClipProblem> {
    let remarks = remarks.iter().cloned();
    let mut problems: Vec<_> = remarks.map(|text| ClipProblem::Remark { text }).collect();
    if clip.span.is_some_and(|span| span.onset() >= facts.secs) {
        problems.push(ClipProblem::OutsideFile {
            file_secs: facts.secs,
        });
    }
    if facts.peak < SILENT_PEAK {
        // All silence is alike; that it is a duplicate too says nothing more.
        problems.push(ClipProblem::Silent { peak: facts.peak });
        return problems;
    }
    problems.extend(facts.cancelled.map(ClipProblem::Cancelled));
    if facts.clipped_share > CLIPPED_SHARE {
        problems.push(ClipProblem::Clipped {
            share: facts.clipped_share,
        });
    }
    let first = *first_with.entry(facts.content).or_insert(&clip.path);
    if first != clip.path {
        problems.push(ClipProblem::Duplicate {
            of: first.to_owned(),
        });
    }
    problems
}

fn summarise(dataset: &Dataset, outcomes: Vec<ClipOutcome>) -> DatasetScan {
    let readable: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.is_readable())
        .collect();
    let facts = || readable.iter().filter_map(|outcome| outcome.facts);
    let clips = &dataset.clips;
    let of_class = counts(clips.iter().flat_map(Clip::classes));
    let of_class: HashMap<usize, usize> = of_class.iter().map(|c| (c.of, c.clips)).collect();
    let classes = dataset.classes.iter().enumerate();
    let subsets = clips.iter().filter_map(|clip| clip.subset.clone());
    DatasetScan {
        dataset: dataset.name.clone(),
        clips: outcomes.len(),
        readable: readable.len(),
        lengths: lengths(
            readable
                .iter()
                .filter_map(|outcome| clip_secs(outcome))
                .collect(),
        ),
        sample_rates: counts(facts().map(|facts| facts.sample_rate)),
        channels: counts(facts().map(|facts| facts.channels)),
        classes: classes
            .map(|(i, class)| Count {
                of: class.clone(),
                clips: of_class.get(&i).copied().unwrap_or(0),
            })
            .collect(),
        unlabelled: clips.iter().filter(|clip| !clip.is_labelled()).count(),
        without_class: clips
            .iter()
            .filter(|clip| clip.is_labelled() && clip.classes().is_empty())
            .count(),
        folds: counts(clips.iter().filter_map(|clip| clip.fold)),
        splits: counts(clips.iter().filter_map(|clip| clip.split)),
        subsets: counts(subsets),
        faults: dataset.faults.clone(),
        split_sources: dataset.split_sources(),
        split_duplicates: split_duplicates(clips, &outcomes),
        outcomes,
    }
}

fn split_duplicates(clips: &[Clip], outcomes: &[ClipOutcome]) -> Vec<SplitDuplicate> {
    let mut of_sound: BTreeMap<&Path, Vec<&Clip>> = BTreeMap::new();
    for (clip, outcome) in clips.iter().zip(outcomes) {
        let first = outcome.problems.iter().find_map(|problem| match problem {
            ClipProblem::Duplicate { of } => Some(of.as_path()),
            _ => None,
        });
        of_sound
            .entry(first.unwrap_or(&clip.path))
            .or_default()
            .push(clip);
    }
    let split = of_sound.into_values().filter_map(|clips| {
        let folds: BTreeSet<u32> = clips.iter().filter_map(|clip| clip.fold).collect();
        let paths: BTreeSet<&Path> = clips.iter().map(|clip| clip.path.as_path()).collect();
        (folds.len() > 1 && paths.len() > 1).then(|| SplitDuplicate {
            paths: paths.into_iter().map(Path::to_owned).collect(),
            folds: folds.into_iter().collect(),
        })
    });
    split.collect()
}

/// Length of the clip, which is its span as far as the file reaches.
fn clip_secs(outcome: &ClipOutcome) -> Option<f64> {
    let file_secs = outcome.facts?.secs;
    Some(outcome.span.map_or(file_secs, |span| {
        span.offset().min(file_secs) - span.onset()
    }))
}

fn lengths(mut secs: Vec<f64>) -> Lengths {
    secs.sort_by(f64::total_cmp);
    let (Some(&shortest_secs), Some(&longest_secs)) = (secs.first(), secs.last()) else {
        return Lengths::default();
    };
    Lengths {
        total_secs: secs.iter().sum(),
        shortest_secs,
        median_secs: (secs[(secs.len() - 1) / 2] + secs[secs.len() / 2]) / 2.0,
        longest_secs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{SampleRate, WavEncoding, Waveform, write_wav},
        dataset::{DatasetSource, Tag},
    };
    use std::fs;

    /// A folder of clips of every kind: good, bad, odd.
    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(8000).unwrap();
        let write = |name: &str, samples: Vec<f32>, encoding| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_wav(path, &Waveform::mono(samples, rate), encoding).unwrap();
        };
        let tone: Vec<f32> = (0..8000).map(|i| ((i % 40) as f32 - 20.0) / 64.0).collect();
        write("a/tone.wav", tone.clone(), WavEncoding::Int16);
        write("b/same_in_floats.wav", tone.clone(), WavEncoding::Float32);
        write("b/silent.wav", vec![0.0; 4000], WavEncoding::Int16);
        write("b/silent_too.wav", vec![0.0; 4000], WavEncoding::Int16);
        write(
            "b/clipped.wav",
            tone.iter().map(|x| (x * 8.0).clamp(-1.0, 1.0)).collect(),
            WavEncoding::Int16,
        );
        fs::write(root.path().join("b/empty.wav"), b"").unwrap();
        fs::write(root.path().join("b/text.mp3"), b"not sound at all").unwrap();
        let whole = fs::read(root.path().join("a/tone.wav")).unwrap();
        fs::write(root.path().join("b/cut_off.wav"), &whole[..44 + 2 * 3200]).unwrap();
        fs::create_dir(root.path().join("b/folder.wav")).unwrap();
        root
    }

    fn texts(scan: &DatasetScan, root: &Path) -> Vec<String> {
        let line = |outcome: &ClipOutcome| {
            let problems: Vec<_> = outcome.problems.iter().map(ToString::to_string).collect();
            format!(
                "{} {}",
                outcome.path.strip_prefix(root).unwrap().display(),
                problems.join("; ")
            )
            .replace(&format!("{}/", root.display()), "")
        };
        scan.problems().map(line).collect()
    }

    #[test]
    fn every_bad_clip_is_listed_with_its_reason_and_the_good_ones_counted() {
        let root = folder();
        let source: DatasetSource = format!("folder:{}", root.path().display()).parse().unwrap();
        let scan = scan(&source.load().unwrap(), |_, _| {});
        let expected = [
            "b/clipped.wav is clipped: 62.5 % of its samples are at full scale",
            "b/cut_off.wav is cut off: 0.400 s can be read of the 1.000 s that its header announces",
            "b/empty.wav is empty (0 bytes)",
            "b/same_in_floats.wav has the same samples as a/tone.wav",
            "b/silent.wav is silent: its loudest sample is 0.000000 of full scale",
            "b/silent_too.wav is silent: its loudest sample is 0.000000 of full scale",
            "b/text.mp3 is not a sound file of a known format (WAV, FLAC, Ogg, MP3, AAC, M4A, AIFF, AU, CAF, Matroska)",
        ];
        assert_eq!(texts(&scan, root.path()), expected);
        assert_eq!((scan.clips, scan.readable), (8, 6)); // the one that is cut off gives what it has
        let lengths = Lengths {
            total_secs: 4.4,
            shortest_secs: 0.4,
            median_secs: 0.75,
            longest_secs: 1.0,
        };
        assert_eq!(scan.lengths, lengths);
        assert_eq!(scan.sample_rates, [Count { of: 8000, clips: 6 }]);
        let classes: Vec<_> = scan
            .classes
            .iter()
            .map(|c| (c.of.as_str(), c.clips))
            .collect();
        assert_eq!(classes, [("a", 1), ("b", 7)]);
        let json = serde_json::to_value(&scan).unwrap();
        assert_eq!(json["outcomes"][3]["problems"][0]["type"], "unreadable");
    }

    #[test]
    fn one_sound_in_two_folds_is_told() {
        let root = folder();
        let source: DatasetSource = format!("folder:{}", root.path().display()).parse().unwrap();
        let mut dataset = source.load().unwrap();
        for clip in &mut dataset.clips {
            clip.fold = Some(1);
        }
        let of = |dataset: &Dataset| scan(dataset, |_, _| {}).split_duplicates;
        assert_eq!(of(&dataset), []);
        let same = |clip: &&mut Clip| clip.path.ends_with("same_in_floats.wav");
        dataset.clips.iter_mut().find(same).unwrap().fold = Some(2);
        let found = of(&dataset);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].folds, [1, 2]);
        let expected = ["a/tone.wav", "b/same_in_floats.wav"].map(|name| root.path().join(name));
        assert_eq!(found[0].paths, expected);
        // All silence is alike, and no sound.
        let silent = |clip: &&mut Clip| clip.path.ends_with("silent.wav");
        dataset.clips.iter_mut().find(silent).unwrap().fold = Some(3);
        assert_eq!(of(&dataset).len(), 1);
    }

    #[test]
    fn every_file_is_read_once_and_progress_told() {
        let root = folder();
        let tone = Clip::unlabelled(root.path().join("a/tone.wav"));
        let silent = Clip::unlabelled(root.path().join("b/silent.wav"));
        let half = Clip {
            span: Span::new(0.0, 0.5).ok(),
            ..tone.clone()
        };
        let dataset = Dataset::new("three", vec![tone, half, silent], Vec::new());
        let heard = std::sync::Mutex::new(Vec::new());
        let scan = scan(&dataset, |done, of| heard.lock().unwrap().push((done, of)));
        let mut heard = heard.into_inner().unwrap();
        heard.sort_unstable();
        assert_eq!(heard, [(1, 2), (2, 2)]);
        // Two clips of one file are no duplicates.
        assert_eq!(scan.problems().count(), 1);
    }

    #[test]
    fn another_rate_or_other_channels_make_another_sound() {
        let root = tempfile::tempdir().unwrap();
        let samples: Vec<f32> = (0..800).map(|i| ((i % 40) as f32 - 20.0) / 64.0).collect();
        let write = |name: &str, channels: Vec<Vec<f32>>, hz| {
            let sound = Waveform::from_channels(channels, SampleRate::new(hz).unwrap()).unwrap();
            write_wav(root.path().join(name), &sound, WavEncoding::Int16).unwrap();
        };
        // Interleaved, the halves of the second are the samples of the first.
        let every_other = |start| samples.iter().copied().skip(start).step_by(2).collect();
        write("a.wav", vec![samples.clone()], 8000);
        write("b.wav", vec![every_other(0), every_other(1)], 8000);
        write("c.wav", vec![samples.clone()], 16_000);
        let source: DatasetSource = format!("folder:{}", root.path().display()).parse().unwrap();
        let scan = scan(&source.load().unwrap(), |_, _| {});
        assert_eq!(texts(&scan, root.path()), [""; 0]);
        assert!(scan.is_fine());
    }

    #[test]
    fn tags_splits_and_subsets_are_counted() {
        let clip = |tags: Option<&[usize]>, split, subset: &str| Clip {
            tags: tags.map(|tags| tags.iter().copied().map(Tag::weak).collect()),
            split: Some(split),
            subset: Some(subset.to_owned()),
            ..Clip::unlabelled("no.wav")
        };
        let clips = vec![
            clip(Some(&[0, 2, 2]), Split::Train, "weak"),
            clip(Some(&[]), Split::Test, "strong"),
            clip(None, Split::Train, "none"),
        ];
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        let scan = scan(&Dataset::new("d", clips, classes), |_, _| {});
        let counts: Vec<_> = scan.classes.iter().map(|class| class.clips).collect();
        assert_eq!(counts, [1, 0, 1]);
        assert_eq!((scan.unlabelled, scan.without_class), (1, 1));
        let splits: Vec<_> = scan.splits.iter().map(|s| (s.of, s.clips)).collect();
        assert_eq!(splits, [(Split::Train, 2), (Split::Test, 1)]);
        assert_eq!(scan.subsets.len(), 3);
        let json = serde_json::to_value(&scan).unwrap();
        assert_eq!(json["splits"][0]["split"], "train");
    }

    #[test]
    fn faults_of_the_layout_are_among_the_findings() {
        let root = tempfile::tempdir().unwrap();
        let samples: Vec<f32> = (0..800).map(|i| ((i % 40) as f32 - 20.0) / 64.0).collect();
        let sound = Waveform::mono(samples, SampleRate::new(8000).unwrap());
        for name in ["3_a_0.wav", "13_a_0.wav"] {
            write_wav(root.path().join(name), &sound, WavEncoding::Int16).unwrap();
        }
        let source: DatasetSource = format!("fsdd:{}", root.path().display()).parse().unwrap();
        let scan = scan(&source.load().unwrap(), |_, _| {});
        assert_eq!(
            (scan.clips, scan.readable, scan.problems().count()),
            (1, 1, 0)
        );
        assert!(!scan.is_fine());
        let json = serde_json::to_value(&scan).unwrap();
        assert_eq!(json["faults"][0]["type"], "misnamed");
    }

    #[test]
    fn spans_are_held_against_the_file() {
        let root = folder();
        let table = root.path().join("spans.csv");
        let rows = "path,label,onset,offset\na/tone.wav,x,0.25,0.5\na/tone.wav,x,0.9,3\na/tone.wav,x,1.5,2\nno.wav,x,0,1\n";
        fs::write(&table, rows).unwrap();
        let source = DatasetSource {
            kind: crate::dataset::DatasetKind::Csv,
            path: table,
        };
        let dataset = source.load().unwrap();
        let scan = scan(&dataset, |_, _| {});
        let texts = texts(&scan, root.path());
        assert_eq!(
            texts[0],
            "a/tone.wav ends at 1.000 s, before the clip starts"
        );
        assert!(
            texts[1].starts_with("no.wav cannot be read: No such file"),
            "{}",
            texts[1]
        );
        assert_eq!((texts.len(), scan.readable), (2, 2));
        assert!((scan.lengths.shortest_secs - 0.1).abs() < 1e-9);
        let rate = SampleRate::new(8000).unwrap();
        assert_eq!(dataset.clips[0].read_mono(rate).unwrap().len(), 2000);
        assert_eq!(dataset.clips[1].read_mono(rate).unwrap().len(), 800);
        assert!(dataset.clips[2].read_mono(rate).is_err());
    }

    #[test]
    fn the_bundled_clips_have_no_broken_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/esc10");
        let source = DatasetSource {
            kind: crate::dataset::DatasetKind::Esc10,
            path: root,
        };
        let mut dataset = source.load().unwrap();
        dataset.clips = dataset.clips.into_iter().step_by(20).collect();
        let scan = scan(&dataset, |_, _| {});
        assert_eq!((scan.clips, scan.readable), (20, 20));
        assert_eq!(
            scan.sample_rates,
            [Count {
                of: 22_050,
                clips: 20
            }]
        );
        assert!((scan.lengths.total_secs - 100.0).abs() < 1e-9);
    }
}
