//! One agent ready to speak: its own settings over the council's, and what it is sent.

use crate::domain::call::Tools;
use crate::domain::council::{Agent, Context, Council};
use crate::domain::id::NodeId;
use crate::domain::message::{Message, Role};
use crate::domain::request::{AdapterRef, ModelRef, Request, Sampling, TimeLimits};

/// Time for a whole answer of an agent that reads the others, in milliseconds (references: 120 s).
const AGGREGATOR_TOTAL_MS: u64 = 180_000;

/// A place at the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    pub part: String,
    pub title: String,
    pub model: ModelRef,
    adapters: Vec<AdapterRef>,
    /// The rounds in which it speaks; all when empty.
    pub rounds: Vec<u16>,
    sampling: Sampling,
    limits: TimeLimits,
    system: Option<String>,
    context: Context,
    /// From 0; which of `count` equal seats it is.
    copy: u16,
}

impl Seat {
    /// The seats of an agent: `count` of them, at least one.
    #[must_use]
    pub fn of(council: &Council, agent: &Agent) -> Vec<Seat> {
        let context = if council.multi_turn {
            agent.context.unwrap_or(council.context)
        } else {
            Context::None
        };
        (0..agent.count.max(1))
            .map(|copy| Seat {
                part: agent.part.clone(),
                title: agent
                    .name
                    .clone()
                    .unwrap_or_else(|| short_name(&agent.model.model).to_owned()),
                model: agent.model.clone(),
                adapters: agent.adapters.clone(),
                rounds: agent.rounds.clone(),
                sampling: agent.sampling.over(&council.sampling),
                limits: agent.limits.unwrap_or(council.limits),
                system: join(council.system.as_deref(), agent.system.as_deref()),
                context,
                copy,
            })
            .collect()
    }

    /// Gives it the time of an agent that reads the others, unless the preset sets limits.
    #[must_use]
    pub fn with_longer_limits(mut self) -> Seat {
        if self.limits == TimeLimits::default() {
            self.limits.total_ms = AGGREGATOR_TOTAL_MS;
        }
        self
    }

    /// What the preset tells it before every conversation.
    #[must_use]
    pub fn system(&self) -> Option<&str> {
        self.system.as_deref()
    }

    #[must_use]
    pub fn speaks_in(&self, round: u16) -> bool {
        self.rounds.is_empty() || self.rounds.contains(&round)
    }

    /// The part of the conversation it sees, its system prompt first.
    #[must_use]
    pub fn messages(&self, conversation: &[Message]) -> Vec<Message> {
        let (given, said) = match conversation.split_first() {
            Some((first, rest)) if first.role == Role::System => {
                (Some(first.content.as_str()), rest)
            }
            _ => (None, conversation),
        };
        let most = match self.context {
            Context::Full => said.len(),
            Context::Last(most) => most.max(1),
            Context::None => 1,
        };
        let mut seen = &said[said.len().saturating_sub(most)..];
        // A window that begins with an answer to a question that is not sent only confuses, and some templates refuse it.
        while seen.len() > 1 && seen[0].role == Role::Assistant {
            seen = &seen[1..];
        }
        let system = join(given, self.system.as_deref());
        system
            .map(Message::system)
            .into_iter()
            .chain(seen.iter().cloned())
            .collect()
    }

    /// What a backend is asked.
    #[must_use]
    pub fn request(&self, messages: Vec<Message>, node: NodeId, seed: u64) -> Request {
        let mut sampling = self.sampling.clone();
        sampling.seed = match sampling.seed {
            Some(seed) => Some(seed.wrapping_add(u64::from(self.copy))),
            // Not every server knows the field, and some refuse requests with fields they do not know.
            None if self.model.is_remote() => None,
            None => Some(mix(seed, node)),
        };
        Request {
            model: self.model.clone(),
            adapters: self.adapters.clone(),
            messages,
            tools: Tools::default(),
            sampling,
            limits: self.limits,
        }
    }
}

/// Numbers the titles that occur more than once, so that every pane can be named.
pub fn number_titles(seats: &mut [Seat]) {
    let titles: Vec<String> = seats.iter().map(|seat| seat.title.clone()).collect();
    for (index, seat) in seats.iter_mut().enumerate() {
        let same = |title: &&String| **title == titles[index];
        if titles.iter().filter(same).count() > 1 {
            let rank = titles[..=index].iter().filter(same).count();
            seat.title = format!("{} {rank}", titles[index]);
        }
    }
}

/// `Qwen/Qwen2-72B-Instruct` is `Qwen2-72B-Instruct` in a pane header.
fn short_name(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

fn join(first: Option<&str>, second: Option<&str>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}\n\n{second}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// A seed of its own for each node: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), cut to 32 bits because servers
/// differ in what they take.
pub(super) fn mix(seed: u64, node: NodeId) -> u64 {
    let mut z = seed.wrapping_add(u64::from(node.0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn council(text: &str) -> Council {
        let mut council: Council = serde_json::from_str(text).unwrap();
        council.name = "test".into();
        council
    }

    fn talk() -> Vec<Message> {
        vec![
            Message::user("q1"),
            Message::assistant("a1"),
            Message::user("q2"),
        ]
    }

    #[test]
    fn an_agents_own_fields_win_over_the_councils() {
        let council = council(
            r#"{"title":"t","society":"moa","system":"Be kind.","sampling":{"temperature":0.7,"max_tokens":64},
                "agents":[{"part":"reference","model":"org/m","count":2,"system":"Be terse.",
                           "sampling":{"temperature":0.1,"seed":5},"context":{"last":2}}]}"#,
        );
        let seats = Seat::of(&council, &council.agents[0]);
        assert_eq!(seats.len(), 2);
        assert_eq!(seats[0].title, "m");
        assert_eq!(
            seats[0].messages(&talk()),
            [
                Message::system("Be kind.\n\nBe terse."),
                Message::user("q2")
            ]
        );
        let request = seats[1].request(Vec::new(), NodeId(2), 9);
        assert_eq!(request.sampling.temperature, Some(0.1));
        assert_eq!(request.sampling.max_tokens, Some(64));
        assert_eq!(request.sampling.seed, Some(6), "the second copy differs");
    }

    #[test]
    fn seeds_come_from_turn_and_node_and_are_not_sent_to_servers() {
        let council = council(
            r#"{"title":"t","society":"moa","agents":[{"part":"reference","model":"m"},{"part":"reference","model":"m@far"}]}"#,
        );
        let local = &Seat::of(&council, &council.agents[0])[0];
        let far = &Seat::of(&council, &council.agents[1])[0];
        let seed = |node, turn| local.request(Vec::new(), NodeId(node), turn).sampling.seed;
        assert_ne!(seed(1, 1), seed(2, 1));
        assert_ne!(seed(1, 1), seed(1, 2));
        assert_eq!(seed(1, 1), seed(1, 1));
        assert_eq!(far.request(Vec::new(), NodeId(1), 1).sampling.seed, None);
    }

    #[test]
    fn single_turn_sends_only_the_question() {
        let council = council(
            r#"{"title":"t","society":"moa","multi_turn":false,"agents":[{"part":"reference","model":"m"}]}"#,
        );
        let seat = &Seat::of(&council, &council.agents[0])[0];
        assert_eq!(seat.messages(&talk()), [Message::user("q2")]);
    }
}
