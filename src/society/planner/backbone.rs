//! One model that writes rationale and call, or rationale and answer, in one output.

use super::decision::{clean, starts_with};

/// An output of a backbone, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backbone {
    /// `conclusion: give up.`
    GiveUp {
        rationale: String,
    },
    Answer {
        rationale: String,
        text: String,
    },
    /// Everything else is taken for a call, which may turn out to be none.
    Call {
        rationale: String,
        text: String,
    },
}

const CONCLUSION: &str = "conclusion: ";

/// Reads an output; the last line that starts with `conclusion: ` decides.
#[must_use]
pub fn read(raw: &str) -> Backbone {
    // The label of the answer must not be taken for the label of a role.
    let cleaned = clean(raw);
    let text = if starts_with(raw.trim_start(), CONCLUSION) && !starts_with(&cleaned, CONCLUSION) {
        format!("{CONCLUSION}{cleaned}")
    } else {
        cleaned
    };
    let mut at = 0;
    let mut found = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if starts_with(line.trim_start(), CONCLUSION) {
            found = Some((at, at + indent + CONCLUSION.len()));
        }
        at += line.len();
    }
    if let Some((start, end)) = found {
        let rationale = text[..start].trim().to_owned();
        let answer = text[end..].trim();
        if starts_with(answer, "give up") {
            return Backbone::GiveUp { rationale };
        }
        return Backbone::Answer {
            rationale,
            text: answer.to_owned(),
        };
    }
    let split = super::action::action_line(&text).map_or(text.len(), |(at, _)| at);
    Backbone::Call {
        rationale: text[..split].trim().to_owned(),
        text: text[split..].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_calls_and_giving_up() {
        let answer = |rationale: &str, text: &str| Backbone::Answer {
            rationale: rationale.into(),
            text: text.into(),
        };
        let call = |rationale: &str, text: &str| Backbone::Call {
            rationale: rationale.into(),
            text: text.into(),
        };
        let given_up = Backbone::GiveUp {
            rationale: "No way.".into(),
        };
        assert_eq!(read("No way.\nconclusion: give up."), given_up);
        assert_eq!(
            read("Done.\nconclusion: It is 68 F."),
            answer("Done.", "It is 68 F.")
        );
        assert_eq!(read("conclusion: It is 68 F."), answer("", "It is 68 F."));
        assert_eq!(read("conclusion:final"), call("final", ""));
        assert_eq!(
            read("In conclusion: we know. \nconclusion: final"),
            answer("In conclusion: we know.", "final")
        );
        assert_eq!(read("Just text"), call("Just text", ""));
        assert_eq!(
            read("Ask.\nAction: get_temp\nAction Input: {}"),
            call("Ask.", "Action: get_temp\nAction Input: {}")
        );
    }
}
