//! What is computed once for all.

use super::recorder::{Bench, Heard, greedy, options, prompt, seeded};
use synod::domain::fault::FaultClass;
use synod::domain::request::Finish;
use synod::lm::engine::Options;

#[test]
fn identical_prompts_are_computed_once() {
    let mut bench = Bench::new(&options());
    let prompt = prompt(1, 43);
    let members: Vec<_> = (0..4)
        .map(|seed| bench.ask(&prompt, seeded(seed, 20)))
        .collect();
    bench.run();
    assert_eq!(bench.stats().prompt_tokens, 43);
    let cached: Vec<u64> = members
        .iter()
        .map(|m| m.end().unwrap().usage.cached_tokens)
        .collect();
    assert_eq!(cached, [0, 43, 43, 43]);
    assert_eq!(bench.stats().widest, 4);
    let answers: Vec<_> = members.iter().map(super::recorder::Heard::tokens).collect();
    assert!(
        answers.iter().skip(1).all(|a| *a != answers[0]),
        "seeds differ"
    );
    assert_eq!(members[3].prefills(), [(43, 43)]);
}

#[test]
fn who_shares_a_past_diverges_without_traces() {
    let prompt = prompt(2, 37);
    let mut together = Bench::new(&options());
    let members: Vec<_> = (0..5)
        .map(|seed| together.ask(&prompt, seeded(seed, 40)))
        .collect();
    together.run();
    for (seed, member) in (0..).zip(&members) {
        let mut alone = Bench::new(&options());
        assert_eq!(
            member.tokens(),
            alone.alone(&prompt, seeded(seed, 40)),
            "seed {seed}"
        );
    }
}

#[test]
fn a_common_beginning_is_computed_once() {
    let mut bench = Bench::new(&options());
    let common = prompt(3, 50);
    for seed in 10..14 {
        let mut own = common.clone();
        own.extend(prompt(seed, 7));
        bench.ask(&own, greedy(3));
    }
    bench.run();
    // 48 of the 50 are whole blocks.
    assert_eq!(bench.stats().prompt_tokens, 57 + 3 * (57 - 48));
}

#[test]
fn who_comes_while_the_beginning_is_computed_waits_for_it() {
    let mut bench = Bench::new(&Options {
        prefill_tokens: 8,
        ..options()
    });
    let prompt = prompt(4, 60);
    let first = bench.ask(&prompt, greedy(5));
    bench.batch.step();
    bench.batch.step();
    let second = bench.ask(&prompt, greedy(5));
    bench.run();
    assert_eq!(bench.stats().prompt_tokens, 60);
    assert_eq!((first.queued(), second.queued()), (0, 1));
    assert_eq!(first.tokens(), second.tokens());
}

#[test]
fn when_the_first_leaves_the_next_goes_on_from_its_work() {
    let mut bench = Bench::new(&Options {
        prefill_tokens: 8,
        ..options()
    });
    let prompt = prompt(5, 60);
    let first = bench.ask(&prompt, greedy(5));
    let second = bench.ask(&prompt, greedy(5));
    for _ in 0..4 {
        bench.batch.step();
    }
    first.cancel.cancel();
    bench.run();
    assert_eq!(first.end().unwrap().finish, Finish::Cancelled);
    assert_eq!(second.end().unwrap().finish, Finish::Length);
    assert_eq!(
        bench.stats().prompt_tokens,
        60,
        "32 by the first, 28 by the second"
    );
    assert_eq!(second.end().unwrap().usage.cached_tokens, 32);
}

#[test]
fn the_next_turn_starts_where_the_last_ended() {
    let mut bench = Bench::new(&options());
    let mut conversation = prompt(6, 45);
    let answer = bench.alone(&conversation, greedy(20));
    conversation.extend(answer);
    conversation.extend(prompt(7, 10));
    let before = bench.stats().prompt_tokens;
    let next = bench.ask(&conversation, greedy(4));
    bench.run();
    // 64 of the 65 tokens of the first turn were computed (the last drawn one never is): four blocks.
    assert_eq!(next.end().unwrap().usage.cached_tokens, 64);
    assert_eq!(bench.stats().prompt_tokens - before, 75 - 64);
    let fresh = Bench::new(&options()).alone(&conversation, greedy(4));
    assert_eq!(next.tokens(), fresh);
}

