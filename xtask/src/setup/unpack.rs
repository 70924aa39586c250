//! From wheels to a libtorch folder: only what compiling, linking and running need.

use super::{Flavour, installed, receipt::Receipt, wheel::Platform};
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use zip::ZipArchive;

/// Parts of library names that only the CUDA flavour needs. The list is about names in `torch/lib`.
const CUDA_LIBRARIES: [&str; 3] = ["cuda", "nvrtc", "nvshmem"];

/// Libraries that bind to a Python interpreter.
const PYTHON_LIBRARIES: [&str; 3] = ["libtorch_python", "libshm", "libtorch_global_deps"];

/// CUDA's libraries that `libtorch_cpu` itself names.
const CUDA_FOR_THE_CPU: [&str; 2] = ["libcudart.so.13", "libcupti.so.13"];

/// The folders of an installation, in the order in which they are moved into place: the
/// libraries last, as [`installed::check`] asks for them.
const FOLDERS: [&str; 3] = ["share", "include", "lib"];

/// Unpacks `wheels` beside `folder`'s content and then moves the result into place.
///
/// # Errors
/// A wheel that cannot be read, a disk that cannot be written.
pub(super) fn unpack_all(
    wheels: &[PathBuf],
    folder: &Path,
    platform: Platform,
    flavour: Flavour,
) -> Result<Receipt> {
    let unpacking = folder.join("unpacking");
    remove_folder(&unpacking)?;
    let mut files = BTreeMap::new();
    for wheel in wheels {
        unpack(wheel, &unpacking, flavour, &mut files)
            .with_context(|| format!("cannot unpack `{}`", wheel.display()))?;
    }
    add_what_the_linker_wants(&unpacking, platform, flavour, &mut files)?;
    Receipt::remove(folder)?;
    for name in FOLDERS {
        remove_folder(&folder.join(name))?;
    }
    for name in FOLDERS {
        fs::rename(unpacking.join(name), folder.join(name))
            .with_context(|| format!("cannot move `{name}` into place"))?;
    }
    fs::write(folder.join("build-version"), installed::VERSION)?;
    remove_folder(&unpacking)?;
    Ok(Receipt::new(flavour, files))
}

fn unpack(
    wheel: &Path,
    unpacking: &Path,
    flavour: Flavour,
    files: &mut BTreeMap<String, u64>,
) -> Result<()> {
    let mut archive = ZipArchive::new(io::BufReader::new(File::open(wheel)?))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name()?.into_owned();
        let Some(place) = place_of(&name, flavour) else {
            continue;
        };
        if entry.enclosed_name().is_none() || place.contains("..") {
            bail!("`{name}` would lie outside of the folder");
        }
        let path = unpacking.join(&place);
        fs::create_dir_all(path.parent().unwrap_or(unpacking))?;
        let bytes = io::copy(&mut entry, &mut File::create(&path)?)?;
        files.insert(place, bytes);
    }
    Ok(())
}

/// Where a file of a wheel goes, relative to the libtorch folder; `None` when it is not needed.
fn place_of(name: &str, flavour: Flavour) -> Option<String> {
    if let Some(rest) = name.strip_prefix("torch/") {
        let kept = match rest.split_once('/')? {
            ("include" | "share", _) => true,
            ("lib", library) => is_needed_library(library, flavour),
            _ => false,
        };
        return kept.then(|| rest.to_owned());
    }
    // Every package of NVIDIA has its own folder; in one folder they find each other.
    let (folder, library) = name.strip_prefix("nvidia/")?.rsplit_once('/')?;
    let kept = folder.ends_with("/lib")
        && match flavour {
            Flavour::Cpu => CUDA_FOR_THE_CPU.contains(&library),
            Flavour::Cuda => library.contains(".so"),
        };
    kept.then(|| format!("lib/{library}"))
}

