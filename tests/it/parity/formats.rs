//! Rows that ggml quantised give the numbers that ggml means (`tests/reference/formats.py` made both).

use synod::lm::gguf::Format;
use synod::lm::kernel::{Instructions, Pool};
use synod::lm::matrix::{Compute, Input, Matrix};

const ROWS: usize = 8;
const COLUMNS: usize = 512;

fn formats() -> [(&'static str, Format); 10] {
    [
        ("Q4_0", Format::Q4_0),
        ("Q4_1", Format::Q4_1),
        ("Q5_0", Format::Q5_0),
        ("Q5_1", Format::Q5_1),
        ("Q8_0", Format::Q8_0),
        ("Q2_K", Format::Q2K),
        ("Q3_K", Format::Q3K),
        ("Q4_K", Format::Q4K),
        ("Q5_K", Format::Q5K),
        ("Q6_K", Format::Q6K),
    ]
}

fn read(file: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/formats");
    std::fs::read(format!("{folder}/{file}")).unwrap()
}

fn matrix(name: &str, format: Format) -> Matrix {
    Matrix::stored(name, format, &read(&format!("{name}.bin")), ROWS, COLUMNS).unwrap()
}

fn expected(name: &str) -> Vec<f32> {
    let bytes = read(&format!("{name}.f32"));
    let numbers = bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    numbers.collect()
}

#[test]
fn a_row_has_the_numbers_that_it_stands_for() {
    for (name, format) in formats() {
        let matrix = matrix(name, format);
        let expected = expected(name);
        let mut row = vec![0.0; COLUMNS];
        for (index, expected) in (0..).zip(expected.chunks_exact(COLUMNS)) {
            matrix.row(index, &mut row).unwrap();
            let scale = expected.iter().fold(0_f32, |a, x| a.max(x.abs()));
            for (at, (found, expected)) in row.iter().zip(expected).enumerate() {
                assert!(
                    (found - expected).abs() <= 1e-5 * scale,
                    "{name} row {index}, number {at}: {found}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn a_product_is_that_of_the_numbers_within_eight_bits_of_the_input() {
    let values: Vec<f32> = (0..3 * COLUMNS)
        .map(|i| ((i * 7919 % 1013) as f32 / 506.0 - 1.0) * if i % 5 == 0 { 2.0 } else { 0.5 })
        .collect();
    let pool = Pool::new(2).unwrap();
    let compute = Compute {
        instructions: Instructions::detect(),
        pool: &pool,
    };
    for (name, format) in formats() {
        let expected = expected(name);
        let input = Input::new(&values, COLUMNS, compute);
        let [found] = Matrix::products([&matrix(name, format)], &input).unwrap();
        for (x, found) in values.chunks_exact(COLUMNS).zip(found.chunks_exact(ROWS)) {
            for (row, (weights, found)) in expected.chunks_exact(COLUMNS).zip(found).enumerate() {
                let sum: f32 = weights.iter().zip(x).map(|(w, x)| w * x).sum();
                let size = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
                let error = (found - sum).abs() / (size(weights) * size(x));
                assert!(error < 2e-3, "{name} row {row}: {found}, expected {sum}");
            }
        }
    }
}