/// One MiB holds 256 blocks of the tiny model: 4,096 tokens.
fn small() -> Options {
    Options {
        cache_mib: 1,
        ..options()
    }
}

#[test]
fn old_conversations_make_room() {
    let mut bench = Bench::new(&small());
    let first = prompt(20, 300);
    let answer = bench.alone(&first, greedy(3));
    for seed in 21..40 {
        bench.alone(&prompt(seed, 300), greedy(3));
    }
    let again = bench.ask(&first, greedy(3));
    bench.run();
    assert_eq!(
        again.end().unwrap().usage.cached_tokens,
        0,
        "it was given up"
    );
    assert_eq!(again.tokens(), answer);
}

#[test]
fn when_memory_runs_out_the_youngest_starts_again_and_says_the_same() {
    let mut bench = Bench::new(&small());
    let asks: Vec<_> = (0..8)
        .map(|seed| (prompt(30 + seed, 400), seeded(u64::from(seed), 200)))
        .collect();
    let members: Vec<_> = asks.iter().map(|(p, s)| bench.ask(p, s.clone())).collect();
    bench.run();
    assert!(bench.stats().preempted > 0, "{:?}", bench.stats());
    let waits: Vec<String> = members.iter().flat_map(Heard::waits).collect();
    assert!(!waits.is_empty());
    assert!(
        waits.iter().all(|why| why.contains("cache of 4096 tokens")),
        "{waits:?}"
    );
    for (member, (prompt, sampling)) in members.iter().zip(asks) {
        assert_eq!(
            member.tokens(),
            Bench::new(&options()).alone(&prompt, sampling)
        );
        assert!(member.end().is_ok());
    }
}

#[test]
fn an_answer_that_fills_the_cache_ends_and_says_why() {
    let mut bench = Bench::new(&small());
    let long = bench.ask(&prompt(43, 4050), greedy(100));
    bench.run();
    let done = long.end().unwrap();
    assert_eq!(
        (done.finish, done.usage.completion_tokens),
        (Finish::Length, 47)
    );
    let notes = long.notes();
    assert!(
        notes.len() == 1 && notes[0].contains("4096 tokens") && notes[0].contains("cache_mib"),
        "{notes:?}"
    );
}

#[test]
fn what_cannot_fit_is_refused_with_numbers() {
    let mut bench = Bench::new(&small());
    let fault = bench.ask(&prompt(40, 5000), greedy(3)).end().unwrap_err();
    assert_eq!(fault.class, FaultClass::Resource);
    assert!(
        fault.message.contains("5000") && fault.message.contains("4096"),
        "{fault}"
    );
    let fault = bench.ask(&prompt(40, 9000), greedy(3)).end().unwrap_err();
    assert_eq!(fault.class, FaultClass::ContextTooLong);
    assert!(
        fault.message.contains("9000") && fault.message.contains("8192"),
        "{fault}"
    );
    assert!(fault.hint.is_some());
    assert_eq!(
        bench.ask(&[], greedy(3)).end().unwrap_err().class,
        FaultClass::BadRequest
    );
    assert_eq!(
        bench.ask(&[9999], greedy(3)).end().unwrap_err().class,
        FaultClass::BadRequest
    );
}

#[test]
fn an_answer_ends_at_the_context_window() {
    let mut bench = Bench::new(&Options {
        context: Some(50),
        ..options()
    });
    let long = bench.ask(&prompt(41, 40), greedy(100));
    let unbounded = bench.ask(
        &prompt(42, 40),
        synod::domain::request::Sampling {
            max_tokens: None,
            ..greedy(1)
        },
    );
    bench.run();
    for heard in [long, unbounded] {
        let done = heard.end().unwrap();
        assert_eq!(
            (done.finish, done.usage.completion_tokens),
            (Finish::Length, 10)
        );
    }
}
