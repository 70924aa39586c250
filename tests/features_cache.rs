//! The feature cache: computed once, right after any interruption, stale entries dropped.

use chiffchaff::{
    audio::{AudioError, MonoReader, SampleRate, SoundChannels, WavEncoding, Waveform, write_wav},
    dataset::{Clip, Dataset, OpenClip, Span},
    features::{
        CacheConfig, CachePrecision, Compression, FeatureCache, FeaturesError, FrontEnd,
        LogMelConfig, SamplesConfig, SkippedClip,
    },
};
use proptest::prelude::*;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;

const RATE: u32 = 8000;

/// A folder of "sound" files, each byte a sample, and a cache beside it.
struct World {
    folder: TempDir,
    config: CacheConfig,
    dataset: Dataset,
    front_end: FrontEnd,
    loaded: AtomicUsize,
}

impl World {
    fn new(clips: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let clips = (0..clips)
            .map(|n| {
                let path = folder.path().join(format!("{n:04}.snd"));
                fs::write(&path, sound(n)).unwrap();
                clip(path)
            })
            .collect();
        Self {
            config: CacheConfig {
                dir: folder.path().join("cache"),
                precision: CachePrecision::F32,
            },
            folder,
            dataset: Dataset::new("made up/clips", clips, vec![]),
            front_end: FrontEnd::LogMel(LogMelConfig {
                sample_rate: SampleRate::new(RATE).unwrap(),
                n_fft: 64,
                win_length: 64,
                hop_length: 32,
                n_mels: 8,
                f_max: 4000.0,
                ..LogMelConfig::small()
            }),
            loaded: AtomicUsize::new(0),
        }
    }

    fn try_open(&self) -> Result<(FeatureCache, Vec<SkippedClip>), FeaturesError> {
        self.loaded.store(0, Ordering::Relaxed);
        let loader = |clip: &Clip| {
            self.loaded.fetch_add(1, Ordering::Relaxed);
            load(clip)
        };
        FeatureCache::open(
            &self.config,
            &self.dataset,
            &self.front_end,
            loader,
            |_, _| {},
        )
    }

    fn open(&self) -> (FeatureCache, Vec<SkippedClip>) {
        self.try_open().unwrap()
    }

    /// Opens, and says how many clips had to be loaded.
    fn loads(&self) -> usize {
        self.open();
        self.loaded.load(Ordering::Relaxed)
    }

    fn cache_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.config.dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "features"))
            .collect();
        files.sort();
        files
    }

    fn cache_file(&self) -> PathBuf {
        let files = self.cache_files();
        assert_eq!(files.len(), 1);
        files[0].clone()
    }

    fn assert_right(&self, cache: &FeatureCache) {
        let extractor = self.front_end.extractor().unwrap();
        for (n, clip) in self.dataset.clips.iter().enumerate() {
            let wanted = extractor.compute(&load(clip).unwrap().channels()[0]);
            assert_eq!(cache.features(n), wanted, "clip {n}");
        }
    }
}

fn clip(path: PathBuf) -> Clip {
    Clip::unlabelled(path)
}

fn sound(seed: usize) -> Vec<u8> {
    (0..400 + 37 * (seed % 7))
        .map(|n| (n * (seed + 3) * 7 % 251) as u8)
        .collect()
}

fn load(clip: &Clip) -> Result<Waveform, io::Error> {
    let bytes = fs::read(&clip.path)?;
    if bytes.starts_with(b"broken") {
        return Err(io::Error::other("is broken"));
    }
    let samples = bytes.iter().map(|&b| f32::from(b) / 256.0 - 0.5);
    let samples = match clip.span {
        None => samples.collect(),
        Some(span) => {
            let at = |secs: f64| (secs * f64::from(RATE)) as usize;
            let (onset, offset) = (span.onset(), span.offset());
            samples.take(at(offset)).skip(at(onset)).collect()
        }
    };
    Ok(Waveform::mono(samples, SampleRate::new(RATE).unwrap()))
}

