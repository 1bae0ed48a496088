//! Sixteen floats side by side, in plain Rust, AVX2 and AVX-512: what the float kernels are written in, once.
//!
//! Every operation rounds as IEEE 754 says, a multiplication with an addition rounds once, and sums over the lanes have one
//! order, so the three give the same bits.

/// Lanes of a register.
pub const LANES: usize = 16;

/// Sixteen 32-bit floats.
///
/// # Safety
/// Implementations other than [`Plain`] run instructions that the CPU must have; their methods may be called only inside a
/// function with the matching `target_feature`. Pointers must be readable (or writable) for sixteen values.
pub unsafe trait Lanes: Copy {
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// Sixteen IEEE 754 binary16 values.
    unsafe fn load_half(from: *const u16) -> Self;
    /// Sixteen bfloat16 values.
    unsafe fn load_brain(from: *const u16) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * a + b`, rounded once.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// The larger of each pair; the second when they cannot be compared.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller of each pair; the second when they cannot be compared.
    unsafe fn min(self, other: Self) -> Self;
    /// 2 to the power of each value, which must be an integer in -126..=127.
    unsafe fn power_of_two(self) -> Self;
    /// The lanes, which must be integers in -128..=127, as bytes; returns their sum.
    unsafe fn store_bytes(self, to: *mut i8) -> i32;

    /// The sum of the lanes: halves onto halves.
    unsafe fn sum(self) -> f32;
    /// The largest lane; none may be NaN.
    unsafe fn largest(self) -> f32;

    /// The lanes as numbers.
    #[inline(always)]
    unsafe fn array(self) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: sixteen places.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }
}

/// Plain Rust.
#[derive(Debug, Clone, Copy)]
pub struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn each(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (a, b) in lanes.iter_mut().zip(other.0) {
            *a = operation(*a, b);
        }
        Self(lanes)
    }
}

// SAFETY: no special instructions.
unsafe impl Lanes for Plain {
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: the caller's pointer.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        Self(bits.map(crate::lm::float::from_half))
    }

    #[inline(always)]
    unsafe fn load_brain(from: *const u16) -> Self {
        // SAFETY: the caller's pointer.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        Self(bits.map(|bits| f32::from_bits(u32::from(bits) << 16)))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) };
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.each(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.each(other, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        let mut lanes = self.0;
        for (lane, (a, b)) in lanes.iter_mut().zip(a.0.into_iter().zip(b.0)) {
            *lane = lane.mul_add(a, b);
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.each(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.each(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "an integer in -126..=127")]
        Self(
            self.0
                .map(|x| f32::from_bits(((x as i32 + 127) << 23).cast_unsigned())),
        )
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut i8) -> i32 {
        let mut sum = 0;
        for (lane, value) in self.0.into_iter().enumerate() {
            #[allow(clippy::cast_possible_truncation, reason = "an integer in -128..=127")]
            let byte = value as i8;
            sum += i32::from(byte);
            // SAFETY: the caller's pointer.
            unsafe { *to.add(lane) = byte };
        }
        sum
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let mut lanes = self.0;
        for width in [8, 4, 2, 1] {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
        }
        lanes[0]
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        self.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Wide, Widest};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// AVX2, FMA and F16C: two registers.
    #[derive(Debug, Clone, Copy)]
    pub struct Wide(__m256, __m256);

    // SAFETY: the trait's callers are in functions with AVX2, FMA and F16C, and give valid pointers.
    #[allow(unsafe_op_in_unsafe_fn, reason = "one intrinsic a method")]
    unsafe impl Lanes for Wide {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(_mm256_set1_ps(value), _mm256_set1_ps(value))
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8)))
        }

        #[inline(always)]
        unsafe fn load_half(from: *const u16) -> Self {
            Self(
                _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())),
            )
        }

        #[inline(always)]
        unsafe fn load_brain(from: *const u16) -> Self {
            let widen = |bits: __m128i| {
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits)))
            };
            Self(
                widen(_mm_loadu_si128(from.cast())),
                widen(_mm_loadu_si128(from.add(8).cast())),
            )
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(
                _mm256_add_ps(self.0, other.0),
                _mm256_add_ps(self.1, other.1),
            )
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(
                _mm256_sub_ps(self.0, other.0),
                _mm256_sub_ps(self.1, other.1),
            )
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(
                _mm256_mul_ps(self.0, other.0),
                _mm256_mul_ps(self.1, other.1),
            )
        }

        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            Self(
                _mm256_div_ps(self.0, other.0),
                _mm256_div_ps(self.1, other.1),
            )
        }

        #[inline(always)]
        unsafe fn mul_add(self, a: Self, b: Self) -> Self {
            Self(
                _mm256_fmadd_ps(self.0, a.0, b.0),
                _mm256_fmadd_ps(self.1, a.1, b.1),
            )
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            Self(
                _mm256_max_ps(self.0, other.0),
                _mm256_max_ps(self.1, other.1),
            )
        }

        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            Self(
                _mm256_min_ps(self.0, other.0),
                _mm256_min_ps(self.1, other.1),
            )
        }

        #[inline(always)]
        unsafe fn power_of_two(self) -> Self {
            let power = |x: __m256| {
                let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
            };
            Self(power(self.0), power(self.1))
        }

        #[inline(always)]
        unsafe fn store_bytes(self, to: *mut i8) -> i32 {
            let (low, high) = (_mm256_cvtps_epi32(self.0), _mm256_cvtps_epi32(self.1));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high));
            let bytes = _mm256_packs_epi16(words, words);
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
            _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(bytes));
            let sums = _mm256_add_epi32(low, high);
            let sums = _mm_add_epi32(
                _mm256_castsi256_si128(sums),
                _mm256_extracti128_si256::<1>(sums),
            );
            let sums = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b01_00_11_10>(sums));
            let sums = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b10_11_00_01>(sums));
            _mm_cvtsi128_si32(sums)
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            let eight = _mm256_add_ps(self.0, self.1);
            let four = _mm_add_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }

        #[inline(always)]
        unsafe fn largest(self) -> f32 {
            let eight = _mm256_max_ps(self.0, self.1);
            let four = _mm_max_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    /// AVX-512 F: one register.
    #[derive(Debug, Clone, Copy)]
    pub struct Widest(pub(in crate::lm::kernel) __m512);

    // SAFETY: the trait's callers are in functions with AVX-512 F, and give valid pointers.
    #[allow(unsafe_op_in_unsafe_fn, reason = "one intrinsic a method")]
    unsafe impl Lanes for Widest {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(_mm512_set1_ps(value))
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(_mm512_loadu_ps(from))
        }

        #[inline(always)]
        unsafe fn load_half(from: *const u16) -> Self {
            Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast())))
        }

        #[inline(always)]
        unsafe fn load_brain(from: *const u16) -> Self {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            _mm512_storeu_ps(to, self.0);
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(_mm512_add_ps(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(_mm512_sub_ps(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(_mm512_mul_ps(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            Self(_mm512_div_ps(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn mul_add(self, a: Self, b: Self) -> Self {
            Self(_mm512_fmadd_ps(self.0, a.0, b.0))
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            Self(_mm512_max_ps(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            Self(_mm512_min_ps(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn power_of_two(self) -> Self {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent)))
        }

        #[inline(always)]
        unsafe fn store_bytes(self, to: *mut i8) -> i32 {
            let whole = _mm512_cvtps_epi32(self.0);
            _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(whole));
            _mm512_reduce_add_epi32(whole)
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            let high = _mm512_castpd_ps(_mm512_castpd256_pd512(_mm512_extractf64x4_pd::<1>(
                _mm512_castps_pd(self.0),
            )));
            Wide(_mm512_castps512_ps256(self.0), _mm512_castps512_ps256(high)).sum()
        }

        #[inline(always)]
        unsafe fn largest(self) -> f32 {
            _mm512_reduce_max_ps(self.0)
        }
    }
}

/// Runs `$body` with the type alias `$lanes` set for the instructions at hand: `by_instructions!(instructions, L => f::<L>(x))`.
/// The body is compiled three times, each inside a function with the right CPU features.
macro_rules! by_instructions {
    ($instructions:expr, $name:ident ( $($argument:ident : $type:ty),* $(,)? )) => {{
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn wide($($argument: $type),*) {
                // SAFETY: this function has the features.
                unsafe { $name::<$crate::lm::kernel::lanes::Wide>($($argument),*) }
            }
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
            unsafe fn widest($($argument: $type),*) {
                // SAFETY: this function has the features.
                unsafe { $name::<$crate::lm::kernel::lanes::Widest>($($argument),*) }
            }
            match $instructions {
                // SAFETY: the variants are only made by `detect`, or by tests after the same check.
                $crate::lm::kernel::Instructions::Avx512Vnni => unsafe { widest($($argument),*) },
                // SAFETY: as above.
                $crate::lm::kernel::Instructions::Avx2 => unsafe { wide($($argument),*) },
                // SAFETY: plain Rust.
                _ => unsafe { $name::<$crate::lm::kernel::lanes::Plain>($($argument),*) },
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = $instructions;
            // SAFETY: plain Rust.
            unsafe { $name::<$crate::lm::kernel::lanes::Plain>($($argument),*) }
        }
    }};
}
pub(super) use by_instructions;
