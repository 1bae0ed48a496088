//! Given continuations: how likely they are, and that their prompt is computed once.

use super::recorder::{Bench, greedy, model, options, prompt};
use crate::support::tiny_model::Stored;
use synod::domain::cancel::Cancel;
use synod::domain::fault::FaultClass;
use synod::domain::message::Message;
use synod::domain::request::Finish;
use synod::domain::score::{Continuation, Prompt, Score};
use synod::lm::cache::{Cache, Table};
use synod::lm::decoder::{Pass, Span, forward};
use synod::lm::engine::perplexity::Windows;
use synod::lm::engine::{Engine, Options};
use synod::lm::kernel::Pool;

/// The log-probability of each of `tokens` after `prompt`, by one pass of the decoder and plain arithmetic.
fn plainly(stored: Stored, prompt: &[u32], tokens: &[u32]) -> Vec<(f64, bool)> {
    let model = model(stored);
    let config = &model.config;
    let sequence = [prompt, tokens].concat();
    let mut cache = Cache::new(config.layers, config.kv_width(), 1 << 24);
    let mut table = Table::default();
    cache.reserve(&mut table, sequence.len()).unwrap();
    let pool = Pool::new(1).unwrap();
    let span = Span {
        table: &table,
        start: 0,
        tokens: &sequence,
        adapter: None,
        wanted: tokens.len() + 1,
    };
    let Pass::Done(logits) = forward(config, &model.weights, &mut cache, &pool, &[span], &|| {
        false
    })
    .unwrap() else {
        panic!("nobody gave up")
    };
    tokens
        .iter()
        .zip(&logits)
        .map(|(&token, logits)| {
            let total: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
            let own = logits[token as usize];
            (
                f64::from(own) - total.ln(),
                logits.iter().all(|&l| l <= own),
            )
        })
        .collect()
}

fn tokens(seed: u32, length: u32) -> Continuation {
    Continuation::Tokens(prompt(seed, length))
}

fn assert_close(score: &Score, expected: &[(f64, bool)]) {
    assert_eq!(score.logprobs.len(), expected.len());
    for (found, expected) in score.logprobs.iter().zip(expected) {
        assert!(
            (f64::from(*found) - expected.0).abs() < 1e-4,
            "{found} {expected:?}"
        );
    }
    assert_eq!(score.is_greedy, expected.iter().all(|e| e.1));
    let sum: f64 = expected.iter().map(|e| e.0).sum();
    assert!((score.sum() - sum).abs() < 1e-3);
}

#[test]
fn scores_are_the_models_own_and_the_prompt_is_computed_once() {
    for (stored, prefill_tokens) in [(Stored::F32, 64), (Stored::Q8_0, 7)] {
        let mut bench = Bench::on(
            stored,
            &Options {
                prefill_tokens,
                ..options()
            },
        );
        let question = prompt(1, 43);
        let likeliest = Bench::on(stored, &options()).alone(&question, greedy(5));
        let lengths = [1, 4, 20, 1, 90];
        let mut given: Vec<Continuation> = (2..).zip(lengths).map(|(s, l)| tokens(s, l)).collect();
        given.push(Continuation::Tokens(likeliest.clone()));
        let heard = bench.score(Prompt::Tokens(question.clone()), given.clone());
        bench.run();
        let scores = heard.scores();
        assert_eq!(scores.len(), given.len());
        for (score, given) in scores.iter().zip(&given) {
            let Continuation::Tokens(tokens) = given else {
                panic!("tokens were given")
            };
            assert_eq!(&score.tokens, tokens);
            assert_close(score, &plainly(stored, &question, tokens));
        }
        assert!(scores[5].is_greedy);
        // The last token of a continuation is looked up, not computed; single tokens cost nothing.
        let computed = 43 + 3 + 19 + 89 + 4;
        assert_eq!(bench.stats().prompt_tokens, 43);
        assert_eq!(bench.stats().rows, computed);
        let usage = heard.end().unwrap().usage;
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (43, 121));
        assert_eq!(heard.prefills().last(), Some(&(43, 43)));
    }
}

