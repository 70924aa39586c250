//! How much memory a run takes, before its first step does.

use super::{Experiment, TrainError};
use crate::encoder::{EncoderConfig, Precision};
use crate::method::MethodConfig;
use std::num::NonZeroI64;

/// What a run takes besides what it computes: the program, libtorch and its threads.
const PROGRAM: f64 = 0.3e9;
/// Bytes of a number outside the encoder.
const FLOAT: f64 = 4.0;

/// An estimate of the memory of a run on the CPU, from peaks measured for every preset (docs/presets.md). Within a factor of
/// two of those: it tells what fits from what is far from fitting.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MemoryNeed {
    /// Bytes.
    bytes: f64,
    /// The keys that decide most of it.
    keys: &'static str,
}

impl MemoryNeed {
    /// Of a run on features of these channels, of so many clips and patches an epoch.
    pub(super) fn of(experiment: &Experiment, precision: Precision, data: DataSize) -> Self {
        let parts = [
            activations(experiment, precision),
            weights(experiment),
            compared(experiment, data),
            batches(experiment, data),
        ];
        let bytes = PROGRAM + parts.iter().map(|part| part.bytes).sum::<f64>();
        let largest = parts
            .into_iter()
            .reduce(|a, b| if b.bytes > a.bytes { b } else { a });
        let keys = largest.map_or("", |part| part.keys);
        Self { bytes, keys }
    }

    /// Refuses what `present` bytes of memory cannot hold.
    pub(super) fn must_fit(&self, present: Option<u64>) -> Result<(), TrainError> {
        match present {
            Some(present) if self.bytes > present as f64 => Err(TrainError::TooMuchMemory {
                needed: gigabytes(self.bytes),
                present: gigabytes(present as f64),
                keys: self.keys,
            }),
            _ => Ok(()),
        }
    }
}

/// What counts of the data.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataSize {
    pub(super) clips: usize,
    pub(super) channels: usize,
    pub(super) patches: usize,
}

/// A part of the memory, and what decides it.
struct Part {
    bytes: f64,
    keys: &'static str,
}

/// What the encoder keeps of a batch until gradients have come back.
fn activations(experiment: &Experiment, precision: Precision) -> Part {
    let views = &experiment.views;
    // Of `moco`, what the twin computes is not kept; `npid` looks at one view.
    let whole = match experiment.method {
        MethodConfig::Moco(_) | MethodConfig::Npid(_) | MethodConfig::Supervised(_) => 1.0,
        _ => 2.0,
    };
    let small = views
        .small
        .map_or(0.0, |small| small.count as f64 * small.frames as f64);
    let frames = whole * views.frames as f64 + small;
    let pixels = experiment.train.batch_size as f64 * frames * experiment.features.bands() as f64;
    let of_precision = match precision {
        Precision::Bf16 => 1.0,
        Precision::Fp32 => 2.0,
    };
    let of_sound = match &experiment.method {
        MethodConfig::Clar(config) => {
            let rate = f64::from(experiment.features.sample_rate().hz());
            let samples = views.frames as f64 * rate / experiment.features.frame_rate();
            let width = config.sound_encoder.width as f64;
            experiment.train.batch_size as f64 * samples * width * RESNET18_PER_WIDTH
        }
        _ => 0.0,
    };
    let per_pixel = bytes_per_pixel(&experiment.encoder);
    Part {
        bytes: of_precision * (pixels * per_pixel + of_sound),
        keys: "`train.batch_size`, `views.frames` or `encoder.width`",
    }
}

/// Measured: what a ResNet-18 keeps of each number of its input, for each channel of its first layer, in bf16.
const RESNET18_PER_WIDTH: f64 = 7.0;
/// The same of a ResNet-50.
const RESNET50_PER_WIDTH: f64 = 26.0;

