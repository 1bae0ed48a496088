use super::*;
use crate::lm::float::{from_half, to_half};

/// A small generator of reproducible numbers (PCG-like; quality does not matter here).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    fn float(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 31) as f32 * 2.0 - 1.0
    }
}

const FORMATS: [Format; 8] = [
    Format::Q4_0,
    Format::Q4_1,
    Format::Q5_0,
    Format::Q5_1,
    Format::Q8_0,
    Format::Q4K,
    Format::Q5K,
    Format::Q6K,
];

/// Where a block's 16-bit floats stand.
fn floats_of(format: Format) -> &'static [usize] {
    match format {
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => &[0],
        Format::Q4_1 | Format::Q5_1 | Format::Q4K | Format::Q5K => &[0, 2],
        Format::Q6K => &[208],
    }
}

/// Random blocks with finite scales between 2^-9 and 2^-3.
fn weights(format: Format, outputs: usize, inputs: usize, numbers: &mut Numbers) -> Vec<u8> {
    let (values, block_bytes) = format.block();
    let mut bytes = Vec::new();
    for _ in 0..outputs * inputs / values {
        let mut block: Vec<u8> = (0..block_bytes).map(|_| numbers.next() as u8).collect();
        for &at in floats_of(format) {
            let exponent = 6 + numbers.next() % 6;
            let bits = (numbers.next() % 1024) as u16
                | (exponent as u16) << 10
                | ((numbers.next() % 2) as u16) << 15;
            block[at..at + 2].copy_from_slice(&bits.to_le_bytes());
        }
        bytes.extend(block);
    }
    bytes
}

