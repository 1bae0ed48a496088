//! Requests that come, go, stop and are stopped.

use super::recorder::{Bench, Heard, greedy, options, prompt, seeded};
use std::sync::Arc;
use std::sync::mpsc::channel;
use synod::domain::fault::FaultClass;
use synod::domain::request::{Finish, Sampling};
use synod::lm::engine::ask::{Ask, Done, Listener, Prompt, Task};
use synod::lm::engine::{Engine, Options};

#[test]
fn requests_join_and_leave_between_steps() {
    let mut bench = Bench::new(&options());
    let long = bench.ask(&prompt(1, 20), greedy(30));
    for _ in 0..5 {
        bench.batch.step();
    }
    let short = bench.ask(&prompt(2, 10), greedy(4));
    bench.batch.step();
    assert_eq!(
        (long.tokens().len(), short.tokens().len()),
        (6, 1),
        "one pass served both"
    );
    for _ in 0..3 {
        bench.batch.step();
    }
    assert!(short.has_ended() && !long.has_ended());
    bench.run();
    // The first pass draws the first of 30 tokens; nobody cost the other a pass.
    assert_eq!(bench.stats().passes, 30);
    assert_eq!(bench.stats().rows, 20 + 29 + 10 + 3);
    assert_eq!(
        long.tokens(),
        Bench::new(&options()).alone(&prompt(1, 20), greedy(30))
    );
}

#[test]
fn a_long_prompt_stalls_nobody() {
    let mut bench = Bench::new(&Options {
        prefill_tokens: 16,
        ..options()
    });
    let talking = bench.ask(&prompt(1, 5), greedy(40));
    bench.batch.step();
    let long = bench.ask(&prompt(2, 400), greedy(1));
    bench.batch.step();
    let brief = bench.ask(&prompt(3, 6), greedy(1));
    bench.batch.step();
    bench.batch.step();
    assert_eq!(talking.tokens().len(), 4, "one token each step");
    assert!(
        brief.has_ended(),
        "a short prompt does not wait for a long one"
    );
    bench.run();
    assert_eq!(long.prefills().last(), Some(&(400, 400)));
    assert!(long.end().is_ok());
}

#[test]
fn a_cancelled_request_ends_before_the_next_pass() {
    let mut bench = Bench::new(&options());
    let stopped = bench.ask(&prompt(1, 20), greedy(100));
    let other = bench.ask(&prompt(2, 20), greedy(20));
    stopped.cancel_at(3);
    bench.run();
    let done = stopped.end().unwrap();
    assert_eq!(
        (done.finish, done.usage.completion_tokens),
        (Finish::Cancelled, 3)
    );
    assert_eq!(stopped.tokens().len(), 3);
    assert_eq!(
        other.tokens(),
        Bench::new(&options()).alone(&prompt(2, 20), greedy(20))
    );
    assert_eq!(bench.stats().passes, 20);
}

#[test]
fn a_request_cancelled_while_its_prompt_is_computed_costs_no_further_pass() {
    let mut bench = Bench::new(&Options {
        prefill_tokens: 16,
        ..options()
    });
    let stopped = bench.ask(&prompt(1, 400), greedy(10));
    let other = bench.ask(&prompt(2, 300), greedy(10));
    for _ in 0..3 {
        bench.batch.step();
    }
    stopped.cancel.cancel();
    bench.run();
    let done = stopped.end().unwrap();
    assert_eq!(
        (done.finish, done.usage.completion_tokens),
        (Finish::Cancelled, 0)
    );
    assert_eq!(stopped.prefills(), [(8, 400), (16, 400), (24, 400)]);
    assert_eq!(bench.stats().prompt_tokens, 24 + 300);
    assert_eq!(
        other.tokens(),
        Bench::new(&options()).alone(&prompt(2, 300), greedy(10))
    );
}

#[test]
fn a_request_nobody_listens_to_is_given_up() {
    let mut bench = Bench::new(&options());
    let gone = bench.ask(&prompt(1, 20), greedy(100));
    bench.batch.step();
    gone.leave();
    assert!(!bench.batch.step());
    assert_eq!(bench.stats().passes, 1);
}

#[test]
fn more_requests_than_places_wait_their_turn() {
    let mut bench = Bench::new(&Options {
        rows: 2,
        ..options()
    });
    let all: Vec<_> = (1..6)
        .map(|seed| bench.ask(&prompt(seed, 10), greedy(4)))
        .collect();
    bench.run();
    assert!(all.iter().all(|heard| heard.tokens().len() == 4));
    assert_eq!(bench.stats().widest, 2);
    assert_eq!(
        all.iter().map(Heard::queued).collect::<Vec<_>>(),
        [0, 0, 1, 1, 1]
    );
}

#[test]
fn a_stop_string_ends_the_answer_wherever_its_tokens_are_cut() {
    let sampling = || Sampling {
        top_k: Some(200),
        ..seeded(3, 60)
    };
    let mut bench = Bench::new(&options());
    let free = bench.ask(&prompt(9, 12), sampling());
    bench.run();
    let text = free.text();
    let letters: Vec<char> = text.chars().collect();
    for at in [5, 12, 20] {
        let stop: String = letters[at..at + 3].iter().collect();
        let expected = &text[..text.find(&stop).unwrap()];
        let stopped = bench.ask(
            &prompt(9, 12),
            Sampling {
                stop: vec![stop.clone()],
                ..sampling()
            },
        );
        bench.run();
        assert_eq!(stopped.text(), expected, "stop {stop:?} in {text:?}");
        assert_eq!(stopped.end().unwrap().finish, Finish::Stop);
    }
}

/// Sends its end to a channel.
struct Ending(std::sync::mpsc::Sender<Result<Done, synod::domain::fault::Fault>>);

impl Listener for Ending {
    fn end(&mut self, result: Result<Done, synod::domain::fault::Fault>) {
        let _ = self.0.send(result);
    }
}

#[test]
fn a_model_that_cannot_be_loaded_fails_each_request_and_is_tried_again() {
    let tries = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let loader =
        Box::new(
            move || match counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Err(synod::domain::fault::Fault::new(
                    FaultClass::BadData,
                    "broken",
                )),
                _ => Ok(super::recorder::model(
                    crate::support::tiny_model::Stored::F32,
                )),
            },
        );
    let engine = Engine::start("tiny", loader, options()).unwrap();
    let (sender, ends) = channel();
    let ask = || Ask {
        adapter: None,
        prompt: Prompt::Tokens(prompt(1, 10)),
        task: Task::Generate(greedy(3)),
        cancel: synod::domain::cancel::Cancel::new(),
        listener: Box::new(Ending(sender.clone())),
    };
    assert!(engine.submit(ask()).is_ok());
    assert_eq!(ends.recv().unwrap().unwrap_err().class, FaultClass::BadData);
    assert!(engine.submit(ask()).is_ok());
    assert_eq!(ends.recv().unwrap().unwrap().finish, Finish::Length);
}
