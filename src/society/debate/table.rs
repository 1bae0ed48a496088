//! Who sits where: a seat for every agent and round, a summariser before later rounds, a judge at the end.

use super::super::seat::{Seat, number_titles};
use super::super::{SocietyError, agents_error};
use super::settings::{Settings, Source};
use crate::domain::council::Council;
use crate::domain::id::NodeId;

const AGENT: &str = "agent";
const GENERATOR: &str = "generator";
const CRITIC: &str = "critic";
const SUMMARIZER: &str = "summarizer";
const JUDGE: &str = "judge";

/// One agent in one round.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub node: NodeId,
    pub seat: Seat,
    /// Who summarises the others for it.
    pub summary: Option<(NodeId, Seat)>,
}

/// All rounds; every round has the same number of places.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub rounds: Vec<Vec<Place>>,
    /// The node that answers.
    pub answer: NodeId,
    pub judge: Option<Seat>,
}

impl Table {
    pub fn new(council: &Council, settings: &Settings) -> Result<Table, SocietyError> {
        let mut seats = Vec::new();
        let mut summarizers = Vec::new();
        let mut judges = Vec::new();
        for agent in &council.agents {
            match agent.part.as_str() {
                AGENT | GENERATOR | CRITIC => seats.extend(Seat::of(council, agent)),
                SUMMARIZER => summarizers.extend(Seat::of(council, agent)),
                JUDGE => judges.extend(Seat::of(council, agent)),
                part => {
                    let message = format!(
                        "part \"{part}\" is not known in society \"debate\"; known: {AGENT}, {GENERATOR}, {CRITIC}, {SUMMARIZER}, {JUDGE}"
                    );
                    return Err(agents_error(council, message));
                }
            }
        }
        for (part, given) in [(SUMMARIZER, summarizers.len()), (JUDGE, judges.len())] {
            if given > 1 {
                let message =
                    format!("at most one with part \"{part}\" has a place, {given} given");
                return Err(agents_error(council, message));
            }
        }
        if settings.answer == Source::Judge && judges.is_empty() {
            let message = format!("answer = \"judge\" needs one with part \"{JUDGE}\"");
            return Err(agents_error(council, message));
        }
        let rounds = rounds(council, settings, &seats)?;
        let mut table = Table {
            rounds: Vec::new(),
            answer: NodeId(0),
            judge: judges.pop().map(Seat::with_longer_limits),
        };
        let mut last = 0;
        let mut node = || {
            last += 1;
            NodeId(last)
        };
        for (index, seats) in rounds.into_iter().enumerate() {
            let is_summarized = settings.summarize && index > 0 && seats.len() > 1;
            let summaries: Vec<Option<(NodeId, Seat)>> = seats
                .iter()
                .map(|seat| {
                    let summarizer = summarizers.first().unwrap_or(seat);
                    is_summarized.then(|| (node(), summarizer.clone()))
                })
                .collect();
            let places = seats
                .into_iter()
                .zip(summaries)
                .map(|(seat, summary)| Place {
                    node: node(),
                    seat,
                    summary,
                });
            table.rounds.push(places.collect());
        }
        table.answer = node();
        Ok(table)
    }
}

/// The seats of each round, in the order of the preset.
fn rounds(
    council: &Council,
    settings: &Settings,
    seats: &[Seat],
) -> Result<Vec<Vec<Seat>>, SocietyError> {
    if settings.rounds == 0 {
        return Err(SocietyError::Settings {
            preset: council.name.clone(),
            message: "rounds: a debate has at least 1".to_owned(),
        });
    }
    let has_critics = seats.iter().any(|seat| seat.part == CRITIC);
    let speaks = |seat: &&Seat, round: u16| match seat.part.as_str() {
        _ if !seat.rounds.is_empty() => seat.speaks_in(round),
        GENERATOR if has_critics => round == 1,
        CRITIC => round > 1,
        _ => true,
    };
    let mut rounds: Vec<Vec<Seat>> = Vec::new();
    for round in 1..=settings.rounds {
        let mut speakers: Vec<Seat> = seats
            .iter()
            .filter(|seat| speaks(seat, round))
            .cloned()
            .collect();
        number_titles(&mut speakers);
        let agents = rounds.first().map_or(speakers.len(), Vec::len);
        if speakers.is_empty() || speakers.len() != agents {
            let message = format!(
                "{} speak in round {round} of {}, and {agents} in round 1; every round needs the same number, at least one",
                speakers.len(),
                settings.rounds,
            );
            return Err(agents_error(council, message));
        }
        rounds.push(speakers);
    }
    Ok(rounds)
}
