//! A council on one model computes what its agents have in common once: the prompt tokens of a turn, counted.

use crate::support::council::custom;
use crate::support::tiny_model::{self, Stored};
use std::collections::BTreeMap;
use std::sync::Arc;
use synod::app::effect::TurnRequest;
use synod::backend::Backends;
use synod::backend::local::{Local, LocalOptions};
use synod::domain::event::{Kind, Outcome};
use synod::domain::id::{MessageId, NodeId, TurnId};
use synod::domain::message::Message;
use synod::domain::request::Usage;
use synod::lm::cache::BLOCK;
use synod::runtime::turn::{self, TurnParts};
use synod::society::scope::Sink;
use tokio::sync::mpsc;

struct Channel(mpsc::UnboundedSender<Kind>);

impl Sink for Channel {
    fn emit(&self, kind: Kind) {
        let _ = self.0.send(kind);
    }
}

/// What a turn's nodes cost, the answering one last; and its answer.
struct Costs {
    references: Vec<Usage>,
    answer: Usage,
    text: String,
}

async fn turn(backends: &Arc<Backends>, settings: &str, conversation: &[Message]) -> Costs {
    let agents = r#"{"part":"reference","model":"tiny","count":4,"sampling":{"temperature":1.0}},
        {"part":"aggregator","model":"tiny"}"#;
    let mut council = custom(agents, settings);
    council.sampling.max_tokens = Some(24);
    let (sender, mut events) = mpsc::unbounded_channel();
    let parts = TurnParts {
        request: TurnRequest {
            turn: TurnId(1),
            question: MessageId(1),
            conversation: conversation.to_vec(),
            council,
            reuse: BTreeMap::new(),
            is_held: false,
        },
        backends: Arc::clone(backends),
        sink: Arc::new(Channel(sender)),
        seed: 7,
    };
    let _turn = turn::start(parts, &tokio::runtime::Handle::current());
    let mut answering: Option<NodeId> = None;
    let mut costs = Costs {
        references: Vec::new(),
        answer: Usage::default(),
        text: String::new(),
    };
    loop {
        match events.recv().await.expect("the turn ends with an event") {
            Kind::Planned { plan } => {
                answering = plan
                    .nodes
                    .iter()
                    .find(|node| node.is_answer)
                    .map(|node| node.id);
            }
            Kind::Done { node, usage, .. } if Some(node) == answering => costs.answer = usage,
            Kind::Done { usage, .. } => costs.references.push(usage),
            Kind::Finished { outcome } => {
                let Outcome::Answered { text } = outcome else {
                    panic!("{outcome:?}");
                };
                costs.text = text;
                return costs;
            }
            _ => {}
        }
    }
}

fn long_question() -> String {
    (0..60).map(|i| format!("{} and the {i} ", i * 7)).collect()
}

/// Prompt tokens of a turn with N references of P tokens in one round and an aggregator of A tokens: apart they would be
/// N P + A. Sharing leaves P + A; putting the references behind the conversation leaves P + (A - P). Blocks hold sixteen
/// tokens, so a beginning is found in whole blocks only.
#[tokio::test]
async fn what_agents_have_in_common_is_computed_once() {
    for (inject, later_rounds) in [("head", 0), ("tail", 0), ("head", 1), ("tail", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        tiny_model::write(&path, Stored::Q8_0);
        let options = LocalOptions {
            threads: 2,
            cache_mib: 16,
            ..LocalOptions::default()
        };
        let local = Arc::new(Local::new(
            Arc::new(move |_: &str| Ok(path.clone())),
            options,
        ));
        let mut backends = Backends::new();
        backends.insert("local", Arc::clone(&local) as Arc<_>);
        let backends = Arc::new(backends);
        let settings = format!(r#"{{"rounds":{},"inject":"{inject}"}}"#, 1 + later_rounds);
        let mut conversation = vec![Message::user(long_question())];
        let first = turn(&backends, &settings, &conversation).await;
        let computed = local.stats("tiny").prompt_tokens;
        let count = 4 * (1 + later_rounds);
        assert_eq!(first.references.len(), count, "{inject}");
        let prompts: Vec<u64> = first
            .references
            .iter()
            .map(|usage| usage.prompt_tokens)
            .collect();
        let (p, last, a) = (prompts[0], prompts[count - 1], first.answer.prompt_tokens);
        let naive = prompts.iter().sum::<u64>() + a;
        let later = if later_rounds > 0 { last } else { 0 };
        let slack = BLOCK as u64;
        let bound = match inject {
            "tail" => p + (a - p) + later.saturating_sub(p) + 3 * slack,
            _ => p + later + a,
        };
        assert!(
            computed <= bound,
            "{inject}: {computed} of {naive}, at most {bound}"
        );
        assert!(computed >= p, "the conversation itself is computed");
        let told: u64 = first
            .references
            .iter()
            .chain([&first.answer])
            .map(|usage| usage.prompt_tokens - usage.cached_tokens)
            .sum();
        assert_eq!(told, computed, "what is reported is what was done");

        // The next turn's references begin where the conversation stood.
        conversation.push(Message::assistant(first.text));
        conversation.push(Message::user("the end and then"));
        let second = turn(&backends, &settings, &conversation).await;
        let cached = second
            .references
            .iter()
            .map(|usage| usage.cached_tokens)
            .min()
            .unwrap();
        assert!(cached + slack >= p, "{inject}: {cached} of {p} cached");
    }
}
