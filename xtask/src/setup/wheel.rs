//! Which wheels hold libtorch and ffmpeg: exact versions and hashes, by platform.
//!
//! The versions are those that the metadata of `torch` 2.11.0 names (`cuda-toolkit` 13.0.2 names the
//! CUDA parts); the hashes are what the package index lists for these files.

use super::{Flavour, installed};
use anyhow::{Result, bail};
use std::env::consts::{ARCH, OS};

/// A machine that libtorch exists for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Platform {
    LinuxX86,
    LinuxArm,
    MacArm,
}

/// One file of the package index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wheel {
    pub(super) package: &'static str,
    pub(super) version: &'static str,
    /// SHA-256 in hexadecimal digits.
    pub(super) sha256: &'static str,
}

impl Platform {
    /// The machine this program runs on.
    pub(super) fn of_this_machine() -> Result<Self> {
        match (OS, ARCH) {
            ("linux", "x86_64") if cfg!(target_env = "gnu") => Ok(Self::LinuxX86),
            ("linux", "aarch64") if cfg!(target_env = "gnu") => Ok(Self::LinuxArm),
            ("macos", "aarch64") => Ok(Self::MacArm),
            _ => bail!(
                "there is no packaged libtorch {} for {OS} on {ARCH}, only for Linux with glibc on \
                 x86_64 and aarch64 and for macOS on aarch64\n\nhint: set `LIBTORCH` to a folder \
                 with libtorch {}, or build the library without it: `--no-default-features`",
                installed::VERSION,
                installed::VERSION
            ),
        }
    }

    /// Platform tags for pip; with tags given it does not expand them by itself.
    pub(super) fn tags(self) -> Vec<String> {
        match self {
            Self::LinuxX86 => manylinux_tags("x86_64"),
            Self::LinuxArm => manylinux_tags("aarch64"),
            Self::MacArm => vec!["macosx_11_0_arm64".to_owned()],
        }
    }

    /// The wheels to fetch for `flavour`.
    pub(super) fn wheels(self, flavour: Flavour) -> Result<Vec<Wheel>> {
        let table = match self {
            Self::LinuxX86 => LINUX_X86,
            Self::LinuxArm => LINUX_ARM,
            Self::MacArm => MAC_ARM,
        };
        match flavour {
            Flavour::Cpu => Ok(table
                .iter()
                .copied()
                .filter(Wheel::needed_without_cuda)
                .collect()),
            Flavour::Cuda if self == Self::MacArm => {
                bail!("there is no CUDA for macOS; `cargo xtask setup` installs libtorch with MPS")
            }
            Flavour::Cuda => Ok(table.to_vec()),
        }
    }
}

impl Wheel {
    /// `libtorch_cpu` of the Linux wheels names two small CUDA libraries as needed.
    fn needed_without_cuda(&self) -> bool {
        ["torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"].contains(&self.package)
    }

    /// `package==version`, as pip wants it.
    pub(super) fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// What the name of its file starts with.
    pub(super) fn file_prefix(&self) -> String {
        format!("{}-{}-", self.package.replace('-', "_"), self.version)
    }
}

/// All tags a machine with glibc 2.28 accepts, newest first.
fn manylinux_tags(arch: &str) -> Vec<String> {
    let by_glibc = (5..=28)
        .rev()
        .map(|minor| format!("manylinux_2_{minor}_{arch}"));
    let by_year = ["2014", "2010", "1"].map(|year| format!("manylinux{year}_{arch}"));
    by_glibc.chain(by_year).collect()
}

const fn wheel(package: &'static str, version: &'static str, sha256: &'static str) -> Wheel {
    Wheel {
        package,
        version,
        sha256,
    }
}

/// The wheel that holds a static ffmpeg 7 (7.0.2 on Linux, 7.1 on macOS).
pub(super) fn ffmpeg_wheel(platform: Platform) -> Wheel {
    let sha256 = match platform {
        Platform::LinuxX86 => "c7e46fcec401dd990405049d2e2f475e2b397779df2519b544b8aab515195282",
        Platform::LinuxArm => "1d47bebd83d2c5fc770720d211855f208af8a596c82d17730aa51e815cdee6dc",
        Platform::MacArm => "b1ae3173414b5fc5f538a726c4e48ea97edc0d2cdc11f103afee655c463fa742",
    };
    wheel("imageio-ffmpeg", "0.6.0", sha256)
}