/// Changes a file's content and makes sure that its time of change differs too.
fn change(path: &Path, seed: usize) {
    fs::write(path, sound(seed)).unwrap();
    let later = SystemTime::now() + Duration::from_secs(5);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(later)
        .unwrap();
}

#[test]
fn features_are_those_of_the_front_end_and_computed_once() {
    let world = World::new(150);
    let (cache, skipped) = world.open();
    assert!(skipped.is_empty());
    assert_eq!(cache.clips(), 150);
    assert_eq!(cache.usable().count(), 150);
    world.assert_right(&cache);
    let bytes = fs::read(world.cache_file()).unwrap();
    assert_eq!(world.loads(), 0);
    assert_eq!(fs::read(world.cache_file()).unwrap(), bytes);
}

#[test]
fn crops_are_stretches_of_the_features() {
    let world = World::new(3);
    let (cache, _) = world.open();
    let whole = cache.features(2);
    let mut crop = vec![0.0; 4 * cache.bands()];
    cache.crop(2, 3, 4, &mut crop);
    assert_eq!(crop, whole.values()[3 * 8..7 * 8]);
}

#[test]
#[should_panic(expected = "frames 0..99 of clip 1, which has")]
fn crops_beyond_the_end_are_refused() {
    let world = World::new(2);
    let (cache, _) = world.open();
    cache.crop(1, 0, 99, &mut [0.0; 99 * 8]);
}

#[test]
fn halves_keep_three_digits() {
    let mut world = World::new(4);
    let (exact, _) = world.open();
    world.config.precision = CachePrecision::F16;
    let (halves, _) = world.open();
    assert_eq!(world.cache_files().len(), 2);
    for clip in 0..4 {
        let (exact, halves) = (exact.features(clip), halves.features(clip));
        for (exact, half) in exact.values().iter().zip(halves.values()) {
            assert!(
                (exact - half).abs() <= exact.abs() / 2000.0,
                "{exact} became {half}"
            );
        }
        assert_ne!(exact, halves);
    }
}

#[test]
fn values_too_large_for_halves_are_told_and_not_stored() {
    let mut world = World::new(1);
    world.config.precision = CachePrecision::F16;
    if let FrontEnd::LogMel(config) = &mut world.front_end {
        config.compression = Compression::None {};
        config.input_scaling = chiffchaff::features::InputScaling::Gain { factor: 4e9 };
    }
    let (cache, skipped) = world.open();
    assert_eq!(cache.frames(0), 0);
    assert!(
        skipped[0].reason.contains("within ±65504"),
        "{}",
        skipped[0].reason
    );
}

#[test]
fn a_changed_file_is_computed_anew_and_only_that() {
    let world = World::new(20);
    world.open();
    change(&world.dataset.clips[7].path, 99);
    assert_eq!(world.loads(), 1);
    world.assert_right(&world.open().0);
}

#[test]
fn a_file_changed_again_and_again_does_not_grow_the_cache() {
    let world = World::new(5);
    world.open();
    let size = fs::metadata(world.cache_file()).unwrap().len();
    for seed in 0..40 {
        // The same length each time, so that only what is stale can make the file grow.
        change(&world.dataset.clips[3].path, 3 + 7 * (seed + 1));
        let time = SystemTime::now() + Duration::from_secs(100 + seed as u64);
        let file = File::options()
            .write(true)
            .open(&world.dataset.clips[3].path)
            .unwrap();
        file.set_modified(time).unwrap();
        assert_eq!(world.loads(), 1);
    }
    world.assert_right(&world.open().0);
    assert!(fs::metadata(world.cache_file()).unwrap().len() < 2 * size);
}

#[test]
fn another_setting_is_another_cache_and_returning_to_the_first_costs_nothing() {
    let mut world = World::new(6);
    world.open();
    let first = world.front_end.clone();
    if let FrontEnd::LogMel(config) = &mut world.front_end {
        config.f_min = 60.0;
    }
    assert_eq!(world.loads(), 6);
    world.assert_right(&world.open().0);
    world.front_end = first;
    assert_eq!(world.loads(), 0);
}