/// Of the files in `torch/lib`.
fn is_needed_library(name: &str, flavour: Flavour) -> bool {
    let is_library = !name.contains('/') && (name.contains(".so") || name.ends_with(".dylib"));
    let is_for_python = PYTHON_LIBRARIES
        .iter()
        .any(|prefix| name.starts_with(prefix));
    let is_for_cuda = CUDA_LIBRARIES.iter().any(|part| name.contains(part));
    // The wheel's libtorch.so is empty and pulls in CUDA; see below for ours.
    let is_stub = name == "libtorch.so";
    match flavour {
        Flavour::Cpu => is_library && !is_for_python && !is_for_cuda && !is_stub,
        Flavour::Cuda => is_library && !is_for_python,
    }
}

/// `-lgomp` and `-ltorch`, as `torch-sys` asks for them.
fn add_what_the_linker_wants(
    unpacking: &Path,
    platform: Platform,
    flavour: Flavour,
    files: &mut BTreeMap<String, u64>,
) -> Result<()> {
    if platform == Platform::MacArm {
        return Ok(());
    }
    let mut add_script = |name: &str, text: &str| {
        files.insert(format!("lib/{name}"), text.len() as u64);
        fs::write(unpacking.join("lib").join(name), text)
    };
    add_script("libgomp.so", "INPUT(-l:libgomp.so.1)")?;
    if flavour == Flavour::Cpu {
        add_script("libtorch.so", "INPUT(-ltorch_cpu)")?;
    }
    Ok(())
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::{ZipWriter, write::SimpleFileOptions};

    const IN_TORCH: [&str; 9] = [
        "torch/include/torch/torch.h",
        "torch/share/cmake/Torch/TorchConfig.cmake",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libc10.so",
        "torch/lib/libgomp.so.1",
        "torch/lib/libtorch.so",
        "torch/lib/libtorch_cuda.so",
        "torch/lib/libtorch_python.so",
        "torch/nn/functional.py",
    ];

    #[test]
    fn the_cpu_keeps_headers_and_three_libraries_of_torch() {
        let kept: Vec<_> = IN_TORCH
            .iter()
            .filter_map(|name| place_of(name, Flavour::Cpu))
            .collect();
        assert_eq!(
            kept,
            IN_TORCH[..5]
                .iter()
                .map(|name| &name[6..])
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn cuda_keeps_its_own_libraries_and_leaves_pythons() {
        let kept: Vec<_> = IN_TORCH
            .iter()
            .filter_map(|name| place_of(name, Flavour::Cuda))
            .collect();
        assert_eq!(
            kept,
            IN_TORCH[..7]
                .iter()
                .map(|name| &name[6..])
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn libraries_of_nvidia_share_one_folder() {
        let cudart = "nvidia/cu13/lib/libcudart.so.13";
        let checkpoint = "nvidia/cu13/lib/libcheckpoint.so";
        assert_eq!(
            place_of(cudart, Flavour::Cpu).as_deref(),
            Some("lib/libcudart.so.13")
        );
        assert_eq!(place_of(checkpoint, Flavour::Cpu), None);
        assert_eq!(
            place_of(checkpoint, Flavour::Cuda).as_deref(),
            Some("lib/libcheckpoint.so")
        );
    }

    #[test]
    fn an_unpacked_folder_matches_its_receipt_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("torch.whl");
        let mut writer = ZipWriter::new(File::create(&wheel).unwrap());
        for name in IN_TORCH {
            writer
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        fs::create_dir(folder.path().join("lib")).unwrap();
        fs::write(folder.path().join("lib/left-over.so"), b"").unwrap();

        let receipt =
            unpack_all(&[wheel], folder.path(), Platform::LinuxX86, Flavour::Cpu).unwrap();
        assert!(receipt.matches(folder.path()));
        assert!(!folder.path().join("lib/left-over.so").exists());
        let script = fs::read_to_string(folder.path().join("lib/libtorch.so")).unwrap();
        assert_eq!(script, "INPUT(-ltorch_cpu)");
    }

    #[test]
    fn a_wheel_cannot_write_outside_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("torch.whl");
        let mut writer = ZipWriter::new(File::create(&wheel).unwrap());
        writer
            .start_file(
                "torch/include/../../../../escaped",
                SimpleFileOptions::default(),
            )
            .unwrap();
        writer.finish().unwrap();
        let result = unpack_all(&[wheel], folder.path(), Platform::LinuxX86, Flavour::Cpu);
        assert!(result.is_err());
    }
}
