//! Tests of batches.

use super::*;
use crate::train::{Cut, SmallViews, WindowsCut};
use std::ops::Range;

use crate::audio::{SampleRate, SoundChannels, Waveform};
use crate::dataset::{Clip, Dataset};
use crate::features::{
    CacheConfig, CachePrecision, FeatureCache, FrontEnd, LogMelConfig, SamplesConfig,
};

const LENGTHS: [usize; 3] = [9000, 8000, 3000];

/// The features of three clips whose `n`th sample is `n`/10000.
fn cache(folder: &std::path::Path, front_end: &FrontEnd) -> FeatureCache {
    let clip = |length: usize| {
        let path = folder.join(length.to_string());
        std::fs::write(&path, "its sound comes from below").unwrap();
        Clip::unlabelled(path)
    };
    let dataset = Dataset::new("three", LENGTHS.map(clip).to_vec(), Vec::new());
    let config = CacheConfig {
        dir: folder.join("cache"),
        precision: CachePrecision::F32,
    };
    let load = |clip: &Clip| {
        let name = clip.path.file_name().unwrap().to_str().unwrap();
        let samples = (0..name.parse().unwrap()).map(|n| n as f32 / 10_000.0);
        Ok::<_, std::io::Error>(Waveform::mono(samples.collect(), front_end.sample_rate()))
    };
    let opened = FeatureCache::open(&config, &dataset, front_end, load, |_, _| {});
    opened.unwrap().0
}

fn of_samples() -> FrontEnd {
    let sample_rate = SampleRate::new(8000).unwrap();
    FrontEnd::Samples(SamplesConfig {
        sample_rate,
        channels: SoundChannels::Mono,
    })
}

/// Of batches of six; nothing is augmented.
fn experiment(features: FrontEnd, views: ViewsConfig) -> Experiment {
    let set = ["augment={}", "train.batch_size=6", "train.seed=7"].map(str::to_owned);
    Experiment {
        features,
        views,
        ..Experiment::preset("small", &set).unwrap()
    }
}

fn of_clips<'a>(clips: FeatureSet<'a>, sounds: FeatureSet<'a>) -> TrainingData<'a> {
    TrainingData {
        clips,
        sounds,
        ..TrainingData::default()
    }
}

fn views(frames: usize, placement: Placement) -> ViewsConfig {
    ViewsConfig {
        frames,
        patches_per_clip: 2,
        placement,
        small: None,
        cut: Cut::Random {},
    }
}

fn whole(batch: &Batch) -> [&FeatureView; 2] {
    batch.views.each_ref().map(|view| match view {
        View::Features(view) => view,
        View::Sound(_) => panic!("features are heard"),
    })
}

#[test]
fn small_views_lie_within_the_patch_apart_and_leave_whole_ones_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), &of_samples());
    let data = of_clips(FeatureSet::of(&cache, 0..3), FeatureSet::default());
    let plain = experiment(of_samples(), views(4000, Placement::Same));
    let mut small = plain.clone();
    small.views.small = Some(SmallViews {
        count: 3,
        frames: 1000,
    });
    let [plain, small] = [&plain, &small].map(|e| Batches::new(e, &data, &[]).unwrap());
    let order = plain.order(0);
    let [without, with] = [plain.batch(0, &order, 0), small.batch(0, &order, 0)];
    for (a, b) in whole(&without).iter().zip(whole(&with)) {
        assert_eq!((&a.patches, &a.draws), (&b.patches, &b.draws));
    }
    assert!(without.small_views.is_empty());
    assert_eq!(with.small_views.len(), 3);
    let mut starts = Vec::new();
    for view in &with.small_views {
        let patches = whole(&with)[0].patches.chunks(4000);
        for (patch, part) in patches.zip(view.patches.chunks(1000)) {
            let first = patch.iter().position(|sample| *sample == part[0]).unwrap();
            assert_eq!(part, &patch[first..first + 1000]);
            starts.push(first);
        }
    }
    starts.sort_unstable();
    starts.dedup();
    assert!(starts.len() > 12, "{starts:?}");
}

