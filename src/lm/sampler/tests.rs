//! Draws against plain arithmetic.

use super::*;
use crate::domain::request::Sampling;

fn sampler(set: impl FnOnce(&mut Sampling)) -> Sampler {
    let mut sampling = Sampling {
        temperature: Some(1.0),
        seed: Some(7),
        ..Sampling::default()
    };
    set(&mut sampling);
    Sampler::new(&sampling, Vec::new(), &[], 0)
}

fn token(sampler: &mut Sampler, logits: &[f32], position: u64) -> u32 {
    let drawn = sampler.draw(&mut logits.to_vec(), None, position);
    drawn.expect("nothing is masked").token
}

const LOGITS: [f32; 4] = [1.0, 3.0, 2.0, -1.0];

fn drawn(mut sampler: Sampler) -> [usize; 4] {
    let mut counts = [0; 4];
    for position in 0..4000 {
        counts[token(&mut sampler, &LOGITS, position) as usize] += 1;
    }
    counts
}

/// Logits as models give them: a few high ones, a long tail, equal ones among them.
fn vocabulary(size: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    };
    (0..size)
        .map(|_| {
            let height = next();
            ((height * height * height * 24.0 - 8.0) * 8.0).round() / 8.0
        })
        .collect()
}

/// The tokens that may be drawn and their weights, by sorting everything.
fn plainly(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let temperature = f64::from(sampling.clamped_temperature());
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut all: Vec<(u32, f64)> = (0..)
        .zip(logits)
        .map(|(token, &l)| (token, (f64::from(l - top) / temperature).exp()))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(sampling.top_k.map_or(all.len(), |k| k as usize));
    if let Some(share) = sampling.top_p {
        let total: f64 = all.iter().map(|c| c.1).sum();
        let mut sum = 0.0;
        let count = all.iter().position(|c| {
            sum += c.1;
            sum >= f64::from(share) * total
        });
        all.truncate(count.map_or(all.len(), |at| at + 1));
    }
    all.retain(|c| c.1 >= f64::from(sampling.min_p.unwrap_or(0.0)));
    all.sort_by_key(|c| c.0);
    all
}

#[test]
fn frequencies_are_those_of_the_soft_max() {
    let total: f32 = LOGITS.iter().map(|l| l.exp()).sum();
    for (count, logit) in drawn(sampler(|_| {})).into_iter().zip(LOGITS) {
        let expected = logit.exp() / total * 4000.0;
        assert!(
            (count as f32 - expected).abs() < 120.0,
            "{count} {expected}"
        );
    }
}

#[test]
fn every_draw_is_the_one_that_sorting_everything_gives() {
    for size in [5, 64, 1000, 1024, 5000, 40_001] {
        let logits = vocabulary(size, 3);
        let kinds: [(Option<u32>, Option<f32>, Option<f32>); 9] = [
            (None, None, None),
            (None, Some(0.95), None),
            (None, Some(0.3), None),
            (None, Some(0.999), Some(0.05)),
            (Some(40), None, None),
            (Some(1), Some(0.9), None),
            (Some(500), Some(0.9), Some(0.01)),
            (None, None, Some(0.1)),
            (Some(100_000), Some(0.5), None),
        ];
        for (temperature, (top_k, top_p, min_p)) in [0.3, 0.7, 1.0, 1.9]
            .into_iter()
            .flat_map(|t| kinds.map(|k| (t, k)))
        {
            let sampling = Sampling {
                temperature: Some(temperature),
                seed: Some(1),
                top_k,
                top_p,
                min_p,
                ..Sampling::default()
            };
            let kept = plainly(&logits, &sampling);
            let total: f64 = kept.iter().map(|c| c.1).sum();
            let mut sampler = Sampler::new(&sampling, Vec::new(), &[], 0);
            for position in 0..40 {
                let found = token(&mut sampler, &logits, position);
                let point = random::unit(1, position) * total;
                let mut until = 0.0;
                let at = kept.iter().position(|c| {
                    until += c.1;
                    point < until
                });
                let expected = kept[at.unwrap_or(kept.len() - 1)];
                // Beside a border between two tokens, single precision may fall on its other side.
                let is_near = (until - point).min(point - (until - expected.1)) < 1e-5 * total;
                assert!(
                    found == expected.0 || is_near,
                    "{size} {sampling:?} {position}: {found}, expected {expected:?}"
                );
                assert!(kept.iter().any(|c| c.0 == found), "{found} was cut off");
            }
        }
    }
}

#[test]
fn cuts_leave_the_most_likely() {
    let only = |counts: [usize; 4]| counts.map(|c| c > 0);
    let two = [false, true, true, false];
    assert_eq!(only(drawn(sampler(|s| s.top_k = Some(2)))), two);
    assert_eq!(only(drawn(sampler(|s| s.top_p = Some(0.85)))), two);
    assert_eq!(only(drawn(sampler(|s| s.min_p = Some(0.3)))), two);
    let one = [false, true, false, false];
    assert_eq!(only(drawn(sampler(|s| s.top_p = Some(0.0)))), one);
    assert_eq!(only(drawn(sampler(|s| s.temperature = Some(0.0)))), one);
    assert_eq!(only(drawn(sampler(|s| s.top_k = Some(1)))), one);
    assert_eq!(only(drawn(sampler(|s| s.min_p = Some(3.0)))), one);
}

