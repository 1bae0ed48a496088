use super::*;

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// All the ways these numbers can be stored, with what is then stored.
fn stored(values: &[f32]) -> [Numbers; 3] {
    let upper = |x: &f32| Bf16((x.to_bits() >> 16) as u16);
    // Any bit pattern of a finite half will do, small and subnormal ones included.
    let half = |x: &f32| Half((x.to_bits() >> 7) as u16 & 0xbbff);
    [
        Numbers::F32(values.to_vec()),
        Numbers::Bf16(values.iter().map(upper).collect()),
        Numbers::F16(values.iter().map(half).collect()),
    ]
}

fn instructions() -> Vec<Instructions> {
    let all = [
        Instructions::Portable,
        Instructions::Avx2,
        Instructions::Avx512Vnni,
    ];
    all.into_iter()
        .filter(|&one| one <= Instructions::detect())
        .collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

struct Case {
    rank: usize,
    inputs: usize,
    outputs: usize,
    rows: usize,
}

const CASES: [Case; 7] = [
    case(4, 64, 64, 1),
    case(16, 64, 192, 9),
    case(5, 33, 17, 3),
    case(8, 96, 40, 6),
    case(1, 1, 1, 2),
    case(37, 100, 7, 5),
    case(64, 20, 48, 4),
];

const fn case(rank: usize, inputs: usize, outputs: usize, rows: usize) -> Case {
    Case {
        rank,
        inputs,
        outputs,
        rows,
    }
}

/// The update in plain 64-bit loops, and the size of its terms.
fn expected(case: &Case, a: &[f32], b: &[f32], x: &[f32], factor: f32) -> Vec<(f64, f64)> {
    let hidden = |row: usize, r: usize| -> f64 {
        let x = &x[row * case.inputs..][..case.inputs];
        let a = &a[r * case.inputs..][..case.inputs];
        x.iter()
            .zip(a)
            .map(|(x, a)| f64::from(*x) * f64::from(*a))
            .sum()
    };
    let mut sums = Vec::new();
    for row in 0..case.rows {
        let hidden: Vec<f64> = (0..case.rank).map(|r| hidden(row, r)).collect();
        for b in b.chunks_exact(case.rank) {
            let terms = b.iter().zip(&hidden).map(|(b, h)| f64::from(*b) * h);
            let size: f64 = terms.clone().map(f64::abs).sum();
            sums.push((f64::from(factor) * terms.sum::<f64>(), size));
        }
    }
    sums
}

#[test]
fn updates_are_right_and_all_instructions_give_the_same_bits() {
    for case in &CASES {
        let a = stored(&numbers(case.rank * case.inputs, 1));
        let b = stored(&numbers(case.outputs * case.rank, 2));
        let x = numbers(case.rows * case.inputs, 3);
        let start = numbers(case.rows * case.outputs, 4);
        for (a, b) in a.iter().zip(&b) {
            let update = LowRank::new(case.rank, case.inputs, case.outputs, a, b);
            let expected = expected(case, &a.widened(), &b.widened(), &x, 0.75);
            let mut first: Option<Vec<u32>> = None;
            for instructions in instructions() {
                let mut out = start.clone();
                update.add(&x, 0.75, &mut out, &mut Vec::new(), instructions);
                for ((found, start), (sum, size)) in out.iter().zip(&start).zip(&expected) {
                    let error = (f64::from(*found) - f64::from(*start) - sum).abs();
                    assert!(error < 1e-5 * (1.0 + size), "{found}, expected {sum}");
                }
                assert_eq!(
                    *first.get_or_insert(bits(&out)),
                    bits(&out),
                    "{instructions:?}"
                );
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    for case in &CASES {
        let a = Numbers::F32(numbers(case.rank * case.inputs, 1));
        let b = Numbers::F32(numbers(case.outputs * case.rank, 2));
        let update = LowRank::new(case.rank, case.inputs, case.outputs, &a, &b);
        let x = numbers(case.rows * case.inputs, 3);
        for instructions in instructions() {
            let mut together = vec![0.0; case.rows * case.outputs];
            update.add(&x, 1.5, &mut together, &mut vec![9.0; 3], instructions);
            for (x, among) in x.chunks(case.inputs).zip(together.chunks(case.outputs)) {
                let mut alone = vec![0.0; case.outputs];
                update.add(x, 1.5, &mut alone, &mut Vec::new(), instructions);
                assert_eq!(bits(&alone), bits(among));
            }
        }
    }
}

#[test]
fn factors_are_summed_each_on_its_own() {
    let (rank, inputs, outputs) = (5, 20, 33);
    let factors = |seed| {
        let a = numbers(rank * inputs, seed);
        let b = numbers(outputs * rank, seed + 1);
        (a, b)
    };
    let (one, two) = (factors(1), factors(11));
    let update = |(a, b): &(Vec<f32>, Vec<f32>)| {
        let (a, b) = (Numbers::F32(a.clone()), Numbers::F32(b.clone()));
        LowRank::new(rank, inputs, outputs, &a, &b)
    };
    let mixed = |a: &[f32], b: &[f32]| -> Vec<f32> {
        let sums = a.iter().zip(b).map(|(a, b)| (0.0 + 1.5 * a) + -0.5 * b);
        sums.collect()
    };
    let expected = update(&(mixed(&one.0, &two.0), mixed(&one.1, &two.1)));
    let found = LowRank::combined(&[(&update(&one), 1.5), (&update(&two), -0.5)]).unwrap();
    assert_eq!(found.numbers(), expected.numbers());
    let a = Numbers::F32(vec![0.0; 4 * inputs]);
    let b = Numbers::F32(vec![0.0; outputs * 4]);
    let other = LowRank::new(4, inputs, outputs, &a, &b);
    assert!(LowRank::combined(&[(&found, 1.0), (&other, 1.0)]).is_none());
    assert!(LowRank::combined(&[]).is_none());
}
