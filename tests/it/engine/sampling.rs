//! Rows that draw differently, side by side.

use super::recorder::{Bench, greedy, options, prompt, seeded};
use std::collections::BTreeMap;
use synod::domain::fault::FaultClass;
use synod::domain::request::{ResponseFormat, Sampling};
use synod::lm::engine::Options;

fn biased(bias: &[(&str, f32)], sampling: Sampling) -> Sampling {
    let logit_bias: BTreeMap<String, f32> = bias.iter().map(|&(k, v)| (k.into(), v)).collect();
    Sampling {
        logit_bias,
        ..sampling
    }
}

/// Eight ways to draw.
fn samplers() -> Vec<Sampling> {
    let with = |set: fn(&mut Sampling)| {
        let mut sampling = seeded(11, 24);
        set(&mut sampling);
        sampling
    };
    vec![
        greedy(24),
        seeded(1, 24),
        with(|s| s.top_k = Some(5)),
        with(|s| s.top_p = Some(0.4)),
        with(|s| {
            s.min_p = Some(0.2);
            s.temperature = Some(1.7);
        }),
        with(|s| {
            s.repeat_penalty = Some(1.4);
            s.frequency_penalty = Some(0.5);
            s.presence_penalty = Some(0.3);
        }),
        biased(&[("70", 3.0), (" the", 2.0)], seeded(4, 24)),
        with(|s| {
            s.logprobs = Some(3);
            s.response_format = Some(ResponseFormat::Regex("[a-z ]{5,9}[0-9]+".into()));
        }),
    ]
}

#[test]
fn eight_samplers_in_one_batch_draw_what_each_draws_alone() {
    for threads in [1, 2] {
        let options = Options {
            threads,
            ..options()
        };
        for same_prompt in [true, false] {
            let prompt_of = |n: u32| prompt(if same_prompt { 1 } else { n }, 30);
            let mut bench = Bench::new(&options);
            // The vocabulary is sorted beforehand, so that nobody comes late.
            bench.alone(&prompt(99, 3), samplers().remove(7));
            let all: Vec<_> = (1..)
                .zip(samplers())
                .map(|(n, sampling)| bench.ask(&prompt_of(n), sampling))
                .collect();
            bench.run();
            for ((n, sampling), heard) in (1..).zip(samplers()).zip(&all) {
                let mut alone = Bench::new(&super::recorder::options());
                let expected = alone.ask(&prompt_of(n), sampling.clone());
                alone.run();
                assert_eq!(heard.tokens(), expected.tokens(), "{threads} {sampling:?}");
                assert_eq!(heard.logprobs(), expected.logprobs());
                assert_eq!(heard.text(), expected.text());
            }
            assert_eq!(bench.stats().widest, 8);
            let distinct: std::collections::BTreeSet<_> = all.iter().map(|h| h.tokens()).collect();
            assert_eq!(distinct.len(), 8, "they do differ");
        }
    }
}

#[test]
fn log_probabilities_come_with_every_token() {
    let mut bench = Bench::new(&options());
    let sampling = Sampling {
        logprobs: Some(4),
        ..greedy(12)
    };
    let heard = bench.ask(&prompt(3, 20), sampling);
    let silent = bench.ask(&prompt(3, 20), greedy(12));
    bench.run();
    assert!(silent.logprobs().is_empty());
    assert_eq!(silent.tokens(), heard.tokens());
    let told = heard.logprobs();
    assert_eq!(told.len(), 12);
    let scored = bench.score(
        synod::domain::score::Prompt::Tokens(prompt(3, 20)),
        vec![synod::domain::score::Continuation::Tokens(heard.tokens())],
    );
    bench.run();
    let scores = scored.scores();
    assert!(scores[0].is_greedy);
    for ((told, token), scored) in told.iter().zip(heard.tokens()).zip(&scores[0].logprobs) {
        assert_eq!((told.drawn.token, told.drawn.logprob), (token, *scored));
        assert_eq!(told.likeliest.len(), 4);
        assert_eq!(told.likeliest[0], told.drawn, "greedy takes the likeliest");
        let falls =
            |pair: &[synod::domain::score::TokenLogprob]| pair[0].logprob >= pair[1].logprob;
        assert!(told.likeliest.windows(2).all(falls));
        let sum: f32 = told.likeliest.iter().map(|l| l.logprob.exp()).sum();
        assert!(sum < 1.0 && told.drawn.logprob < 0.0);
        let bytes = super::recorder::model(crate::support::tiny_model::Stored::F32);
        assert_eq!(told.drawn.bytes, bytes.tokenizer.bytes(token));
    }
}

#[test]
fn a_bias_is_for_a_token_by_its_number_or_its_text() {
    let mut bench = Bench::new(&options());
    let model = super::recorder::model(crate::support::tiny_model::Stored::F32);
    let the = model.tokenizer.encode(" the").unwrap();
    assert_eq!(the.len(), 1);
    for key in [" the".to_owned(), the[0].to_string()] {
        let tokens = bench.alone(&prompt(5, 9), biased(&[(&key, 100.0)], greedy(3)));
        assert_eq!(tokens, [the[0]; 3]);
    }
    // The spelling of a control token is that token: an answer that must not be empty.
    let ended = bench.alone(&prompt(5, 9), biased(&[("<|im_end|>", 100.0)], greedy(3)));
    assert_eq!(ended, [crate::support::tiny_model::END]);
    for (key, part) in [
        ("the council", "tokens of this model, not one"),
        ("", "0 tokens"),
        ("9999", "not among the model's 265"),
        ("99999999999", "not among"),
    ] {
        let fault = bench
            .ask(&prompt(5, 9), biased(&[(key, 1.0)], greedy(3)))
            .end();
        let fault = fault.unwrap_err();
        assert_eq!(fault.class, FaultClass::BadRequest);
        assert!(
            fault.message.starts_with("logit_bias") && fault.message.contains(part),
            "{fault}"
        );
    }
    let fault = bench.ask(&prompt(5, 9), biased(&[("70", f32::NAN)], greedy(3)));
    assert_eq!(fault.end().unwrap_err().class, FaultClass::BadRequest);
}
