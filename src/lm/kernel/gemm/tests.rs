use super::*;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0)
        .collect()
}

fn plain(left: View<'_>, right: View<'_>) -> Vec<f64> {
    let mut out = vec![0.0; left.rows() * right.columns()];
    let at = |view: View<'_>, row, column| unsafe { f64::from(*view.pointer(row, column).0) };
    for row in 0..left.rows() {
        for column in 0..right.columns() {
            for k in 0..left.columns() {
                out[row * right.columns() + column] += at(left, row, k) * at(right, k, column);
            }
        }
    }
    out
}

#[test]
fn products_are_right_whatever_is_transposed_and_the_same_on_any_threads() {
    let pools = [Pool::new(1).unwrap(), Pool::new(3).unwrap()];
    for (rows, columns, depth) in [
        (1, 1, 1),
        (7, 50, 3),
        (65, 33, 200),
        (130, 97, 17),
        (16, 200, 401),
    ] {
        let (a, b) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
        let lefts = [View::new(&a, depth), View::new(&a, rows).transposed()];
        let rights = [View::new(&b, columns), View::new(&b, depth).transposed()];
        for (left, right) in lefts.into_iter().flat_map(|l| rights.map(|r| (l, r))) {
            let exact = plain(left, right);
            for instructions in Instructions::available() {
                let run = |pool| {
                    let mut out = vec![7.0; rows * columns];
                    multiply(
                        ViewMut::new(&mut out, columns),
                        &[(left, right)],
                        false,
                        instructions,
                        pool,
                    );
                    multiply(
                        ViewMut::new(&mut out, columns),
                        &[(left, right)],
                        true,
                        instructions,
                        pool,
                    );
                    out
                };
                let found = run(None);
                for pool in &pools {
                    assert_eq!(found, run(Some(pool)));
                }
                for (found, exact) in found.iter().zip(&exact) {
                    let difference = (f64::from(*found) - 2.0 * exact).abs();
                    assert!(difference < 2e-6 * (1.0 + depth as f64), "{found} {exact}");
                }
            }
        }
    }
}

#[test]
fn terms_are_summed_and_columns_outside_stay() {
    let (rows, columns) = (9, 60);
    let (a, b, c, d) = (
        numbers(rows * 5, 1),
        numbers(5 * 20, 2),
        numbers(rows * 3, 3),
        numbers(3 * 20, 4),
    );
    let first = (View::new(&a, 5), View::new(&b, 20));
    let second = (View::new(&c, 3), View::new(&d, 20));
    let mut out = vec![7.0; rows * columns];
    let part = ViewMut::new(&mut out, columns).column_range(30..50);
    multiply(part, &[first, second], false, Instructions::detect(), None);
    let exact: Vec<f64> = plain(first.0, first.1)
        .into_iter()
        .zip(plain(second.0, second.1))
        .map(|(a, b)| a + b)
        .collect();
    for (row, out) in out.chunks(columns).enumerate() {
        for (column, found) in out.iter().enumerate() {
            let expected = match column {
                30..50 => exact[row * 20 + column - 30],
                _ => 7.0,
            };
            assert!((f64::from(*found) - expected).abs() < 1e-5);
        }
    }
}

#[test]
fn nothing_to_sum_is_zero() {
    let mut out = vec![7.0; 6];
    multiply(
        ViewMut::new(&mut out, 3),
        &[],
        false,
        Instructions::detect(),
        None,
    );
    assert_eq!(out, [0.0; 6]);
}

#[test]
#[should_panic = "another shape"]
fn other_shapes_are_refused() {
    let (a, b) = (numbers(6, 1), numbers(6, 2));
    let mut out = vec![0.0; 4];
    let terms = [(View::new(&a, 2), View::new(&b, 3))];
    multiply(
        ViewMut::new(&mut out, 2),
        &terms,
        false,
        Instructions::detect(),
        None,
    );
}

#[test]
fn matrix_units_are_as_exact_and_the_same_on_any_threads() {
    let pools = [Pool::new(1).unwrap(), Pool::new(3).unwrap()];
    // Whole numbers of few bits, of more, and any: one part of a number, two, three.
    let kinds = [0.25, 0.001_953_125, 0.618_034];
    for ((rows, columns, depth), kind) in [
        (16, 16, 32),
        (70, 50, 33),
        (33, 1600, 40),
        (65, 100, 2100),
        (130, 16, 57),
    ]
    .into_iter()
    .flat_map(|shape| kinds.map(|kind| (shape, kind)))
    {
        let a = numbers(rows * depth, 1);
        let b: Vec<f32> = (0..depth * columns)
            .map(|i| ((i * 7919 % 501) as f32 - 250.0) * kind)
            .collect();
        let (c, d) = (numbers(rows * 16, 3), numbers(16 * columns, 4));
        let lefts = [View::new(&a, depth), View::new(&a, rows).transposed()];
        let rights = [View::new(&b, columns), View::new(&b, depth).transposed()];
        for (left, right) in lefts.into_iter().flat_map(|l| rights.map(|r| (l, r))) {
            let second = (View::new(&c, 16), View::new(&d, columns));
            let run = |pool| {
                let mut out = vec![7.0; rows * columns];
                let terms = [(left, right), second];
                for is_added in [false, true] {
                    let out = ViewMut::new(&mut out, columns);
                    multiply_fast(out, &terms, is_added, Instructions::detect(), pool);
                }
                out
            };
            let found = run(None);
            for pool in &pools {
                assert_eq!(found, run(Some(pool)));
            }
            let exact = plain(left, right)
                .into_iter()
                .zip(plain(second.0, second.1));
            let sizes = sizes(left, right);
            for ((found, (a, b)), size) in found.iter().zip(exact).zip(sizes) {
                let difference = (f64::from(*found) - 2.0 * (a + b)).abs();
                // Some roundings of 32-bit floats.
                assert!(
                    difference < 1e-6 * (size + 16.0),
                    "{found} {}",
                    2.0 * (a + b)
                );
            }
        }
    }
}

/// For each number of a product the sum of its terms' sizes.
fn sizes(left: View<'_>, right: View<'_>) -> Vec<f64> {
    let at = |view: View<'_>, row, column| unsafe { f64::from(*view.pointer(row, column).0).abs() };
    let mut out = vec![0.0; left.rows() * right.columns()];
    for (place, sum) in out.iter_mut().enumerate() {
        let (row, column) = (place / right.columns(), place % right.columns());
        *sum = (0..left.columns())
            .map(|k| at(left, row, k) * at(right, k, column))
            .sum();
    }
    out
}
