//! Which turns of a conversation are learned.

use super::Turn;
use crate::domain::message::Role;

/// Whose turns carry loss, unless a message says otherwise of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TrainOn {
    /// Every turn of the assistant.
    #[default]
    All,
    /// The assistant's last turn: of a critic's record, the corrected answer and not the wrong one before it.
    Last,
    /// Every turn of these roles.
    Roles(Vec<Role>),
}

impl TrainOn {
    /// For each turn, whether it is learned.
    #[must_use]
    pub fn marks(&self, turns: &[Turn]) -> Vec<bool> {
        let last = turns
            .iter()
            .rposition(|turn| turn.message.role == Role::Assistant);
        let by_rule = |index: usize, role: Role| match self {
            TrainOn::All => role == Role::Assistant,
            TrainOn::Last => Some(index) == last,
            TrainOn::Roles(roles) => roles.contains(&role),
        };
        let numbered = turns.iter().enumerate();
        numbered
            .map(|(index, turn)| {
                turn.is_trained
                    .unwrap_or_else(|| by_rule(index, turn.message.role))
            })
            .collect()
    }
}

impl std::fmt::Display for TrainOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TrainOn::All => f.write_str("all"),
            TrainOn::Last => f.write_str("last"),
            TrainOn::Roles(roles) => {
                let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl std::str::FromStr for TrainOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(TrainOn::All),
            "last" => return Ok(TrainOn::Last),
            _ => {}
        }
        let roles = [Role::System, Role::User, Role::Assistant, Role::Tool];
        let role = |word: &str| {
            let found = roles.into_iter().find(|role| role.name() == word.trim());
            found.ok_or_else(|| {
                format!(
                    "\"{text}\" does not say what is learned; known: all, last, or roles such as user,assistant"
                )
            })
        };
        text.split(',')
            .map(role)
            .collect::<Result<_, _>>()
            .map(TrainOn::Roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Message;

    #[test]
    fn a_message_that_speaks_for_itself_is_heard() {
        let mut turns = vec![
            Turn::new(Message::user("q")),
            Turn::new(Message::assistant("a")),
            Turn::new(Message::user("r")),
            Turn::new(Message::assistant("b")),
        ];
        let marks = |rule: &str, turns: &[Turn]| rule.parse::<TrainOn>().unwrap().marks(turns);
        assert_eq!(marks("all", &turns), [false, true, false, true]);
        assert_eq!(marks("last", &turns), [false, false, false, true]);
        assert_eq!(marks("user,assistant", &turns), [true; 4]);
        turns[1].is_trained = Some(false);
        turns[2].is_trained = Some(true);
        assert_eq!(marks("all", &turns), [false, false, true, true]);
    }

    #[test]
    fn rules_are_read_as_they_are_written() {
        for text in ["all", "last", "user,assistant"] {
            assert_eq!(text.parse::<TrainOn>().unwrap().to_string(), text);
        }
        assert!(
            "everyone"
                .parse::<TrainOn>()
                .unwrap_err()
                .contains("known: all")
        );
    }
}
