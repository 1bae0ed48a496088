//! Who may call what: rules of the preset, what the person said in this session, and whether anybody is there to ask.

use super::rule::Rule;
use super::{Card, Effect};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The rules of a preset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    pub allow: Vec<Rule>,
    pub ask: Vec<Rule>,
    pub deny: Vec<Rule>,
}

/// What the person said, shared by all turns of a session.
#[derive(Debug, Default)]
pub struct Permissions {
    /// Whether a person can be asked.
    asks: bool,
    /// Tools that a flag permits.
    flagged: Vec<String>,
    /// By key: permitted or refused until the session ends.
    remembered: Mutex<BTreeMap<String, bool>>,
}

/// A call to judge.
pub struct Case<'a> {
    pub card: &'a Card,
    pub effect: &'a Effect,
    pub subject: &'a str,
    pub key: &'a str,
}

/// What is to be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may run; the rule is none where nothing needs a permission.
    Run {
        by_rule: Option<String>,
    },
    Refuse {
        by_rule: String,
    },
    Ask,
}

impl Permissions {
    /// Somebody is at the screen.
    #[must_use]
    pub fn of_person() -> Self {
        Self {
            asks: true,
            ..Self::default()
        }
    }

    /// Nobody can be asked: what has an effect is refused unless it is named here, by its tool or its class of effects.
    #[must_use]
    pub fn headless(allowed: Vec<String>) -> Self {
        Self {
            flagged: allowed,
            ..Self::default()
        }
    }

    /// Whether a person can be asked.
    #[must_use]
    pub fn has_person(&self) -> bool {
        self.asks
    }

    /// Judges a call. Forbidding rules win over all others.
    #[must_use]
    pub fn judge(&self, rules: &Rules, case: &Case<'_>) -> Verdict {
        let struck = |list: &[Rule]| {
            list.iter()
                .find(|rule| rule.strikes(case.card, case.effect, case.subject))
                .map(|rule| rule.text().to_owned())
        };
        if let Some(rule) = struck(&rules.deny) {
            return Verdict::Refuse {
                by_rule: format!("deny {rule}"),
            };
        }
        let remembered = self.remembered(case.key);
        if remembered == Some(false) {
            return Verdict::Refuse {
                by_rule: format!("never {} in this session", case.key),
            };
        }
        let allowed = rules
            .allow
            .iter()
            .find(|rule| rule.allows(case.card, case.effect, case.subject));
        if let Some(rule) = allowed {
            return run_by(format!("allow {}", rule.text()));
        }
        if self.is_flagged(case) {
            return run_by(format!("--allow {}", case.card.name));
        }
        if remembered == Some(true) {
            return run_by(format!("{} for this session", case.key));
        }
        if case.effect.is_harmless() && struck(&rules.ask).is_none() {
            return Verdict::Run { by_rule: None };
        }
        if self.asks {
            return Verdict::Ask;
        }
        Verdict::Refuse {
            by_rule: format!("nobody can be asked; --allow {} permits it", case.card.name),
        }
    }

    /// Keeps an answer until the session ends.
    pub fn remember(&self, key: &str, is_permitted: bool) {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.to_owned(), is_permitted);
    }

    /// What runs without a question in this session, by key.
    #[must_use]
    pub fn standing(&self) -> Vec<String> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered
            .iter()
            .filter(|(_, permitted)| **permitted)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Takes all answers back.
    pub fn revoke(&self) {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn remembered(&self, key: &str) -> Option<bool> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .copied()
    }

    fn is_flagged(&self, case: &Case<'_>) -> bool {
        self.flagged
            .iter()
            .any(|name| *name == case.card.name || name == case.effect.class())
    }
}

fn run_by(rule: String) -> Verdict {
    Verdict::Run {
        by_rule: Some(rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(permissions: &Permissions, rules: &Rules, name: &str, effect: Effect) -> Verdict {
        let card = Card {
            name: name.into(),
            description: String::new(),
            schema: json!({}),
            effect: effect.clone(),
        };
        permissions.judge(
            rules,
            &Case {
                card: &card,
                effect: &effect,
                subject: "ls",
                key: name,
            },
        )
    }

    fn rules(text: &str) -> Vec<Rule> {
        vec![text.to_owned().into()]
    }

    #[test]
    fn harmless_tools_run_and_others_ask() {
        let person = Permissions::of_person();
        let none = Rules::default();
        assert_eq!(
            judge(&person, &none, "calculator", Effect::None),
            Verdict::Run { by_rule: None }
        );
        assert_eq!(judge(&person, &none, "shell", Effect::Runs), Verdict::Ask);
        let ask = Rules {
            ask: rules("calculator"),
            ..Rules::default()
        };
        assert_eq!(
            judge(&person, &ask, "calculator", Effect::None),
            Verdict::Ask
        );
    }

    #[test]
    fn nobody_there_means_no_unless_a_flag_says_yes() {
        let none = Rules::default();
        let refused = judge(&Permissions::headless(vec![]), &none, "shell", Effect::Runs);
        assert!(
            matches!(refused, Verdict::Refuse { by_rule } if by_rule.contains("--allow shell"))
        );
        for flag in ["shell", "exec"] {
            let flagged = Permissions::headless(vec![flag.into()]);
            let verdict = judge(&flagged, &none, "shell", Effect::Runs);
            assert!(
                matches!(verdict, Verdict::Run { by_rule: Some(_) }),
                "{flag}"
            );
        }
    }

    #[test]
    fn forbidding_wins_and_never_holds() {
        let both = Rules {
            allow: rules("shell"),
            deny: rules("exec"),
            ..Rules::default()
        };
        let person = Permissions::of_person();
        assert!(matches!(
            judge(&person, &both, "shell", Effect::Runs),
            Verdict::Refuse { .. }
        ));
        let none = Rules::default();
        person.remember("shell", true);
        assert!(matches!(
            judge(&person, &none, "shell", Effect::Runs),
            Verdict::Run { .. }
        ));
        assert_eq!(person.standing(), ["shell"]);
        person.remember("shell", false);
        assert!(matches!(
            judge(&person, &none, "shell", Effect::Runs),
            Verdict::Refuse { .. }
        ));
        person.revoke();
        assert_eq!(judge(&person, &none, "shell", Effect::Runs), Verdict::Ask);
    }
}
