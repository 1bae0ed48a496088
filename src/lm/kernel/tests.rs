use super::pack::f16_to_f32;
use super::*;

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

const FORMATS: [Format; 5] = [
    Format::Q4_0,
    Format::Q4_1,
    Format::Q5_0,
    Format::Q5_1,
    Format::Q8_0,
];

/// Random blocks with finite scales between 2^-9 and 2^-3.
fn weights(format: Format, outputs: usize, inputs: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..outputs * inputs / BLOCK {
        let mut block: Vec<u8> = (0..format.block_bytes())
            .map(|_| numbers.next() as u8)
            .collect();
        for half in 0..if format.has_minimum() { 2 } else { 1 } {
            let exponent = 6 + numbers.next() % 6;
            let bits = (numbers.next() % 1024) as u16
                | (exponent as u16) << 10
                | ((numbers.next() % 2) as u16) << 15;
            block[half * 2..half * 2 + 2].copy_from_slice(&bits.to_le_bytes());
        }
        bytes.extend(block);
    }
    bytes
}

/// The weights as floats, by the definition of each format.
fn dequantise(format: Format, bytes: &[u8]) -> Vec<f32> {
    let mut values = Vec::new();
    for block in bytes.chunks_exact(format.block_bytes()) {
        let scale = f16_to_f32(u16::from_le_bytes([block[0], block[1]]));
        let minimum = if format.has_minimum() {
            f16_to_f32(u16::from_le_bytes([block[2], block[3]]))
        } else {
            0.0
        };
        for i in 0..BLOCK {
            let nibble = |at: usize| {
                i32::from(if i < 16 {
                    block[at + i] & 15
                } else {
                    block[at + i - 16] >> 4
                })
            };
            let fifth = |at: usize| i32::from(block[at + i / 8] >> (i % 8) & 1) << 4;
            let stored = match format {
                Format::Q4_0 => nibble(2) - 8,
                Format::Q4_1 => nibble(4),
                Format::Q5_0 => (nibble(6) | fifth(2)) - 16,
                Format::Q5_1 => nibble(8) | fifth(4),
                Format::Q8_0 => i32::from(block[2 + i] as i8),
            };
            values.push(scale * stored as f32 + minimum);
        }
    }
    values
}

fn product(packed: &Packed, values: &[f32], instructions: Instructions) -> Vec<f32> {
    let mut x = Activations::default();
    x.quantise(values, packed.inputs());
    let mut out = vec![f32::NAN; x.rows() * packed.outputs()];
    let mut jobs = [Job {
        weights: packed,
        out: &mut out,
    }];
    multiply(&mut jobs, &x, instructions);
    out
}

fn available() -> Vec<Instructions> {
    let best = Instructions::detect();
    [
        Instructions::Portable,
        Instructions::Avx2,
        Instructions::Avx512Vnni,
    ]
    .into_iter()
    .filter(|i| *i <= best)
    .collect()
}

#[test]
fn products_are_those_of_the_dequantised_weights() {
    let mut numbers = Numbers(7);
    for format in FORMATS {
        for (rows, outputs, inputs) in [(1, 16, 32), (3, 17, 96), (9, 5, 64), (2, 48, 576)] {
            let bytes = weights(format, outputs, inputs, &mut numbers);
            let floats = dequantise(format, &bytes);
            let x: Vec<f32> = (0..rows * inputs).map(|_| numbers.float() * 3.0).collect();
            let packed = Packed::new(format, &bytes, outputs, inputs).unwrap();
            let out = product(&packed, &x, Instructions::Portable);
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
    for format in FORMATS {
        for (rows, outputs, inputs) in [(1, 16, 32), (8, 33, 576), (13, 100, 160), (64, 20, 64)] {
            let bytes = weights(format, outputs, inputs, &mut numbers);
            let x: Vec<f32> = (0..rows * inputs).map(|_| numbers.float()).collect();
            let packed = Packed::new(format, &bytes, outputs, inputs).unwrap();
            let reference: Vec<u32> = product(&packed, &x, Instructions::Portable)
                .into_iter()
                .map(f32::to_bits)
                .collect();
            for instructions in available() {
                let bits: Vec<u32> = product(&packed, &x, instructions)
                    .into_iter()
                    .map(f32::to_bits)
                    .collect();
                assert_eq!(bits, reference, "{format:?} {}", instructions.name());
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    let mut numbers = Numbers(13);
    let (outputs, inputs) = (40, 128);
    let bytes = weights(Format::Q4_1, outputs, inputs, &mut numbers);
    let packed = Packed::new(Format::Q4_1, &bytes, outputs, inputs).unwrap();
    let x: Vec<f32> = (0..64 * inputs).map(|_| numbers.float()).collect();
    let together = product(&packed, &x, Instructions::detect());
    for row in [0, 5, 7, 8, 63] {
        let alone = product(
            &packed,
            &x[row * inputs..(row + 1) * inputs],
            Instructions::detect(),
        );
        assert_eq!(alone, together[row * outputs..(row + 1) * outputs]);
    }
}

#[test]
fn extreme_bytes_do_not_overflow() {
    // All weights -128 and all activations at the edge of their range.
    let mut bytes = vec![0x80u8; 34 * 16 * 2];
    for block in bytes.chunks_exact_mut(34) {
        block[..2].copy_from_slice(&0x3c00u16.to_le_bytes());
    }
    let packed = Packed::new(Format::Q8_0, &bytes, 16, 64).unwrap();
    for instructions in available() {
        for sign in [1.0, -1.0] {
            let out = product(&packed, &[127.0 * sign; 64], instructions);
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

#[test]
fn sixteen_bit_floats_are_widened_exactly() {
    for (bits, value) in [
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x0001, 5.960_464_5e-8),
        (0x7bff, 65504.0),
        (0x8000, -0.0),
    ] {
        assert_eq!(f16_to_f32(bits).to_bits(), f32::to_bits(value));
    }
}