/// Bytes in bf16 that stay of each band of each frame.
fn bytes_per_pixel(encoder: &EncoderConfig) -> f64 {
    match encoder {
        EncoderConfig::ResNet18(config) | EncoderConfig::ResNet18Samples(config) => {
            RESNET18_PER_WIDTH * config.width as f64
        }
        EncoderConfig::ResNet50(config) => RESNET50_PER_WIDTH * config.width as f64,
        EncoderConfig::EsResNet(_) => 1700.0,
        EncoderConfig::EfficientNetB0(_) => 1100.0,
        EncoderConfig::DenseNet121(_) => 1700.0,
        EncoderConfig::FewShotResnet(_) => 2900.0,
        EncoderConfig::ProtoResnet(_) => 1500.0,
        EncoderConfig::Vgg(_) | EncoderConfig::Crnn(_) => 400.0,
        EncoderConfig::FrameNet(_) => 100.0,
    }
}

/// Millions of weights.
fn millions(encoder: &EncoderConfig) -> f64 {
    let wide = |width: i64| (width as f64 / 64.0).powi(2);
    match encoder {
        EncoderConfig::ResNet18(config) | EncoderConfig::ResNet18Samples(config) => {
            11.2 * wide(config.width)
        }
        EncoderConfig::ResNet50(config) => 23.5 * wide(config.width),
        EncoderConfig::EsResNet(_) => 30.5,
        EncoderConfig::EfficientNetB0(_) => 4.0,
        EncoderConfig::DenseNet121(_) => 7.0,
        EncoderConfig::FewShotResnet(_) => 2.0,
        EncoderConfig::ProtoResnet(_) | EncoderConfig::Vgg(_) | EncoderConfig::Crnn(_) => 1.0,
        EncoderConfig::FrameNet(_) => 0.2,
    }
}

/// Weights, their gradients and two moments, of encoder and head.
fn weights(experiment: &Experiment) -> Part {
    let widths = experiment
        .method
        .head()
        .map_or(&[][..], |head| &head.widths);
    let head = widths
        .windows(2)
        .map(|pair| pair[0] as f64 * pair[1] as f64);
    let all = 1e6 * millions(&experiment.encoder) + head.sum::<f64>();
    Part {
        bytes: 4.0 * FLOAT * all,
        keys: "`encoder.width` or `method.head.widths`",
    }
}

/// What a batch is compared with, and the similarities.
fn compared(experiment: &Experiment, data: DataSize) -> Part {
    let batch = experiment.train.batch_size as f64;
    let widths = experiment
        .method
        .head()
        .map_or(&[][..], |head| &head.widths);
    let dim = widths.last().copied().unwrap_or(128) as f64;
    let (entries, keys) = match &experiment.method {
        MethodConfig::Moco(config) => {
            let queue = config.queue as f64;
            (queue * dim + 3.0 * batch * queue, "`method.queue`")
        }
        MethodConfig::Npid(config) => {
            let compared = config.negatives.compared(data.clips);
            let memory = data.clips as f64 * dim;
            (
                memory + 2.0 * batch * compared as f64 * dim,
                "`method.negatives` or `train.batch_size`",
            )
        }
        MethodConfig::Swav(config) => {
            let prototypes = config.prototypes as f64;
            let views = 2.0
                + experiment
                    .views
                    .small
                    .map_or(0.0, |small| small.count as f64);
            let queue = config.queue.map_or(0, NonZeroI64::get) as f64;
            let scores = (3.0 * views * batch + 2.0 * queue) * prototypes;
            (
                scores + 4.0 * prototypes * dim,
                "`method.prototypes` or `method.queue`",
            )
        }
        _ => (4.0 * (2.0 * batch).powi(2), "`train.batch_size`"),
    };
    Part {
        bytes: FLOAT * entries,
        keys,
    }
}

/// Batches that wait for their step, and the order of an epoch.
fn batches(experiment: &Experiment, data: DataSize) -> Part {
    let views = &experiment.views;
    let small = views
        .small
        .map_or(0.0, |small| small.count as f64 * small.frames as f64);
    let frames = 2.0 * views.frames as f64 + small;
    let patch = frames * (data.channels * experiment.features.bands()) as f64;
    let waiting = experiment.train.data_threads.max(1) as f64 + 2.0;
    let order = 2.0 * data.patches as f64 * size_of::<usize>() as f64;
    Part {
        bytes: waiting * experiment.train.batch_size as f64 * patch * FLOAT + order,
        keys: "`train.data_threads`, `train.batch_size`, `views.frames` or `views.patches_per_clip`",
    }
}

