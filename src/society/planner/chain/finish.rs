//! How a turn ends: with an answer, with what is known, or with the reason why there is none.

use super::super::{ANSWER, GiveUp, Part};
use super::question::Question;
use super::{Chain, INCOMPLETE};
use crate::domain::call::ToolChoice;
use crate::domain::event::{Level, Outcome};
use crate::society::single::outcome_of;
use crate::tool::kit::Offer;

const HOPELESS: &str =
    "\nNo tool could help. Explain to the user in a few words why there is no answer.";

impl Chain<'_> {
    /// The answer from what is known when a limit cut the work short; of several branches the best one counts.
    pub(super) async fn incomplete(&mut self, round: u16, why: &str, branches: usize) -> Outcome {
        if let Some(best) = self.best.take_if(|best| best.value > self.path.value) {
            self.path = best;
        }
        let mut from = "what is known".to_owned();
        if branches > 1 {
            from = format!("the best of {branches} branches");
            for (step, why) in &self.abandoned {
                let is_used = self.path.steps.contains(step);
                self.mark_step(*step, if is_used { "" } else { why });
            }
        }
        self.announce(round, None);
        let text = format!("{why}: the answer is written from {from}");
        self.scope.note(Level::Warning, text);
        self.scope.mark(ANSWER, "outcome", "partial");
        self.summarize(round, INCOMPLETE).await
    }

    /// The summarizer's turn.
    pub(super) async fn summarize(&mut self, round: u16, addition: &str) -> Outcome {
        self.settle();
        self.announce(round, None);
        let question = Question {
            node: ANSWER,
            part: Part::Summarizer,
            offer: &Offer::default(),
            thought: "",
            addition,
            talk: &[],
            choice: ToolChoice::Auto,
            attempt: 0,
            warmer: 0.0,
        };
        match self.ask(question).await {
            Ok(answer) => Outcome::Answered { text: answer.text },
            Err(broken) => outcome_of(broken),
        }
    }

    /// The answer of a backbone, which needs no summarizer.
    pub(super) fn say_answer(&mut self, round: u16, text: String) -> Outcome {
        self.announce(round, None);
        self.scope.say(ANSWER, text.clone());
        Outcome::Answered { text }
    }

    pub(super) async fn give_up(&mut self, round: u16, rationale: &str) -> Outcome {
        self.scope.mark(ANSWER, "outcome", "gave_up");
        if self.planner.settings.give_up == GiveUp::Explain {
            return self.summarize(round, HOPELESS).await;
        }
        let reason = if rationale.is_empty() {
            "the planner named no reason"
        } else {
            rationale
        };
        self.say_answer(round, format!("There is no answer: {reason}"))
    }
}
