//! The commands that are killed, made so small that a run takes about a second.

use crate::repository::Repository;
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command, and what it ends in.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// With the folder of its results as `OUT`, and that of its features as `CACHE`.
    arguments: &'static str,
    /// What is added when it is started again.
    again: &'static str,
    /// Whether its output is a result.
    pub(super) prints: bool,
    /// Whether a file is the same in every run; records with times are not.
    pub(super) is_result: fn(&str) -> bool,
}

/// Settings of a tiny encoder.
const TINY: &str = "--set encoder.width=4 --set views.frames=32 --set train.batch_size=8 --set train.threads=1 --set features.n_mels=32";

pub(super) const CASES: [Case; 5] = [
    Case {
        name: "pretrain",
        arguments: "pretrain --preset small --data csv:clips.csv --cache CACHE --out OUT TINY --set train.max_steps=30 --set train.checkpoint_secs=0",
        again: "--resume",
        prints: false,
        is_result: |name| {
            name.ends_with(".safetensors") && !name.contains("checkpoint")
                || name.ends_with(".features")
                || name.ends_with(".toml")
        },
    },
    Case {
        name: "evaluate",
        arguments: "evaluate --model model --data csv:clips.csv --cache CACHE --out OUT --protocol knn,linear,frozen,finetune --epochs 1",
        again: "",
        prints: true,
        is_result: |name| name.ends_with("evaluation.json") || name.ends_with("gallery.json"),
    },
    Case {
        name: "study",
        arguments: "study study.toml --data csv:clips.csv --cache CACHE --out OUT --epochs 1",
        again: "",
        prints: true,
        is_result: |name| {
            ["encoder.safetensors", "evaluation.json", "comparison.md"]
                .iter()
                .any(|end| name.ends_with(end))
        },
    },
    Case {
        name: "detect",
        arguments: "detect a.flac b.flac c.flac --shots a.csv --shots b.csv --shots c.csv --method template --out OUT/found.csv --clips OUT/clips --picture OUT/page.html",
        again: "--resume",
        prints: false,
        is_result: |name| !name.starts_with("cache"),
    },
    Case {
        name: "doctor",
        arguments: "doctor --data csv:clips.csv --format json",
        again: "",
        prints: true,
        is_result: |_| true,
    },
];

const STUDY: &str = r#"
name = "two"
summary = "Two batch sizes"
preset = "small"
protocols = ["knn", "finetune"]
set = ["encoder.width=4", "views.frames=32", "train.threads=1", "features.n_mels=32", "train.max_steps=8", "train.checkpoint_secs=0"]

[[runs]]
name = "eight"
set = ["train.batch_size=8"]

[[runs]]
name = "four"
set = ["train.batch_size=4"]
"#;

/// A folder with all that the commands read.
pub(super) struct Desk {
    folder: PathBuf,
    program: PathBuf,
}

impl Desk {
    /// Clips of two classes, songs with marks, an encoder, a study.
    pub(super) fn set_up(repository: &Repository, program: PathBuf) -> Result<Self> {
        let folder = repository.root().join("target/kills");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder)?;
        let desk = Self { folder, program };
        let data = repository.root().join("data");
        desk.copy_clips(&data.join("esc10"))?;
        desk.copy_songs(&data.join("finch"))?;
        fs::write(desk.folder.join("study.toml"), STUDY)?;
        let model = "pretrain --preset small --data csv:clips.csv --cache cache --out model TINY --set train.max_steps=2";
        let made = desk.program(model, Path::new("model")).output()?;
        if !made.status.success() {
            bail!("no encoder: {}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(desk)
    }

    /// An empty folder for the results of a case.
    pub(super) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join("out").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Puts the folder of a case aside, as finding number `n`.
    pub(super) fn keep(&self, case: &Case, n: u32) -> Result<PathBuf> {
        let kept = self.folder.join(format!("finding-{n}-{}", case.name));
        fs::rename(self.folder.join("out").join(case.name), &kept)?;
        Ok(kept)
    }

    /// What the last command said.
    pub(super) fn errors(&self) -> PathBuf {
        self.folder.join("errors.txt")
    }

    pub(super) fn command(&self, case: &Case, again: bool) -> Command {
        let out = Path::new("out").join(case.name);
        let mut command = self.program(case.arguments, &out);
        if again {
            command.args(case.again.split_whitespace());
        }
        command
    }

    fn program(&self, arguments: &str, out: &Path) -> Command {
        let out = out.display().to_string();
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env("OMP_NUM_THREADS", "1");
        for word in arguments.replace("TINY", TINY).split_whitespace() {
            let word = word.replace("CACHE", &format!("{out}/cache"));
            command.arg(word.replace("OUT", &out));
        }
        command
    }

    /// Ten clips of each of two classes, in three folds.
    fn copy_clips(&self, from: &Path) -> Result<()> {
        let mut table = "path,label,fold\n".to_owned();
        for (class, target) in ["dog", "rooster"].into_iter().zip(["-0.ogg", "-1.ogg"]) {
            let mut clips: Vec<_> = fs::read_dir(from.join("audio"))?
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.to_string_lossy().ends_with(target))
                .collect();
            clips.sort();
            for (n, clip) in clips.iter().take(10).enumerate() {
                let name = format!("{class}{n}.ogg");
                fs::copy(clip, self.folder.join(&name))?;
                writeln!(table, "{name},{class},{}", n % 3 + 1)?;
            }
        }
        Ok(fs::write(self.folder.join("clips.csv"), table)?)
    }

    fn copy_songs(&self, from: &Path) -> Result<()> {
        const SONG: &str = "bengalese_gy6or6_0324";
        let marks = fs::read_to_string(from.join(SONG).with_extension("csv"))?;
        for name in ["a", "b", "c"] {
            let song = self.folder.join(name);
            fs::copy(
                from.join(SONG).with_extension("flac"),
                song.with_extension("flac"),
            )?;
            fs::write(song.with_extension("csv"), marks.replace(SONG, name))?;
        }
        Ok(())
    }
}