#[rustfmt::skip]
const LINUX_X86: &[Wheel] = &[
    wheel("torch", "2.11.0", "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756"),
    wheel("nvidia-cublas", "13.1.0.3", "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171"),
    wheel("nvidia-cuda-cupti", "13.0.85", "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
    wheel("nvidia-cuda-nvrtc", "13.0.88", "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575"),
    wheel("nvidia-cuda-runtime", "13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
    wheel("nvidia-cudnn-cu13", "9.19.0.56", "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf"),
    wheel("nvidia-cufft", "12.0.0.61", "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3"),
    wheel("nvidia-cufile", "1.15.1.6", "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44"),
    wheel("nvidia-curand", "10.4.0.35", "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc"),
    wheel("nvidia-cusolver", "12.0.4.66", "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112"),
    wheel("nvidia-cusparse", "12.6.3.3", "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b"),
    wheel("nvidia-cusparselt-cu13", "0.8.0", "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd"),
    wheel("nvidia-nccl-cu13", "2.28.9", "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42"),
    wheel("nvidia-nvjitlink", "13.0.88", "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b"),
    wheel("nvidia-nvshmem-cu13", "3.4.5", "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80"),
    wheel("nvidia-nvtx", "13.0.85", "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4"),
];

#[rustfmt::skip]
const LINUX_ARM: &[Wheel] = &[
    wheel("torch", "2.11.0", "f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f"),
    wheel("nvidia-cublas", "13.1.0.3", "c86fc7f7ae36d7528288c5d88098edcb7b02c633d262e7ddbb86b0ad91be5df2"),
    wheel("nvidia-cuda-cupti", "13.0.85", "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151"),
    wheel("nvidia-cuda-nvrtc", "13.0.88", "d27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b"),
    wheel("nvidia-cuda-runtime", "13.0.96", "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55"),
    wheel("nvidia-cudnn-cu13", "9.19.0.56", "6ed29ffaee1176c612daf442e4dd6cfeb6a0caa43ddcbeb59da94953030b1be4"),
    wheel("nvidia-cufft", "12.0.0.61", "2708c852ef8cd89d1d2068bdbece0aa188813a0c934db3779b9b1faa8442e5f5"),
    wheel("nvidia-cufile", "1.15.1.6", "bdc0deedc61f548bddf7733bdc216456c2fdb101d020e1ab4b88d232d5e2f6d1"),
    wheel("nvidia-curand", "10.4.0.35", "133df5a7509c3e292aaa2b477afd0194f06ce4ea24d714d616ff36439cee349a"),
    wheel("nvidia-cusolver", "12.0.4.66", "02c2457eaa9e39de20f880f4bd8820e6a1cfb9f9a34f820eb12a155aa5bc92d2"),
    wheel("nvidia-cusparse", "12.6.3.3", "80bcc4662f23f1054ee334a15c72b8940402975e0eab63178fc7e670aa59472c"),
    wheel("nvidia-cusparselt-cu13", "0.8.0", "400c6ed1cf6780fc6efedd64ec9f1345871767e6a1a0a552a1ea0578117ea77c"),
    wheel("nvidia-nccl-cu13", "2.28.9", "01c873ba1626b54caa12272ed228dc5b2781545e0ae8ba3f432a8ef1c6d78643"),
    wheel("nvidia-nvjitlink", "13.0.88", "e931536ccc7d467a98ba1d8b89ff7fa7f1fa3b13f2b0069118cd7f47bff07d0c"),
    wheel("nvidia-nvshmem-cu13", "3.4.5", "6dc2a197f38e5d0376ad52cd1a2a3617d3cdc150fd5966f4aee9bcebb1d68fe9"),
    wheel("nvidia-nvtx", "13.0.85", "cb7780edb6b14107373c835bf8b72e7a178bac7367e23da7acb108f973f157a6"),
];

#[rustfmt::skip]
const MAC_ARM: &[Wheel] = &[
    wheel("torch", "2.11.0", "4b5866312ee6e52ea625cd211dcb97d6a2cdc1131a5f15cc0d87eec948f6dd34"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_is_a_sha256_and_no_two_are_equal() {
        let mut all: Vec<&str> = [LINUX_X86, LINUX_ARM, MAC_ARM]
            .concat()
            .iter()
            .map(|wheel| wheel.sha256)
            .collect();
        assert!(
            all.iter()
                .all(|hash| hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit()))
        );
        let listed = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), listed);
    }

    #[test]
    fn the_cpu_needs_three_wheels_on_linux_and_one_on_macos() {
        let count = |platform: Platform| platform.wheels(Flavour::Cpu).unwrap().len();
        assert_eq!(count(Platform::LinuxX86), 3);
        assert_eq!(count(Platform::LinuxArm), 3);
        assert_eq!(count(Platform::MacArm), 1);
    }

    #[test]
    fn both_linux_platforms_take_the_same_versions() {
        let versions = |wheels: &[Wheel]| wheels.iter().map(Wheel::requirement).collect::<Vec<_>>();
        assert_eq!(versions(LINUX_X86), versions(LINUX_ARM));
    }
}
