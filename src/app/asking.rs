//! Questions of a running turn to the person: they open by themselves, one at a time, and every key that closes one answers it.

use super::App;
use super::effect::Effect;
use super::focus::PaneId;
use super::overlay::{Asking, Input, InputFor, Overlay};
use crate::domain::clock::Millis;
use crate::domain::control::Control;
use crate::domain::id::{NodeId, TurnId};
use crate::domain::question::{Question, Reply};

/// So long after a question opened, a key can allow what it asks.
const READING_MS: Millis = 400;

impl App {
    /// Opens the next open question when nothing else lies over the screen, and closes one that was answered elsewhere.
    pub(super) fn show_question(&mut self) {
        if let Some(asking) = self.asking()
            && self.open_question(asking.turn, asking.node).is_none()
        {
            self.overlay = None;
        }
        if self.overlay.is_some() {
            return;
        }
        let running = [self.chat.running, self.chat.running_alone];
        let next = running.into_iter().flatten().find_map(|turn| {
            let asked = &self.chat.transcript.turns.get(&turn)?.asked;
            asked
                .iter()
                .next()
                .map(|(node, question)| (turn, *node, question.clone()))
        });
        let Some((turn, node, question)) = next else {
            return;
        };
        let asking = Asking {
            turn,
            node,
            since: self.now,
            top: 0,
            seen: 0,
            is_warned: false,
        };
        self.overlay = Some(match question {
            Question::Permission { .. } => Overlay::Question(asking),
            Question::Words { prompt } => Overlay::Input(Input {
                title: prompt,
                text: String::new(),
                what: InputFor::Words(asking),
            }),
        });
    }

    /// The question that lies over the screen, in whatever form.
    fn asking(&self) -> Option<Asking> {
        match &self.overlay {
            Some(Overlay::Question(asking)) => Some(*asking),
            Some(Overlay::Input(Input {
                what: InputFor::Words(asking) | InputFor::Arguments(asking),
                ..
            })) => Some(*asking),
            _ => None,
        }
    }

    /// The pane of the node whose question lies over the screen.
    #[must_use]
    pub fn asking_pane(&self) -> Option<PaneId> {
        let asking = self.asking()?;
        Some(PaneId::Node(asking.turn, asking.node))
    }

    /// A question that nobody has answered yet.
    #[must_use]
    pub fn open_question(&self, turn: TurnId, node: NodeId) -> Option<&Question> {
        self.chat.transcript.turns.get(&turn)?.asked.get(&node)
    }

    /// Answers with a permission, unless the question has only just opened under a typing hand.
    pub(super) fn allow(&mut self, reply: Reply) -> Option<Vec<Effect>> {
        let asking = self.asking()?;
        if self.now < asking.since + READING_MS {
            return Some(self.inform("a tool asks for permission: read it first"));
        }
        let (lines, height) = self.focus.viewport.question;
        let seen = asking.seen.max(asking.top + height);
        if seen < lines
            && let Some(Overlay::Question(asking)) = &mut self.overlay
            && !asking.is_warned
        {
            asking.is_warned = true;
            let text = format!(
                "{} of {lines} lines were not shown yet: scroll down, or press the key again to allow them unread",
                lines - seen
            );
            return Some(self.error(text));
        }
        self.reply(reply)
    }

    /// Leaves a line that a question wanted: words are refused, changed arguments forgotten.
    pub(super) fn leave_question(&mut self) -> Option<Vec<Effect>> {
        let Some(Overlay::Input(input)) = &self.overlay else {
            return None;
        };
        match input.what {
            InputFor::Words(_) => self.reply(Reply::Refuse),
            InputFor::Arguments(asking) => {
                self.overlay = Some(Overlay::Question(asking));
                Some(Vec::new())
            }
            _ => None,
        }
    }

    /// Answers the question that lies over the screen. Nothing when there is none.
    pub(super) fn reply(&mut self, reply: Reply) -> Option<Vec<Effect>> {
        let Asking { turn, node, .. } = self.asking()?;
        self.overlay = None;
        // The log says so too, a moment later; until then it must not open again.
        if let Some(turn) = self.chat.transcript.turns.get_mut(&turn) {
            turn.asked.remove(&node);
        }
        Some(vec![Effect::Control(turn, Control::Reply { node, reply })])
    }

    /// Scrolls what a tool's question shows; none when no such question is open.
    pub(super) fn scroll_question(&mut self, lines: isize) -> Option<Vec<Effect>> {
        let Some(Overlay::Question(asking)) = &mut self.overlay else {
            return None;
        };
        let (all, height) = self.focus.viewport.question;
        let last = all.saturating_sub(height);
        asking.seen = asking.seen.max(asking.top + height);
        asking.top = asking.top.saturating_add_signed(lines).min(last);
        asking.seen = asking.seen.max(asking.top + height);
        Some(Vec::new())
    }

    /// The arguments of the call in question, to be changed before it runs.
    pub(super) fn edit_arguments(&mut self) -> Vec<Effect> {
        let Some(Overlay::Question(asking)) = self.overlay else {
            return Vec::new();
        };
        let Some(Question::Permission { arguments, .. }) =
            self.open_question(asking.turn, asking.node)
        else {
            return Vec::new();
        };
        self.overlay = Some(Overlay::Input(Input {
            title: "arguments of the call (JSON)".into(),
            text: arguments.clone(),
            what: InputFor::Arguments(asking),
        }));
        Vec::new()
    }

    /// The changed arguments, when they are JSON; else they stay to be corrected.
    pub(super) fn accept_arguments(&mut self, asking: Asking, text: String) -> Vec<Effect> {
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(_) => {
                self.overlay = Some(Overlay::Question(asking));
                self.reply(Reply::Edited { arguments: text })
                    .unwrap_or_default()
            }
            Err(why) => {
                self.overlay = Some(Overlay::Input(Input {
                    title: "arguments of the call (JSON)".into(),
                    text,
                    what: InputFor::Arguments(asking),
                }));
                self.error(format!("these arguments are not JSON: {why}"))
            }
        }
    }
}