#[test]
fn sound_lasts_as_long_as_the_features_of_the_same_place() {
    let folder = tempfile::tempdir().unwrap();
    let front_end = FrontEnd::LogMel(LogMelConfig {
        sample_rate: SampleRate::new(8000).unwrap(),
        n_fft: 128,
        win_length: 128,
        hop_length: 80,
        n_mels: 8,
        f_max: 4000.0,
        ..LogMelConfig::small()
    });
    let [features, samples] = [&front_end, &of_samples()].map(|f| cache(folder.path(), f));
    let [clips, sounds] = [&features, &samples].map(|cache| FeatureSet::of(cache, 0..3));
    let data = of_clips(clips.clone(), sounds);
    let mut clar = experiment(front_end, views(50, Placement::Same));
    clar.method = Experiment::preset("clar", &[]).unwrap().method;
    let batches = Batches::new(&clar, &data, &[]).unwrap();
    let batch = batches.batch(0, &batches.order(0), 0);
    let [View::Sound(sound), View::Features(image)] = &batch.views else {
        panic!("sound and features are heard");
    };
    assert_eq!((sound.len(), image.patches.len()), (6 * 4000, 6 * 50 * 8));
    let patches = sound.chunks(4000).zip(image.patches.chunks(50 * 8));
    for ((sound, image), &clip) in patches.zip(&batch.clips) {
        let first = (sound[0] * 10_000.0).round() as usize;
        assert_eq!(first % 80, 0);
        let mut expected = [0.0; 50 * 8];
        clips.stretch(clip, first / 80, &mut expected);
        assert_eq!(image, expected);
        let at = |n: usize| (first + n % (LENGTHS[clip] - first).min(6000)) as f32 / 10_000.0;
        assert!(sound.iter().enumerate().all(|(n, sample)| *sample == at(n)));
    }
}

#[test]
fn patches_of_events_are_windows_of_the_whole_recording_without_silence() {
    let mut state = 1u32;
    let mut samples: Vec<f32> = (0..3 * 22_050)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        })
        .collect();
    samples[22_050..44_100].fill(0.0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.wav");
    std::fs::write(&path, "its sound comes from below").unwrap();
    let recordings = Dataset::new("one", vec![Clip::unlabelled(path)], Vec::new());
    let config = CacheConfig {
        dir: folder.path().join("cache"),
        precision: CachePrecision::F32,
    };
    let front_end = FrontEnd::LogMel(LogMelConfig::moummad());
    let rate = SampleRate::new(22_050).unwrap();
    let load = |_: &Clip| Ok::<_, std::io::Error>(Waveform::mono(samples.clone(), rate));
    let opened = FeatureCache::open(&config, &recordings, &front_end, load, |_, _| {});
    let (cache, _) = opened.unwrap();

    let mut events = FeatureSet::default();
    for span in [(0.2, 0.5), (1.2, 1.6), (2.5, 2.52)] {
        let frames =
            WindowsCut::MOUMMAD.event_frames(span, front_end.frame_rate(), cache.frames(0));
        if let Some(frames) = frames {
            events.push_stretch(&cache, 0, frames);
        }
    }
    // The first gives three windows; the second is silent; the third has three frames.
    assert_eq!(events.len(), 2);
    let views = ViewsConfig {
        frames: 34,
        patches_per_clip: 1,
        placement: Placement::Same,
        small: None,
        cut: Cut::Windows(WindowsCut::MOUMMAD),
    };
    let mut of_windows = experiment(front_end.clone(), views);
    of_windows.train.batch_size = 3;
    let data = of_clips(events, FeatureSet::default());
    let batches = Batches::new(&of_windows, &data, &[]).unwrap();
    assert_eq!((batches.patches(), batches.steps_per_epoch()), (3, 1));

    let whole = front_end.extractor().unwrap().compute(&samples);
    let tiled = |frames: Range<usize>| -> Vec<f32> {
        let frames = frames.cycle().take(34);
        frames.flat_map(|n| whole.frame(n).to_vec()).collect()
    };
    // Frames 34 to 86: 34..68, 51..85, and the remainder 68..86, repeated.
    let expected = [tiled(34..68), tiled(51..85), tiled(68..86)];
    let order = batches.order(0);
    let batch = batches.batch(0, &order, 0);
    let [View::Features(first), View::Features(second)] = &batch.views else {
        panic!("features are heard");
    };
    assert_eq!(first.patches, second.patches);
    for (&window, patch) in order.iter().zip(first.patches.chunks(34 * 128)) {
        assert_eq!(patch, expected[window], "window {window}");
    }
}

#[test]
fn a_batch_reordered_has_the_same_patches_elsewhere() {
    use rand::SeedableRng;
    let patches: Vec<f32> = (0..60).map(|n| n as f32).collect();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let other = reordered(&patches, 3, &mut rng);
    assert_ne!(other, patches);
    let mut sorted: Vec<_> = other.chunks(3).collect();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert_eq!(sorted.concat(), patches);
}