fn greedy(set: impl FnOnce(&mut Sampling)) -> Sampling {
    let mut sampling = Sampling {
        temperature: Some(0.0),
        ..Sampling::default()
    };
    set(&mut sampling);
    sampling
}

#[test]
fn seen_tokens_lose() {
    let repeat = greedy(|s| s.repeat_penalty = Some(2.0));
    let mut of_prompt = Sampler::new(&repeat, Vec::new(), &[1, 1], 0);
    assert_eq!(token(&mut of_prompt, &LOGITS, 0), 2);
    of_prompt.accept(2);
    assert_eq!(
        token(&mut of_prompt, &LOGITS, 1),
        1,
        "1.5, 1.0 and 1.0 are left"
    );
    let mut negative = Sampler::new(&repeat, Vec::new(), &[0], 0);
    assert_eq!(token(&mut negative, &[-1.0, -1.5], 0), 1);
}

#[test]
fn drawn_tokens_lose_by_their_count_and_by_their_presence() {
    let answer = |sampling: &Sampling, prompt: &[u32]| -> Vec<u32> {
        let mut sampler = Sampler::new(sampling, Vec::new(), prompt, 0);
        (0..6)
            .map(|position| {
                let token = token(&mut sampler, &LOGITS, position);
                sampler.accept(token);
                token
            })
            .collect()
    };
    // 3, then 2.4 = 3 - 0.6, 1.8 after the second; 2 between them, 1.4 after it.
    let frequency = greedy(|s| s.frequency_penalty = Some(0.6));
    assert_eq!(answer(&frequency, &[1, 1, 1]), [1, 1, 2, 1, 2, 1]);
    // Once is enough, and more does not count.
    let presence = greedy(|s| s.presence_penalty = Some(1.5));
    assert_eq!(answer(&presence, &[1, 1, 1]), [1, 2, 1, 1, 1, 1]);
}

#[test]
fn bias_counts_and_a_mask_leaves_only_what_it_names() {
    let mut biased = Sampler::new(&greedy(|_| {}), vec![(3, 4.5), (99, 100.0)], &[], 0);
    assert_eq!(token(&mut biased, &LOGITS, 0), 3);
    let mut masked = Sampler::new(&greedy(|s| s.logprobs = Some(0)), Vec::new(), &[], 0);
    let drawn = masked.draw(&mut LOGITS.to_vec(), Some(&[0b1001]), 0);
    assert_eq!(drawn.unwrap().token, 0);
    assert_eq!(masked.draw(&mut LOGITS.to_vec(), Some(&[]), 0), None);
    let mut long = vocabulary(100, 5);
    long[70] = 50.0;
    let words = [u32::MAX, 0, 0b10_0000];
    let drawn = masked.draw(&mut long, Some(&words), 0).unwrap();
    assert!(drawn.token < 32 || drawn.token == 69);
}

#[test]
fn log_probabilities_are_those_of_the_model_whatever_the_draw() {
    let logits = vocabulary(5000, 9);
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|&l| f64::from(l - top).exp()).sum();
    let exact = |token: u32| f64::from(logits[token as usize] - top) - total.ln();
    let sampling = Sampling {
        temperature: Some(1.7),
        frequency_penalty: Some(3.0),
        top_k: Some(7),
        logprobs: Some(5),
        ..Sampling::default()
    };
    let mut sampler = Sampler::new(&sampling, vec![(17, 30.0)], &[], 4);
    let mut order: Vec<u32> = (0..5000).collect();
    order.sort_by(|&a, &b| exact(b).total_cmp(&exact(a)).then(a.cmp(&b)));
    for position in 0..20 {
        let drawn = sampler.draw(&mut logits.clone(), None, position).unwrap();
        let told = drawn.logprobs.unwrap();
        assert_eq!(told.drawn.token, drawn.token);
        assert!((f64::from(told.drawn.logprob) - exact(drawn.token)).abs() < 1e-4);
        let tokens: Vec<u32> = told.likeliest.iter().map(|l| l.token).collect();
        assert_eq!(tokens, order[..5]);
        for likely in told.likeliest {
            assert!((f64::from(likely.logprob) - exact(likely.token)).abs() < 1e-4);
        }
        sampler.accept(drawn.token);
    }
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    for logits in [
        [f32::NAN, 1.0, 0.0, f32::NEG_INFINITY],
        [f32::NAN; 4],
        [f32::NEG_INFINITY; 4],
        [f32::INFINITY, 1.0, f32::INFINITY, 0.0],
    ] {
        for top_p in [1.0, 0.9] {
            let mut sampler = sampler(|s| s.top_p = Some(top_p));
            let drawn = sampler.draw(&mut logits.to_vec(), None, 0);
            assert!(drawn.is_none_or(|drawn| drawn.token < 4));
        }
    }
}

#[test]
fn a_draw_depends_on_seed_and_position_alone() {
    let text = |seed| {
        let mut sampler = sampler(|s| s.seed = Some(seed));
        (0..64)
            .map(|p| token(&mut sampler, &LOGITS, p))
            .collect::<Vec<_>>()
    };
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}