/// `3.9 GB`
fn gigabytes(bytes: f64) -> String {
    format!("{:.1} GB", bytes / 1e9)
}

/// The memory of this machine, or of the group of processes it is shared out to, in bytes; unknown where the system does
/// not say as Linux does.
pub(super) fn present() -> Option<u64> {
    let read = |file: &str| std::fs::read_to_string(file).ok();
    let machine = total_of(&read("/proc/meminfo")?)?;
    let group = read("/sys/fs/cgroup/memory.max");
    let group = group.or_else(|| read("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    let group = group.and_then(|bytes| bytes.trim().parse::<u64>().ok());
    Some(group.map_or(machine, |group| group.min(machine)))
}

/// `MemTotal: 24000000 kB` → bytes.
fn total_of(meminfo: &str) -> Option<u64> {
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes = total.trim().strip_suffix("kB")?.trim();
    kilobytes.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: DataSize = DataSize {
        clips: 400,
        channels: 1,
        patches: 400,
    };

    fn need(preset: &str, settings: &[&str]) -> MemoryNeed {
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        let experiment = Experiment::preset(preset, &settings).unwrap();
        let precision = match experiment.encoder {
            EncoderConfig::EfficientNetB0(_) => Precision::Fp32,
            _ if preset.ends_with("compat") => Precision::Fp32,
            _ => Precision::Bf16,
        };
        MemoryNeed::of(&experiment, precision, DATA)
    }

    #[test]
    fn the_estimate_is_within_a_factor_of_two_of_what_was_measured() {
        // docs/presets.md, on a machine that computes in bf16.
        for (preset, settings, measured) in [
            ("small", &[][..], 0.4),
            ("large", &["train.batch_size=16"], 2.5),
            ("fonseca-simclr", &[], 1.5),
            ("moummad-supcon", &[], 3.6),
            ("moummad-supcon-compat", &[], 6.8),
            ("calls", &[], 0.4),
            ("simclr", &[], 2.7),
            ("moco-v2", &[], 1.8),
            ("swav", &[], 5.5),
            ("clar", &["train.batch_size=16"], 1.6),
            ("saeed-cola", &[], 2.2),
            ("emami-cola", &[], 3.9),
            ("hornauer-dls", &["train.batch_size=8"], 2.7),
            ("lin-npid", &["train.batch_size=16"], 2.0),
            ("lin-moco", &["train.batch_size=16"], 2.5),
        ] {
            let ratio = need(preset, settings).bytes / 1e9 / measured;
            assert!((0.5..2.0).contains(&ratio), "{preset}: {ratio:.2}");
        }
    }

    #[test]
    fn a_run_that_cannot_fit_is_refused_with_the_keys_to_lower() {
        let refused = |settings: &[&str]| {
            let error = need("small", settings).must_fit(Some(16_000_000_000));
            error.err().map(|error| error.to_string())
        };
        assert_eq!(refused(&[]), None);
        for (setting, key) in [
            ("views.frames=20000", "`views.frames`"),
            ("train.batch_size=100000", "`train.batch_size`"),
            ("encoder.width=1024", "`encoder.width`"),
            (
                "method={type=\"moco\", temperature=0.1, queue=16777216, momentum=0.99, head={widths=[512, 128], batch_norm=true}}",
                "`method.queue`",
            ),
            (
                "method={type=\"npid\", temperature=0.1, negatives=1000000, momentum=0.5, head={widths=[128], batch_norm=false}}",
                "`method.negatives`",
            ),
        ] {
            let told = refused(&[setting]).unwrap_or_else(|| panic!("{setting} was accepted"));
            assert!(
                told.contains("16.0 GB") && told.contains(key),
                "{setting}: {told}"
            );
        }
    }

    #[test]
    fn memory_that_is_not_known_refuses_nothing() {
        let huge = need("small", &["train.batch_size=1048576"]);
        assert!(huge.must_fit(None).is_ok());
        assert_eq!(
            total_of("MemTotal:       24000000 kB\nMemFree: 1 kB"),
            Some(24_576_000_000)
        );
        assert_eq!(total_of("nothing"), None);
    }
}
