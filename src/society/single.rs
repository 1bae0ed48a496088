//! Plain chat: one agent answers.

use super::scope::{Ask, Broken, Scope};
use super::seat::Seat;
use super::{BoxFuture, Protocol, SocietyError, Task, agents_error};
use crate::domain::council::Council;
use crate::domain::event::Outcome;
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::plan::{Hint, Node, Plan};
use serde::Deserialize;

const NODE: NodeId = NodeId(1);

struct Single {
    seat: Seat,
}

/// It has none, and says so about any that is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

pub(super) fn build(council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
    let Settings {} = super::settings(council)?;
    let [agent] = council.agents.as_slice() else {
        let message = format!(
            "society \"single\" needs exactly one, {} given",
            council.agents.len()
        );
        return Err(agents_error(council, message));
    };
    let seat = Seat::of(council, agent).into_iter().next();
    let seat = seat.ok_or_else(|| agents_error(council, "count is 0"))?;
    Ok(Box::new(Single {
        seat: seat.with_longer_limits(),
    }))
}

impl Protocol for Single {
    fn plan(&self, _task: &Task) -> Plan {
        Plan {
            nodes: vec![Node {
                id: NODE,
                part: self.seat.part.clone(),
                title: self.seat.title.clone(),
                model: self.seat.model.clone(),
                round: 1,
                lane: 0,
                is_answer: true,
            }],
            edges: Vec::new(),
            hint: Hint::Columns,
        }
    }

    fn run<'a>(&'a self, task: &'a Task, scope: &'a Scope) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let messages = self.seat.messages(&task.conversation);
            let request = self.seat.request(messages, NODE, task.seed);
            let ask = Ask::new(NODE, request).reusing(task.reuse.get(&NODE));
            match scope.ask(ask).await {
                Ok(answer) => Outcome::Answered { text: answer.text },
                Err(broken) => outcome_of(broken),
            }
        })
    }
}

/// How a turn ends whose answering node brought nothing usable.
pub(super) fn outcome_of(broken: Broken) -> Outcome {
    if broken.fault.class == FaultClass::Cancelled {
        return Outcome::Stopped {
            text: broken.partial,
        };
    }
    Outcome::Failed {
        fault: broken.fault,
    }
}
