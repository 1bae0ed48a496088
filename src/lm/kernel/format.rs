//! The quantised formats of GGML that are multiplied as stored, and how a packed block of each lies in memory.

use super::BLOCK;
use super::lanes::LANES;

/// Formats with integer products (names and blocks of GGML).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32 values in 18 bytes: scale, nibbles; value = scale * (nibble - 8).
    Q4_0,
    /// 32 values in 20 bytes: scale, minimum, nibbles; value = scale * nibble + minimum.
    Q4_1,
    /// 32 values in 22 bytes: scale, fifth bits, nibbles; value = scale * (five bits - 16).
    Q5_0,
    /// 32 values in 24 bytes: scale, minimum, fifth bits, nibbles; value = scale * five bits + minimum.
    Q5_1,
    /// 32 values in 34 bytes: scale, signed bytes; value = scale * byte.
    Q8_0,
    /// 256 values in 144 bytes, in eight blocks with 6-bit scales s and minimums m: value = d * s * nibble - dmin * m.
    Q4K,
    /// 256 values in 176 bytes: the same with a fifth bit for each value.
    Q5K,
    /// 256 values in 210 bytes, in sixteen half blocks with signed 8-bit scales s: value = d * s * (six bits - 32).
    Q6K,
}

/// How the scales of a packed block are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scales {
    /// A 16-bit float for each lane.
    Half,
    /// The same, and a minimum that is added.
    HalfMinimum,
    /// Bytes s and m for each lane; 16-bit floats d and dmin for eight blocks. The minimum is taken away.
    Shared,
    /// Two signed bytes for each lane, one for each half of the block; a 16-bit float d for eight blocks.
    SharedHalves,
}

/// What a format's packed blocks look like. All numbers are known at compile time, so each kernel is compiled for one format.
///
/// A block holds 32 inputs of 16 outputs ("lanes"): first the lower four bits, two inputs a byte (or whole bytes), then the
/// higher bits, then the scales. Values that belong to one dot product of four inputs (a "quad") lie side by side for each
/// lane, so that one register holds a quad of all lanes. Quads 0 to 3 are in the lower halves of the bytes, 4 to 7 in the
/// upper ones.
pub(super) trait Layout {
    /// Stored as nibbles (with higher bits elsewhere), not as bytes.
    const NIBBLES: bool;
    /// Further bits of each value.
    const HIGH: usize;
    /// What is taken from each stored unsigned value.
    const OFFSET: i32;
    const SCALES: Scales;

    /// Bytes of the lower bits.
    const LOW_BYTES: usize = if Self::NIBBLES {
        LANES * BLOCK / 2
    } else {
        LANES * BLOCK
    };
    const HIGH_BYTES: usize = LANES * BLOCK / 8 * Self::HIGH;
    /// Where a block's scales begin.
    const SCALES_AT: usize = Self::LOW_BYTES + Self::HIGH_BYTES;
    /// Bytes of a packed block.
    const BLOCK_BYTES: usize = Self::SCALES_AT
        + match Self::SCALES {
            Scales::Half => 2 * LANES,
            Scales::HalfMinimum => 4 * LANES,
            Scales::Shared | Scales::SharedHalves => 2 * LANES,
        };
    /// Blocks that share floats, and the bytes of those floats, which stand before the blocks.
    const SHARING: usize = match Self::SCALES {
        Scales::Half | Scales::HalfMinimum => 1,
        Scales::Shared | Scales::SharedHalves => 8,
    };
    const SHARED_BYTES: usize = match Self::SCALES {
        Scales::Half | Scales::HalfMinimum => 0,
        Scales::Shared => 4 * LANES,
        Scales::SharedHalves => 2 * LANES,
    };
    /// Whether a minimum is added or taken away.
    const HAS_MINIMUM: bool = matches!(Self::SCALES, Scales::HalfMinimum | Scales::Shared);
}

macro_rules! layout {
    ($name:ident, $nibbles:literal, $high:literal, $offset:literal, $scales:ident) => {
        pub(super) struct $name;

        impl Layout for $name {
            const NIBBLES: bool = $nibbles;
            const HIGH: usize = $high;
            const OFFSET: i32 = $offset;
            const SCALES: Scales = Scales::$scales;
        }
    };
}

layout!(Q4_0, true, 0, 8, Half);
layout!(Q4_1, true, 0, 0, HalfMinimum);
layout!(Q5_0, true, 1, 16, Half);
layout!(Q5_1, true, 1, 0, HalfMinimum);
layout!(Q8_0, false, 0, 128, Half);
layout!(Q4K, true, 0, 0, Shared);
layout!(Q5K, true, 1, 0, Shared);
layout!(Q6K, true, 2, 32, SharedHalves);

/// `by_format!(format, function(arguments))` calls `function::<Layout of the format>(arguments)`.
macro_rules! by_format {
    ($format:expr, $name:ident $(::<$instance:ty>)? ( $($argument:expr),* $(,)? )) => {
        match $format {
            $crate::lm::kernel::Format::Q4_0 => $name::<$($instance,)? $crate::lm::kernel::format::Q4_0>($($argument),*),
            $crate::lm::kernel::Format::Q4_1 => $name::<$($instance,)? $crate::lm::kernel::format::Q4_1>($($argument),*),
            $crate::lm::kernel::Format::Q5_0 => $name::<$($instance,)? $crate::lm::kernel::format::Q5_0>($($argument),*),
            $crate::lm::kernel::Format::Q5_1 => $name::<$($instance,)? $crate::lm::kernel::format::Q5_1>($($argument),*),
            $crate::lm::kernel::Format::Q8_0 => $name::<$($instance,)? $crate::lm::kernel::format::Q8_0>($($argument),*),
            $crate::lm::kernel::Format::Q4K => $name::<$($instance,)? $crate::lm::kernel::format::Q4K>($($argument),*),
            $crate::lm::kernel::Format::Q5K => $name::<$($instance,)? $crate::lm::kernel::format::Q5K>($($argument),*),
            $crate::lm::kernel::Format::Q6K => $name::<$($instance,)? $crate::lm::kernel::format::Q6K>($($argument),*),
        }
    };
}
pub(super) use by_format;

impl Format {
    /// Values of a block in the file, and its bytes.
    #[must_use]
    pub fn block(self) -> (usize, usize) {
        match self {
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }
}
