//! Debate (Du et al. 2023, arXiv 2305.14325), as Multiagent Finetuning runs it (Subramaniam et al. 2025, arXiv 2501.05707).
//!
//! Agents answer on their own, then in each later round read what the others answered in the round before, as it is or
//! summarised, and answer again; a vote over the last answers decides. Every agent of a round sees the same round: nobody
//! reads an answer of the round it speaks in. Who failed is left out and named; nothing stands in for it.

mod account;
mod count;
mod layout;
mod prompts;
mod reading;
mod settings;
mod table;

pub use account::{Account, RoundAccount, account};
pub use prompts::Prompts;
pub use settings::{Kind, Settings, Source};

use super::inject::shorten;
use super::scope::{Ask, Broken, Gathered, Quorum, Scope};
use super::single::outcome_of;
use super::{BoxFuture, Protocol, SocietyError, Task};
use crate::domain::council::Council;
use crate::domain::event::{Level, Outcome};
use crate::domain::fault::Fault;
use crate::domain::message::{Message, Role};
use crate::domain::plan::Plan;
use count::{Round, Said};
use layout::Answering;
use prompts::Filling;
use std::collections::BTreeMap;
use std::fmt::Write;
use table::{Place, Table};

struct Debate {
    settings: Settings,
    table: Table,
}

pub(super) fn build(council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
    let settings: Settings = super::settings(council)?;
    let table = Table::new(council, &settings)?;
    Ok(Box::new(Debate { settings, table }))
}

/// Where a debate under way stands.
#[derive(Default)]
struct Standing {
    /// The rounds that brought something.
    rounds: Vec<Round>,
    /// By lane, what was said after the question: its answers, and what it was told about the others'.
    talks: BTreeMap<usize, Vec<Message>>,
    /// Why the last one that failed did.
    broken: Option<Broken>,
}

impl Debate {
    async fn debate(&self, task: &Task, scope: &Scope) -> Outcome {
        let mut standing = Standing::default();
        let all = self.table.rounds.len();
        for (index, places) in self.table.rounds.iter().enumerate() {
            let before = if index == 0 {
                None
            } else {
                standing.rounds.last().cloned()
            };
            // A round that follows a silent one has nothing to review: the latest answers count.
            let told = match (index, before) {
                (0, _) | (_, None) => BTreeMap::new(),
                (_, Some(before)) => self.tell(task, scope, places, &before).await,
            };
            if scope.is_stopped() {
                break;
            }
            self.ask(task, scope, index, told, &mut standing).await;
            if scope.is_stopped() {
                break;
            }
            let tally = count::tally(&standing.rounds, &self.settings);
            if self.settings.stop_when_unanimous && tally.is_unanimous() && index + 1 < all {
                scope.note(
                    Level::Info,
                    format!("all agents agree after round {} of {all}", index + 1),
                );
                scope.plan(layout::plan(&self.table, index + 1, self.answering()));
                return self.answer(task, scope, standing, index + 1).await;
            }
        }
        if scope.is_stopped() {
            return Outcome::Stopped {
                text: String::new(),
            };
        }
        self.answer(task, scope, standing, all).await
    }

    /// What each lane is told about the others' answers of the round before.
    async fn tell(
        &self,
        task: &Task,
        scope: &Scope,
        places: &[Place],
        before: &Round,
    ) -> BTreeMap<usize, String> {
        let question = question(task);
        let mut told = BTreeMap::new();
        let mut asks = Vec::new();
        let mut lanes = Vec::new();
        for (lane, place) in places.iter().enumerate() {
            let answers = self.list(before, Some(lane));
            if let Some((node, seat)) = &place.summary
                && !answers.is_empty()
            {
                let filling = Filling {
                    question,
                    answers: &answers,
                    ..Filling::default()
                };
                let text = self.settings.prompts.summarize(self.settings.task, filling);
                let request = seat.request(vec![Message::user(text)], *node, task.seed);
                asks.push(Ask::new(*node, request).reusing(task.reuse.get(node)));
                lanes.push(lane);
            }
            told.insert(lane, self.review(question, before, lane, ""));
        }
        if asks.is_empty() {
            return told;
        }
        let gathered = scope.gather(asks, Quorum::default()).await;
        for (lane, one) in lanes.into_iter().zip(gathered) {
            match one.result {
                Ok(summary) => {
                    told.insert(lane, self.review(question, before, lane, &summary.text));
                }
                Err(broken) if !scope.is_stopped() => scope.note(
                    Level::Warning,
                    format!(
                        "no summary for {} ({}): it reads the answers themselves",
                        places[lane].seat.title,
                        broken.fault.class.word()
                    ),
                ),
                Err(_) => {}
            }
        }
        told
    }