#[test]
fn a_subset_and_the_whole_share_their_entries() {
    let mut world = World::new(12);
    let all = world.dataset.clips.clone();
    world.open();
    world.dataset.clips = all[4..6].to_vec();
    assert_eq!(world.loads(), 0);
    world.dataset.clips = all;
    assert_eq!(world.loads(), 0);
}

#[test]
fn spans_of_one_file_are_different_clips() {
    let mut world = World::new(1);
    let whole = world.dataset.clips[0].clone();
    let span = |(onset, offset)| Clip {
        span: Span::new(onset, offset).ok(),
        ..whole.clone()
    };
    world.dataset.clips = vec![whole.clone(), span((0.0, 0.02)), span((0.01, 0.05))];
    let (cache, _) = world.open();
    world.assert_right(&cache);
    assert_ne!(cache.frames(0), cache.frames(1));
}

#[test]
fn bad_clips_are_skipped_with_their_reason_and_tried_again() {
    let mut world = World::new(8);
    let clips = &mut world.dataset.clips;
    fs::write(&clips[1].path, b"broken").unwrap();
    fs::write(&clips[2].path, b"").unwrap();
    clips[5].path = world.folder.path().join("missing.snd");
    let (cache, skipped) = world.open();
    let told: Vec<(usize, &str)> = skipped
        .iter()
        .map(|skip| (skip.clip, skip.reason.as_str()))
        .collect();
    assert_eq!(told[0], (1, "is broken"));
    assert_eq!(told[1], (2, "0 samples are too short for one frame"));
    assert!(
        told[2].0 == 5 && told[2].1.contains("missing.snd"),
        "{told:?}"
    );
    assert_eq!(cache.usable().collect::<Vec<_>>(), [0, 3, 4, 6, 7]);
    assert_eq!(cache.frames(1), 0);

    change(&world.dataset.clips[1].path, 1);
    let (cache, skipped) = world.open();
    assert_eq!(skipped.len(), 2);
    assert!(cache.frames(1) > 0);
}

#[test]
fn sound_of_the_wrong_rate_or_with_a_hole_in_it_is_skipped() {
    let world = World::new(2);
    let loader = |clip: &Clip| {
        let hole = Waveform::mono(vec![0.0, f32::NAN], SampleRate::new(RATE).unwrap());
        let fast = Waveform::mono(vec![0.0; 999], SampleRate::new(44_100).unwrap());
        Ok::<_, io::Error>(if clip == &world.dataset.clips[0] {
            hole
        } else {
            fast
        })
    };
    let (_, skipped) = FeatureCache::open(
        &world.config,
        &world.dataset,
        &world.front_end,
        loader,
        |_, _| {},
    )
    .unwrap();
    assert_eq!(
        skipped[0].reason,
        "sample 1 is NaN, but must be a finite number"
    );
    assert_eq!(
        skipped[1].reason,
        "sample rate is 44100 Hz, but the front end hears 8000 Hz"
    );
}