/// The weights as floats, by the definition of each format in GGML (`dequantize_row_*`).
fn dequantise(format: Format, bytes: &[u8]) -> Vec<f32> {
    let (values, block_bytes) = format.block();
    let mut out = Vec::new();
    for block in bytes.chunks_exact(block_bytes) {
        let float = |at: usize| from_half(u16::from_le_bytes([block[at], block[at + 1]]));
        for i in 0..values {
            let nibble = |at: usize| {
                i32::from(if i < 16 {
                    block[at + i] & 15
                } else {
                    block[at + i - 16] >> 4
                })
            };
            let fifth = |at: usize| i32::from(block[at + i / 8] >> (i % 8) & 1) << 4;
            // K formats: 64 values in 32 bytes, six-bit scales and minimums in twelve bytes.
            let k_nibble =
                |at: usize| i32::from(block[at + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15);
            let k_scale = |which: usize| {
                let (s, j) = (&block[4..16], i / 32);
                f32::from(match (which, j < 4) {
                    (0, true) => s[j] & 63,
                    (1, true) => s[j + 4] & 63,
                    (0, false) => s[j + 4] & 15 | (s[j - 4] >> 6) << 4,
                    _ => s[j + 4] >> 4 | (s[j] >> 6) << 4,
                })
            };
            out.push(match format {
                Format::Q4_0 => float(0) * (nibble(2) - 8) as f32,
                Format::Q4_1 => float(0) * nibble(4) as f32 + float(2),
                Format::Q5_0 => float(0) * ((nibble(6) | fifth(2)) - 16) as f32,
                Format::Q5_1 => float(0) * (nibble(8) | fifth(4)) as f32 + float(2),
                Format::Q8_0 => float(0) * f32::from(block[2 + i] as i8),
                Format::Q4K => float(0) * k_scale(0) * k_nibble(16) as f32 - float(2) * k_scale(1),
                Format::Q5K => {
                    let fifth = i32::from(block[16 + i % 32] >> (i / 32) & 1) << 4;
                    let value = k_nibble(48) | fifth;
                    float(0) * k_scale(0) * value as f32 - float(2) * k_scale(1)
                }
                Format::Q6K => {
                    let (half, i) = (i / 128, i % 128);
                    let low = block[half * 64 + i % 64] >> (i / 64 * 4) & 15;
                    let high = block[128 + half * 32 + i % 32] >> (i / 32 * 2) & 3;
                    let scale = f32::from(block[192 + half * 8 + i / 16] as i8);
                    float(208) * scale * (i32::from(low | high << 4) - 32) as f32
                }
            });
        }
    }
    out
}

fn product(packed: &Packed, values: &[f32], instructions: Instructions, pool: &Pool) -> Vec<f32> {
    let mut x = Activations::default();
    x.quantise(values, packed.inputs(), instructions, pool);
    let mut out = vec![f32::NAN; x.rows() * packed.outputs()];
    let mut jobs = [Job {
        weights: packed,
        out: &mut out,
    }];
    multiply(&mut jobs, &x, instructions, pool);
    out
}

/// Shapes with odd tails: features that fill no group, groups that fill no pair, rows that fill no tile.
fn shapes(format: Format) -> [(usize, usize, usize); 5] {
    let unit = format.block().0;
    [
        (1, 16, unit),
        (3, 17, 3 * unit),
        (9, 5, 2 * unit),
        (2, 48, 5 * unit),
        (23, 70, unit),
    ]
}

#[test]
fn products_are_those_of_the_dequantised_weights() {
    let mut numbers = Numbers(7);
    let pool = Pool::new(2).unwrap();
    for format in FORMATS {
        for (rows, outputs, inputs) in shapes(format) {
            let bytes = weights(format, outputs, inputs, &mut numbers);
            let floats = dequantise(format, &bytes);
            let x: Vec<f32> = (0..rows * inputs).map(|_| numbers.float() * 3.0).collect();
            let packed = Packed::new(format, &bytes, outputs, inputs).unwrap();
            let mut row = vec![0.0; inputs];
            for (output, expected) in floats.chunks(inputs).enumerate() {
                packed.row(output, &mut row);
                for (found, expected) in row.iter().zip(expected) {
                    assert!(
                        (found - expected).abs() <= expected.abs() * 1e-6 + 1e-6,
                        "{format:?}"
                    );
                }
            }
            let out = product(&packed, &x, Instructions::Portable, &pool);
            for row in 0..rows {
                for output in 0..outputs {
                    let pairs =
                        (0..inputs).map(|k| (x[row * inputs + k], floats[output * inputs + k]));
                    let exact: f64 = pairs
                        .clone()
                        .map(|(a, b)| f64::from(a) * f64::from(b))
                        .sum();
                    // Each activation is off by at most half a step of its block, max|x| / 254.
                    let bound: f64 = pairs
                        .map(|(_, b)| f64::from(b.abs()) * 3.0 / 254.0)
                        .sum::<f64>()
                        + 1e-4;
                    let got = f64::from(out[row * outputs + output]);
                    assert!(
                        (got - exact).abs() <= bound,
                        "{format:?} {got} {exact} {bound}"
                    );
                }
            }
        }
    }
}

#[test]
fn all_instructions_give_the_same_bits() {
    let mut numbers = Numbers(11);
    let pool = Pool::new(2).unwrap();
    for format in FORMATS {
        for (rows, outputs, inputs) in shapes(format) {
            let bytes = weights(format, outputs, inputs, &mut numbers);
            let x: Vec<f32> = (0..rows * inputs).map(|_| numbers.float()).collect();
            let packed = Packed::new(format, &bytes, outputs, inputs).unwrap();
            let reference = product(&packed, &x, Instructions::Portable, &pool);
            for instructions in Instructions::available() {
                let found = product(&packed, &x, instructions, &pool);
                let same = found
                    .iter()
                    .zip(&reference)
                    .all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "{format:?} {}", instructions.name());
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours_or_on_threads() {
    let mut numbers = Numbers(13);
    for format in FORMATS {
        let (outputs, inputs) = (40, 256);
        let bytes = weights(format, outputs, inputs, &mut numbers);
        let packed = Packed::new(format, &bytes, outputs, inputs).unwrap();
        let x: Vec<f32> = (0..64 * inputs).map(|_| numbers.float()).collect();
        for instructions in Instructions::available() {
            let pools = [1, 2, 3].map(|threads| Pool::new(threads).unwrap());
            let together = product(&packed, &x, instructions, &pools[0]);
            for pool in &pools {
                assert_eq!(together, product(&packed, &x, instructions, pool));
                for (first, count) in [(0, 1), (5, 7), (8, 2), (63, 1)] {
                    let part = &x[first * inputs..(first + count) * inputs];
                    let alone = product(&packed, part, instructions, pool);
                    assert_eq!(alone, together[first * outputs..(first + count) * outputs]);
                }
            }
        }
    }
}

#[test]
fn a_gated_product_is_the_gate_of_two_products() {
    let mut numbers = Numbers(17);
    let pool = Pool::new(2).unwrap();
    let (rows, outputs, inputs) = (7, 50, 96);
    let [gate, up] = [0; 2].map(|_| {
        let bytes = weights(Format::Q4_1, outputs, inputs, &mut numbers);
        Packed::new(Format::Q4_1, &bytes, outputs, inputs).unwrap()
    });
    let values: Vec<f32> = (0..rows * inputs).map(|_| numbers.float()).collect();
    for instructions in Instructions::available() {
        let mut expected = product(&gate, &values, instructions, &pool);
        let ups = product(&up, &values, instructions, &pool);
        let activation = crate::lm::config::Activation::Silu;
        gate::gated_rows(activation, &mut expected, &ups, instructions, &pool);
        let mut x = Activations::default();
        x.quantise(&values, inputs, instructions, &pool);
        let mut found = vec![f32::NAN; expected.len()];
        multiply_gated(
            [&gate, &up],
            &x,
            activation,
            &mut found,
            instructions,
            &pool,
        );
        assert_eq!(found, expected);
    }
}

#[test]
fn float_weights_are_multiplied_exactly_in_one_order() {
    let mut numbers = Numbers(19);
    let pool = Pool::new(2).unwrap();
    for float in [Float::F32, Float::Half, Float::Brain] {
        for (rows, outputs, inputs) in [(1, 16, 1), (1, 70, 33), (2, 64, 100), (13, 37, 50)] {
            let floats: Vec<f32> = (0..outputs * inputs)
                .map(|_| {
                    let value = numbers.float();
                    match float {
                        Float::F32 => value,
                        Float::Half => from_half(to_half(value)),
                        Float::Brain => f32::from_bits(value.to_bits() & 0xffff_0000),
                    }
                })
                .collect();
            let bytes: Vec<u8> = floats
                .iter()
                .flat_map(|value| match float {
                    Float::F32 => value.to_le_bytes().to_vec(),
                    Float::Half => to_half(*value).to_le_bytes().to_vec(),
                    Float::Brain => ((value.to_bits() >> 16) as u16).to_le_bytes().to_vec(),
                })
                .collect();
            let dense = Dense::new(float, &bytes, outputs, inputs).unwrap();
            let mut row = vec![0.0; inputs];
            dense.row(outputs - 1, &mut row);
            assert_eq!(row, floats[(outputs - 1) * inputs..]);
            let x: Vec<f32> = (0..rows * inputs).map(|_| numbers.float()).collect();
            let expected: Vec<f32> = x
                .chunks(inputs)
                .flat_map(|x| {
                    floats.chunks(inputs).map(|w| {
                        x.iter()
                            .zip(w)
                            .fold(0.0_f32, |sum, (x, w)| x.mul_add(*w, sum))
                    })
                })
                .collect();
            for instructions in Instructions::available() {
                let mut out = vec![f32::NAN; rows * outputs];
                dense.multiply(&x, &mut out, instructions, &pool);
                assert_eq!(out, expected, "{float:?} {instructions:?}");
            }
        }
    }
    assert!(Dense::new(Float::Half, &[0; 3], 1, 2).is_none());
}

#[test]
fn extreme_bytes_do_not_overflow() {
    let pool = Pool::new(1).unwrap();
    // All weights -128 and all activations at the edge of their range.
    let mut bytes = vec![0x80u8; 34 * 16 * 2];
    for block in bytes.chunks_exact_mut(34) {
        block[..2].copy_from_slice(&0x3c00u16.to_le_bytes());
    }
    let packed = Packed::new(Format::Q8_0, &bytes, 16, 64).unwrap();
    for instructions in Instructions::available() {
        for sign in [1.0, -1.0] {
            let out = product(&packed, &[127.0 * sign; 64], instructions, &pool);
            assert!(
                out.iter()
                    .all(|value| *value == -128.0 * 127.0 * 64.0 * sign),
                "{}",
                instructions.name()
            );
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    assert!(Packed::new(Format::Q4_1, &[0; 20], 1, 32).is_some());
    assert!(Packed::new(Format::Q4_1, &[0; 19], 1, 32).is_none());
    assert!(Packed::new(Format::Q4_1, &[0; 20], 1, 31).is_none());
    assert!(Packed::new(Format::Q4_1, &[], usize::MAX, 64).is_none());
}
