//! The arithmetic of a forward pass, for the CPU at hand, chosen at run time.
//!
//! One arithmetic for every path and every number of rows. Quantised weights: activations are quantised to 8 bits per row and
//! block of 32, products within a block are exact integers, and blocks are added in order, each by the same fused steps.
//! Float weights: one chain of fused multiply-adds in the order of the inputs. Sums over lanes have one order. So the
//! portable, AVX2 and AVX-512 paths give the same bits, a row's result never depends on its neighbours, and threads only divide
//! outputs.
//!
//! `unsafe` is allowed here: vector intrinsics after their CPU features were detected, and disjoint writes from threads.
#![allow(unsafe_code)]
#![allow(
    clippy::inline_always,
    reason = "compiled once for each instruction set"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "an index runs over several arrays of registers at once"
)]

mod activations;
pub mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod causal;
mod dense;
mod format;
pub mod gate;
pub mod gemm;
pub mod gradient;
mod lanes;
pub mod lowrank;
mod pack;
pub mod peak;
pub mod pool;
mod portable;
mod product;
pub mod stream;
mod unpack;

pub use activations::Activations;
pub use dense::{Dense, Float};
pub use format::Format;
pub use lanes::LANES;
pub use pack::Packed;
pub use pool::Pool;
pub use product::{Job, multiply, multiply_gated};

/// Values per quantisation block, of weights and of activations.
pub const BLOCK: usize = 32;

/// Which instructions do the work. All give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    Portable,
    /// With FMA and F16C.
    Avx2,
    Avx512Vnni,
}

impl Instructions {
    /// The best this CPU has.
    #[must_use]
    pub fn detect() -> Instructions {
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
                && std::arch::is_x86_feature_detected!("f16c");
            let has_avx512 = has_avx2
                && std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("avx512vnni");
            if has_avx512 {
                return Instructions::Avx512Vnni;
            }
            if has_avx2 {
                return Instructions::Avx2;
            }
        }
        Instructions::Portable
    }

    /// All that this CPU has, the plainest first.
    #[must_use]
    pub fn available() -> Vec<Instructions> {
        let best = Self::detect();
        let mut all = vec![Self::Portable, Self::Avx2, Self::Avx512Vnni];
        all.retain(|instructions| *instructions <= best);
        all
    }

    /// For reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Portable => "portable",
            Instructions::Avx2 => "AVX2+FMA",
            Instructions::Avx512Vnni => "AVX-512 VNNI",
        }
    }
}

#[cfg(test)]
mod tests;
