//! What the machine did at one moment: the numbers of the device strip.

use serde::{Deserialize, Serialize};

/// One sample of the machine, once a second while somebody looks or a run works.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// Share of all cores in use since the last sample, 0 to 100.
    pub cpu_percent: f32,
    /// The same for each core.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cores: Vec<f32>,
    /// Bytes.
    pub memory_used: u64,
    /// Bytes; the limit of this process's control group where that is lower than the machine's memory.
    pub memory_total: u64,
    /// Bytes free where runs are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_free: Option<u64>,
    /// Bytes per second that the sampling process read since its last sample; a run samples itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_read: Option<u64>,
    /// The same for what it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_written: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuReading>,
    /// Why `gpus` is empty: a stated fact, not an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_gpu: Option<String>,
}

/// One graphics card. What its driver does not tell is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuReading {
    pub name: String,
    /// Share of the last sample period in which a kernel ran, 0 to 100.
    pub busy_percent: Option<u32>,
    /// Bytes.
    pub memory_used: u64,
    /// Bytes.
    pub memory_total: u64,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
    /// Watts.
    pub power: Option<u32>,
}
