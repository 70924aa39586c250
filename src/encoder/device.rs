//! Where tensors live, by the name that users type.

use std::fmt;
use std::str::FromStr;
use tch::Device;

use super::EncoderError;

/// A device by name: `cpu`, `cuda`, `cuda:1`, `mps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU, by index.
    Cuda(usize),
    /// The GPU of an Apple machine.
    Mps,
}

impl DeviceName {
    /// The engine's device.
    ///
    /// # Errors
    /// If libtorch sees no such device.
    pub fn open(self) -> Result<Device, EncoderError> {
        let seen = match self {
            Self::Cpu => true,
            Self::Cuda(index) => (index as i64) < tch::Cuda::device_count(),
            Self::Mps => tch::utils::has_mps(),
        };
        match self {
            _ if !seen => Err(EncoderError::NoDevice { name: self }),
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(index) => Ok(Device::Cuda(index)),
            Self::Mps => Ok(Device::Mps),
        }
    }
}

impl FromStr for DeviceName {
    type Err = EncoderError;

    fn from_str(name: &str) -> Result<Self, EncoderError> {
        let index = name.strip_prefix("cuda:").map(str::parse);
        match (name, index) {
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            ("mps", _) => Ok(Self::Mps),
            (_, Some(Ok(index))) => Ok(Self::Cuda(index)),
            _ => Err(EncoderError::DeviceName {
                given: name.to_owned(),
            }),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Mps => f.write_str("mps"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_written() {
        for name in [
            DeviceName::Cpu,
            DeviceName::Cuda(0),
            DeviceName::Cuda(3),
            DeviceName::Mps,
        ] {
            assert_eq!(name.to_string().parse::<DeviceName>().unwrap(), name);
        }
        assert_eq!("cuda".parse::<DeviceName>().unwrap(), DeviceName::Cuda(0));
        for wrong in ["gpu", "cuda:", "cuda:x", ""] {
            assert!(wrong.parse::<DeviceName>().is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_with_a_hint() {
        let error = DeviceName::Cuda(999).open().unwrap_err().to_string();
        assert!(
            error.contains("cuda:999") && error.contains("hint"),
            "{error}"
        );
    }
}
