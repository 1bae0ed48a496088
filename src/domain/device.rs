//! What computes: the processor, or a graphics card.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where local models run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The best that this build and this machine have.
    #[default]
    Auto,
    Cpu,
    /// A card of NVIDIA, by its number from 0.
    Cuda(usize),
    /// Apple's graphics processor.
    Metal,
}

impl Device {
    /// What this build can use.
    pub const BUILT: &'static [Device] = &[Device::Cpu];

    /// Whether local models can run there in this build.
    ///
    /// # Errors
    ///
    /// A sentence that says what can be used instead.
    pub fn check(self) -> Result<(), String> {
        if self == Device::Auto || Self::BUILT.contains(&self) {
            return Ok(());
        }
        let built: Vec<String> = Self::BUILT.iter().map(Self::to_string).collect();
        Err(format!(
            "device \"{self}\" is not in this build; it has: {} (or \"auto\")",
            built.join(", ")
        ))
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok();
        match text.trim() {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            "metal" => Some(Self::Metal),
            other => other.strip_prefix("cuda:").and_then(number).map(Self::Cuda),
        }
        .ok_or_else(|| format!("device \"{text}\" is not one of auto, cpu, cuda, cuda:N, metal"))
    }
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_written_and_checked() {
        for (text, device) in [
            ("auto", Device::Auto),
            ("cpu", Device::Cpu),
            ("cuda:0", Device::Cuda(0)),
            ("cuda:3", Device::Cuda(3)),
            ("metal", Device::Metal),
        ] {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        assert!("gpu".parse::<Device>().unwrap_err().contains("cuda:N"));
        assert_eq!(Device::Auto.check(), Ok(()));
        assert_eq!(Device::Cpu.check(), Ok(()));
        let refused = Device::Cuda(1).check().unwrap_err();
        assert!(
            refused.contains("cuda:1") && refused.contains("cpu"),
            "{refused}"
        );
    }
}
