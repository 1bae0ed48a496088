//! Floats stored as `Q8_0` at load: blocks of 32 whole numbers with one scale.

use crate::lm::gguf::Format;
use crate::lm::{float, matrix};

/// Numbers of a block.
const BLOCK: usize = 32;
/// Bytes of a block: a 16-bit scale and one byte for each number.
const BLOCK_BYTES: usize = 2 + BLOCK;

/// The bytes of rows of `columns` plain floats as `Q8_0`; none when they are no floats or rows are not whole blocks.
#[must_use]
pub fn quantised(format: Format, bytes: &[u8], columns: usize) -> Option<Vec<u8>> {
    if !columns.is_multiple_of(BLOCK) || !matches!(format, Format::F32 | Format::F16 | Format::Bf16)
    {
        return None;
    }
    let (_, number_bytes) = format.block()?;
    let block_bytes = BLOCK * usize::try_from(number_bytes).ok()?;
    let blocks = bytes.chunks_exact(block_bytes);
    let mut out = Vec::with_capacity(blocks.len() * BLOCK_BYTES);
    for block in blocks {
        let numbers = matrix::numbers(format, block)?;
        let largest = numbers.iter().fold(0_f32, |most, x| most.max(x.abs()));
        let scale = float::to_half(largest / 127.0);
        out.extend(scale.to_le_bytes());
        let scale = float::from_half(scale);
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        #[allow(clippy::cast_possible_truncation, reason = "casts saturate")]
        out.extend(
            numbers
                .iter()
                .flat_map(|x| ((x * inverse).round() as i8).to_le_bytes()),
        );
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_within_half_a_step() {
        let numbers: Vec<f32> = (0..64_u8).map(|i| (f32::from(i) - 20.0) * 0.01).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let stored = quantised(Format::F32, &bytes, 64).unwrap();
        assert_eq!(stored.len(), 2 * BLOCK_BYTES);
        for (block, numbers) in stored.chunks_exact(BLOCK_BYTES).zip(numbers.chunks(BLOCK)) {
            let scale = float::from_half(u16::from_le_bytes([block[0], block[1]]));
            for (byte, number) in block[2..].iter().zip(numbers) {
                let found = scale * f32::from(i8::from_le_bytes([*byte]));
                // 0.001: the scale itself has eleven bits.
                let allowed = scale * 0.5 + number.abs() * 0.001;
                assert!((found - number).abs() <= allowed, "{found} {number}");
            }
        }
    }

    #[test]
    fn rows_that_are_not_whole_blocks_stay_as_they_are() {
        assert_eq!(quantised(Format::F32, &[0; 4 * 33], 33), None);
        assert_eq!(quantised(Format::Q8_0, &[0; 34], 32), None);
        assert_eq!(quantised(Format::F16, &[0; 64], 32).unwrap(), [0; 34]);
    }
}
