//! What this computer has and how busy it is: processor, memory, disk, graphics cards.
//!
//! Pull-based: whoever wants a reading asks for one, about once a second. What is not there is absent or a value with a reason,
//! never an error. Starts no thread and reads no clock.

pub mod cpu;
pub mod disk;
pub mod gpu;
pub mod memory;

use crate::domain::clock::Millis;
use crate::domain::reading::Reading;
use disk::Traffic;
use gpu::Gpus;
use memory::Memory;
use std::path::PathBuf;
use sysinfo::System;

/// Takes readings and remembers what the next one needs.
pub struct Sampler {
    system: Option<System>,
    gpus: Gpus,
    folder: Option<PathBuf>,
    traffic: Traffic,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    #[must_use]
    pub fn new() -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            // How busy the cores are is counted from here.
            system.refresh_cpu_usage();
        }
        Self {
            system,
            gpus: Gpus::open(),
            folder: None,
            traffic: Traffic::default(),
        }
    }

    /// Tells the space that is free where this folder is, too.
    #[must_use]
    pub fn with_disk_of(self, folder: PathBuf) -> Self {
        Self {
            folder: Some(folder),
            ..self
        }
    }

    /// How things stand at `now`. Takes well under a millisecond without graphics cards, a few with. How busy the cores were is
    /// meaningful from about 200 ms after the last reading.
    pub fn sample(&mut self, now: Millis) -> Reading {
        let mut reading = Reading {
            gpus: self.gpus.read(),
            no_gpu: self.gpus.why_none().map(str::to_owned),
            disk_free: self.folder.as_deref().and_then(disk::free),
            ..Reading::default()
        };
        let Some(system) = &mut self.system else {
            return reading;
        };
        system.refresh_cpu_usage();
        reading.cpu_percent = system.global_cpu_usage();
        reading.cores = system.cpus().iter().map(sysinfo::Cpu::usage).collect();
        let memory = Memory::within_limits(system);
        (reading.memory_used, reading.memory_total) = (memory.used, memory.total);
        if let Some((read, written)) = self.traffic.since(system, now) {
            (reading.disk_read, reading.disk_written) = (Some(read), Some(written));
        }
        reading
    }

    /// Why there are no graphics cards to read, if there are none.
    #[must_use]
    pub fn why_no_gpu(&self) -> Option<&str> {
        self.gpus.why_none()
    }
}

/// A name for this start of the machine, where the system has one.
#[must_use]
pub fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_says_how_things_stand() {
        let folder = tempfile::tempdir().unwrap();
        let mut sampler = Sampler::new().with_disk_of(folder.path().to_path_buf());
        let first = sampler.sample(0);
        assert!(first.memory_total > 0 && first.memory_used <= first.memory_total);
        assert_eq!(first.disk_written, None, "a rate needs two readings");
        std::fs::write(folder.path().join("x"), vec![1; 1 << 20]).unwrap();
        let second = sampler.sample(1000);
        assert!((0.0..=100.0).contains(&second.cpu_percent));
        assert!(!second.cores.is_empty());
        assert_eq!(second.gpus.is_empty(), second.no_gpu.is_some());
        if cfg!(unix) {
            assert!(second.disk_free.is_some_and(|bytes| bytes > 0));
        }
    }
}
