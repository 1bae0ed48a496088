//! 16-bit floats.

/// A 16-bit float (IEEE 754 binary16) as a 32-bit one; exact.
#[must_use]
pub fn from_half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits) & 0x3ff;
    let magnitude = match (exponent, fraction) {
        // Subnormal: fraction * 2^-24, exact in 32 bits.
        (0, _) => {
            #[allow(clippy::cast_precision_loss, reason = "ten bits")]
            let value = fraction as f32 * f32::from_bits(0x3380_0000);
            value.to_bits()
        }
        (31, 0) => 0x7f80_0000,
        (31, _) => 0x7fc0_0000 | (fraction << 13),
        _ => ((exponent + 112) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

/// The nearest 16-bit float, the even one of two; what is too large becomes infinite.
#[must_use]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "each case fits 15 bits, and magnitudes are not negative"
)]
pub fn to_half(value: f32) -> u16 {
    /// Bits of 2^-14, the smallest normal 16-bit float.
    const NORMAL: u32 = 0x3880_0000;
    /// The difference of the exponents' biases, in place.
    const BIAS: u32 = 112 << 23;
    let sign = (value.to_bits() >> 16) & 0x8000;
    let magnitude = value.to_bits() & 0x7fff_ffff;
    let half = match magnitude {
        0x7f80_0001.. => 0x7e00,
        0x4780_0000.. => 0x7c00,
        NORMAL.. => {
            let rebiased = magnitude - BIAS;
            (rebiased + 0xfff + ((rebiased >> 13) & 1)) >> 13
        }
        // Subnormal: a multiple of 2^-24.
        _ => (f32::from_bits(magnitude) * 16_777_216.0).round_ties_even() as u32,
    };
    (sign | half) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(from_half(bits), value, "{bits:#06x}");
        }
        assert!(from_half(0x7c00).is_infinite() && from_half(0x7e00).is_nan());
    }

    #[test]
    fn halves_are_found_again_and_others_go_to_the_nearest() {
        for bits in 0..=u16::MAX {
            let value = from_half(bits);
            assert!(value.is_nan() || to_half(value) == bits, "{bits:#06x}");
        }
        for (value, bits) in [
            (1.0 + 0.5 / 1024.0, 0x3c00),
            (1.0 + 1.5 / 1024.0, 0x3c02),
            (1.000_49, 0x3c01),
            (65519.9, 0x7bff),
            (65520.0, 0x7c00),
            (1e9, 0x7c00),
            (-1e-9, 0x8000),
            (f32::NEG_INFINITY, 0xfc00),
        ] {
            assert_eq!(to_half(value), bits, "{value}");
        }
        assert!(from_half(to_half(f32::NAN)).is_nan());
    }
}
