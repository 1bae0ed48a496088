//! The processor: cores, and the vector instructions that the local engine can use.

use std::thread::available_parallelism;

/// What the processor offers this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// Threads that can run at once, within the limits set on this process; at least 1.
    pub threads: usize,
    /// The architecture the program was built for: `x86_64`, `aarch64`, …
    pub architecture: &'static str,
    /// Instruction sets found at run time, of those that matter for the engine, the widest last.
    pub features: Vec<&'static str>,
}

impl Cpu {
    #[must_use]
    pub fn read() -> Cpu {
        Cpu {
            threads: available_parallelism().map_or(1, usize::from),
            architecture: std::env::consts::ARCH,
            features: features(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx-vnni", is_x86_feature_detected!("avxvnni")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512-vnni", is_x86_feature_detected!("avx512vnni")),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| is_there.then_some(name))
    .collect()
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        (
            "dotprod",
            std::arch::is_aarch64_feature_detected!("dotprod"),
        ),
        ("i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| is_there.then_some(name))
    .collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}
