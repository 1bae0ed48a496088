//! One step at a time: a running turn that is held before its steps, and orders to a replay.

use super::App;
use super::action::StepAction;
use super::effect::Effect;
use crate::domain::control::Control;

impl App {
    pub(super) fn on_step(&mut self, action: StepAction) -> Vec<Effect> {
        match action {
            StepAction::Hold => self.hold(!self.chat.is_held),
            StepAction::Step => self.step(),
            StepAction::Replay if self.chat.replay.is_some() => self.leave_replay(),
            StepAction::Replay => self.begin_replay(),
            StepAction::Forward => self.move_replay(1),
            StepAction::Back => self.move_replay(-1),
            StepAction::First => self.move_replay(isize::MIN),
            StepAction::Last => self.move_replay(isize::MAX),
            StepAction::Leave => self.leave_replay(),
        }
    }

    fn hold(&mut self, is_on: bool) -> Vec<Effect> {
        self.chat.is_held = is_on;
        let mut effects = self.control_running(Control::Hold { is_on });
        effects.extend(self.inform(if is_on {
            "held: an agent graph waits before each level until you go on"
        } else {
            "turns run freely"
        }));
        effects
    }

    /// Goes on with a held turn; a turn that runs freely is held at its next step.
    fn step(&mut self) -> Vec<Effect> {
        if self.chat.running.is_none() {
            return self.inform("nothing is running");
        }
        self.chat.is_held = true;
        self.control_running(Control::Step)
    }

    fn control_running(&self, control: Control) -> Vec<Effect> {
        let turn = self.chat.running;
        turn.map(|turn| Effect::Control(turn, control))
            .into_iter()
            .collect()
    }
}