#[test]
fn continuations_go_through_the_model_side_by_side() {
    let mut bench = Bench::new(&options());
    let given = (2..8).map(|seed| tokens(seed, 5)).collect();
    let heard = bench.score(Prompt::Tokens(prompt(1, 20)), given);
    bench.run();
    assert!(heard.end().is_ok());
    assert_eq!((bench.stats().passes, bench.stats().widest), (2, 6));
}

#[test]
fn a_score_depends_on_nothing_beside_it() {
    let question = prompt(1, 30);
    let mut alone = Bench::new(&options());
    let expected = alone.score(Prompt::Tokens(question.clone()), vec![tokens(5, 12)]);
    alone.run();
    let mut bench = Bench::new(&Options {
        rows: 3,
        threads: 2,
        ..options()
    });
    let talking = bench.ask(&question, greedy(30));
    let among: Vec<Continuation> = (2..9).map(|seed| tokens(seed, 12)).collect();
    let first = bench.score(Prompt::Tokens(question.clone()), among.clone());
    let second = bench.score(Prompt::Tokens(question.clone()), among);
    bench.run();
    for heard in [first, second] {
        assert_eq!(heard.scores()[3], expected.scores()[0]);
        assert_eq!(heard.end().unwrap().finish, Finish::Stop);
    }
    let free = Bench::new(&options()).alone(&question, greedy(30));
    assert_eq!(talking.tokens(), free);
    // Whoever found no place at once starts from the 16 of 30 tokens that make a whole block; nobody computes all again.
    assert!(
        bench.stats().prompt_tokens < 30 + 14 * 14 + 1,
        "{:?}",
        bench.stats()
    );
}

#[test]
fn when_memory_runs_out_scores_stay_right() {
    // One MiB holds 4,096 tokens; ten continuations have 5,000.
    let mut bench = Bench::new(&Options {
        cache_mib: 1,
        ..options()
    });
    let question = prompt(1, 300);
    let given: Vec<Continuation> = (2..12).map(|seed| tokens(seed, 500)).collect();
    let heard = bench.score(Prompt::Tokens(question.clone()), given);
    bench.run();
    assert!(bench.stats().preempted > 0, "{:?}", bench.stats());
    for (seed, score) in (2..).zip(heard.scores()) {
        assert_close(&score, &plainly(Stored::F32, &question, &prompt(seed, 500)));
    }
}

#[test]
fn texts_are_cut_as_the_model_would_write_them() {
    let model = model(Stored::F32);
    let mut bench = Bench::new(&options());
    let question = Prompt::Messages(vec![Message::user("which?")]);
    let given = vec![
        Continuation::Text(" the inn".into()),
        Continuation::Text("<|im_end|>".into()),
    ];
    let heard = bench.score(question, given.clone());
    bench.run();
    let scores = heard.scores();
    assert_eq!(
        scores[0].tokens,
        model.tokenizer.encode(" the inn").unwrap()
    );
    assert!(
        scores[1].tokens.len() > 5,
        "what is given is text, not a control token"
    );
    // Behind "in" the text " the" begins a token of its own; "t he" would have been one word with the prompt's.
    let heard = bench.score(Prompt::Text("in".into()), given);
    bench.run();
    let whole = model.tokenizer.encode("in the inn").unwrap();
    assert_eq!(heard.scores()[0].tokens, whole[1..]);
    let heard = bench.score(
        Prompt::Text("a".into()),
        vec![Continuation::Text("nd".into())],
    );
    bench.run();
    assert_eq!(
        heard.scores()[0].tokens,
        model.tokenizer.encode("nd").unwrap(),
        "\"and\" is one token, which would change the prompt"
    );
}