    /// One round of answers.
    async fn ask(
        &self,
        task: &Task,
        scope: &Scope,
        index: usize,
        told: BTreeMap<usize, String>,
        standing: &mut Standing,
    ) {
        let places = &self.table.rounds[index];
        for (lane, text) in told {
            append(standing.talks.entry(lane).or_default(), text);
        }
        let asks = places
            .iter()
            .enumerate()
            .map(|(lane, place)| {
                let mut messages = place.seat.messages(&self.opening(task));
                for message in standing.talks.get(&lane).into_iter().flatten() {
                    match message.role {
                        Role::User => append(&mut messages, message.content.clone()),
                        _ => messages.push(message.clone()),
                    }
                }
                let request = place.seat.request(messages, place.node, task.seed);
                Ask::new(place.node, request).reusing(task.reuse.get(&place.node))
            })
            .collect();
        let quorum = Quorum {
            at_least: self.settings.quorum,
            after_ms: (self.settings.deadline_ms > 0).then_some(self.settings.deadline_ms),
        };
        let gathered = scope.gather(asks, quorum).await;
        if scope.is_stopped() {
            return;
        }
        self.take(scope, index, gathered, standing);
    }

    /// Keeps what a round brought, and names who is missing.
    fn take(&self, scope: &Scope, index: usize, gathered: Vec<Gathered>, standing: &mut Standing) {
        let places = &self.table.rounds[index];
        let mut round: Round = Vec::new();
        let mut missing = Vec::new();
        for ((lane, place), one) in places.iter().enumerate().zip(gathered) {
            match one.result {
                Ok(answer) => {
                    let talk = standing.talks.entry(lane).or_default();
                    talk.push(Message::assistant(answer.text.clone()));
                    round.push(count::said(lane, place, answer.text, &self.settings));
                }
                Err(broken) => {
                    // What it was told went unanswered; the next round tells it anew.
                    if let Some(talk) = standing.talks.get_mut(&lane)
                        && talk.last().is_some_and(|last| last.role == Role::User)
                    {
                        talk.pop();
                    }
                    missing.push(format!(
                        "{} ({})",
                        place.seat.title,
                        broken.fault.class.word()
                    ));
                    standing.broken = Some(broken);
                }
            }
        }
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let text = match (round.is_empty(), standing.rounds.is_empty()) {
                (false, _) => format!("round {} goes on without {missing}", index + 1),
                (true, true) => format!("round {} brought no answer: {missing}", index + 1),
                (true, false) => format!(
                    "round {} brought no answer: {missing}; those of the round before count",
                    index + 1
                ),
            };
            scope.note(Level::Warning, text);
        }
        if round.is_empty() {
            return;
        }
        standing.rounds.push(round);
        let tally = count::tally(&standing.rounds, &self.settings);
        count::mark(scope, &standing.rounds, &tally, &self.settings);
    }

    /// The answer of the turn, after so many rounds.
    async fn answer(
        &self,
        task: &Task,
        scope: &Scope,
        standing: Standing,
        rounds: usize,
    ) -> Outcome {
        let Some(latest) = standing.rounds.last() else {
            let silent = || Broken {
                fault: Fault::cancelled(),
                partial: String::new(),
            };
            return outcome_of(standing.broken.unwrap_or_else(silent));
        };
        let tally = count::tally(&standing.rounds, &self.settings);
        count::announce(scope, self.table.answer, latest, &tally);
        let has_votes = !tally.groups.is_empty();
        match self.settings.answer {
            Source::Judge => self.judge(task, scope, latest).await,
            Source::Vote if has_votes => self.say(scope, count::report(latest, &tally)),
            Source::Vote if self.table.judge.is_some() => {
                scope.plan(layout::plan(&self.table, rounds, Answering::Judge));
                self.judge(task, scope, latest).await
            }
            Source::Vote | Source::Last => self.last(scope, latest),
        }
    }

    fn answering(&self) -> Answering {
        match self.settings.answer {
            Source::Judge => Answering::Judge,
            Source::Vote | Source::Last => Answering::Vote,
        }
    }

    fn say(&self, scope: &Scope, text: String) -> Outcome {
        scope.say(self.table.answer, text.clone());
        Outcome::Answered { text }
    }

    /// What the first agent that is left says.
    fn last(&self, scope: &Scope, latest: &Round) -> Outcome {
        let text = latest
            .first()
            .map(|said| said.text.clone())
            .unwrap_or_default();
        if self.settings.answer == Source::Vote
            && let Some(said) = latest.first()
        {
            let note = format!(
                "no answer could be read to vote on: this is what {} says",
                said.title
            );
            scope.note(Level::Info, note);
        }
        self.say(scope, text)
    }

    async fn judge(&self, task: &Task, scope: &Scope, latest: &Round) -> Outcome {
        let Some(seat) = &self.table.judge else {
            return self.last(scope, latest);
        };
        let answers = self.list(latest, None);
        let filling = Filling {
            question: question(task),
            answers: &answers,
            summary: "",
        };
        let mut messages = seat.messages(&task.conversation);
        append(
            &mut messages,
            self.settings.prompts.judge(self.settings.task, filling),
        );
        let node = self.table.answer;
        let request = seat.request(messages, node, task.seed);
        match scope
            .ask(Ask::new(node, request).reusing(task.reuse.get(&node)))
            .await
        {
            Ok(answer) => {
                if let Some(found) = reading::read(&answer.text, &self.settings) {
                    scope.mark(node, "answer", found);
                }
                Outcome::Answered { text: answer.text }
            }
            Err(broken) => outcome_of(broken),
        }
    }

    /// The answers of a round under labels, but for one lane; empty when there are none.
    fn list(&self, round: &Round, without: Option<usize>) -> String {
        let mut list = String::new();
        let others = round
            .iter()
            .filter(|said: &&Said| Some(said.lane) != without);
        for (index, said) in others.enumerate() {
            let name = if self.settings.names {
                format!(" ({})", said.title)
            } else {
                String::new()
            };
            let text = shorten(&said.text, self.settings.max_chars_per_answer);
            let gap = if index == 0 { "" } else { "\n\n" };
            // Writing to a string cannot go wrong.
            let _ = write!(list, "{gap}Answer {}{name}:\n{text}", index + 1);
        }
        list
    }

    /// What a lane is told about the others' answers, or about their summary where there is one.
    fn review(&self, question: &str, before: &Round, lane: usize, summary: &str) -> String {
        let answers = self.list(before, Some(lane));
        let filling = Filling {
            question,
            answers: &answers,
            summary,
        };
        self.settings.prompts.review(self.settings.task, filling)
    }

    /// The conversation with the question as the agents first get it.
    fn opening(&self, task: &Task) -> Vec<Message> {
        let filling = Filling {
            question: question(task),
            ..Filling::default()
        };
        let mut conversation = task.conversation.clone();
        if let Some(last) = conversation.last_mut() {
            last.content = self.settings.prompts.solve(self.settings.task, filling);
        }
        conversation
    }
}

impl Protocol for Debate {
    fn plan(&self, _task: &Task) -> Plan {
        layout::plan(&self.table, self.table.rounds.len(), self.answering())
    }

    fn run<'a>(&'a self, task: &'a Task, scope: &'a Scope) -> BoxFuture<'a, Outcome> {
        Box::pin(self.debate(task, scope))
    }
}

fn question(task: &Task) -> &str {
    task.conversation
        .last()
        .map_or("", |message| &message.content)
}

/// Adds words of the user; two user messages in a row are one, because some templates refuse them.
fn append(messages: &mut Vec<Message>, text: String) {
    match messages.last_mut() {
        Some(last) if last.role == Role::User => {
            last.content.push_str("\n\n");
            last.content.push_str(&text);
        }
        _ => messages.push(Message::user(text)),
    }
}
