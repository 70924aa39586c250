//! Everything that reads a file, given files nobody would write.
//!
//! Every function here takes the content of a file, or of a small tree of them (`tree.rs`), and reads it as the program
//! would. What it reads must make sense, what it refuses must be refused by an error: a panic, an allocation without
//! bound or an endless loop is a finding. `cargo xtask fuzz` gives them random bytes, the test `seeds` gives them the
//! files under `seeds/`, among which every finding stays once it is mended.

mod containers;
mod damage;
mod delimited;
mod ogg;
mod tables;
mod training;
mod tree;
mod weights;

pub use containers::containers;
pub use delimited::delimited;
pub use tables::{datasets, marks, scores};
pub use training::{checkpoint, detector, experiment, features, model, run};
pub use weights::{pickle, weights};

use chiffchaff::audio::{AudioReader, recorded_at};
use std::{
    io::Write,
    panic::{self, PanicHookInfo},
    path::Path,
};

/// A target: the content of a file → read or refused.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its program and of its folder of seeds.
pub const TARGETS: [(&str, Target); 14] = [
    ("audio", audio),
    ("containers", containers),
    ("marks", marks),
    ("delimited", delimited),
    ("datasets", datasets),
    ("scores", scores),
    ("experiment", experiment),
    ("features", features),
    ("run", run),
    ("model", model),
    ("detector", detector),
    ("checkpoint", checkpoint),
    ("weights", weights),
    ("pickle", pickle),
];

/// A sound file: [`AudioReader`], [`recorded_at`].
///
/// # Panics
/// At a finding.
pub fn audio(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("a temporary file");
    recorded_at(file.path());
    let Ok(mut reader) = AudioReader::open(file.path()) else {
        return;
    };
    let channels = reader.channels();
    // A few bytes may stand for hours of silence.
    for _ in 0..1000 {
        match reader.next_block() {
            Ok(Some(block)) => {
                assert_eq!(block.len(), channels);
                let frames = block[0].len();
                for channel in block {
                    assert_eq!(channel.len(), frames);
                    assert!(channel.iter().all(|sample| sample.is_finite()));
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
}

/// The fuzzer ends at every panic, also at those of decoders that the reader turns into errors. With this, it ends at
/// those of our own code, caught or not, and at those that nothing catches.
pub fn let_decoders_panic() {
    let end = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if is_ours(panic) {
            end(panic);
        }
    }));
}

/// Whether a panic began in our own code: only of the workspace does the compiler know relative paths.
pub fn is_ours(panic: &PanicHookInfo<'_>) -> bool {
    let place = panic.location();
    place.is_some_and(|place| Path::new(place.file()).is_relative())
}
