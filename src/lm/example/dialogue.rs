//! A conversation through a chat template, turn by turn.

use super::cut::behind;
use super::{Example, ExampleError};
use crate::domain::message::{Message, Role};
use crate::lm::template::{Occasion, Template};
use crate::lm::tokenizer::Tokenizer;

/// Noncharacters that stand around what is to be found in a rendered conversation.
const OPEN: char = '\u{fdd2}';
const CLOSE: char = '\u{fdd3}';
/// How much of a template's text an error shows.
const SHOWN: usize = 40;

/// A conversation, and which of its messages are learned.
#[derive(Debug, Clone, Copy)]
pub struct Marked<'a> {
    pub messages: &'a [Message],
    /// One for each message.
    pub is_trained: &'a [bool],
}

/// Where a learned turn stands in the text that ends with it.
struct Turn {
    /// Which message, from 0.
    message: usize,
    /// The conversation rendered up to and with it.
    text: String,
    /// Where what the model writes begins.
    start: usize,
    /// Behind the token that ends it, or behind what was said where the template has no such token.
    end: usize,
    /// What the turn adds, as tokens.
    tokens: Vec<u32>,
    /// Whether the template ends the turn with a token of its own.
    is_ended: bool,
    is_answer: bool,
}

/// A conversation as examples: one, or one for each learned turn where the template writes a turn differently once others
/// follow it, or ends it with no token. What follows the last learned turn is left out. None without a learned turn.
///
/// # Errors
/// When the template refuses the conversation, or writes answers otherwise than it asks for them.
pub fn of_dialogue(
    template: &Template,
    tokenizer: &Tokenizer,
    marked: Marked<'_>,
    occasion: Occasion,
) -> Result<Vec<Example>, ExampleError> {
    let writer = Writer {
        template,
        tokenizer,
        occasion,
        messages: marked
            .messages
            .iter()
            .map(|said| Message::new(said.role, tokenizer.shield(&said.content)))
            .collect(),
    };
    let learned = marked.is_trained.iter().enumerate();
    let turns = learned
        .filter(|(_, is_trained)| **is_trained)
        .map(|(message, _)| writer.turn(message))
        .collect::<Result<Vec<Turn>, _>>()?;
    let Some(last) = turns.last() else {
        return Ok(Vec::new());
    };
    let follows = |turn: &Turn| last.text.starts_with(&turn.text[..turn.end]);
    let is_ended = |turn: &Turn| turn.is_ended || !turn.is_answer;
    let is_one = turns.len() == 1
        || turns.iter().all(|turn| follows(turn) && is_ended(turn))
            && turns.windows(2).all(|pair| pair[0].end <= pair[1].start);
    if is_one {
        return Ok(vec![writer.example(&turns)?]);
    }
    let alone = turns
        .iter()
        .map(|turn| writer.example(std::slice::from_ref(turn)));
    alone.collect()
}

struct Writer<'a> {
    template: &'a Template,
    tokenizer: &'a Tokenizer,
    occasion: Occasion,
    /// Shielded.
    messages: Vec<Message>,
}

impl Writer<'_> {
    fn turn(&self, message: usize) -> Result<Turn, ExampleError> {
        let is_answer = self.messages[message].role == Role::Assistant;
        let (text, start, said_end) = match is_answer {
            true => {
                let (text, start) = self.answer(message)?;
                let end = text.trim_end().len().max(start);
                (text, start, end)
            }
            false => self.said(message)?,
        };
        let head = &text[..start];
        let tokens = self.behind(message, head, &text[start..])?;
        let end = tokens
            .iter()
            .position(|&token| self.tokenizer.is_end(token));
        let spelling = end.and_then(|at| self.tokenizer.spelling(tokens[at]));
        // What was said is shielded, so the spelling can only be the template's.
        let found = spelling.and_then(|spelling| {
            let at = text[start..].find(&spelling)?;
            Some(start + at + spelling.len())
        });
        if let (Some(at), Some(end)) = (end, found) {
            let tokens = tokens[..=at].to_vec();
            return Ok(Turn {
                message,
                text,
                start,
                end,
                tokens,
                is_ended: true,
                is_answer,
            });
        }
        let mut tokens = self.behind(message, &text[..start], &text[start..said_end])?;
        if is_answer {
            tokens.extend(self.tokenizer.token(self.tokenizer.end_spelling()));
        }
        Ok(Turn {
            message,
            end: said_end,
            text,
            start,
            tokens,
            is_ended: false,
            is_answer,
        })
    }

    /// The conversation up to an answer, and where the model would begin to write it.
    fn answer(&self, message: usize) -> Result<(String, usize), ExampleError> {
        let asked = self.render(&self.messages[..message], false)?;
        let written = self.render(&self.messages[..=message], true)?;
        if written.starts_with(&asked) {
            return Ok((written, asked.len()));
        }
        let same = common(&asked, &written);
        Err(ExampleError::Unlike {
            message: message + 1,
            asked: shown(&asked[same..]),
            written: shown(&written[same..]),
        })
    }

    /// The conversation up to what somebody else said, and where that begins and ends.
    fn said(&self, message: usize) -> Result<(String, usize, usize), ExampleError> {
        let changed = || ExampleError::Changed {
            message: message + 1,
        };
        let plain = self.render(&self.messages[..=message], true)?;
        let mut messages = self.messages[..=message].to_vec();
        let said = &mut messages[message].content;
        let core = said.trim();
        if core.is_empty() {
            return Err(changed());
        }
        let from = said.len() - said.trim_start().len();
        let (before, after) = (&said[..from], &said[from + core.len()..]);
        *said = format!("{before}{OPEN}{core}{CLOSE}{after}");
        let found = self.render(&messages, true)?;
        let (Some(open), Some(close)) = (found.find(OPEN), found.find(CLOSE)) else {
            return Err(changed());
        };
        let without: String = found
            .chars()
            .filter(|c| ![OPEN, CLOSE].contains(c))
            .collect();
        if without != plain {
            return Err(changed());
        }
        Ok((plain, open, close - OPEN.len_utf8()))
    }

    /// The turns' example; each text begins with those before it, up to their ends.
    fn example(&self, turns: &[Turn]) -> Result<Example, ExampleError> {
        let mut example = Example::default();
        let mut before: Option<&Turn> = None;
        for turn in turns {
            match before {
                None => example.push(&self.tokenizer.encode(&turn.text[..turn.start])?, false),
                Some(last) => {
                    let head = &turn.text[last.start..last.end];
                    let between = &turn.text[last.end..turn.start];
                    example.push(&self.behind(turn.message, head, between)?, false);
                }
            }
            example.push(&turn.tokens, true);
            before = Some(turn);
        }
        Ok(example)
    }

    fn behind(&self, message: usize, head: &str, rest: &str) -> Result<Vec<u32>, ExampleError> {
        behind(self.tokenizer, head, rest)?.ok_or_else(|| ExampleError::Fused {
            message: message + 1,
            before: shown(head),
        })
    }

    fn render(&self, messages: &[Message], is_closed: bool) -> Result<String, ExampleError> {
        let occasion = Occasion {
            is_closed,
            ..self.occasion
        };
        let text = self.template.render_for(messages, occasion);
        text.map_err(ExampleError::Template)
    }
}

/// Bytes of whole characters that two texts begin with.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum()
}

fn shown(text: &str) -> String {
    text.chars()
        .take(SHOWN)
        .collect::<String>()
        .escape_debug()
        .to_string()
}
