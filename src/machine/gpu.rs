//! NVIDIA graphics cards, through the driver's own library. It is loaded at run time: without one, the reason is the answer.

use crate::domain::reading::GpuReading;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::{Device, Nvml};
use std::ffi::OsStr;

/// The driver's library, or why there is none.
pub struct Gpus(Result<Nvml, String>);

impl Gpus {
    #[must_use]
    pub fn open() -> Gpus {
        Gpus(load())
    }

    /// All cards; empty without a driver. A card that answers nothing is left out.
    #[must_use]
    pub fn read(&self) -> Vec<GpuReading> {
        let Ok(nvml) = &self.0 else {
            return Vec::new();
        };
        let count = nvml.device_count().unwrap_or(0);
        (0..count)
            .filter_map(|index| nvml.device_by_index(index).ok())
            .map(|device| read(&device))
            .collect()
    }

    #[must_use]
    pub fn why_none(&self) -> Option<&str> {
        match &self.0 {
            Ok(nvml) if nvml.device_count().unwrap_or(0) == 0 => Some("the driver knows no card"),
            Ok(_) => None,
            Err(why) => Some(why),
        }
    }
}

/// Most systems have the library under its versioned name only.
fn load() -> Result<Nvml, String> {
    let versioned = if cfg!(target_os = "linux") {
        Nvml::builder()
            .lib_path(OsStr::new("libnvidia-ml.so.1"))
            .init()
    } else {
        Nvml::init()
    };
    versioned
        .or_else(|_| Nvml::init())
        .map_err(|error| match error {
            nvml_wrapper::error::NvmlError::LibloadingError(_) => "no NVIDIA driver found".into(),
            other => format!("the NVIDIA driver does not answer: {other}"),
        })
}

fn read(device: &Device<'_>) -> GpuReading {
    let memory = device.memory_info().ok();
    GpuReading {
        name: device.name().unwrap_or_else(|_| "NVIDIA card".into()),
        memory_used: memory.as_ref().map_or(0, |memory| memory.used),
        memory_total: memory.as_ref().map_or(0, |memory| memory.total),
        busy_percent: device.utilization_rates().ok().map(|rates| rates.gpu),
        temperature: device.temperature(TemperatureSensor::Gpu).ok(),
        power: device
            .power_usage()
            .ok()
            .map(|milliwatts| milliwatts / 1000),
    }
}
