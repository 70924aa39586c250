//! Is there a usable libtorch in a folder? Plain `std`, as the root `build.rs` includes this file too.

use std::{fs, path::Path};

/// The one release of libtorch that `tch` 0.24 speaks to.
pub(crate) const VERSION: &str = "2.11.0";

/// Names, relative to a libtorch folder, without which nothing links.
#[cfg(target_os = "macos")]
const LIBRARIES: [&str; 2] = ["lib/libtorch_cpu.dylib", "lib/libc10.dylib"];
/// Names, relative to a libtorch folder, without which nothing links.
#[cfg(not(target_os = "macos"))]
const LIBRARIES: [&str; 2] = ["lib/libtorch_cpu.so", "lib/libc10.so"];

/// Header that states the version in every layout: our own, the official archive, a Python package.
const VERSION_HEADER: &str = "include/torch/headeronly/version.h";

/// Checks that `libtorch` holds the libraries and headers of [`VERSION`].
///
/// # Errors
/// What is wrong with the folder, in half a sentence.
pub(crate) fn check(libtorch: &Path) -> Result<(), String> {
    if !LIBRARIES.iter().all(|name| libtorch.join(name).is_file()) {
        return Err(format!("there is no libtorch in `{}`", libtorch.display()));
    }
    match version(libtorch) {
        Some(found) if found == VERSION => Ok(()),
        Some(found) => Err(format!(
            "libtorch in `{}` is {found}, but {VERSION} is required",
            libtorch.display()
        )),
        None => Err(format!(
            "libtorch in `{}` lacks its headers",
            libtorch.display()
        )),
    }
}

/// `major.minor.patch` from the version header.
fn version(libtorch: &Path) -> Option<String> {
    let header = fs::read_to_string(libtorch.join(VERSION_HEADER)).ok()?;
    let part = |name: &str| {
        header
            .lines()
            .find_map(|line| {
                line.strip_prefix("#define TORCH_VERSION_")?
                    .strip_prefix(name)
            })
            .map(|number| number.trim().to_owned())
    };
    Some(format!(
        "{}.{}.{}",
        part("MAJOR ")?,
        part("MINOR ")?,
        part("PATCH ")?
    ))
}
