//! Conversations that are too long for the context window.

use super::recorder::{Bench, Heard, greedy, model, options};
use crate::support::tiny_model::Stored;
use synod::domain::fault::FaultClass;
use synod::domain::message::Message;
use synod::domain::request::{Overflow, Sampling};
use synod::lm::engine::Options;
use synod::lm::engine::ask::{Ask, Prompt, Task};

/// A system message and so many exchanges of about 80 tokens, then a question.
fn talk(exchanges: usize) -> Vec<Message> {
    let mut messages = vec![Message::system("be brief")];
    for number in 0..exchanges {
        messages.push(Message::user(format!(
            "question {number:04} to the council"
        )));
        messages.push(Message::assistant(format!(
            "answer {number:04} of the council"
        )));
    }
    messages.push(Message::user("the last question"));
    messages
}

fn ask(messages: Vec<Message>, sampling: Sampling) -> (Heard, usize) {
    let mut bench = Bench::new(&Options {
        context: Some(500),
        ..options()
    });
    let heard = Heard::default();
    bench.batch.join(Ask {
        adapter: None,
        prompt: Prompt::Messages(messages),
        task: Task::Generate(sampling),
        cancel: heard.cancel.clone(),
        listener: Box::new(heard.clone()),
    });
    bench.run();
    let passes = usize::try_from(bench.stats().passes).unwrap();
    (heard, passes)
}

fn dropping(max_tokens: u32) -> Sampling {
    Sampling {
        overflow: Some(Overflow::DropOldest),
        ..greedy(max_tokens)
    }
}

fn length(messages: &[Message]) -> usize {
    model(Stored::F32).encode(messages).unwrap().len()
}

/// The talk without its first exchanges.
fn without(exchanges: usize, of: usize) -> Vec<Message> {
    let mut messages = talk(of);
    messages.drain(1..=2 * exchanges);
    messages
}

#[test]
fn the_oldest_exchanges_go_until_the_rest_and_an_answer_fit() {
    for (max_tokens, reserve) in [(Some(60), 60), (None, 125), (Some(9999), 250)] {
        let sampling = Sampling {
            max_tokens,
            ..dropping(1)
        };
        let (heard, _) = ask(talk(20), sampling);
        let prompt = usize::try_from(heard.end().unwrap().usage.prompt_tokens).unwrap();
        let dropped = (1..=20)
            .find(|&n| length(&without(n, 20)) + reserve <= 500)
            .unwrap();
        assert_eq!(prompt, length(&without(dropped, 20)));
        let notes = heard.notes();
        assert_eq!(notes.len(), 1);
        let (count, whole) = (format!("{} messages", 2 * dropped), length(&talk(20)));
        assert!(
            notes[0].contains(&count) && notes[0].contains(&whole.to_string()),
            "{notes:?}"
        );
    }
}

#[test]
fn what_fits_is_left_alone() {
    let (heard, _) = ask(talk(2), dropping(60));
    assert!(heard.notes().is_empty());
    let prompt = usize::try_from(heard.end().unwrap().usage.prompt_tokens).unwrap();
    assert_eq!(prompt, length(&talk(2)));
}

#[test]
fn without_the_policy_it_is_refused() {
    for overflow in [None, Some(Overflow::Refuse)] {
        let sampling = Sampling {
            overflow,
            ..greedy(60)
        };
        let (heard, passes) = ask(talk(20), sampling);
        let fault = heard.end().unwrap_err();
        assert_eq!(fault.class, FaultClass::ContextTooLong);
        assert!(fault.hint.unwrap().contains("overflow"));
        assert_eq!(passes, 0, "nothing is computed");
    }
}

#[test]
fn the_question_itself_is_never_dropped() {
    let mut messages = talk(3);
    messages.push(Message::user("more ".repeat(200)));
    let (heard, passes) = ask(messages, dropping(60));
    assert_eq!(heard.end().unwrap_err().class, FaultClass::ContextTooLong);
    assert_eq!(passes, 0);
    let mut messages = talk(20);
    messages.push(Message::user("more ".repeat(80)));
    let last = [
        messages[0].clone(),
        messages[messages.len() - 2].clone(),
        messages[messages.len() - 1].clone(),
    ];
    let (heard, _) = ask(messages, dropping(60));
    let prompt = usize::try_from(heard.end().unwrap().usage.prompt_tokens).unwrap();
    assert_eq!(
        prompt,
        length(&last),
        "both of the last user's messages stay"
    );
}