#[test]
fn what_cannot_be_scored_is_refused() {
    let mut bench = Bench::new(&Options {
        context: Some(50),
        ..options()
    });
    let mut class = |prompt: Vec<u32>, given: Vec<Continuation>| {
        let heard = bench.score(Prompt::Tokens(prompt), given);
        let fault = heard.end().unwrap_err();
        (fault.class, fault.message)
    };
    let bad = FaultClass::BadRequest;
    assert_eq!(class(prompt(1, 5), vec![]).0, bad);
    assert_eq!(class(vec![], vec![tokens(1, 3)]).0, bad);
    let (refused, message) = class(prompt(1, 5), vec![tokens(1, 3), tokens(1, 0)]);
    assert!(
        refused == bad && message.contains("continuation 2"),
        "{message}"
    );
    let alien = Continuation::Tokens(vec![3, 9999]);
    assert_eq!(class(prompt(1, 5), vec![alien]).0, bad);
    let (refused, message) = class(prompt(1, 40), vec![tokens(2, 3), tokens(1, 12)]);
    assert_eq!(refused, FaultClass::ContextTooLong);
    assert!(
        message.contains("51") && message.contains("50"),
        "{message}"
    );
    let heard = bench.score(Prompt::Tokens(prompt(1, 40)), vec![tokens(1, 11)]);
    bench.run();
    assert!(heard.end().is_ok(), "the last token needs no room");
}

#[test]
fn a_cancelled_scoring_ends_once_and_leaves_nothing() {
    let mut bench = Bench::new(&Options {
        prefill_tokens: 8,
        ..options()
    });
    let given = || (2..6).map(|seed| tokens(seed, 60)).collect();
    let cancelled = bench.score(Prompt::Tokens(prompt(1, 40)), given());
    let gone = bench.score(Prompt::Tokens(prompt(9, 40)), given());
    for _ in 0..14 {
        bench.batch.step();
    }
    cancelled.cancel.cancel();
    gone.leave();
    let last = bench.score(Prompt::Tokens(prompt(1, 40)), given());
    bench.run();
    for heard in [cancelled, gone] {
        assert_eq!(heard.end().unwrap_err().class, FaultClass::Cancelled);
        assert!(heard.scores().is_empty());
    }
    assert_eq!(last.scores().len(), 4);
}

#[test]
fn a_whole_text_is_scored_window_by_window() {
    let text = prompt(3, 100);
    let engine = Engine::start("tiny", Box::new(|| Ok(model(Stored::F32))), options()).unwrap();
    let perplexity = |tokens, unscored| {
        let mut heard = Vec::new();
        let windows = Windows { tokens, unscored };
        let found = engine.perplexity(&text, windows, &Cancel::new(), |sum| heard.push(sum));
        found.map(|found| (found, heard))
    };
    let expected = |tokens: usize, unscored: usize| -> (usize, f64) {
        let windows = text.chunks(tokens).filter(|w| w.len() > unscored);
        let scored: Vec<f64> = windows
            .flat_map(|w| plainly(Stored::F32, &w[..unscored], &w[unscored..]))
            .map(|found| found.0)
            .collect();
        let mean = scored.iter().sum::<f64>() / scored.len() as f64;
        (scored.len(), (-mean).exp())
    };
    for (tokens, unscored) in [(100, 1), (32, 1), (32, 17), (1000, 50), (33, 1)] {
        let (found, heard) = perplexity(tokens, unscored).unwrap();
        let (count, value) = expected(tokens, unscored);
        assert_eq!(found.tokens, count);
        assert!(
            (found.value() / value - 1.0).abs() < 1e-4,
            "{} {value}",
            found.value()
        );
        assert_eq!(heard.last(), Some(&found));
    }
    assert_eq!(
        perplexity(20, 20).unwrap_err().class,
        FaultClass::BadRequest
    );
    let cancel = Cancel::new();
    cancel.cancel();
    let windows = Windows {
        tokens: 50,
        unscored: 1,
    };
    let fault = engine
        .perplexity(&text, windows, &cancel, |_| {})
        .unwrap_err();
    assert_eq!(fault.class, FaultClass::Cancelled);
}