#[test]
fn a_clip_that_is_streamed_is_kept_as_one_that_is_read() {
    let folder = TempDir::new().unwrap();
    let rate = SampleRate::new(RATE).unwrap();
    let path = folder.path().join("a.wav");
    let dataset = Dataset::new("one", vec![clip(path.clone())], vec![]);
    let log_mel = |published: LogMelConfig| {
        FrontEnd::LogMel(LogMelConfig {
            sample_rate: rate,
            f_max: 4000.0,
            ..published
        })
    };
    let samples = SamplesConfig {
        sample_rate: rate,
        channels: SoundChannels::Mono,
    };
    let front_ends = [
        log_mel(LogMelConfig::cola()),
        log_mel(LogMelConfig::fonseca()),
        FrontEnd::Samples(samples),
    ];
    let write = |len: usize| {
        let samples = (0..len).map(|n| ((n * 7919) % 1009) as f32 / 2000.0 - 0.2);
        let sound = Waveform::mono(samples.collect(), rate);
        write_wav(&path, &sound, WavEncoding::Float32).unwrap();
    };
    let open = |front_end: &FrontEnd, is_streamed: bool| {
        let config = CacheConfig {
            dir: folder.path().join(is_streamed.to_string()),
            precision: CachePrecision::F32,
        };
        let load = |clip: &Clip| -> Result<OpenClip, AudioError> {
            let mut reader = MonoReader::open(&clip.path)?;
            if is_streamed {
                return Ok(OpenClip::Long(Box::new(reader)));
            }
            Ok(OpenClip::from(reader.read_all()?))
        };
        FeatureCache::open(&config, &dataset, front_end, load, |_, _| {}).unwrap()
    };
    write(300_000);
    for front_end in &front_ends {
        let [read, streamed] = [false, true].map(|is_streamed| {
            let (cache, skipped) = open(front_end, is_streamed);
            assert!(skipped.is_empty(), "{skipped:?}");
            (cache.checksum(0), cache.features(0))
        });
        assert!(read == streamed, "{front_end:?}");
    }
    write(100);
    for is_streamed in [false, true] {
        let (_, skipped) = open(&front_ends[0], is_streamed);
        let reason = &skipped[0].reason;
        assert!(reason.contains("100 samples are too short"), "{reason}");
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let world = World::new(200);
    let bytes: Vec<Vec<u8>> = [1, 3]
        .iter()
        .map(|&threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| world.open());
            let bytes = fs::read(world.cache_file()).unwrap();
            fs::remove_file(world.cache_file()).unwrap();
            bytes
        })
        .collect();
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn progress_ends_with_every_clip_done() {
    let world = World::new(70);
    let most = AtomicUsize::new(0);
    FeatureCache::open(
        &world.config,
        &world.dataset,
        &world.front_end,
        load,
        |done, total| {
            assert_eq!(total, 70);
            most.fetch_max(done, Ordering::Relaxed);
        },
    )
    .unwrap();
    assert_eq!(most.into_inner(), 70);
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let world = World::new(100);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| world.assert_right(&world.open().0));
        }
    });
    assert_eq!(world.loads(), 0);
}

#[test]
fn a_reader_keeps_its_features_while_another_run_rewrites_the_cache() {
    let world = World::new(4);
    let (before, _) = world.open();
    let features = before.features(3);
    for clip in &world.dataset.clips {
        change(&clip.path, 50);
    }
    world.open();
    assert_eq!(before.features(3), features);
}

#[test]
fn opening_two_thousand_clips_again_takes_well_under_a_second() {
    let world = World::new(2000);
    world.open();
    let start = Instant::now();
    assert_eq!(world.loads(), 0);
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let mut world = World::new(1);
    world.config.dir = world.dataset.clips[0].path.join("cache");
    let message = world.try_open().unwrap_err().to_string();
    assert!(
        message.contains("making its folder failed") && message.contains("0000.snd"),
        "{message}"
    );
}

/// What any damage to the file must lead to: the right features, and no more work than the damage.
fn assert_recovers(world: &World, whole: &[u8], damaged: &[u8]) -> usize {
    fs::write(world.cache_file(), damaged).unwrap();
    let (cache, skipped) = world.open();
    assert!(skipped.is_empty());
    world.assert_right(&cache);
    let loads = world.loaded.load(Ordering::Relaxed);
    assert_eq!(world.loads(), 0);
    assert!(fs::metadata(world.cache_file()).unwrap().len() <= whole.len() as u64 + 40);
    loads
}

