//! From what a request gives to the tokens the model reads, with a conversation that is too long shortened if that is wanted.

use crate::domain::fault::Fault;
use crate::domain::message::{Message, Role};
use crate::domain::request::{Overflow, Sampling};
use crate::domain::score::Prompt;
use crate::lm::model::Model;
use crate::lm::template::Template;

/// A prompt as tokens.
pub(super) struct Read {
    pub tokens: Vec<u32>,
    /// What was left out, in a sentence.
    pub note: Option<String>,
    /// Whether the template opened the model's thoughts.
    pub begins_in_thought: bool,
}

impl Read {
    fn new(tokens: Vec<u32>) -> Self {
        Self {
            tokens,
            note: None,
            begins_in_thought: false,
        }
    }

    fn of(model: &Model, messages: &[Message]) -> Result<Self, Fault> {
        let text = rendered(model, messages)?;
        Ok(Self {
            begins_in_thought: Template::ends_in_thought(&text),
            ..Self::new(model.tokenizer.encode(&text)?)
        })
    }
}

/// The tokens of a prompt that is to be answered within `window` tokens.
pub(super) fn read(
    model: &Model,
    prompt: Prompt,
    sampling: &Sampling,
    window: usize,
) -> Result<Read, Fault> {
    match prompt {
        Prompt::Tokens(tokens) => Ok(Read::new(tokens)),
        Prompt::Text(text) => {
            let tokens = model.tokenizer.encode(&model.tokenizer.shield(&text))?;
            Ok(Read::new(tokens))
        }
        Prompt::Messages(messages) => {
            let whole = Read::of(model, &messages)?;
            let reserve = reserve(sampling, window);
            let is_long = whole.tokens.len() + reserve > window;
            if is_long && sampling.overflow == Some(Overflow::DropOldest) {
                return shortened(model, &messages, whole, window - reserve);
            }
            Ok(whole)
        }
    }
}

/// The conversation in the model's template; what was said cannot become special tokens.
pub(super) fn rendered(model: &Model, messages: &[Message]) -> Result<String, Fault> {
    let shielded: Vec<Message> = messages
        .iter()
        .map(|message| Message::new(message.role, model.tokenizer.shield(&message.content)))
        .collect();
    model.template.render(&shielded)
}

/// Tokens kept free for the answer: as many as it may have, at most half the window; a quarter of it when nothing is said.
fn reserve(sampling: &Sampling, window: usize) -> usize {
    let most = sampling.max_tokens.map(|most| most as usize);
    most.map_or(window / 4, |most| most.min(window / 2))
}

/// Leaves out as few of the oldest exchanges as it takes to have at most `most` tokens; all but the last if that is not
/// enough.
fn shortened(model: &Model, messages: &[Message], whole: Read, most: usize) -> Result<Read, Fault> {
    let starts = exchanges(messages);
    let head = starts.first().copied().unwrap_or(0);
    let without = |exchanges: usize| -> Result<Read, Fault> {
        let kept: Vec<Message> = messages[..head]
            .iter()
            .chain(&messages[starts[exchanges]..])
            .cloned()
            .collect();
        Read::of(model, &kept)
    };
    // Fewer messages never have more tokens, so the least number is found by halving.
    let (mut too_few, mut enough) = (0, starts.len().saturating_sub(1));
    if enough == 0 {
        return Ok(whole);
    }
    let mut read = without(enough)?;
    while enough - too_few > 1 {
        let middle = usize::midpoint(too_few, enough);
        let fewer = without(middle)?;
        if fewer.tokens.len() <= most {
            (enough, read) = (middle, fewer);
        } else {
            too_few = middle;
        }
    }
    read.note = Some(format!(
        "the conversation has {} tokens, too many for the context window: its oldest {} messages were not sent, {} tokens were",
        whole.tokens.len(),
        starts[enough] - head,
        read.tokens.len(),
    ));
    Ok(read)
}

/// Where each exchange begins: at a user's message that no user's message precedes. What stands before the first (the system
/// message) belongs to none; the last holds everything that is to be answered.
fn exchanges(messages: &[Message]) -> Vec<usize> {
    let head = messages
        .iter()
        .take_while(|message| message.role == Role::System)
        .count();
    let begins = |at: &usize| {
        let is_user = |at: usize| messages[at].role == Role::User;
        *at == head || (is_user(*at) && !is_user(at - 1))
    };
    (head..messages.len()).filter(begins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_a_question_and_all_that_answers_it() {
        let (system, user, assistant) = (
            Message::system("s"),
            Message::user("q"),
            Message::assistant("a"),
        );
        let talk = |parts: &[&Message]| -> Vec<usize> {
            exchanges(&parts.iter().copied().cloned().collect::<Vec<_>>())
        };
        assert_eq!(talk(&[]), [0_usize; 0]);
        assert_eq!(talk(&[&system]), [0_usize; 0]);
        assert_eq!(talk(&[&user, &assistant, &user]), [0, 2]);
        assert_eq!(
            talk(&[&system, &user, &user, &assistant, &user, &user]),
            [1, 4]
        );
        assert_eq!(talk(&[&system, &assistant, &user, &assistant]), [1, 2]);
    }

    #[test]
    fn room_is_kept_for_the_answer() {
        let kept = |max_tokens| {
            let sampling = Sampling {
                max_tokens,
                ..Sampling::default()
            };
            reserve(&sampling, 1000)
        };
        assert_eq!(
            [kept(None), kept(Some(100)), kept(Some(9000))],
            [250, 100, 500]
        );
    }
}
