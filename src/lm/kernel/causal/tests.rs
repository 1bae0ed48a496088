use super::*;

/// Of one group: products of queries and keys, shares, results, in 64 bits.
fn plain(shape: &Shape, length: usize, numbers: &[f64]) -> Vec<f64> {
    let width = shape.head_width;
    let size = length * width;
    let (queries, rest) = numbers.split_at(shape.heads * size);
    let (keys, values) = rest.split_at(size);
    let mut out = Vec::new();
    for (row, query) in queries.chunks(width).enumerate() {
        let at = row % length;
        let first = shape
            .window
            .map_or(0, |window| (at + 1).saturating_sub(window));
        let shares: Vec<f64> = (first..=at)
            .map(|key| {
                let key = &keys[key * width..(key + 1) * width];
                let product: f64 = query.iter().zip(key).map(|(a, b)| a * b).sum();
                let scaled = product * f64::from(shape.scale);
                let score = shape.cap.map_or(scaled, |cap| {
                    let cap = f64::from(cap);
                    cap * (scaled / cap).tanh()
                });
                score.exp()
            })
            .collect();
        let sum: f64 = shares.iter().sum();
        for number in 0..width {
            let seen = shares.iter().zip(first..);
            out.push(
                seen.map(|(s, key)| s / sum * values[key * width + number])
                    .sum(),
            );
        }
    }
    out
}

fn shapes() -> impl Iterator<Item = (Shape, Vec<usize>)> {
    let shape = |groups, heads, head_width, cap, window| Shape {
        groups,
        heads,
        head_width,
        scale: 0.4,
        cap,
        window,
    };
    [
        (shape(2, 3, 8, None, None), vec![5, 1, 70]),
        (shape(1, 1, 20, Some(0.7), None), vec![9]),
        (shape(1, 2, 16, None, Some(7)), vec![80, 3]),
    ]
    .into_iter()
}

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0)
        .collect()
}

#[test]
fn results_and_gradients_are_right_and_the_same_on_any_threads() {
    for (shape, lengths) in shapes() {
        let width = shape.head_width;
        let tokens: usize = lengths.iter().sum();
        let values = numbers(tokens * shape.groups * (shape.heads + 2) * width, 1);
        let weights = numbers(tokens * shape.groups * shape.heads * width, 2);
        let grouped = Grouped {
            shape,
            lengths: &lengths,
            queries_keys_values: &values,
        };
        let run = |threads, instructions| {
            let pool = Pool::new(threads).unwrap();
            let (out, sums) = grouped.attend(instructions, &pool);
            let back = grouped.backward(&out, &sums, &weights, instructions, &pool);
            (out, back)
        };
        let (out, back) = run(1, Instructions::Portable);
        for instructions in Instructions::available() {
            assert!(
                (out.clone(), back.clone()) == run(3, instructions),
                "{instructions:?}"
            );
        }
        for unit in units(&shape, &lengths) {
            let rows = unit.rows.start * width..unit.rows.end * width;
            let queries = unit.queries.start * width..unit.queries.end * width;
            let own: Vec<f64> = values[rows.clone()].iter().map(|&x| f64::from(x)).collect();
            let exact = plain(&shape, unit.length, &own);
            for (found, exact) in out[queries.clone()].iter().zip(&exact) {
                assert!((f64::from(*found) - exact).abs() < 1e-5, "{found} {exact}");
            }
            // Finite differences of the sum of results, weighted.
            let loss = |own: &[f64]| -> f64 {
                let out = plain(&shape, unit.length, own);
                out.iter()
                    .zip(&weights[queries.clone()])
                    .map(|(x, w)| x * f64::from(*w))
                    .sum()
            };
            for at in (0..own.len()).step_by(own.len() / 23 + 1) {
                let moved = |by: f64| {
                    let mut own = own.clone();
                    own[at] += by;
                    loss(&own)
                };
                let exact = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let found = f64::from(back[rows.start + at]);
                assert!(
                    (found - exact).abs() < 3e-5 * (1.0 + exact.abs()),
                    "{at}: {found} {exact}"
                );
            }
        }
    }
}