#[test]
fn every_clip_written_before_a_kill_is_kept() {
    let world = World::new(6);
    world.open();
    let whole = fs::read(world.cache_file()).unwrap();
    let mut loads_at = vec![];
    for length in (0..=whole.len()).step_by(8) {
        loads_at.push(assert_recovers(&world, &whole, &whole[..length]));
    }
    assert!(
        loads_at.is_sorted_by(|a, b| a >= b),
        "more of the file, less to do: {loads_at:?}"
    );
    assert_eq!(loads_at.first(), Some(&6));
    assert_eq!(loads_at.last(), Some(&0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_kill_at_any_byte_leaves_a_usable_cache(cut in 0.0f64..1.0) {
        let world = World::new(9);
        world.open();
        let whole = fs::read(world.cache_file()).unwrap();
        assert_recovers(&world, &whole, &whole[..(cut * whole.len() as f64) as usize]);
    }

    #[test]
    fn pages_that_never_reached_the_disk_are_noticed(from in 0.0f64..1.0, to in 0.0f64..1.0) {
        let world = World::new(9);
        world.open();
        let whole = fs::read(world.cache_file()).unwrap();
        // Without the seal at its end the file is what a machine that lost its power leaves.
        let mut damaged = whole[..whole.len() - 40].to_vec();
        let at = |part: f64| (part * damaged.len() as f64) as usize;
        let (from, to) = (at(from.min(to)), at(from.max(to)));
        damaged[from..to].fill(0);
        assert_recovers(&world, &whole, &damaged);
    }

    #[test]
    fn strange_bytes_in_place_of_a_cache_are_replaced(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let world = World::new(2);
        world.open();
        let whole = fs::read(world.cache_file()).unwrap();
        assert_recovers(&world, &whole, &bytes);
        assert_recovers(&world, &whole, &[&whole[..], &bytes].concat());
    }
}

#[test]
fn images_of_several_channels_come_back_whole_and_in_pieces() {
    use chiffchaff::audio::SoundChannels;
    use chiffchaff::features::{FeatureSet, ThreeBandConfig};
    let mut world = World::new(3);
    world.front_end = FrontEnd::ThreeBand(ThreeBandConfig {
        sample_rate: SampleRate::new(RATE).unwrap(),
        channels: SoundChannels::Stereo,
        n_fft: 64,
        win_length: 50,
        hop_length: 32,
        ..ThreeBandConfig::esresnet_stereo()
    });
    // One side in the first clip, two in the second, three in the last.
    let sides = |clip: &Clip| {
        let mono = load(clip).unwrap().into_channels().remove(0);
        let number = clip.path.file_stem().unwrap().to_str().unwrap();
        let quieter = |by: usize| mono.iter().map(|x| x / (1 + by) as f32).collect();
        let channels = (0..=number.parse::<usize>().unwrap()).map(quieter);
        Waveform::from_channels(channels.collect(), SampleRate::new(RATE).unwrap())
    };
    let (cache, skipped) = FeatureCache::open(
        &world.config,
        &world.dataset,
        &world.front_end,
        sides,
        |_, _| {},
    )
    .unwrap();
    assert_eq!(skipped.len(), 1);
    assert!(skipped[0].reason.contains("3 channels"), "{skipped:?}");
    assert_eq!(
        (cache.channels(), cache.bands(), cache.frame_len()),
        (6, 11, 66)
    );

    let extractor = world.front_end.extractor().unwrap();
    for clip in [0, 1] {
        let sound = sides(&world.dataset.clips[clip]).unwrap();
        let wanted = extractor.compute_sound(&sound);
        assert_eq!(cache.features(clip), wanted);
        let alike = (0..3).all(|part| wanted.channel(part) == wanted.channel(part + 3));
        assert_eq!(alike, clip == 0); // a single side is taken for both

        let set = FeatureSet::of(&cache, [clip]);
        assert_eq!(set.features(0), wanted);
        let mut piece = vec![0.0; 4 * set.frame_len()];
        set.stretch(0, 2, &mut piece);
        assert_eq!(piece, wanted.values()[2 * 66..6 * 66]);
    }
}
