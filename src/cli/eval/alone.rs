//! The agent that gives a council's answer, asked without the others: what a council has to beat.

use crate::domain::council::Council;
use crate::domain::id::TurnId;
use crate::domain::message::Message;
use crate::domain::request::TOOL;
use crate::society::{self, Task};
use std::collections::BTreeMap;

/// The society of one agent.
pub(super) const SINGLE: &str = "single";

/// The place of the agent that gives the answer; the first agent where no model does (a vote).
pub(super) fn answering(council: &Council) -> Result<usize, String> {
    let protocol = society::build(council).map_err(|error| error.to_string())?;
    let plan = protocol.plan(&Task {
        turn: TurnId(1),
        conversation: vec![Message::user("?")],
        reuse: BTreeMap::new(),
        seed: 0,
    });
    let Some(node) = plan.answer().filter(|node| node.model.endpoint != TOOL) else {
        return Ok(0);
    };
    let agents = || council.agents.iter().enumerate().rev();
    let by_part = agents().find(|(_, agent)| agent.part == node.part && agent.model == node.model);
    let by_model = || agents().find(|(_, agent)| agent.model == node.model);
    Ok(by_part.or_else(by_model).map_or(0, |(place, _)| place))
}

/// A council of that agent only, with the same sampling, limits and system prompt.
pub(super) fn alone(council: &Council) -> Result<Council, String> {
    if council.society == SINGLE {
        return Err(format!(
            "--alone compares a council with its own answering agent, and preset \"{}\" has only that one",
            council.name
        ));
    }
    let place = answering(council)?;
    let mut agent = council
        .agents
        .get(place)
        .cloned()
        .ok_or_else(|| format!("preset \"{}\" has no agents", council.name))?;
    agent.count = 1;
    agent.rounds.clear();
    Ok(Council {
        name: format!("{} alone", agent.model),
        title: format!("{} alone", agent.model),
        society: SINGLE.to_owned(),
        agents: vec![agent],
        settings: serde_json::Map::new(),
        tools: serde_json::Map::new(),
        ..council.clone()
    })
}
