//! The program `ffmpeg` into `target/tools/`: tests decode by it what we do not decode ourselves.

use super::{
    download,
    python::Python,
    wheel::{Platform, ffmpeg_wheel},
};
use crate::repository::Repository;
use anyhow::{Context, Result, bail};
use std::{
    env,
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};
use zip::ZipArchive;

/// Names the program to be used in place of the one that is fetched.
pub(crate) const VARIABLE: &str = "CHIFFCHAFF_FFMPEG";

/// Where in a wheel the program lies; the rest of its name is platform and version.
const IN_WHEEL: &str = "imageio_ffmpeg/binaries/ffmpeg-";

/// The program that [`VARIABLE`] names, or the one in `target/tools/`, fetched where it is not there.
///
/// # Errors
/// As [`super::run`].
pub(crate) fn program(repository: &Repository) -> Result<PathBuf> {
    if let Some(own) = env::var_os(VARIABLE).filter(|own| !own.is_empty()) {
        return Ok(own.into());
    }
    let folder = repository.root().join("target/tools");
    let platform = Platform::of_this_machine()?;
    let wheel = ffmpeg_wheel(platform);
    let program = folder.join(format!("ffmpeg-{}", &wheel.sha256[..12]));
    if !program.exists() {
        eprintln!("ffmpeg → {}, once (30 MB)", folder.display());
        let download = folder.join("download");
        fs::create_dir_all(&download)
            .with_context(|| format!("cannot make `{}`", download.display()))?;
        let files = download::fetch_all(&Python::find()?, platform, &[wheel], &download)?;
        unpack(&files[0], &program)?;
        fs::remove_dir_all(&download)?;
    }
    Ok(program)
}

fn unpack(wheel: &Path, program: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(wheel)?))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        if entry.name()?.starts_with(IN_WHEEL) {
            return place(&mut entry, program);
        }
    }
    bail!("`{}` holds no ffmpeg", wheel.display())
}

fn place(content: &mut impl io::Read, program: &Path) -> Result<()> {
    let unpacking = program.with_extension("part");
    io::copy(content, &mut File::create(&unpacking)?)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&unpacking, fs::Permissions::from_mode(0o755))?;
    }
    fs::rename(unpacking, program)?;
    Ok(())
}
