//! What this computer has and how busy it is: processor, memory, graphics cards.
//!
//! Pull-based: whoever wants a reading asks for one, about once a second. What is not there is a value with a reason, never an
//! error. Starts no thread and reads no clock.

pub mod cpu;
pub mod gpu;
pub mod memory;

use gpu::{Gpu, Gpus};
use memory::Memory;
use sysinfo::System;

/// One look at the machine.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Share of all cores in use since the last reading, 0 to 100; none in the first reading.
    pub cpu_percent: Option<f32>,
    /// Bytes.
    pub memory_used: u64,
    /// Bytes; 0 when the system does not say.
    pub memory_total: u64,
    pub gpus: Vec<Gpu>,
}

/// Takes readings and remembers what the next one needs.
pub struct Sampler {
    system: Option<System>,
    gpus: Gpus,
    has_sampled: bool,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    #[must_use]
    pub fn new() -> Self {
        Self {
            system: System::new().ok(),
            gpus: Gpus::open(),
            has_sampled: false,
        }
    }

    /// How things stand now. Takes well under a millisecond without graphics cards, a few with.
    pub fn sample(&mut self) -> Reading {
        let gpus = self.gpus.read();
        let Some(system) = &mut self.system else {
            return Reading {
                gpus,
                ..Reading::default()
            };
        };
        system.refresh_cpu_usage();
        let memory = Memory::read(system);
        let cpu_percent = self.has_sampled.then(|| system.global_cpu_usage());
        self.has_sampled = true;
        Reading {
            cpu_percent,
            memory_used: memory.used,
            memory_total: memory.total,
            gpus,
        }
    }

    /// Why there are no graphics cards to read, if there are none.
    #[must_use]
    pub fn why_no_gpu(&self) -> Option<&str> {
        self.gpus.why_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_reading_knows_how_busy_the_machine_was() {
        let mut sampler = Sampler::new();
        let first = sampler.sample();
        assert_eq!(first.cpu_percent, None);
        assert!(first.memory_total > 0 && first.memory_used <= first.memory_total);
        let second = sampler.sample();
        assert!(
            second
                .cpu_percent
                .is_some_and(|percent| (0.0..=100.0).contains(&percent))
        );
        assert!(!second.gpus.is_empty() || sampler.why_no_gpu().is_some());
    }
}
